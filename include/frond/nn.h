/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Modules: parameters, buffers and children under names, with a forward function. Names, order of creation and initial
 * values are PyTorch's. A module belongs to who made it until it is added to a parent, which then owns it; the top one
 * is freed with fr_module_free. The layers here need no open scope to be made; fr_zeros or fr_randn for a parameter of
 * your own do. Several threads may run one model at once in evaluation under FR_NO_GRAD; whatever changes a module is
 * for one thread alone. */
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
/* How many modules m holds itself (-1 for NULL), and the i-th of them, in the order in which they were added; borrowed
 * from m. i may be negative, counting from the end. */
int fr_module_children(const fr_module *m);
fr_module *fr_module_at(const fr_module *m, int i);
int64_t fr_module_count(fr_module *m);            /* values in all parameters, each once; -1 where it fails */
bool fr_module_freeze(fr_module *m, bool frozen); /* whether the parameters of m and below want no gradient:
                                                   * none is computed, and optimisers leave them alone */

/* As PyTorch's print(model), and a line with the number of parameters. fr_module_fprint gives the number of characters
 * written, or -1. */
void fr_module_print(fr_module *m);
int fr_module_fprint(FILE *file, fr_module *m);
/* A table of m and all below, indented, each by its name and type: the shape of what it last gave ("-": it did not
 * run), its parameters, and what a forward of example computes in it: multiply-adds and bytes of activations. A row's
 * numbers are those of all below it too, a parameter counting once. Totals follow, frozen parameters apart.
 * Multiply-adds are those of linear, matmul (and so attention), convolutions, rnn, lstm and gru, without biases, and of
 * users' ops that count theirs. Activations are results of ops, but for views; gradients take as much again.
 *
 * It runs m once, in evaluation and unrecorded; training flags, the generator and gradients stay as they are, and
 * buffers, unless m's own functions change them in evaluation. Hooks are called, and errors of the forward reported
 * when it is over. False, with an error, where forward fails, the file cannot be written or memory runs out. */
bool fr_module_summary(FILE *file, fr_module *m, fr_tensor *example);

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
    /* What PyTorch does not have: */
    bool learn_initial; /* initial states are parameters, at first 0 */
    bool layer_norm;    /* see below; computed step by step in smaller ops, so several times as slowly */
    void *reserved[8];
} fr_recurrent_options;
/* x (T,B,I), (B,T,I) with batch_first, or (T,I) unbatched, T of 1 or more. D = 2 if bidirectional, else 1. Parameters
 * of layer k: weight_ih_l{k} (gH,I or D*H), weight_hh_l{k} (gH,H), bias_ih_l{k} and bias_hh_l{k} (gH), with proj_size P
 * weight_hr_l{k} (P,H) and P for the other H of a row; with learn_initial h0_l{k} (H, or P) and, for lstm, c0_l{k} (H),
 * which draw no random numbers; then the same with _reverse. g is 1, lstm 4, gru 3.
 *
 * With layer_norm (Ba et al., "Layer Normalization", 2016, supplementary material) LN(W_ih x) gain_ih + b_ih stands for
 * W_ih x + b_ih, LN(W_hh h) gain_hh + b_hh for W_hh h + b_hh, and, for lstm, h' = o tanh(LN(c') gain_c + bias_c), while
 * c' goes on as it is. LN brings the sums of all gates together to mean 0 and variance 1, with eps 1e-5; for gru those
 * of r and z, and those of n by themselves. Parameters gain_ih_l{k}, gain_hh_l{k} (gH), gain_c_l{k}, bias_c_l{k} (H),
 * at first 1 and 0, stand before h0; without biases there is no bias_c. */
fr_module *fr_nn_rnn(int64_t input_size, int64_t hidden_size, const fr_recurrent_options *options);
fr_module *fr_nn_lstm(int64_t input_size, int64_t hidden_size, const fr_recurrent_options *options);
fr_module *fr_nn_gru(int64_t input_size, int64_t hidden_size, const fr_recurrent_options *options);
/* out (T,B,D*H) or as batch_first says, h and c (D*layers,B,H); with proj_size P, out and h have P for H; unbatched:
 * (T,D*H), (D*layers,H). initial: h and, for lstm, c, of those shapes; NULL in place of it or of one: those learned,
 * the same for all rows, or zeros. All three are new; all NULL where it fails, as it does for m that is none of the
 * three above. */
fr_recurrent fr_recurrent_forward(fr_module *m, fr_tensor *x, const fr_recurrent *initial);
/* lengths (B) int64, each 1..T: rows past their length give 0 and leave the state alone. x must be batched. Dropout
 * draws as PyTorch does for packed sequences: step by step for the rows that are still running, longest first, those
 * of one length in order. (pack_padded_sequence keeps that order of more than 16 rows where it does not sort.) */
fr_recurrent fr_recurrent_forward_lengths(fr_module *m, fr_tensor *x, const fr_recurrent *initial, fr_tensor *lengths);
/* Puts a result's states into *kept for the next window of a long sequence: h and c without their history, held until
 * they are replaced, whatever becomes of the scopes; kept->out is NULL. {0} before the first window, which means zeros;
 * y NULL lets go of what is held, and leaves {0}. As h.detach() in PyTorch. Fails for kept NULL and for a y without h,
 * which a call that failed gives; *kept stays as it was then. */
bool fr_recurrent_keep(fr_recurrent *kept, const fr_recurrent *y);

typedef struct {
    bool no_bias;
    bool relu; /* fr_nn_rnn_cell alone */
    void *reserved[8];
} fr_cell_options;
/* One step of the above, to be called for each. Parameters: weight_ih (gH,I), weight_hh (gH,H), bias_ih and bias_hh
 * (gH). */
fr_module *fr_nn_rnn_cell(int64_t input_size, int64_t hidden_size, const fr_cell_options *options);
fr_module *fr_nn_lstm_cell(int64_t input_size, int64_t hidden_size, const fr_cell_options *options);
fr_module *fr_nn_gru_cell(int64_t input_size, int64_t hidden_size, const fr_cell_options *options);
/* x (B,I) or, unbatched, (I); state: h and, for lstm, c, (B,H) or (H), NULL in place of it or of one: zeros -> h and,
 * for lstm, c, of these shapes; out is h. All are new; all NULL where it fails, as it does for m that is no cell. What
 * it returned is the state of the next step; fr_forward gives out from a state of zeros. */
fr_recurrent fr_cell_forward(fr_module *m, fr_tensor *x, const fr_recurrent *state);

/* Convolutions: fr_conv1d and fr_conv2d with parameters weight (out,in/groups,kernel) and bias (out). in and out are
 * channels, 0 or more, divisible by groups. Sizes and options are as for those, where defaults and formulas stand. */
fr_module *fr_nn_conv1d(int64_t in, int64_t out, int64_t kernel_size, const fr_conv_options *options);
fr_module *fr_nn_conv2d(int64_t in, int64_t out, fr_shape kernel_size, const fr_conv_options *options);
/* Pools: fr_max_pool1d and so on. Without parameters. */
fr_module *fr_nn_max_pool1d(int64_t kernel_size, const fr_max_pool_options *options);
fr_module *fr_nn_max_pool2d(fr_shape kernel_size, const fr_max_pool_options *options);
fr_module *fr_nn_avg_pool1d(int64_t kernel_size, const fr_avg_pool_options *options);
fr_module *fr_nn_avg_pool2d(fr_shape kernel_size, const fr_avg_pool_options *options);
fr_module *fr_nn_adaptive_avg_pool1d(int64_t output_size);
fr_module *fr_nn_flatten(int from, int to); /* joins dims from..to into one; PyTorch's default: 1 to -1 */

/* --- Attention and transformers ---------------------------------------------------------------------------------- */

typedef struct {
    bool no_bias;
    bool batch_first; /* query, key, value and the result are (B,T,E) instead of (T,B,E) */
    double dropout;   /* 0 to 1: of the attention weights, in training */
    void *reserved[8];
} fr_multihead_attention_options;
/* Attention in num_heads parts of embed_dim, which they must divide. Parameters: in_proj_weight (3E,E) and in_proj_bias
 * (3E) of query, key and value, out_proj.weight (E,E), out_proj.bias (E). fr_forward(m, x) attends from x to itself. */
fr_module *fr_nn_multihead_attention(int64_t embed_dim, int64_t num_heads,
                                     const fr_multihead_attention_options *options);

/* What is left out, in PyTorch's sense: where a mask (of any dtype) is not 0 the key is left out: the opposite of
 * fr_scaled_dot_product_attention's attn_mask, as there. */
typedef struct {
    fr_tensor *key_padding_mask; /* (B,S), or (S) for unbatched input, or NULL: for all queries */
    fr_tensor *attn_mask;        /* (L,S) or (B heads,L,S), or NULL */
    fr_tensor *attn_bias;        /* (L,S) or (B heads,L,S), or NULL: added to the scores (PyTorch's float mask) */
    bool is_causal;              /* query i attends to keys 0..i alone; needs no mask besides */
    void *reserved[8];
} fr_attention_masks;
/* query (L,B,E), key and value (S,B,E), or as batch_first says, or (L,E) and (S,E) unbatched -> as query: new. masks
 * may be NULL; a query to which they leave no key attends to nothing, as in PyTorch with need_weights=False. Fails for
 * m that is no multihead attention, for other shapes, and for dtypes that differ from the parameters'. */
fr_tensor *fr_attention_forward(fr_module *m, fr_tensor *query, fr_tensor *key, fr_tensor *value,
                                const fr_attention_masks *masks);

typedef struct {
    int64_t dim_feedforward; /* default 2048 */
    double dropout;          /* 0 to 1, default 0.1 (FR_ZERO: none), in training */
    bool gelu;               /* in place of relu */
    double layer_norm_eps;   /* default 1e-5 */
    bool batch_first;        /* x is (B,T,E) instead of (T,B,E) */
    bool norm_first;         /* norms before attention and feedforward, not after the residuals */
    bool no_bias;
    void *reserved[8];
} fr_transformer_encoder_layer_options;
/* Self-attention and two linear layers, each with dropout, a residual and a norm; E = d_model. Children: self_attn,
 * linear1, dropout, linear2, norm1, norm2, dropout1, dropout2. */
fr_module *fr_nn_transformer_encoder_layer(int64_t d_model, int64_t nhead,
                                           const fr_transformer_encoder_layer_options *options);
/* num_layers of them, one after another, under "layers", and a norm, or NULL for none, as "norm". Owns layer, which is
 * the first, and norm; the others begin with copies of its values, as PyTorch has it: to let them differ, initialise
 * them. Where it fails, those of the two without a parent are freed. */
fr_module *fr_nn_transformer_encoder(fr_module *layer, int num_layers, fr_module *norm);
/* Of either of the two above. src (T,B,E), (B,T,E) with batch_first, or (T,E) unbatched -> the same: new. masks, or
 * NULL, as of fr_attention_forward with L = S = T: PyTorch's src_mask is attn_mask (float: attn_bias), its
 * src_key_padding_mask is key_padding_mask. */
fr_tensor *fr_transformer_encoder_forward(fr_module *m, fr_tensor *src, const fr_attention_masks *masks);

/* One after another; owns them, as children "0", "1", ... Where it fails, those without a parent are freed. */
fr_module *fr_nn_sequential(int n, fr_module *const *modules);
/* The same, but without a forward function: for a module that runs them itself, picking them with fr_module_at. More
 * are added with fr_module_add, under the next number. */
fr_module *fr_nn_module_list(int n, fr_module *const *modules);
fr_module *fr_nn_identity(void);    /* gives x itself */
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

/* --- Normalisation and embedding --------------------------------------------------------------------------------- */

typedef struct {
    double eps;                 /* 0 or more, default 1e-5 */
    bool no_elementwise_affine; /* neither weight nor bias */
    bool no_bias;
    void *reserved[8];
} fr_layer_norm_options;
/* fr_layer_norm over the last dims of x, which are shape. Parameters: weight and bias, of that shape, at first 1 and 0.
 * Fails for a shape without dims. */
fr_module *fr_nn_layer_norm(fr_shape shape, const fr_layer_norm_options *options);

typedef struct {
    double eps;                 /* 0 or more; default: the epsilon of x's dtype */
    bool no_elementwise_affine; /* no weight */
    void *reserved[8];
} fr_rms_norm_options;
/* fr_rms_norm likewise. */
fr_module *fr_nn_rms_norm(fr_shape shape, const fr_rms_norm_options *options);

typedef struct {
    double eps;      /* default 1e-5; more than 0 to train */
    double momentum; /* 0 to 1, default 0.1 */
    bool cumulative; /* PyTorch's momentum=None: running statistics are the averages of all batches so far */
    bool no_affine;  /* neither weight nor bias */
    bool no_bias;
    bool no_track_running_stats; /* no buffers: by x's own statistics in evaluation too */
    void *reserved[8];
} fr_nn_batch_norm_options;
/* fr_batch_norm of x (N,C) or (N,C,L), C = num_features: in training by x's own statistics, in evaluation by the
 * running ones. Parameters: weight and bias (C), at first 1 and 0. Buffers: running_mean (C), running_var (C), at first
 * 0 and 1, and num_batches_tracked () int64, the batches seen in training. */
fr_module *fr_nn_batch_norm1d(int64_t num_features, const fr_nn_batch_norm_options *options);
fr_module *fr_nn_batch_norm2d(int64_t num_features, const fr_nn_batch_norm_options *options); /* of x (N,C,H,W) */

/* x (...) int64, each of 0..num-1 -> (...,dim). Parameter: weight (num,dim), drawn from N(0,1), with zeros in the row
 * that is padding, which stays as it is in training. */
fr_module *fr_nn_embedding(int64_t num, int64_t dim, const fr_embedding_options *options);

/* --- Initial values ---------------------------------------------------------------------------------------------- */

/* As torch.nn.init: each writes t in place, records nothing and returns t, which may want a gradient; with the same
 * seed it draws PyTorch's numbers, for a tensor that is not contiguous too. All fail for int64, for a tensor with a
 * history, for an expanded view, and where a number is not finite or out of its range; t is as before then. */

fr_tensor *fr_init_uniform(fr_tensor *t, double low, double high); /* U[low, high); low <= high */
fr_tensor *fr_init_normal(fr_tensor *t, double mean, double std);  /* std >= 0 */
/* The normal distribution between low and high, which may be -INFINITY and INFINITY if more than 30 % of it lie
 * between them; std > 0, low <= high. Fails where they are so far from the mean that drawing would take forever.
 * PyTorch's defaults: 0, 1, -2, 2. */
fr_tensor *fr_init_trunc_normal(fr_tensor *t, double mean, double std, double low, double high);
fr_tensor *fr_init_constant(fr_tensor *t, double value); /* any value */
fr_tensor *fr_init_zeros(fr_tensor *t);
fr_tensor *fr_init_ones(fr_tensor *t);
fr_tensor *fr_init_eye(fr_tensor *t); /* (n,m): 1 on the diagonal, else 0 */

/* Those below want two dims or more, (out,in,...): fan_in is the number of values in t[0], fan_out that in t[:,0]. */

/* Values of deviation gain sqrt(2 / (fan_in + fan_out)); gain >= 0, PyTorch's default is 1. Glorot and Bengio,
 * "Understanding the difficulty of training deep feedforward neural networks", 2010. */
fr_tensor *fr_init_xavier_uniform(fr_tensor *t, double gain);
fr_tensor *fr_init_xavier_normal(fr_tensor *t, double gain);

typedef enum {
    FR_GAIN_LEAKY_RELU,
    FR_GAIN_LINEAR, /* and convolutions */
    FR_GAIN_SIGMOID,
    FR_GAIN_TANH,
    FR_GAIN_RELU,
    FR_GAIN_SELU
} fr_nonlinearity;
/* sqrt(2 / (1 + param^2)), 1, 1, 5/3, sqrt(2), 3/4. param: the negative slope (PyTorch's default: 0.01), ignored but
 * for FR_GAIN_LEAKY_RELU. NaN where it fails: for a slope that is not finite and what is no fr_nonlinearity. */
double fr_calculate_gain(fr_nonlinearity nonlinearity, double param);

typedef struct {
    double a;                     /* the gain's param; default 0, as of relu */
    bool fan_out;                 /* in place of fan_in */
    fr_nonlinearity nonlinearity; /* default: leaky_relu */
    void *reserved[8];
} fr_kaiming_options;
/* Values of deviation gain / sqrt(fan). options may be NULL. He, Zhang, Ren and Sun, "Delving deep into rectifiers",
 * 2015. */
fr_tensor *fr_init_kaiming_uniform(fr_tensor *t, const fr_kaiming_options *options);
fr_tensor *fr_init_kaiming_normal(fr_tensor *t, const fr_kaiming_options *options);

/* t as a matrix (out, all others): rows or, where these are fewer, columns that are orthogonal to each other and of
 * length |gain|; PyTorch's default is 1. To 1e-5 what PyTorch makes with the same seed. */
fr_tensor *fr_init_orthogonal(fr_tensor *t, double gain);

FR_END_DECLS
#endif
