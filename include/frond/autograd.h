/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reverse-mode differentiation. An op applied to a tensor that wants a gradient records itself; fr_backward walks what
 * was recorded and adds each leaf's gradient to what that leaf has accumulated. */
#ifndef FROND_AUTOGRAD_H
#define FROND_AUTOGRAD_H

#include <frond/tensor.h>

FR_BEGIN_DECLS

/* Flags. Both are for fr_gradients; fr_backward_with takes FR_RETAIN_GRAPH alone. */
enum {
    FR_RETAIN_GRAPH = 1, /* keep the values saved for backward, so that the same graph can be walked again */
    FR_CREATE_GRAPH = 2, /* record the gradients' own computation, for second derivatives; implies FR_RETAIN_GRAPH */
};

/* Marks a leaf (a tensor no recorded op made) as wanting a gradient; same. Fails for int64 and for a tensor with a
 * history. */
fr_tensor *fr_requires_grad(fr_tensor *leaf);
bool fr_wants_grad(const fr_tensor *t); /* a marked leaf, or made from one by recorded ops */
bool fr_is_leaf(const fr_tensor *t);

/* Adds d scalar / d leaf to every leaf that scalar was made from, and frees what was saved on the way. False, with an
 * error, for: a tensor of more than one value; one without history; a graph already walked (detach a state kept across
 * steps); a saved value that has since changed in place. Then no leaf's gradient has changed. Threads may walk graphs
 * of their own that share leaves: each adds its part, in no particular order. */
bool fr_backward(fr_tensor *scalar);
/* The same for any shape: gradient has t's shape and dtype; NULL means ones, for a scalar. */
bool fr_backward_with(fr_tensor *t, fr_tensor *gradient, int flags);
/* What leaf has accumulated: a new reference to it, or NULL where there is none yet (no error). */
fr_tensor *fr_grad(const fr_tensor *leaf);
void fr_zero_grad(fr_tensor *leaf); /* drops it */

/* out[i] = dy/dxs[i], new, of xs[i]'s shape; zeros where y does not depend on xs[i]. xs may be leaves or not. What
 * leaves have accumulated stays untouched. y is a scalar. On failure all out[i] are NULL. */
bool fr_gradients(fr_tensor *y, fr_tensor *const *xs, int n, fr_tensor **out, int flags);
/* The same for y of any shape: dy is its gradient (NULL: ones, for a scalar). */
bool fr_gradients_with(fr_tensor *y, fr_tensor *dy, fr_tensor *const *xs, int n, fr_tensor **out, int flags);

/* Recording off: a declaration, like FR_SCOPE; and the same by hand (fr_no_grad_begin gives what _end takes). */
#define FR_NO_GRAD           FR_NO_GRAD_NAMED_(__COUNTER__)
#define FR_NO_GRAD_NAMED_(n) FR_NO_GRAD_NAMED__(n)
#define FR_NO_GRAD_NAMED__(n)                                                                                          \
    int fr_no_grad_##n##_ __attribute__((cleanup(fr_no_grad_leave), unused)) = fr_no_grad_begin()
int fr_no_grad_begin(void);
void fr_no_grad_end(int before);
void fr_no_grad_leave(const int *before);
bool fr_grad_enabled(void);

/* New: t's values without its history; they share storage. */
fr_tensor *fr_detach(const fr_tensor *t);

/* Calls hook with t's gradient in each backward that computes it, complete, before it is used or accumulated. The hook
 * returns another of the same shape and dtype to use in its place, or NULL. Fails unless t wants a gradient. */
typedef fr_tensor *fr_gradient_hook(fr_tensor *gradient, void *user);
bool fr_on_gradient(fr_tensor *t, fr_gradient_hook *hook, void *user);

/* Whether the derivatives of f at xs are right: every element of the Jacobian for those xs that are marked, against
 * central differences (step 1e-6, |got - expected| <= 1e-5 + 1e-3 |expected|). xs and f's result must be float64; f
 * must be a pure function of xs. If not: false and an error that names the worst element, expected and got. */
typedef fr_tensor *fr_function(fr_tensor *const *in, void *user);
bool fr_gradcheck(fr_function *f, fr_tensor *const *xs, int n, void *user);
/* The same for second derivatives. */
bool fr_gradgradcheck(fr_function *f, fr_tensor *const *xs, int n, void *user);

FR_END_DECLS
#endif
