/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* pad: y is x with a border of one value. A negative width cuts values off instead. Backward pads dy with the widths
 * negated: what was added is cut off, what was cut off gets 0. */
#include "core/integer.h"
#include "ops/view/view.h"

#include <frond/c_code.h>

typedef struct {
    int64_t before[FR_MAX_DIMS], after[FR_MAX_DIMS]; /* [0] belongs to the last dim, [1] to the one before it */
    double value;
} attributes;

static bool infer(fr_op_call *call)
{
    const attributes *a = call->attributes;
    fr_shape *s = &call->out[0].shape;
    char text[FR_SHAPE_TEXT];

    call->out[0] = fr_meta_of(call->in[0]);
    if (!fr_check_whole("pad", call->in[0], a->value))
        return false;
    for (int i = 0; i < s->ndim; i++) {
        int64_t before = a->before[s->ndim - 1 - i], after = a->after[s->ndim - 1 - i], size = s->dim[i];
        int64_t cut_before = before < 0 ? before : 0, cut_after = after < 0 ? after : 0, left;

        if (__builtin_add_overflow(size + cut_before, cut_after, &left) || left < 0 ||
            __builtin_add_overflow(size, before, &s->dim[i]) || __builtin_add_overflow(s->dim[i], after, &s->dim[i]))
            return fr_op_fail(call, "%lld before and %lld after dim %d of shape %s: %s", (long long)before,
                              (long long)after, i, fr_shape_text(&call->in[0]->shape, text),
                              cut_before || cut_after ? "there is less to cut off" : "too large");
    }
    return true;
}

/* from: the part of the input that is not cut off; to: the part of the output that it is copied to. */
static void find_parts(const fr_op_call *call, fr_tensor *from, fr_tensor *to)
{
    const attributes *a = call->attributes;
    int ndim = call->in[0]->shape.ndim;

    *from = *call->in[0];
    *to = *call->result[0];
    for (int i = 0; i < ndim; i++) {
        int64_t before = a->before[ndim - 1 - i], after = a->after[ndim - 1 - i];

        if (before > 0)
            fr_advance(to, i, before);
        else
            fr_advance(from, i, -before);
        from->shape.dim[i] += (before < 0 ? before : 0) + (after < 0 ? after : 0);
    }
    to->shape = from->shape;
    to->numel = from->numel = fr_shape_numel(&from->shape);
    to->contiguous = from->contiguous = false;
}

/* n places of dim i of t, from place `first` on. */
static void fill_strip(const fr_tensor *t, int i, int64_t first, int64_t n, double value)
{
    fr_tensor strip = *t;

    fr_advance(&strip, i, first);
    strip.shape.dim[i] = n;
    strip.numel = fr_shape_numel(&strip.shape);
    strip.contiguous = false;
    fr_fill(&strip, value);
}

/* The strips before and after the places of each dim; those of a dim leave out the corners that an earlier one has. */
static void fill_border(const fr_op_call *call)
{
    const attributes *a = call->attributes;
    fr_tensor rest = *call->result[0];

    for (int i = 0; i < rest.shape.ndim; i++) {
        int64_t before = fr_most(a->before[rest.shape.ndim - 1 - i], 0), size = rest.shape.dim[i];
        int64_t after = fr_most(a->after[rest.shape.ndim - 1 - i], 0);

        if (before > 0)
            fill_strip(&rest, i, 0, before, a->value);
        if (after > 0)
            fill_strip(&rest, i, size - after, after, a->value);
        fr_advance(&rest, i, before);
        rest.shape.dim[i] = size - before - after;
    }
}

static void forward(fr_op_call *call)
{
    fr_tensor from, to;

    fill_border(call);
    find_parts(call, &from, &to);
    fr_copy_values(&to, &from);
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    fr_tensor from, to;

    find_parts(call, &from, &to);
    return fr_c_fill(w, call->result[0], ((const attributes *)call->attributes)->value) &&
           (to.numel == 0 || fr_c_copy(w, &to, &from));
}

static void backward(fr_op_call *call)
{
    attributes a = *(const attributes *)call->attributes;

    for (int i = 0; i < FR_MAX_DIMS; i++) {
        a.before[i] = -a.before[i];
        a.after[i] = -a.after[i];
    }
    a.value = 0;
    call->grad_in[0] = fr_apply(call->op, call->grad_out, &a);
}

static void jvp(fr_op_call *call)
{
    attributes a = *(const attributes *)call->attributes;

    a.value = 0;
    call->tangent_out[0] = fr_apply(call->op, call->tangent_in, &a);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const attributes *a = call->attributes;
    int ndim = call->in[0]->shape.ndim;
    int64_t pads[2 * FR_MAX_DIMS];

    if (!fr_onnx_has_axes(g, call))
        return false;
    for (int i = 0; i < ndim; i++) {
        pads[i] = a->before[ndim - 1 - i];
        pads[ndim + i] = a->after[ndim - 1 - i];
    }
    fr_onnx_node(g, "Pad",
                 FR_ONNX_NAMES(fr_onnx_input(g, 0), fr_onnx_int64s(g, 2 * ndim, pads),
                               fr_onnx_number(g, fr_dtype_of(call->in[0]), a->value)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_pad(in[0], (int64_t[]){ 1, 2, 0, 3 }, 4, 1.5))
FR_RUN(run_cut, fr_pad(in[0], (int64_t[]){ -1, 2, 3, -2 }, 4, -1))
FR_RUN(run_cut_all, fr_pad(in[0], (int64_t[]){ -1, -2 }, 2, 0))
FR_RUN(run_strided, fr_pad(fr_permute(in[0], (int[]){ 2, 0, 1 }), (int64_t[]){ 1, -1, 2, 0 }, 4, 0.5))
FR_RUN(run_nothing, fr_pad(in[0], NULL, 0, 0))
FR_RUN(run_odd, fr_pad(in[0], (int64_t[]){ 1, 1, 1 }, 3, 0))
FR_RUN(run_huge, fr_pad(in[0], (int64_t[]){ INT64_MAX, 1 }, 2, 0))
FR_RUN(run_lowest, fr_pad(in[0], (int64_t[]){ INT64_MIN, INT64_MIN }, 2, 0))

FR_RUN(run_diag, fr_diag(in[0], 0))
FR_RUN(run_diag_above, fr_diag(in[0], 2))
FR_RUN(run_diag_below, fr_diag(in[0], -1))
FR_RUN(run_diag_far, fr_diag(in[0], INT64_MIN))

FR_RUN(run_reflect, fr_pad_mode(in[0], (int64_t[]){ 2, 1, 0, 1 }, 4, FR_REFLECT))
FR_RUN(run_reflect_cut, fr_pad_mode(in[0], (int64_t[]){ -1, 2 }, 2, FR_REFLECT))
FR_RUN(run_replicate, fr_pad_mode(in[0], (int64_t[]){ 2, 1, 3, 0 }, 4, FR_REPLICATE))
FR_RUN(run_circular, fr_pad_mode(in[0], (int64_t[]){ 2, 1, 0, 3 }, 4, FR_CIRCULAR))
FR_RUN(run_mode_odd, fr_pad_mode(in[0], (int64_t[]){ 1, 1, 1 }, 3, FR_CIRCULAR))
FR_RUN(run_mode_unknown, fr_pad_mode(in[0], (int64_t[]){ 1, 1 }, 2, (fr_padding_mode)9))
FR_RUN(run_mode_nothing, fr_pad_mode(in[0], (int64_t[]){ 0, 0 }, 2, FR_REFLECT))

const fr_op fr_pad_op = {
    FR_MOVING_OP,
    .name = "pad",
    .formula = "y = x with a border of one value",
    .shapes = "(*) -> (**)",
    .attributes_size = sizeof(attributes),
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .jvp = jvp,
    .c_code = c_code,
    .onnx = onnx,
    FR_CASES({ "two dims", "n(2,3,4)", "F.pad(a, (1, 2, 0, 3), value=1.5)", run },
             { "cut", "n(2,3,4)", "F.pad(a, (-1, 2, 3, -2), value=-1.0)", run_cut },
             { "cut all", "n(2,3)", "F.pad(a, (-1, -2))", run_cut_all },
             { "strided", "n(2,3,4)", "F.pad(a.permute(2, 0, 1), (1, -1, 2, 0), value=0.5)", run_strided },
             { "nothing", "n(2,3)", "F.pad(a, ())", run_nothing }, { "scalar", "n()", "F.pad(a, ())", run_nothing },
             { "empty", "n(0,3)", "F.pad(a, (1, 2, 0, 3), value=1.5)", run },
             { "int64", "i9(3,4)", "F.pad(a, (-1, 2, 3, -2), value=-1.0)", run_cut },
             { "eight dims", "n(2,1,2,1,2,1,2,3)", "F.pad(a, (1, 2, 0, 3), value=1.5)", run },
             { "reflect", "n(1,2,3,4)", "F.pad(a, (2, 1, 0, 1), 'reflect')", run_reflect },
             { "reflect, cut", "n(2,3,5)", "F.pad(a, (-1, 2), 'reflect')", run_reflect_cut },
             { "replicate", "n(1,2,3,4)", "F.pad(a, (2, 1, 3, 0), 'replicate')", run_replicate },
             { "replicate one", "n(1,2,1,1)", "F.pad(a, (2, 1, 3, 0), 'replicate')", run_replicate },
             { "circular", "n(1,2,3,2)", "F.pad(a, (2, 1, 0, 3), 'circular')", run_circular },
             { "mode, nothing", "n(2,3)", "a", run_mode_nothing },
             { "mode, int64", "i9(1,2,3,4)", "F.pad(a, (2, 1, 3, 0), 'replicate')", run_replicate, .no_grad = true },
             { "reflect less", "n(1,2,3,2)", NULL, run_reflect, { "pad_mode", "2 before and 1 after dim 3" } },
             { "circular less", "n(1,2,2,2)", NULL, run_circular, { "pad_mode", "3 after dim 2", "(1, 2, 2, " } },
             { "replicate none", "n(1,2,0,2)", NULL, run_replicate, { "pad_mode", "dim 2" } },
             { "mode odd", "n(2,3)", NULL, run_mode_odd, { "pad_mode", "3 numbers", "(2, 3)" } },
             { "mode unknown", "n(2,3)", NULL, run_mode_unknown, { "pad_mode", "unknown mode 9" } },
             { "fraction", "i9(2,3)", NULL, run, { "pad", "1.5", "int64" } },
             { "odd", "n(2,3)", NULL, run_odd, { "pad", "3 numbers", "(2, 3)" } },
             { "dims", "n(3)", NULL, run, { "pad", "4 numbers", "(3,)" } },
             { "too much cut", "n(2,2)", NULL, run_cut_all, { "pad", "-1 before and -2 after dim 1", "(2, 2)" } },
             { "huge", "n(2,2)", NULL, run_huge, { "pad", "dim 1", "too large" } },
             { "diag", "n(3)", "a.diag()", run_diag }, { "diag above", "n(3)", "a.diag(2)", run_diag_above },
             { "diag below", "n(3)", "a.diag(-1)", run_diag_below },
             { "diag empty", "n(0)", "a.diag(2)", run_diag_above },
             { "diag far", "n(3)", NULL, run_diag_far, { "diag", "3 values", "too large" } },
             { "lowest", "n(2,2)", NULL, run_lowest, { "pad", "dim 1", "less" } })
};

fr_tensor *fr_pad(fr_tensor *t, const int64_t *pads, int n, double value)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "pad");
    attributes a = { .value = value };
    char text[FR_SHAPE_TEXT];
    fr_tensor *y = NULL;

    if (!fr_check_argument("pad", t, "t") || (n != 0 && !fr_check_argument("pad", pads, "pads"))) {
    } else if (n < 0 || n % 2 != 0 || n > 2 * t->shape.ndim) {
        fr_fail("pad", "%d numbers for shape %s, expected two for each of its last dims", n,
                fr_shape_text(&t->shape, text));
    } else {
        for (int i = 0; i < n / 2; i++) {
            a.before[i] = pads[2 * i];
            a.after[i] = pads[2 * i + 1];
        }
        y = fr_apply(&fr_pad_op, &t, &a);
    }
    fr_finish(th, before);
    return y;
}
