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

/* The element type of an op's outputs, where it is not a FR_ONNX_ type itself: -i for that of input i, or a rule. */
enum {
    FR_IMPORT_SAME = 0,
    FR_IMPORT_OF_INPUT_1 = -1,
    FR_IMPORT_OF_INPUT_2 = -2,
    FR_IMPORT_OF_INPUT_7 = -7,
    FR_IMPORT_BY_ATTRIBUTE = -100,
    FR_IMPORT_BY_ATTRIBUTE_OR_SAME = -101,
    FR_IMPORT_OF_BODY = -102
};

/* An ONNX op. Without run, unary or binary is the whole op; with run they, and reduce, are what run calls. */
typedef struct {
    const char *type;            /* ONNX's name */
    const char *attributes;      /* those that are read, and those that change nothing, between blanks; NULL: none */
    int result, others, third;   /* element type of the first and of the other outputs; default: that of input 0.
                                  * third: of output 2, where it differs */
    const char *dtype_attribute; /* the one that gives it, for FR_IMPORT_BY_ATTRIBUTE */
    fr_tensor *(*unary)(fr_tensor *);
    fr_tensor *(*binary)(fr_tensor *, fr_tensor *);
    fr_tensor *(*reduce)(fr_tensor *, int dim, bool keepdim);
    bool (*run)(struct fr_import_call *c); /* sets c->out[0], ...; false with an error */
    bool (*check)(
        const struct fr_import_call *c); /* what can be said of the attributes at load; inputs are not there */
} fr_import_op;

/* In the order of strcmp of the types: they are searched by bsearch. */
typedef struct {
    const fr_import_op *ops;
    size_t count;
} fr_import_op_table;

extern const fr_import_op_table fr_import_activation_ops, fr_import_attention_ops, fr_import_control_ops,
    fr_import_element_ops, fr_import_grid_ops, fr_import_index_ops, fr_import_integer_ops,
    fr_import_linear_attention_ops, fr_import_math_ops, fr_import_nn_ops, fr_import_reduction_ops, fr_import_resize_ops,
    fr_import_rnn_ops, fr_import_sequence_ops, fr_import_shape_ops, fr_import_signal_ops, fr_import_window_ops;

/* NULL: frond cannot run it. */
const fr_import_op *fr_import_find_op(const char *type);

/* A node that runs. Inputs that were left out are NULL. */
typedef struct fr_import_call {
    const fr_node_proto *node;
    const fr_import_op *op;
    fr_tensor *const *in;
    int inputs, outputs;
    int64_t opset;                     /* version */
    const int *type, *in_type;         /* the element types of the outputs and of the inputs; 0: unknown */
    struct fr_import_run *run;         /* import_model.h */
    const struct fr_import_node *self; /* with the graphs inside it */
    fr_tensor *out[FR_IMPORT_MAX_OUTPUTS];
} fr_import_call;

/* The node's name; one without a name is known by its output. */
const char *fr_import_node_name(const fr_node_proto *node);
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
/* The index in names, which ends with NULL, of a string; 0 if the attribute is not there; -1 with an error for others.
 */
int fr_import_choice(const fr_import_call *c, const char *name, const char *const *names);

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

/* import_integer_ops.c: op on pairs of int64, which broadcast; a / b, rounded towards 0. */
fr_tensor *fr_import_integers(fr_tensor *a, fr_tensor *b, int64_t (*op)(int64_t, int64_t));
fr_tensor *fr_import_quotient(fr_tensor *a, fr_tensor *b);

/* import_tensor.c: a new tensor, one reference, or NULL with an error. folder: where values in other files are looked
 * for, up to its last slash; NULL: nowhere. */
fr_tensor *fr_import_tensor(const char *where, const fr_tensor_proto *p, const char *folder);
/* The dtype that holds values of a FR_ONNX_ type; -1: frond has no such values. */
int fr_import_dtype(int type);
/* import_types.c: t, or a new tensor of the scope, as the element type has it: bool is 0 or 1 in int64, narrow integers
 * wrap around, half precision is rounded. NULL for NULL, and with an error for what does not fit into uint64. */
fr_tensor *fr_import_as_type(fr_tensor *t, int type);
/* The least and the largest value of an integer type of at most 32 bits; false for other types. */
bool fr_import_limits(int type, int64_t *least, int64_t *most);
/* import_model.c: the module of a file's bytes, or NULL with an error. folder as for fr_import_tensor. */
fr_module *fr_import_model(const char *where, const uint8_t *bytes, size_t size, const char *folder);
/* import_run.c: counts `runs` of small ops against the limit on results, for what repeats as often as the file says.
 * False with an error. */
bool fr_import_count_runs(int64_t runs);
/* import_run.c: the public functions of the same endings, for `what`. */
int fr_import_model_count(const char *what, const fr_module *m, bool outputs);
const char *fr_import_model_name(const char *what, const fr_module *m, bool outputs, int i);
bool fr_import_model_run(fr_module *m, fr_tensor *const *inputs, int n, fr_tensor **outputs, int count);

#endif
#endif
