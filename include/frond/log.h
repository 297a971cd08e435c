/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Watching a training run: scalars as CSV and for TensorBoard, plots with gnuplot, a progress bar. If a file cannot be
 * written, the error names it and the reason. Only one thread at a time may use a logger or a progress bar. */
#ifndef FROND_LOG_H
#define FROND_LOG_H

#include <frond/nn.h>

FR_BEGIN_DECLS

/* --- A run's directory ------------------------------------------------------------------------------------------- */

typedef struct fr_logger fr_logger;
/* Frees log in any case. False with an error if the files could not be written completely. NULL is fine: true. */
bool fr_log_close(fr_logger *log);

typedef struct {
    bool csv_only;      /* only metrics.csv, no file for TensorBoard; histograms and graphs are checked and dropped */
    bool must_be_new;   /* fail if dir has a metrics.csv already, instead of appending to it */
    int64_t purge_step; /* > 0: what was logged before for this step and later ones is dropped, for a run that resumes
                         * from an earlier step. Like SummaryWriter's purge_step */
    void *reserved[8];
} fr_log_options;

/* Opens a logger that writes to dir, which is created with its parents if it does not exist. To be freed with
 * fr_log_close. NULL with an error, also for .purge_step < 0 and for a metrics.csv that fr_log_open did not make.
 *
 * dir/metrics.csv has the columns step,name,value,wall_time and one row for each number, in the order of logging. A
 * name with a comma or a double quote is quoted. A value is NaN, Inf, -Inf, or the shortest decimal number that reads
 * back as the same value. wall_time is in seconds since 1970. The file does not depend on the locale. pandas, R and
 * gnuplot read it directly.
 *
 * dir/events.out.tfevents.TIME.HOST.PID.N is for `tensorboard --logdir dir`. It needs protobuf-c: if frond was built
 * without it (see fr_log_has_events), opening fails unless .csv_only is set.
 *
 * Each row and record is flushed to the system before the call returns, so that a killed program loses none. A logger
 * continues in the directory of an earlier run, even of one that was killed, as PyTorch's SummaryWriter does: rows are
 * appended to metrics.csv, after an incomplete last row is dropped, and TensorBoard reads both its files. */
fr_logger *fr_log_open(const char *dir, const fr_log_options *options) FR_FREED_BY(fr_log_close);
bool fr_log_has_events(void); /* true if this frond can write files for TensorBoard */

/* These functions return false with an error if a name is empty, is not UTF-8, or has a control character, and if a
 * file cannot be written. Names that are equal up to the first "/", such as "loss/train" and "loss/test", form a group:
 * TensorBoard shows it together, and fr_log_plot draws it in one plot. */

/* Logs a number: a row of metrics.csv, and a scalar for TensorBoard, which stores it as float32. */
bool fr_log_scalar(fr_logger *log, const char *name, int64_t step, double value);
/* Logs a histogram of t's values, of any dtype, shape and strides, for TensorBoard. Its buckets are those of TensorFlow
 * and SummaryWriter: their limits grow by a factor of 1.1 from 1e-12 to 1e20, on both sides of 0. NaN and Inf are left
 * out; if there are any, their number is logged as the scalar "NAME/nonfinite". */
bool fr_log_histogram(fr_logger *log, const char *name, int64_t step, const fr_tensor *t);
/* Logs m's parameters as histograms "weights/NAME" and, for those that have a gradient, "gradients/NAME", each once
 * under its first name; and as the scalar "gradient_norm" the 2-norm of all gradients together, which fr_clip_grad_norm
 * returns too. So call it before fr_optim_zero_grad. */
bool fr_log_module(fr_logger *log, int64_t step, fr_module *m);
/* Logs the recorded graph of t, which must require a gradient, for TensorBoard's graph tab: a node for each op and each
 * leaf, with shapes, dtypes, formulas and places in the source. The parameters of m (which may be NULL) have their
 * names: "rnn.weight" is in the box "rnn", together with the ops that were recorded while that module ran or that read
 * its parameters. It may be called before or after backward. TensorBoard shows a run's last graph. */
bool fr_log_graph(fr_logger *log, const fr_tensor *t, fr_module *m);

/* Writes what was logged to the disk (fsync), so that it survives a crash of the machine. */
bool fr_log_flush(fr_logger *log);
/* Draws the numbers of metrics.csv over the steps: for each group of names, such as "loss", dir/loss.png and
 * dir/loss.svg with a line for each name. In the file's name characters other than letters, digits, "-" and "_" become
 * "_"; if two groups get the same file, the last one is kept. NaN and Inf make gaps; a group without a finite number is
 * left out. Runs gnuplot from PATH, without a shell, and fails if there is none. */
bool fr_log_plot(fr_logger *log);
/* False with an error if fr_log_plot could not draw in dir, since gnuplot cannot be run or would not take the name: for
 * programs that plot at their end. */
bool fr_log_can_plot(const char *dir);

/* --- A progress bar ---------------------------------------------------------------------------------------------- */

typedef struct fr_progress fr_progress;
/* Writes the last line, with the time that was needed instead of the time left. Frees p. NULL is fine. */
void fr_progress_end(fr_progress *p);

typedef struct {
    FILE *stream;    /* default: standard error */
    bool quiet;      /* write nothing */
    double interval; /* seconds between two lines: default 0.1 on a terminal, where a line overwrites the last one, else
                      * 10; FR_ZERO: a line at each step */
    void *reserved[8];
} fr_progress_options;

/* Shows the progress of something that takes `total` steps (0: unknown): share, rate, time left and the latest values,
 *
 *     train  45% [########          ] 450/1000  12.3/s  0:45 left  loss 0.0371
 *
 * On a terminal the line is redrawn in place and no wider than the window. Elsewhere each line is printed anew, without
 * the bar. fr_progress_step writes a line if .interval has passed since the last one, fr_progress_end always. Errors of
 * the stream are ignored. label is copied. NULL with an error for total < 0 or .interval < 0. The stream must stay open
 * until fr_progress_end. */
fr_progress *fr_progress_new(const char *label, int64_t total, const fr_progress_options *options)
    FR_FREED_BY(fr_progress_end);
/* Shows name with this value from the next line on. Names are in the order in which they were first given. */
bool fr_progress_value(fr_progress *p, const char *name, double value);
bool fr_progress_step(fr_progress *p, int64_t steps); /* this many more are done; >= 0 */

FR_END_DECLS
#endif
