/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* sort: the values along a dim in order, and the index at which each stood; topk: the first k of them. NaN counts as
 * the largest value, and equal values keep their order. The gradient of a value goes to where it stood. */
#include "kernels/sort.h"
#include "ops/op.h"

#include <frond/c_code.h>

typedef struct {
    int dim;
    bool descending, all; /* all: k is the size of the dim */
    int64_t k;
} attributes;

static bool infer(fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_shape *shape = &call->in[0]->shape;
    int dim = fr_op_dim(call, a->dim);

    if (dim < 0)
        return false;
    call->out[0] = fr_meta_of(call->in[0]);
    if (!a->all && shape->ndim > 0)
        call->out[0].shape.dim[dim] = a->k;
    call->out[1] = call->out[0];
    call->out[1].dtype = FR_I64;
    return true;
}

/* x as (outer,n,inner), y as (outer,k,inner): the dim that is sorted, those before it and those behind it. A scalar
 * is one line of one value. */
static fr_lines lines_of(const fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_tensor *x = call->in[0];
    fr_lines s = { .n = 1, .inner = 1, .k = 1, .descending = a->descending };

    if (x->shape.ndim > 0) {
        int dim = fr_shape_dim(&x->shape, a->dim);

        s.n = x->shape.dim[dim];
        s.k = call->result[0]->shape.dim[dim];
        for (int i = dim + 1; i < x->shape.ndim; i++)
            s.inner *= x->shape.dim[i];
    }
    s.outer = call->result[0]->numel ? x->numel / s.n / s.inner : 0;
    return s;
}

static void forward(fr_op_call *call)
{
    fr_lines s = lines_of(call);

    if (s.outer == 0)
        return;
    s.x = call->in[0]->origin;
    s.values = call->result[0]->origin;
    s.indices = (int64_t *)(void *)call->result[1]->origin;
    if (!fr_sort_lines(fr_dtype_of(call->in[0]), &s))
        fr_op_fail(call, "out of memory");
}

static const char stands_before_int64_text[] = "static int stands_before_int64(int64_t a, int64_t b, int descending)\n"
                                               "{\n"
                                               "    return descending ? a > b : a < b;\n"
                                               "}\n";
static const char stands_before_text[] =
    "/* Whether a stands before b; NaN counts as the largest. */\n"
    "static int stands_before(float a, float b, int descending)\n"
    "{\n"
    "    return descending ? a > b || (a != a && b == b) : a < b || (a == a && b != b);\n"
    "}\n";

static const char c_text[] =
    "/* The first k of n values of each of (outer,n,inner) in order, and where they stood: each value is put in its "
    "place\n"
    " * among those before it. */\n"
    "static void sort(int outer, int n, int inner, int k, int descending, const float *x, float *y, int64_t "
    "*position)\n"
    "{\n"
    "    for (int i = 0; i < outer * inner; i++) {\n"
    "        const float *from = x + i / inner * n * inner + i % inner;\n"
    "        const int first = i / inner * k * inner + i % inner;\n"
    "\n"
    "        for (int j = 0; j < n; j++) {\n"
    "            const float value = from[j * inner];\n"
    "            int at = j < k ? j : k;\n"
    "\n"
    "            for (; at > 0 && stands_before(value, y[first + (at - 1) * inner], descending); at--) {\n"
    "                if (at == k)\n"
    "                    continue;\n"
    "                y[first + at * inner] = y[first + (at - 1) * inner];\n"
    "                position[first + at * inner] = position[first + (at - 1) * inner];\n"
    "            }\n"
    "            if (at == k)\n"
    "                continue;\n"
    "            y[first + at * inner] = value;\n"
    "            position[first + at * inner] = j;\n"
    "        }\n"
    "    }\n"
    "}\n";

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_shape *shape = &call->in[0]->shape;
    fr_lines s = lines_of(call);
    const char *x, *y, *position, *name;

    if (s.outer == 0)
        return fr_c_fail(w, "an output without values");
    x = fr_c_in(w, call, 0);
    y = fr_c_out(w, call, 0);
    position = fr_c_out(w, call, 1);
    if (s.inner == 1 && shape->ndim > 0)
        fr_c_takes_rows(w, shape->ndim - fr_shape_dim(shape, ((const attributes *)call->attributes)->dim));
    if (call->in[0]->dtype == FR_I64)
        fr_c_helper(w, "stands_before_int64", stands_before_int64_text, false);
    else
        fr_c_helper(w, "stands_before", stands_before_text, false);
    name = fr_c_value_helper(w, "sort", c_text, fr_dtype_of(call->in[0]));
    return fr_c_line(w, "%s(%lld, %lld, %lld, %lld, %d, %s, %s, %s);", name, (long long)s.outer, (long long)s.n,
                     (long long)s.inner, (long long)s.k, s.descending, x, y, position);
}

static void backward(fr_op_call *call)
{
    const attributes *a = call->attributes;

    if (call->grad_out[0])
        call->grad_in[0] = fr_scatter_zeros(call->grad_out[0], call->in_shape[0], a->dim, call->result[1]);
}

/* TopK gives both results, even if only one is read. */
static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const attributes *a = call->attributes;
    int dim = fr_shape_dim(&call->in[0]->shape, a->dim);
    const char *k;

    if (!fr_onnx_has_axes(g, call))
        return false;
    if (a->all)
        k = fr_onnx_value(g, "Gather", FR_ONNX_NAMES(fr_onnx_shape(g, 0), fr_onnx_int64s(g, 1, &(int64_t){ dim })));
    else
        k = fr_onnx_sizes(g, 1, &a->k);
    fr_onnx_node(g, "TopK", FR_ONNX_NAMES(fr_onnx_input(g, 0), k),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0), fr_onnx_output(g, 1)));
    fr_onnx_int(g, "axis", dim);
    fr_onnx_int(g, "largest", a->descending);
    return true;
}

FR_RUN(run, fr_sort(in[0], -1, false).values)
FR_RUN(run_first, fr_sort(in[0], 0, true).values)
FR_RUN(run_middle, fr_sort(in[0], 1, false).values)
FR_RUN(run_places, fr_sort(in[0], -1, false).indices)
FR_RUN(run_argsort, fr_argsort(in[0], -1, true))
FR_RUN(run_top, fr_topk(in[0], 3, -1, true).values)
FR_RUN(run_top_places, fr_topk(in[0], 3, -1, true).indices)
FR_RUN(run_bottom, fr_topk(in[0], 2, 0, false).values)
FR_RUN(run_bottom_places, fr_topk(in[0], 2, 0, false).indices)
FR_RUN(run_top_none, fr_topk(in[0], 0, -1, true).values)
FR_RUN(run_top_one, fr_topk(in[0], 1, 0, true).values)

const fr_op fr_sort_op = {
    .name = "sort",
    .formula = "y = x along a dim in order",
    .shapes = "(*,N,**) -> (*,K,**) (*,K,**)",
    .inputs = 1,
    .outputs = 2,
    .saves_inputs = FR_SAVES_NOTHING,
    .saves_outputs = 2,
    .attributes_size = sizeof(attributes),
    .dtypes = FR_ANY,
    .null_gradients = true,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = onnx,
    .c_code = c_code,
    FR_CASES({ "rows", "d(5,37)", "a.sort().values", run }, { "first", "d(9,4)", "a.sort(0, True).values", run_first },
             { "middle", "d(2,30,3)", "a.sort(1).values", run_middle }, { "scalar", "n()", "a.sort().values", run },
             { "empty", "n(3,0)", "a.sort().values", run },
             { "many", "d(3,3000)", "a.sort().values", run, .no_grad = true },
             { "nan", "v1,nan,0,-inf,nan,inf,-0.0,0(2,4)", "a.sort().values", run, .no_grad = true },
             { "nan first", "v1,nan,0,-inf,nan,inf(3,2)", "a.sort(0, True).values", run_first, .no_grad = true },
             { "places", "v1,nan,0,1,nan,1,3,0(8)", "a.sort(stable=True).indices", run_places, .no_grad = true },
             { "argsort", "v1,nan,0,1,nan,1,3,0(8)", "a.argsort(descending=True, stable=True)", run_argsort,
               .no_grad = true },
             { "int64", "i9(5,30)", "a.sort().values", run, .no_grad = true },
             { "eight dims", "d(2,3,2,1,2,1,2,3)", "a.sort(1).values", run_middle },
             { "topk", "d(5,37)", "a.topk(3).values", run_top },
             { "topk indices", "d(5,37)", "a.topk(3).indices", run_top_places, .no_grad = true },
             { "bottom", "d(9,4)", "a.topk(2, 0, False).values", run_bottom },
             { "bottom indices", "d(9,4)", "a.topk(2, 0, False).indices", run_bottom_places, .no_grad = true },
             { "topk nan", "v1,nan,0,4,2,nan(6)", "a.topk(3).values", run_top, .no_grad = true },
             { "topk none", "d(3,4)", "a.topk(0).values", run_top_none, .no_grad = true },
             { "topk scalar", "d()", "a.topk(1).values", run_top_one },
             { "topk none of a scalar", "d()", "a.topk(0).values", run_top_none },
             { "range", "n(4)", NULL, run_middle, { "sort", "dim 1", "(4,)" } },
             { "topk above", "n(3,2)", NULL, run_top, { "topk", "k is 3", "0 to 2" } })
};

/* A dim out of range is left to infer, which refuses it. */
static bool check_k(const char *what, const fr_tensor *t, const attributes *a)
{
    int dim = fr_shape_dim(&t->shape, a->dim);
    int64_t n = t->shape.ndim == 0 ? 1 : dim >= 0 ? t->shape.dim[dim] : INT64_MAX;
    char text[FR_SHAPE_TEXT];

    if (a->all || (a->k >= 0 && a->k <= n)) /* of a scalar, as in PyTorch, 0 values are the one */
        return true;
    return fr_fail(what, "k is %lld, expected 0 to %lld for dim %d of shape %s", (long long)a->k, (long long)n, a->dim,
                   fr_shape_text(&t->shape, text));
}

static fr_extreme apply(const char *what, fr_tensor *t, const attributes *a)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_tensor *results[2] = { NULL, NULL };

    if (fr_check_argument(what, t, "t") && check_k(what, t, a))
        fr_apply_n(&fr_sort_op, &t, 1, a, results);
    fr_finish(th, before);
    return (fr_extreme){ results[0], results[1] };
}

fr_extreme fr_sort(fr_tensor *t, int dim, bool descending)
{
    return apply("sort", t, &(attributes){ .dim = dim, .descending = descending, .all = true });
}

fr_tensor *fr_argsort(fr_tensor *t, int dim, bool descending)
{
    return apply("argsort", t, &(attributes){ .dim = dim, .descending = descending, .all = true }).indices;
}

fr_extreme fr_topk(fr_tensor *t, int64_t k, int dim, bool largest)
{
    return apply("topk", t, &(attributes){ .dim = dim, .descending = largest, .k = k });
}
