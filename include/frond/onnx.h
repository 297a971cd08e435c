/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* How an op is written as ONNX, for fr_export_onnx: the functions that its onnx hook (fr_op.onnx) calls. Only those who
 * write ops need them.
 *
 * Values of the ONNX graph are known by their names. No function returns NULL: after a failure names are "", nothing
 * more is added, and fr_export_onnx fails. The graph owns the names. */
#ifndef FROND_ONNX_H
#define FROND_ONNX_H

#include <frond/op.h>

FR_BEGIN_DECLS

/* A list of names that ends with NULL: the inputs or outputs of a node. "" stands for one that is left out. */
#define FR_ONNX_NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* --- The op's inputs and outputs ---------------------------------------------------------------------------------- */

/* The name of input or output i; "" for an optional input that was left out. */
const char *fr_onnx_input(fr_onnx *g, int i);
const char *fr_onnx_output(fr_onnx *g, int i);
const char *const *fr_onnx_inputs(fr_onnx *g); /* all of them, as a list */
/* Whether anything reads output i. An optional ONNX output that nothing reads is best left out. */
bool fr_onnx_is_read(fr_onnx *g, int i);
/* Whether the values of input i are known already: it is a parameter, a buffer or another constant. */
bool fr_onnx_is_constant(fr_onnx *g, int i);

/* --- Nodes -------------------------------------------------------------------------------------------------------- */

/* Adds a node of an ONNX op, by its type. */
void fr_onnx_node(fr_onnx *g, const char *type, const char *const *inputs, const char *const *outputs);
/* The same for one output, which gets a new name. Returns this name. */
const char *fr_onnx_value(fr_onnx *g, const char *type, const char *const *inputs);
/* A new name, for a node with several outputs. */
const char *fr_onnx_new_name(fr_onnx *g);
/* Casts a value to bool, for conditions: true where it is not 0. */
const char *fr_onnx_bool(fr_onnx *g, const char *value);
/* Adds an attribute to the node that was added last. */
void fr_onnx_int(fr_onnx *g, const char *name, int64_t value);
void fr_onnx_float(fr_onnx *g, const char *name, double value);
void fr_onnx_string(fr_onnx *g, const char *name, const char *value);
void fr_onnx_ints(fr_onnx *g, const char *name, int n, const int64_t *values);
void fr_onnx_strings(fr_onnx *g, const char *name, const char *const *values); /* ended by NULL */

/* --- Constants ---------------------------------------------------------------------------------------------------- */

/* A scalar; a tensor (n) of int64. */
const char *fr_onnx_number(fr_onnx *g, fr_dtype dtype, double value);
const char *fr_onnx_int64s(fr_onnx *g, int n, const int64_t *values);
/* t's values as an initializer: a weight that was made of input i, as one with its gates in another order. It gets the
 * name of the parameter that input i is, where this is free. */
const char *fr_onnx_weight(fr_onnx *g, int i, fr_tensor *t);
/* ONNX's number for a dtype, as Cast's attribute "to" takes it. */
int64_t fr_onnx_dtype(fr_dtype dtype);

/* --- Sizes -------------------------------------------------------------------------------------------------------- */

/* n numbers, to which values points in the op's attributes, as a tensor (n) of int64. A number that depends on the
 * sizes of the module's input is computed from them when the graph runs: it may be proportional to some of them, or
 * change by a fixed whole number with each. Any other dependence fails. */
const char *fr_onnx_sizes(fr_onnx *g, int n, const int64_t *values);
/* The shape of output i, in the same way. */
const char *fr_onnx_shape(fr_onnx *g, int i);
/* The shape of output 0 as Reshape takes it: -1 for one dim that Reshape computes, 0 for those of input 0. */
const char *fr_onnx_reshaped(fr_onnx *g);
/* Names dim `dim` of input i, such as "time", where it is a dim of the module's input. */
void fr_onnx_name_dim(fr_onnx *g, int i, int dim, const char *name);

/* Fails with "frond: export_onnx: PATH: OP: ...". Returns false. */
bool fr_onnx_fail(fr_onnx *g, const char *format, ...) FR_PRINTF(2, 3);

FR_END_DECLS

#endif
