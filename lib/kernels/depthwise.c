/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The lines of a plane are taken for one long line: then the convolution is one over one dim, with an offset for each
 * tap, and no line's end breaks the vectors. Its results where a window would reach from the end of one line into the
 * next are not used. It has stride 1: of the outputs those of the true stride are used, and a gradient of outputs gets
 * zeros between. */
#ifndef T
#include "kernels/depthwise.h"

#include "core/shape.h"

#include "kernels/cpu.h"
#include "kernels/plane.h"

enum {
    VECTORS = 4, /* that are computed side by side */
    SLACK = 64,  /* values behind a plane that these may read or write */
    MAX_STRIDE = 2
};

bool fr_depthwise_begin(const fr_sliding_window *w, fr_depthwise_plan *p)
{
    int64_t size[FR_SPATIAL_DIMS], in_numel = fr_window_in_numel(w);

    for (int i = 0; i < FR_SPATIAL_DIMS; i++) {
        if (w->stride[i] > MAX_STRIDE || __builtin_add_overflow(w->in_size[i], w->pad_before[i], &size[i]) ||
            __builtin_add_overflow(size[i], w->pad_after[i], &size[i]))
            return false;
    }
    if (!fr_mul_size(size[0], size[1], &p->plane) || p->plane / 4 > in_numel + SLACK ||
        !fr_mul_size(w->kernel[0], w->kernel[1], &p->taps) || p->taps > FR_DEPTHWISE_TAPS)
        return false;
    p->width = size[1];
    for (int64_t k = 0; k < p->taps; k++)
        p->offset[k] =
            k / w->kernel[1] * w->dilation[0] * p->width + k % w->kernel[1] * w->dilation[1]; /* within the plane */
    p->scratch = 3 * p->plane + 2 * SLACK;
    return true;
}

/* Lays out x, with its padding, in a plane of zeros. */
static void lay_out_input(fr_dtype dtype, const fr_sliding_window *w, const fr_depthwise_plan *p, const void *x,
                          void *plane)
{
    fr_plane_read(dtype,
                  &(fr_plane){ .lines = w->in_size[0],
                               .columns = w->in_size[1],
                               .line_step = w->in_size[1],
                               .column_step = 1,
                               .top = w->pad_before[0],
                               .left = w->pad_before[1],
                               .width = p->width },
                  0, p->plane + SLACK, x, plane);
}

#define KERNEL_FILE "kernels/depthwise.c"
#include "kernels/instantiate.h"

void fr_depthwise(fr_dtype dtype, const fr_sliding_window *w, const fr_depthwise_plan *p, void *scratch, const void *x,
                  const void *weight, void *y)
{
    lay_out_input(dtype, w, p, x, scratch);
    FR_KERNEL_FOR(dtype, depthwise)(w, p, scratch, weight, y);
}

void fr_depthwise_grad_input(fr_dtype dtype, const fr_sliding_window *w, const fr_depthwise_plan *p, void *scratch,
                             const void *dy, const void *weight, void *dx)
{
    FR_KERNEL_FOR(dtype, grad_input)(w, p, scratch, dy, weight, dx);
}

void fr_depthwise_grad_weight(fr_dtype dtype, const fr_sliding_window *w, const fr_depthwise_plan *p, void *scratch,
                              const void *x, const void *dy, void *dweight)
{
    lay_out_input(dtype, w, p, x, scratch);
    FR_KERNEL_FOR(dtype, grad_weight)(w, p, scratch, dy, dweight);
}
#else
typedef T FN(vector) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));

#define LANES   ((int64_t)(VECTOR_BYTES / sizeof(T)))
#define LOAD(p) (*(const FN(vector) *)(p))

/* out[i] = sum over k of weight[k] in[i + offset[k]], for n outputs and up to SLACK more. */
static void FN(correlate)(int64_t n, int64_t taps, const int64_t *offset, const T *weight, const T *in, T *out)
{
    for (int64_t i = 0; i < n; i += VECTORS * LANES) {
        FN(vector) sum[VECTORS] = { { 0 } };

        for (int64_t k = 0; k < taps; k++) {
            const T *from = in + i + offset[k];

            for (int v = 0; v < VECTORS; v++)
                sum[v] += LOAD(from + v * LANES) * weight[k];
        }
        for (int v = 0; v < VECTORS; v++)
            *(FN(vector) *)(out + i + v * LANES) = sum[v];
    }
}

/* dweight[k] += sum over i of dy[i] x[i + offset[k]]. dy is 0 behind its n values. */
static void FN(correlate_grad)(int64_t n, int64_t taps, const int64_t *offset, const T *x, const T *dy, T *dweight)
{
    FN(vector) sum[FR_DEPTHWISE_TAPS] = { { 0 } };

    for (int64_t i = 0; i < n; i += VECTORS * LANES) {
        FN(vector) g[VECTORS];

        for (int v = 0; v < VECTORS; v++)
            g[v] = LOAD(dy + i + v * LANES);
        for (int64_t k = 0; k < taps; k++) {
            const T *from = x + i + offset[k];
            FN(vector) even = LOAD(from) * g[0], odd = LOAD(from + LANES) * g[1]; /* so that sum[k] waits for less */

            for (int v = 2; v < VECTORS; v += 2) {
                even += LOAD(from + v * LANES) * g[v];
                odd += LOAD(from + (v + 1) * LANES) * g[v + 1];
            }
            sum[k] += even + odd;
        }
    }
    for (int64_t k = 0; k < taps; k++)
        for (int64_t j = 0; j < LANES; j++)
            dweight[k] += sum[k][j];
}

/* Lays out the gradient of the outputs in a plane of zeros, with zeros between them where the stride is more than 1. */
static void FN(lay_out_gradient)(const fr_sliding_window *w, const fr_depthwise_plan *p, const T *restrict dy,
                                 T *restrict plane)
{
    memset(plane, 0, (size_t)(p->plane + SLACK) * sizeof(T));
    for (int64_t i = 0; i < w->out_size[0]; i++, dy += w->out_size[1], plane += w->stride[0] * p->width)
        for (int64_t j = 0; j < w->out_size[1]; j++)
            plane[j * w->stride[1]] = dy[j];
}

/* scratch begins with the plane of x; likewise in grad_weight. */
static void FN(depthwise)(const fr_sliding_window *w, const fr_depthwise_plan *p, void *scratch, const void *weight,
                          void *py)
{
    T *plane = scratch, *out = plane + p->plane + SLACK, *restrict y = py;

    FN(correlate)(p->plane - p->offset[p->taps - 1], p->taps, p->offset, weight, plane, out);
    for (int64_t i = 0; i < w->out_size[0]; i++, y += w->out_size[1], out += w->stride[0] * p->width)
        for (int64_t j = 0; j < w->out_size[1]; j++)
            y[j] += out[j * w->stride[1]];
}

static void FN(grad_input)(const fr_sliding_window *w, const fr_depthwise_plan *p, void *scratch, const void *dy,
                           const void *weight, void *pdx)
{
    T *plane = scratch, *before = plane + p->plane + SLACK, *restrict dx = pdx;
    int64_t reach = p->offset[p->taps - 1], offset[FR_DEPTHWISE_TAPS];

    for (int64_t k = 0; k < p->taps; k++)
        offset[k] = reach - p->offset[k];
    memset(before, 0, (size_t)reach * sizeof(T));
    FN(lay_out_gradient)(w, p, dy, before + reach);
    FN(correlate)(p->plane, p->taps, offset, weight, before, plane);
    plane += w->pad_before[0] * p->width + w->pad_before[1];
    for (int64_t i = 0; i < w->in_size[0]; i++, dx += w->in_size[1], plane += p->width)
        for (int64_t j = 0; j < w->in_size[1]; j++)
            dx[j] += plane[j];
}

static void FN(grad_weight)(const fr_sliding_window *w, const fr_depthwise_plan *p, void *scratch, const void *dy,
                            void *dweight)
{
    T *plane = scratch, *gradient = plane + p->plane + SLACK;

    FN(lay_out_gradient)(w, p, dy, gradient);
    FN(correlate_grad)(p->plane - p->offset[p->taps - 1], p->taps, p->offset, plane, gradient, dweight);
}

#undef LANES
#undef LOAD
#endif
