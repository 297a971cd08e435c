/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Attention as one op for the plain and the causal kind, and out of ops for all. */
#ifndef FROND_OPS_ATTENTION_ATTENTION_H
#define FROND_OPS_ATTENTION_ATTENTION_H

#include "ops/op.h"

typedef struct {
    double scale;
    bool is_causal;
} fr_attention_attributes;

extern const fr_op fr_attention_op;

/* softmax(scale q k' + bias) v out of ops, with all options but scale, whose default is not known here. What it makes
 * goes to the caller's scope. */
fr_tensor *fr_attention_in_ops(fr_tensor *q, fr_tensor *k, fr_tensor *v, double scale, const fr_attention_options *o);

/* A function of a case: scaled_dot_product_attention of its first three inputs, with these options. */
#define FR_ATTEND(NAME, ...)                                                                                           \
    FR_RUN(NAME, fr_scaled_dot_product_attention(in[0], in[1], in[2], &(fr_attention_options){ __VA_ARGS__ }))

#endif
