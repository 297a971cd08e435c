/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Modules: parameters, buffers and child modules under names, with a forward function.
 *
 * Names, the order of creation and initial values are PyTorch's. A module belongs to its maker until it is added to a
 * parent; then the parent owns it. Free the top module with fr_module_free. Making the layers of this header needs no
 * open scope; making a parameter of your own with fr_zeros or fr_randn does. In evaluation and under FR_NO_GRAD several
 * threads may run one model at the same time. While one thread changes a module, no other thread may use it. */
#ifndef FROND_NN_H
#define FROND_NN_H

#include <frond/ops.h>

FR_BEGIN_DECLS

typedef struct fr_module fr_module;
typedef fr_tensor *fr_forward_function(fr_module *self, fr_tensor *x);

/* --- Building modules --------------------------------------------------------------------------------------------- */

void fr_module_free(fr_module *m); /* frees m and its children; NULL is allowed; an error for a module with a parent */

/* Makes a module of the named type, such as "SimpleRNN", with size bytes of zeroed memory for its own use. Returns NULL
 * if that fails. forward may be NULL: then the module only holds others, and fr_forward fails for it. */
fr_module *fr_module_new(const char *type, size_t size, fr_forward_function *forward) FR_FREED_BY(fr_module_free);

void *fr_self(const fr_module *m); /* the module's own memory, borrowed from m; NULL for NULL */

/* Adds child to m under name and returns child; m owns it now. Fails and returns NULL if name is empty, has a dot or is
 * taken, if child has a parent already, or if modules would be nested more than 256 deep. After such a failure a child
 * without a parent is freed. Adding m itself or a module that contains m also fails, but frees nothing. */
fr_module *fr_module_add(fr_module *m, const char *name, fr_module *child);

/* Adds t to m as a parameter or as a buffer and returns t; m holds it from now on. A parameter is marked as wanting a
 * gradient. A buffer is state that is not trained, of any dtype. Several modules may hold the same parameter, and one
 * module may hold it under several names. Fails if name is empty, has a dot or is taken; fr_module_param also fails for
 * int64 and for a tensor with a history. */
fr_tensor *fr_module_param(fr_module *m, const char *name, fr_tensor *t);
fr_tensor *fr_module_buffer(fr_module *m, const char *name, fr_tensor *t);

/* Ties a parameter: puts t in place of the parameter of m with this full name, such as "weight" or "decoder.weight",
 * and returns t. t has the same shape and dtype, no history, and is marked as wanting a gradient. No random number is
 * drawn, but making m's layer has drawn some. Pointers to the old tensor in the memory (fr_self) of the module that had
 * it, and of those around that one, then point to t; others do not. An optimiser made before keeps the old one. NULL
 * with an error if there is no such parameter, or if t does not fit. */
fr_tensor *fr_module_share(fr_module *m, const char *name, fr_tensor *t);

/* Parameters computed from others whenever m runs, as torch.nn.utils.parametrizations does; name is that of one of m's
 * own, "weight". Files, optimisers made later and fr_module_state see what it is computed from, under PyTorch's names.
 *
 * weight_norm: weight = g v / |v|, with a norm for each slice along dim, or, if dim is -1, one norm. The parameters are
 * parametrizations.weight.original0 (g) and original1 (v). Salimans and Kingma, "Weight Normalization", 2016.
 *
 * spectral_norm: weight / its largest singular value, the weight taken as a matrix of dim by all others; dim -1 is 1
 * for transposed convolutions, else 0. The parameter is parametrizations.weight.original. The value is found by power
 * iterations, n_power_iterations (1 to 10000) in each run in training, none in evaluation, from the buffers
 * parametrizations.weight.0._u and ._v, which are drawn as PyTorch draws them. A weight of one dim is divided by its
 * norm. Usual values are 1, 1e-12, -1. Miyato et al., "Spectral Normalization for Generative Adversarial Networks",
 * 2018.
 *
 * remove_parametrizations makes the present value the parameter again. All return false with an error, and change
 * nothing, if there is no such parameter, if it is computed already (or not), if a module around m reads it itself, as
 * attention does its projections, or if dim, n_power_iterations or eps are out of range. */
bool fr_weight_norm(fr_module *m, const char *name, int dim);
bool fr_spectral_norm(fr_module *m, const char *name, int n_power_iterations, double eps, int dim);
bool fr_remove_parametrizations(fr_module *m, const char *name);
/* The same for training with int8 weights (quantisation-aware training): from now on m and all modules below it run
 * with weights as fr_fake_quantize rounds them, which is how fr_export_c writes int8. The parameters that are trained,
 * saved and loaded stay float32, as parametrizations.weight.original, and get the gradient straight through the
 * rounding. The weights are those of linear layers, convolutions, embeddings and recurrent layers: all parameters of
 * two dims or more whose name has "weight" in it, but those of LayerNorm and RMSNorm, what is computed from others
 * already, and what a module does not read through a pointer in its own memory: out_proj of attention, and user's
 * modules that look parameters up by name. Returns how many weights are rounded that were not before; -1 with an error
 * if there are none, or if memory runs out (then some of them are rounded, and another call goes on). */
int fr_fake_quantize_weights(fr_module *m);

/* Makes a copy of m and all below, like copy.deepcopy: its own parameters and buffers with the same values, frozen
 * where those are; the same training flags; no gradients, no hooks, no parent. Needs no open scope. fr_self's memory is
 * copied; pointers in it to tensors and modules of the tree then point to the copies. What else it points to is not
 * copied. A model loaded from ONNX cannot be cloned. */
fr_module *fr_module_clone(fr_module *m) FR_FREED_BY(fr_module_free);

/* Sets the text that is printed in the brackets after m's type, such as "1, 32, batch_first=True". Each line of the
 * text is printed on a line of its own. The text is copied; it replaces the one before. */
bool fr_module_describe(fr_module *m, const char *text);

/* --- Using modules ------------------------------------------------------------------------------------------------ */

/* Runs m's forward function on x and returns its result: a new tensor, or x itself. It runs in its own scope, so
 * intermediate tensors live no longer than needed. A recurrent module returns its .out. Fails if m has no forward
 * function. */
fr_tensor *fr_forward(fr_module *m, fr_tensor *x);

void fr_train(fr_module *m, bool training);  /* sets training or evaluation for m and all modules below it */
bool fr_module_training(const fr_module *m); /* true if m is in training; modules start in training */

/* Runs fr_forward(m, x) with other tensors in place of m's parameters, like torch.func.functional_call: parameters[i],
 * for i < n, stands for fr_module_parameters(m)[i], or is NULL, for which that one itself stays. They have the same
 * shape and dtype, and maybe a history, so gradients reach what they were made from: for MAML, Hessian-vector products
 * and ensembles. m does not change. Each op that gets a parameter takes the other instead; what reads values in another
 * way, such as fr_data, does not. Calls may nest; fr_checkpoint inside is an error. Fails for another n, shape or
 * dtype, and where fr_forward fails. */
fr_tensor *fr_functional_call(fr_module *m, fr_tensor *const *parameters, int n, fr_tensor *x);

/* Hooks, like PyTorch's register_forward_pre_hook, register_forward_hook and register_full_backward_hook.
 *
 * Forward pre-hooks of m are called before its forward function, in the order in which they were added, with x. If a
 * hook returns a tensor, not NULL, this replaces x.
 *
 * Forward hooks of m are called after its forward function, in the order in which they were added, with x and the
 * result y. If a hook returns a tensor, not NULL, this replaces y.
 *
 * Backward hooks are called in each backward that passes through m and computes grad_in, the gradient of m's input.
 * They get grad_in and grad_out, the gradient of m's result; both are borrowed, and grad_out has no history. If a hook
 * returns a tensor, not NULL, this replaces grad_in; it must have the same shape and dtype. If x wants no gradient, the
 * hooks are called with grad_in NULL as soon as grad_out is known.
 *
 * Only fr_forward calls hooks; direct calls of a model's own functions or of fr_recurrent_forward do not. The off
 * functions remove the first hook that was added with this function and this user; they may be called inside a hook,
 * and fail if there is no such hook. user must live as long as the hook. */
typedef fr_tensor *fr_forward_pre_hook(fr_module *m, fr_tensor *x, void *user);
typedef fr_tensor *fr_forward_hook(fr_module *m, fr_tensor *x, fr_tensor *y, void *user);
typedef fr_tensor *fr_backward_hook(fr_module *m, fr_tensor *grad_in, fr_tensor *grad_out, void *user);
bool fr_module_on_forward_pre(fr_module *m, fr_forward_pre_hook *hook, void *user);
bool fr_module_off_forward_pre(fr_module *m, fr_forward_pre_hook *hook, void *user);
bool fr_module_on_forward(fr_module *m, fr_forward_hook *hook, void *user);
bool fr_module_off_forward(fr_module *m, fr_forward_hook *hook, void *user);
bool fr_module_on_backward(fr_module *m, fr_backward_hook *hook, void *user);
bool fr_module_off_backward(fr_module *m, fr_backward_hook *hook, void *user);

/* Returns all parameters of m and of the modules below it, each once, and their number in *n. A module's own parameters
 * come first, in the order of creation; those of its children follow, in the order in which they were added. The list
 * is borrowed from m, and valid until something is added to m or below. */
fr_tensor *const *fr_module_parameters(fr_module *m, int *n);
/* Returns all parameters and buffers with their full names, such as "rnn.weight_ih_l0", and their number in *n. A
 * module's own buffers come after its own parameters. A parameter with several names is listed under each of them. The
 * list is borrowed from m like that of fr_module_parameters. */
typedef struct {
    const char *name;
    fr_tensor *tensor;
    bool buffer;
} fr_named_tensor;
const fr_named_tensor *fr_module_state(fr_module *m, int *n);
/* Returns the parameter or buffer with this full name, borrowed from m; NULL and an error if there is none. */
fr_tensor *fr_module_find(fr_module *m, const char *name);
/* fr_module_children returns the number of m's direct children, -1 for NULL. fr_module_at returns child i, in the order
 * in which they were added; a negative i counts from the end. The child is borrowed from m. */
int fr_module_children(const fr_module *m);
fr_module *fr_module_at(const fr_module *m, int i);

int64_t fr_module_count(fr_module *m); /* the number of values in all parameters, each counted once; -1 if it fails */

/* Freezes or unfreezes the parameters of m and of all modules below it. A frozen parameter wants no gradient: none is
 * computed, and optimisers do not change it. */
bool fr_module_freeze(fr_module *m, bool frozen);

/* All parameters in one call; nothing is recorded. fr_module_copy gives `into` the values of from's parameters and
 * buffers, like into.load_state_dict(from.state_dict()). fr_module_lerp moves them by a soft update, into + weight
 * (from
 * - into), as for the target network of Q-learning; int64 buffers are copied. Both fail, and change nothing, unless
 * both modules have the same names, shapes and dtypes. fr_module_scale multiplies m's parameters by factor. */
bool fr_module_copy(fr_module *into, fr_module *from);
bool fr_module_lerp(fr_module *into, fr_module *from, double weight);
bool fr_module_scale(fr_module *m, double factor);

bool fr_module_zero_grad(fr_module *m); /* drops the gradients of all parameters of m and below */

/* Calls f for each module below m, children first, and at last for m, as PyTorch's Module.apply does; f must not add
 * modules. fr_module_type is the name that m was made with, such as "Linear", borrowed from m; NULL for NULL. */
typedef void fr_module_function(fr_module *m, void *user);
bool fr_module_apply(fr_module *m, fr_module_function *f, void *user);
const char *fr_module_type(const fr_module *m);

/* All n >= 1 parameters as one vector, new and recorded; they have one dtype. And back: writes the vector's values into
 * the parameters, which are leaves of its dtype; this is not recorded. False, with an error, if the sizes differ. */
fr_tensor *fr_parameters_to_vector(fr_tensor *const *parameters, int n);
bool fr_vector_to_parameters(fr_tensor *vector, fr_tensor *const *parameters, int n);

/* Print m as PyTorch's print(model) does, with one more line: the number of parameters. fr_module_fprint returns the
 * number of characters written, or -1. */
void fr_module_print(fr_module *m);
int fr_module_fprint(FILE *file, fr_module *m);
/* Prints a table with a row for m and for each module below it, indented, with name and type. The columns are the shape
 * of its last result ("-" if it did not run), its parameters, and the multiply-adds and bytes of activations that a
 * forward of example takes in it. A row counts everything below it too; a parameter counts once. Totals follow, with
 * frozen parameters apart. Multiply-adds are counted in linear, matmul (and so in attention), convolutions, rnn, lstm
 * and gru, without biases, and in users' ops that count theirs. Activations are the results of ops, except views;
 * gradients need as much memory again.
 *
 * It runs m once, in evaluation and without recording. Training flags, the generator and gradients do not change;
 * buffers change only if m's own functions change them in evaluation. Hooks are called. Errors of the forward are
 * reported after it. Returns false, with an error, if forward fails, if the file cannot be written or if memory runs
 * out. */
bool fr_module_summary(FILE *file, fr_module *m, fr_tensor *example);

/* --- Layers: making one returns NULL if it fails; parameters have the default dtype ------------------------------- */

typedef struct {
    bool no_bias;
    void *reserved[8];
} fr_linear_options;
/* Applies fr_linear: (...,in) -> (...,out). Parameters: weight (out,in), bias (out). */
fr_module *fr_nn_linear(int64_t in, int64_t out, const fr_linear_options *options) FR_FREED_BY(fr_module_free);

typedef struct {
    int num_layers; /* default 1 */
    bool no_bias;
    bool batch_first; /* x and out are (B,T,*) instead of (T,B,*); states have the same shape either way */
    bool bidirectional;
    double dropout;    /* 0 to 1: dropout of the output of each layer except the last, in training */
    bool relu;         /* only for fr_nn_rnn: relu instead of tanh */
    int64_t proj_size; /* only for fr_nn_lstm, less than hidden_size; 0: no projection */
    /* PyTorch does not have these: */
    bool learn_initial; /* initial states are parameters, which start at 0 */
    bool layer_norm;    /* see below; computed step by step in smaller ops, so several times slower */
    void *reserved[8];
} fr_recurrent_options;
/* Recurrent layers. x (T,B,I), or (B,T,I) with batch_first, or (T,I) unbatched; T is 1 or more.
 *
 * D is 2 if bidirectional, else 1; g is 1 for rnn, 4 for lstm, 3 for gru. Layer k has these parameters: weight_ih_l{k}
 * (gH,I or D*H), weight_hh_l{k} (gH,H), bias_ih_l{k} and bias_hh_l{k} (gH). With proj_size P it also has weight_hr_l{k}
 * (P,H), and the others are weight_ih_l{k} (gH,I or D*P) and weight_hh_l{k} (gH,P). With learn_initial it has h0_l{k}
 * (H, or P with proj_size) and, for lstm, c0_l{k} (H); these draw no random numbers. The same parameters follow with
 * _reverse, for the other direction.
 *
 * With layer_norm (Ba et al., "Layer Normalization", 2016, supplementary material), LN(W_ih x) gain_ih + b_ih replaces
 * W_ih x + b_ih, LN(W_hh h) gain_hh + b_hh replaces W_hh h + b_hh, and for lstm h' = o tanh(LN(c') gain_c + bias_c); c'
 * itself is passed on unchanged. LN normalises the sums of all gates together to mean 0 and variance 1, with eps 1e-5;
 * in gru it normalises those of r and z together, and those of n alone. The parameters gain_ih_l{k} and gain_hh_l{k}
 * (gH) and, for lstm, gain_c_l{k} and bias_c_l{k} (H) come before h0. Gains start at 1, bias_c starts at 0. Without
 * biases there is no bias_c. */
fr_module *fr_nn_rnn(int64_t input_size, int64_t hidden_size, const fr_recurrent_options *options)
    FR_FREED_BY(fr_module_free);
fr_module *fr_nn_lstm(int64_t input_size, int64_t hidden_size, const fr_recurrent_options *options)
    FR_FREED_BY(fr_module_free);
fr_module *fr_nn_gru(int64_t input_size, int64_t hidden_size, const fr_recurrent_options *options)
    FR_FREED_BY(fr_module_free);
/* Runs an rnn, lstm or gru. Returns out (T,B,D*H), or (B,T,D*H) with batch_first, and the final states h and, for lstm,
 * c (D*layers,B,H). Unbatched: out (T,D*H), states (D*layers,H). With proj_size P, out and h have P instead of H.
 * initial holds the initial states h and, for lstm, c, in these shapes. If initial or one of its states is NULL, the
 * learned initial state is used, the same for all rows, or else zeros. All results are new. All are NULL if the call
 * fails, also if m is another kind of module. */
fr_recurrent fr_recurrent_forward(fr_module *m, fr_tensor *x, const fr_recurrent *initial);
/* The same for rows of different lengths (B) int64, each 1..T. Past its length a row's output is 0 and its state does
 * not change. Rows may be in any order; time is in proportion to the sum of the lengths, except with layer_norm. x must
 * be batched. Dropout draws as PyTorch does for packed sequences: step by step for the rows that are
 * still running, the longest first, rows of equal length in their order. (For more than 16 rows, PyTorch's
 * pack_padded_sequence keeps this order only if it does not sort.) */
fr_recurrent fr_recurrent_forward_lengths(fr_module *m, fr_tensor *x, const fr_recurrent *initial, fr_tensor *lengths);
/* Keeps the states of y in *kept, for the next window of a long sequence: h and c, without their history, as h.detach()
 * in PyTorch. *kept holds them until they are replaced, in any scope; kept->out is NULL. Begin with {0}, which means
 * zeros. y NULL releases what *kept holds and leaves {0}. Fails if kept is NULL or if y has no h, as after a failed
 * call; then *kept does not change. */
bool fr_recurrent_keep(fr_recurrent *kept, const fr_recurrent *y);

typedef struct {
    bool no_bias;
    bool relu; /* only for fr_nn_rnn_cell */
    void *reserved[8];
} fr_cell_options;
/* Cells: one step of the layers above; call the cell once for each step. Parameters: weight_ih (gH,I), weight_hh
 * (gH,H), bias_ih and bias_hh (gH). */
fr_module *fr_nn_rnn_cell(int64_t input_size, int64_t hidden_size, const fr_cell_options *options)
    FR_FREED_BY(fr_module_free);
fr_module *fr_nn_lstm_cell(int64_t input_size, int64_t hidden_size, const fr_cell_options *options)
    FR_FREED_BY(fr_module_free);
fr_module *fr_nn_gru_cell(int64_t input_size, int64_t hidden_size, const fr_cell_options *options)
    FR_FREED_BY(fr_module_free);
/* Runs one step of a cell. x (B,I), or (I) unbatched; state: h and, for lstm, c, (B,H) or (H). Where state or
 * one of its tensors is NULL, zeros are used. Returns the new h and, for lstm, c, in these shapes; out is h. Pass the
 * result as the state of the next step. All results are new; all are NULL if the call fails, also if m is no cell.
 * fr_forward returns out, starting from a state of zeros. */
fr_recurrent fr_cell_forward(fr_module *m, fr_tensor *x, const fr_recurrent *state);

/* Convolutions: fr_conv1d and fr_conv2d with parameters weight (out,in/groups,kernel) and bias (out). in and out are
 * numbers of channels, 0 or more, divisible by groups. Sizes, options and formulas are those of fr_conv1d and
 * fr_conv2d. */
fr_module *fr_nn_conv1d(int64_t in, int64_t out, int64_t kernel_size, const fr_conv_options *options)
    FR_FREED_BY(fr_module_free);
fr_module *fr_nn_conv2d(int64_t in, int64_t out, fr_shape kernel_size, const fr_conv_options *options)
    FR_FREED_BY(fr_module_free);
/* Transposed convolutions: fr_conv_transpose1d and fr_conv_transpose2d with parameters weight (in,out/groups,kernel)
 * and bias (out). */
fr_module *fr_nn_conv_transpose1d(int64_t in, int64_t out, int64_t kernel_size,
                                  const fr_conv_transpose_options *options) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_conv_transpose2d(int64_t in, int64_t out, fr_shape kernel_size,
                                  const fr_conv_transpose_options *options) FR_FREED_BY(fr_module_free);
/* Pools: fr_max_pool1d and the other pools, as modules without parameters. */
fr_module *fr_nn_max_pool1d(int64_t kernel_size, const fr_max_pool_options *options) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_max_pool2d(fr_shape kernel_size, const fr_max_pool_options *options) FR_FREED_BY(fr_module_free);
/* fr_max_unpool1d and fr_max_unpool2d: options without output_size, which is given with each call; {0} is the default.
 * They have no forward of x alone. fr_max_unpool_forward fails where the functions do, and for another kind of module.
 */
fr_module *fr_nn_max_unpool1d(int64_t kernel_size, const fr_max_unpool_options *options) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_max_unpool2d(fr_shape kernel_size, const fr_max_unpool_options *options) FR_FREED_BY(fr_module_free);
fr_tensor *fr_max_unpool_forward(fr_module *m, fr_tensor *x, fr_tensor *indices, fr_shape output_size);
fr_module *fr_nn_avg_pool1d(int64_t kernel_size, const fr_avg_pool_options *options) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_avg_pool2d(fr_shape kernel_size, const fr_avg_pool_options *options) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_adaptive_avg_pool1d(int64_t output_size) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_adaptive_avg_pool2d(fr_shape output_size) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_adaptive_max_pool1d(int64_t output_size) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_adaptive_max_pool2d(fr_shape output_size) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_upsample(const fr_interpolate_options *options) FR_FREED_BY(fr_module_free); /* fr_interpolate */
/* Borders: fr_pad and fr_pad_mode. padding: the last dim's number before and after it, then, for 2d, that of the dim
 * before: FR_DIMS(1, 2, 0, 1); or one number for all. */
fr_module *fr_nn_zero_pad1d(fr_shape padding) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_zero_pad2d(fr_shape padding) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_constant_pad1d(fr_shape padding, double value) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_constant_pad2d(fr_shape padding, double value) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_reflection_pad1d(fr_shape padding) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_reflection_pad2d(fr_shape padding) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_replication_pad1d(fr_shape padding) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_replication_pad2d(fr_shape padding) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_circular_pad1d(fr_shape padding) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_circular_pad2d(fr_shape padding) FR_FREED_BY(fr_module_free);

/* Joins dims from..to into one. PyTorch's default: 1 to -1. */
fr_module *fr_nn_flatten(int from, int to) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_unflatten(int dim, fr_shape sizes) FR_FREED_BY(fr_module_free); /* fr_unflatten */

/* --- Attention and transformers ----------------------------------------------------------------------------------- */

typedef struct {
    bool no_bias;
    bool batch_first; /* query, key, value and the result are (B,T,E) instead of (T,B,E) */
    double dropout;   /* 0 to 1: dropout of the attention weights, in training */
    void *reserved[8];
} fr_multihead_attention_options;
/* Attention with num_heads heads, each on an equal part of embed_dim, which num_heads must divide. Parameters:
 * in_proj_weight (3E,E) and in_proj_bias (3E) for query, key and value, out_proj.weight (E,E) and out_proj.bias (E).
 * fr_forward(m, x) attends from x to x itself. */
fr_module *fr_nn_multihead_attention(int64_t embed_dim, int64_t num_heads,
                                     const fr_multihead_attention_options *options) FR_FREED_BY(fr_module_free);

/* Masks of the attention modules. As in PyTorch's modules, a key is left out where a mask is not 0. This is the
 * opposite of attn_mask in fr_scaled_dot_product_attention, also as in PyTorch. Masks may have any dtype. */
typedef struct {
    fr_tensor *key_padding_mask; /* (B,S), or (S) for unbatched input, or NULL: applies to all queries */
    fr_tensor *attn_mask;        /* (L,S) or (B heads,L,S), or NULL */
    fr_tensor *attn_bias;        /* (L,S) or (B heads,L,S), or NULL: added to the scores (PyTorch's float mask) */
    bool is_causal;              /* query i attends only to keys 0..i; needs no other mask */
    void *reserved[8];
} fr_attention_masks;
/* Runs a multihead attention. query (L,B,E), key and value (S,B,E); or B first with batch_first; or (L,E) and (S,E)
 * unbatched. Returns a new tensor of query's shape. masks may be NULL. A query that has no key left attends to nothing,
 * as in PyTorch with need_weights=False. Fails if m is another kind of module, for other shapes, and for dtypes that
 * differ from the parameters'. */
fr_tensor *fr_attention_forward(fr_module *m, fr_tensor *query, fr_tensor *key, fr_tensor *value,
                                const fr_attention_masks *masks);

/* The same with the weights of the attention, PyTorch's need_weights: *weights is their mean over the heads (B,L,S), or
 * (L,S) unbatched; with per_head, PyTorch's average_attn_weights=False, those of each (B,heads,L,S) or (heads,L,S).
 * Both results are new; *weights is NULL where the call fails. In training the weights are those after dropout. A query
 * that has no key left gives NaN here, as in PyTorch. Slower, and with memory for all weights. */
fr_tensor *fr_attention_forward_weights(fr_module *m, fr_tensor *query, fr_tensor *key, fr_tensor *value,
                                        const fr_attention_masks *masks, bool per_head, fr_tensor **weights);

/* Keys and values of the steps so far, (B,heads,S,E/heads), for generation step by step. Begin with {0}. */
typedef struct {
    fr_tensor *k, *v;
} fr_kv_cache;
/* Causal self-attention of new steps x (L,B,E), or (B,L,E) with batch_first, or (L,E): their keys and values, without
 * history, are put behind those in *kept, and each new step attends to all before it and to itself. Calls of parts of a
 * sequence give what one call of the whole gives with is_causal. *kept holds its tensors in any scope, until
 * fr_kv_cache_clear. Fails where fr_attention_forward does, and where x's batch is not that of *kept; then *kept does
 * not change. */
fr_tensor *fr_attention_forward_cached(fr_module *m, fr_tensor *x, fr_kv_cache *kept);
void fr_kv_cache_clear(fr_kv_cache *kept); /* releases what it holds and leaves {0}; NULL is fine */

typedef struct {
    int64_t dim_feedforward; /* default 2048 */
    double dropout;          /* 0 to 1, in training; default 0.1; FR_ZERO: none */
    bool gelu;               /* gelu instead of relu */
    double layer_norm_eps;   /* default 1e-5 */
    bool batch_first;        /* x is (B,T,E) instead of (T,B,E) */
    bool norm_first;         /* norms come before attention and feedforward, not after the residuals */
    bool no_bias;
    void *reserved[8];
} fr_transformer_encoder_layer_options;
/* A transformer encoder layer: self-attention and two linear layers, each of the two parts with dropout, a residual and
 * a norm; E = d_model. Children: self_attn, linear1, dropout, linear2, norm1, norm2, dropout1, dropout2. */
fr_module *fr_nn_transformer_encoder_layer(int64_t d_model, int64_t nhead,
                                           const fr_transformer_encoder_layer_options *options)
    FR_FREED_BY(fr_module_free);
/* A transformer encoder: num_layers layers, one after another, as "layers", and norm, which may be NULL, as "norm". It
 * owns layer, which becomes the first one, and norm. The other layers are copies of it (fr_module_clone), as in
 * PyTorch; initialise them to make them differ. If the call fails, layer and norm are freed unless they have a parent.
 */
fr_module *fr_nn_transformer_encoder(fr_module *layer, int num_layers, fr_module *norm) FR_FREED_BY(fr_module_free);
/* Runs a transformer encoder or an encoder layer with masks. src (T,B,E), or (B,T,E) with batch_first, or (T,E)
 * unbatched; returns a new tensor of the same shape. masks are those of fr_attention_forward with L = S = T, or NULL.
 * PyTorch's src_mask is attn_mask (a float mask is attn_bias), its src_key_padding_mask is key_padding_mask. */
fr_tensor *fr_transformer_encoder_forward(fr_module *m, fr_tensor *src, const fr_attention_masks *masks);

/* The same for a causal encoder that gets new steps of src alone; kept has a cache for each layer, as many as
 * num_layers. See fr_attention_forward_cached. */
fr_tensor *fr_transformer_encoder_forward_cached(fr_module *m, fr_tensor *src, fr_kv_cache *kept);

/* A transformer decoder layer: self-attention, attention to a memory, and two linear layers. Options as for the
 * encoder. Children: self_attn, multihead_attn, linear1, dropout, linear2, norm1, norm2, norm3, dropout1, dropout2,
 * dropout3. */
typedef fr_transformer_encoder_layer_options fr_transformer_decoder_layer_options;
fr_module *fr_nn_transformer_decoder_layer(int64_t d_model, int64_t nhead,
                                           const fr_transformer_decoder_layer_options *options)
    FR_FREED_BY(fr_module_free);
/* A transformer decoder of such layers, made as fr_nn_transformer_encoder makes an encoder. */
fr_module *fr_nn_transformer_decoder(fr_module *layer, int num_layers, fr_module *norm) FR_FREED_BY(fr_module_free);
/* Runs a transformer decoder or a decoder layer. tgt (L,B,E) and memory (S,B,E), or (B,L,E) and (B,S,E) with
 * batch_first, or (L,E) and (S,E); returns a new tensor of tgt's shape. tgt_masks are those of the self-attention,
 * memory_masks those of the attention to memory; each may be NULL. PyTorch's tgt_is_causal is tgt_masks' is_causal.
 * fr_forward fails for these modules: it has no memory to give. */
fr_tensor *fr_transformer_decoder_forward(fr_module *m, fr_tensor *tgt, fr_tensor *memory,
                                          const fr_attention_masks *tgt_masks, const fr_attention_masks *memory_masks);

/* --- Tagging sequences -------------------------------------------------------------------------------------------- */

typedef struct {
    bool batch_first; /* emissions are (B,T,K), tags (B,T) instead of (T,B,K) and (T,B) */
    void *reserved[8];
} fr_crf_options;
/* A linear-chain conditional random field over K = num_tags tags: the score of a row of tags is the sum of its
 * emissions, of the transitions between neighbours, and of those into its first and out of its last tag. Parameters:
 * start_transitions (K), end_transitions (K) and transitions (K,K), from the row's tag to the column's, from U(-0.1,
 * 0.1); they and the names are those of the package pytorch-crf. Lafferty, McCallum, Pereira, "Conditional random
 * fields", 2001. fr_forward fails for it. */
fr_module *fr_nn_crf(int64_t num_tags, const fr_crf_options *options) FR_FREED_BY(fr_module_free);
/* The log-likelihood of tags, int64, given emissions; a loss is minus this. lengths (B) int64, each 1..T, or NULL for
 * T; tags past a row's length may be anything. FR_NONE gives (B), FR_SUM, the package's default, their sum, FR_MEAN
 * their mean. Fails for other shapes, for a tag or a length out of range, and if m is another kind of module. */
fr_tensor *fr_crf_log_likelihood(fr_module *m, fr_tensor *emissions, fr_tensor *tags, fr_tensor *lengths,
                                 fr_reduction reduction);
typedef struct {
    fr_tensor *tags, *scores; /* both are NULL if the call fails */
} fr_crf_path;
/* The tags of the highest score (Viterbi), int64, -1 past a row's length, and this score (B). No gradient. */
fr_crf_path fr_crf_decode(fr_module *m, fr_tensor *emissions, fr_tensor *lengths);

/* --- Containers and activations ----------------------------------------------------------------------------------- */

/* Runs n modules one after another. Owns them as children "0", "1", ... If the call fails, modules without a parent are
 * freed. */
fr_module *fr_nn_sequential(int n, fr_module *const *modules) FR_FREED_BY(fr_module_free);
/* The same without a forward function: for a module that runs its children itself, and gets them with fr_module_at. Use
 * fr_module_add to add more, with the next number as the name. */
fr_module *fr_nn_module_list(int n, fr_module *const *modules) FR_FREED_BY(fr_module_free);

fr_module *fr_nn_identity(void) FR_FREED_BY(fr_module_free); /* returns x itself */

/* Applies fr_dropout with p, 0 to 1, in training; in evaluation it returns x itself. */
fr_module *fr_nn_dropout(double p) FR_FREED_BY(fr_module_free);
/* The same with fr_dropout1d, fr_dropout2d and fr_alpha_dropout. */
fr_module *fr_nn_dropout1d(double p) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_dropout2d(double p) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_alpha_dropout(double p) FR_FREED_BY(fr_module_free);

/* These apply the op of the same name. */
fr_module *fr_nn_sigmoid(void) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_tanh(void) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_relu(void) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_leaky_relu(double negative_slope) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_elu(double alpha) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_gelu(void) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_silu(void) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_softplus(void) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_softmax(int dim) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_log_softmax(int dim) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_gelu_tanh(void) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_mish(void) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_selu(void) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_celu(double alpha) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_softsign(void) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_logsigmoid(void) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_hardsigmoid(void) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_hardswish(void) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_glu(int dim) FR_FREED_BY(fr_module_free);
fr_module *fr_nn_hardtanh(double min_val, double max_val) FR_FREED_BY(fr_module_free);
/* Parameter: weight (num_parameters), 1 or the number of channels, all init. PyTorch's defaults: 1, 0.25. */
fr_module *fr_nn_prelu(int64_t num_parameters, double init) FR_FREED_BY(fr_module_free);

/* --- Normalisation and embedding ---------------------------------------------------------------------------------- */

typedef struct {
    double eps;                 /* 0 or more, default 1e-5 */
    bool no_elementwise_affine; /* no weight and no bias */
    bool no_bias;
    void *reserved[8];
} fr_layer_norm_options;
/* Applies fr_layer_norm over the last dims of x, which are shape. Parameters: weight, initially 1, and bias, initially
 * 0, both of that shape. Fails for a shape without dims. */
fr_module *fr_nn_layer_norm(fr_shape shape, const fr_layer_norm_options *options) FR_FREED_BY(fr_module_free);

typedef struct {
    double eps;                 /* 0 or more; default: the epsilon of x's dtype */
    bool no_elementwise_affine; /* no weight */
    void *reserved[8];
} fr_rms_norm_options;
/* Applies fr_rms_norm over the last dims of x, which are shape. Parameter: weight, initially 1. Fails for a shape
 * without dims. */
fr_module *fr_nn_rms_norm(fr_shape shape, const fr_rms_norm_options *options) FR_FREED_BY(fr_module_free);

typedef struct {
    double eps;      /* default 1e-5; more than 0 in training */
    double momentum; /* 0 to 1, default 0.1 */
    bool cumulative; /* PyTorch's momentum=None: running statistics are the averages over all batches so far */
    bool no_affine;  /* no weight and no bias */
    bool no_bias;
    bool no_track_running_stats; /* no buffers: evaluation uses the statistics of x too */
    void *reserved[8];
} fr_nn_batch_norm_options;
/* Apply fr_batch_norm to x, of shape (N,C) or (N,C,L) for the first, (N,C,H,W) for the second, with C = num_features.
 * In training they use the statistics of x, in evaluation the running statistics. Parameters: weight (C), initially 1,
 * and bias (C), initially 0. Buffers: running_mean (C), initially 0, running_var (C), initially 1, and
 * num_batches_tracked () int64, the number of batches seen in training. */
fr_module *fr_nn_batch_norm1d(int64_t num_features, const fr_nn_batch_norm_options *options)
    FR_FREED_BY(fr_module_free);
fr_module *fr_nn_batch_norm2d(int64_t num_features, const fr_nn_batch_norm_options *options)
    FR_FREED_BY(fr_module_free);

typedef struct {
    double eps;     /* default 1e-5 */
    bool no_affine; /* no weight and no bias */
    bool no_bias;
    void *reserved[8];
} fr_nn_group_norm_options;
/* Applies fr_group_norm. Parameters: weight (num_channels), initially 1, and bias (num_channels), initially 0. */
fr_module *fr_nn_group_norm(int64_t num_groups, int64_t num_channels, const fr_nn_group_norm_options *options)
    FR_FREED_BY(fr_module_free);

typedef struct {
    double eps;      /* default 1e-5 */
    double momentum; /* 0 to 1, default 0.1 */
    bool affine;     /* weight and bias */
    bool no_bias;
    bool track_running_stats; /* evaluation uses running statistics */
    void *reserved[8];
} fr_nn_instance_norm_options;
/* Apply fr_instance_norm to x, of shape (N,C,L) or (C,L) for the first, (N,C,H,W) or (C,H,W) for the second, with C =
 * num_features. Parameters and buffers, where asked for, as in fr_nn_batch_norm1d; num_batches_tracked stays 0, as in
 * PyTorch. */
fr_module *fr_nn_instance_norm1d(int64_t num_features, const fr_nn_instance_norm_options *options)
    FR_FREED_BY(fr_module_free);
fr_module *fr_nn_instance_norm2d(int64_t num_features, const fr_nn_instance_norm_options *options)
    FR_FREED_BY(fr_module_free);

/* Applies fr_embedding: x (...) int64, each index in 0..num-1 -> (...,dim). Parameter: weight (num,dim), drawn from
 * N(0,1). The padding row, if there is one, is 0 and does not change in training. */
fr_module *fr_nn_embedding(int64_t num, int64_t dim, const fr_embedding_options *options) FR_FREED_BY(fr_module_free);

/* --- Initial values ----------------------------------------------------------------------------------------------- */

/* These work as torch.nn.init does. Each writes to t in place, without recording, and returns t, which may want a
 * gradient. With the same seed they draw PyTorch's numbers, also for a tensor that is not contiguous. All fail for
 * int64, for a tensor with a history, for an expanded view, and for a number that is not finite or out of its range;
 * then t does not change. */

fr_tensor *fr_init_uniform(fr_tensor *t, double low, double high); /* U[low, high); low <= high */
fr_tensor *fr_init_normal(fr_tensor *t, double mean, double std);  /* N(mean, std^2); std >= 0 */

/* Draws from the normal distribution limited to [low, high]; std > 0, low <= high. low and high may be -INFINITY and
 * INFINITY if more than 30 % of the distribution lies between them. Fails if they are so far from the mean that drawing
 * would take forever. PyTorch's defaults are mean 0, std 1, low -2, high 2. */
fr_tensor *fr_init_trunc_normal(fr_tensor *t, double mean, double std, double low, double high);

fr_tensor *fr_init_constant(fr_tensor *t, double value); /* any value */
fr_tensor *fr_init_zeros(fr_tensor *t);                  /* 0 */
fr_tensor *fr_init_ones(fr_tensor *t);                   /* 1 */
fr_tensor *fr_init_eye(fr_tensor *t);                    /* (n,m): 1 on the diagonal, else 0 */

/* The initialisers below need two dims or more, (out,in,...). fan_in is the number of values in t[0], fan_out the
 * number of values in t[:,0]. */

/* Draw values with standard deviation gain sqrt(2 / (fan_in + fan_out)); gain >= 0, PyTorch's default is 1. Glorot and
 * Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010. */
fr_tensor *fr_init_xavier_uniform(fr_tensor *t, double gain);
fr_tensor *fr_init_xavier_normal(fr_tensor *t, double gain);

typedef enum {
    FR_GAIN_LEAKY_RELU, /* sqrt(2 / (1 + param^2)) */
    FR_GAIN_LINEAR,     /* 1; for convolutions too */
    FR_GAIN_SIGMOID,    /* 1 */
    FR_GAIN_TANH,       /* 5/3 */
    FR_GAIN_RELU,       /* sqrt(2) */
    FR_GAIN_SELU        /* 3/4 */
} fr_nonlinearity;
/* Returns the gain of a nonlinearity. param is the negative slope of leaky_relu (PyTorch's default: 0.01); other
 * nonlinearities ignore it. Returns NaN if it fails: for a slope that is not finite, or an unknown nonlinearity. */
double fr_calculate_gain(fr_nonlinearity nonlinearity, double param);

typedef struct {
    double a;                     /* param of the gain; default 0, which makes leaky_relu relu */
    bool fan_out;                 /* fan_out instead of fan_in */
    fr_nonlinearity nonlinearity; /* default: leaky_relu */
    void *reserved[8];
} fr_kaiming_options;
/* Draw values with standard deviation gain / sqrt(fan). options may be NULL. He, Zhang, Ren and Sun, "Delving deep into
 * rectifiers", 2015. */
fr_tensor *fr_init_kaiming_uniform(fr_tensor *t, const fr_kaiming_options *options);
fr_tensor *fr_init_kaiming_normal(fr_tensor *t, const fr_kaiming_options *options);

/* Fills t, seen as a matrix (out, all others), with rows that are orthogonal to each other and have length |gain|; if
 * there are fewer columns than rows, with such columns. PyTorch's default gain is 1. With the same seed the values are
 * PyTorch's to within 1e-5. */
fr_tensor *fr_init_orthogonal(fr_tensor *t, double gain);

FR_END_DECLS
#endif
