/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Modules: parameters, buffers and children under names, with a forward function. Names, order of creation and initial
 * values are PyTorch's. A module belongs to who made it until it is added to a parent, which then owns it; the top one
 * is freed with fr_module_free. Modules need no open scope to be made. Several threads may run one model at once in
 * evaluation under FR_NO_GRAD; whatever changes a module is for one thread alone. */
#ifndef FROND_NN_H
#define FROND_NN_H

#include <frond/ops.h>

FR_BEGIN_DECLS

typedef struct fr_module fr_module;
typedef fr_tensor *fr_forward_function(fr_module *self, fr_tensor *x);

/* --- Building modules -------------------------------------------------------------------------------------------- */

/* A module of the named type ("SimpleRNN") with size bytes of zeroed memory for its own use; NULL where it fails.
 * forward may be NULL: then the module only holds others, and fr_forward of it fails. */
fr_module *fr_module_new(const char *type, size_t size, fr_forward_function *forward);
void *fr_self(const fr_module *m); /* that memory, borrowed from m; NULL for NULL */
/* Gives child to m under a name, and returns it. Fails, returning NULL, for a name that is empty, has a dot or is
 * taken; for a child that has a parent already; where it would be nested more than 256 deep. A child that belonged to
 * the caller is freed then. Also fails for m itself or a module around m, which stay as they are. */
fr_module *fr_module_add(fr_module *m, const char *name, fr_module *child);
/* m holds t as a parameter (marked as wanting a gradient) or as a buffer (state that is not trained, of any dtype);
 * same. A parameter may be held by several modules, or under several names. Fails for a name as above and, as
 * parameter, for int64 and for a tensor with a history. */
fr_tensor *fr_module_param(fr_module *m, const char *name, fr_tensor *t);
fr_tensor *fr_module_buffer(fr_module *m, const char *name, fr_tensor *t);
/* What stands between the brackets of its type when it is printed: "1, 32, batch_first=True". Several lines are printed
 * one below the other. Copied; replaces what was there. */
bool fr_module_describe(fr_module *m, const char *text);
void fr_module_free(fr_module *m); /* and its children; NULL is fine; an error for a child: its parent owns it */

/* --- Using them -------------------------------------------------------------------------------------------------- */

/* m's forward of x: new, or x itself. Runs in a scope of its own, so that what it makes on the way lives no longer than
 * needed. Of a recurrent module it gives .out. Fails for a module without a forward function. */
fr_tensor *fr_forward(fr_module *m, fr_tensor *x);
void fr_train(fr_module *m, bool training); /* m and all below; modules start in training */
bool fr_module_training(const fr_module *m);

/* Forward hooks of m are called after its forward function, in the order in which they were put on, with x and the
 * result y, for which what a hook returns is taken, unless that is NULL. Backward hooks are called in each backward
 * that comes through m and computes the gradient of its input, grad_in, with that and the gradient of its result,
 * grad_out (both borrowed, grad_out without history); what one returns, of the same shape and dtype, unless NULL, is
 * taken for grad_in. Where x wants no gradient they are called with grad_in NULL as soon as grad_out is there. As
 * PyTorch's register_forward_hook and register_full_backward_hook. They belong to fr_forward: direct calls of a model's
 * own functions or of fr_recurrent_forward pass them by. off takes off the first that was put on with this hook and
 * user, also from within a hook, and fails where there is none. user must live as long as the hook. */
typedef fr_tensor *fr_forward_hook(fr_module *m, fr_tensor *x, fr_tensor *y, void *user);
typedef fr_tensor *fr_backward_hook(fr_module *m, fr_tensor *grad_in, fr_tensor *grad_out, void *user);
bool fr_module_on_forward(fr_module *m, fr_forward_hook *hook, void *user);
bool fr_module_off_forward(fr_module *m, fr_forward_hook *hook, void *user);
bool fr_module_on_backward(fr_module *m, fr_backward_hook *hook, void *user);
bool fr_module_off_backward(fr_module *m, fr_backward_hook *hook, void *user);

/* All parameters of m and below, each once: a module's own in order of creation, then its children's in the order in
 * which they were added; n gets their number. Borrowed from m, until something is added to it or below. */
fr_tensor *const *fr_module_parameters(fr_module *m, int *n);
/* Parameters and buffers with their full names ("rnn.weight_ih_l0"), likewise borrowed, a module's own buffers after
 * its own parameters; a shared parameter stands under each of its names. */
typedef struct {
    const char *name;
    fr_tensor *tensor;
    bool buffer;
} fr_named_tensor;
const fr_named_tensor *fr_module_state(fr_module *m, int *n);
fr_tensor *fr_module_find(fr_module *m, const char *name); /* borrowed from m; NULL and an error if there is none */
int64_t fr_module_count(fr_module *m);                     /* values in all parameters, each once; -1 where it fails */
bool fr_module_freeze(fr_module *m, bool frozen);          /* whether the parameters of m and below want no gradient */

/* As PyTorch's print(model), and a line with the number of parameters. fr_module_fprint gives the number of characters
 * written, or -1. */
void fr_module_print(fr_module *m);
int fr_module_fprint(FILE *file, fr_module *m);

/* --- Layers: NULL where they fail. Parameters are of the default dtype ------------------------------------------- */

typedef struct {
    bool no_bias;
    void *reserved[8];
} fr_linear_options;
/* (...,in) -> (...,out). Parameters: weight (out,in), bias (out). */
fr_module *fr_nn_linear(int64_t in, int64_t out, const fr_linear_options *options);

typedef struct {
    int num_layers; /* default 1 */
    bool no_bias;
    bool batch_first; /* x and out are (B,T,*) instead of (T,B,*); the states never */
    bool bidirectional;
    double dropout;    /* 0 to 1: on the output of each layer but the last, in training */
    bool relu;         /* fr_nn_rnn alone */
    int64_t proj_size; /* fr_nn_lstm alone, less than hidden_size; 0: no projection */
    void *reserved[8];
} fr_recurrent_options;
/* x (T,B,I), (B,T,I) with batch_first, or (T,I) unbatched, T of 1 or more. D = 2 if bidirectional, else 1. Parameters
 * of layer k: weight_ih_l{k} (gH,I or D*H), weight_hh_l{k} (gH,H), bias_ih_l{k} and bias_hh_l{k} (gH), with proj_size P
 * weight_hr_l{k} (P,H) and P for the other H of a row; then the same with _reverse. g is 1, lstm 4, gru 3. */
fr_module *fr_nn_rnn(int64_t input_size, int64_t hidden_size, const fr_recurrent_options *options);
fr_module *fr_nn_lstm(int64_t input_size, int64_t hidden_size, const fr_recurrent_options *options);
fr_module *fr_nn_gru(int64_t input_size, int64_t hidden_size, const fr_recurrent_options *options);
/* out (T,B,D*H) or as batch_first says, h and c (D*layers,B,H); with proj_size P, out and h have P for H; unbatched:
 * (T,D*H), (D*layers,H). initial: h and, for lstm, c, of those shapes; NULL in place of it or of one: zeros. All three
 * are new; all NULL where it fails, as it does for m that is none of the three above. */
fr_recurrent fr_recurrent_forward(fr_module *m, fr_tensor *x, const fr_recurrent *initial);
/* lengths (B) int64, each 1..T: rows past their length give 0 and leave the state alone. x must be batched. */
fr_recurrent fr_recurrent_forward_lengths(fr_module *m, fr_tensor *x, const fr_recurrent *initial, fr_tensor *lengths);

/* One after another; owns them, as children "0", "1", ... Where it fails, those without a parent are freed. */
fr_module *fr_nn_sequential(int n, fr_module *const *modules);
fr_module *fr_nn_dropout(double p); /* 0 to 1, in training; otherwise gives x itself */
fr_module *fr_nn_sigmoid(void);
fr_module *fr_nn_tanh(void);
fr_module *fr_nn_relu(void);
fr_module *fr_nn_leaky_relu(double negative_slope);
fr_module *fr_nn_elu(double alpha);
fr_module *fr_nn_gelu(void);
fr_module *fr_nn_silu(void);
fr_module *fr_nn_softplus(void);
fr_module *fr_nn_softmax(int dim);
fr_module *fr_nn_log_softmax(int dim);

FR_END_DECLS
#endif
