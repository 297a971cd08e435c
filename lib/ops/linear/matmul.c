/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* matmul: y = a b, matrix products over the last two dims; the dims before them are a batch and broadcast.
 *
 *     y[i][j] = sum over k of a[i][k] b[k][j]
 *
 * a[i][k] is in row i of y alone, each time with the factor b[k][j]. So da[i][k] = sum over j of dy[i][j] b[k][j],
 * which is da = dy b^T. Likewise db[k][j] = sum over i of a[i][k] dy[i][j], db = a^T dy. Both are summed over what was
 * broadcast. */
#include "core/threads.h"
#include "ops/linear/gemm_operand.h"

#include <frond/c_code.h>

/* fr_matmul has checked that both have two dims or more and that the inner ones agree. */
static bool infer(fr_op_call *call)
{
    const fr_shape *a = &call->in[0]->shape, *b = &call->in[1]->shape;
    fr_shape batch_a = *a, batch_b = *b, *y = &call->out[0].shape;
    char x[FR_SHAPE_TEXT], z[FR_SHAPE_TEXT];

    call->out[0].dtype = fr_dtype_of(call->in[0]);
    batch_a.ndim -= 2;
    batch_b.ndim -= 2;
    if (!fr_shape_broadcast(&batch_a, &batch_b, y))
        return fr_op_fail(call, "%s x %s: the dimensions before the last two do not broadcast", fr_shape_text(a, x),
                          fr_shape_text(b, z));
    y->dim[y->ndim++] = a->dim[a->ndim - 2];
    y->dim[y->ndim++] = b->dim[b->ndim - 1];
    return true;
}

typedef struct {
    fr_tensor *y;
    fr_matrix a, b;
    int64_t m, n, k, batches, per_tile;
} job;

static void run_tile(void *user, int64_t tile)
{
    const job *j = user;
    fr_dtype dtype = (fr_dtype)j->y->dtype;
    int64_t size = (int64_t)fr_dtype_size(dtype);

    for (int64_t i = tile * j->per_tile; i < j->batches && i < (tile + 1) * j->per_tile; i++)
        fr_gemm(dtype, j->a.transposed, j->b.transposed, j->m, j->n, j->k,
                j->a.t->origin + fr_batch_offset(j->a.t, &j->y->shape, i) * size, j->a.lead,
                j->b.t->origin + fr_batch_offset(j->b.t, &j->y->shape, i) * size, j->b.lead, false,
                j->y->origin + i * j->m * j->n * size, j->n);
}

/* A tile is a few small products. Large ones make tiles of their own. */
static void forward(fr_op_call *call)
{
    enum { TILE_WORK = 1 << 20, LARGE = 1 << 24 }; /* multiply-adds */
    const fr_shape *s = &call->result[0]->shape;
    job j = { .y = call->result[0],
              .m = s->dim[s->ndim - 2],
              .n = s->dim[s->ndim - 1],
              .k = call->in[0]->shape.dim[call->in[0]->shape.ndim - 1] };
    bool ok = fr_matrix_open(call, call->in[0], &j.a) && fr_matrix_open(call, call->in[1], &j.b);
    double work = (double)j.m * (double)j.n * (double)j.k;

    j.batches = ok && j.m > 0 && j.n > 0 ? j.y->numel / (j.m * j.n) : 0;
    j.per_tile = work > LARGE ? j.batches : work < TILE_WORK ? (int64_t)(TILE_WORK / (work + 1)) : 1;
    if (j.batches > 0)
        fr_run_tiles((j.batches - 1) / j.per_tile + 1, run_tile, &j);
    fr_matrix_close(&j.a);
    fr_matrix_close(&j.b);
}

static void backward(fr_op_call *call)
{
    fr_tensor *g = call->grad_out[0], *a = call->in[0], *b = call->in[1];

    if (call->needs[0])
        call->grad_in[0] = fr_op_sum_to(fr_matmul(g, fr_transpose(b, -2, -1)), &call->in_shape[0]);
    if (call->needs[1])
        call->grad_in[1] = fr_op_sum_to(fr_matmul(fr_transpose(a, -2, -1), g), &call->in_shape[1]);
}

static int64_t multiply_adds(const fr_op_call *call)
{
    const fr_shape *a = &call->in[0]->shape;

    return call->result[0]->numel * a->dim[a->ndim - 1];
}

static const char product_text[] =
    "/* y = a b: a (m,k) and b (k,n) with the distances of their rows and columns, y (m,n) row-major. */\n"
    "static void product(int m, int k, int n, const float *a, int a_row, int a_column, const float *b, int b_row,\n"
    "                    int b_column, float *y)\n"
    "{\n"
    "    for (int i = 0; i < m; i++) {\n"
    "        for (int j = 0; j < n; j++) {\n"
    "            float sum = 0;\n"
    "\n"
    "            for (int l = 0; l < k; l++)\n"
    "                sum += a[i * a_row + l * a_column] * b[l * b_row + j * b_column];\n"
    "            y[i * n + j] = sum;\n"
    "        }\n"
    "    }\n"
    "}\n";

/* " + i * 12 + j * 4": where the matrix of a batch begins in t; i, j, ... count along the batch dims of y. */
static const char *batch_text(const fr_tensor *t, const fr_shape *y, size_t size, char *text)
{
    int lead = y->ndim - t->shape.ndim;
    size_t n = 0;

    *text = '\0';
    for (int i = lead > 0 ? lead : 0; i < y->ndim - 2 && n < size; i++)
        if (t->shape.dim[i - lead] != 1)
            n += (size_t)snprintf(text + n, size - n, " + %c * %lld", "ijklmn"[i], (long long)t -> stride[i - lead]);
    return text;
}

enum { TEXT = 256 };

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_tensor *a = call->in[0], *b = call->in[1], *y = call->result[0];
    const fr_shape *s = &y->shape;
    int batches = s->ndim - 2, p = a->shape.ndim - 2, q = b->shape.ndim - 2;
    const char *x, *z, *to;
    char of_a[TEXT], of_b[TEXT], of_y[TEXT];

    if (a->dtype != FR_F32)
        return fr_c_fail(w, "%s given, expected float32", fr_dtype_name((fr_dtype)a->dtype));
    x = fr_c_strided(w, call, 0);
    z = fr_c_strided(w, call, 1);
    to = fr_c_out(w, call, 0);
    fr_c_helper(w, "product", product_text, false);
    for (int i = 0; i < batches; i++)
        fr_c_line(w, "%*sfor (int %c = 0; %c < %lld; %c++)", 4 * i, "", "ijklmn"[i], "ijklmn"[i],
                  (long long)s -> dim[i], "ijklmn"[i]);
    return fr_c_line(w, "%*sproduct(%lld, %lld, %lld, %s%s, %lld, %lld, %s%s, %lld, %lld, %s%s);", 4 * batches, "",
                     (long long)a->shape.dim[p], (long long)a->shape.dim[p + 1], (long long)b->shape.dim[q + 1], x,
                     batch_text(a, s, TEXT, of_a), (long long)a->stride[p], (long long)a->stride[p + 1], z,
                     batch_text(b, s, TEXT, of_b), (long long)b->stride[q], (long long)b->stride[q + 1], to,
                     batch_text(y, s, TEXT, of_y));
}

FR_RUN(run, fr_matmul(in[0], in[1]))
FR_RUN(run_transposed, fr_matmul(fr_transpose(in[0], -2, -1), fr_transpose(in[1], -2, -1)))
FR_RUN(run_gapped, fr_matmul(fr_slice(in[0], 1, 0, INT64_MAX, 2), fr_slice(in[1], 1, 0, INT64_MAX, 2)))
FR_RUN(run_permuted, fr_matmul(fr_transpose(in[0], 0, 1), in[1]))
FR_RUN(run_outer, fr_outer(in[0], in[1]))
FR_RUN(run_einsum, fr_einsum("ij,jk->ik", in, 2))
FR_RUN(run_einsum_batch, fr_einsum("bij,bjk->bik", in, 2))
FR_RUN(run_einsum_dots, fr_einsum("...ij,...jk", in, 2))
FR_RUN(run_einsum_trace, fr_einsum("ii", in, 1))
FR_RUN(run_einsum_diagonal, fr_einsum("bii->ib", in, 1))
FR_RUN(run_einsum_sum, fr_einsum("ijk->k", in, 1))
FR_RUN(run_einsum_transpose, fr_einsum("ba", in, 1))
FR_RUN(run_einsum_outer, fr_einsum("i, j -> ji", in, 2))
FR_RUN(run_einsum_hadamard, fr_einsum("ij,ij->ij", in, 2))
FR_RUN(run_einsum_three, fr_einsum("bn,anm,bm->ba", in, 3))
FR_RUN(run_einsum_shared, fr_einsum("bi,bj,bk->ijk", in, 3))
FR_RUN(run_einsum_attention, fr_einsum("bqhd,bkhd->bhqk", in, 2))
FR_RUN(run_einsum_dot, fr_einsum("ij,ij", in, 2))
FR_RUN(run_einsum_dots_end, fr_einsum("i...,i->...", in, 2))
FR_RUN(run_einsum_dots_sum, fr_einsum("i...->i", in, 1))
FR_RUN(run_einsum_thrice, fr_einsum("iij,i->j", in, 2))
FR_RUN(run_einsum_wrong, fr_einsum("i1->i", in, 1))
FR_RUN(run_einsum_new, fr_einsum("ij->k", in, 1))
FR_RUN(run_einsum_twice, fr_einsum("ij->ii", in, 1))
FR_RUN(run_einsum_more, fr_einsum("i,j,k", in, 2))
FR_RUN(run_einsum_fewer, fr_einsum("i->i", in, 2))
FR_RUN(run_bmm, fr_bmm(in[0], in[1]))
FR_RUN(run_baddbmm, fr_baddbmm(in[0], in[1], in[2], 1, 1))
FR_RUN(run_baddbmm_scaled, fr_baddbmm(in[0], in[1], in[2], 0.5, -2))
FR_RUN(run_baddbmm_nan, fr_baddbmm(in[0], in[1], in[2], 0, 2))
FR_RUN(run_tensordot, fr_tensordot(in[0], in[1], (fr_shape){ 2, { 2, 0 } }, (fr_shape){ 2, { 0, -1 } }))
FR_RUN(run_tensordot_outer, fr_tensordot(in[0], in[1], (fr_shape){ 0 }, (fr_shape){ 0 }))
FR_RUN(run_tensordot_uneven, fr_tensordot(in[0], in[1], (fr_shape){ 1, { 0 } }, (fr_shape){ 2, { 0, 1 } }))
FR_RUN(run_cdist, fr_cdist(in[0], in[1], 2))
FR_RUN(run_cdist_one, fr_cdist(in[0], in[1], 1))
FR_RUN(run_cdist_inf, fr_cdist(in[0], in[1], INFINITY))
FR_RUN(run_cdist_negative, fr_cdist(in[0], in[1], -1))

const fr_op fr_matmul_op = {
    .name = "matmul",
    .formula = "y = a b",
    .derivative = "dL/da = dL/dy b^T, dL/db = a^T dL/dy",
    .shapes = "(*,N,K) (**,K,M) -> (broadcast,N,M)",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 3,
    .dtypes = FR_ANY,
    .strided = true,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .jvp = fr_jvp_multilinear,
    .c_code = c_code,
    .multiply_adds = multiply_adds,
    .onnx_name = "MatMul",
    FR_CASES(
        { "matrices", "n(3,4) n(4,5)", "a @ b", run }, { "batches", "n(2,1,3,4) n(5,4,2)", "a @ b", run },
        { "batches by one", "n(2,5,3,4) n(4,2)", "a @ b", run }, { "one by batches", "n(3,4) n(2,4,2)", "a @ b", run },
        { "vectors", "n(4) n(4)", "a @ b", run }, { "vector left", "n(4) n(2,4,3)", "a @ b", run },
        { "vector right", "n(2,3,4) n(4)", "a @ b", run }, { "row", "n(1,4) n(4,3)", "a @ b", run },
        { "column", "n(3,4) n(4,1)", "a @ b", run }, { "nothing", "n(3,0) n(0,2)", "a @ b", run },
        { "no rows", "n(0,3) n(3,2)", "a @ b", run }, { "no columns", "n(2,3) n(3,0)", "a @ b", run },
        { "no batches", "n(0,2,3) n(3,2)", "a @ b", run }, { "empty batches", "n(2,3,0) n(0,2)", "a @ b", run },
        { "transposed", "n(4,3) n(5,4)", "a.T @ b.T", run_transposed },
        { "transposed batches", "n(2,4,3) n(2,5,4)", "a.mT @ b.mT", run_transposed },
        { "gapped", "n(3,8) n(4,6)", "a[:, ::2] @ b[:, ::2]", run_gapped },
        { "permuted", "n(2,5,4) n(4,3)", "a.transpose(0, 1) @ b", run_permuted },
        { "outer", "n(3) n(4)", "torch.outer(a, b)", run_outer },
        { "outer of nothing", "n(0) n(4)", "torch.outer(a, b)", run_outer },
        { "eight dims", "n(2,1,2,1,2,1,2,3) n(1,2,1,3,2)", "a @ b", run }, { "int64", "i9(2,3) i9(3,4)", "a @ b", run },
        { "int64 batches", "i9(2,1,3,4) i9(5,4,2)", "a @ b", run },
        { "int64 vectors", "i9(4) i9(2,4,3)", "a @ b", run },
        { "int64 transposed", "i9(2,4,3) i9(2,5,4)", "a.mT @ b.mT", run_transposed },
        { "int64 gapped", "i9(3,8) i9(4,6)", "a[:, ::2] @ b[:, ::2]", run_gapped },
        { "int64 of nothing", "i9(3,0) i9(0,2)", "a @ b", run },
        { "int64 outer", "i9(3) i9(4)", "torch.outer(a, b)", run_outer },
        { "int64 einsum", "i9(2,3) i9(3,4)", "torch.einsum('ij,jk->ik', a, b)", run_einsum },
        { "int64 bmm", "i9(2,3,4) i9(2,4,5)", "torch.bmm(a, b)", run_bmm },
        { "einsum", "n(2,3) n(3,4)", "torch.einsum('ij,jk->ik', a, b)", run_einsum },
        { "einsum of ones", "n(2,1) n(3,4)", "torch.einsum('ij,jk->ik', a, b)", run_einsum },
        { "einsum of nothing", "n(2,0) n(0,4)", "torch.einsum('ij,jk->ik', a, b)", run_einsum },
        { "einsum batch", "n(2,3,4) n(2,4,5)", "torch.einsum('bij,bjk->bik', a, b)", run_einsum_batch },
        { "einsum ones", "n(1,3,4) n(2,4,5)", "torch.einsum('bij,bjk->bik', a, b)", run_einsum_batch },
        { "einsum dots", "n(2,1,3,4) n(5,4,2)", "torch.einsum('...ij,...jk', a, b)", run_einsum_dots },
        { "einsum trace", "n(3,3)", "torch.einsum('ii', a)", run_einsum_trace },
        { "einsum diagonal", "n(2,3,3)", "torch.einsum('bii->ib', a)", run_einsum_diagonal },
        { "einsum sum", "n(2,3,4)", "torch.einsum('ijk->k', a)", run_einsum_sum },
        { "einsum transpose", "n(2,3)", "torch.einsum('ba', a)", run_einsum_transpose },
        { "einsum outer", "n(2) n(3)", "torch.einsum('i,j->ji', a, b)", run_einsum_outer },
        { "einsum hadamard", "n(2,3) n(2,3)", "torch.einsum('ij,ij->ij', a, b)", run_einsum_hadamard },
        { "einsum int64", "i9(2,3) i9(2,3)", "torch.einsum('ij,ij->ij', a, b)", run_einsum_hadamard, .no_grad = true },
        { "einsum three", "n(2,3) n(5,3,4) n(2,4)", "torch.einsum('bn,anm,bm->ba', a, b, c)", run_einsum_three },
        { "einsum shared", "n(2,3) n(2,2) n(2,4)", "torch.einsum('bi,bj,bk->ijk', a, b, c)", run_einsum_shared },
        { "einsum attention", "n(2,3,2,4) n(2,5,2,4)", "torch.einsum('bqhd,bkhd->bhqk', a, b)", run_einsum_attention },
        { "einsum dot", "n(2,3) n(2,3)", "torch.einsum('ij,ij', a, b)", run_einsum_dot },
        { "einsum dots at the end", "n(2,3,4) n(2)", "torch.einsum('i...,i->...', a, b)", run_einsum_dots_end },
        { "einsum no dots", "n(2) n(2)", "torch.einsum('i...,i->...', a, b)", run_einsum_dots_end },
        { "einsum sum of dots", "n(2,3,4)", "torch.einsum('i...->i', a)", run_einsum_dots_sum },
        { "einsum diagonal, product", "n(3,3,2) n(3)", "torch.einsum('iij,i->j', a, b)", run_einsum_thrice },
        { "einsum letter", "n(2,3)", NULL, run_einsum_wrong, { "einsum", "\"i1\"", "letters" } },
        { "einsum new", "n(2,3)", NULL, run_einsum_new, { "einsum", "\"k\"", "no operand" } },
        { "einsum twice", "n(2,3)", NULL, run_einsum_twice, { "einsum", "\"ii\"", "twice" } },
        { "einsum more", "n(2) n(3)", NULL, run_einsum_more, { "einsum", "more than 2" } },
        { "einsum fewer", "n(2) n(2)", NULL, run_einsum_fewer, { "einsum", "1 operands", "2 tensors" } },
        { "einsum dims", "n(2) n(3,4)", NULL, run_einsum, { "einsum", "\"ij\"", "(2,)" } },
        { "einsum sizes", "n(2,3) n(4,5)", NULL, run_einsum, { "einsum", "\"jk\"", "4", "3" } },
        { "einsum uneven", "n(1,3)", NULL, run_einsum_trace, { "einsum", "sizes 1 and 3" } },
        { "bmm", "n(2,3,4) n(2,4,5)", "torch.bmm(a, b)", run_bmm },
        { "bmm batches", "n(1,3,4) n(2,4,5)", NULL, run_bmm, { "bmm", "(1, 3, 4) x (2, 4, 5)", "(B,N,M)" } },
        { "baddbmm", "n(2,3,5) n(2,3,4) n(2,4,5)", "torch.baddbmm(a, b, c)", run_baddbmm },
        { "baddbmm scaled", "n(5) n(2,3,4) n(2,4,5)", "torch.baddbmm(a, b, c, beta=0.5, alpha=-2)",
          run_baddbmm_scaled },
        { "baddbmm nan", "vnan,nan(2) n(2,3,4) n(2,4,2)", "torch.baddbmm(a, b, c, beta=0, alpha=2)", run_baddbmm_nan },
        { "baddbmm sizes",
          "n(2,2,3,5) n(2,3,4) n(2,4,5)",
          NULL,
          run_baddbmm,
          { "baddbmm", "(2, 2, 3, 5)", "(2, 3, 5)" } },
        { "baddbmm dims", "n(3,5) n(3,4) n(4,5)", NULL, run_baddbmm, { "baddbmm", "(3, 4) x (4, 5)" } },
        { "tensordot", "n(2,3,4) n(4,5,2)", "torch.tensordot(a, b, ([2, 0], [0, -1]))", run_tensordot },
        { "tensordot outer", "n(2,3) n(4)", "torch.tensordot(a, b, 0)", run_tensordot_outer },
        { "tensordot sizes", "n(2,3,4) n(4,5,3)", NULL, run_tensordot, { "tensordot", "(2, 0)", "(0, -1)" } },
        { "tensordot uneven", "n(4) n(4,5)", NULL, run_tensordot_uneven, { "tensordot", "(0,)", "(0, 1)" } },
        { "cdist", "n(2,3,4) n(5,4)", "torch.cdist(a, b)", run_cdist },
        { "cdist p 1", "n(3,4) n(5,4)", "torch.cdist(a, b, 1)", run_cdist_one },
        { "cdist p inf", "n(3,4) n(5,4)", "torch.cdist(a, b, float('inf'))", run_cdist_inf },
        { "cdist equal", "v1,2,3,4(2,2) v1,2,0,0(2,2)", "torch.cdist(a, b)", run_cdist },
        { "cdist dims", "n(4) n(5,4)", NULL, run_cdist, { "cdist", "(4,) and (5, 4)" } },
        { "cdist p", "n(3,4) n(5,4)", NULL, run_cdist_negative, { "cdist", "-1" } },
        { "infinite", "v0,inf,1,nan(2,2) v1,0,1,1(2,2)", "a @ b", run },
        { "inner", "n(4,3) n(5,2)", NULL, run, { "matmul", "(4, 3)", "(5, 2)", "3 and 5" } },
        { "inner vector", "n(4) n(5,2)", NULL, run, { "matmul", "(4,) x (5, 2)", "4 and 5" } },
        { "inner batches", "n(2,3,4) n(5,2)", NULL, run, { "matmul", "(2, 3, 4) x (5, 2)", "4 and 5" } },
        { "batch sizes", "n(2,3,4) n(3,4,2)", NULL, run, { "matmul", "(2, 3, 4) x (3, 4, 2)", "broadcast" } },
        { "scalar", "n() n(5,2)", NULL, run, { "matmul", "() x (5, 2)", "scalars" } },
        { "dtypes", "n(2,3) i5(3,2)", NULL, run, { "matmul", "float32", "int64" } },
        { "outer dims", "n(2,3) n(4)", NULL, run_outer, { "outer", "(2, 3)", "(4,)" } })
};

static bool check(const fr_shape *a, const fr_shape *b)
{
    int64_t left = a->ndim ? a->dim[a->ndim - 1] : 0, right = b->ndim ? b->dim[b->ndim > 1 ? b->ndim - 2 : 0] : 0;
    char x[FR_SHAPE_TEXT], z[FR_SHAPE_TEXT];

    if (a->ndim < 1 || b->ndim < 1)
        return fr_fail("matmul", "%s x %s: scalars have no matrix product", fr_shape_text(a, x), fr_shape_text(b, z));
    return left == right || fr_fail("matmul", "%s x %s: inner dimensions differ (%lld and %lld)", fr_shape_text(a, x),
                                    fr_shape_text(b, z), (long long)left, (long long)right);
}

/* A batch times one matrix: all rows of the batch are taken as one matrix. That is one product here, and one for the
 * matrix's gradient in backward. */
static fr_tensor *multiply_rows(fr_tensor *a, fr_tensor *b)
{
    fr_shape y = a->shape, rows = { 2, { 1, a->shape.dim[a->shape.ndim - 1] } };
    fr_tensor *product;

    for (int i = 0; i < y.ndim - 1; i++)
        rows.dim[0] *= y.dim[i];
    y.dim[y.ndim - 1] = b->shape.dim[1];
    a = fr_reshape(a, rows);
    product = fr_apply(&fr_matmul_op, (fr_tensor *[]){ a, b }, NULL);
    return product ? fr_reshape(product, y) : NULL;
}

static fr_tensor *multiplied(fr_tensor *a, fr_tensor *b)
{
    bool left = a->shape.ndim == 1, right = b->shape.ndim == 1;
    fr_tensor *rows = left ? fr_unsqueeze(a, 0) : a, *columns = right ? fr_unsqueeze(b, 1) : b, *y;

    if (!rows || !columns)
        return NULL;
    y = rows->shape.ndim > 2 && columns->shape.ndim == 2
            ? multiply_rows(rows, columns)
            : fr_apply(&fr_matmul_op, (fr_tensor *[]){ rows, columns }, NULL);
    if (y && right)
        y = fr_squeeze(y, -1);
    if (y && left)
        y = fr_squeeze(y, right ? -1 : -2);
    return y;
}

fr_tensor *fr_matmul(fr_tensor *a, fr_tensor *b)
{
    if (a && b && a->shape.ndim == 2 && b->shape.ndim == 2 && a->shape.dim[1] == b->shape.dim[0])
        return fr_apply(&fr_matmul_op, (fr_tensor *[]){ a, b }, NULL);

    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "matmul");
    fr_tensor *y = NULL;

    if (fr_check_argument("matmul", a, "a") && fr_check_argument("matmul", b, "b") && check(&a->shape, &b->shape))
        y = multiplied(a, b);
    fr_finish(th, before);
    return y;
}

fr_tensor *fr_outer(fr_tensor *a, fr_tensor *b)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "outer");
    char x[FR_SHAPE_TEXT], z[FR_SHAPE_TEXT];
    fr_tensor *y = NULL;

    if (!fr_check_argument("outer", a, "a") || !fr_check_argument("outer", b, "b")) {
    } else if (a->shape.ndim != 1 || b->shape.ndim != 1) {
        fr_fail("outer", "%s and %s, expected two vectors", fr_shape_text(&a->shape, x), fr_shape_text(&b->shape, z));
    } else {
        y = fr_matmul(fr_unsqueeze(a, 1), fr_unsqueeze(b, 0));
    }
    fr_finish(th, before);
    return y;
}
