/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* dropout: y = x mask, where mask is 0 with probability p, else 1/(1-p), drawn as PyTorch draws it on its CPU. dx = dy
 * mask. */
#include "core/random.h"
#include "core/recorder.h"
#include "ops/pointwise/pointwise.h"

FR_BINARY_FLOAT(dropout, a *b, a *b)

extern const fr_op fr_dropout_op;

typedef struct {
    double p;
} attributes;

/* The mask is drawn again in each step, and the backward reads it. */
static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    double p = ((const attributes *)call->attributes)->p;

    return (!(p > 0 && p < 1) || fr_c_draw(w, call, 1, p)) && fr_c_pointwise(w, call, "a * b", NULL);
}

/* The mask wants no gradient. */
static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_apply(&fr_dropout_op, (fr_tensor *[]){ call->grad_out[0], call->in[1] }, call->attributes);
}

#ifdef FR_TESTS
/* Of a contiguous input, since the mask is drawn in the order of memory. */
static fr_tensor *run(fr_tensor *const *in)
{
    fr_manual_seed(3);
    return fr_dropout(fr_contiguous(in[0]), 0.3);
}

static fr_tensor *run_transposed(fr_tensor *const *in)
{
    fr_manual_seed(3);
    return fr_dropout(fr_permute(fr_contiguous(in[0]), (int[]){ 2, 0, 1 }), 0.5);
}

static fr_tensor *run_sliced(fr_tensor *const *in)
{
    fr_manual_seed(3);
    return fr_dropout(fr_slice(fr_transpose(fr_contiguous(in[0]), 0, 1), 0, 1, 5, 2), 0.5);
}

static fr_tensor *run_channels(fr_tensor *const *in)
{
    fr_manual_seed(3);
    return fr_dropout2d(in[0], 0.4);
}

static fr_tensor *run_channels1(fr_tensor *const *in)
{
    fr_manual_seed(3);
    return fr_dropout1d(in[0], 0.4);
}

static fr_tensor *run_alpha(fr_tensor *const *in)
{
    fr_manual_seed(3);
    return fr_alpha_dropout(in[0], 0.3);
}

FR_RUN(run_channels_above, fr_dropout2d(in[0], 1.5))
FR_RUN(run_alpha_none, fr_alpha_dropout(in[0], 0))
FR_RUN(run_alpha_all, fr_alpha_dropout(in[0], 1))
FR_RUN(run_none, fr_dropout(in[0], 0))
FR_RUN(run_all, fr_dropout(in[0], 1))
FR_RUN(run_above, fr_dropout(in[0], 1.5))
FR_RUN(run_nan, fr_dropout(in[0], NAN))
#endif

const fr_op fr_dropout_op = {
    .name = "dropout",
    .formula = "y = x mask, mask = 0 with probability p, else 1/(1-p)",
    .shapes = "(*) (*) -> (*)",
    .input_names = "t mask",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 2,
    .strided = true,
    .attributes_size = sizeof(attributes),
    .infer = fr_infer_broadcast,
    .forward = dropout_forward,
    .backward = backward,
    .jvp = fr_jvp_pointwise,
    .c_code = c_code,
    FR_CASES({ "few", "n(3,4)", "(torch.manual_seed(3), F.dropout(a, 0.3))[1]", run, .layout_matters = true },
             { "many", "n(20,30)", "(torch.manual_seed(3), F.dropout(a, 0.3))[1]", run, .layout_matters = true },
             { "permuted", "n(2,3,4)", "(torch.manual_seed(3), F.dropout(a.permute(2, 0, 1), 0.5))[1]", run_transposed,
               .layout_matters = true },
             { "sliced", "n(4,6)", "(torch.manual_seed(3), F.dropout(a.T[1:5:2], 0.5))[1]", run_sliced,
               .layout_matters = true },
             { "scalar", "n()", "(torch.manual_seed(3), F.dropout(a, 0.3))[1]", run },
             { "empty", "n(0,3)", "F.dropout(a, 0.3)", run }, { "none", "n(3,4)", "F.dropout(a, 0.0)", run_none },
             { "all", "n(3,4)", "F.dropout(a, 1.0)", run_all },
             { "2d", "n(3,5,2,2)", "(torch.manual_seed(3), F.dropout2d(a, 0.4))[1]", run_channels },
             { "1d", "n(3,5,4)", "(torch.manual_seed(3), F.dropout1d(a, 0.4))[1]", run_channels1 },
             { "1d, unbatched", "n(9,4)", "(torch.manual_seed(3), F.dropout1d(a, 0.4))[1]", run_channels1 },
             { "2d, dims", "n(5,2,2)", NULL, run_channels, { "dropout2d", "(5, 2, 2)", "(N, C, H, W)" } },
             { "2d, above", "n(3,5,2,2)", NULL, run_channels_above, { "dropout2d", "1.5", "0 to 1" } },
             { "alpha", "n(6,7)", "(torch.manual_seed(3), F.alpha_dropout(a, 0.3, True))[1]", run_alpha },
             { "alpha, none", "n(6,7)", "F.alpha_dropout(a, 0.0, True)", run_alpha_none },
             { "alpha, all", "n(6,7)", "F.alpha_dropout(a, 1.0, True)", run_alpha_all },
             { "alpha, int64", "i5(6,7)", NULL, run_alpha, { "alpha_dropout", "int64" } },
             { "above", "n(3)", NULL, run_above, { "dropout", "1.5", "0 to 1" } },
             { "nan", "n(3)", NULL, run_nan, { "dropout", "nan", "0 to 1" } },
             { "int64", "i5(3)", NULL, run, { "dropout", "int64", "float32" } })
};

/* Draws one float64 uniform for each value, in order, for either dtype; none if p is 0 or 1. */
static bool draw(const fr_action *a)
{
    double uniforms[512], p = a->a;
    int64_t most = sizeof uniforms / sizeof *uniforms;
    fr_tensor *mask = a->into;

    for (int64_t at = 0; at < mask->numel; at += most) {
        int64_t n = mask->numel - at < most ? mask->numel - at : most;

        if (p > 0 && p < 1)
            fr_random_doubles(n, uniforms);
        else
            memset(uniforms, 0, sizeof uniforms);
        FR_DISPATCH_FLOAT(mask, T, {
            T *m = (T *)mask->origin + at;
            T scale = p < 1 ? (T)1 / (T)(1 - p) : 0;

            for (int64_t i = 0; i < n; i++)
                m[i] = uniforms[i] < 1 - p ? scale : 0;
        })
    }
    return true;
}

/* The dims of t from the largest stride to the smallest. Dims with stride 0, which repeat values, keep their places. */
static void order_by_stride(const fr_tensor *t, int *order)
{
    for (int i = 0; i < t->shape.ndim; i++) {
        order[i] = i;
        for (int j = i, k = i - 1; k >= 0; k--) {
            int64_t before = t->stride[order[k]], after = t->stride[order[j]];

            if (before == 0 || after == 0 || before == after)
                continue;
            if (before > after)
                break;

            int dim = order[j];

            order[j] = order[k];
            order[k] = dim;
            j = k;
        }
    }
}

/* As PyTorch does, draws the mask in the order in which t's values lie in memory. So the batch-first output of a
 * recurrent layer, which is a transposed view, gets the same mask as there. */
static fr_tensor *dropped(fr_tensor *t, double p)
{
    int order[FR_MAX_DIMS], back[FR_MAX_DIMS];
    fr_tensor *x, *mask;

    order_by_stride(t, order);
    for (int i = 0; i < t->shape.ndim; i++)
        back[order[i]] = i;
    x = t->contiguous ? t : fr_permute(t, order);
    mask = x ? fr_hold("dropout", fr_tensor_alloc("dropout", &x->shape, fr_dtype_of(x))) : NULL;
    if (!mask)
        return NULL;
    fr_act(fr_thread_self(), &(fr_action){ .run = draw, .into = mask, .a = p });
    x = fr_apply(&fr_dropout_op, (fr_tensor *[]){ x, mask }, &(attributes){ p });
    return t->contiguous ? x : fr_permute(x, back);
}

fr_tensor *fr_dropout(fr_tensor *t, double p)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "dropout");
    int scope = fr_scope_begin();
    fr_tensor *y = NULL;

    if (!fr_check_argument("dropout", t, "t")) {
    } else if (!(p >= 0 && p <= 1)) {
        fr_fail("dropout", "p is %g, expected 0 to 1", p);
    } else if (t->dtype == FR_I64) {
        fr_fail("dropout", "int64 given, expected float32 or float64; use fr_cast");
    } else {
        y = fr_escape(dropped(t, p));
    }
    fr_scope_end(scope);
    fr_finish(th, before);
    return y;
}

/* --- Channels at once, and for selu ------------------------------------------------------------------------------- */

static fr_tensor *of_channels(const char *what, fr_tensor *t, double p, bool unbatched)
{
    fr_shape mask = t->shape;

    for (int i = unbatched ? 1 : 2; i < mask.ndim; i++)
        mask.dim[i] = 1;
    if (t->dtype == FR_I64)
        return fr_fail(what, "int64 given, expected float32 or float64; use fr_cast");
    return fr_mul(t, fr_dropout(fr_ones_of(mask, (fr_dtype)t->dtype), p));
}

fr_tensor *fr_dropout1d(fr_tensor *t, double p)
{
    fr_composition c = fr_compose("dropout1d");
    bool given = fr_check_argument("dropout1d", t, "t");
    char text[FR_SHAPE_TEXT];

    if (given && t->shape.ndim != 2 && t->shape.ndim != 3)
        given = fr_fail("dropout1d", "shape %s, expected (N, C, L) or (C, L)", fr_shape_text(&t->shape, text));
    return fr_composed(c, given ? of_channels("dropout1d", t, p, t->shape.ndim == 2) : NULL);
}

fr_tensor *fr_dropout2d(fr_tensor *t, double p)
{
    fr_composition c = fr_compose("dropout2d");
    bool given = fr_check_argument("dropout2d", t, "t");
    char text[FR_SHAPE_TEXT];

    if (given && t->shape.ndim != 4)
        given = fr_fail("dropout2d", "shape %s, expected (N, C, H, W)", fr_shape_text(&t->shape, text));
    return fr_composed(c, given ? of_channels("dropout2d", t, p, false) : NULL);
}

/* The dropped values become -alpha, which selu tends to; a and b keep mean 0 and variance 1 (Klambauer et al.,
 * "Self-normalizing neural networks", 2017). */
static fr_tensor *alpha_dropped(fr_tensor *t, double p)
{
    const double alpha = 1.7580993408473766;
    double a = p < 1 ? 1 / sqrt((alpha * alpha * p + 1) * (1 - p)) : 0;
    fr_tensor *kept = fr_dropout(fr_ones_like(t), p);

    kept = kept ? fr_mul_scalar(kept, 1 - p) : NULL; /* 0 or 1 */
    t = fr_add(fr_mul(t, kept), fr_mul_scalar(fr_add_scalar(kept, p - 1), alpha));
    return fr_mul_scalar(t, a);
}

fr_tensor *fr_alpha_dropout(fr_tensor *t, double p)
{
    fr_composition c = fr_compose("alpha_dropout");

    return fr_composed(c, fr_check_argument("alpha_dropout", t, "t") ? alpha_dropped(t, p) : NULL);
}
