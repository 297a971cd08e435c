/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Values as files hold them, to and from those that tensors hold. */
#include <config.h>

#include "files/stored.h"

#include "core/error.h"
#include "core/integer.h"
#include "core/shape.h"
#include "core/tensor.h"

const fr_stored_info fr_stored_kinds[FR_STORED_KINDS] = {
    [FR_STORED_F32] = { "F32", "f4", 4, FR_F32 },   [FR_STORED_F64] = { "F64", "f8", 8, FR_F64 },
    [FR_STORED_I64] = { "I64", "i8", 8, FR_I64 },   [FR_STORED_F16] = { "F16", "f2", 2, FR_F32 },
    [FR_STORED_BF16] = { "BF16", NULL, 2, FR_F32 }, [FR_STORED_BOOL] = { "BOOL", "b1", 1, FR_I64 },
    [FR_STORED_I8] = { "I8", "i1", 1, FR_I64 },     [FR_STORED_I16] = { "I16", "i2", 2, FR_I64 },
    [FR_STORED_I32] = { "I32", "i4", 4, FR_I64 },   [FR_STORED_U8] = { "U8", "u1", 1, FR_I64 },
    [FR_STORED_U16] = { "U16", "u2", 2, FR_I64 },   [FR_STORED_U32] = { "U32", "u4", 4, FR_I64 },
    [FR_STORED_U64] = { "U64", "u8", 8, FR_I64 },
};

static const bool host_is_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

static void swap_bytes(void *values, int64_t count, size_t size)
{
    unsigned char *at = values;

    for (int64_t i = 0; i < count; i++, at += size) {
        for (size_t low = 0, high = size - 1; low < high; low++, high--) {
            unsigned char byte = at[low];

            at[low] = at[high];
            at[high] = byte;
        }
    }
}

/* --- Conversions ------------------------------------------------------------------------------------------------- */

static float float_of_bits(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* IEEE 754 binary16: 1 bit of sign, 5 of exponent (bias 15), 10 of mantissa; NaNs keep theirs. */
static float float_of_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, mantissa = half & 1023;

    if (exponent == 0) /* subnormal: mantissa 2^-24 */
        return (sign ? -1.f : 1.f) * (float)mantissa * 0x1p-24f;
    return float_of_bits(sign | (exponent == 31 ? 255U : exponent + 127 - 15) << 23 | mantissa << 13);
}

/* Loops over count values of type T at from, in this machine's order of bytes, as x, to those of type TO at into. */
#define CONVERT(T, TO, expression)                                                                                     \
    do {                                                                                                               \
        const T *values = from;                                                                                        \
        TO *to = into;                                                                                                 \
                                                                                                                       \
        for (size_t i = 0; i < count; i++) {                                                                           \
            T x = values[i];                                                                                           \
                                                                                                                       \
            to[i] = expression;                                                                                        \
        }                                                                                                              \
    } while (0)

static void convert(fr_stored kind, const void *from, void *into, size_t count)
{
    switch (kind) {
    case FR_STORED_F16:
        CONVERT(uint16_t, float, float_of_half(x));
        break;
    case FR_STORED_BF16: /* the upper half of a float */
        CONVERT(uint16_t, float, float_of_bits((uint32_t)x << 16));
        break;
    case FR_STORED_BOOL:
        CONVERT(uint8_t, int64_t, x != 0);
        break;
    case FR_STORED_I8:
        CONVERT(int8_t, int64_t, x);
        break;
    case FR_STORED_I16:
        CONVERT(int16_t, int64_t, x);
        break;
    case FR_STORED_I32:
        CONVERT(int32_t, int64_t, x);
        break;
    case FR_STORED_U8:
        CONVERT(uint8_t, int64_t, x);
        break;
    case FR_STORED_U16:
        CONVERT(uint16_t, int64_t, x);
        break;
    case FR_STORED_U32:
        CONVERT(uint32_t, int64_t, x);
        break;
    default: /* those that need no conversion */
        break;
    }
}

/* --- Reading ----------------------------------------------------------------------------------------------------- */

/* Kinds of the dtype's own size. */
static bool read_in_place(fr_source *s, fr_stored kind, bool swap, fr_tensor *t)
{
    size_t size = fr_stored_kinds[kind].size;

    if (!fr_source_read(s, t->origin, (size_t)t->numel * size))
        return false;
    if (swap)
        swap_bytes(t->origin, t->numel, size);
    for (int64_t i = 0; kind == FR_STORED_U64 && i < t->numel; i++) {
        int64_t x = ((const int64_t *)t->origin)[i];

        if (x < 0)
            return fr_fail(s->where, "value %lld is %llu (uint64), which is above 2^63 - 1", (long long)i,
                           (unsigned long long)x);
    }
    return true;
}

static bool read_converted(fr_source *s, fr_stored kind, bool swap, fr_tensor *t)
{
    enum { CHUNK = 8192 };
    _Alignas(8) char buffer[CHUNK];
    size_t size = fr_stored_kinds[kind].size, into_size = fr_dtype_size((fr_dtype)t->dtype);
    char *into = t->origin;

    for (int64_t left = t->numel, count; left > 0; left -= count) {
        count = fr_least(left, CHUNK / (int64_t)size);
        if (!fr_source_read(s, buffer, (size_t)count * size))
            return false;
        if (swap)
            swap_bytes(buffer, count, size);
        convert(kind, buffer, into, (size_t)count);
        into += (size_t)count * into_size;
    }
    return true;
}

bool fr_stored_read(fr_source *s, fr_stored kind, bool big_endian, fr_tensor *t)
{
    bool swap = big_endian != host_is_big;

    return fr_stored_kinds[kind].size == fr_dtype_size((fr_dtype)t->dtype) ? read_in_place(s, kind, swap, t)
                                                                           : read_converted(s, kind, swap, t);
}

/* --- Writing ----------------------------------------------------------------------------------------------------- */

fr_tensor *fr_stored_values(const char *where, fr_tensor *t)
{
    if (t->contiguous && !host_is_big)
        return fr_ref(t);

    fr_tensor *copy = fr_tensor_copy(where, t);

    if (copy && host_is_big)
        swap_bytes(copy->origin, copy->numel, fr_dtype_size((fr_dtype)copy->dtype));
    return copy;
}
