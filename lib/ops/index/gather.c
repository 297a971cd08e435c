/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* gather: y[i][j][k] = x[index[i][j][k]][j][k] for dim 0, and so on. index_select picks whole slices, with one index
 * for each. scatter.c has the reverse. */
#include "ops/index/gather.h"

#include "core/loop.h"
#include "core/recorder.h"

#include <frond/c_code.h>
#include <stdatomic.h>

typedef struct {
    int dim;
} attributes;

/* --- Checking ---------------------------------------------------------------------------------------------------- */

/* Where the value at a row-major position stands in shape: "(1, 4)". */
static const char *place_text(const fr_shape *shape, int64_t position, char text[FR_SHAPE_TEXT])
{
    fr_shape place = { .ndim = shape->ndim };

    for (int i = shape->ndim - 1; i >= 0; i--) {
        place.dim[i] = position % shape->dim[i];
        position /= shape->dim[i];
    }
    return fr_shape_text(&place, text);
}

typedef struct {
    int64_t size;
    atomic_bool outside;
} index_range;

/* The same as fr_indices_fit; an index outside is noted. */
static bool note_outside(index_range *range, int64_t n, const char *index, int64_t step)
{
    bool fit = fr_indices_fit(n, (const int64_t *)(const void *)index, step / (int64_t)sizeof(int64_t), range->size);

    if (!fit)
        atomic_store_explicit(&range->outside, true, memory_order_relaxed);
    return fit;
}

static void check_row(void *user, const fr_loop *l, char *const *at)
{
    note_outside(user, l->dim[l->ndim - 1], at[0], l->step[l->ndim - 1][0]);
}

/* True if an index is out of range. */
static bool has_outside(const fr_tensor *index, int64_t size)
{
    index_range range = { .size = size };
    fr_loop l;

    fr_loop_begin(&l, &index->shape);
    fr_loop_add(&l, index);
    fr_loop_join(&l);
    fr_loop_run_tiles(&l, 1, 0, check_row, &range);
    return atomic_load(&range.outside);
}

static bool check_index(const fr_action *a)
{
    fr_tensor once = *a->from; /* without dims that an expanded index repeats */
    const char *what = a->function;
    int dim = (int)a->m;
    int64_t size = a->n;
    char text[FR_SHAPE_TEXT];

    if (once.dtype != FR_I64)
        return fr_fail(what, "the index is %s, expected int64", fr_dtype_name((fr_dtype)once.dtype));
    for (int i = 0; i < once.shape.ndim; i++)
        if (once.shape.dim[i] > 1 && once.stride[i] == 0)
            once.shape.dim[i] = 1;
    once.numel = fr_shape_numel(&once.shape);
    if (!has_outside(&once, size))
        return true;
    for (int64_t i = 0; i < once.numel; i++) {
        int64_t value = ((const int64_t *)once.origin)[fr_offset_of(&once, i)];

        if (value < 0 || value >= size)
            return fr_fail(what, "index %lld at %s is out of range for dim %d of size %lld", (long long)value,
                           place_text(&once.shape, i, text), dim, (long long)size);
    }
    return true;
}

bool fr_check_index(const char *what, const fr_tensor *index, int dim, int64_t size)
{
    return fr_act(
        fr_thread_self(),
        &(fr_action){ .run = check_index, .function = what, .from = (fr_tensor *)index, .m = dim, .n = size });
}

bool fr_check_index_shape(fr_op_call *call, const fr_shape *indexed, const fr_tensor *index, int dim)
{
    bool fits = index->shape.ndim == indexed->ndim;
    char t[FR_SHAPE_TEXT], i[FR_SHAPE_TEXT];

    if (index->dtype != FR_I64)
        return fr_op_fail(call, "the index is %s, expected int64", fr_dtype_name((fr_dtype)index->dtype));
    for (int k = 0; fits && k < indexed->ndim; k++)
        fits = k == dim || index->shape.dim[k] <= indexed->dim[k];
    return fits || fr_op_fail(call, "index %s does not fit in %s: expected as many dims, none larger but dim %d",
                              fr_shape_text(&index->shape, i), fr_shape_text(indexed, t), dim);
}

/* --- The loop that both share ------------------------------------------------------------------------------------ */

typedef struct {
    fr_dtype dtype;
    const fr_put *put;  /* scatter; NULL: gather */
    int64_t dim_stride; /* of the indexed tensor along dim */
    index_range range;
} job;

/* One row of operands: 0 the indexed tensor, with stride 0 along dim, 1 the index, 2 the values. The indices are
 * checked here, since this brings them into the cache. */
static void run_row(void *user, const fr_loop *l, char *const *at)
{
    job *j = user;
    const int64_t *step = l->step[l->ndim - 1];
    int64_t size = (int64_t)fr_dtype_size(j->dtype);
    fr_indexed_row row = { .n = l->dim[l->ndim - 1],
                           .input = at[0],
                           .index = (const int64_t *)(const void *)at[1],
                           .values = at[2],
                           .input_stride = step[0] / size,
                           .dim_stride = j->dim_stride,
                           .index_stride = step[1] / (int64_t)sizeof(int64_t),
                           .values_stride = step[2] / size };

    if (!note_outside(&j->range, row.index_stride ? row.n : 1, at[1], step[1]))
        return;
    if (j->put)
        fr_scatter_row(j->dtype, *j->put, &row);
    else
        fr_gather_row(j->dtype, &row);
}

void fr_run_indexed(fr_op_call *call, const fr_tensor *indexed, int dim, const fr_tensor *values, const fr_put *put)
{
    const fr_tensor *index = call->in[1];
    job j = { .dtype = fr_dtype_of(indexed), .put = put, .range.size = 1 };
    unsigned whole = 0;
    fr_loop l;

    dim = fr_shape_dim(&indexed->shape, dim);
    fr_loop_begin(&l, &index->shape);
    fr_loop_add(&l, indexed);
    fr_loop_add(&l, index);
    fr_loop_add(&l, values);
    if (indexed->shape.ndim > 0) {
        j.range.size = indexed->shape.dim[dim];
        j.dim_stride = indexed->stride[dim];
        l.step[dim][0] = 0; /* the index alone moves along dim */
    }
    fr_loop_join(&l);
    for (int i = 0; put && i < l.ndim; i++) /* tiles must not put to one place */
        whole |= (unsigned)(l.step[i][0] == 0) << i;
    fr_loop_run_tiles(&l, 1, whole, run_row, &j);
    call->failed = atomic_load(&j.range.outside) && !fr_check_index(call->op->name, index, dim, j.range.size);
}

/* --- gather ------------------------------------------------------------------------------------------------------ */

static bool infer(fr_op_call *call)
{
    const fr_tensor *t = call->in[0], *index = call->in[1];
    int dim = fr_op_dim(call, ((const attributes *)call->attributes)->dim);

    call->out[0] = (fr_meta){ .shape = index->shape, .dtype = fr_dtype_of(t) };
    return dim >= 0 && fr_check_index_shape(call, &t->shape, index, dim);
}

static void forward(fr_op_call *call)
{
    fr_run_indexed(call, call->in[0], ((const attributes *)call->attributes)->dim, call->result[0], NULL);
}

static void backward(fr_op_call *call)
{
    int dim = ((const attributes *)call->attributes)->dim;

    call->grad_in[0] = fr_scatter_zeros(call->grad_out[0], call->in_shape[0], dim, call->in[1]);
}

static const char c_text[] = "/* y[i] = x[index[i]] along a dim with that stride and size, 0 for an index that is "
                             "none; by_index and by_x are the\n"
                             " * strides of index and x along the dims of y. */\n"
                             "static void gather(int count, int dims, const int *shape, const int *by_index, const int "
                             "*by_x, int stride, int size, "
                             "const float *x, const int64_t *index, float *y)\n"
                             "{\n"
                             "    for (int i = 0; i < count; i++) {\n"
                             "        int rest = i, at = 0, from = 0;\n"
                             "\n"
                             "        for (int d = dims - 1; d >= 0; rest /= shape[d--]) {\n"
                             "            at += rest % shape[d] * by_index[d];\n"
                             "            from += rest % shape[d] * by_x[d];\n"
                             "        }\n"
                             "        y[i] = index[at] >= 0 && index[at] < size ? x[from + index[at] * stride] : 0;\n"
                             "    }\n"
                             "}\n";

const char *fr_c_numbers(const int64_t *of, int ndim, int not, size_t size, char *text)
{
    int n = snprintf(text, size, "(const int[]){ ");

    for (int i = 0; i < ndim || i < 1; i++)
        n += snprintf(text + n, size - (size_t)n, "%s%lld", i ? ", " : "", i < ndim && i != not ? (long long)of[i] : 0);
    snprintf(text + n, size - (size_t)n, " }");
    return text;
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_tensor *t = call->in[0], *index = call->in[1];
    int ndim = index->shape.ndim,
        dim = ndim ? fr_shape_dim(&t->shape, ((const attributes *)call->attributes)->dim) : -1;
    char shape[FR_C_NUMBERS], by_index[FR_C_NUMBERS], by_x[FR_C_NUMBERS];
    const char *x, *at, *y, *name;

    x = fr_c_strided(w, call, 0);
    at = fr_c_strided(w, call, 1);
    y = fr_c_out(w, call, 0);
    name = fr_c_value_helper(w, "gather", c_text, fr_dtype_of(t));
    return fr_c_line(w, "%s(%lld, %d, %s, %s, %s, %lld, %lld, %s, %s, %s);", name, (long long)index->numel, ndim,
                     fr_c_numbers(index->shape.dim, ndim, -1, sizeof shape, shape),
                     fr_c_numbers(index->stride, ndim, -1, sizeof by_index, by_index),
                     fr_c_numbers(t->stride, ndim, dim, sizeof by_x, by_x), dim >= 0 ? (long long)t->stride[dim] : 0,
                     dim >= 0 ? (long long)t->shape.dim[dim] : 1, x, at, y);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const attributes *a = call->attributes;

    if (!fr_onnx_has_axes(g, call))
        return false;
    fr_onnx_node(g, "GatherElements", FR_ONNX_NAMES(fr_onnx_input(g, 0), fr_onnx_input(g, 1)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    fr_onnx_int(g, "axis", fr_shape_dim(&call->in[0]->shape, a->dim));
    return true;
}

FR_RUN(run, fr_gather(in[0], 0, in[1]))
FR_RUN(run_last, fr_gather(in[0], -1, in[1]))
FR_RUN(run_strided, fr_gather(fr_transpose(in[0], 0, 1), 0, fr_transpose(in[1], 0, 1)))
FR_RUN(run_expanded, fr_gather(in[0], 1, fr_expand(in[1], (fr_shape){ 3, { 2, 3, 4 } })))
FR_RUN(run_slices, fr_index_select(in[0], -2, in[1]))
FR_RUN(run_unfold, fr_unfold(in[0], 1, 3, 2))
FR_RUN(run_unfold_scalar, fr_unfold(in[0], 0, 1, 1))
FR_RUN(run_unfold_step, fr_unfold(in[0], 0, 1, 0))
FR_RUN(run_slices_first, fr_index_select(in[0], 0, in[1]))
FR_RUN(run_slices_strided, fr_index_select(fr_transpose(in[0], 0, 1), 0, fr_slice(in[1], 0, 0, INT64_MAX, 2)))
FR_RUN(run_slices_negative, fr_index_select(in[0], 1, fr_add_scalar(in[1], -2)))

#ifdef FR_TESTS
static fr_tensor *resize(fr_tensor *x, fr_shape size, double scale_factor, fr_interpolation mode, bool align_corners)
{
    return fr_interpolate(
        x, &(fr_interpolate_options){
               .size = size, .scale_factor = scale_factor, .mode = mode, .align_corners = align_corners });
}
#endif

FR_RUN(run_nearest, resize(in[0], FR_SHAPE(7), 0, FR_NEAREST, false))
FR_RUN(run_nearest_scale, resize(in[0], FR_SHAPE(), 1.7, FR_NEAREST, false))
FR_RUN(run_nearest_half, resize(in[0], FR_SHAPE(), 0.5, FR_NEAREST, false))
FR_RUN(run_nearest_exact, resize(in[0], FR_SHAPE(7, 2), 0, FR_NEAREST_EXACT, false))
FR_RUN(run_linear, resize(in[0], FR_SHAPE(7), 0, FR_LINEAR, false))
FR_RUN(run_bilinear, resize(in[0], FR_SHAPE(7, 3), 0, FR_LINEAR, false))
FR_RUN(run_bilinear_aligned, resize(in[0], FR_SHAPE(7, 3), 0, FR_LINEAR, true))
FR_RUN(run_bilinear_one, resize(in[0], FR_SHAPE(1), 0, FR_LINEAR, true))
FR_RUN(run_bilinear_scale, resize(in[0], FR_SHAPE(), 2.3, FR_LINEAR, false))
FR_RUN(run_bilinear_again,
       fr_interpolate(in[0], &(fr_interpolate_options){
                                 .scale_factor = 2.3, .mode = FR_LINEAR, .recompute_scale_factor = true }))
FR_RUN(run_bicubic, resize(in[0], FR_SHAPE(7, 3), 0, FR_BICUBIC, false))
FR_RUN(run_bicubic_aligned, resize(in[0], FR_SHAPE(7, 3), 0, FR_BICUBIC, true))
FR_RUN(run_bicubic_scale, resize(in[0], FR_SHAPE(), 0.6, FR_BICUBIC, false))
FR_RUN(run_no_size, resize(in[0], FR_SHAPE(), 0, FR_NEAREST, false))
FR_RUN(run_nearest_aligned, resize(in[0], FR_SHAPE(7), 0, FR_NEAREST, true))
FR_RUN(run_less_scale, resize(in[0], FR_SHAPE(), -2, FR_NEAREST, false))

const fr_op fr_gather_op = {
    .name = "gather",
    .formula = "y[i][j][k] = x[index[i][j][k]][j][k] for dim 0, and so on",
    .derivative = "dL/dx = dL/dy, added up where the index points",
    .shapes = "(*) (**) -> (**)",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 2,
    .attributes_size = sizeof(attributes),
    .dtypes = FR_MIXED,
    .strided = true,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .jvp = fr_jvp_linear,
    .c_code = c_code,
    .onnx = onnx,
    FR_CASES(
        { "first", "n(3,4) i3(5,4)", "a.gather(0, b)", run }, { "last", "n(3,4) i4(2,6)", "a.gather(-1, b)", run_last },
        { "middle", "n(2,5,4) i5(2,3,1)", "a.gather(1, b.expand(2, 3, 4))", run_expanded },
        { "fewer", "n(3,4,5) i3(2,2,3)", "a.gather(0, b)", run },
        { "strided", "n(4,3) i3(4,5)", "a.T.gather(0, b.T)", run_strided },
        { "vector", "n(4) i4(9)", "a.gather(0, b)", run }, { "scalar", "n() i1()", "a.gather(0, b)", run },
        { "none", "n(3,4) i3(0,4)", "a.gather(0, b)", run }, { "int64", "i9(3,4) i3(2,4)", "a.gather(0, b)", run },
        { "eight dims", "n(2,1,2,1,2,1,2,3) i2(5,1,2,1,2,1,1,3)", "a.gather(0, b)", run },
        { "range", "n(1,4) i9(3,4)", NULL, run, { "gather", "is out of range", "dim 0 of size 1" } },
        { "nothing to pick", "n(0,4) i1(3,4)", NULL, run, { "gather", "index 0 at (0, 0)", "size 0" } },
        { "dims", "n(3,4) i3(3)", NULL, run, { "gather", "(3,)", "(3, 4)" } },
        { "larger", "n(3,4) i3(3,5)", NULL, run, { "gather", "(3, 5)", "(3, 4)" } },
        { "float index", "n(3,4) n(3,4)", NULL, run, { "gather", "float", "int64" } },
        { "slices", "n(2,5,4) i5(7)", "a.index_select(-2, b)", run_slices },
        { "unfold", "n(2,8,3)", "a.unfold(1, 3, 2)", run_unfold },
        { "unfold row", "n(2,3)", "a.unfold(1, 3, 2)", run_unfold },
        { "unfold scalar", "n()", "a.unfold(0, 1, 1)", run_unfold_scalar },
        { "nearest", "n(2,3,4)", "F.interpolate(a, 7)", run_nearest },
        { "nearest, two dims", "n(2,2,4,3)", "F.interpolate(a, 7)", run_nearest },
        { "nearest, scale", "n(2,2,4,3)", "F.interpolate(a, scale_factor=1.7)", run_nearest_scale },
        { "nearest, half", "n(2,2,5,4)", "F.interpolate(a, scale_factor=0.5)", run_nearest_half },
        { "nearest exact", "n(2,2,4,3)", "F.interpolate(a, (7, 2), mode='nearest-exact')", run_nearest_exact },
        { "linear", "n(2,3,4)", "F.interpolate(a, 7, mode='linear')", run_linear },
        { "bilinear", "n(2,2,4,5)", "F.interpolate(a, (7, 3), mode='bilinear')", run_bilinear },
        { "bilinear, one", "n(2,2,1,5)", "F.interpolate(a, (7, 3), mode='bilinear')", run_bilinear },
        { "bilinear, aligned", "n(2,2,4,5)", "F.interpolate(a, (7, 3), mode='bilinear', align_corners=True)",
          run_bilinear_aligned },
        { "bilinear, to one", "n(2,2,4,5)", "F.interpolate(a, 1, mode='bilinear', align_corners=True)",
          run_bilinear_one },
        { "bilinear, scale", "n(2,2,4,5)", "F.interpolate(a, scale_factor=2.3, mode='bilinear')", run_bilinear_scale },
        { "bilinear, scale again", "n(2,2,4,5)",
          "F.interpolate(a, scale_factor=2.3, mode='bilinear', recompute_scale_factor=True)", run_bilinear_again },
        { "bicubic", "n(2,2,4,5)", "F.interpolate(a, (7, 3), mode='bicubic')", run_bicubic },
        { "bicubic, aligned", "n(2,2,4,5)", "F.interpolate(a, (7, 3), mode='bicubic', align_corners=True)",
          run_bicubic_aligned },
        { "bicubic, scale", "n(2,2,4,5)", "F.interpolate(a, scale_factor=0.6, mode='bicubic')", run_bicubic_scale },
        { "interpolate, no images", "n(0,2,4,5)", "F.interpolate(a, (7, 3), mode='bilinear')", run_bilinear },
        { "interpolate, dims", "n(4,5)", NULL, run_nearest, { "interpolate", "(4, 5)", "(N, C, L) or" } },
        { "interpolate, sizes", "n(2,3,4)", NULL, run_bilinear, { "interpolate", "(7, 3)", "(2, 3, 4)" } },
        { "interpolate, no size", "n(2,3,4)", NULL, run_no_size, { "interpolate", "size or scale_factor" } },
        { "interpolate, scale", "n(2,3,4)", NULL, run_less_scale, { "interpolate", "scale_factor is -2" } },
        { "interpolate, no values", "n(2,3,0)", NULL, run_nearest, { "interpolate", "dim 2", "(2, 3, 0)" } },
        { "interpolate, aligned", "n(2,3,4)", NULL, run_nearest_aligned, { "interpolate", "align_corners" } },
        { "interpolate, int64", "i5(2,3,4)", NULL, run_nearest, { "interpolate", "int64" } },
        { "unfold less", "n(5,2)", NULL, run_unfold, { "unfold", "windows of 3", "(5, 2)" } },
        { "unfold step", "n(5)", NULL, run_unfold_step, { "unfold", "0 further" } },
        { "slices first", "n(5,3) i5(7)", "a.index_select(0, b)", run_slices_first },
        { "slices strided", "n(3,5) i5(7)", "a.T.index_select(0, b[::2])", run_slices_strided },
        { "no slices", "n(5,3) i5(0)", "a.index_select(0, b)", run_slices_first },
        { "empty slices", "n(5,0) i5(7)", "a.index_select(0, b)", run_slices_first },
        { "slices negative",
          "n(2,3) i1(2)",
          NULL,
          run_slices_negative,
          { "index_select", "-2 at (0,)", "dim 1 of size 3" } },
        { "slices of eight dims", "n(2,1,2,1,2,1,2,3) i2(5)", "a.index_select(-2, b)", run_slices },
        { "slices range", "n(3,4) i1(1,1)", NULL, run_slices, { "index_select", "(1, 1)", "one dim" } },
        { "slice of a scalar", "n() i1(1)", "a.index_select(0, b)", run_slices_first },
        { "slices scalar", "n() i1(2)", NULL, run_slices_first, { "index_select", "dim 0", "()" } })
};

fr_tensor *fr_gather(fr_tensor *t, int dim, fr_tensor *index)
{
    return fr_apply(&fr_gather_op, (fr_tensor *[]){ t, index }, &(attributes){ .dim = dim });
}

/* --- index_select: a gather with one index for a whole slice ------------------------------------------------------ */

fr_tensor *fr_index_along(const char *what, fr_tensor *index, int dim, fr_shape shape)
{
    fr_shape aligned = { .ndim = shape.ndim };
    char text[FR_SHAPE_TEXT];

    if (index->shape.ndim != 1)
        return fr_fail(what, "the index has shape %s, expected one dim", fr_shape_text(&index->shape, text));
    for (int k = 0; k < aligned.ndim; k++)
        aligned.dim[k] = k == dim ? index->numel : 1;
    if (!fr_check_index(what, index, dim, shape.dim[dim]))
        return NULL;
    shape.dim[dim] = index->numel;
    return fr_expand(fr_reshape(index, aligned), shape);
}

static fr_tensor *selected(fr_tensor *t, int dim, fr_tensor *index)
{
    int i = t->shape.ndim > 0 ? fr_shape_dim(&t->shape, dim) : -1;
    char text[FR_SHAPE_TEXT];

    if (t->shape.ndim == 0 && index->numel == 1)
        return fr_squeeze(selected(fr_unsqueeze(t, 0), dim, index), 0);
    if (i < 0)
        return fr_fail("index_select", "dim %d is out of range for shape %s", dim, fr_shape_text(&t->shape, text));
    index = fr_index_along("index_select", index, i, t->shape);
    return index ? fr_gather(t, i, index) : NULL;
}

fr_tensor *fr_index_select(fr_tensor *t, int dim, fr_tensor *index)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "index_select");
    int scope = fr_scope_begin();
    fr_tensor *y = NULL;

    if (fr_check_argument("index_select", t, "t") && fr_check_argument("index_select", index, "index"))
        y = fr_escape(selected(t, dim, index));
    fr_scope_end(scope);
    fr_finish(th, before);
    return y;
}
