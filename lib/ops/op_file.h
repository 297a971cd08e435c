/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What op files start from: the op table's entry, test cases, and small help for infer and backward. */
#ifndef FROND_OPS_OP_FILE_H
#define FROND_OPS_OP_FILE_H

#include "core/cpu.h"
#include "core/internal.h"
#include "core/vmath.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>

/* One test of an op. inputs says how to draw them, separated by blanks: a kind and a shape,
 *     n(3,4) N(0,1)   u(3) U(0.1,0.9)   d(4) distinct values   i5(2,3) int64 of 0..4   b(3) 0 or 1, float
 * torch is the PyTorch expression of a, b, c, ... that gives the golden value; run is the op's call. With no_grad only
 * values are compared. A case that must fail has instead of torch the pieces of the message, after each other. */
typedef struct fr_case {
    const char *name, *inputs, *torch;
    fr_tensor *(*run)(fr_tensor *const *in);
    const char *fails[3];
    bool no_grad;
} fr_case;

#ifdef FR_TESTS
#define FR_CASES(...)                                                                                                  \
    .cases = (const fr_case[])                                                                                         \
    {                                                                                                                  \
        __VA_ARGS__,                                                                                                   \
        {                                                                                                              \
            0                                                                                                          \
        }                                                                                                              \
    }
/* FR_RUN(run, fr_add(in[0], in[1])) defines a case's function. */
#define FR_RUN(NAME, ...)                                                                                              \
    static fr_tensor *NAME(fr_tensor *const *in)                                                                       \
    {                                                                                                                  \
        return __VA_ARGS__;                                                                                            \
    }
#else
#define FR_CASES(...) .cases = NULL
#define FR_RUN(NAME, ...)
#endif

/* infer: the output is like input 0. */
static inline bool fr_infer_same(fr_op_call *call)
{
    call->out[0] = fr_meta_of(call->in[0]);
    return true;
}

/* dim of input 0 counted from the front, or -1 with the call failed. */
static inline int fr_op_dim(fr_op_call *call, int dim)
{
    int found = fr_shape_dim(&call->in[0]->shape, dim);
    char text[FR_SHAPE_TEXT];

    if (found < 0)
        fr_op_fail(call, "dim %d is out of range for shape %s", dim, fr_shape_text(&call->in[0]->shape, text));
    return found;
}

/* slice's reverse: zeros of the given shape, but t at start, start + step, ... along dim. */
fr_tensor *fr_unslice(fr_tensor *t, const fr_shape *shape, int dim, int64_t start, int64_t step);

/* The mean or sum of losses as reduction says, or losses; what: the loss, for errors. */
fr_tensor *fr_reduce_loss(const char *what, fr_tensor *losses, fr_reduction reduction);

#endif
