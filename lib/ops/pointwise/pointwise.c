/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Runs row kernels over whole tensors: broadcasts over any strides, and cuts the work in tiles for threads. */
#include "ops/pointwise/pointwise.h"

#include "core/integer.h"
#include "core/row.h"
#include "core/threads.h"

bool fr_infer_broadcast(fr_op_call *call)
{
    const fr_tensor *a = call->in[0], *b = call->in[1];
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT];

    call->out[0].dtype = (fr_dtype)a->dtype;
    if (!fr_shape_broadcast(&a->shape, &b->shape, &call->out[0].shape))
        return fr_op_fail(call, "%s and %s do not broadcast", fr_shape_text(&a->shape, x), fr_shape_text(&b->shape, y));
    return true;
}

bool fr_check_whole(const char *what, const fr_tensor *t, double value)
{
    if (t->dtype != FR_I64 || (fr_fits_int64(value) && value == floor(value)))
        return true;
    fr_fail(what, "%g given with int64, expected a whole number in its range; use fr_cast", value);
    return false;
}

bool fr_infer_scalar(fr_op_call *call)
{
    return fr_infer_same(call) && fr_check_whole(call->op->name, call->in[0], *(const double *)call->attributes);
}

/* A whole x is compared with the whole number on the side of p that gives the same. */
bool fr_c_comparison(fr_c_writer *w, const fr_op_call *call, const char *op)
{
    double p = *(const double *)call->attributes, whole = op[0] == '<' ? ceil(p) : floor(p);
    char text[16];

    snprintf(text, sizeof text, "x %s p[0]", op);
    if (call->in[0]->dtype != FR_I64)
        return fr_c_pointwise(w, call, text, call->attributes);
    if (!(fabs(p) < 0x1p62))
        return fr_c_fail(w, "int64 compared with %g", p);
    if (whole != p && strcmp(op, "<=") == 0)
        snprintf(text, sizeof text, "x < p[0]");
    if (whole != p && strcmp(op, ">=") == 0)
        snprintf(text, sizeof text, "x > p[0]");
    if (whole != p && op[1] == '=' && (*op == '=' || *op == '!'))
        snprintf(text, sizeof text, "%d + 0 * x", *op == '!');
    return fr_c_pointwise(w, call, text, (const double[2]){ whole });
}

/* The dims of the result, and the inputs' strides along them. Neighbouring dims that can be walked as one are joined,
 * dims of size 1 dropped; at least one is left. */
typedef struct {
    int ndim;
    int64_t dim[FR_MAX_DIMS], a[FR_MAX_DIMS], b[FR_MAX_DIMS];
} plan;

static int64_t broadcast_stride(const fr_tensor *t, const fr_shape *out, int dim)
{
    int i = dim - (out->ndim - t->shape.ndim);

    return i < 0 || t->shape.dim[i] == 1 ? 0 : t->stride[i];
}

static void make_plan(plan *p, const fr_tensor *a, const fr_tensor *b, const fr_shape *out)
{
    p->ndim = 0;
    for (int i = 0; i < out->ndim; i++) {
        int64_t n = out->dim[i], sa = broadcast_stride(a, out, i), sb = broadcast_stride(b, out, i);
        int last = p->ndim - 1;

        if (n == 1)
            continue;
        if (last >= 0 && p->a[last] == sa * n && p->b[last] == sb * n) {
            p->dim[last] *= n;
            p->a[last] = sa;
            p->b[last] = sb;
        } else {
            p->dim[p->ndim] = n;
            p->a[p->ndim] = sa;
            p->b[p->ndim++] = sb;
        }
    }
    if (p->ndim == 0) {
        p->ndim = 1;
        p->dim[0] = 1;
        p->a[0] = p->b[0] = 0;
    }
}

/* Values of a tile of the result. A tile may begin and end within a row. */
enum { TILE = 1 << 16 };

static int64_t tiles_of(int64_t n)
{
    return n / TILE + (n % TILE != 0);
}

static int64_t tile_length(int64_t n, int64_t tile)
{
    return n - tile * TILE < TILE ? n - tile * TILE : TILE;
}

typedef struct {
    const plan *p;
    fr_binary_row *row;
    int64_t n, size; /* of a value */
    const char *a, *b;
    char *y;
} binary_job;

static void binary_tile(void *job, int64_t tile)
{
    const binary_job *w = job;
    const plan *p = w->p;
    int64_t at = tile * TILE, end = at + tile_length(w->n, tile), rest = at, a = 0, b = 0, index[FR_MAX_DIMS];
    int last = p->ndim - 1;

    for (int i = last; i >= 0; i--) {
        index[i] = rest % p->dim[i];
        rest /= p->dim[i];
        a += index[i] * p->a[i];
        b += index[i] * p->b[i];
    }
    while (at < end) {
        int64_t n = p->dim[last] - index[last] < end - at ? p->dim[last] - index[last] : end - at;

        w->row(n, w->a + a * w->size, p->a[last], w->b + b * w->size, p->b[last], w->y + at * w->size);
        at += n;
        a += n * p->a[last];
        b += n * p->b[last];
        index[last] += n;
        for (int i = last; i > 0 && index[i] == p->dim[i]; i--) {
            a += p->a[i - 1] - index[i] * p->a[i];
            b += p->b[i - 1] - index[i] * p->b[i];
            index[i] = 0;
            index[i - 1]++;
        }
    }
}

/* t's stride where all n values of the result are one row; -1: they are not, or it takes a plan to find out. */
static int64_t row_stride(const fr_tensor *t, int64_t n)
{
    return t->numel == n && t->contiguous ? 1 : t->numel == 1 ? 0 : -1;
}

void fr_binary_forward(fr_op_call *call, fr_binary_row *f32, fr_binary_row *f64, fr_binary_row *i64)
{
    const fr_tensor *a = call->in[0], *b = call->in[1];
    fr_tensor *y = call->result[0];
    fr_binary_row *row = a->dtype == FR_F32 ? f32 : a->dtype == FR_F64 ? f64 : i64;
    int64_t n = y->numel, a_stride = row_stride(a, n), b_stride = row_stride(b, n);
    plan p;

    if (FR_UNLIKELY(call->rows != NULL)) {
        *call->rows = (fr_rows){ .binary = row };
        return;
    }
    if (n == 0)
        return;
    if (a_stride >= 0 && b_stride >= 0 && n <= TILE) { /* one row: neither plan nor tiles */
        row(n, a->origin, a_stride, b->origin, b_stride, y->origin);
        return;
    }
    make_plan(&p, a, b, &y->shape);

    binary_job job = { .p = &p,
                       .row = row,
                       .n = n,
                       .size = (int64_t)fr_dtype_size((fr_dtype)y->dtype),
                       .a = a->origin,
                       .b = b->origin,
                       .y = y->origin };

    fr_run_tiles(tiles_of(n), binary_tile, &job);
}

static const double *attributes_of(const fr_op_call *call)
{
    static const double none[2];

    return call->attributes ? call->attributes : none;
}

/* Of a forward: x, y. Of a backward: gradient, x, y, out. */
typedef struct {
    fr_unary_row *row;
    fr_gradient_row *gradient_row;
    int64_t n;
    size_t size; /* of a value */
    const char *gradient, *x, *y;
    char *out;
    const double *attributes;
} unary_job;

static void unary_tile(void *job, int64_t tile)
{
    const unary_job *w = job;
    size_t at = (size_t)tile * TILE * w->size;

    w->row(tile_length(w->n, tile), w->x + at, w->out + at, w->attributes);
}

static void gradient_tile(void *job, int64_t tile)
{
    const unary_job *w = job;
    size_t at = (size_t)tile * TILE * w->size;

    w->gradient_row(tile_length(w->n, tile), w->gradient + at, w->x + at, w->y + at, w->out + at, w->attributes);
}

/* The same where the gradient is one number: a short row of it serves all the way. */
static void one_gradient_tile(void *job, int64_t tile)
{
    enum { SHORT = 1 << 9 };
    const unary_job *w = job;
    double row[SHORT];
    int64_t n = tile_length(w->n, tile);

    fr_fill_row(row, w->gradient, w->size, (size_t)fr_least(n, SHORT));
    for (int64_t i = 0; i < n; i += SHORT) {
        size_t at = (size_t)(tile * TILE + i) * w->size;

        w->gradient_row(n - i < SHORT ? n - i : SHORT, row, w->x + at, w->y + at, w->out + at, w->attributes);
    }
}

void fr_unary_forward(fr_op_call *call, fr_unary_row *f32, fr_unary_row *f64, fr_unary_row *i64)
{
    const fr_tensor *x = call->in[0];
    unary_job job = { .row = x->dtype == FR_F32   ? f32
                             : x->dtype == FR_F64 ? f64
                                                  : i64,
                      .n = x->numel,
                      .size = fr_dtype_size((fr_dtype)x->dtype),
                      .x = x->origin,
                      .out = call->result[0]->origin,
                      .attributes = attributes_of(call) };

    if (FR_UNLIKELY(call->rows != NULL))
        *call->rows = (fr_rows){ .unary = job.row, .attributes = job.attributes };
    else
        fr_run_tiles(tiles_of(job.n), unary_tile, &job);
}

void fr_unary_backward(fr_op_call *call, fr_gradient_row *f32, fr_gradient_row *f64)
{
    const fr_tensor *g = call->grad_out[0];
    const fr_tensor *unread = call->grad_in[0]; /* for what is not saved */
    const fr_tensor *x = call->in[0] ? call->in[0] : unread, *y = call->result[0] ? call->result[0] : unread;
    unary_job job = { .gradient_row = g->dtype == FR_F32 ? f32 : f64,
                      .n = g->numel,
                      .size = fr_dtype_size((fr_dtype)g->dtype),
                      .gradient = g->origin,
                      .x = x->origin,
                      .y = y->origin,
                      .out = call->grad_in[0]->origin,
                      .attributes = attributes_of(call) };

    if (FR_UNLIKELY(call->rows != NULL))
        *call->rows = (fr_rows){ .gradient = job.gradient_row, .attributes = job.attributes };
    else
        fr_run_tiles(tiles_of(job.n), g->contiguous ? gradient_tile : one_gradient_tile, &job);
}

/* --- As ONNX ----------------------------------------------------------------------------------------------------- */

bool fr_onnx_scalar(fr_onnx *g, const fr_op_call *call)
{
    const double *value = call->attributes;

    fr_onnx_node(g, call->op->onnx_name,
                 FR_ONNX_NAMES(fr_onnx_input(g, 0), fr_onnx_number(g, fr_dtype_of(call->in[0]), *value)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

bool fr_onnx_alpha(fr_onnx *g, const fr_op_call *call)
{
    fr_onnx_node(g, call->op->onnx_name, FR_ONNX_NAMES(fr_onnx_input(g, 0)), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    fr_onnx_float(g, "alpha", *(const double *)call->attributes);
    return true;
}

/* The name of a bool tensor. "", and g has failed, where int64 is compared with a number that is not whole. */
static const char *compared(fr_onnx *g, const fr_op_call *call)
{
    fr_dtype dtype = fr_dtype_of(call->in[0]);
    const double *value = call->attributes;

    if (call->inputs == 1 && dtype == FR_I64 && (double)fr_whole(*value) != *value) {
        fr_onnx_fail(g, "it compares int64 with %g, and ONNX with whole numbers alone", *value);
        return "";
    }
    return fr_onnx_value(
        g, call->op->onnx_name,
        FR_ONNX_NAMES(fr_onnx_input(g, 0), call->inputs == 2 ? fr_onnx_input(g, 1) : fr_onnx_number(g, dtype, *value)));
}

static bool cast_back(fr_onnx *g, const fr_op_call *call, const char *found)
{
    fr_onnx_node(g, "Cast", FR_ONNX_NAMES(found), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    fr_onnx_int(g, "to", fr_onnx_dtype(fr_dtype_of(call->in[0])));
    return true;
}

bool fr_onnx_comparison(fr_onnx *g, const fr_op_call *call)
{
    return cast_back(g, call, compared(g, call));
}

bool fr_onnx_negated(fr_onnx *g, const fr_op_call *call)
{
    return cast_back(g, call, fr_onnx_value(g, "Not", FR_ONNX_NAMES(compared(g, call))));
}

bool fr_onnx_near_0(fr_onnx *g, const char *u, const char *one, const char *y, const char *by)
{
    const char *x = fr_onnx_input(g, 0);
    const char *near = fr_onnx_value(g, "Mul", FR_ONNX_NAMES(y, fr_onnx_value(g, "Div", FR_ONNX_NAMES(x, by))));
    const char *same = fr_onnx_value(g, "Equal", FR_ONNX_NAMES(u, one));
    const char *is_far = fr_onnx_value(g, "Greater", FR_ONNX_NAMES(fr_onnx_value(g, "Abs", FR_ONNX_NAMES(x)), one));

    near = fr_onnx_value(g, "Where", FR_ONNX_NAMES(same, x, near));
    fr_onnx_node(g, "Where", FR_ONNX_NAMES(is_far, y, near), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}
