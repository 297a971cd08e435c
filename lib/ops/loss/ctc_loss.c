/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ctc_loss: connectionist temporal classification (Graves et al., 2006). kernels/ctc.c has the formulas and the
 * gradient. Inputs are log_probs (T,N,C), targets (N,S) or one after another, input_lengths (N) and target_lengths (N).
 * A second result keeps alpha for backward. */
#include "core/recorder.h"
#include "kernels/ctc.h"
#include "ops/loss/loss.h"

typedef struct {
    int64_t blank;
    bool zero_infinity;
} attributes;

/* --- The op ------------------------------------------------------------------------------------------------------ */

static bool infer(fr_op_call *call)
{
    static const char *const names[] = { NULL, "targets", "input_lengths", "target_lengths" };
    const fr_tensor *x = call->in[0], *targets = call->in[1];
    const fr_shape *shape = &x->shape;
    int64_t blank = ((const attributes *)call->attributes)->blank, rows, classes;
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];

    if (x->dtype == FR_I64)
        return fr_op_fail(call, "log_probs are int64, expected float32 or float64; use fr_cast");
    if ((shape->ndim != 2 && shape->ndim != 3) || x->numel == 0)
        return fr_op_fail(call, "log_probs %s, expected (T, N, C), or (T, C) unbatched, none of them 0",
                          fr_shape_text(shape, a));
    rows = shape->ndim == 3 ? shape->dim[1] : 1;
    classes = shape->dim[shape->ndim - 1];
    for (int i = 1; i < 4; i++)
        if (call->in[i]->dtype != FR_I64 || (i > 1 && call->in[i]->numel != rows))
            return fr_op_fail(call, "%s %s, %s: expected int64, lengths for %lld rows", names[i],
                              fr_shape_text(&call->in[i]->shape, a), fr_dtype_name(fr_dtype_of(call->in[i])),
                              (long long)rows);
    if (targets->shape.ndim != 1 && !(targets->shape.ndim == 2 && targets->shape.dim[0] == rows))
        return fr_op_fail(call, "log_probs %s, targets %s: expected (%lld, S), or all targets one after another",
                          fr_shape_text(shape, a), fr_shape_text(&targets->shape, b), (long long)rows);
    if (blank < 0 || blank >= classes)
        return fr_op_fail(call, "blank is %lld, expected 0 to %lld", (long long)blank, (long long)classes - 1);
    call->out[0] = (fr_meta){ .shape = { shape->ndim - 2, { rows } }, .dtype = fr_dtype_of(x) };
    call->out[1] = (fr_meta){ .shape = { 2, { shape->dim[0], 2 * targets->numel + rows } }, .dtype = fr_dtype_of(x) };
    return true;
}

static fr_ctc kernel_arguments(const fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_shape *shape = &call->in[0]->shape, *targets = &call->in[1]->shape;

    return (fr_ctc){ .steps = shape->dim[0],
                     .rows = shape->ndim == 3 ? shape->dim[1] : 1,
                     .classes = shape->dim[shape->ndim - 1],
                     .blank = a->blank,
                     .width = targets->ndim == 2 ? targets->dim[1] : -1,
                     .log_probs = call->in[0]->origin,
                     .targets = (const int64_t *)call->in[1]->origin,
                     .input_lengths = (const int64_t *)call->in[2]->origin,
                     .target_lengths = (const int64_t *)call->in[3]->origin,
                     .zero_infinity = a->zero_infinity };
}

/* True if the lengths of all rows lie within log_probs and targets, and the labels within the classes. */
static bool check_values(fr_op_call *call, const fr_ctc *c)
{
    int64_t size = c->width < 0 ? call->in[1]->numel : c->width, used = 0;

    for (int64_t n = 0; n < c->rows; n++) {
        int64_t steps = c->input_lengths[n], length = c->target_lengths[n];
        int64_t from = c->width < 0 ? used : n * c->width;

        if (steps < 0 || steps > c->steps)
            return fr_op_fail(call, "input length %lld of row %lld, expected 0 to %lld", (long long)steps, (long long)n,
                              (long long)c->steps);
        if (length < 0 || length > size - (c->width < 0 ? used : 0))
            return fr_op_fail(call, "target length %lld of row %lld, expected 0 to %lld", (long long)length,
                              (long long)n, (long long)(size - (c->width < 0 ? used : 0)));
        for (int64_t s = 0; s < length; s++) {
            int64_t label = c->targets[from + s];

            if (label < 0 || label >= c->classes || label == c->blank)
                return fr_op_fail(call, "label %lld at %lld of row %lld, expected 0 to %lld but not the blank, %lld",
                                  (long long)label, (long long)s, (long long)n, (long long)c->classes - 1,
                                  (long long)c->blank);
        }
        used += length;
    }
    return c->width >= 0 || used == size ||
           fr_op_fail(call, "target lengths add up to %lld, but there are %lld targets", (long long)used,
                      (long long)size);
}

static void forward(fr_op_call *call)
{
    fr_ctc c = kernel_arguments(call);

    if (check_values(call, &c))
        fr_ctc_forward(fr_dtype_of(call->in[0]), &c, call->result[0]->origin, call->result[1]->origin);
}

static void backward_kernel(fr_op_call *call)
{
    fr_ctc c = kernel_arguments(call);

    if (fr_ctc_backward(fr_dtype_of(call->in[0]), &c, call->result[1]->origin, call->grad_out[0]->origin,
                        call->grad_in[0]->origin))
        return;
    fr_fail_memory("ctc_loss");
    call->failed = true;
}

/* --- The definition ---------------------------------------------------------------------------------------------- */

enum { LOW = -100000000 }; /* stands for the logarithm of 0, whose gradient would be NaN */

/* The labels of all rows with blanks between, before and after them: (N,L), int64. NULL with an error. */
static fr_tensor *with_blanks(fr_tensor *targets, fr_tensor *lengths, int64_t rows, int64_t blank)
{
    fr_tensor *most = fr_may_look(fr_thread_self(), "ctc_loss") ? fr_max(lengths) : NULL;
    int64_t longest = most ? (int64_t)fr_item(most) : 0, used = 0;
    fr_tensor *z = most ? fr_full_of(FR_SHAPE(rows, 2 * longest + 1), (double)blank, FR_I64) : NULL;
    const int64_t *labels = z ? fr_data(fr_contiguous(targets)) : NULL;

    if (!labels)
        return NULL;
    for (int64_t n = 0; n < rows; n++) {
        const int64_t *from = labels + (targets->shape.ndim == 2 ? n * targets->shape.dim[1] : used);
        int64_t length = (int64_t)fr_at(lengths, n);

        for (int64_t s = 0; s < length; s++)
            ((int64_t *)fr_data(z))[n * (2 * longest + 1) + 2 * s + 1] = from[s];
        used += length;
    }
    return z;
}

static fr_tensor *moved(fr_tensor *t, int64_t by, double fill)
{
    return fr_narrow(fr_pad(t, (int64_t[]){ by, 0 }, 2, fill), 1, 0, t->shape.dim[1]);
}

/* log_p of kernels/ctc.c: x (T,N,C), z (N,L), lengths (N,1) -> (N,1) */
static fr_tensor *log_likelihood(fr_tensor *x, fr_tensor *z, fr_tensor *steps, fr_tensor *lengths, int64_t blank)
{
    fr_tensor *places = fr_arange(0, (double)z->shape.dim[1], 1, FR_I64), *last = fr_mul_scalar(lengths, 2), *a, *other;
    fr_tensor *no_jump = fr_add(fr_eq_scalar(z, (double)blank), fr_eq(z, moved(z, 2, (double)blank)));

    a = fr_masked_fill(fr_gather(fr_select(x, 0, 0), 1, z), fr_gt_scalar(places, 1), LOW);
    for (int64_t t = 1; t < x->shape.dim[0]; t++) {
        fr_tensor *ways[] = { a, moved(a, 1, LOW), fr_masked_fill(moved(a, 2, LOW), no_jump, LOW) };
        fr_tensor *next = fr_add(fr_logsumexp_dim(fr_stack(ways, 3, 0), 0, false), fr_gather(fr_select(x, 0, t), 1, z));

        a = fr_where(fr_gt_scalar(steps, (double)t), next, a);
    }
    other = fr_gather(a, 1, fr_maximum_scalar(fr_sub_scalar(last, 1), 0));
    return fr_logaddexp(fr_gather(a, 1, last), fr_masked_fill(other, fr_eq_scalar(last, 0), LOW));
}

/* The sum of exp(x) over a row's steps, less itself: 0, with the gradient exp(x). */
static fr_tensor *of_softmax(fr_tensor *x, fr_tensor *steps)
{
    fr_tensor *time = fr_unsqueeze(fr_arange(0, (double)x->shape.dim[0], 1, FR_I64), 0);
    fr_tensor *sums = fr_transpose(fr_sum_dim(fr_exp(x), -1, false), 0, 1);
    fr_tensor *sum = fr_sum_dim(fr_masked_fill(sums, fr_ge(time, steps), 0), 1, true);

    return fr_sub(sum, fr_detach(sum));
}

static void definition(fr_op_call *call)
{
    const attributes *a = call->attributes;
    fr_tensor *x = call->in[0], *steps = fr_reshape(call->in[2], FR_SHAPE(-1, 1)), *l, *impossible, *none;
    fr_tensor *lengths = fr_reshape(call->in[3], FR_SHAPE(-1, 1)), *z;
    fr_shape rows = { x->shape.ndim - 2, { lengths->shape.dim[0] } };

    x = x->shape.ndim == 2 ? fr_unsqueeze(x, 1) : x;
    z = with_blanks(call->in[1], lengths, lengths->shape.dim[0], a->blank);
    if (!z) {
        call->failed = true;
        return;
    }
    none = fr_eq_scalar(steps, 0);
    l = fr_masked_fill(fr_neg(log_likelihood(x, z, steps, lengths, a->blank)), none, 0);
    impossible = fr_add(fr_cast(fr_mul(none, lengths), fr_dtype_of(x)), fr_gt_scalar(l, -LOW / 2));
    l = fr_masked_fill(fr_add(l, of_softmax(x, steps)), impossible, a->zero_infinity ? 0 : INFINITY);
    call->result[0] = fr_reshape(l, rows);
}

/* --- Cases, op, function ----------------------------------------------------------------------------------------- */

#ifdef FR_TESTS
/* Of logits; PyTorch's gradient of log_probs is right for what log_softmax gives, and for no other. */
static fr_tensor *of_logits(fr_tensor *const *in, const fr_ctc_loss_options *options)
{
    return fr_ctc_loss(fr_log_softmax(in[0], -1), fr_cast(in[1], FR_I64), fr_cast(in[2], FR_I64),
                       fr_cast(in[3], FR_I64), options);
}
#endif
#define CTC(...) of_logits(in, &(fr_ctc_loss_options){ __VA_ARGS__ })
FR_RUN(run, of_logits(in, NULL))
FR_RUN(run_sum, CTC(.reduction = FR_SUM))
FR_RUN(run_none, CTC(.reduction = FR_NONE))
FR_RUN(run_blank, CTC(.blank = 2, .reduction = FR_NONE))
FR_RUN(run_finite, CTC(.zero_infinity = true, .reduction = FR_NONE))
FR_RUN(run_finite_mean, CTC(.zero_infinity = true))
FR_RUN(run_reserved, CTC(.reserved[2] = in[0]))
FR_RUN(run_reduction, CTC(.reduction = FR_BATCHMEAN))
FR_RUN(run_far, CTC(.blank = 4))
FR_RUN(run_plain, fr_ctc_loss(in[0], in[1], in[2], in[3], NULL))
#define TORCH(...)                                                                                                     \
    "F.ctc_loss(a.log_softmax(-1), b.detach().long(), c.detach().long(), d.detach().long()" __VA_ARGS__ ")"

const fr_op fr_ctc_loss_op = {
    .name = "ctc_loss",
    .formula = "l = -log(the sum of the probabilities of all ways to write the target)",
    .shapes = "(T,N,C) (N,S) (N) (N) -> (N) or (); (T,N,C) (M) (N) (N) -> (N) or (); (T,C) (S) () () -> ()",
    .inputs = 4,
    .outputs = 2,
    .internal = 1,
    .saves_inputs = 15,
    .saves_outputs = 2,
    .attributes_size = sizeof(attributes),
    .dtypes = FR_MIXED,
    .infer = infer,
    .forward = forward,
    .backward_kernel = backward_kernel,
    .definition = definition,
    FR_CASES(
        { "mean", "n(6,2,4) v1,2,3,3(2,2) v6,5(2) v2,2(2)", TORCH(), run },
        { "sum", "n(7,3,5) v1,2,3,4,4,4,2,1,2(3,3) v7,5,6(3) v3,2,1(3)", TORCH(", reduction='sum'"), run_sum },
        { "none", "n(7,3,5) v1,2,3,4,4,4,2,1,2(3,3) v7,6,6(3) v3,3,2(3)", TORCH(", reduction='none'"), run_none },
        { "joined", "n(7,3,5) v1,2,3,4,4,2(6) v7,5,6(3) v3,2,1(3)", TORCH(), run },
        { "blank", "n(6,2,4) v1,0,3,3(2,2) v6,5(2) v2,2(2)", TORCH(", blank=2, reduction='none'"), run_blank },
        { "long", "n(30,1,6) v1,1,1,5,2,2,3(1,7) v30(1) v7(1)", TORCH(), run },
        { "exact", "n(3,1,4) v2,2(1,2) v3(1) v2(1)", TORCH(), run },
        { "empty targets", "n(4,2,3) v1,1(2,1) v4,2(2) v0,1(2)", TORCH(", reduction='none'"), run_none },
        { "no targets", "n(4,2,3) v(2,0) v4,2(2) v0,0(2)", TORCH(), run },
        { "no steps", "n(4,2,3) v1,1(2,1) v0,2(2) v0,1(2)", TORCH(", reduction='none'"), run_none },
        { "impossible", "n(4,3,4) v2,2,1,2,3,3(3,2) v2,0,4(3) v2,1,2(3)", TORCH(", reduction='none'"), run_none,
          .no_grad = true },
        { "zero_infinity", "n(4,3,4) v2,2,1,2,3,3(3,2) v2,0,4(3) v2,1,2(3)",
          TORCH(", reduction='none', zero_infinity=True"), run_finite },
        { "zero_infinity, mean", "n(4,3,4) v2,2,1,2,3,3(3,2) v2,0,4(3) v2,1,2(3)", TORCH(", zero_infinity=True"),
          run_finite_mean },
        { "unbatched", "n(5,4) v1,2(2) v5() v2()", TORCH(), run },
        { "log_probs", "n(5) v1(1) v5(1) v1(1)", NULL, run, { "ctc_loss", "log_probs (5,)", "(T, N, C)" } },
        { "targets", "n(5,2,4) v1,2,1(3,1) v5,5(2) v1,1(2)", NULL, run, { "ctc_loss", "(5, 2, 4)", "(3, 1)" } },
        { "lengths", "n(5,2,4) v1,2(2,1) v5(1) v1,1(2)", NULL, run, { "ctc_loss", "input_lengths (1,)", "2 rows" } },
        { "float lengths", "n(5,1,4) v1(1,1) v5(1) v1(1)", NULL, run_plain, { "ctc_loss", "targets", "float32" } },
        { "int64", "i5(5,1,4) i1(1,1) i5(1) i5(1)", NULL, run_plain, { "ctc_loss", "log_probs are int64" } },
        { "too long", "n(5,2,4) v1,2(2,1) v5,6(2) v1,1(2)", NULL, run, { "ctc_loss", "input length 6 of row 1" } },
        { "target too long",
          "n(5,2,4) v1,2(2,1) v5,5(2) v2,1(2)",
          NULL,
          run,
          { "ctc_loss", "target length 2 of row 0", "0 to 1" } },
        { "joined too long", "n(5,2,4) v1,2,1(3) v5,5(2) v2,2(2)", NULL, run, { "ctc_loss", "row 1", "0 to 1" } },
        { "joined too short",
          "n(5,2,4) v1,2,1(3) v5,5(2) v1,1(2)",
          NULL,
          run,
          { "ctc_loss", "add up to 2", "3 targets" } },
        { "label", "n(5,2,4) v1,4(2,1) v5,5(2) v1,1(2)", NULL, run, { "ctc_loss", "label 4 at 0 of row 1" } },
        { "label is the blank", "n(5,2,4) v1,0(2,1) v5,5(2) v1,1(2)", NULL, run, { "ctc_loss", "label 0", "blank" } },
        { "far blank", "n(5,2,4) v1,2(2,1) v5,5(2) v1,1(2)", NULL, run_far, { "ctc_loss", "blank is 4", "0 to 3" } },
        { "reduction", "n(5,2,4) v1,2(2,1) v5,5(2) v1,1(2)", NULL, run_reduction, { "ctc_loss", "reduction 3" } },
        { "reserved", "n(5,2,4) v1,2(2,1) v5,5(2) v1,1(2)", NULL, run_reserved, { "ctc_loss", "reserved[2]" } }),
};

fr_tensor *fr_ctc_loss(fr_tensor *log_probs, fr_tensor *targets, fr_tensor *input_lengths, fr_tensor *target_lengths,
                       const fr_ctc_loss_options *options)
{
    static const fr_ctc_loss_options defaults;
    const fr_ctc_loss_options *o = options ? options : &defaults;
    fr_composition c = fr_compose("ctc_loss");
    fr_tensor *l[2];

    fr_apply_n(&fr_ctc_loss_op, (fr_tensor *[]){ log_probs, targets, input_lengths, target_lengths }, 4,
               &(attributes){ .blank = o->blank, .zero_infinity = o->zero_infinity }, l);
    if (l[0] && o->reduction == FR_MEAN) {
        fr_tensor *lengths = fr_cast(fr_maximum_scalar(target_lengths, 1), fr_dtype_of(log_probs));

        l[0] = fr_div(l[0], fr_view_as(lengths, l[0]));
    }
    return fr_composed(c, fr_reduce_losses("ctc_loss", l[0], o->reduction, o->reserved));
}
