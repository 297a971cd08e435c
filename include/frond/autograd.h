/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Automatic differentiation. An op applied to a tensor that wants a gradient records itself. fr_backward walks back
 * over what was recorded and adds each leaf's gradient to what that leaf has accumulated. */
#ifndef FROND_AUTOGRAD_H
#define FROND_AUTOGRAD_H

#include <frond/tensor.h>

FR_BEGIN_DECLS

/* Flags. fr_gradients takes both, fr_backward_with only FR_RETAIN_GRAPH. */
enum {
    FR_RETAIN_GRAPH = 1, /* keep the values saved for backward, so that the same graph can be walked again */
    FR_CREATE_GRAPH = 2, /* record the gradients' own computation, for second derivatives; implies FR_RETAIN_GRAPH */
};

/* Marks a leaf (a tensor that no recorded op made) as wanting a gradient and returns it. Fails for int64 and for a
 * tensor with a history. */
fr_tensor *fr_requires_grad(fr_tensor *leaf);
bool fr_wants_grad(const fr_tensor *t); /* a marked leaf, or made from one by recorded ops */
bool fr_is_leaf(const fr_tensor *t);

/* Adds d scalar / d leaf to every leaf that scalar was made from, and frees what was saved for that. False, with an
 * error, for: a tensor of more than one value; one without history; a graph that was walked before (detach a state that
 * is kept across steps); a saved value that has changed in place. Then no leaf's gradient has changed. Several threads
 * may walk graphs of their own that share leaves: each adds its part, in no particular order. */
bool fr_backward(fr_tensor *scalar);
/* The same for any shape: gradient has t's shape and dtype; NULL means ones, for a scalar. */
bool fr_backward_with(fr_tensor *t, fr_tensor *gradient, int flags);
/* New: the gradient that leaf has accumulated, or NULL if there is none yet (no error). */
fr_tensor *fr_grad(const fr_tensor *leaf);
void fr_zero_grad(fr_tensor *leaf); /* drops it */

/* out[i] = dy/dxs[i], new, of xs[i]'s shape; zeros if y does not depend on xs[i]. y is a scalar; xs may be leaves or
 * not. What leaves have accumulated stays as it is. On failure all out[i] are NULL. */
bool fr_gradients(fr_tensor *y, fr_tensor *const *xs, int n, fr_tensor **out, int flags);
/* The same for y of any shape: dy is its gradient (NULL: ones, for a scalar). */
bool fr_gradients_with(fr_tensor *y, fr_tensor *dy, fr_tensor *const *xs, int n, fr_tensor **out, int flags);

/* Turns recording off in the rest of the block: a declaration, like FR_SCOPE. Below, the same by hand. */
#define FR_NO_GRAD           FR_NO_GRAD_NAMED_(__COUNTER__)
#define FR_NO_GRAD_NAMED_(n) FR_NO_GRAD_NAMED__(n)
#define FR_NO_GRAD_NAMED__(n)                                                                                          \
    int fr_no_grad_##n##_ __attribute__((cleanup(fr_no_grad_leave), unused)) = fr_no_grad_begin()
int fr_no_grad_begin(void) FR_NODISCARD; /* returns what fr_no_grad_end takes */
void fr_no_grad_end(int before);
void fr_no_grad_leave(const int *before);
bool fr_grad_enabled(void);

/* New: t's values without its history; they share storage. */
fr_tensor *fr_detach(const fr_tensor *t);

/* Each backward that computes t's gradient calls hook with it when it is complete, before it is used or accumulated.
 * The hook returns another of the same shape and dtype to use in its place, or NULL. Fails unless t wants a gradient.
 */
typedef fr_tensor *fr_gradient_hook(fr_tensor *gradient, void *user);
bool fr_on_gradient(fr_tensor *t, fr_gradient_hook *hook, void *user);
/* Removes the first of t's hooks that was added with this hook and user; may be called from within a hook. Fails if
 * there is none. */
bool fr_off_gradient(fr_tensor *t, fr_gradient_hook *hook, void *user);

/* --- Functions of n tensors -------------------------------------------------------------------------------------- */

typedef fr_tensor *fr_function(fr_tensor *const *in, void *user);

/* Forward mode: *y = f(xs) and *dy = the sum over i of d y / d xs[i] . tangents[i], both new, dy of y's shape and
 * dtype. tangents[i] has xs[i]'s shape and dtype; NULL means zero. f runs once, and each op in it computes tangents as
 * well, so memory does not grow with the length of the computation. If recording is on and xs or tangents want
 * gradients, y and dy are recorded. f may itself call fr_jvp and fr_gradients. Values that f takes from elsewhere have
 * no tangents; fr_detach drops tangents, FR_NO_GRAD does not. fr_backward inside f, where a leaf would accumulate, is
 * an error. On failure both are NULL. */
bool fr_jvp(fr_function *f, fr_tensor *const *xs, fr_tensor *const *tangents, int n, void *user, fr_tensor **y,
            fr_tensor **dy);

/* f(xs), new, as if f had been called and recorded, but what f's ops save is not kept: f runs unrecorded now, and again
 * in each backward that comes through, on the same xs and with the same random numbers. Tensors that f takes from
 * elsewhere, such as a module's parameters, get their gradients too. f must do the same each time; user must live until
 * the graph is gone. n is 1 to 31. Second derivatives, checkpoints within f and fr_jvp work; f runs again for each of
 * them. Under FR_NO_GRAD it is a plain call of f. */
fr_tensor *fr_checkpoint(fr_function *f, fr_tensor *const *xs, int n, void *user);

/* The following differentiate f at xs, as torch.autograd.functional does. xs need not be marked: f gets leaves of its
 * own with xs' values. Results are new and without history. With FR_CREATE_GRAPH they have a history, which leads to
 * those xs that want gradients and to all else that f used. xs are floating, n >= 1; y may be NULL if it is not wanted.
 * On failure all results are NULL. */

/* dxs[i] = dy . d y / d xs[i], of xs[i]'s shape, for dy of y's shape; dy NULL: ones, for a scalar. */
bool fr_vjp(fr_function *f, fr_tensor *const *xs, int n, void *user, fr_tensor *dy, int flags, fr_tensor **y,
            fr_tensor **dxs);
/* hvs[i] = the sum over j of d2 y / d xs[i] d xs[j] . vs[j], for scalar y; hvs[i] and vs[i] have xs[i]'s shape. Forward
 * mode over reverse mode: it costs a few evaluations of f, whatever the size. */
bool fr_hvp(fr_function *f, fr_tensor *const *xs, fr_tensor *const *vs, int n, void *user, int flags, fr_tensor **y,
            fr_tensor **hvs);
/* out[i] = d y / d xs[i], of y's shape followed by xs[i]'s, 8 dims at most. Row by row in reverse mode; if xs have
 * fewer elements than y, column by column in forward mode: then f runs once for each column and must be a pure
 * function. */
bool fr_jacobian(fr_function *f, fr_tensor *const *xs, int n, void *user, int flags, fr_tensor **out);
/* out[i * n + j] = d2 y / d xs[i] d xs[j], of xs[i]'s shape followed by xs[j]'s, for scalar y. */
bool fr_hessian(fr_function *f, fr_tensor *const *xs, int n, void *user, int flags, fr_tensor **out);

/* True if the derivatives of f at xs are right: compares every element of the Jacobian by those xs that are marked with
 * central differences (step 1e-6, |got - expected| <= 1e-5 + 1e-3 |expected|). xs and f's result must be float64; f
 * must be a pure function of xs. Otherwise false, with an error that names the worst element, expected and got. */
bool fr_gradcheck(fr_function *f, fr_tensor *const *xs, int n, void *user);
/* The same for second derivatives. */
bool fr_gradgradcheck(fr_function *f, fr_tensor *const *xs, int n, void *user);

/* --- Looking into it ---------------------------------------------------------------------------------------------- */

/* While it is on, for this thread, the first NaN or Inf that an op computes, forward or in backward, is an error. It
 * names the op, the shapes, which of its inputs were finite, the module ("encoder.rnn") and the line of the call. An
 * Inf that is meant (a mask of -INFINITY) counts as well: switch off around it. Views are not looked at. While it is
 * on, all results are read once more; otherwise it costs nothing. */
void fr_detect_anomaly(bool on);

typedef struct fr_op fr_op;         /* <frond/op.h> */
typedef struct fr_module fr_module; /* <frond/nn.h> */

/* An input of an op, in a step of backward. */
typedef struct {
    fr_tensor *value; /* NULL: it is not known, or the op has no such input */
    fr_tensor *grad;  /* the part of its gradient that comes from this op; NULL: none is wanted */
    fr_tensor *leaf;  /* the leaf that it is, or NULL */
    int64_t number;   /* of the op that made it, as its output `output`; 0: a leaf or a constant */
    int output;
} fr_backward_input;

/* A step of backward: an op that has passed its gradient on, or a leaf whose gradient is complete. All of it is
 * borrowed, and valid until the function that was called with it returns. */
typedef struct {
    const fr_op *op; /* with its name and formula; NULL: a leaf, with grad_out[0] alone */
    const fr_tensor *leaf;
    int64_t number;              /* of the op, from 1 in the order in which they ran forward; 0: none, a leaf or
                                  * what a checkpoint's function ran again */
    int inputs, outputs;         /* how many in[], out[] and grad_out[] there are */
    const fr_backward_input *in; /* its inputs, with the gradients that it has sent */
    fr_tensor *const *out;       /* its results; NULL: not known */
    fr_tensor *const *grad_out;  /* the gradients that have arrived, complete; NULL: none came */
    const char *module_path;     /* "encoder.rnn", or "" */
    const char *file;            /* of the call in the source; NULL: not known */
    int line;
} fr_backward_step;
/* Returns false to stop. */
typedef bool fr_backward_step_fn(const fr_backward_step *step, void *user);
/* A backward to be watched: calls fn for each op, from the last to the first, then for each leaf. The gradient of t
 * begins with ones. Nothing is changed: leaves accumulate nothing, and fr_backward may follow. Values that the graph
 * does not keep are computed again, by the library's ops, if there are at most 10000 ops; of constants that no op
 * saves, such as a target that is subtracted, scalars alone are known. True also if fn stops it; false, with an error,
 * if t wants no gradient, a backward has freed what the graph saved, or an op or memory fails. */
bool fr_backward_steps(fr_tensor *t, fr_backward_step_fn *fn, void *user);

typedef struct {
    fr_module *module; /* shows its parameters and buffers with their full names; must be alive. Others: a, b, ... */
    bool unfold;       /* shows ops that are made of smaller ones (linear, softmax, layer_norm, rnn, lstm, gru,
                        * attention, losses, ...) with their parts, where the graph keeps their inputs */
    bool trace_table;  /* in place of the text: a table of all values, v1, v2, ..., beside their derivatives */
    void *reserved[8];
} fr_explain_options;
/* Writes the chain rule for t in words and numbers: each recorded op that made t, with its formula, inputs, values,
 * module and source line; then, backward from t to the leaves, what each op gets, its derivative as formula
 * (fr_op.derivative) and number, their product, and the sums of what comes to one place. A t that is no scalar counts
 * as if it were summed up. Formulas name inputs as the graph does, "#3 = #2 b"; an op's own letter for input i is the
 * name of that, its first letter, or x, a for the first and b for the second. A NaN or infinity is traced to the op
 * that made it first. All values of up to 16 elements are printed, of more the norm and the first three. Values are
 * found as by fr_backward_steps. Nothing is changed. False, with an error, if t wants no gradient, options are bad, the
 * file cannot be written, or memory runs out. After a backward that has freed what the graph saved, only the first half
 * is written. */
bool fr_explain(FILE *file, fr_tensor *t);
bool fr_explain_with(FILE *file, fr_tensor *t, const fr_explain_options *options); /* options may be NULL */

typedef struct {
    fr_module *module; /* shows its parameters and buffers with their full names; must be alive. Others: shape only */
    bool values; /* shows values that the graph keeps: all of up to 6 elements, of more the least, mean and greatest */
    bool gradients; /* likewise the gradient of t, or of its sum, by each op's results and each leaf, from a backward
                     * that changes nothing; if one has run before, what the leaves have accumulated */
    bool unroll;    /* draws rnn, lstm and gru step by step, not as one op each, as far as max_nodes allows */
    int max_nodes;  /* default 500; if there are more ops (steps count), only the latest are drawn */
    void *reserved[8];
} fr_graph_dot_options;
/* Writes a picture of what t was made from, in the language of Graphviz ("dot -Tsvg"): recorded ops, with their
 * formulas as tooltips; the leaves and constants that they read; the modules in which they were recorded, as nested
 * clusters; shapes on edges, and dtypes other than float32. The graph may have been walked, and its modules may be
 * freed. The same graph gives the same text. False, with an error, if t wants no gradient, options are bad, the file
 * cannot be written or memory runs out. */
bool fr_graph_dot(FILE *file, fr_tensor *t);
bool fr_graph_dot_with(FILE *file, fr_tensor *t, const fr_graph_dot_options *options); /* options may be NULL */

typedef struct {
    fr_module *module; /* gives its parameters and buffers their full names; must be alive */
    int max_nodes;     /* default 200; if there are more ops (steps count), only the latest are shown */
    void *reserved[8];
} fr_explain_html_options;
/* Writes a page for a browser that shows the chain rule for t at work: the graph as a picture, forward and backward
 * step by step, with the numbers that arrive and add up. It is one HTML file that needs no network; with "#step=end"
 * after its address it opens at the last step. All values of tensors of up to 64 elements are there, of larger ones
 * the least, mean and greatest; what the graph does not keep is computed again where that can be done. A t that is no
 * scalar counts as if it were summed up. Nothing is changed. If a backward has run before and freed the graph's values,
 * only forward is shown. False, with an error, as fr_graph_dot. */
bool fr_explain_html(FILE *file, fr_tensor *t);
bool fr_explain_html_with(FILE *file, fr_tensor *t, const fr_explain_html_options *options); /* options may be NULL */

/* A graph that grows with each step is a frequent mistake: a state is carried over without fr_detach, or losses are
 * added up as tensors. There is a warning of it, once for each thread (fr_set_warning_handler), when the least number
 * of recorded ops alive at any time between two calls of fr_backward has risen 20 times in a row. Growing sequences do
 * not make it rise, as long as each step lets go of its graph before the next is recorded. */

FR_END_DECLS
#endif
