/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Values of tensors from and to files: dtype conversion and byte order. */
#include <config.h>

#include "files/dtype.h"

#include "core/error.h"
#include "core/integer.h"
#include "core/shape.h"
#include "core/tensor.h"

const fr_file_dtype_info fr_file_dtypes[FR_FILE_DTYPES] = {
    [FR_FILE_F32] = { "F32", "f4", 4, FR_F32 },   [FR_FILE_F64] = { "F64", "f8", 8, FR_F64 },
    [FR_FILE_I64] = { "I64", "i8", 8, FR_I64 },   [FR_FILE_F16] = { "F16", "f2", 2, FR_F32 },
    [FR_FILE_BF16] = { "BF16", NULL, 2, FR_F32 }, [FR_FILE_BOOL] = { "BOOL", "b1", 1, FR_I64 },
    [FR_FILE_I8] = { "I8", "i1", 1, FR_I64 },     [FR_FILE_I16] = { "I16", "i2", 2, FR_I64 },
    [FR_FILE_I32] = { "I32", "i4", 4, FR_I64 },   [FR_FILE_U8] = { "U8", "u1", 1, FR_I64 },
    [FR_FILE_U16] = { "U16", "u2", 2, FR_I64 },   [FR_FILE_U32] = { "U32", "u4", 4, FR_I64 },
    [FR_FILE_U64] = { "U64", "u8", 8, FR_I64 },
};

static const bool host_is_big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

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

/* IEEE 754 binary16: 1 bit of sign, 5 of exponent (bias 15), 10 of mantissa. The payload of a NaN is kept. */
static float float_of_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, mantissa = half & 1023;

    if (exponent == 0) /* zero or subnormal: mantissa 2^-24 */
        return (sign ? -1.f : 1.f) * (float)mantissa * 0x1p-24f;
    return float_of_bits(sign | (exponent == 31 ? 255U : exponent + 127 - 15) << 23 | mantissa << 13);
}

static void convert_to_float32(fr_file_dtype dtype, const uint16_t *from, float *to, int64_t count)
{
    if (dtype == FR_FILE_F16)
        for (int64_t i = 0; i < count; i++)
            to[i] = float_of_half(from[i]);
    else /* bfloat16 is the upper half of a float32 */
        for (int64_t i = 0; i < count; i++)
            to[i] = float_of_bits((uint32_t)from[i] << 16);
}

static void convert_to_int64(fr_file_dtype dtype, const void *from, int64_t *to, int64_t count)
{
    switch (dtype) {
    case FR_FILE_BOOL:
        for (int64_t i = 0; i < count; i++)
            to[i] = ((const uint8_t *)from)[i] != 0;
        break;
    case FR_FILE_I8:
        for (int64_t i = 0; i < count; i++)
            to[i] = ((const int8_t *)from)[i];
        break;
    case FR_FILE_I16:
        for (int64_t i = 0; i < count; i++)
            to[i] = ((const int16_t *)from)[i];
        break;
    case FR_FILE_I32:
        for (int64_t i = 0; i < count; i++)
            to[i] = ((const int32_t *)from)[i];
        break;
    case FR_FILE_U8:
        for (int64_t i = 0; i < count; i++)
            to[i] = ((const uint8_t *)from)[i];
        break;
    case FR_FILE_U16:
        for (int64_t i = 0; i < count; i++)
            to[i] = ((const uint16_t *)from)[i];
        break;
    case FR_FILE_U32:
        for (int64_t i = 0; i < count; i++)
            to[i] = ((const uint32_t *)from)[i];
        break;
    default: /* the others are as large in memory as in the file */
        break;
    }
}

/* --- Reading ----------------------------------------------------------------------------------------------------- */

/* For dtypes whose values take as many bytes in memory as in the file. */
static bool read_directly(fr_byte_stream *s, fr_file_dtype dtype, bool swap, fr_tensor *t)
{
    size_t size = fr_file_dtypes[dtype].size;

    if (!fr_byte_stream_read(s, t->origin, (size_t)t->numel * size))
        return false;
    if (swap)
        swap_bytes(t->origin, t->numel, size);
    for (int64_t i = 0; dtype == FR_FILE_U64 && i < t->numel; i++) {
        int64_t x = ((const int64_t *)t->origin)[i];

        if (x < 0)
            return fr_fail(s->where, "value %lld is %llu (uint64), which is above 2^63 - 1", (long long)i,
                           (unsigned long long)x);
    }
    return true;
}

static bool read_and_convert(fr_byte_stream *s, fr_file_dtype dtype, bool swap, fr_tensor *t)
{
    enum { CHUNK = 8192 };
    _Alignas(8) char buffer[CHUNK];
    size_t size = fr_file_dtypes[dtype].size;

    for (int64_t done = 0, count; done < t->numel; done += count) {
        count = fr_least(t->numel - done, CHUNK / (int64_t)size);
        if (!fr_byte_stream_read(s, buffer, (size_t)count * size))
            return false;
        if (swap)
            swap_bytes(buffer, count, size);
        if (t->dtype == FR_F32)
            convert_to_float32(dtype, (const uint16_t *)(const void *)buffer, (float *)t->origin + done, count);
        else
            convert_to_int64(dtype, buffer, (int64_t *)t->origin + done, count);
    }
    return true;
}

bool fr_read_values(fr_byte_stream *s, fr_file_dtype dtype, bool big_endian, fr_tensor *t)
{
    bool swap = big_endian != host_is_big_endian,
         same_size = fr_file_dtypes[dtype].size == fr_dtype_size((fr_dtype)t->dtype);

    return same_size ? read_directly(s, dtype, swap, t) : read_and_convert(s, dtype, swap, t);
}

/* --- Writing ----------------------------------------------------------------------------------------------------- */

fr_tensor *fr_values_for_file(const char *where, fr_tensor *t)
{
    if (t->contiguous && !host_is_big_endian)
        return fr_ref(t);

    fr_tensor *copy = fr_tensor_copy(where, t);

    if (copy && host_is_big_endian)
        swap_bytes(copy->origin, copy->numel, fr_dtype_size((fr_dtype)copy->dtype));
    return copy;
}
