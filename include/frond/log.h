/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Watching a training run: numbers as CSV and for TensorBoard, plots through gnuplot, a progress bar. A failure to
 * write names the file and the cause. A logger and a progress bar are each for one thread at a time. */
#ifndef FROND_LOG_H
#define FROND_LOG_H

#include <frond/nn.h>

FR_BEGIN_DECLS

/* --- A run's directory ------------------------------------------------------------------------------------------- */

typedef struct fr_logger fr_logger;
typedef struct {
    bool csv_only;      /* metrics.csv alone: no file for TensorBoard; histograms and graphs are checked and dropped */
    bool must_be_new;   /* fail where dir has a metrics.csv already, instead of going on with it */
    int64_t purge_step; /* > 0: what was logged here before with this step or a later one is void: a run goes on from
                         * what it saved at that step. As SummaryWriter's purge_step */
    void *reserved[8];
} fr_log_options;

/* Begins logging to dir, made with those around it where it is not there; freed with fr_log_close. NULL where it fails,
 * as it does for .purge_step < 0 and a metrics.csv that is none of ours.
 *
 * dir/metrics.csv has the columns step,name,value,wall_time, one row a number, in the order of logging: step and name
 * as given (name in double quotes where it holds a comma or one of these), value in the fewest digits that give it
 * back, NaN, Inf or -Inf, wall_time in seconds since 1970. No locale changes it. pandas, R and gnuplot read it as it
 * is.
 *
 * dir/events.out.tfevents.TIME.HOST.PID.N is for `tensorboard --logdir dir`. A frond built without protobuf-c cannot
 * write it: opening fails then unless .csv_only is set; fr_log_has_events says which it is.
 *
 * Each row and record is handed to the system before the call returns, so a program that is killed loses none. A
 * directory that was logged to before, by a run that was killed too, is gone on with, as by PyTorch's SummaryWriter:
 * metrics.csv gets longer (a last row that was cut off is dropped), TensorBoard reads the new file after the older. */
fr_logger *fr_log_open(const char *dir, const fr_log_options *options);
bool fr_log_has_events(void); /* whether this frond can write files for TensorBoard */

/* All give false where they fail: for a name that is empty, no UTF-8, or has a control character, and where a file
 * cannot be written. TensorBoard shows names that agree up to the first "/" together, and fr_log_plot draws them in one
 * plot: "loss/train", "loss/test". */

/* A row of metrics.csv, and a number for TensorBoard, which keeps it as a float32. */
bool fr_log_scalar(fr_logger *log, const char *name, int64_t step, double value);
/* How t's values are distributed, for TensorBoard: of any dtype, shape and strides, by the buckets of TensorFlow and
 * SummaryWriter (bounds grow by a tenth from 1e-12 to 1e20, on both sides of 0). NaN and Inf are left out; where there
 * are any, their number is logged as the scalar "NAME/nonfinite". */
bool fr_log_histogram(fr_logger *log, const char *name, int64_t step, const fr_tensor *t);
/* Histograms "weights/NAME" and, where there is a gradient, "gradients/NAME" of m's parameters, each once under the
 * first of its names; and the scalar "gradient_norm", the 2-norm of all gradients together, as fr_clip_grad_norm has
 * it; before fr_optim_zero_grad, then. */
bool fr_log_module(fr_logger *log, int64_t step, fr_module *m);
/* The recorded graph of t, which must want a gradient, for TensorBoard's tab of graphs: a node for each op and each
 * leaf, with shapes, dtypes, formulas and places in the source. Of the parameters of m (or NULL), names are shown;
 * "rnn.weight" lies in the box "rnn", as do the ops that were recorded while that module ran or read its parameters.
 * Before the backward or after it. TensorBoard shows a run's last graph. */
bool fr_log_graph(fr_logger *log, const fr_tensor *t, fr_module *m);

/* Brings what was logged to the disk, for the case that the machine stops. */
bool fr_log_flush(fr_logger *log);
/* Draws all numbers of metrics.csv by step: for each group of names that agree up to the first "/" dir/GROUP.png and
 * dir/GROUP.svg (characters of GROUP but letters, digits, "-" and "_" become "_"), with a line for each name; so
 * loss.png, accuracy.png, gradient_norm.png (of groups whose files would be one, the last is kept). NaN and Inf leave
 * gaps; a group of nothing else is left out. Runs gnuplot, found through PATH, without a shell; fails where it is
 * missing. */
bool fr_log_plot(fr_logger *log);
/* Frees log, whatever it returns: false where the files could not be written to their end. NULL gives true. */
bool fr_log_close(fr_logger *log);

/* --- A progress bar ---------------------------------------------------------------------------------------------- */

typedef struct fr_progress fr_progress;
typedef struct {
    FILE *stream;    /* default: standard error */
    bool quiet;      /* write nothing */
    double interval; /* seconds between two lines: default 0.1 on a terminal, where each overwrites the one before, else
                      * 10; FR_ZERO: a line at each step */
    void *reserved[8];
} fr_progress_options;

/* The progress of something in total steps (0: not known how many): share, rate, time left and the latest values,
 *
 *     train  45% [########          ] 450/1000  12.3/s  0:45 left  loss 0.0371
 *
 * redrawn in place, as wide as the window at most, where the stream is a terminal; otherwise such a line without the
 * bar now and then. A line is written by fr_progress_step, where .interval has passed, and by fr_progress_end. What the
 * stream does not take is lost without an error. label is copied. NULL where it fails: for total or .interval < 0. The
 * stream must stay open until fr_progress_end. */
fr_progress *fr_progress_new(const char *label, int64_t total, const fr_progress_options *options);
/* From the next line on name stands there with this value, in the order in which names were first given. */
bool fr_progress_value(fr_progress *p, const char *name, double value);
bool fr_progress_step(fr_progress *p, int64_t steps); /* so many more are done; >= 0 */
/* The last line, with the time it took in place of the time left. Frees p; NULL is fine. */
void fr_progress_end(fr_progress *p);

FR_END_DECLS
#endif
