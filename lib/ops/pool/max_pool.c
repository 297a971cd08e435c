/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What max_pool1d and max_pool2d share: y = the largest value of each window, and where in its channel it is: the first
 * of a tie; or NaN, if there is one, and where the last one is, as in PyTorch. */
#include "ops/pool/pool.h"

/* A row of outputs against one value of each of their windows, which lie a stride apart from position `at` on. Taps
 * come in the order of positions; a position of -1 says that there was none yet. */
#define BETTER(STEP)                                                                                                   \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
        int64_t k = i * STEP;                                                                                          \
        bool better = position[i] < 0 || x[k] > y[i] || x[k] != x[k];                                                  \
        y[i] = better ? x[k] : y[i];                                                                                   \
        position[i] = better ? at + k : position[i];                                                                   \
    }

#define MAX_ROW(T)                                                                                                     \
    FR_KERNEL(max_row_##T,                                                                                             \
              (int64_t n, int64_t stride, int64_t at, const void *px, void *py, int64_t *restrict position),           \
              (n, stride, at, px, py, position))                                                                       \
    {                                                                                                                  \
        const T *restrict x = px;                                                                                      \
        T *restrict y = py;                                                                                            \
        if (stride == 1)                                                                                               \
            BETTER(1)                                                                                                  \
        else                                                                                                           \
            BETTER(stride)                                                                                             \
    }

MAX_ROW(float)
MAX_ROW(double)

typedef struct {
    const fr_windows *w;
    fr_dtype dtype;
    int64_t size; /* of a value, in bytes */
    const char *x;
    char *y;
    int64_t *position;
} job;

static void max_plane(const void *user, int64_t plane)
{
    const job *j = user;
    const fr_windows *w = j->w;
    int64_t out = fr_windows_out(w), *position = j->position + plane * out, from[FR_SPACE], to[FR_SPACE], at[FR_SPACE];
    const char *x = j->x + plane * fr_windows_size(w) * j->size;
    char *y = j->y + plane * out * j->size;

    memset(y, 0, (size_t)(out * j->size));
    memset(position, -1, (size_t)out * sizeof *position);
    for (int64_t tap = 0; tap < w->kernel[0]; tap++) {
        fr_windows_within(w, 0, tap, &from[0], &to[0], &at[0]);
        for (int64_t next = 0; next < w->kernel[1]; next++) {
            fr_windows_within(w, 1, next, &from[1], &to[1], &at[1]);
            for (int64_t line = from[0]; line < to[0] && from[1] < to[1]; line++) {
                int64_t value = (line * w->stride[0] + at[0]) * w->size[1] + from[1] * w->stride[1] + at[1];
                int64_t result = line * w->out[1] + from[1];

                (j->dtype == FR_F64 ? max_row_double : max_row_float)(
                    to[1] - from[1], w->stride[1], value, x + value * j->size, y + result * j->size, position + result);
            }
        }
    }
}

/* Whether one of the first windows, which begin in the padding, goes on beyond all values: with dilation it may. */
static bool misses_values(const fr_windows *w, int dim)
{
    for (int64_t i = 0, at = -w->before[dim]; i < w->out[dim] && at < 0; i++, at += w->stride[dim]) {
        int64_t tap = (-at - 1) / w->dilation[dim] + 1; /* the first that is no padding */

        if (tap >= w->kernel[dim] || at + tap * w->dilation[dim] >= w->size[dim])
            return true;
    }
    return false;
}

bool fr_infer_max_pool(fr_op_call *call)
{
    const fr_shape *x = &call->in[0]->shape;
    char text[FR_SHAPE_TEXT];
    fr_pool p;

    if (!fr_pool_complete(call, x, &p))
        return false;
    for (int i = 0; i < FR_SPACE; i++)
        if (misses_values(&p.w, i))
            return fr_op_fail(call, "dim %d of shape %s: a window would hold padding alone", x->ndim - FR_SPACE + i,
                              fr_shape_text(x, text));
    fr_pool_meta(call, &p);
    call->out[1] = (fr_meta){ .shape = call->out[0].shape, .dtype = FR_I64 };
    return true;
}

void fr_max_pool_forward(fr_op_call *call)
{
    const fr_tensor *x = call->in[0];
    fr_tensor *y = call->result[0];
    fr_pool p;

    if (!fr_pool_complete(call, &x->shape, &p))
        return;

    job j = { .w = &p.w, .dtype = (fr_dtype)x->dtype, .x = x->origin, .y = y->origin };

    j.size = (int64_t)fr_dtype_size(j.dtype);
    j.position = (int64_t *)(void *)call->result[1]->origin;
    fr_run_planes(x->numel / fr_windows_size(&p.w), fr_pool_values(&p), max_plane, &j);
}

/* --- Gradients ---------------------------------------------------------------------------------------------------- */

/* t (...,places) with the places of a channel as one dim, (planes,places). */
static fr_shape by_plane(const fr_op_call *call, const fr_shape *t)
{
    const fr_pool *p = call->attributes;
    fr_shape flat = { 2, { 1, 1 } };

    for (int i = 0; i < t->ndim; i++)
        flat.dim[i >= t->ndim - p->w.dims] *= t->dim[i];
    return flat;
}

void fr_max_pool_backward(fr_op_call *call)
{
    fr_tensor *g = call->grad_out[0], *position = call->result[1];
    fr_shape x = by_plane(call, &call->in_shape[0]), y = by_plane(call, &g->shape);

    g = fr_scatter_add(fr_reshape(g, y), x, 1, fr_reshape(position, y));
    call->grad_in[0] = fr_reshape(g, call->in_shape[0]);
}

typedef struct {
    int64_t size, out; /* values in a plane of dx and of g */
    const fr_tensor *g, *position;
    fr_tensor *dx;
} gradient_job;

static void gradient_plane(const void *user, int64_t plane)
{
    const gradient_job *j = user;
    const int64_t *position = (const int64_t *)(const void *)j->position->origin + plane * j->out;

    FR_DISPATCH_FLOAT(j->dx, T, {
        const T *g = (const T *)(const void *)j->g->origin + plane * j->out;
        T *dx = (T *)(void *)j->dx->origin + plane * j->size;

        memset(dx, 0, (size_t)j->size * sizeof *dx);
        for (int64_t i = 0; i < j->out; i++)
            dx[position[i]] += g[i];
    })
}

void fr_max_pool_backward_kernel(fr_op_call *call)
{
    fr_shape x = by_plane(call, &call->in_shape[0]), y = by_plane(call, &call->grad_out[0]->shape);
    gradient_job j = { .size = x.dim[1], .out = y.dim[1], .g = call->grad_out[0], .position = call->result[1] };

    j.dx = call->grad_in[0];
    fr_run_planes(x.dim[0], (double)(j.size + j.out), gradient_plane, &j);
}
