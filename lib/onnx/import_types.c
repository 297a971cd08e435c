/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's element types, of which there are more than frond has dtypes. A value of a type that frond does not have is
 * kept in a wider dtype, and brought to what its type can hold after each node. */
#include <config.h>

#include "core/error.h"
#include "core/scope.h"
#include "onnx/import.h"

#include <frond/autograd.h>
#include <frond/ops.h>
#include <math.h>

bool fr_import_limits(int type, int64_t *least, int64_t *most)
{
    static const struct {
        int bits;
        bool is_signed;
    } kinds[] = { [FR_ONNX_UINT8] = { 8, false }, [FR_ONNX_INT8] = { 8, true },   [FR_ONNX_UINT16] = { 16, false },
                  [FR_ONNX_INT16] = { 16, true }, [FR_ONNX_INT32] = { 32, true }, [FR_ONNX_UINT32] = { 32, false } };
    int bits = type >= 0 && (size_t)type < sizeof kinds / sizeof *kinds ? kinds[type].bits : 0;

    if (bits == 0)
        return false;
    *least = kinds[type].is_signed ? -(INT64_C(1) << (bits - 1)) : 0;
    *most = *least + (INT64_C(1) << bits) - 1;
    return true;
}

/* x modulo the number of values from least to most. */
static fr_tensor *wrapped(fr_tensor *x, int64_t least, int64_t most)
{
    fr_tensor *t = fr_contiguous(x->dtype == FR_I64 ? x : fr_cast(x, FR_I64)), *y = fr_empty_like(t);
    bool any = false;

    for (int64_t i = 0; y && i < t->numel; i++) {
        int64_t value = ((const int64_t *)(const void *)t->origin)[i];
        uint64_t above = ((uint64_t)value - (uint64_t)least) & (uint64_t)(most - least);

        ((int64_t *)(void *)y->origin)[i] = least + (int64_t)above;
        any = any || value < least || value > most;
    }
    return y && !any ? t : y;
}

/* The nearest number of that many bits after the first, the even one of two; beyond most it is infinite. */
static double nearest(double x, int bits, int least_exponent, double most)
{
    int exponent;
    double unit, y;

    if (!isfinite(x) || x == 0)
        return x;
    frexp(x, &exponent);
    exponent = exponent - 1 < least_exponent ? least_exponent : exponent - 1;
    unit = ldexp(1, exponent - bits);
    y = rint(x / unit) * unit;
    return fabs(y) > most ? copysign(INFINITY, x) : y;
}

/* x + (y - x) for the rounded y: exact, and the gradient of x passes as through a cast. */
static fr_tensor *rounded(fr_tensor *x, bool bfloat)
{
    fr_tensor *t = fr_contiguous(fr_detach(x)), *change = t && t->dtype == FR_F32 ? fr_empty_like(t) : NULL;
    bool any = false;

    for (int64_t i = 0; change && i < t->numel; i++) {
        float value = ((const float *)(const void *)t->origin)[i];
        float y =
            (float)(bfloat ? nearest((double)value, 7, -126, 0x1.FEp127) : nearest((double)value, 10, -14, 65504));

        ((float *)(void *)change->origin)[i] = y == value ? 0 : y - value;
        any = any || y != value;
    }
    return any ? fr_add(x, change) : t ? x : NULL;
}

fr_tensor *fr_import_as_type(fr_tensor *t, int type)
{
    int64_t least, most;

    if (!t)
        return NULL;
    if (type == FR_ONNX_BOOL)
        return t->dtype == FR_I64 ? t : fr_cast(fr_ne_scalar(t, 0), FR_I64);
    if (fr_import_limits(type, &least, &most))
        return wrapped(t, least, most);
    if (type == FR_ONNX_UINT64 && t->numel > 0 && fr_at(fr_min(t), 0) < 0)
        return fr_fail("load_onnx", "a value of type uint64 is beyond what int64 holds");
    return type == FR_ONNX_FLOAT16 || type == FR_ONNX_BFLOAT16 ? rounded(t, type == FR_ONNX_BFLOAT16) : t;
}
