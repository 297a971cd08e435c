/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What an ONNX op of a loaded model is written with, and the tables of all ops. An op is one entry of a table: most
 * name the frond function that computes it, the others a function that takes the call apart:
 *
 *     static bool run_elu(fr_import_call *c)
 *     {
 *         return fr_import_require(c, 1) && fr_import_return(c, fr_elu(c->in[0], fr_import_float(c, "alpha", 1)));
 *     }
 */
#ifndef FROND_ONNX_IMPORT_H
#define FROND_ONNX_IMPORT_H

#include "core/tensor.h"
#include "onnx/format.h"

#include <frond/nn.h>

#ifdef HAVE_PROTOBUF_C

struct fr_import_call;

enum { FR_IMPORT_MAX_OUTPUTS = 16, FR_IMPORT_MAX_INTS = 2 * FR_MAX_DIMS };

/* An ONNX op. Without run, unary or binary is the whole op; with run they, and reduce, are what run calls. */
typedef struct {
    const char *type; /* ONNX's name */
    fr_tensor *(*unary)(fr_tensor *);
    fr_tensor *(*binary)(fr_tensor *, fr_tensor *);
    fr_tensor *(*reduce)(fr_tensor *, int dim, bool keepdim);
    bool (*run)(struct fr_import_call *c); /* sets c->out[0], ...; false with an error */
} fr_import_op;

/* In the order of strcmp of the types: they are searched by bsearch. */
typedef struct {
    const fr_import_op *ops;
    size_t count;
} fr_import_op_table;

extern const fr_import_op_table fr_import_math_ops, fr_import_nn_ops, fr_import_reduction_ops, fr_import_rnn_ops,
    fr_import_tensor_ops;

/* NULL: frond cannot run it. */
const fr_import_op *fr_import_find_op(const char *type);

/* A node that runs. Inputs that were left out are NULL. */
typedef struct fr_import_call {
    const fr_node_proto *node;
    const fr_import_op *op;
    fr_tensor *const *in;
    int inputs, outputs;
    int64_t opset; /* version */
    fr_tensor *out[FR_IMPORT_MAX_OUTPUTS];
} fr_import_call;

/* Fails with the message, behind the node's name and type. Returns false. */
bool fr_import_fail(const fr_import_call *c, const char *message);
/* Makes y the first output. False if y is NULL: its error is set already. */
bool fr_import_return(fr_import_call *c, fr_tensor *y);

/* Input i, or NULL. */
fr_tensor *fr_import_input(const fr_import_call *c, int i);
/* Fails unless the first n inputs are there. */
bool fr_import_require(const fr_import_call *c, int n);

/* An attribute, or NULL; its value, or `otherwise` if it is not there. */
const fr_attribute_proto *fr_import_attribute(const fr_import_call *c, const char *name);
int64_t fr_import_int(const fr_import_call *c, const char *name, int64_t otherwise);
double fr_import_float(const fr_import_call *c, const char *name, double otherwise);
bool fr_import_string_is(const fr_import_call *c, const char *name, const char *text);

/* A short list of integers, such as axes or pads; n < 0: it was not given. */
typedef struct {
    int n;
    int64_t value[FR_IMPORT_MAX_INTS];
} fr_import_ints;

/* False, with an error, if there are too many integers. */
bool fr_import_attribute_ints(const fr_import_call *c, const char *name, fr_import_ints *ints);

/* Newer versions of an op take as inputs what older ones took as attributes. These read input i or, if it is not
 * there, the attribute. */
bool fr_import_input_ints(const fr_import_call *c, int i, const char *name, fr_import_ints *ints);
bool fr_import_number(const fr_import_call *c, int i, const char *name, double otherwise, double *number);
/* Input 1 or the attribute "axes", also as a set of bits, counted from t's front. */
bool fr_import_axes(const fr_import_call *c, const fr_tensor *t, fr_import_ints *axes, unsigned *chosen);

/* axis of t, counted from the front; -1 with an error. */
int fr_import_axis(const fr_import_call *c, const fr_tensor *t, int64_t axis);
/* The attribute "axis", of input 0, likewise; -1 with an error also unless the first `required` inputs, at least 1, are
 * there. */
int fr_import_axis_of_input(const fr_import_call *c, int required, int64_t otherwise);
/* A new float32 scalar of the scope, or NULL with an error. */
fr_tensor *fr_import_scalar(double value);

/* import_tensor.c: a new tensor, one reference, or NULL with an error. */
fr_tensor *fr_import_tensor(const char *where, const fr_tensor_proto *p);
/* import_model.c: the module of a file's bytes, or NULL with an error. */
fr_module *fr_import_model(const char *where, const uint8_t *bytes, size_t size);

#endif
#endif
