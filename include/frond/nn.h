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

FR_END_DECLS
#endif
