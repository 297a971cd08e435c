/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What you write on the six sheets, as the graders call it. The sheets say what each function does. All tensors of
 * sheets 2 to 6 are float64. */
#ifndef COURSE_H
#define COURSE_H

#include <frond.h>
#include <frond/op.h>

/* --- 1: a scalar engine ------------------------------------------------------------------------------------------- */

typedef struct value value;
struct value {
    double data, grad;         /* grad: d result / d this one */
    value *in[2];              /* what it was made from; NULL: nothing */
    void (*backward)(value *); /* adds to the grad of in[]; NULL in a leaf */
    bool visited;              /* for topological_order; false before it */
};

value leaf(double data);
value add(value *a, value *b);
value mul(value *a, value *b);
value tanh_of(value *a);
int topological_order(value *result, value **order);
void backward_from(value *result);

/* --- 2: an op of your own ----------------------------------------------------------------------------------------- */

void softmax_row(const double *x, double *y, int64_t n);
fr_tensor *softmax_jacobian(fr_tensor *y);
fr_tensor *my_softmax(fr_tensor *x);

/* --- 3: broadcasting ---------------------------------------------------------------------------------------------- */

fr_shape broadcast_shape(fr_shape a, fr_shape b);
int64_t source_index(int64_t i, fr_shape out, fr_shape from);
fr_tensor *reduce_to(fr_tensor *g, fr_shape shape);

/* --- 4: a GRU cell ------------------------------------------------------------------------------------------------ */

typedef struct {
    fr_tensor *weight_ih, *weight_hh; /* (3H,I), (3H,H): the rows of r, of z, of n */
    fr_tensor *bias_ih, *bias_hh;     /* (3H) */
} gru_weights;

fr_tensor *gru_cell(fr_tensor *x, fr_tensor *h, const gru_weights *w);
fr_tensor *gru_run(fr_tensor *x, fr_tensor *h, const gru_weights *w);

/* --- 5: clipping and SGD ------------------------------------------------------------------------------------------ */

double clip(fr_tensor *const *parameters, int n, double max);
void sgd_step(fr_tensor *const *parameters, fr_tensor *const *velocity, int n, double lr, double momentum);
void gradient_growth(fr_tensor *w, fr_tensor *h0, int steps, double *norm);

/* --- 6: five bugs ------------------------------------------------------------------------------------------------- */

enum { OPS = 6 };
typedef struct {
    const char *name;
    int inputs;
    fr_tensor *(*forward)(fr_tensor *const *in);
    void (*backward)(fr_tensor *const *in, fr_tensor *g, fr_tensor **grad); /* grad[i]: the gradient of in[i] */
} small_op;

extern const small_op ops[OPS];
extern const char *const wrong_ops[OPS]; /* names; the rest is NULL */
bool is_right(fr_function *f, fr_tensor **in, int n, void *user);

#endif
