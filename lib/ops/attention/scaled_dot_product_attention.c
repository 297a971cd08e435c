/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Scaled dot-product attention (Vaswani et al., "Attention Is All You Need", 2017): y = softmax(s) v with the scores
 * s = scale q k' + bias, which are -inf where a query may not attend to a key; q (...,L,E), k (...,S,E), v (...,S,Ev).
 * The plain and the causal kind are one op, attention.c; with a mask, a bias or dropout it is made of other ops.
 *
 * The op in this file is safe_softmax, over the last dim. It is softmax, but a row of -inf, a query that may attend to
 * no key, gives 0 instead of NaN. There softmax's formula for the gradient, which has the factor y, gives 0 too. */
#include "graph/state.h"
#include "ops/attention/attention.h"
#include "ops/reduce/softmax.h"

extern const fr_op fr_safe_softmax_op;

static fr_tensor *safe_softmax(fr_tensor *t)
{
    return fr_apply(&fr_safe_softmax_op, &t, &(fr_softmax_attributes){ .dim = -1, .safe = true });
}

static void definition(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *nothing;

    if (x->numel == 0) {
        call->result[0] = fr_softmax(x, -1);
        return;
    }
    nothing = fr_eq_scalar(fr_max_dim(x, -1, true), -INFINITY);
    call->result[0] = fr_masked_fill(fr_softmax(fr_masked_fill(x, nothing, 0), -1), nothing, 0);
}

/* As the definition: rows of -inf become 0 before softmax and again after it. */
static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    fr_dtype dtype = fr_dtype_of(call->in[0]);
    const char *x = fr_onnx_input(g, 0), *zero = fr_onnx_number(g, dtype, 0), *nothing, *y;

    y = fr_onnx_value(g, "ReduceMax", FR_ONNX_NAMES(x));
    fr_onnx_ints(g, "axes", 1, (const int64_t[]){ -1 });
    nothing = fr_onnx_value(g, "Equal", FR_ONNX_NAMES(y, fr_onnx_number(g, dtype, -INFINITY)));
    y = fr_onnx_value(g, "Where", FR_ONNX_NAMES(nothing, zero, x));
    y = fr_onnx_value(g, "Softmax", FR_ONNX_NAMES(y));
    fr_onnx_int(g, "axis", -1);
    fr_onnx_node(g, "Where", FR_ONNX_NAMES(nothing, zero, y), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

#ifdef FR_TESTS
/* t; fails if it is NULL. The op takes NULL for none, but in these cases there is one. */
static fr_tensor *required(fr_tensor *t)
{
    return fr_check_argument("test", t, "mask or bias") ? t : NULL;
}

FR_RUN(run_softmax, safe_softmax(in[0]))
FR_RUN(run, fr_scaled_dot_product_attention(in[0], in[1], in[2], NULL))
FR_RUN(run_self, fr_scaled_dot_product_attention(in[0], in[0], in[0], NULL))
FR_ATTEND(run_scale, .scale = -0.7)
FR_ATTEND(run_zero, .scale = FR_ZERO)
FR_ATTEND(run_causal, .is_causal = true)
FR_ATTEND(run_mask, .attn_mask = required(in[3]))
FR_ATTEND(run_causal_mask, .attn_mask = required(in[3]), .is_causal = true)
FR_ATTEND(run_lower, .attn_mask = fr_tril(in[3], -1))
FR_ATTEND(run_bias, .attn_bias = required(in[3]))
FR_ATTEND(run_mask_bias, .attn_mask = required(in[3]), .attn_bias = required(in[4]))
FR_ATTEND(run_infinite, .attn_bias = fr_masked_fill(in[3], fr_eq_scalar(fr_tril(in[4], -1), 0), -INFINITY))
FR_ATTEND(run_dropout, .dropout_p = 0.4)
FR_ATTEND(run_all_dropped, .dropout_p = 1)
FR_ATTEND(run_dropout_above, .dropout_p = 1.5)
FR_ATTEND(run_scale_nan, .scale = NAN)
FR_ATTEND(run_reserved, .reserved = { in[0] })
FR_RUN(run_rotary, fr_rotary_embedding(in[0], NULL))
FR_RUN(run_rotary_positions,
       fr_rotary_embedding(in[0], &(fr_rotary_options){ .positions = required(in[1]), .base = 50 }))
FR_RUN(run_rotary_neighbours, fr_rotary_embedding(in[0], &(fr_rotary_options){ .offset = 7, .interleaved = true }))
/* x turned by angles of a base, as numbers of the complex plane. */
#define TURNED(x, positions, base)                                                                                     \
    "torch.complex(" x ") * torch.polar(torch.ones(()), (" positions ").to(a.dtype)[:, None] * " base                  \
    " ** (-torch.arange(0, a.size(-1), 2) / a.size(-1)).to(a.dtype))"
#define HALVES(positions, base)                                                                                        \
    "(lambda z: torch.cat([z.real, z.imag], -1))(" TURNED("*a.chunk(2, -1)", positions, base) ")"
#define NEIGHBOURS(positions, base)                                                                                    \
    "(lambda z: torch.view_as_real(z).flatten(-2))(" TURNED("a[..., 0::2], a[..., 1::2]", positions, base) ")"
#endif

const fr_op fr_safe_softmax_op = {
    .name = "safe_softmax",
    .formula = "y = exp(x) / sum exp(x), 0 where all x are -inf",
    .shapes = "(*) -> (*)",
    .input_names = "t",
    .inputs = 1,
    .outputs = 1,
    .saves_outputs = 1,
    .attributes_size = sizeof(fr_softmax_attributes),
    .infer = fr_infer_softmax,
    .forward = fr_softmax_op_forward,
    .backward = fr_softmax_op_backward,
    .backward_kernel = fr_softmax_op_backward_kernel,
    .definition = definition,
    .c_code = fr_softmax_c_code,
    .onnx = onnx,
#define SDPA "F.scaled_dot_product_attention"
    FR_CASES(
        { "softmax", "n(2,3,20)", "torch._safe_softmax(a, -1)", run_softmax },
        { "softmax of infinities", "v-inf,-inf,0,-inf,inf,0,nan,-inf,-inf,nan,3,2(6,2)", "torch._safe_softmax(a, -1)",
          run_softmax },
        { "softmax of nothing", "n(3,0)", "torch._safe_softmax(a, -1)", run_softmax },
        { "plain", "n(3,4) n(5,4) n(5,2)", SDPA "(a, b, c)", run },
        { "heads", "n(2,2,4,3) n(2,2,5,3) n(2,2,5,2)", SDPA "(a, b, c)", run },
        { "broadcast", "n(2,1,3,4) n(5,4) n(2,5,2)", SDPA "(a, b, c)", run },
        { "self", "n(2,5,4)", SDPA "(a, a, a)", run_self },
        { "scale", "n(3,4) n(5,4) n(5,2)", SDPA "(a, b, c, scale=-0.7)", run_scale },
        { "zero scale", "n(3,4) n(5,4) n(5,2)", SDPA "(a, b, c, scale=0.0)", run_zero },
        { "causal", "n(2,3,4) n(2,5,4) n(2,5,2)", SDPA "(a, b, c, is_causal=True)", run_causal },
        { "causal, few keys", "n(5,4) n(3,4) n(3,2)", SDPA "(a, b, c, is_causal=True)", run_causal },
        { "mask", "n(2,3,4) n(2,5,4) n(2,5,2) i2(3,5)", SDPA "(a, b, c, d != 0)", run_mask },
        { "mask of heads", "n(2,2,3,4) n(2,2,5,4) n(2,2,5,2) b(2,1,1,5)", SDPA "(a, b, c, d != 0)", run_mask },
        { "nothing to attend to", "n(2,3,4) n(2,5,4) n(2,5,2) i2(3,5)", SDPA "(a, b, c, d.tril(-1) != 0)", run_lower },
        { "causal mask", "n(4,3) n(4,3) n(4,2) b(4,4)", SDPA "(a, b, c, (d != 0).tril())", run_causal_mask },
        { "bias", "n(2,3,4) n(2,5,4) n(2,5,2) n(3,5)", SDPA "(a, b, c, d)", run_bias },
        { "bias of heads", "n(2,2,3,4) n(2,2,5,4) n(2,2,5,2) n(2,3,5)", SDPA "(a, b, c, d)", run_bias },
        { "infinite bias", "n(3,4) n(5,4) n(5,2) n(3,5) i2(3,5)",
          SDPA "(a, b, c, d.masked_fill(e.tril(-1) == 0, -torch.inf))", run_infinite },
        { "mask and bias", "n(3,4) n(5,4) n(5,2) b(3,5) n(5)",
          SDPA "(a, b, c, e.expand(3, 5).masked_fill(d == 0, -torch.inf))", run_mask_bias },
        { "dropout", "n(2,3,4) n(2,5,4) n(2,5,2)", "(torch.manual_seed(0), " SDPA "(a, b, c, dropout_p=0.4))[1]",
          run_dropout },
        { "all dropped", "n(3,4) n(5,4) n(5,2)", SDPA "(a, b, c, dropout_p=1.0)", run_all_dropped },
        { "not a number", "n(3,2) v1,2,nan,4(2,2) n(2,2)", SDPA "(a, b, c)", run, .no_grad = true },
        { "no keys", "n(3,4) n(0,4) n(0,2)", SDPA "(a, b, c)", run },
        { "no keys, masked", "n(3,4) n(0,4) n(0,2) i2(3,0)", SDPA "(a, b, c, d != 0)", run_mask },
        { "no queries", "n(0,4) n(5,4) n(5,2)", SDPA "(a, b, c)", run },
        { "no features", "n(3,0) n(5,0) n(5,2)", SDPA "(a, b, c)", run },
        { "no values", "n(3,4) n(5,4) n(5,0)", SDPA "(a, b, c)", run },
        { "no batches", "n(0,3,4) n(0,5,4) n(0,5,2)", SDPA "(a, b, c)", run },
        { "rotary", "n(2,5,6)", HALVES("torch.arange(5)", "10000"), run_rotary },
        { "rotary positions", "n(2,3,4,8) i9(4)", HALVES("b", "50"), run_rotary_positions },
        { "rotary neighbours", "n(5,6)", NEIGHBOURS("torch.arange(7, 12)", "10000"), run_rotary_neighbours },
        { "rotary odd", "n(5,3)", NULL, run_rotary, { "rotary_embedding", "(5, 3)", "even D" } },
        { "rotary of other positions", "n(5,4) i9(4)", NULL, run_rotary_positions, { "rotary_embedding", "(5,)" } },
        { "rotary of int64", "i3(5,4)", NULL, run_rotary, { "rotary_embedding", "int64" } },
        { "vector", "n(4) n(5,4) n(5,2)", NULL, run, { "scaled_dot_product_attention", "(4,)", "(..., L, E)" } },
        { "features", "n(3,4) n(5,3) n(5,2)", NULL, run, { "scaled_dot_product_attention", "(3, 4)", "(5, 3)" } },
        { "keys", "n(3,4) n(5,4) n(6,2)", NULL, run, { "scaled_dot_product_attention", "(5, 4)", "(6, 2)" } },
        { "batches", "n(2,3,4) n(3,5,4) n(5,2)", NULL, run, { "scaled_dot_product_attention", "broadcast" } },
        { "batches of values", "n(2,3,4) n(5,4) n(3,5,2)", NULL, run, { "scaled_dot_product_attention" } },
        { "dtypes", "n(3,4) n(5,4) i3(5,2)", NULL, run, { "scaled_dot_product_attention", "v is int64", "float32" } },
        { "int64", "i3(3,4) i3(5,4) i3(5,2)", NULL, run, { "scaled_dot_product_attention", "int64" } },
        { "mask's shape",
          "n(3,4) n(5,4) n(5,2) i2(5,3)",
          NULL,
          run_mask,
          { "scaled_dot_product_attention", "attn_mask (5, 3)", "(3, 5)" } },
        { "large mask",
          "n(3,4) n(5,4) n(5,2) i2(2,3,5)",
          NULL,
          run_mask,
          { "scaled_dot_product_attention", "attn_mask (2, 3, 5)" } },
        { "bias's shape",
          "n(3,4) n(5,4) n(5,2) n(4)",
          NULL,
          run_bias,
          { "scaled_dot_product_attention", "attn_bias (4,)", "(3, 5)" } },
        { "bias's dtype",
          "n(3,4) n(5,4) n(5,2) i2(5)",
          NULL,
          run_bias,
          { "scaled_dot_product_attention", "attn_bias is int64" } },
        { "dropout above",
          "n(3,4) n(5,4) n(5,2)",
          NULL,
          run_dropout_above,
          { "scaled_dot_product_attention", "dropout_p is 1.5" } },
        { "scale nan",
          "n(3,4) n(5,4) n(5,2)",
          NULL,
          run_scale_nan,
          { "scaled_dot_product_attention", "scale is nan" } },
        { "reserved", "n(3,4) n(5,4) n(5,2)", NULL, run_reserved, { "scaled_dot_product_attention", "reserved[0]" } }),
};

static const char name[] = "scaled_dot_product_attention";

/* Sets scores to the shape (...,L,S). */
static bool check_shapes(const fr_shape *q, const fr_shape *k, const fr_shape *v, fr_shape *scores)
{
    fr_shape batch_q = *q, batch_k = *k, batch_v = *v, all;
    char text[3][FR_SHAPE_TEXT];
    bool fits = q->ndim > 1 && k->ndim > 1 && v->ndim > 1 && q->dim[q->ndim - 1] == k->dim[k->ndim - 1] &&
                k->dim[k->ndim - 2] == v->dim[v->ndim - 2];

    if (!fits)
        return fr_fail(name, "q %s, k %s, v %s: expected (..., L, E), (..., S, E), (..., S, Ev)",
                       fr_shape_text(q, text[0]), fr_shape_text(k, text[1]), fr_shape_text(v, text[2]));
    batch_q.ndim -= 2;
    batch_k.ndim -= 2;
    batch_v.ndim -= 2;
    if (!fr_shape_broadcast(&batch_q, &batch_k, scores) || !fr_shape_broadcast(scores, &batch_v, &all))
        return fr_fail(name, "q %s, k %s, v %s: the dimensions before the last two do not broadcast",
                       fr_shape_text(q, text[0]), fr_shape_text(k, text[1]), fr_shape_text(v, text[2]));
    scores->dim[scores->ndim++] = q->dim[q->ndim - 2];
    scores->dim[scores->ndim++] = k->dim[k->ndim - 2];
    return true;
}

/* In these two, t may be NULL. */
static bool check_dtype(const char *which, const fr_tensor *t, const fr_tensor *q)
{
    return !t || (t->dtype == q->dtype && t->dtype != FR_I64) ||
           fr_fail(name, "%s is %s, q is %s: expected float32 or float64, of all the same", which,
                   fr_dtype_name((fr_dtype)t->dtype), fr_dtype_name((fr_dtype)q->dtype));
}

static bool check_broadcast(const char *which, const fr_tensor *t, const fr_shape *scores)
{
    char given[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];

    return !t || fr_shape_broadcasts_to(&t->shape, scores) ||
           fr_fail(name, "%s %s does not broadcast to the scores' %s", which, fr_shape_text(&t->shape, given),
                   fr_shape_text(scores, expected));
}

static bool check(fr_tensor *q, fr_tensor *k, fr_tensor *v, const fr_attention_options *o)
{
    fr_shape scores;

    return fr_check_argument(name, q, "q") && fr_check_argument(name, k, "k") && fr_check_argument(name, v, "v") &&
           fr_check_reserved(name, o->reserved) && check_dtype("q", q, q) && check_dtype("k", k, q) &&
           check_dtype("v", v, q) && check_dtype("attn_bias", o->attn_bias, q) &&
           check_shapes(&q->shape, &k->shape, &v->shape, &scores) &&
           check_broadcast("attn_mask", o->attn_mask, &scores) && check_broadcast("attn_bias", o->attn_bias, &scores) &&
           ((o->dropout_p >= 0 && o->dropout_p <= 1) ||
            fr_fail(name, "dropout_p is %g, expected 0 to 1", o->dropout_p)) &&
           (isfinite(o->scale) || fr_fail(name, "scale is %g, expected a finite number", o->scale));
}

fr_tensor *fr_attention_in_ops(fr_tensor *q, fr_tensor *k, fr_tensor *v, double scale, const fr_attention_options *o)
{
    fr_tensor *s = fr_matmul(fr_mul_scalar(q, scale), fr_transpose(k, -2, -1)), *weights;

    if (o->attn_bias)
        s = fr_add(s, o->attn_bias);
    if (o->attn_mask)
        s = fr_masked_fill(s, fr_eq_scalar(o->attn_mask, 0), -INFINITY);
    if (s && o->is_causal)
        s = fr_masked_fill(s, fr_triu(fr_ones(FR_SHAPE(fr_dim(s, -2), fr_dim(s, -1))), 1), -INFINITY);
    weights = safe_softmax(s);
    if (o->dropout_p > 0)
        weights = fr_dropout(weights, o->dropout_p);
    return fr_matmul(weights, v);
}

/* True if the op attention does it. A trace gets ops that can be written in other languages. */
static bool is_one_op(const fr_thread *th, const fr_tensor *q, const fr_tensor *k, const fr_tensor *v,
                      const fr_attention_options *o)
{
    bool alike = q->shape.ndim == k->shape.ndim && q->shape.ndim == v->shape.ndim;

    for (int i = 0; alike && i < q->shape.ndim - 2; i++)
        alike = q->shape.dim[i] == k->shape.dim[i] && q->shape.dim[i] == v->shape.dim[i];
    return alike && (!th->trace || th->recorder) && !o->attn_bias && !o->attn_mask && o->dropout_p == 0 &&
           q->numel > 0 && k->numel > 0 && v->numel > 0;
}

static fr_tensor *attend(const fr_thread *th, fr_tensor *q, fr_tensor *k, fr_tensor *v, const fr_attention_options *o)
{
    double scale = fr_option(o->scale, 1 / sqrt((double)q->shape.dim[q->shape.ndim - 1]));

    if (!is_one_op(th, q, k, v, o))
        return fr_attention_in_ops(q, k, v, scale, o);
    return fr_apply(&fr_attention_op, (fr_tensor *[]){ q, k, v }, &(fr_attention_attributes){ scale, o->is_causal });
}

fr_tensor *fr_scaled_dot_product_attention(fr_tensor *q, fr_tensor *k, fr_tensor *v,
                                           const fr_attention_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    fr_attention_options o = options ? *options : (fr_attention_options){ 0 };
    bool failed = options && !(o.attn_mask && o.attn_bias) && fr_failed_before(th);
    int scope = fr_scope_begin();
    fr_tensor *y = NULL;

    if (scope >= 0 && !failed && check(q, k, v, &o))
        y = fr_escape(attend(th, q, k, v, &o));
    fr_scope_end(scope);
    fr_finish(th, before);
    return y;
}
