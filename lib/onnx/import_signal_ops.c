/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's DFT, STFT and windows. The transform is a product with a matrix of cosines and sines. */
#include <config.h>

#include "core/integer.h"
#include "core/thread.h"
#include "graph/result_limit.h"
#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>

enum { MAX_LENGTH = 1 << 20 };

/* Of length N: `in` values of the signal or spectrum that count, `out` results. */
typedef struct {
    int64_t length, in, out;
    bool inverse, from_half; /* from_half: of a spectrum whose other half is its conjugate */
} transform;

/* (in,out): cos or sin of 2 pi j k / N, over N for the inverse. j k is taken modulo N, so that large ones are exact. */
static fr_tensor *matrix_of(const transform *t, double (*wave)(double), fr_dtype dtype)
{
    fr_tensor *m = NULL;

    if (fr_result_limit_count_bytes(fr_thread_self(), "dft", t->in * t->out * 8))
        m = fr_zeros_of(FR_SHAPE(t->in, t->out), FR_F64);
    for (int64_t i = 0; m && i < m->numel; i++) {
        int64_t j = i / t->out;
        bool twice = t->from_half && j > 0 && 2 * j != t->length;
        double angle = 2 * acos(-1) * (double)(j * (i % t->out) % t->length) / (double)t->length;

        ((double *)(void *)m->origin)[i] = wave(angle) * (twice ? 2 : 1) / (t->inverse ? (double)t->length : 1);
    }
    return fr_cast(m, dtype);
}

/* The first t->in values of the last dim, or zeros behind those that are there. */
static fr_tensor *cut(const transform *t, fr_tensor *x)
{
    int64_t size = fr_dim(x, -1);

    return size < t->in ? fr_pad(x, (int64_t[]){ 0, t->in - size }, 2, 0) : fr_slice(x, -1, 0, t->in, 1);
}

/* Along the last dim of the real and, unless NULL, the imaginary parts (...,n): (...,out,2), of from_half (...,out,1).
 */
static fr_tensor *apply(const transform *t, fr_tensor *re, fr_tensor *im)
{
    fr_tensor *cosines = matrix_of(t, cos, fr_dtype_of(re)), *sines = matrix_of(t, sin, fr_dtype_of(re)), *parts[2];

    sines = t->inverse ? fr_neg(sines) : sines; /* exp(-i a) = cos(a) - i sin(a) */
    re = cut(t, re);
    parts[0] = fr_matmul(re, cosines);
    parts[1] = fr_neg(fr_matmul(re, sines));
    if (im) {
        im = cut(t, im);
        parts[0] = fr_add(parts[0], fr_matmul(im, sines));
        parts[1] = fr_add(parts[1], fr_matmul(im, cosines));
    }
    return t->from_half ? fr_unsqueeze(parts[0], -1) : fr_stack(parts, 2, -1);
}

/* x (...,1 or 2). The axis is an attribute before operator set 20, then input 2; of input 1 the length. */
static bool run_dft(fr_import_call *c)
{
    fr_import_ints length, axis;
    bool inverse = fr_import_int(c, "inverse", 0), half = fr_import_int(c, "onesided", 0);
    fr_tensor *x = fr_import_input(c, 0), *re, *im, *y;

    if (!fr_import_require(c, 1) || !fr_import_input_ints(c, 1, "", &length) || !fr_import_input_ints(c, 2, "", &axis))
        return false;

    int64_t parts = x->shape.ndim < 2 ? 0 : fr_dim(x, -1), otherwise = fr_import_int(c, "axis", c->opset < 20 ? 1 : -2);
    int dim = fr_import_axis(c, x, axis.n == 1 ? axis.value[0] : otherwise), last = x->shape.ndim - 1;

    if (dim < 0)
        return false;
    if ((parts != 1 && parts != 2) || dim == last || axis.n > 1 || length.n > 1 || x->dtype == FR_I64)
        return fr_import_fail(c, "expected real or complex values (..., 1 or 2), and an axis before that dim");

    int64_t n = length.n == 1 ? length.value[0] : inverse && half ? 2 * (fr_dim(x, dim) - 1) : fr_dim(x, dim);
    transform t = { n, n, n, inverse, inverse && half };

    if (n < 1 || n > MAX_LENGTH)
        return fr_import_fail(c, "its length is below 1 or above 2^20");
    t.in = t.from_half ? n / 2 + 1 : n;
    t.out = half && !inverse ? n / 2 + 1 : n;
    re = fr_movedim(fr_select(x, last, 0), dim, -1);
    im = parts == 2 ? fr_movedim(fr_select(x, last, 1), dim, -1) : NULL;
    y = apply(&t, re, im);
    return fr_import_return(c, fr_movedim(y, -2, dim));
}

/* Of each frame of a signal (B,L) or (B,L,1 or 2), times a window: (B,frames,bins,2). */
static bool run_stft(fr_import_call *c)
{
    fr_tensor *x = fr_import_input(c, 0), *window = fr_import_input(c, 2), *re, *im = NULL;
    fr_import_ints step, length;

    if (!fr_import_require(c, 2) || !fr_import_input_ints(c, 1, "", &step) || !fr_import_input_ints(c, 3, "", &length))
        return false;
    if (x->shape.ndim < 2 || x->shape.ndim > 3 || x->dtype == FR_I64 || step.n != 1 || step.value[0] < 1 ||
        (x->shape.ndim == 3 && fr_dim(x, 2) != 1 && fr_dim(x, 2) != 2))
        return fr_import_fail(c, "expected a signal (B, L, 1 or 2) and a step");

    bool complex_signal = x->shape.ndim == 3 && fr_dim(x, 2) == 2,
         half = fr_import_int(c, "onesided", 1) && !complex_signal;
    int64_t n = length.n == 1 ? length.value[0] : window ? window->numel : fr_dim(x, 1);
    transform t = { n, n, half ? n / 2 + 1 : n, false, false };

    if (n < 1 || n > MAX_LENGTH || n > fr_dim(x, 1) || (window && window->numel != n))
        return fr_import_fail(c, "its frames do not fit its signal and window");
    re = fr_unfold(x->shape.ndim == 3 ? fr_select(x, 2, 0) : x, 1, n, step.value[0]);
    if (complex_signal)
        im = fr_unfold(fr_select(x, 2, 1), 1, n, step.value[0]);
    if (window) {
        re = fr_mul(re, window);
        im = im ? fr_mul(im, window) : NULL;
    }
    return fr_import_return(c, apply(&t, re, im));
}

/* a - b cos(2 pi i / N) + c cos(4 pi i / N), of N values, or of N + 1 where the window is symmetric. */
static bool run_window(fr_import_call *c)
{
    static const double kinds[][3] = { { 0.42, 0.5, 0.08 }, { 25 / 46.0, 21 / 46.0, 0 }, { 0.5, 0.5, 0 } };
    const double *k = kinds[strcmp(c->op->type, "BlackmanWindow") == 0  ? 0
                            : strcmp(c->op->type, "HammingWindow") == 0 ? 1
                                                                        : 2];
    int dtype = fr_import_dtype(c->type[0]);
    fr_import_ints size;
    fr_tensor *at, *y;

    if (!fr_import_require(c, 1) || !fr_import_input_ints(c, 0, "", &size))
        return false;
    if (size.n != 1 || size.value[0] < 1 || size.value[0] > INT32_MAX || (dtype != FR_F32 && dtype != FR_F64))
        return fr_import_fail(c, "expected a size of 1 or more, and a type of floats");

    double turns = (double)fr_most(1, size.value[0] - !fr_import_int(c, "periodic", 1));

    if (!fr_result_limit_count_bytes(fr_thread_self(), "window", size.value[0] * 8))
        return false;
    at = fr_mul_scalar(fr_arange(0, (double)size.value[0], 1, FR_F64), 2 * acos(-1) / turns);
    y = fr_sub(fr_mul_scalar(fr_cos(fr_mul_scalar(at, 2)), k[2]), fr_mul_scalar(fr_cos(at), k[1]));
    return fr_import_return(c, fr_cast(fr_add_scalar(y, k[0]), (fr_dtype)dtype));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

#define WINDOW "output_datatype periodic"

static const fr_import_op ops[] = {
    { "BlackmanWindow", WINDOW, .result = FR_IMPORT_BY_ATTRIBUTE, .dtype_attribute = "output_datatype",
      .run = run_window },
    { "DFT", "axis inverse onesided", .run = run_dft },
    { "HammingWindow", WINDOW, .result = FR_IMPORT_BY_ATTRIBUTE, .dtype_attribute = "output_datatype",
      .run = run_window },
    { "HannWindow", WINDOW, .result = FR_IMPORT_BY_ATTRIBUTE, .dtype_attribute = "output_datatype", .run = run_window },
    { "STFT", "onesided", .run = run_stft },
};

const fr_import_op_table fr_import_signal_ops = { ops, sizeof ops / sizeof *ops };
