/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the files of fr_export_c share. A trace of one forward becomes a function: each storage it touches is a buffer,
 * the input, a constant, the workspace's or the state's, and a tensor is a place in one. The ops' hooks
 * (<frond/c_code.h>) are run once to find out what is needed and once to write. */
#ifndef FROND_EXPORT_C_C_CODE_H
#define FROND_EXPORT_C_C_CODE_H

#include "graph/trace.h"
#include "files/complaints.h"

#include <frond/c_code.h>
#include <frond/nn.h>
#include <frond/export.h>

/* A constant array, of all functions of the file. */
typedef struct {
    fr_tensor *t;     /* held; a tensor in the storage, which is written whole */
    const char *name; /* "net_rnn_weight_ih_l0" */
    const char *path; /* "rnn.weight_ih_l0"; NULL: no parameter */
    bool used;
    bool whole;         /* someone reads its values as they are, so that it cannot be int8 */
    bool either;        /* someone reads it in whichever order it is written */
    bool rows, columns; /* in which order it is written; both: a second array is by columns */
    bool int8;
} fr_c_constant;

typedef enum { FR_C_INPUT, FR_C_CONSTANT, FR_C_WORKSPACE, FR_C_STATE } fr_c_memory;

typedef struct {
    fr_c_memory kind;
    const fr_storage *storage; /* NULL: scratch */
    fr_dtype dtype;
    int64_t numel;
    size_t constant;    /* its index */
    size_t first, last; /* steps in which its memory is taken */
    int64_t offset;     /* in the workspace, in values */
    const char *name;   /* expression for its first value; NULL: not declared yet */
    bool is_output;     /* the caller's y */
    bool read;
} fr_c_buffer;

/* How a step treats what it reads, for taking a sequence step by step. */
typedef enum { FR_C_READS_ALL, FR_C_POINTWISE, FR_C_ROWWISE } fr_c_pattern;

typedef struct {
    bool depends; /* on x */
    bool live;    /* y depends on it */
    fr_c_pattern pattern;
    int row_dims;
} fr_c_step_info;

/* One function: a forward that was traced. */
typedef struct {
    fr_trace trace;
    fr_tensor *x, *y;      /* held */
    fr_c_step_info *steps; /* of trace */
    fr_c_buffer *buffers;
    size_t count, capacity;
    bool stepwise;            /* of one step: states are the caller's */
    int64_t floats, integers; /* of its workspace */
    int64_t multiply_adds;
    const char **state_names; /* of FR_C_STATE buffers, in their order */
} fr_c_function;

typedef struct {
    const char *name, *text; /* text NULL: planned */
    bool int8;
} fr_c_helper_text;

typedef struct {
    size_t members[4]; /* constants */
    int count;
} fr_c_int8_group; /* int8 all or none */

struct fr_c_writer {
    const char *what; /* for errors: "export_c" */
    const char *name; /* what identifiers begin with */
    const fr_named_tensor *state;
    int state_count;
    bool int8;
    fr_c_constant *constants;
    size_t constant_count, constant_capacity;
    fr_c_helper_text *helpers;
    size_t helper_count, helper_capacity;
    fr_c_int8_group *int8_groups;
    size_t int8_group_count, int8_group_capacity;
    char **strings; /* what was returned to hooks */
    size_t string_count, string_capacity;
    bool failed;
    fr_complaints unsupported; /* ops, while planning */
    /* The run of the hooks under way. */
    fr_c_function *now;
    size_t step;
    const char *type; /* of the module */
    int scratch;      /* how many of the step so far */
    FILE *out;        /* NULL: planning */
    int indent;
};

/* c_writer.c */
enum { FR_C_INDENT = 4, FR_C_LINE_WIDTH = 120 };

const char *fr_c_format(fr_c_writer *w, const char *format, ...) FR_PRINTF(2, 3); /* kept; "" without memory */
const char *fr_c_out_of_memory(fr_c_writer *w);                                   /* notes it; returns "" */
void fr_c_put_line(FILE *f, int indent, const char *text);                        /* broken where it is too long */
bool fr_c_has_unsupported(const fr_c_writer *w);                                  /* an op, in this run */
void fr_c_writer_free(fr_c_writer *w);
fr_c_buffer *fr_c_buffer_of(const fr_c_function *p, const fr_tensor *t); /* NULL: none */
/* The place of t's first value in its buffer's memory, "v3 + 12". */
const char *fr_c_pointer(fr_c_writer *w, const fr_tensor *t);
const char *fr_c_buffer_name(fr_c_writer *w, const fr_tensor *t, bool write); /* of its buffer, declared if need be */
int64_t fr_c_buffer_offset(const fr_c_function *p, const fr_tensor *t);       /* of its first value there */

/* Where loops write: memory named base, from offset on; stride NULL: row-major. */
typedef struct {
    const char *base;
    int64_t offset;
    const int64_t *stride;
    fr_shape shape;
    fr_dtype dtype;
} fr_c_destination;

/* c_loops.c: target[...] = expression of the inputs, as fr_c_pointwise has it, in loops over the target's shape. */
bool fr_c_elementwise(fr_c_writer *w, const fr_tensor *const *in, int inputs, const fr_c_destination *to,
                      const char *expression, const double p[2]);
/* from's values, row-major, into memory named to. */
bool fr_c_copy_contiguous(fr_c_writer *w, const fr_tensor *from, const char *to);

/* c_constants.c */
bool fr_c_add_constant(fr_c_writer *w, fr_tensor *t, size_t *index);
void fr_c_choose_layouts(fr_c_writer *w); /* of all constants: int8, and their orders */
bool fr_c_name_constants(fr_c_writer *w);
bool fr_c_write_constants(fr_c_writer *w, FILE *f);
int64_t fr_c_constant_bytes(const fr_c_writer *w);
/* The values that an int8 constant stands for, as a tensor like it, one reference. */
fr_tensor *fr_c_dequantized(fr_c_writer *w, const fr_c_constant *c);

/* c_program.c */
bool fr_c_trace(fr_c_writer *w, fr_module *m, fr_tensor *x, fr_c_function *p);
bool fr_c_plan(fr_c_writer *w, fr_c_function *p);
bool fr_c_write_body(fr_c_writer *w, fr_c_function *p, FILE *f);
bool fr_c_write_reset_body(fr_c_writer *w, fr_c_function *p, FILE *f);
void fr_c_plan_workspace(fr_c_function *p);
bool fr_c_is_read_after(const fr_c_function *p, size_t i, const fr_tensor *t); /* a live step behind i, or the result */
fr_op_call fr_c_call_of(const fr_step *s);
void fr_c_program_free(fr_c_function *p);

/* c_stepwise.c: the dim of x that steps are taken along, so that one after another gives what the whole does; -1: none,
 * and why not into why. result_dim: of y; -1: y is the last step's. */
enum { FR_C_REASON_SIZE = 256 };
int fr_c_find_time_dim(const fr_c_function *p, int *result_dim, char why[FR_C_REASON_SIZE]);
/* Whether `one`, traced of a single step, does the same. */
bool fr_c_matches_one_step(const fr_c_function *all, const fr_c_function *one, char why[FR_C_REASON_SIZE]);

/* c_replay.c: the program's steps once more, new, on x, with int8 constants as they are rounded. NULL with an error. */
fr_tensor *fr_c_int8_forward(fr_c_writer *w, const fr_c_function *p);

/* c_source.c: both files' text. one: of NAME_step; NULL: there is none. include: the header's name. */
bool fr_c_write_source(fr_c_writer *w, FILE *f, fr_c_function *all, fr_c_function *one, const char *include);
bool fr_c_write_header(fr_c_writer *w, FILE *f, const fr_c_function *all, const fr_c_function *one,
                       const fr_export_c_report *report);
int64_t fr_c_workspace_bytes(const fr_c_function *p);
int64_t fr_c_state_bytes(const fr_c_function *p);

#endif
