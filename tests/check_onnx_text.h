/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX tensors and attributes from text, for check_onnx_nodes.c and check_onnx_graphs.c. */
#ifndef FROND_TESTS_CHECK_ONNX_TEXT_H
#define FROND_TESTS_CHECK_ONNX_TEXT_H

#include "testing.h"

#include "onnx/format.h"
#include "onnx/onnx.pb-c.h"

#include <ctype.h>
#include <unistd.h>

#define PROTO(NAME) Frond__Onnx__##NAME

enum { MAX_VALUES = 16 };

/* A tensor is written "f(2,1):3,4": the letter for its dtype, the shape, the values, which may be left out for zeros.
 * f, d and i stand for float32, float64 and int64 in raw bytes; F, D, I and B for float32, float64, int64 and int8 in
 * the fields for them. Attributes are written "axis=1 alpha=0.5 mode='edge' perm=[1,0] activations={Tanh,Relu}
 * value=f():1": what has a point is a float. */
typedef struct {
    PROTO(TensorProto) proto;
    int64_t dims[MAX_VALUES], int64s[MAX_VALUES];
    double doubles[MAX_VALUES];
    float floats[MAX_VALUES];
    int32_t int32s[MAX_VALUES];
} tensor_text;

/* Numbers between separators, up to `end`. Returns what follows. */
static const char *read_numbers(const char *text, char end, double *numbers, size_t *n)
{
    for (*n = 0; *text != end && *text != '\0' && *text != ' '; text += *text == ',') {
        ck_assert_uint_lt(*n, MAX_VALUES);
        numbers[(*n)++] = strtod(text, (char **)&text);
    }
    return *text == end ? text + 1 : text;
}

static void read_tensor(const char *text, tensor_text *t)
{
    double dims[MAX_VALUES];
    size_t n = 1;

    *t = (tensor_text){ .proto = FROND__ONNX__TENSOR_PROTO__INIT };
    t->proto.dims = t->dims;
    text = read_numbers(text + 2, ')', dims, &t->proto.n_dims);
    for (size_t i = 0; i < t->proto.n_dims; i++)
        n *= (size_t)(t->dims[i] = (int64_t)dims[i]);
    if (*text == ':')
        read_numbers(text + 1, ' ', t->doubles, &n);
    ck_assert_uint_le(n, MAX_VALUES);
    for (size_t i = 0; i < n; i++) {
        t->floats[i] = (float)t->doubles[i];
        t->int64s[i] = fabs(t->doubles[i]) < 0x1p63 ? (int64_t)t->doubles[i] : 0;
        t->int32s[i] = (int32_t)t->int64s[i];
    }
    t->proto.raw_data.len = n;
}

/* Puts the n values into the field that the letter stands for. */
static void place_values(char letter, tensor_text *t)
{
    PROTO(TensorProto) *p = &t->proto;
    size_t n = p->raw_data.len;
    char kind = (char)tolower(letter);

    p->has_data_type = true;
    p->data_type = kind == 'f'   ? FR_ONNX_FLOAT
                   : kind == 'd' ? FR_ONNX_DOUBLE
                   : kind == 'i' ? FR_ONNX_INT64
                                 : FR_ONNX_INT8;
    p->has_raw_data = islower(letter);
    p->raw_data = (ProtobufCBinaryData){ 0 };
    if (p->has_raw_data && kind == 'f')
        p->raw_data = (ProtobufCBinaryData){ n * sizeof(float), (uint8_t *)t->floats };
    else if (p->has_raw_data && kind == 'd')
        p->raw_data = (ProtobufCBinaryData){ n * sizeof(double), (uint8_t *)t->doubles };
    else if (p->has_raw_data)
        p->raw_data = (ProtobufCBinaryData){ n * sizeof(int64_t), (uint8_t *)t->int64s };
    else if (kind == 'f')
        p->n_float_data = n, p->float_data = t->floats;
    else if (kind == 'd')
        p->n_double_data = n, p->double_data = t->doubles;
    else if (kind == 'i')
        p->n_int64_data = n, p->int64_data = t->int64s;
    else
        p->n_int32_data = n, p->int32_data = t->int32s;
}

static PROTO(TensorProto) * tensor_proto(const char *text, const char *name, tensor_text *t)
{
    read_tensor(text, t);
    place_values(*text, t);
    t->proto.name = (char *)name;
    return &t->proto;
}

static fr_tensor *tensor_of(const char *text)
{
    tensor_text t;
    fr_shape shape = { 0 };
    fr_tensor *y;

    read_tensor(text, &t);
    shape.ndim = (int)t.proto.n_dims;
    memcpy(shape.dim, t.dims, sizeof shape.dim);
    fr_set_default_dtype(FR_F64);
    y = fr_cast(fr_from_doubles(shape, t.doubles), *text == 'i' ? FR_I64 : *text == 'd' ? FR_F64 : FR_F32);
    fr_set_default_dtype(FR_F32);
    ck_assert_ptr_nonnull(y);
    return y;
}

typedef struct {
    PROTO(AttributeProto) proto;
    char name[32], text[48];
    ProtobufCBinaryData strings[MAX_VALUES];
    int64_t ints[MAX_VALUES];
    double numbers[MAX_VALUES];
    tensor_text tensor;
} attribute_text;

/* Reads a list {Tanh,Relu} in place. */
static void read_strings(char *text, attribute_text *a)
{
    for (char *s = strtok(text, ",}"); s; s = strtok(NULL, ",}"))
        a->strings[a->proto.n_strings++] = (ProtobufCBinaryData){ strlen(s), (uint8_t *)s };
    a->proto.strings = a->strings;
}

/* Reads name=value; returns what follows. */
static const char *read_attribute(const char *text, attribute_text *a)
{
    int length;
    PROTO(AttributeProto) *p = &a->proto;

    frond__onnx__attribute_proto__init(p);
    ck_assert_int_eq(sscanf(text, "%31[^=]=%47s%n", a->name, a->text, &length), 2);
    p->name = a->name;
    if (*a->text == '\'') {
        p->has_s = true;
        p->s = (ProtobufCBinaryData){ strlen(a->text) - 2, (uint8_t *)a->text + 1 };
    } else if (*a->text == '[') {
        read_numbers(a->text + 1, ']', a->numbers, &p->n_ints);
        for (size_t i = 0; i < p->n_ints; i++)
            a->ints[i] = (int64_t)a->numbers[i];
        p->ints = a->ints;
    } else if (*a->text == '{') {
        read_strings(a->text + 1, a);
    } else if (strchr(a->text, '(')) {
        p->t = tensor_proto(a->text, "", &a->tensor);
    } else {
        p->has_f = strchr(a->text, '.') != NULL;
        p->has_i = !p->has_f;
        p->f = strtof(a->text, NULL);
        p->i = strtoll(a->text, NULL, 10);
    }
    return text + length + strspn(text + length, " ");
}

static void write_model(const char *path, const PROTO(ModelProto) * m)
{
    size_t size = frond__onnx__model_proto__get_packed_size(m);
    uint8_t *bytes = malloc(size);
    FILE *file = fopen(path, "wb");

    ck_assert_ptr_nonnull(bytes);
    frond__onnx__model_proto__pack(m, bytes);
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
    free(bytes);
}

#endif
