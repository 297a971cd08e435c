/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What pools share: options, shapes, and cutting the work into planes. */
#include "ops/pooling.h"

#include <inttypes.h>

enum { TILE = 1 << 15 }; /* values, of x and of all windows */

/* --- Options ------------------------------------------------------------------------------------------------------ */

static bool read_windows(const char *what, int dims, const fr_shape *kernel, const fr_shape *stride,
                         const fr_shape *padding, const fr_shape *dilation, fr_windows *w)
{
    w->dims = dims;
    if (!fr_window_option(what, "kernel_size", kernel, kernel, dims, 1, w->kernel) ||
        !fr_window_option(what, "stride", stride, kernel, dims, 1, w->stride) ||
        !fr_window_option(what, "padding", padding, NULL, dims, 0, w->before) ||
        !fr_window_option(what, "dilation", dilation, NULL, dims, 1, w->dilation))
        return false;
    for (int i = 0; i < FR_SPACE; i++) {
        w->after[i] = w->before[i];
        if (w->before[i] > w->kernel[i] / 2)
            return fr_fail(what, "padding %" PRId64 " for a kernel of %" PRId64 ", expected at most half of it",
                           w->before[i], w->kernel[i]),
                   false;
    }
    return true;
}

bool fr_max_pool_read(const char *what, int dims, const fr_shape *kernel, const fr_max_pool_options *options,
                      fr_pool *p)
{
    static const fr_max_pool_options none;
    const fr_max_pool_options *o = options ? options : &none;

    *p = (fr_pool){ .ceil_mode = o->ceil_mode };
    return fr_check_reserved(what, o->reserved) &&
           read_windows(what, dims, kernel, &o->stride, &o->padding, &o->dilation, &p->w);
}

bool fr_avg_pool_read(const char *what, int dims, const fr_shape *kernel, const fr_avg_pool_options *options,
                      fr_pool *p)
{
    static const fr_avg_pool_options none;
    const fr_avg_pool_options *o = options ? options : &none;

    *p = (fr_pool){ .ceil_mode = o->ceil_mode, .exclude_pad = o->exclude_pad, .divisor = o->divisor_override };
    return fr_check_reserved(what, o->reserved) &&
           read_windows(what, dims, kernel, &o->stride, &o->padding, &(fr_shape){ 0 }, &p->w);
}

fr_tensor *fr_apply_max_pool(const fr_op *op, int dims, fr_tensor *x, fr_shape kernel,
                             const fr_max_pool_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, op->name);
    fr_pool p;
    fr_tensor *y = fr_max_pool_read(op->name, dims, &kernel, options, &p) ? fr_apply(op, &x, &p) : NULL;

    fr_finish(th, before);
    return y;
}

fr_tensor *fr_apply_avg_pool(const fr_op *op, int dims, fr_tensor *x, fr_shape kernel,
                             const fr_avg_pool_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, op->name);
    fr_pool p;
    fr_tensor *y = fr_avg_pool_read(op->name, dims, &kernel, options, &p) ? fr_apply(op, &x, &p) : NULL;

    fr_finish(th, before);
    return y;
}

/* --- Shapes ------------------------------------------------------------------------------------------------------- */

bool fr_pool_complete(fr_op_call *call, const fr_shape *x, fr_pool *p)
{
    char text[FR_SHAPE_TEXT];

    *p = *(const fr_pool *)call->attributes;
    if (!fr_is_spatial(&p->w, x))
        return fr_op_fail(call, "x %s, expected %s", fr_shape_text(x, text),
                          p->w.dims == 1 ? "(N, C, L) or (C, L)" : "(N, C, H, W) or (C, H, W)");
    fr_windows_over(&p->w, x);
    if (fr_windows_size(&p->w) == 0)
        return fr_op_fail(call, "x %s has channels without values", fr_shape_text(x, text));
    if (!p->adaptive)
        return fr_windows_fit(call, x, p->ceil_mode, &p->w);

    int64_t product; /* of which the windows are computed */

    return fr_mul_size(p->w.size[1], p->w.out[1], &product) ||
           fr_op_fail(call, "x %s to %" PRId64 " values: too large", fr_shape_text(x, text), p->w.out[1]);
}

void fr_pool_meta(fr_op_call *call, const fr_pool *p)
{
    const fr_shape *x = &call->in[0]->shape;

    call->out[0].dtype = fr_dtype_of(call->in[0]);
    call->out[0].shape = fr_spatial_shape(&p->w, x, x->dim[x->ndim - p->w.dims - 1], p->w.out);
}

/* --- Planes ------------------------------------------------------------------------------------------------------- */

typedef struct {
    fr_plane *plane;
    const void *job;
    int64_t planes, per_tile;
} planes_job;

static void run_tile(void *user, int64_t tile)
{
    const planes_job *j = user;

    for (int64_t i = tile * j->per_tile; i < (tile + 1) * j->per_tile && i < j->planes; i++)
        j->plane(j->job, i);
}

double fr_pool_values(const fr_pool *p)
{
    double window = p->adaptive ? 0 : (double)p->w.kernel[0] * (double)p->w.kernel[1];

    return (double)fr_windows_size(&p->w) + (double)fr_windows_out(&p->w) * window;
}

void fr_run_planes(int64_t planes, double values, fr_plane *plane, const void *job)
{
    planes_job j = { .plane = plane, .job = job, .planes = planes, .per_tile = 1 + (int64_t)(TILE / (values + 1)) };

    fr_run_tiles((planes + j.per_tile - 1) / j.per_tile, run_tile, &j);
}
