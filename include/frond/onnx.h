/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* How an op is written as ONNX: for fr_op.onnx of the library's ops and of users'. Only writers of ops need it.
 *
 * Values of the graph have names. No function here returns NULL: after a failure names are "", nothing more is added,
 * and fr_export_onnx fails. Names are lent by the graph. */
#ifndef FROND_ONNX_H
#define FROND_ONNX_H

#include <frond/op.h>

FR_BEGIN_DECLS

/* Names in a row, ended by NULL: the inputs or outputs of a node. "" among them: left out. */
#define FR_ONNX_NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* The op's input and output i; "" for an optional one that was left out. */
const char *fr_onnx_input(fr_onnx *g, int i);
const char *fr_onnx_output(fr_onnx *g, int i);
const char *const *fr_onnx_inputs(fr_onnx *g); /* all of them, ended by NULL */
/* Whether anything reads output i: an ONNX output that nothing reads is best left out. */
bool fr_onnx_is_read(fr_onnx *g, int i);
/* Whether input i is known while the graph is made: a parameter, a buffer or another constant. */
bool fr_onnx_is_constant(fr_onnx *g, int i);

/* Adds a node of the ONNX op called type. */
void fr_onnx_node(fr_onnx *g, const char *type, const char *const *inputs, const char *const *outputs);
/* The same of one output, which gets a new name, and is returned. */
const char *fr_onnx_value(fr_onnx *g, const char *type, const char *const *inputs);
/* A new name, for a node of several outputs. */
const char *fr_onnx_new_name(fr_onnx *g);
/* A value as bool, for conditions: whether it is not 0. */
const char *fr_onnx_bool(fr_onnx *g, const char *value);
/* An attribute of the node that was added last. */
void fr_onnx_int(fr_onnx *g, const char *name, int64_t value);
void fr_onnx_float(fr_onnx *g, const char *name, double value);
void fr_onnx_string(fr_onnx *g, const char *name, const char *value);
void fr_onnx_ints(fr_onnx *g, const char *name, int n, const int64_t *values);
void fr_onnx_strings(fr_onnx *g, const char *name, const char *const *values); /* ended by NULL */

/* Constants: a scalar of a dtype, a 1-d tensor of int64, and t's values (copied) under a name like that of input i,
 * which they were made of. */
const char *fr_onnx_number(fr_onnx *g, fr_dtype dtype, double value);
const char *fr_onnx_int64s(fr_onnx *g, int n, const int64_t *values);
const char *fr_onnx_weight(fr_onnx *g, int i, fr_tensor *t);
/* ONNX's number for a dtype, for Cast's attribute "to". */
int64_t fr_onnx_dtype(fr_dtype dtype);

/* n numbers of the op's attributes, that values points into, as a 1-d tensor of int64. A number that follows the sizes
 * of the module's input is computed from them when the graph runs: one that grows in proportion to some of them, or by
 * a whole number with each. Another fails. */
const char *fr_onnx_sizes(fr_onnx *g, int n, const int64_t *values);
/* Likewise the shape of output i. */
const char *fr_onnx_shape(fr_onnx *g, int i);
/* The shape of output 0 for Reshape, which finds one dim itself (-1) and keeps those of input 0 (0). */
const char *fr_onnx_reshaped(fr_onnx *g);
/* Names dim `dim` of input i, where that is a size of the module's input: "time". */
void fr_onnx_name_dim(fr_onnx *g, int i, int dim, const char *name);

/* Fails for the op at work: "frond: export_onnx: PATH: OP: ...". Returns false. */
bool fr_onnx_fail(fr_onnx *g, const char *format, ...) FR_PRINTF(2, 3);

FR_END_DECLS

#endif
