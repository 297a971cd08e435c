/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What ONNX's ops are written with: a node's inputs and attributes, and the tables that say which can be run. */
#ifndef FROND_ONNX_CALL_H
#define FROND_ONNX_CALL_H

#include "onnx/load.h"

enum { FR_CALL_NUMBERS = 2 * FR_MAX_DIMS };

/* Few numbers, such as axes; n < 0: not given. */
typedef struct {
    int n;
    int64_t at[FR_CALL_NUMBERS];
} fr_call_list;

/* Fails naming the node. False. */
bool fr_call_fail(const fr_onnx_run_call *c, const char *message);
/* y is the first output; NULL: failed, with an error. */
bool fr_call_give(fr_onnx_run_call *c, fr_tensor *y);
fr_tensor *fr_call_input(const fr_onnx_run_call *c, int i);
/* Whether the first n inputs are there; fails otherwise. */
bool fr_call_need(const fr_onnx_run_call *c, int n);
/* Attributes by name: NULL, or what stands for one that is not there. */
const fr_onnx_attribute_message *fr_call_find(const fr_onnx_run_call *c, const char *name);
int64_t fr_call_int(const fr_onnx_run_call *c, const char *name, int64_t otherwise);
double fr_call_float(const fr_onnx_run_call *c, const char *name, double otherwise);
bool fr_call_text_is(const fr_onnx_run_call *c, const char *name, const char *text);
/* An attribute's numbers; n < 0: it is not there. False where there are too many. */
bool fr_call_ints(const fr_onnx_run_call *c, const char *name, fr_call_list *v);
/* An input's numbers, or, from before they were inputs, an attribute's. */
bool fr_call_numbers(const fr_onnx_run_call *c, int i, const char *name, fr_call_list *v);
/* Counted from the front; -1 with an error. */
int fr_call_dim(const fr_onnx_run_call *c, const fr_tensor *t, int64_t dim);
/* The axes of t that input 1 or the attribute "axes" names, as bits; axes->n < 0: it is not there. */
bool fr_call_axes(const fr_onnx_run_call *c, const fr_tensor *t, fr_call_list *axes, unsigned *chosen);
/* A bound is a scalar input or, before it was one, an attribute. */
bool fr_call_bound(const fr_onnx_run_call *c, int i, const char *name, double otherwise, double *bound);
/* A new scalar of float32, or NULL with an error. */
fr_tensor *fr_call_scalar(double value);

/* In the order of their names. */
typedef struct {
    const fr_onnx_kind *kinds;
    size_t count;
} fr_onnx_kinds;

extern const fr_onnx_kinds fr_onnx_shape_kinds, fr_onnx_number_kinds, fr_onnx_layer_kinds;

#endif
