/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_export_c writes a module as C. A forward of the module is traced, and the trace becomes a function: each step of
 * it becomes lines of C, which the op's c_code hook writes, and each storage becomes a buffer: the input, a constant
 * array, or an array in the workspace or in the state. The hooks run twice, first to plan (which buffers are needed in
 * which steps, which constants, which helpers), then to write. Where a sequence can be taken one time step at a time, a
 * second forward, of one time step, is traced and becomes a second function.
 *
 * This folder, in the order of the work:
 *     export.c         fr_export_c: options and names, tracing, planning, the two files
 *     function.c       a traced forward: its buffers, the steps that the output depends on, running their hooks
 *     time_steps.c     whether the forward of a sequence can be taken one time step at a time
 *     workspace.c      where in the workspace each buffer lies
 *     int8_forward.c   the forward with weights rounded to int8: how far the output moves
 *     batch.c          which dims hold the samples, where their number is open
 *     length.c         the forwards of fewer time steps, where their number is open
 *     length_text.c    one text for any number of time steps, made of the texts for several
 *     open_run.c       NAME_run where the number of samples or of time steps is open
 *     source_file.c    the text of NAME.c: constants, helpers, functions
 *     header_file.c    the text of NAME.h
 *     training.h       the same for training: it lists its own files
 *     constants.c      the constant arrays: names, order, int8, values
 * and what the hooks call (<frond/c_code.h>):
 *     operands.c       expressions for inputs, outputs and scratch memory
 *     weights.c        the same for constant matrices, which may be int8 or by columns
 *     elementwise.c    loops over expressions, copies, reductions
 *     helpers.c        static functions that are written once: sigmoid, tanh
 *     products.c       the same for products of matrices: affine, add_outer
 *     writer.c         lines of text, numbers, errors, memory */
#ifndef FROND_EXPORT_C_WRITER_H
#define FROND_EXPORT_C_WRITER_H

#include "graph/trace.h"
#include "files/error_list.h"
#include "kernels/optim.h"

#include <frond/c_code.h>
#include <frond/nn.h>
#include <frond/export.h>

/* --- Constants --------------------------------------------------------------------------------------------------- */

/* A constant array of the source file; all functions share it. */
typedef struct {
    fr_tensor *t;     /* a reference; its whole storage is written */
    const char *name; /* "net_rnn_weight_ih_l0" */
    const char *path; /* "rnn.weight_ih_l0"; NULL: neither a parameter nor a buffer */
    bool used;
    bool needs_float;         /* a hook reads its values as they are, so it cannot be int8 */
    bool any_order;           /* a hook can read it by rows or by columns */
    bool by_rows, by_columns; /* how it is written; both: as two arrays */
    bool int8;
} fr_c_constant;

/* Constants that one hook reads: all of them are int8, or none. */
typedef struct {
    size_t members[4]; /* indices */
    int count;
} fr_c_int8_group;

/* --- Functions --------------------------------------------------------------------------------------------------- */

typedef enum { FR_C_INPUT, FR_C_CONSTANT, FR_C_PARAMETER, FR_C_WORKSPACE, FR_C_STATE } fr_c_memory;

typedef struct {
    fr_c_memory memory;
    const fr_storage *storage; /* NULL: scratch memory of one step */
    const char *start;         /* its first value in the traced tensors */
    fr_dtype dtype;
    int64_t numel;
    size_t constant;              /* index of a constant; of a trained parameter: of its initial values */
    size_t first_step, last_step; /* the steps between which the workspace keeps its values; SIZE_MAX: none */
    int64_t offset;               /* in the workspace, in values */
    const char *name;             /* expression for its first value; NULL: not declared yet */
    bool is_output;               /* it lies in the caller's y */
    bool read;
} fr_c_buffer;

/* Which values of its input an output value of a step depends on: any; those at the same indices; those of the same
 * row, the last row_dims dims. */
typedef enum { FR_C_READS_ALL, FR_C_POINTWISE, FR_C_ROWWISE } fr_c_pattern;

typedef struct {
    bool depends; /* on x; otherwise its outputs are constants */
    bool live;    /* y depends on it */
    fr_c_pattern pattern;
    int row_dims;
} fr_c_step_info;

/* A state of a recurrent layer that NAME_train carries on: a tensor that stands for it, and what it becomes. */
typedef struct {
    fr_tensor *initial, *last; /* of the trace */
    const char *name;          /* "h0" */
} fr_c_carried;

/* What a training step does to a buffer, in place: so many steps of the trace come before it. */
typedef struct {
    fr_action action; /* a reference to what it reads and writes */
    size_t step;
} fr_c_change;

/* A function of the source file: a forward that was traced, or a training step. */
typedef struct {
    fr_trace trace;
    fr_tensor *x, *y;      /* a reference to each; of a training step y is the loss */
    fr_tensor *target;     /* of a training step, as are the gradients of w->parameters; else NULL */
    fr_tensor **gradients; /* ends with NULL */
    size_t *update_steps;  /* after which step each parameter is updated */
    fr_c_carried *carried;
    size_t carried_count;
    fr_c_change *changes; /* in their order */
    size_t change_count, change_capacity;
    fr_c_step_info *steps; /* [trace.count] */
    fr_c_buffer *buffers;
    size_t buffer_count, buffer_capacity;
    bool one_time_step;       /* it is NAME_step: recurrent states are kept by the caller */
    int64_t floats, integers; /* values in its workspace */
    int64_t multiply_adds;
    const char **state_names; /* of the FR_C_STATE buffers, in their order */
} fr_c_function;

/* --- Training ---------------------------------------------------------------------------------------------------- */

/* A parameter that is trained, or a buffer that a step changes: it lies in the caller's memory, its initial values are
 * a constant. A buffer has nothing of what follows the constant. */
typedef struct {
    fr_tensor *t;     /* borrowed */
    const char *path; /* "rnn.weight_ih_l0" */
    size_t constant;
    size_t slot;                       /* of the optimiser */
    int clock;                         /* of w->clocks */
    unsigned states, begun;            /* bit k: it has state k of the optimiser; the optimiser has values of it */
    size_t begins_as[FR_OPTIM_STATES]; /* these values: constants */
} fr_c_parameter;

/* Parameters of a group that have taken the same number of steps before the export. */
typedef struct {
    int group;
    int64_t steps;
} fr_c_clock;

/* --- Open sizes -------------------------------------------------------------------------------------------------- */

/* The dims of the samples. NAME_run takes NAME_BATCH of them; the function that was traced takes one. */
typedef struct {
    bool open;
    int x_dim, y_dim;
    int64_t size; /* the example's */
} fr_c_batch;

/* NAME_run_length takes min to max time steps. The function that was traced takes max; these take fewer. From the texts
 * of the first two and of that function follows the text for any length. The others are there to check it. */
enum { FR_C_LENGTHS = 4, FR_C_FITTED_LENGTHS = 2 };
typedef struct {
    bool open;
    int x_dim;
    int64_t min, max;
    fr_c_function shorter[FR_C_LENGTHS];
} fr_c_length;

/* --- The writer -------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name, *text; /* text NULL: asked for while planning */
    bool int8;
} fr_c_helper_text;

/* One call of fr_export_c. */
struct fr_c_writer {
    const char *where;      /* for errors: "export_c" */
    const char *name;       /* what identifiers begin with */
    const char *upper_name; /* what macros begin with */
    const char *module_type;
    const fr_named_tensor *state;
    int state_count;
    bool int8;
    const fr_export_c_training *training; /* NULL: a forward alone is written */
    fr_c_parameter *parameters;           /* that are trained, sorted by path; behind them buffers that change */
    size_t parameter_count;
    fr_c_parameter **kept; /* all of them in the order of a file */
    size_t kept_count;
    fr_c_clock *clocks; /* at most one for each parameter */
    int clock_count;
    const char *side_effect; /* of a training step, "draws random numbers"; NULL: none */
    bool draws;              /* it has masks of dropout */
    fr_c_constant *constants;
    size_t constant_count, constant_capacity;
    fr_c_helper_text *helpers;
    size_t helper_count, helper_capacity;
    fr_c_int8_group *int8_groups;
    size_t int8_group_count, int8_group_capacity;
    char **strings; /* all strings that hooks were given */
    size_t string_count, string_capacity;
    bool failed;
    fr_c_batch batch;
    fr_c_length length;
    int64_t outer_rows; /* the most that add_outer is called with */
    /* While the hooks of a function run: */
    fr_c_function *function;
    size_t step;
    int scratch_count;         /* of this step so far */
    FILE *out;                 /* NULL: planning */
    int indent;                /* levels */
    bool whole_lines;          /* lines that are too long are not broken */
    fr_error_list unsupported; /* ops that cannot be written */
};

enum { FR_C_INDENT = 4, FR_C_LINE_WIDTH = 120, FR_C_NUMBER_SIZE = 40 };

/* writer.c */
bool fr_c_out_of_memory(fr_c_writer *w); /* false, with the error */
/* text as it may stand in a comment: a name may come from a file, and hold "*" and "/". Written to safe and returned.
 */
enum { FR_C_COMMENT = 512 };
const char *fr_c_comment(const char *text, char safe[FR_C_COMMENT]);
void fr_c_put_line(FILE *f, int indent, const char *text); /* broken where it is too long */
/* x as "1.5F", in as few digits as give the same float; "NAN", "INFINITY" and "-INFINITY". */
void fr_c_float_text(double x, char text[FR_C_NUMBER_SIZE]);
/* The last error without "frond: " and its place, to be a part of another one. */
void fr_c_last_error(char *text, size_t size);
bool fr_c_has_unsupported(const fr_c_writer *w); /* an op, so far */
void fr_c_writer_free(fr_c_writer *w);

/* operands.c */
fr_c_buffer *fr_c_buffer_of(const fr_c_function *fn, const fr_tensor *t);           /* NULL: none */
int64_t fr_c_buffer_offset(const fr_c_function *fn, const fr_tensor *t);            /* of t's first value, in values */
const char *fr_c_buffer_name(fr_c_writer *w, const fr_tensor *t, bool for_writing); /* declared if it was not */
bool fr_c_check_dtype(fr_c_writer *w, const fr_tensor *t);                          /* fails for float64 */
const char *fr_c_values(fr_c_writer *w, fr_tensor *t);                              /* as fr_c_in; "NULL" for NULL */

/* elementwise.c. Where a loop writes: the array `base` from offset on; stride NULL: row-major. */
typedef struct {
    const char *base;
    int64_t offset;
    const int64_t *stride;
    fr_shape shape;
    fr_dtype dtype;
} fr_c_destination;

/* Loops over the destination: to[...] = expression of the inputs, as fr_c_pointwise has it. */
bool fr_c_elementwise(fr_c_writer *w, const fr_tensor *const *in, int inputs, const fr_c_destination *to,
                      const char *expression, const double p[2]);
/* Copies from's values, row-major, to the array `to`. */
bool fr_c_copy_contiguous(fr_c_writer *w, const fr_tensor *from, const char *to);

/* helpers.c: maximum(a, b) and minimum(a, b), as fr_c_sigmoid; all helpers that were asked for. */
void fr_c_maximum(fr_c_writer *w);
void fr_c_minimum(fr_c_writer *w);
void fr_c_maximum_int64(fr_c_writer *w);
void fr_c_minimum_int64(fr_c_writer *w);
bool fr_c_write_helpers(fr_c_writer *w, FILE *f);

/* constants.c: finds the constant of t's storage, or adds it. */
bool fr_c_add_constant(fr_c_writer *w, fr_tensor *t, size_t *index);
void fr_c_choose_layouts(fr_c_writer *w); /* after planning: which are int8, and which by columns */
bool fr_c_name_constants(fr_c_writer *w);
bool fr_c_write_constants(fr_c_writer *w, FILE *f);
int64_t fr_c_constant_bytes(const fr_c_writer *w);
/* The float values that an int8 constant stands for: a tensor like it, one reference. */
fr_tensor *fr_c_dequantized(fr_c_writer *w, const fr_c_constant *c);

/* function.c: all but the last two return false with an error. Traces the forward of x; notes what the hooks need;
 * writes the lines of NAME_run_in, NAME_step or NAME_reset. */
bool fr_c_trace(fr_c_writer *w, fr_module *m, fr_tensor *x, fr_c_function *fn);
bool fr_c_find_buffers(fr_c_writer *w, fr_c_function *fn); /* the second half of fr_c_trace */
bool fr_c_plan(fr_c_writer *w, fr_c_function *fn);
bool fr_c_write_body(fr_c_writer *w, fr_c_function *fn, FILE *f);
bool fr_c_write_reset_body(fr_c_writer *w, fr_c_function *step, FILE *f);
/* True if a live step after step i reads t, or if t is an output: y, a gradient, or what moves a buffer. */
bool fr_c_is_read_after(const fr_c_function *fn, size_t i, const fr_tensor *t);
void fr_c_function_free(fr_c_function *fn);

/* workspace.c: sets the offsets of all buffers, floats and integers. False, with an error: out of memory. */
bool fr_c_plan_workspace(fr_c_writer *w, fr_c_function *fn);
int64_t fr_c_workspace_bytes(const fr_c_function *fn);
int64_t fr_c_state_bytes(const fr_c_function *fn);

/* time_steps.c: the dim of x that holds the time steps, if one step after another gives what the whole does; -1: none,
 * with the reason. */
enum { FR_C_REASON_SIZE = 256 };
int fr_c_find_time_dim(const fr_c_function *run, char reason[FR_C_REASON_SIZE]);
/* True if the forward of one time step runs the same ops on the same constants. */
bool fr_c_matches_one_step(const fr_c_function *run, const fr_c_function *step, char reason[FR_C_REASON_SIZE]);

/* int8_forward.c: the output of the same steps on the same x, with the values of int8 constants as they are rounded.
 * NULL with an error. */
fr_tensor *fr_c_int8_forward(fr_c_writer *w, const fr_c_function *fn);

/* batch.c: whether dim of x holds samples that the module treats one by one; finds it and returns a tensor with the
 * example's first sample alone. NULL with an error: there is no such dim. */
fr_tensor *fr_c_open_batch(fr_c_writer *w, fr_module *m, fr_tensor *example);

/* length.c: traces and plans the forwards of fewer time steps than run's. False with an error: there is no dim of x
 * whose size does not change the ops, or their sizes do not follow from it. */
bool fr_c_open_length(fr_c_writer *w, fr_module *m, const fr_tensor *example, const fr_c_function *run);
/* What v, a size for max, max - 1 and max - 2 time steps, is for `length`. */
int64_t fr_c_size_at(const fr_c_length *l, const int64_t v[1 + FR_C_FITTED_LENGTHS], int64_t length);
void fr_c_length_free(fr_c_length *l);

/* length_text.c: what `write` writes of run if the length is not open. Else it is called for several lengths, and what
 * it writes for them gives the text for any, in which sizes are expressions of `length`. */
typedef bool fr_c_write_text(fr_c_writer *w, fr_c_function *fn, FILE *f);
bool fr_c_write_any_length(fr_c_writer *w, fr_c_function *run, FILE *f, fr_c_write_text *write);

/* open_run.c: NAME_sample and what calls it; the lines for them in the header. */
bool fr_c_write_open_run(fr_c_writer *w, FILE *f, fr_c_function *run);
void fr_c_write_sizes(const fr_c_writer *w, FILE *f, const fr_c_function *run);
void fr_c_write_open_prototypes(const fr_c_writer *w, FILE *f, const fr_c_function *run);
/* Arrays in NAME_workspace for the x and y of a sample whose values do not lie together. False: there are none. */
bool fr_c_write_sample_members(const fr_c_writer *w, FILE *f, const fr_c_function *run);
/* The size of NAME_workspace with them. */
int64_t fr_c_run_bytes(const fr_c_writer *w, const fr_c_function *run);

/* source_file.c; step NULL: there is no NAME_step; header: the name to include. */
/* The lines of NAME_run_in, or of NAME_sample. */
bool fr_c_write_run_body(fr_c_writer *w, fr_c_function *fn, FILE *f);
bool fr_c_write_source(fr_c_writer *w, FILE *f, fr_c_function *run, fr_c_function *step, const char *header);
/* header_file.c */
void fr_c_write_header(const fr_c_writer *w, FILE *f, const fr_c_function *run, const fr_c_function *step,
                       const fr_export_c_report *report);
const char *fr_c_type_of(const fr_tensor *t); /* "float" or "int64_t" */
void fr_c_write_workspace_members(FILE *f, const char *indent, const fr_c_function *fn);

#endif
