/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* MaxPool1d, MaxPool2d, MaxUnpool1d, MaxUnpool2d, AvgPool1d, AvgPool2d and the adaptive pools. */
#include "nn/module.h"
#include "ops/pool/pool.h"

#include <inttypes.h>

typedef struct {
    fr_shape kernel;
    fr_max_pool_options max; /* for MaxPool */
    fr_avg_pool_options avg; /* for AvgPool */
} pool;

static fr_tensor *forward_max1d(fr_module *m, fr_tensor *x)
{
    const pool *p = fr_self(m);

    return fr_max_pool1d(x, p->kernel.dim[0], &p->max);
}

static fr_tensor *forward_max2d(fr_module *m, fr_tensor *x)
{
    const pool *p = fr_self(m);

    return fr_max_pool2d(x, p->kernel, &p->max);
}

static fr_tensor *forward_avg1d(fr_module *m, fr_tensor *x)
{
    const pool *p = fr_self(m);

    return fr_avg_pool1d(x, p->kernel.dim[0], &p->avg);
}

static fr_tensor *forward_avg2d(fr_module *m, fr_tensor *x)
{
    const pool *p = fr_self(m);

    return fr_avg_pool2d(x, p->kernel, &p->avg);
}

/* A size as PyTorch prints it: one number or a tuple. default_size stands for one that was not given. */
static const char *size_text(const fr_shape *size, const fr_shape *default_size, char text[FR_SHAPE_TEXT])
{
    if (size->ndim == 0)
        size = default_size;
    if (size->ndim != 1)
        return fr_shape_text(size, text);
    snprintf(text, FR_SHAPE_TEXT, "%" PRId64, size->dim[0]);
    return text;
}

static const fr_shape zero = { 1, { 0 } }, one = { 1, { 1 } };

static fr_module *make_max(const char *what, const char *type, fr_forward_function *forward, int dims, fr_shape kernel,
                           const fr_max_pool_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_max_pool_options o = options ? *options : (fr_max_pool_options){ .ceil_mode = false };
    char text[4 * FR_SHAPE_TEXT + 80], a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT], c[FR_SHAPE_TEXT], d[FR_SHAPE_TEXT];
    fr_module *m = NULL;
    fr_pool_attributes checked;

    if (fr_read_max_pool_options(what, dims, &kernel, &o, &checked))
        m = fr_module_new(type, sizeof(pool), forward);
    if (m)
        *(pool *)fr_self(m) = (pool){ .kernel = kernel, .max = o };
    snprintf(text, sizeof text, "kernel_size=%s, stride=%s, padding=%s, dilation=%s, ceil_mode=%s",
             size_text(&kernel, &kernel, a), size_text(&o.stride, &kernel, b), size_text(&o.padding, &zero, c),
             size_text(&o.dilation, &one, d), o.ceil_mode ? "True" : "False");
    m = fr_module_finish(m, m && fr_module_describe(m, text));
    fr_finish(th, before);
    return m;
}

/* PyTorch's AvgPool1d, unlike the others, prints its sizes as tuples of one. */
static fr_module *make_avg(const char *what, const char *type, fr_forward_function *forward, int dims, fr_shape kernel,
                           const fr_avg_pool_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_avg_pool_options o = options ? *options : (fr_avg_pool_options){ .ceil_mode = false };
    char text[3 * FR_SHAPE_TEXT + 80], a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT], c[FR_SHAPE_TEXT];
    const char *format =
        dims == 1 ? "kernel_size=(%s,), stride=(%s,), padding=(%s,)" : "kernel_size=%s, stride=%s, padding=%s";
    fr_module *m = NULL;
    fr_pool_attributes checked;

    if (fr_read_avg_pool_options(what, dims, &kernel, &o, &checked))
        m = fr_module_new(type, sizeof(pool), forward);
    if (m)
        *(pool *)fr_self(m) = (pool){ .kernel = kernel, .avg = o };
    snprintf(text, sizeof text, format, size_text(&kernel, &kernel, a), size_text(&o.stride, &kernel, b),
             size_text(&o.padding, &zero, c));
    m = fr_module_finish(m, m && fr_module_describe(m, text));
    fr_finish(th, before);
    return m;
}

fr_module *fr_nn_max_pool1d(int64_t kernel_size, const fr_max_pool_options *options)
{
    return make_max("nn_max_pool1d", "MaxPool1d", forward_max1d, 1, FR_SHAPE(kernel_size), options);
}

fr_module *fr_nn_max_pool2d(fr_shape kernel_size, const fr_max_pool_options *options)
{
    return make_max("nn_max_pool2d", "MaxPool2d", forward_max2d, 2, kernel_size, options);
}

fr_module *fr_nn_avg_pool1d(int64_t kernel_size, const fr_avg_pool_options *options)
{
    return make_avg("nn_avg_pool1d", "AvgPool1d", forward_avg1d, 1, FR_SHAPE(kernel_size), options);
}

fr_module *fr_nn_avg_pool2d(fr_shape kernel_size, const fr_avg_pool_options *options)
{
    return make_avg("nn_avg_pool2d", "AvgPool2d", forward_avg2d, 2, kernel_size, options);
}

/* --- Max unpools -------------------------------------------------------------------------------------------------- */

typedef struct {
    int dims;
    fr_shape kernel;
    fr_max_unpool_options options; /* without an output_size */
} unpool;

static fr_tensor *forward_unpool(fr_module *m, fr_tensor *x)
{
    (void)x;
    return fr_fail("forward", "%s needs indices: use fr_max_unpool_forward", m->type);
}

/* A tuple, as PyTorch prints all sizes of these; zeros for none. */
static const char *tuple_text(const fr_shape *size, int dims, char text[FR_SHAPE_TEXT])
{
    fr_shape tuple = { .ndim = dims };

    for (int i = 0; i < dims; i++)
        tuple.dim[i] = size->ndim == 0 ? 0 : size->dim[size->ndim > 1 ? i : 0];
    return fr_shape_text(&tuple, text);
}

static fr_module *make_unpool(const char *what, const char *type, int dims, fr_shape kernel,
                              const fr_max_unpool_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    unpool u = { dims, kernel, options ? *options : (fr_max_unpool_options){ .reserved = { NULL } } };
    char text[3 * FR_SHAPE_TEXT + 80], a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT], c[FR_SHAPE_TEXT];
    fr_module *m = NULL;
    fr_sliding_window checked;

    if (u.options.output_size.ndim > 0)
        fr_fail(what, "output_size is for fr_max_unpool_forward");
    else if (fr_read_max_unpool_options(what, dims, &kernel, &u.options, &checked))
        m = fr_module_new(type, sizeof u, forward_unpool);
    if (m) {
        const fr_shape *stride = u.options.stride.ndim ? &u.options.stride : &kernel;

        *(unpool *)fr_self(m) = u;
        snprintf(text, sizeof text, "kernel_size=%s, stride=%s, padding=%s", tuple_text(&kernel, dims, a),
                 tuple_text(stride, dims, b), tuple_text(&u.options.padding, dims, c));
        m = fr_module_finish(m, fr_module_describe(m, text));
    }
    fr_finish(th, before);
    return m;
}

fr_module *fr_nn_max_unpool1d(int64_t kernel_size, const fr_max_unpool_options *options)
{
    return make_unpool("nn_max_unpool1d", "MaxUnpool1d", 1, FR_SHAPE(kernel_size), options);
}

fr_module *fr_nn_max_unpool2d(fr_shape kernel_size, const fr_max_unpool_options *options)
{
    return make_unpool("nn_max_unpool2d", "MaxUnpool2d", 2, kernel_size, options);
}

fr_tensor *fr_max_unpool_forward(fr_module *m, fr_tensor *x, fr_tensor *indices, fr_shape output_size)
{
    const char *what = "max_unpool_forward";
    fr_composition c = fr_compose(what);
    fr_tensor *y = NULL;

    if (!fr_check_argument(what, m, "module")) {
    } else if (m->forward != forward_unpool) {
        fr_fail(what, "%s given, expected MaxUnpool1d or MaxUnpool2d", m->type);
    } else {
        unpool u = *(const unpool *)fr_self(m);

        u.options.output_size = output_size;
        if (fr_module_enter(c.th, m))
            y = fr_module_leave(c.th, m, fr_apply_max_unpool(what, u.dims, x, indices, u.kernel, &u.options));
    }
    return fr_composed(c, y);
}

/* --- Adaptive pools ----------------------------------------------------------------------------------------------- */

/* One of the two is set. */
typedef struct {
    fr_shape size;
    fr_tensor *(*pool1d)(fr_tensor *x, int64_t output_size);
    fr_tensor *(*pool2d)(fr_tensor *x, fr_shape output_size);
} adaptive;

static fr_tensor *forward_adaptive(fr_module *m, fr_tensor *x)
{
    const adaptive *a = fr_self(m);

    return a->pool1d ? a->pool1d(x, a->size.dim[0]) : a->pool2d(x, a->size);
}

/* One number, or a pair in which -1 is None. */
static void adaptive_text(const fr_shape *size, char text[FR_SHAPE_TEXT])
{
    char side[2][24];

    for (int i = 0; i < 2; i++)
        snprintf(side[i], sizeof side[i], "%" PRId64, size->dim[i]);
    if (size->ndim == 1)
        snprintf(text, FR_SHAPE_TEXT, "%s", side[0]);
    else
        snprintf(text, FR_SHAPE_TEXT, "(%s, %s)", size->dim[0] < 0 ? "None" : side[0],
                 size->dim[1] < 0 ? "None" : side[1]);
}

static fr_module *make_adaptive(const char *what, const char *type, adaptive with)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_module *m = NULL;
    int64_t checked[FR_SPATIAL_DIMS];
    char text[FR_SHAPE_TEXT + 20], size[FR_SHAPE_TEXT];

    if (fr_read_output_size(what, with.pool1d ? 1 : 2, &with.size, checked))
        m = fr_module_new(type, sizeof(adaptive), forward_adaptive);
    if (m) {
        *(adaptive *)fr_self(m) = with;
        adaptive_text(&with.size, size);
        snprintf(text, sizeof text, "output_size=%s", size);
        m = fr_module_finish(m, fr_module_describe(m, text));
    }
    fr_finish(th, before);
    return m;
}

fr_module *fr_nn_adaptive_avg_pool1d(int64_t output_size)
{
    return make_adaptive("nn_adaptive_avg_pool1d", "AdaptiveAvgPool1d",
                         (adaptive){ FR_SHAPE(output_size), fr_adaptive_avg_pool1d, NULL });
}

fr_module *fr_nn_adaptive_avg_pool2d(fr_shape output_size)
{
    return make_adaptive("nn_adaptive_avg_pool2d", "AdaptiveAvgPool2d",
                         (adaptive){ output_size, NULL, fr_adaptive_avg_pool2d });
}

fr_module *fr_nn_adaptive_max_pool1d(int64_t output_size)
{
    return make_adaptive("nn_adaptive_max_pool1d", "AdaptiveMaxPool1d",
                         (adaptive){ FR_SHAPE(output_size), fr_adaptive_max_pool1d, NULL });
}

fr_module *fr_nn_adaptive_max_pool2d(fr_shape output_size)
{
    return make_adaptive("nn_adaptive_max_pool2d", "AdaptiveMaxPool2d",
                         (adaptive){ output_size, NULL, fr_adaptive_max_pool2d });
}
