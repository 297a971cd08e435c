/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Ops. Each returns a new tensor (a view shares its input's storage) and records itself when a gradient may be wanted.
 *
 * Shapes are written (B,T,I). Two shapes broadcast as in NumPy: aligned at the last dimension, where one has 1 or
 * nothing, the other's size counts. dtypes never mix: an op fails naming both. NULL in gives NULL out, and an error
 * unless one is pending already; an *optional* argument may be NULL. */
#ifndef FROND_OPS_H
#define FROND_OPS_H

#include <frond/tensor.h>

FR_BEGIN_DECLS

/* --- Copies ------------------------------------------------------------------------------------------------------ */

/* A view of t where it has that dtype. Floats are rounded to nearest; to int64 towards zero, INT64_MIN for NaN and for
 * what is out of range. */
fr_tensor *fr_cast(fr_tensor *t, fr_dtype dtype);
fr_tensor *fr_clone(fr_tensor *t);      /* contiguous, storage of its own */
fr_tensor *fr_contiguous(fr_tensor *t); /* a view where t is contiguous already, else a clone */

/* --- Views ------------------------------------------------------------------------------------------------------- */

/* The same values, row-major, in another shape; one dim may be -1, to be found (which fails where any size would do). A
 * view where t's strides allow it, else of a copy. */
fr_tensor *fr_reshape(fr_tensor *t, fr_shape shape);
fr_tensor *fr_view_as(fr_tensor *t, const fr_tensor *other); /* reshape to other's shape */
fr_tensor *fr_permute(fr_tensor *t, const int *dims);        /* result's dim i is t's dims[i]; fr_ndim(t) of them */
fr_tensor *fr_transpose(fr_tensor *t, int dim0, int dim1);
fr_tensor *fr_select(fr_tensor *t, int dim, int64_t index); /* t[..., index, ...]: dim is gone */
/* t[..., start:stop:step, ...]: start and stop are clamped to the dim as in Python; INT64_MAX: to its end; step > 0. */
fr_tensor *fr_slice(fr_tensor *t, int dim, int64_t start, int64_t stop, int64_t step);
fr_tensor *fr_squeeze(fr_tensor *t, int dim);          /* drops dim where its size is 1 */
fr_tensor *fr_unsqueeze(fr_tensor *t, int dim);        /* a dim of size 1 before dim (-1: at the end) */
fr_tensor *fr_expand(fr_tensor *t, fr_shape shape);    /* broadcast to shape; -1 keeps a dim */
fr_tensor *fr_flatten(fr_tensor *t, int from, int to); /* joins dims from..to into one */

/* --- Joining and picking ----------------------------------------------------------------------------------------- */

fr_tensor *fr_cat(fr_tensor *const *ts, int n, int dim);   /* sizes differ in dim alone */
fr_tensor *fr_stack(fr_tensor *const *ts, int n, int dim); /* equal shapes, along a new dim */
/* result[i][j][k] = t[index[i][j][k]][j][k] for dim 0, and so on: index (int64) has t's ndim and is nowhere larger but
 * in dim. An index must be 0 or more and less than t's dim; an error names the first that is not, and its place. */
fr_tensor *fr_gather(fr_tensor *t, int dim, fr_tensor *index);
fr_tensor *fr_index_select(fr_tensor *t, int dim, fr_tensor *index);   /* index (n) int64: dim becomes n */
fr_tensor *fr_where(fr_tensor *condition, fr_tensor *a, fr_tensor *b); /* broadcasting; condition: not 0, any dtype */
/* value where mask, which broadcasts to t's shape, is not 0; with int64 value must be whole. */
fr_tensor *fr_masked_fill(fr_tensor *t, fr_tensor *mask, double value);
fr_tensor *fr_tril(fr_tensor *t, int64_t k); /* zeros above the k-th diagonal of the last two dims */
fr_tensor *fr_triu(fr_tensor *t, int64_t k); /* zeros below it */
/* n numbers: how much to add before and after the last dim, the one before it, ... (negative: cut off), up to two for
 * each dim. value: what is added; with int64 it must be whole. */
fr_tensor *fr_pad(fr_tensor *t, const int64_t *pads, int n, double value);
fr_tensor *fr_flip(fr_tensor *t, int dim);

/* --- Arithmetic -------------------------------------------------------------------------------------------------- */

fr_tensor *fr_add(fr_tensor *a, fr_tensor *b); /* a + b, broadcasting, as all of two tensors here */
fr_tensor *fr_sub(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_mul(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_div(fr_tensor *a, fr_tensor *b);     /* floats alone */
fr_tensor *fr_pow(fr_tensor *a, fr_tensor *b);     /* floats alone */
fr_tensor *fr_maximum(fr_tensor *a, fr_tensor *b); /* NaN where either is; ties share the gradient in halves */
fr_tensor *fr_minimum(fr_tensor *a, fr_tensor *b);
/* The same with a number, rounded to t's dtype; with int64 it must be whole, else they fail. int64 wraps around. */
fr_tensor *fr_add_scalar(fr_tensor *t, double value);
fr_tensor *fr_sub_scalar(fr_tensor *t, double value);
fr_tensor *fr_mul_scalar(fr_tensor *t, double value);
fr_tensor *fr_div_scalar(fr_tensor *t, double value); /* floats alone */
fr_tensor *fr_pow_scalar(fr_tensor *t, double value); /* floats alone */
fr_tensor *fr_maximum_scalar(fr_tensor *t, double value);
fr_tensor *fr_minimum_scalar(fr_tensor *t, double value);

/* neg, abs, square, clamp and sign are for int64 too, the others for floats alone. */
fr_tensor *fr_neg(fr_tensor *t);
fr_tensor *fr_abs(fr_tensor *t); /* gradient 0 at 0 */
fr_tensor *fr_square(fr_tensor *t);
fr_tensor *fr_sqrt(fr_tensor *t);
fr_tensor *fr_rsqrt(fr_tensor *t); /* 1 / sqrt(t) */
fr_tensor *fr_reciprocal(fr_tensor *t);
fr_tensor *fr_exp(fr_tensor *t);
fr_tensor *fr_log(fr_tensor *t);
fr_tensor *fr_log1p(fr_tensor *t); /* log(1 + t) */
fr_tensor *fr_expm1(fr_tensor *t); /* exp(t) - 1 */
fr_tensor *fr_sin(fr_tensor *t);
fr_tensor *fr_cos(fr_tensor *t);
fr_tensor *fr_erf(fr_tensor *t);
/* -INFINITY, INFINITY: no bound. max where min > max. Gradient 0 at a bound. With int64 bounds must be whole. */
fr_tensor *fr_clamp(fr_tensor *t, double min, double max);
fr_tensor *fr_sign(fr_tensor *t); /* -1, 0 or 1; 0 for NaN */
fr_tensor *fr_floor(fr_tensor *t);

/* 0 or 1 in the dtype of a; no gradient. Any dtype; int64 is compared with a number exactly. */
fr_tensor *fr_eq(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_ne(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_lt(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_le(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_gt(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_ge(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_eq_scalar(fr_tensor *t, double value);
fr_tensor *fr_ne_scalar(fr_tensor *t, double value);
fr_tensor *fr_lt_scalar(fr_tensor *t, double value);
fr_tensor *fr_le_scalar(fr_tensor *t, double value);
fr_tensor *fr_gt_scalar(fr_tensor *t, double value);
fr_tensor *fr_ge_scalar(fr_tensor *t, double value);

/* --- Activations ------------------------------------------------------------------------------------------------- */

/* Floats alone, but for relu. */
fr_tensor *fr_sigmoid(fr_tensor *t);
fr_tensor *fr_tanh(fr_tensor *t);
fr_tensor *fr_relu(fr_tensor *t);                              /* gradient 0 at 0 */
fr_tensor *fr_leaky_relu(fr_tensor *t, double negative_slope); /* PyTorch's default: 0.01 */
fr_tensor *fr_elu(fr_tensor *t, double alpha);                 /* PyTorch's default: 1 */
fr_tensor *fr_gelu(fr_tensor *t);                              /* t/2 (1 + erf(t / sqrt 2)) */
fr_tensor *fr_silu(fr_tensor *t);                              /* t sigmoid(t) */
fr_tensor *fr_softplus(fr_tensor *t);                          /* log(1 + exp(t)); t itself above 20 */
/* exp(t) over its sum along dim, and that one's logarithm, without overflow. NaN all along dim where t has NaN or inf
 * in it or is -inf throughout. A scalar has dim 0. */
fr_tensor *fr_softmax(fr_tensor *t, int dim);
fr_tensor *fr_log_softmax(fr_tensor *t, int dim);
/* Zeroes each value with probability p (0 <= p <= 1), scales the rest by 1/(1-p). Draws from the generator (not for p
 * of 0 or 1), for the values in the order in which they lie in memory. */
fr_tensor *fr_dropout(fr_tensor *t, double p);

/* --- Reductions: over all values to (), or over one dim, kept with size 1 or gone -------------------------------- */

/* int64 is taken by sum, prod and cumsum (modulo 2^64), max, min, argmax and argmin. A scalar has dims 0 and -1. Of no
 * values sum and norm are 0, prod is 1, logsumexp -inf, mean, var and std NaN; the rest fail. float32 is added up in
 * double; the order of addition depends on the shape alone. */

fr_tensor *fr_sum(fr_tensor *t);
fr_tensor *fr_sum_dim(fr_tensor *t, int dim, bool keepdim);
/* expand's reverse: sums what broadcasting shape to t repeated; t itself where it has that shape. */
fr_tensor *fr_sum_to(fr_tensor *t, fr_shape shape);
fr_tensor *fr_mean(fr_tensor *t);
fr_tensor *fr_mean_dim(fr_tensor *t, int dim, bool keepdim);
fr_tensor *fr_prod(fr_tensor *t);
fr_tensor *fr_prod_dim(fr_tensor *t, int dim, bool keepdim);
fr_tensor *fr_max(fr_tensor *t); /* NaN if there is one; fails for no values; ties share the gradient evenly */
fr_tensor *fr_max_dim(fr_tensor *t, int dim, bool keepdim); /* the gradient goes to the first of a tie */
fr_tensor *fr_min(fr_tensor *t);
fr_tensor *fr_min_dim(fr_tensor *t, int dim, bool keepdim);
typedef struct {
    fr_tensor *values, *indices; /* the latter int64, without a gradient; both NULL where a call fails */
} fr_extreme;
fr_extreme fr_max_dim_indices(fr_tensor *t, int dim, bool keepdim); /* fr_max_dim and fr_argmax in one */
fr_extreme fr_min_dim_indices(fr_tensor *t, int dim, bool keepdim);

fr_tensor *fr_var(fr_tensor *t); /* unbiased: divided by n - 1; NaN for one value */
fr_tensor *fr_var_dim(fr_tensor *t, int dim, bool keepdim);
fr_tensor *fr_std(fr_tensor *t); /* its root; gradient 0 at 0 */
fr_tensor *fr_std_dim(fr_tensor *t, int dim, bool keepdim);
typedef struct {
    bool along; /* a dim, dim; else over all values */
    int dim;
    bool keepdim;      /* dims that are reduced are kept with size 1 */
    double correction; /* finite: what is taken off n before dividing; default 1; FR_ZERO: the biased variance */
    void *reserved[8];
} fr_variance_options;
fr_tensor *fr_var_with(fr_tensor *t, const fr_variance_options *options); /* options may be NULL: fr_var */
fr_tensor *fr_std_with(fr_tensor *t, const fr_variance_options *options);

fr_tensor *fr_norm(fr_tensor *t); /* Euclidean; gradient 0 at 0 */
fr_tensor *fr_norm_dim(fr_tensor *t, int dim, bool keepdim);
typedef struct {
    bool along; /* a dim, dim; else over all values */
    int dim;
    bool keepdim;
    /* sum(|t|^p)^(1/p); default 2. FR_ZERO: how many are not 0. INFINITY: the largest |t|, -INFINITY: the smallest; the
     * gradient is shared evenly. Of no values it fails for these two and for p < 0. */
    double p;
    void *reserved[8];
} fr_norm_options;
fr_tensor *fr_norm_with(fr_tensor *t, const fr_norm_options *options); /* options may be NULL: fr_norm */

fr_tensor *fr_logsumexp(fr_tensor *t);
fr_tensor *fr_logsumexp_dim(fr_tensor *t, int dim, bool keepdim);
fr_tensor *fr_argmax(fr_tensor *t, int dim, bool keepdim); /* int64: the first of a tie, or of NaN */
fr_tensor *fr_argmin(fr_tensor *t, int dim, bool keepdim);
fr_tensor *fr_cumsum(fr_tensor *t, int dim);

/* --- Order -------------------------------------------------------------------------------------------------------- */

/* t's values along dim from the smallest to the largest, or the other way round, and where each stood. Any dtype; NaN
 * counts as the largest; equal values stay in order, either way. */
fr_extreme fr_sort(fr_tensor *t, int dim, bool descending);
fr_tensor *fr_argsort(fr_tensor *t, int dim, bool descending); /* the indices alone */
/* The first k (0 to the size of dim) of fr_sort with descending = largest; under that name it fails for another k. */
fr_extreme fr_topk(fr_tensor *t, int64_t k, int dim, bool largest);

/* --- Drawing at random ------------------------------------------------------------------------------------------- */

/* PyTorch's draws for the same seed and contiguous probabilities; no gradient. Floats alone. */

/* probabilities (C) or (B,C), of each row finite, 0 or more and not all 0; they need not sum to 1 -> (num_samples) or
 * (B,num_samples), int64: classes drawn with these. Without replacement no row has a class twice, and as many must
 * have a probability above 0. Fails for what is none, naming the first. */
fr_tensor *fr_multinomial(fr_tensor *probabilities, int64_t num_samples, bool replacement);
/* 1 with that probability, else 0, of the same shape and dtype. Fails for one that is not within 0 to 1. */
fr_tensor *fr_bernoulli(fr_tensor *probabilities);

/* --- Linear maths ------------------------------------------------------------------------------------------------ */

/* (n) x (n) -> (); (m,k) x (k,n) -> (m,n); (k) counts as (1,k) on the left, as (k,1) on the right, and that dim is gone
 * from the result; more dims in front are batches, which broadcast. */
fr_tensor *fr_matmul(fr_tensor *a, fr_tensor *b);
/* x (...,I), weight (O,I), bias (O) optional -> (...,O): x weight^T + bias */
fr_tensor *fr_linear(fr_tensor *x, fr_tensor *weight, fr_tensor *bias);
fr_tensor *fr_outer(fr_tensor *a, fr_tensor *b); /* (m), (n) -> (m,n) */

/* --- Normalisation and embedding --------------------------------------------------------------------------------- */

/* x (...,n), where n stands for the dims of normalized, at least one and the last ones of x -> the same shape: each row
 * of n values less its mean, over the root of its variance (divided by n) + eps; times weight (n), plus bias (n), both
 * optional. eps: 0 means 1e-5, FR_ZERO a real zero; fails for one that is negative. Sums are made in double: a large
 * mean or a tiny variance costs no digits. */
fr_tensor *fr_layer_norm(fr_tensor *x, fr_shape normalized, fr_tensor *weight, fr_tensor *bias, double eps);
/* Each row over the root of its mean square + eps, times weight. eps: 0 means the epsilon of x's dtype, 1.2e-7 or
 * 2.2e-16. */
fr_tensor *fr_rms_norm(fr_tensor *x, fr_shape normalized, fr_tensor *weight, double eps);

typedef struct {
    bool training;   /* by the mean and variance of x, else by the running ones */
    double momentum; /* 0 to 1, default 0.1: running = (1 - momentum) running + momentum (that of x) */
    double eps;      /* 0 or more, default 1e-5; more than 0 in training */
    void *reserved[8];
} fr_batch_norm_options;
/* x (N,C) or (N,C,...) -> the same shape: each channel less its mean, over the root of its variance (divided by the
 * number n of its values) + eps; times weight (C), plus bias (C), both optional. The running statistics (C) get no
 * gradient. In training they are optional, and updated in place where x has values, the variance as divided by n - 1;
 * otherwise they are needed. Fails for one without the other, in training for one value a channel and for running
 * statistics that are an op's results or an expanded view. options may be NULL. */
fr_tensor *fr_batch_norm(fr_tensor *x, fr_tensor *running_mean, fr_tensor *running_var, fr_tensor *weight,
                         fr_tensor *bias, const fr_batch_norm_options *options);

typedef struct {
    bool padding;        /* whether there is a ... */
    int64_t padding_idx; /* -V..V-1: a row that gets no gradient */
    void *reserved[8];
} fr_embedding_options;
/* index (...) int64, weight (V,D) -> (...,D): for each index that row of weight. Fails naming the first index that is
 * not within 0..V-1, and its place. Gradients of a row are added up in the order of the indices. options may be NULL.
 */
fr_tensor *fr_embedding(fr_tensor *index, fr_tensor *weight, const fr_embedding_options *options);

/* --- Sequences: one layer, one direction, all steps; several make up fr_nn_rnn and its kin ----------------------- */

/* First derivatives of these take denormals for zeros on the way back: over many steps gradients fade to numbers below
 * 1.2e-38, with which processors compute slowly. */

typedef struct {
    fr_tensor *out, *h, *c; /* c is NULL but for LSTM. Also the type of initial states; all NULL where a call fails */
} fr_recurrent;

typedef struct {
    bool relu;          /* fr_rnn alone: relu in place of tanh */
    bool reverse;       /* from the last step to the first; out stays in the order of x */
    fr_tensor *lengths; /* (B) int64, 0..T, or NULL: all T. Past its length a row's state stands still and its output is
                         * 0; reverse starts at each row's own end */
    void *reserved[8];
} fr_recurrence;

/* x (T,B,I), h0 (B,H) optional (zeros), w_ih (gH,I), w_hh (gH,H), b_ih and b_hh (gH) optional -> out (T,B,H), h (B,H).
 * rnn, g = 1: h' = tanh(w_ih x + b_ih + w_hh h + b_hh). how may be NULL. */
fr_recurrent fr_rnn(fr_tensor *x, fr_tensor *h0, fr_tensor *w_ih, fr_tensor *w_hh, fr_tensor *b_ih, fr_tensor *b_hh,
                    const fr_recurrence *how);
/* g = 3, in the order r, z, n: n = tanh(w_in x + b_in + r (w_hn h + b_hn)), h' = (1 - z) n + z h. */
fr_recurrent fr_gru(fr_tensor *x, fr_tensor *h0, fr_tensor *w_ih, fr_tensor *w_hh, fr_tensor *b_ih, fr_tensor *b_hh,
                    const fr_recurrence *how);
/* g = 4, in the order i, f, g, o: c' = f c + i g, h' = o tanh(c'). h0 (B,P), c0 (B,H) optional; w_hh (4H,P); with w_hr
 * (P,H) h' is projected, w_hr h', and P its size; without, P = H -> out (T,B,P), h (B,P), c (B,H). */
fr_recurrent fr_lstm(fr_tensor *x, fr_tensor *h0, fr_tensor *c0, fr_tensor *w_ih, fr_tensor *w_hh, fr_tensor *b_ih,
                     fr_tensor *b_hh, fr_tensor *w_hr, const fr_recurrence *how);

/* --- Convolutions and pools: windows over the last dim (1d) or two (2d) ------------------------------------------ */

/* Sizes and options of windows are shapes: one number for all dims that the window slides over, FR_SHAPE(2), or one for
 * each, FR_SHAPE(2, 1) for height and width. An option that is left out has PyTorch's default. */

typedef struct {
    fr_shape stride;   /* default 1 */
    fr_shape padding;  /* zeros on each side; default 0 ('valid') */
    fr_shape dilation; /* from tap to tap of the kernel; default 1 */
    int64_t groups;    /* default 1; divides the channels of x and of y, which are then connected group by group */
    bool same;         /* 'same': as much padding as gives y the size of x, an odd one behind. For stride 1 */
    bool no_bias;      /* fr_nn_conv1d and fr_nn_conv2d alone */
    void *reserved[8];
} fr_conv_options;

/* x (N,C,L) or (C,L), weight (O,C/groups,K), bias (O) or NULL -> (N,O,L') or (O,L'),
 * L' = (L + 2 padding - dilation (K - 1) - 1) / stride + 1, rounded down:
 * y[n][o][p] = bias[o] + the sum over c, k of weight[o][c][k] x[n][c][p stride - padding + k dilation]. float32 or
 * float64. Fails where shapes do not fit, L' is less than 1 or an option is out of range. options may be NULL. */
fr_tensor *fr_conv1d(fr_tensor *x, fr_tensor *weight, fr_tensor *bias, const fr_conv_options *options);
/* The same for x (N,C,H,W) or (C,H,W) and weight (O,C/groups,KH,KW) -> (N,O,H',W') or (O,H',W'). */
fr_tensor *fr_conv2d(fr_tensor *x, fr_tensor *weight, fr_tensor *bias, const fr_conv_options *options);

typedef struct {
    fr_shape stride;   /* default: the kernel's size, so that windows do not overlap */
    fr_shape padding;  /* on each side, never chosen; at most half the kernel's size; default 0 */
    fr_shape dilation; /* default 1 */
    bool ceil_mode;    /* the size of y is rounded up: a last window may reach beyond the padding */
    void *reserved[8];
} fr_max_pool_options;

/* x (N,C,L) or (C,L) -> (N,C,L') or (C,L') with L' as above, K being kernel_size, 1 or more: the largest value of each
 * window, NaN if there is one. The gradient goes to the first of a tie, or the last NaN. Fails where x has L = 0 or a
 * window would hold nothing but padding, as may be with a large dilation. options may be NULL. */
fr_tensor *fr_max_pool1d(fr_tensor *x, int64_t kernel_size, const fr_max_pool_options *options);
/* The same for x (N,C,H,W) or (C,H,W). */
fr_tensor *fr_max_pool2d(fr_tensor *x, fr_shape kernel_size, const fr_max_pool_options *options);

typedef struct {
    fr_shape stride;          /* default: the kernel's size */
    fr_shape padding;         /* zeros on each side; at most half the kernel's size; default 0 */
    bool ceil_mode;           /* as above; what lies beyond the padding does not count as a value */
    bool exclude_pad;         /* count_include_pad=False: padding does not count either */
    int64_t divisor_override; /* what the sum of a window is divided by; 0: the number of its values */
    void *reserved[8];
} fr_avg_pool_options;

/* The mean of each window; shapes and errors as for the maximum. */
fr_tensor *fr_avg_pool1d(fr_tensor *x, int64_t kernel_size, const fr_avg_pool_options *options);
fr_tensor *fr_avg_pool2d(fr_tensor *x, fr_shape kernel_size, const fr_avg_pool_options *options);
/* x (N,C,L) or (C,L), L of 1 or more -> L' = output_size, 0 or more: output i is the mean of x from i L / L', rounded
 * down, to (i + 1) L / L', rounded up. */
fr_tensor *fr_adaptive_avg_pool1d(fr_tensor *x, int64_t output_size);

/* --- Attention --------------------------------------------------------------------------------------------------- */

typedef struct {
    fr_tensor *attn_mask; /* of any dtype, or NULL: a query attends to a key where it is not 0 (PyTorch's bool mask) */
    fr_tensor *attn_bias; /* or NULL: added before softmax (PyTorch's float mask); -INFINITY keeps a key out */
    bool is_causal;       /* query i attends to keys 0..i alone */
    double dropout_p;     /* of the weights, always: give 0 in evaluation */
    double scale;         /* default 1 / sqrt(E) */
    void *reserved[8];
} fr_attention_options;
/* q (...,L,E), k (...,S,E), v (...,S,Ev) -> (...,L,Ev), batches broadcasting: softmax(scale q k^T + attn_bias) v, where
 * mask and bias broadcast to the scores (...,L,S). What masks, bias and is_causal each keep out is kept out; a query
 * that is left without any key gives 0, and passes 0 back. options may be NULL. Fails for other shapes, for dtypes that
 * differ (but the mask's), for a dropout_p outside 0 to 1 and a scale that is not finite. Vaswani et al., "Attention is
 * all you need", 2017. */
fr_tensor *fr_scaled_dot_product_attention(fr_tensor *q, fr_tensor *k, fr_tensor *v,
                                           const fr_attention_options *options);

/* --- Losses: prediction, target; the mean or the sum of all values, or none of them ------------------------------ */

/* Each has a short form and one with options; the short form is that one with a reduction alone. Options may be NULL. A
 * weight or pos_weight broadcasts to the prediction and has its dtype; gradients flow into it. Shapes of prediction and
 * target must be equal, where nothing else is said: two that broadcast are taken for a mistake. */

typedef enum { FR_MEAN, FR_SUM, FR_NONE, FR_BATCHMEAN } fr_reduction; /* the mean of none is NaN */

/* -(y log p + (1-y) log(1-p)), logs cut off at -100; both in [0,1], else it fails. In float32 sigmoid(17) is 1 already,
 * where this has no gradient: for large logits take bce_with_logits. */
fr_tensor *fr_bce(fr_tensor *p, fr_tensor *y, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    fr_tensor *weight; /* of each value; the mean stays over their number */
    void *reserved[8];
} fr_bce_options;
fr_tensor *fr_bce_with(fr_tensor *p, fr_tensor *y, const fr_bce_options *options);

/* The same of sigmoid(x), exact for any x, and for any y. */
fr_tensor *fr_bce_with_logits(fr_tensor *x, fr_tensor *y, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    fr_tensor *weight;     /* of each value; the mean stays over their number */
    fr_tensor *pos_weight; /* how much y log p counts; often (C), one for each of several answers */
    void *reserved[8];
} fr_bce_with_logits_options;
fr_tensor *fr_bce_with_logits_with(fr_tensor *x, fr_tensor *y, const fr_bce_with_logits_options *options);

/* (x - y)^2 */
fr_tensor *fr_mse(fr_tensor *x, fr_tensor *y, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    fr_tensor *weight; /* of each value; the mean is over their sum */
    void *reserved[8];
} fr_mse_options;
fr_tensor *fr_mse_with(fr_tensor *x, fr_tensor *y, const fr_mse_options *options);

/* |x - y|, gradient 0 at 0 */
fr_tensor *fr_l1(fr_tensor *x, fr_tensor *y, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    fr_tensor *weight; /* of each value; the mean is over their sum */
    void *reserved[8];
} fr_l1_options;
fr_tensor *fr_l1_with(fr_tensor *x, fr_tensor *y, const fr_l1_options *options);

/* d^2/2 where d = |x - y| is below delta, delta (d - delta/2) beyond; 1 in the short form */
fr_tensor *fr_huber(fr_tensor *x, fr_tensor *y, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    double delta;      /* above 0; default 1 */
    fr_tensor *weight; /* of each value; the mean stays over their number */
    void *reserved[8];
} fr_huber_options;
fr_tensor *fr_huber_with(fr_tensor *x, fr_tensor *y, const fr_huber_options *options);

/* d^2/(2 beta) where d = |x - y| is below beta, d - beta/2 beyond; 1 in the short form */
fr_tensor *fr_smooth_l1(fr_tensor *x, fr_tensor *y, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    double beta; /* default 1; FR_ZERO: l1 */
    void *reserved[8];
} fr_smooth_l1_options;
fr_tensor *fr_smooth_l1_with(fr_tensor *x, fr_tensor *y, const fr_smooth_l1_options *options);

/* How far probabilities y are from those whose logarithms are x: y (log y - x), -y x (that is 0) for a y of 0, where
 * the gradient of y is NaN. FR_BATCHMEAN, for this loss alone, is the sum over the size of dim 0, which makes it the
 * divergence by its definition; FR_MEAN, over all values, does not. */
fr_tensor *fr_kl_div(fr_tensor *x, fr_tensor *y, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    bool log_target; /* y holds logarithms: exp(y) (y - x) */
    void *reserved[8];
} fr_kl_div_options;
fr_tensor *fr_kl_div_with(fr_tensor *x, fr_tensor *y, const fr_kl_div_options *options);

/* Of the log-probabilities x (B,C), (B,C,...) or (C) those of the target's classes, negative: -x[class]. target (B),
 * (B,...) or (), int64, each of 0..C-1 or ignored, else it fails. FR_NONE gives the target's shape, 0 where a class is
 * ignored. The mean is over the classes that are not, or over their weights; NaN where none is left. */
fr_tensor *fr_nll(fr_tensor *x, fr_tensor *target, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    fr_tensor *weight;    /* (C), of x's dtype: of each class; it has no gradient, and fails where it wants one */
    bool ignore;          /* whether ignore_index is given; else it is -100 */
    int64_t ignore_index; /* a class that does not count */
    void *reserved[8];
} fr_nll_options;
fr_tensor *fr_nll_with(fr_tensor *x, fr_tensor *target, const fr_nll_options *options);

/* nll of log_softmax(logits), without overflow. The target may also be probabilities, of the logits' shape and dtype:
 * then FR_NONE gives that without C, and the mean is over all rows. */
fr_tensor *fr_cross_entropy(fr_tensor *logits, fr_tensor *target, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    fr_tensor *weight; /* as in nll; so are these, which are for classes alone: */
    bool ignore;
    int64_t ignore_index;
    double label_smoothing; /* 0..1: how much of a row's target is spread evenly over all classes */
    void *reserved[8];
} fr_cross_entropy_options;
fr_tensor *fr_cross_entropy_with(fr_tensor *logits, fr_tensor *target, const fr_cross_entropy_options *options);

FR_END_DECLS
#endif
