/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What every op file includes: test cases, and small functions for infer and backward. */
#ifndef FROND_OPS_OP_H
#define FROND_OPS_OP_H

#include "core/cpu.h"
#include "core/integer.h"
#include "core/options.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "core/thread.h"
#include "kernels/vmath.h"

#include <frond/onnx.h>
#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>

/* One test of an op. inputs says how each input is drawn: a kind and a shape, with a blank between inputs:
 *     n(3,4)   N(0,1)
 *     u(3)     U(0.1,0.9)
 *     d(4)     distinct values, a few tenths apart, none within 0.01 of a multiple of 0.1: for ops with kinks or ties
 *     v0,-1.5,inf,nan(2,2)  these values, for ties and edges; gradients are not checked by finite differences
 *     b(3)     0 or 1, float, without a gradient
 *     i5(2,3)  int64 of 0..4
 * torch is the PyTorch expression that gives the golden value: its inputs are a, b, c, ..., F is torch.nn.functional,
 * rnn, gru and lstm are in tests/golden/cells.py, and the generator has seed 0. run calls the op. no_grad: only values
 * are compared. layout_matters: random numbers are drawn in the order in which the inputs lie in memory. may_lack: an
 * input may be NULL, which means that there is none. A case that must fail (in float32) has no torch; fails holds what
 * the message contains: the function's name, then up to three pieces. tests/check_ops.c runs the cases,
 * tests/golden/make_ops.py makes the golden values. */
typedef struct fr_case {
    const char *name, *inputs, *torch;
    fr_tensor *(*run)(fr_tensor *const *in);
    const char *fails[4];
    bool no_grad, layout_matters, may_lack;
} fr_case;

/* All ops, sorted by name, then NULL. It stands in op_table.c, which tools/op_table.awk makes from op_sources. */
extern const fr_op *const fr_op_table[];

#ifdef FR_TESTS
#define FR_CASES(...)                                                                                                  \
    .cases = (const fr_case[])                                                                                         \
    {                                                                                                                  \
        __VA_ARGS__,                                                                                                   \
        {                                                                                                              \
            0                                                                                                          \
        }                                                                                                              \
    }
/* FR_RUN(run, fr_add(in[0], in[1])) defines the function `run` of a case. */
#define FR_RUN(NAME, ...) FR_FUNCTION(static fr_tensor *, NAME, (fr_tensor *const *in), __VA_ARGS__)
#else
#define FR_CASES(...) .cases = NULL
#define FR_RUN(NAME, ...)
#endif

/* For fr_op.onnx of an op that has an axis in ONNX: true if input 0 has one or more dims. Fails otherwise. */
static inline bool fr_onnx_has_axes(fr_onnx *g, const fr_op_call *call)
{
    return call->in[0]->shape.ndim > 0 || fr_onnx_fail(g, "of a scalar, which ONNX's op does not take");
}

/* For fr_op.infer: the output has the shape and dtype of input 0. */
static inline bool fr_infer_same(fr_op_call *call)
{
    call->out[0] = fr_meta_of(call->in[0]);
    return true;
}

/* dim of input 0, counted from the front. -1, and the call has failed, if it is out of range. */
static inline int fr_op_dim(fr_op_call *call, int dim)
{
    int found = fr_shape_dim(&call->in[0]->shape, dim);
    char text[FR_SHAPE_TEXT];

    if (found < 0)
        fr_op_fail(call, "dim %d is out of range for shape %s", dim, fr_shape_text(&call->in[0]->shape, text));
    return found;
}

/* For backward of ops that broadcast: the gradient t, summed to the input's shape if it has another. */
static inline fr_tensor *fr_op_sum_to(fr_tensor *t, const fr_shape *shape)
{
    return t && fr_shape_equal(&t->shape, shape) ? t : fr_sum_to(t, *shape);
}

/* A public function that is composed of others stands between these two: errors in between have its name, and the
 * innermost scope that is open then holds what it makes on the way. */
typedef struct {
    fr_thread *th;
    fr_site before;
    const char *outer;
    int scope;
} fr_composition;

static inline fr_composition fr_compose(const char *name)
{
    fr_thread *th = fr_thread_self();
    fr_composition c = { .th = th, .before = fr_begin(th, name), .outer = th->errors.composition };

    if (!c.outer)
        th->errors.composition = name;
    c.scope = fr_scope_begin();
    return c;
}

/* Returns y, the result. */
static inline fr_tensor *fr_composed(fr_composition c, fr_tensor *y)
{
    y = c.scope < 0 ? NULL : fr_escape(y);
    fr_scope_end(c.scope);
    c.th->errors.composition = c.outer;
    fr_finish(c.th, c.before);
    return y;
}

/* t, raised to least where it is less, with the gradient of t all the same: so PyTorch keeps divisors from 0. */
fr_tensor *fr_raise(fr_tensor *t, double least);

/* Values of t's shape and dtype from the exponential distribution of rate 1, as PyTorch's CPU draws them. */
fr_tensor *fr_exponential_like(const char *what, const fr_tensor *t);

/* order: all dims of t, those that dims lists last, in its order. Returns how many these are; -1, and fails, if a dim
 * is out of range or listed twice. */
int fr_dims_last(const char *what, const fr_tensor *t, const fr_shape *dims, int order[FR_MAX_DIMS]);

/* The reverse of slice: zeros of the given shape, with t at start, start + step, ... along dim. */
fr_tensor *fr_unslice(fr_tensor *t, const fr_shape *shape, int dim, int64_t start, int64_t step);

/* The reverse of gather: zeros of the given shape, to which t is added at the indices; or where t stands at the
 * indices, the last of several values for one place. */
fr_tensor *fr_scatter_zeros(fr_tensor *t, fr_shape shape, int dim, fr_tensor *index);
fr_tensor *fr_scatter_to_zeros(fr_tensor *t, fr_shape shape, int dim, fr_tensor *index);

/* True if index is int64 and all its values lie in 0..size-1. Fails otherwise, naming what, value, position and size.
 */
bool fr_check_index(const char *what, const fr_tensor *index, int dim, int64_t size);

/* True if these options of interpolate make sense for some x. Fails otherwise. */
bool fr_check_interpolation(const char *what, const fr_interpolate_options *options);

/* padding: the row of the weight that is padding, counted from the front; -1 if there is none. Fails for options that
 * are not allowed. */
bool fr_check_padding(const char *what, const fr_embedding_options *options, int64_t rows, int64_t *padding);
/* True if value can be used with t's dtype: with int64 it must be a whole number in range. Fails otherwise. */
bool fr_check_whole(const char *what, const fr_tensor *t, double value);

#endif
