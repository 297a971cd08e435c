/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reductions: the walk that all of them share. An op's file says how values are gathered in a state and what comes of
 * it; the walk cuts the input into tiles by its shape alone and combines their states in a fixed order, so that the
 * result is the same for any number of threads. */
#ifndef FROND_OPS_REDUCE_H
#define FROND_OPS_REDUCE_H

#include "ops/op_file.h"

/* What a reduction goes over, all values or one dim: the attributes of its op. */
typedef struct {
    int dim;
    bool all, keepdim;
} fr_over;

/* A row-major input seen as (outer,n,inner): n values are reduced to one, outer * inner times. */
typedef struct {
    int64_t outer, n, inner;
} fr_split;

enum {
    FR_REDUCE_WIDTH = 512, /* columns that are gathered at once, at most */
    FR_REDUCE_SMALL = 64,  /* n * inner below this is left to `small` */
    FR_REDUCE_STATE = 24   /* bytes of a state, at most */
};

/* How values are gathered. Row r, column j of what add is given is x[r * stride + j], and lies at + r * stride + j
 * values behind the start of its slab, the (n,inner) that it is in. */
typedef struct {
    size_t in, state, out; /* bytes of a value, a state, a result */
    void (*start)(int64_t width, void *states);
    void (*add)(int64_t rows, int64_t width, int64_t stride, int64_t at, const void *x, void *states);
    void (*merge)(int64_t width, void *states, const void *others);
    void (*finish)(int64_t width, int64_t n, int64_t inner, const void *states, void *y);
    /* All of it for slabs so small that calls would be most of the work. */
    void (*small)(int64_t count, int64_t n, int64_t inner, const void *x, void *y);
} fr_reducer;

/* start, merge and finish out of expressions: START a STATE, MERGE one of states s and o, FINISH an OUT of s, n, inner.
 */
#define FR_REDUCER_STATE(NAME, STATE, OUT, START, MERGE, FINISH)                                                       \
    static void NAME##_start(int64_t width, void *states)                                                              \
    {                                                                                                                  \
        STATE *s = states;                                                                                             \
        for (int64_t j = 0; j < width; j++)                                                                            \
            s[j] = START;                                                                                              \
    }                                                                                                                  \
    FR_KERNEL(NAME##_merge, (int64_t width, void *states, const void *others), (width, states, others))                \
    {                                                                                                                  \
        STATE *restrict ss = states;                                                                                   \
        const STATE *restrict os = others;                                                                             \
        for (int64_t j = 0; j < width; j++) {                                                                          \
            STATE s = ss[j], o = os[j];                                                                                \
            ss[j] = MERGE;                                                                                             \
        }                                                                                                              \
    }                                                                                                                  \
    static void NAME##_finish(int64_t width, int64_t n, int64_t inner, const void *states, void *py)                   \
    {                                                                                                                  \
        const STATE *ss = states;                                                                                      \
        OUT *y = py;                                                                                                   \
        (void)n;                                                                                                       \
        (void)inner;                                                                                                   \
        for (int64_t j = 0; j < width; j++) {                                                                          \
            STATE s = ss[j];                                                                                           \
            y[j] = FINISH;                                                                                             \
        }                                                                                                              \
    }

#define FR_REDUCER_TABLE(NAME, T, STATE, OUT)                                                                          \
    _Static_assert(sizeof(STATE) <= FR_REDUCE_STATE, "states are kept on the stack");                                  \
    static const fr_reducer NAME = { sizeof(T),  sizeof(STATE), sizeof(OUT),   NAME##_start,                           \
                                     NAME##_add, NAME##_merge,  NAME##_finish, NAME##_small };

/* The whole reducer; STEP is a STATE of s and the value x that lies i values behind the start of its slab. */
#define FR_REDUCER(NAME, T, STATE, OUT, START, STEP, MERGE, FINISH)                                                    \
    FR_REDUCER_STATE(NAME, STATE, OUT, START, MERGE, FINISH)                                                           \
    FR_KERNEL(NAME##_add, (int64_t rows, int64_t width, int64_t stride, int64_t at, const void *px, void *states),     \
              (rows, width, stride, at, px, states))                                                                   \
    {                                                                                                                  \
        const T *restrict xs = px;                                                                                     \
        STATE *restrict ss = states;                                                                                   \
        for (int64_t r = 0; r < rows; r++) {                                                                           \
            for (int64_t j = 0; j < width; j++) {                                                                      \
                int64_t i = at + r * stride + j;                                                                       \
                T x = xs[r * stride + j];                                                                              \
                STATE s = ss[j];                                                                                       \
                (void)i;                                                                                               \
                ss[j] = STEP;                                                                                          \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    FR_KERNEL(NAME##_small, (int64_t count, int64_t n, int64_t inner, const void *px, void *py),                       \
              (count, n, inner, px, py))                                                                               \
    {                                                                                                                  \
        const T *xs = px;                                                                                              \
        OUT *y = py;                                                                                                   \
        for (int64_t o = 0; o < count; o++, xs += n * inner, y += inner) {                                             \
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
bool fr_reduce_values(const char *what, const fr_reducer *how, fr_split split, const void *x, void *y);
/* forward: input 0 to result `output`, by the reducer for its dtype. */
void fr_reduce(fr_op_call *call, int output, const fr_reducer *f32, const fr_reducer *f64, const fr_reducer *i64);
/* (rows,columns) -> (columns), as bias gradients are. */
bool fr_sum_rows(const char *what, fr_dtype dtype, int64_t rows, int64_t columns, const void *x, void *y);

/* The public functions over one dim. */
fr_tensor *fr_apply_over_dim(const char *what, const fr_op *op, fr_tensor *t, int dim, bool keepdim);

/* For backward, in ops. t of the output's shape as if the dim had been kept, so that it broadcasts to the input. */
fr_tensor *fr_kept(const fr_op_call *call, fr_tensor *t);
/* a / b; 0 where b is 0 */
fr_tensor *fr_div_or_zero(fr_tensor *a, fr_tensor *b);

#endif
