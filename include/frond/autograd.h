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
/* Takes off the first of t's hooks that was put on with this hook and user; also from within a hook. Fails where there
 * is none. */
bool fr_off_gradient(fr_tensor *t, fr_gradient_hook *hook, void *user);

/* --- Functions of n tensors -------------------------------------------------------------------------------------- */

typedef fr_tensor *fr_function(fr_tensor *const *in, void *user);

/* Forward mode: *y = f(xs) and *dy = the sum over i of d y / d xs[i] . tangents[i], both new, dy of y's shape and
 * dtype. tangents[i] has xs[i]'s shape and dtype; NULL means zero. The tangents are carried along while f runs once, in
 * memory that does not grow with the length of the computation. Where recording is on and xs or tangents want
 * gradients, y and dy are recorded, and f may itself call fr_jvp and fr_gradients: all mix. Values that f takes from
 * elsewhere have no tangents, and fr_detach drops them; FR_NO_GRAD does not. Inside f a leaf cannot accumulate
 * (fr_backward): an error. On failure both are NULL. */
bool fr_jvp(fr_function *f, fr_tensor *const *xs, fr_tensor *const *tangents, int n, void *user, fr_tensor **y,
            fr_tensor **dy);

/* f(xs), new, as if f had been called and recorded, but without keeping what f's ops save: f runs unrecorded, and again
 * in each backward that comes through, on the same xs and with the same random numbers. Tensors that f takes from
 * elsewhere, such as a module's parameters, get their gradients too. f must do the same each time; user must live until
 * the graph is gone. n is 1 to 31. Second derivatives, checkpoints within f and fr_jvp work, at the price of running f
 * again each time. Under FR_NO_GRAD it is a call of f. */
fr_tensor *fr_checkpoint(fr_function *f, fr_tensor *const *xs, int n, void *user);

/* The following differentiate f at xs, which need not be marked: f gets leaves of its own, with xs' values. Results are
 * new and without history; with FR_CREATE_GRAPH they have one, that leads to those xs that want gradients and to all
 * else that f used. xs are floating, n >= 1; y may be NULL where it is not wanted. On failure all results are NULL. As
 * in torch.autograd.functional, but for the order: */

/* dxs[i] = dy . d y / d xs[i], of xs[i]'s shape, for dy of y's shape; dy NULL: ones, for a scalar. */
bool fr_vjp(fr_function *f, fr_tensor *const *xs, int n, void *user, fr_tensor *dy, int flags, fr_tensor **y,
            fr_tensor **dxs);
/* hvs[i] = the sum over j of d2 y / d xs[i] d xs[j] . vs[j], for scalar y; of xs[i]'s shape, as vs[i] is. Forward mode
 * over reverse mode: costs a few evaluations of f, whatever the size. */
bool fr_hvp(fr_function *f, fr_tensor *const *xs, fr_tensor *const *vs, int n, void *user, int flags, fr_tensor **y,
            fr_tensor **hvs);
/* out[i] = d y / d xs[i], of y's shape followed by xs[i]'s, 8 dims at most. By rows, in reverse mode; by columns, in
 * forward mode, where xs have fewer elements than y: then f runs once for each, and must be a pure function. */
bool fr_jacobian(fr_function *f, fr_tensor *const *xs, int n, void *user, int flags, fr_tensor **out);
/* out[i * n + j] = d2 y / d xs[i] d xs[j], of xs[i]'s shape followed by xs[j]'s, for scalar y. */
bool fr_hessian(fr_function *f, fr_tensor *const *xs, int n, void *user, int flags, fr_tensor **out);

/* Whether the derivatives of f at xs are right: every element of the Jacobian for those xs that are marked, against
 * central differences (step 1e-6, |got - expected| <= 1e-5 + 1e-3 |expected|). xs and f's result must be float64; f
 * must be a pure function of xs. If not: false and an error that names the worst element, expected and got. */
bool fr_gradcheck(fr_function *f, fr_tensor *const *xs, int n, void *user);
/* The same for second derivatives. */
bool fr_gradgradcheck(fr_function *f, fr_tensor *const *xs, int n, void *user);

/* --- Looking into it ---------------------------------------------------------------------------------------------- */

/* While on, for this thread, the first NaN or Inf that an op gives, forward or in backward, is an error that names the
 * op, the shapes and which of its inputs were finite, the module ("encoder.rnn") and the caller's place in the source.
 * An Inf put there on purpose (a mask of -INFINITY) counts as well: switch off around it. Views are not looked at.
 * Costs a reading of all results while it is on, nothing otherwise. */
void fr_detect_anomaly(bool on);

/* The chain rule for t in words and numbers: each recorded op that made t, with its formula, inputs and values, and
 * then backward, from t to the leaves, how each passes its gradient on; for t that is no scalar, as if it were summed
 * up. Values of up to 6 elements are printed where the graph keeps them, and an op's module. Changes nothing; false
 * where it fails. */
bool fr_explain(FILE *file, fr_tensor *t);

typedef struct fr_module fr_module;

typedef struct {
    fr_module *module; /* whose parameters and buffers go by their full names; must be alive. Others go by shape */
    bool values; /* those that the graph keeps: of up to 6 elements all, of others the least, the mean, the greatest */
    bool gradients; /* likewise: of t, or of its sum, by each op's results and each leaf, from a backward that changes
                     * nothing; of a graph that was walked already, what its leaves have accumulated */
    bool unroll;    /* draws rnn, lstm and gru step by step, not each as one op, as far as max_nodes allows */
    int max_nodes;  /* default 500: of more ops (steps count) the latest are drawn, and how many others there are */
    void *reserved[8];
} fr_graph_dot_options;
/* A picture of what t was made from, in the language of Graphviz ("dot -Tsvg"): recorded ops, with their formulas as
 * tooltips; what they read: leaves that want gradients, constants; the modules in which they were recorded as nested
 * clusters; shapes, and dtypes but for float32, on edges. A graph that was walked can be drawn, and one whose modules
 * are freed. The same graph gives the same text. False, with an error, for t that wants no gradient, for bad options,
 * where the file cannot be written or memory runs out. */
bool fr_graph_dot(FILE *file, fr_tensor *t);
bool fr_graph_dot_with(FILE *file, fr_tensor *t, const fr_graph_dot_options *options); /* options may be NULL */

/* A graph that grows with each step is a frequent mistake (a state carried over undetached, losses added up as
 * tensors), of which there is a warning, once for each thread, through fr_set_warning_handler: when the least number of
 * recorded ops that were alive at any time between two calls of fr_backward has risen 20 times in a row. Growing
 * sequences do not make it rise, as long as each step lets go of its graph before the next is recorded. */

FR_END_DECLS
#endif
