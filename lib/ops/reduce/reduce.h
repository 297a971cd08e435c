/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reductions: the walk that all of them share. An op's file says how values are gathered in a state and what comes of
 * it; the walk cuts the input into tiles by its shape alone and combines their states in a fixed order, so that the
 * result is the same for any number of threads. */
#ifndef FROND_OPS_REDUCE_REDUCE_H
#define FROND_OPS_REDUCE_REDUCE_H

#include "ops/op.h"

#include <frond/c_code.h>

/* What a reduction goes over, all values or one dim, and a number, if its formula has one: the attributes of its op. */
typedef struct {
    int dim;
    bool all, keepdim;
    double p;
} fr_over;

/* A row-major input seen as (outer,n,inner): n values are reduced to one, outer * inner times. */
typedef struct {
    int64_t outer, n, inner;
} fr_split;

enum {
    FR_REDUCE_WIDTH = 512, /* columns that are gathered at once, at most */
    FR_REDUCE_STATE = 24,  /* bytes of a state, at most */
    FR_REDUCE_LANES = 32,  /* states of a short row */
    FR_REDUCE_ROW = 4096,  /* n up to which a row is short */
    FR_REDUCE_SLAB = 64    /* n * inner below which a slab, the (n,inner) of one of outer, is small */
};

/* How values are gathered. Row r, column j of what add is given is x[r * stride + j], and lies at + r * stride + j
 * values behind the start of its slab. p is the attributes' number. */
typedef struct {
    size_t in, state, out; /* bytes of a value, a state, a result */
    void (*start)(int64_t width, void *states, double p);
    void (*add)(int64_t rows, int64_t width, int64_t stride, int64_t at, const void *x, void *states, double p);
    /* states (parts,width) to one, in the first row: halves are merged until one is left. */
    void (*fold)(int64_t parts, int64_t width, void *states, double p);
    void (*finish)(int64_t width, int64_t n, int64_t inner, const void *states, void *y, double p);
    /* All of it for short rows (inner is 1) or small slabs, where calls would be most of the work. */
    void (*small)(int64_t count, int64_t n, int64_t inner, const void *x, void *y, double p);
} fr_reducer;

#define FR_REDUCE_FOLD(STATE, PARTS, WIDTH, STATES, MERGE)                                                             \
    for (int64_t parts = PARTS, half; parts > 1; parts = half) {                                                       \
        half = (parts + 1) / 2;                                                                                        \
        for (int64_t j = 0; j < (parts - half) * (WIDTH); j++) {                                                       \
            STATE s = (STATES)[j], o = (STATES)[half * (WIDTH) + j];                                                   \
            (STATES)[j] = MERGE;                                                                                       \
        }                                                                                                              \
    }

/* start, fold and finish out of expressions of p: START a STATE, MERGE one of states s and o (of values further on),
 * FINISH an OUT of s, n and inner. */
#define FR_REDUCER_STATE(NAME, STATE, OUT, START, MERGE, FINISH)                                                       \
    static void NAME##_start(int64_t width, void *states, double p)                                                    \
    {                                                                                                                  \
        STATE *s = states;                                                                                             \
        (void)p;                                                                                                       \
        for (int64_t j = 0; j < width; j++)                                                                            \
            s[j] = START;                                                                                              \
    }                                                                                                                  \
    FR_KERNEL(NAME##_fold, (int64_t count, int64_t width, void *states, double p), (count, width, states, p))          \
    {                                                                                                                  \
        STATE *ss = states;                                                                                            \
        (void)p;                                                                                                       \
        FR_REDUCE_FOLD(STATE, count, width, ss, MERGE)                                                                 \
    }                                                                                                                  \
    static void NAME##_finish(int64_t width, int64_t n, int64_t inner, const void *states, void *py, double p)         \
    {                                                                                                                  \
        const STATE *ss = states;                                                                                      \
        OUT *y = py;                                                                                                   \
        (void)n;                                                                                                       \
        (void)inner;                                                                                                   \
        (void)p;                                                                                                       \
        for (int64_t j = 0; j < width; j++) {                                                                          \
            STATE s = ss[j];                                                                                           \
            y[j] = FINISH;                                                                                             \
        }                                                                                                              \
    }

#define FR_REDUCER_TABLE(NAME, T, STATE, OUT)                                                                          \
    _Static_assert(sizeof(STATE) <= FR_REDUCE_STATE, "states are kept on the stack");                                  \
    static const fr_reducer NAME = { sizeof(T),  sizeof(STATE), sizeof(OUT),   NAME##_start,                           \
                                     NAME##_add, NAME##_fold,   NAME##_finish, NAME##_small };

#define FR_REDUCE_VALUE(T, VALUE, STEP)                                                                                \
    {                                                                                                                  \
        T x = VALUE;                                                                                                   \
        s = STEP;                                                                                                      \
    }

/* A short row: LANES states for most of it, then the rest. */
#define FR_REDUCE_SHORT_ROW(T, STATE, START, STEP, MERGE)                                                              \
    STATE s = START, lane[FR_REDUCE_LANES];                                                                            \
    int64_t whole = n / FR_REDUCE_LANES * FR_REDUCE_LANES;                                                             \
    if (whole > 0) {                                                                                                   \
        for (int j = 0; j < FR_REDUCE_LANES; j++)                                                                      \
            lane[j] = START;                                                                                           \
        for (int64_t k = 0; k < whole; k += FR_REDUCE_LANES)                                                           \
            for (int j = 0; j < FR_REDUCE_LANES; j++) {                                                                \
                s = lane[j];                                                                                           \
                FR_REDUCE_VALUE(T, xs[k + j], STEP)                                                                    \
                lane[j] = s;                                                                                           \
            }                                                                                                          \
        for (int half = FR_REDUCE_LANES / 2; half > 0; half /= 2)                                                      \
            for (int j = 0; j < half; j++) {                                                                           \
                STATE o = lane[half + j];                                                                              \
                s = lane[j];                                                                                           \
                lane[j] = MERGE;                                                                                       \
            }                                                                                                          \
        s = lane[0];                                                                                                   \
    }                                                                                                                  \
    for (int64_t k = whole; k < n; k++)                                                                                \
    FR_REDUCE_VALUE(T, xs[k], STEP)

/* The whole reducer; STEP is a STATE of s, the value x and p. */
#define FR_REDUCER(NAME, T, STATE, OUT, START, STEP, MERGE, FINISH)                                                    \
    FR_REDUCER_STATE(NAME, STATE, OUT, START, MERGE, FINISH)                                                           \
    FR_KERNEL(NAME##_add,                                                                                              \
              (int64_t rows, int64_t width, int64_t stride, int64_t at, const void *px, void *states, double p),       \
              (rows, width, stride, at, px, states, p))                                                                \
    {                                                                                                                  \
        const T *restrict xs = px;                                                                                     \
        STATE *restrict ss = states;                                                                                   \
        (void)at;                                                                                                      \
        (void)p;                                                                                                       \
        int64_t r = 0;                                                                                                 \
        for (; r + 4 <= rows; r += 4)                                                                                  \
            for (int64_t j = 0; j < width; j++) {                                                                      \
                STATE s = ss[j];                                                                                       \
                FR_REDUCE_VALUE(T, xs[r * stride + j], STEP)                                                           \
                FR_REDUCE_VALUE(T, xs[(r + 1) * stride + j], STEP)                                                     \
                FR_REDUCE_VALUE(T, xs[(r + 2) * stride + j], STEP)                                                     \
                FR_REDUCE_VALUE(T, xs[(r + 3) * stride + j], STEP)                                                     \
                ss[j] = s;                                                                                             \
            }                                                                                                          \
        for (; r < rows; r++)                                                                                          \
            for (int64_t j = 0; j < width; j++) {                                                                      \
                STATE s = ss[j];                                                                                       \
                FR_REDUCE_VALUE(T, xs[r * stride + j], STEP)                                                           \
                ss[j] = s;                                                                                             \
            }                                                                                                          \
    }                                                                                                                  \
    FR_KERNEL(NAME##_small, (int64_t count, int64_t n, int64_t inner, const void *px, void *py, double p),             \
              (count, n, inner, px, py, p))                                                                            \
    {                                                                                                                  \
        const T *restrict xs = px;                                                                                     \
        OUT *restrict y = py;                                                                                          \
        (void)p;                                                                                                       \
        if (inner == 1) {                                                                                              \
            for (int64_t i = 0; i < count; i++, xs += n) {                                                             \
                FR_REDUCE_SHORT_ROW(T, STATE, START, STEP, MERGE)                                                      \
                y[i] = FINISH;                                                                                         \
            }                                                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        for (; count > 0; count--, xs += n * inner, y += inner) {                                                      \
            for (int64_t j = 0; j < inner; j++) {                                                                      \
                STATE s = START;                                                                                       \
                for (int64_t i = j; i < n * inner; i += inner) {                                                       \
                    T x = xs[i];                                                                                       \
                    s = STEP;                                                                                          \
                }                                                                                                      \
                y[j] = FINISH;                                                                                         \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    FR_REDUCER_TABLE(NAME, T, STATE, OUT)

/* infer: the output is input 0 without the dim, or with 1 in its place, or (). */
bool fr_infer_reduced(fr_op_call *call);
fr_shape fr_reduced_shape(const fr_shape *shape, const fr_over *over);
fr_split fr_split_of(const fr_shape *shape, const fr_over *over);

/* x -> y, which has outer * inner results; what: for the error when memory runs out. */
bool fr_reduce_values(const char *what, const fr_reducer *how, fr_split split, double p, const void *x, void *y);
/* forward: input 0 to result `output`, by the reducer for its dtype. */
void fr_reduce(fr_op_call *call, int output, const fr_reducer *f32, const fr_reducer *f64, const fr_reducer *i64);
/* (rows,columns) -> (columns), as bias gradients are. */
bool fr_sum_rows(const char *what, fr_dtype dtype, int64_t rows, int64_t columns, const void *x, void *y);

/* For backward, in ops. t of the output's shape as if the dim had been kept, so that it broadcasts to the input. */
fr_tensor *fr_kept(const fr_op_call *call, fr_tensor *t);
/* a / b; 0 where b is 0 */
fr_tensor *fr_div_or_zero(fr_tensor *a, fr_tensor *b);

/* For fr_op.onnx, beside onnx_name. */
bool fr_onnx_reduce(fr_onnx *g, const fr_op_call *call);
/* A node: values called x, of the shape of input 0, reduced over what the op is by ONNX's type to y. */
void fr_onnx_reduce_to(fr_onnx *g, const fr_op_call *call, const char *type, const char *x, bool keepdim,
                       const char *y);

/* --- The op's entry and public functions ------------------------------------------------------------------------- */

/* What the entries of reductions have in common. */
#define FR_REDUCTION_OP(NAME, FORMULA, INFER)                                                                          \
    .name = #NAME, .formula = FORMULA, .shapes = "(*,N,**) -> () or (*,**) or (*,1,**) or (1...)", .inputs = 1,        \
    .outputs = 1, .attributes_size = sizeof(fr_over), .infer = INFER, .forward = NAME##_forward, .c_code = NAME##_c

/* NAME_c, by expressions as fr_c_reduction has them; the op's name need not be NAME. */
#define FR_REDUCTION_C(NAME, ...)                                                                                      \
    static bool NAME##_c(fr_c_writer *w, const fr_op_call *call)                                                       \
    {                                                                                                                  \
        return fr_write_reduction(w, call, (const char *const[]){ __VA_ARGS__ });                                      \
    }
/* The op takes rows by themselves, where what is reduced are such. */
void fr_reduction_takes_rows(fr_c_writer *w, const fr_op_call *call);
/* By a helper (outer, n, inner, MORE x, y). */
bool fr_write_reduction_by(fr_c_writer *w, const fr_op_call *call, const char *name, const char *text,
                           const char *more);
bool fr_write_reduction(fr_c_writer *w, const fr_op_call *call, const char *const expressions[3]);

/* NAME_forward by the reducers NAME_f32, NAME_f64 and, for ANY, NAME_i64. */
#define FR_REDUCTION_FLOAT(NAME)                                                                                       \
    static void NAME##_forward(fr_op_call *call)                                                                       \
    {                                                                                                                  \
        fr_reduce(call, 0, &NAME##_f32, &NAME##_f64, NULL);                                                            \
    }
#define FR_REDUCTION_ANY(NAME)                                                                                         \
    static void NAME##_forward(fr_op_call *call)                                                                       \
    {                                                                                                                  \
        fr_reduce(call, 0, &NAME##_f32, &NAME##_f64, &NAME##_i64);                                                     \
    }

/* A public function of another name than its op. reserved: of its options, or NULL. The first of the op's results. */
fr_tensor *fr_apply_over(const char *what, const fr_op *op, fr_tensor *t, fr_over over, void *const *reserved);

/* fr_NAME and fr_NAME_dim, with P for p; DIM_OP is the op of the latter. */
#define FR_REDUCTION_OF(NAME, DIM_OP, P)                                                                               \
    fr_tensor *fr_##NAME(fr_tensor *t)                                                                                 \
    {                                                                                                                  \
        return fr_apply(&fr_##NAME##_op, &t, &(fr_over){ .all = true, .p = P });                                       \
    }                                                                                                                  \
    fr_tensor *fr_##NAME##_dim(fr_tensor *t, int dim, bool keepdim)                                                    \
    {                                                                                                                  \
        return fr_apply_over(#NAME "_dim", &DIM_OP, t, (fr_over){ .dim = dim, .keepdim = keepdim, .p = P }, NULL);     \
    }
#define FR_REDUCTION(NAME, P) FR_REDUCTION_OF(NAME, fr_##NAME##_op, P)

#endif
