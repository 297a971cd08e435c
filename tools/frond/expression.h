/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Expressions in text, such as "tanh(w * x + b)", computed with tensors. */
#ifndef FROND_EXPRESSION_H
#define FROND_EXPRESSION_H

#include <frond.h>

typedef struct {
    const char *name;
    fr_tensor *value;
    bool used; /* set where the expression reads it */
} expression_name;

typedef struct {
    const char *text;
    expression_name *names;
    int count;
    char error[256]; /* of the last call; "" if all went well */
    const char *at;  /* where in text the error is */
} expression;

/* Computes e->text with float64 tensors for its names, in the open scope. NULL after an error: in the text, which
 * e->error tells, or of an op, which the library does, with e->error empty. */
fr_tensor *expression_compute(expression *e);
/* A value in text: a number, or a row of such, in brackets, "[[1, 2], [3, 4]]", of at most 1024 numbers. */
fr_tensor *expression_value(expression *e);
/* The functions that an expression may call: name i, from 0; NULL behind the last. */
const char *expression_function(int i);

#endif
