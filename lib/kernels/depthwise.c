/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The lines of a plane are taken for one long line: then the convolution is one over one dim, with an offset for each
 * tap, and no line's end breaks the vectors. Its results where a window would reach from the end of one line into the
 * next are not used. It has stride 1: of the outputs those of the true stride are used, and a gradient of outputs gets
 * zeros between. Where there is one line, of stride 1, results are written where they belong. */
#ifndef T
#include "kernels/depthwise.h"

#include "core/cpu.h"
#include "core/integer.h"
#include "core/shape.h"
#include "kernels/plane.h"

enum {
    VECTORS = 4,   /* that are computed side by side */
    SOME_TAPS = 3, /* likewise */
    SLACK = 64,    /* values behind a plane that these may read or write: at least those of the vectors */
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

/* x in the plane. */
static fr_plane place_of_input(const fr_sliding_window *w, const fr_depthwise_plan *p)
{
    return (fr_plane){ .lines = w->in_size[0],
                       .columns = w->in_size[1],
                       .line_step = w->in_size[1],
                       .column_step = 1,
                       .top = w->pad_before[0],
                       .left = w->pad_before[1],
                       .width = p->width };
}

/* y, of stride 1, in a plane of its own, which begins with y's first value. */
static fr_plane place_of_output(const fr_sliding_window *w, const fr_depthwise_plan *p)
{
    return (fr_plane){ .lines = w->out_size[0],
                       .columns = w->out_size[1],
                       .line_step = w->out_size[1],
                       .column_step = 1,
                       .width = p->width };
}

static bool has_stride_1(const fr_sliding_window *w)
{
    return w->stride[0] == 1 && w->stride[1] == 1;
}

/* True if n results are neighbours, as they are computed, and enough for whole vectors. */
static bool is_one_line(const fr_sliding_window *w, const fr_depthwise_plan *p, int64_t n)
{
    return has_stride_1(w) && p->plane == p->width && n >= SLACK;
}

#define KERNEL_FILE "kernels/depthwise.c"
#include "kernels/instantiate.h"

/* Address of value i. */
static char *value_of(fr_dtype dtype, void *values, int64_t i)
{
    return (char *)values + i * (int64_t)fr_dtype_size(dtype);
}

static void lay_out_input(fr_dtype dtype, const fr_sliding_window *w, const fr_depthwise_plan *p, const void *x,
                          void *plane)
{
    const fr_plane in = place_of_input(w, p);

    fr_plane_read(dtype, &in, 0, p->plane + SLACK, x, plane);
}

/* Lays out the gradient of the outputs, with zeros between them where the stride is more than 1. */
static void lay_out_gradient(fr_dtype dtype, const fr_sliding_window *w, const fr_depthwise_plan *p, const void *dy,
                             void *plane)
{
    const fr_plane out = place_of_output(w, p);

    if (has_stride_1(w))
        fr_plane_read(dtype, &out, 0, p->plane + SLACK, dy, plane);
    else
        FR_KERNEL_FOR(dtype, spread)(w, p, dy, plane);
}

/* scratch: the plane of x, and that of y; likewise below. */
void fr_depthwise(fr_dtype dtype, const fr_sliding_window *w, const fr_depthwise_plan *p, void *scratch, const void *x,
                  const void *weight, const void *bias, void *y)
{
    const fr_plane place = place_of_output(w, p);
    int64_t n = p->plane - p->offset[p->taps - 1];
    void *out = value_of(dtype, scratch, p->plane + SLACK);

    lay_out_input(dtype, w, p, x, scratch);
    if (is_one_line(w, p, n)) {
        FR_KERNEL_FOR(dtype, correlate)(n, p->taps, p->offset, weight, scratch, bias, y);
        return;
    }
    FR_KERNEL_FOR(dtype, correlate)(n, p->taps, p->offset, weight, scratch, NULL, out);
    if (has_stride_1(w))
        fr_plane_write(dtype, &place, 0, p->plane, out, bias, y);
    else
        FR_KERNEL_FOR(dtype, pick)(w, p, out, bias, y);
}

void fr_depthwise_grad_input(fr_dtype dtype, const fr_sliding_window *w, const fr_depthwise_plan *p, void *scratch,
                             const void *dy, const void *weight, bool add, void *dx)
{
    const fr_plane place = place_of_input(w, p);
    int64_t reach = p->offset[p->taps - 1], offset[FR_DEPTHWISE_TAPS];
    char *before = value_of(dtype, scratch, p->plane + SLACK), *begin = value_of(dtype, before, w->pad_before[1]);

    for (int64_t k = 0; k < p->taps; k++)
        offset[k] = reach - p->offset[k];
    memset(before, 0, (size_t)reach * fr_dtype_size(dtype));
    lay_out_gradient(dtype, w, p, dy, value_of(dtype, before, reach));
    if (is_one_line(w, p, w->in_size[1]) && !add) {
        FR_KERNEL_FOR(dtype, correlate)(w->in_size[1], p->taps, offset, weight, begin, NULL, dx);
        return;
    }
    FR_KERNEL_FOR(dtype, correlate)(p->plane, p->taps, offset, weight, before, NULL, scratch);
    if (add)
        FR_KERNEL_FOR(dtype, add_plane)(w, p, scratch, dx);
    else
        fr_plane_write(dtype, &place, 0, p->plane, scratch, NULL, dx);
}

void fr_depthwise_grad_weight(fr_dtype dtype, const fr_sliding_window *w, const fr_depthwise_plan *p, void *scratch,
                              const void *x, const void *dy, void *dweight)
{
    void *gradient = value_of(dtype, scratch, p->plane + SLACK);

    lay_out_input(dtype, w, p, x, scratch);
    lay_out_gradient(dtype, w, p, dy, gradient);
    FR_KERNEL_FOR(dtype, correlate_grad)
    (p->plane - p->offset[p->taps - 1], p->taps, p->offset, scratch, gradient, dweight);
}
#else
typedef T FN(vector) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));

#define LANES   ((int64_t)(VECTOR_BYTES / sizeof(T)))
#define LOAD(p) (*(const FN(vector) *)(p))

_Static_assert(VECTOR_BYTES / sizeof(T) * VECTORS <= SLACK, "a block writes no more than the slack");

/* out[i] = sum over k of weight[k] in[i + offset[k]], + *number unless that is NULL, for n outputs: of fewer than SLACK
 * up to SLACK more. Of many the last ones are computed twice, where the vectors before end elsewhere. */
static void FN(correlate)(int64_t n, int64_t taps, const int64_t *offset, const void *pweight, const void *pin,
                          const void *number, void *pout)
{
    const int64_t block = VECTORS * LANES;
    const T *weight = pweight, *in = pin;
    T *out = pout;

    for (int64_t i = 0; i < n; i += block) {
        FN(vector) sum[VECTORS] = { { 0 } };

        i = n < SLACK ? i : fr_least(i, n - block);
        for (int64_t k = 0; k < taps; k++) {
            const T *from = in + i + offset[k];

            for (int v = 0; v < VECTORS; v++)
                sum[v] += LOAD(from + v * LANES) * weight[k];
        }
        for (int v = 0; v < VECTORS && number; v++)
            sum[v] += *(const T *)number;
        for (int v = 0; v < VECTORS; v++)
            *(FN(vector) *)(out + i + v * LANES) = sum[v];
    }
}

/* In halves: one by one, each lane would wait for the one before. */
FR_INLINE T FN(sum_of)(FN(vector) v)
{
    T lane[LANES] __attribute__((aligned(64)));

    *(FN(vector) *)lane = v;
    FR_UNROLL for (int64_t half = LANES / 2; half > 0; half /= 2)
    {
        FR_SIMD for (int64_t j = 0; j < half; j++) lane[j] += lane[half + j];
    }
    return lane[0];
}

/* dweight[k] += sum over i of dy[i] x[i + offset[k]] for some taps, a constant, whose sums stay in registers: two for
 * each, so that they wait for less. dy is 0 behind its n values. */
FR_INLINE void FN(add_taps)(const int taps, int64_t n, const int64_t *offset, const T *x, const T *dy, T *dweight)
{
    FN(vector) sum[SOME_TAPS][2] = { { { 0 } } };

    for (int64_t i = 0; i < n; i += VECTORS * LANES) {
        FN(vector) g[VECTORS];

        FR_UNROLL for (int v = 0; v < VECTORS; v++)
        {
            g[v] = LOAD(dy + i + v * LANES);
        }
        FR_UNROLL for (int k = 0; k < taps; k++)
        {
            const T *from = x + i + offset[k];

            FR_UNROLL for (int v = 0; v < VECTORS; v++)
            {
                sum[k][v % 2] += LOAD(from + v * LANES) * g[v];
            }
        }
    }
    for (int k = 0; k < taps; k++)
        dweight[k] += FN(sum_of)(sum[k][0] + sum[k][1]);
}

static void FN(correlate_grad)(int64_t n, int64_t taps, const int64_t *offset, const void *x, const void *dy,
                               void *pdweight)
{
    T *dweight = pdweight;
    int64_t k = 0;

    for (; k + SOME_TAPS <= taps; k += SOME_TAPS)
        FN(add_taps)(SOME_TAPS, n, offset + k, x, dy, dweight + k);
    for (; k < taps; k++)
        FN(add_taps)(1, n, offset + k, x, dy, dweight + k);
}

static void FN(spread)(const fr_sliding_window *w, const fr_depthwise_plan *p, const void *pdy, void *pplane)
{
    const T *restrict dy = pdy;
    T *restrict plane = pplane;

    memset(plane, 0, (size_t)(p->plane + SLACK) * sizeof(T));
    for (int64_t i = 0; i < w->out_size[0]; i++, dy += w->out_size[1], plane += w->stride[0] * p->width)
        for (int64_t j = 0; j < w->out_size[1]; j++)
            plane[j * w->stride[1]] = dy[j];
}

/* y from the outputs of stride 1. */
static void FN(pick)(const fr_sliding_window *w, const fr_depthwise_plan *p, const void *pout, const void *bias,
                     void *py)
{
    const T *restrict out = pout;
    T *restrict y = py, number = bias ? *(const T *)bias : 0;

    for (int64_t i = 0; i < w->out_size[0]; i++, y += w->out_size[1], out += w->stride[0] * p->width)
        for (int64_t j = 0; j < w->out_size[1]; j++)
            y[j] = out[j * w->stride[1]] + number;
}

static void FN(add_plane)(const fr_sliding_window *w, const fr_depthwise_plan *p, const void *pplane, void *pdx)
{
    const T *restrict plane = (const T *)pplane + w->pad_before[0] * p->width + w->pad_before[1];
    T *restrict dx = pdx;

    for (int64_t i = 0; i < w->in_size[0]; i++, dx += w->in_size[1], plane += p->width)
        for (int64_t j = 0; j < w->in_size[1]; j++)
            dx[j] += plane[j];
}

#undef LANES
#undef LOAD
#endif
