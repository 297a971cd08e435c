/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* where: y = condition ? a : b, where all three broadcast. A condition holds if it is not 0, so NaN holds too.
 * masked_fill: the same with a number for a. The gradient goes to a where the condition holds, else to b. nan_to_num
 * and lerp are composed of these. */
#include "core/loop.h"
#include "core/recorder.h"
#include "kernels/where.h"
#include "ops/op.h"

#include <float.h>
#include <frond/c_code.h>

static bool infer(fr_op_call *call)
{
    const fr_tensor *c = call->in[0], *a = call->in[1], *b = call->in[2];
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT], z[FR_SHAPE_TEXT];
    fr_shape both;

    call->out[0].dtype = fr_dtype_of(a);
    if (a->dtype != b->dtype)
        return fr_op_fail(call, "dtypes differ: %s and %s; use fr_cast", fr_dtype_name(fr_dtype_of(a)),
                          fr_dtype_name(fr_dtype_of(b)));
    return (fr_shape_broadcast(&a->shape, &b->shape, &both) &&
            fr_shape_broadcast(&both, &c->shape, &call->out[0].shape)) ||
           fr_op_fail(call, "condition %s, %s and %s do not broadcast", fr_shape_text(&c->shape, x),
                      fr_shape_text(&a->shape, y), fr_shape_text(&b->shape, z));
}

/* One row of operands: 0 y, 1 the condition, 2 a, 3 b. dtypes: of the values, of the condition. */
static void run_row(void *user, const fr_loop *l, char *const *at)
{
    const fr_dtype *dtypes = user;
    const int64_t *step = l->step[l->ndim - 1];
    int64_t size = (int64_t)fr_dtype_size(dtypes[0]);

    fr_where_row(dtypes[0], dtypes[1],
                 &(fr_choice_row){ .n = l->dim[l->ndim - 1],
                                   .y = at[0],
                                   .condition = at[1],
                                   .a = at[2],
                                   .b = at[3],
                                   .y_stride = step[0] / size,
                                   .condition_stride = step[1] / (int64_t)fr_dtype_size(dtypes[1]),
                                   .a_stride = step[2] / size,
                                   .b_stride = step[3] / size });
}

static void forward(fr_op_call *call)
{
    fr_dtype dtypes[] = { fr_dtype_of(call->in[1]), fr_dtype_of(call->in[0]) };
    fr_loop l;

    fr_loop_begin(&l, &call->result[0]->shape);
    fr_loop_add(&l, call->result[0]);
    for (int i = 0; i < 3; i++)
        fr_loop_add(&l, call->in[i]);
    fr_loop_join(&l);
    fr_loop_run_tiles(&l, 1, 0, run_row, dtypes);
}

/* value as a scalar of t's dtype. */
static fr_tensor *scalar_like(const fr_tensor *t, double value)
{
    fr_tensor *scalar = fr_tensor_alloc("where", &(fr_shape){ 0 }, (fr_dtype)t->dtype);

    if (scalar)
        fr_fill(scalar, value);
    fr_note_constant(fr_thread_self(), scalar);
    return fr_hold("where", scalar);
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_pointwise(w, call, "a != 0 ? b : c", NULL);
}

static void backward(fr_op_call *call)
{
    fr_tensor *g = call->grad_out[0], *c = call->in[0], *zero = scalar_like(g, 0);

    if (call->needs[1])
        call->grad_in[1] = fr_op_sum_to(fr_where(c, g, zero), &call->in_shape[1]);
    if (call->needs[2])
        call->grad_in[2] = fr_op_sum_to(fr_where(c, zero, g), &call->in_shape[2]);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const char *condition = fr_onnx_bool(g, fr_onnx_input(g, 0));

    (void)call;
    fr_onnx_node(g, "Where", FR_ONNX_NAMES(condition, fr_onnx_input(g, 1), fr_onnx_input(g, 2)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_where(in[0], in[1], in[2]))
FR_RUN(run_log, fr_where(in[0], fr_log(in[1]), in[1]))
FR_RUN(run_fill, fr_masked_fill(in[0], in[1], -2.5))
FR_RUN(run_fill_whole, fr_masked_fill(in[0], in[1], -3))
FR_RUN(run_fill_infinite, fr_masked_fill(in[0], in[1], -INFINITY))

FR_RUN(run_numbers, fr_nan_to_num(in[0], 0, INFINITY, -INFINITY))
FR_RUN(run_given, fr_nan_to_num(in[0], 1.5, 7, -8))
FR_RUN(run_lerp, fr_lerp(in[0], in[1], in[2]))
FR_RUN(run_lerp_near, fr_lerp_scalar(in[0], in[1], 0.3))
FR_RUN(run_lerp_far, fr_lerp_scalar(in[0], in[1], 1.25))
FR_RUN(run_lerp_one, fr_lerp_scalar(in[0], in[1], 1))

const fr_op fr_where_op = {
    .name = "where",
    .formula = "y = condition ? a : b",
    .shapes = "(*) (**) (***) -> (broadcast)",
    .inputs = 3,
    .outputs = 1,
    .saves_inputs = 1,
    .dtypes = FR_MIXED,
    .strided = true,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .jvp = fr_jvp_pointwise,
    .c_code = c_code,
    .onnx = onnx,
    FR_CASES(
        { "int64 condition", "i2(3,4) n(3,4) n(3,4)", "torch.where(a != 0, b, c)", run },
        { "float condition", "b(3,4) n(3,4) n(3,4)", "torch.where(a != 0, b, c)", run },
        { "int64 values", "b(3,4) i9(3,4) i9(3,4)", "torch.where(a != 0, b, c)", run },
        { "broadcast", "i2(3,1) n(2,1,4) n(4)", "torch.where(a != 0, b, c)", run },
        { "larger condition", "i2(2,3,4) n() n(3,1)", "torch.where(a != 0, b, c)", run },
        { "scalar", "i2() n() n()", "torch.where(a != 0, b, c)", run },
        { "empty", "i2(0,1) n(3) n()", "torch.where(a != 0, b, c)", run },
        { "eight dims", "i2(2,1,2,1,2,1,2,3) n(1,2,1,2,1,2,1,1) n(3)", "torch.where(a != 0, b, c)", run },
        { "not chosen", "i2(6) v1,nan,inf,-inf,nan,0(6) v1,1,1,nan,nan,inf(6)", "torch.where(a != 0, b, c)", run },
        { "not chosen before", "i2(3) v-1,0,nan(3)", "torch.where(a != 0, b.log(), b)", run_log },
        { "fill", "n(3,4) i2(3,4)", "a.masked_fill(b != 0, -2.5)", run_fill },
        { "fill broadcast", "n(2,3,4) b(3,1)", "a.masked_fill(b != 0, -2.5)", run_fill },
        { "fill empty", "n(2,0) i2()", "a.masked_fill(b != 0, -2.5)", run_fill },
        { "fill infinite", "v1,nan,inf,2,nan(5) i2(5)", "a.masked_fill(b != 0, float('-inf'))", run_fill_infinite },
        { "fill int64", "i9(3,4) i2(3,4)", "a.masked_fill(b != 0, -3)", run_fill_whole },
        { "fill eight dims", "n(2,1,2,1,2,1,2,3) i2(2,1,1,3)", "a.masked_fill(b != 0, -2.5)", run_fill },
        { "nan_to_num", "v1,nan,inf,-inf,-0.0,3e38(6)", "torch.nan_to_num(a)", run_numbers },
        { "nan_to_num, numbers", "v1,nan,inf,-inf,nan,0(2,3)", "torch.nan_to_num(a, 1.5, 7, -8)", run_given },
        { "nan_to_num, int64", "i9(3)", "torch.nan_to_num(a)", run_numbers },
        { "nan_to_num, empty", "n(0,3)", "torch.nan_to_num(a)", run_numbers },
        { "lerp", "n(3,4) n(3,4) n(3,4)", "torch.lerp(a, b, c)", run_lerp },
        { "lerp broadcast", "n(3,1) n(2,1,4) u()", "torch.lerp(a, b, c)", run_lerp },
        { "lerp edges", "v1e8,-3,1,nan,1(5) v1,5,2,1,2(5) v1,0,0.5,0.3,-0.5(5)", "torch.lerp(a, b, c)", run_lerp },
        { "lerp near", "n(3,4) n(4)", "torch.lerp(a, b.expand(3, 4), 0.3)", run_lerp_near },
        { "lerp far", "n(3,4) n(3,4)", "torch.lerp(a, b, 1.25)", run_lerp_far },
        { "lerp to the end", "v1e8,-3(2) v1,5(2)", "torch.lerp(a, b, 1)", run_lerp_one },
        { "lerp shapes", "n(3) n(2) n()", NULL, run_lerp, { "lerp", "(2,)", "(3,)" } },
        { "lerp int64", "i9(3) i9(3) i2(3)", NULL, run_lerp, { "lerp", "int64" } },
        { "shapes", "i2(3) n(2,4) n(4)", NULL, run, { "where", "(3,)", "(2, 4)" } },
        { "dtypes", "i2(3) n(3) i9(3)", NULL, run, { "where", "float", "int64" } },
        { "mask", "n(3) i2(2,3)", NULL, run_fill, { "masked_fill", "(2, 3)", "(3,)" } },
        { "fill fraction", "i9(3) i2(3)", NULL, run_fill, { "masked_fill", "-2.5", "int64" } }),
};

fr_tensor *fr_where(fr_tensor *condition, fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_where_op, (fr_tensor *[]){ condition, a, b }, NULL);
}

static fr_tensor *filled(fr_tensor *t, fr_tensor *mask, double value)
{
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT];

    if (!fr_shape_broadcasts_to(&mask->shape, &t->shape))
        return fr_fail("masked_fill", "mask %s does not broadcast to %s", fr_shape_text(&mask->shape, x),
                       fr_shape_text(&t->shape, y));
    return fr_check_whole("masked_fill", t, value) ? fr_where(mask, scalar_like(t, value), t) : NULL;
}

fr_tensor *fr_masked_fill(fr_tensor *t, fr_tensor *mask, double value)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "masked_fill");
    fr_tensor *y = NULL;

    if (fr_check_argument("masked_fill", t, "t") && fr_check_argument("masked_fill", mask, "mask"))
        y = filled(t, mask, value);
    fr_finish(th, before);
    return y;
}

/* --- Composed of these ------------------------------------------------------------------------------------------- */

static fr_tensor *replaced(fr_tensor *t, double nan, double posinf, double neginf)
{
    double largest = t->dtype == FR_F32 ? (double)FLT_MAX : DBL_MAX;
    fr_tensor *y = t;

    if (t->dtype == FR_I64)
        return fr_clone(t);
    y = fr_masked_fill(y, fr_ne(t, t), nan);
    y = fr_masked_fill(y, fr_eq_scalar(t, INFINITY), posinf == INFINITY ? largest : posinf);
    return fr_masked_fill(y, fr_eq_scalar(t, -INFINITY), neginf == -INFINITY ? -largest : neginf);
}

fr_tensor *fr_nan_to_num(fr_tensor *t, double nan, double posinf, double neginf)
{
    fr_composition c = fr_compose("nan_to_num");

    return fr_composed(c, fr_check_argument("nan_to_num", t, "t") ? replaced(t, nan, posinf, neginf) : NULL);
}

static bool are_there(const char *what, const fr_tensor *start, const fr_tensor *end)
{
    return fr_check_argument(what, start, "start") && fr_check_argument(what, end, "end");
}

/* Near start it is computed from there, near end from end, and neither is lost by rounding. */
static fr_tensor *between(fr_tensor *start, fr_tensor *end, fr_tensor *weight)
{
    fr_tensor *way = fr_sub(end, start), *rest = fr_add_scalar(fr_neg(weight), 1);

    return fr_where(fr_lt_scalar(fr_abs(weight), 0.5), fr_add(start, fr_mul(weight, way)),
                    fr_sub(end, fr_mul(rest, way)));
}

fr_tensor *fr_lerp(fr_tensor *start, fr_tensor *end, fr_tensor *weight)
{
    fr_composition c = fr_compose("lerp");
    fr_tensor *y = NULL;

    if (are_there("lerp", start, end) && fr_check_argument("lerp", weight, "weight"))
        y = start->dtype == FR_I64 ? fr_fail("lerp", "int64 given, expected float32 or float64; use fr_cast")
                                   : between(start, end, weight);
    return fr_composed(c, y);
}

fr_tensor *fr_lerp_scalar(fr_tensor *start, fr_tensor *end, double weight)
{
    fr_composition c = fr_compose("lerp_scalar");
    fr_tensor *way = are_there("lerp_scalar", start, end) ? fr_sub(end, start) : NULL;

    return fr_composed(c, fabs(weight) < 0.5 ? fr_add(start, fr_mul_scalar(way, weight))
                                             : fr_sub(end, fr_mul_scalar(way, 1 - weight)));
}
