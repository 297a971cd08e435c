/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* embedding: y[i] = weight[index[i]], a row for each index. Each row of dweight is the sum of the dy of its indices, in
 * their order, so that every run gives the same bits. */
#include "ops/op.h"

#include <frond/c_code.h>

typedef struct {
    int64_t padding; /* the row that gets no gradient; -1: none */
} attributes;

static bool infer(fr_op_call *call)
{
    const fr_tensor *index = call->in[0], *weight = call->in[1];
    fr_shape shape = index->shape;
    char text[FR_SHAPE_TEXT];

    if (weight->shape.ndim != 2)
        return fr_op_fail(call, "weight %s, expected (V, D)", fr_shape_text(&weight->shape, text));
    if (shape.ndim == FR_MAX_DIMS)
        return fr_op_fail(call, "index %s: the result would have more than %d dims", fr_shape_text(&shape, text),
                          FR_MAX_DIMS);
    shape.dim[shape.ndim++] = weight->shape.dim[1];
    call->out[0] = (fr_meta){ .shape = shape, .dtype = fr_dtype_of(weight) };
    return true;
}

static void forward(fr_op_call *call)
{
    const fr_tensor *index = call->in[0], *weight = call->in[1];
    fr_tensor rows = *call->result[0]; /* as (n,D) */

    if (!fr_check_index(call->op->name, index, 0, weight->shape.dim[0])) {
        call->failed = true;
        return;
    }
    rows.shape = (fr_shape){ 2, { index->numel, weight->shape.dim[1] } };
    fr_shape_strides(&rows.shape, rows.stride);
    fr_copy_rows(&rows, weight, (const int64_t *)index->origin);
}

static void backward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    fr_tensor *index = call->in[0], *g = call->grad_out[0];
    const fr_shape *weight = &call->in_shape[1];

    if (a->padding >= 0)
        g = fr_masked_fill(g, fr_unsqueeze(fr_eq_scalar(index, (double)a->padding), -1), 0);

    fr_shape rows = { 2, { index->numel, weight->dim[1] } };

    index = fr_expand(fr_reshape(index, (fr_shape){ 2, { index->numel, 1 } }), rows);
    call->grad_in[1] = fr_scatter_zeros(fr_reshape(g, rows), *weight, 0, index);
}

static const char embed_text[] =
    "/* Row index[i] of w (vocabulary,width) for each i; zeros for an index that is none. */\n"
    "static void embed$q(int n, int vocabulary, int width, const int64_t *index, const $t *w{{, const float *scale}}, "
    "float *y)\n"
    "{\n"
    "    for (int i = 0; i < n; i++)\n"
    "        for (int j = 0; j < width; j++)\n"
    "            y[i * width + j] =\n"
    "                index[i] >= 0 && index[i] < vocabulary ? w[index[i] * width + j]{{ * scale[index[i]]}} : 0;\n"
    "}\n";

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_shape *weight = &call->in[1]->shape;
    bool int8 = fr_c_int8(w, call, 2);
    const char *index = fr_c_in(w, call, 0), *matrix = fr_c_weight(w, call, 1), *y = fr_c_out(w, call, 0);

    if (call->in[1]->dtype != FR_F32)
        return fr_c_fail(w, "weights of %s, expected float32", fr_dtype_name(fr_dtype_of(call->in[1])));
    fr_c_helper(w, "embed", embed_text, int8);
    fr_c_takes_rows(w, 0);
    return fr_c_line(w, "embed%s(%lld, %lld, %lld, %s, %s, %s);", int8 ? "_int8" : "", (long long)call->in[0]->numel,
                     (long long)weight->dim[0], (long long)weight->dim[1], index, matrix, y);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    (void)call;
    fr_onnx_node(g, "Gather", FR_ONNX_NAMES(fr_onnx_input(g, 1), fr_onnx_input(g, 0)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_embedding(in[0], in[1], NULL))
FR_RUN(run_padding, fr_embedding(in[0], in[1], &(fr_embedding_options){ .padding = true, .padding_idx = 1 }))
FR_RUN(run_padding_0, fr_embedding(in[0], in[1], &(fr_embedding_options){ .padding = true }))
FR_RUN(run_padding_last, fr_embedding(in[0], in[1], &(fr_embedding_options){ .padding = true, .padding_idx = -1 }))
FR_RUN(run_padding_range, fr_embedding(in[0], in[1], &(fr_embedding_options){ .padding = true, .padding_idx = -6 }))
FR_RUN(run_padding_alone, fr_embedding(in[0], in[1], &(fr_embedding_options){ .padding_idx = 1 }))
FR_RUN(run_reserved, fr_embedding(in[0], in[1], &(fr_embedding_options){ .reserved = { in[0] } }))
FR_RUN(run_negative, fr_embedding(fr_add_scalar(in[0], -9), in[1], NULL))
FR_RUN(run_transposed, fr_embedding(fr_transpose(in[0], 0, 1), fr_transpose(in[1], 0, 1), NULL))

const fr_op fr_embedding_op = {
    .name = "embedding",
    .formula = "y[i] = weight[index[i]]",
    .derivative = "dL/dW = in each row the sum of dL/dy where its index stands",
    .shapes = "(*) (V,D) -> (*,D)",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 1,
    .attributes_size = sizeof(attributes),
    .dtypes = FR_MIXED,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .c_code = c_code,
    .onnx = onnx,
    FR_CASES(
        { "rows", "i5(2,3) n(5,4)", "F.embedding(a, b)", run }, { "often", "i3(50) n(3,20)", "F.embedding(a, b)", run },
        { "vector", "i5(7) n(5,4)", "F.embedding(a, b)", run }, { "scalar", "i5() n(5,4)", "F.embedding(a, b)", run },
        { "transposed", "i5(2,3) n(4,5)", "F.embedding(a.T, b.T)", run_transposed },
        { "padding", "i3(2,9) v1,2,3,4,5,6(3,2)", "F.embedding(a, b, padding_idx=1)", run_padding },
        { "padding 0", "i3(2,9) v1,2,3,4,5,6(3,2)", "F.embedding(a, b, padding_idx=0)", run_padding_0 },
        { "padding last", "i3(2,9) v1,2,3,4,5,6(3,2)", "F.embedding(a, b, padding_idx=-1)", run_padding_last },
        { "no indices", "i5(2,0) n(5,4)", "F.embedding(a, b)", run },
        { "no indices, no rows", "i5(0) n(0,4)", "F.embedding(a, b)", run },
        { "rows of none", "i5(3) n(5,0)", "F.embedding(a, b)", run },
        { "int64", "i5(3) i9(5,4)", "F.embedding(a, b)", run, .no_grad = true },
        { "range", "i9(3,9) n(1,4)", NULL, run, { "embedding", "is out of range", "size 1" } },
        { "negative", "i5(2,3) n(5,4)", NULL, run_negative, { "embedding", "index -", "at (0, 0)", "size 5" } },
        { "float index", "n(3) n(5,4)", NULL, run, { "embedding", "index is float32", "int64" } },
        { "weight", "i5(3) n(5)", NULL, run, { "embedding", "weight (5,)", "(V, D)" } },
        { "dims", "i5(1,1,1,1,1,1,1,1) n(5,4)", NULL, run, { "embedding", "more than 8" } },
        { "padding range", "i5(3) n(5,4)", NULL, run_padding_range, { "embedding", "padding_idx -6", "-5 to 4" } },
        { "padding alone", "i5(3) n(5,4)", NULL, run_padding_alone, { "embedding", "padding_idx 1", "padding" } },
        { "reserved", "i5(3) n(5,4)", NULL, run_reserved, { "embedding", "reserved[0]" } }),
};

bool fr_check_padding(const char *what, const fr_embedding_options *options, int64_t rows, int64_t *padding)
{
    int64_t index = options ? options->padding_idx : 0;

    *padding = -1;
    if (!options)
        return true;
    if (!fr_check_reserved(what, options->reserved))
        return false;
    if (!options->padding)
        return index == 0 || fr_fail(what, "padding_idx %lld is given, but not padding", (long long)index);
    if (index < -rows || index >= rows)
        return fr_fail(what, "padding_idx %lld, expected %lld to %lld", (long long)index, (long long)-rows,
                       (long long)(rows - 1));
    *padding = index < 0 ? index + rows : index;
    return true;
}

fr_tensor *fr_embedding(fr_tensor *index, fr_tensor *weight, const fr_embedding_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "embedding");
    int64_t rows = weight && weight->shape.ndim > 0 ? weight->shape.dim[0] : 0;
    attributes a = { .padding = -1 };
    fr_tensor *y = NULL;

    if (!weight || fr_check_padding("embedding", options, rows, &a.padding))
        y = fr_apply(&fr_embedding_op, (fr_tensor *[]){ index, weight }, &a);
    fr_finish(th, before);
    return y;
}
