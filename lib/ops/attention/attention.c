/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* attention: y = softmax(scale q k') v, where with is_causal query i attends to keys 0..i alone. This is
 * scaled_dot_product_attention for q, k and v of equal batch dims, without a mask, a bias or dropout;
 * kernels/attention.c, which never stores the scores, has the gradients. */
#include "ops/attention/attention.h"

#include "kernels/attention.h"
#include "ops/linear/gemm_operand.h"

/* scaled_dot_product_attention has checked all shapes and dtypes. */
static bool infer(fr_op_call *call)
{
    const fr_shape *v = &call->in[2]->shape;

    call->out[0] = fr_meta_of(call->in[0]);
    call->out[0].shape.dim[v->ndim - 1] = v->dim[v->ndim - 1];
    return true;
}

/* The matrices of m->t, whose places are written to offset. */
static fr_matrices matrices_of(const fr_matrix *m, int64_t batch, int64_t *offset)
{
    for (int64_t i = 0; i < batch; i++)
        offset[i] = fr_batch_offset(m->t, &m->t->shape, i);
    return (fr_matrices){ .origin = m->t->origin,
                          .offset = offset,
                          .row = m->transposed ? 1 : m->lead,
                          .column = m->transposed ? m->lead : 1 };
}

static int64_t dim_of(const fr_tensor *t, int from_end)
{
    return t->shape.dim[t->shape.ndim - from_end];
}

/* Runs the kernel on the call's inputs: forward, with dy NULL, or backward. */
static void run_kernel(fr_op_call *call, const fr_tensor *dy)
{
    const fr_attention_attributes *at = call->attributes;
    fr_tensor *q = call->in[0];
    fr_attention a = { .dtype = fr_dtype_of(q),
                       .queries = dim_of(q, 2),
                       .keys = dim_of(call->in[1], 2),
                       .features = dim_of(q, 1),
                       .values = dim_of(call->in[2], 1),
                       .scale = at->scale,
                       .is_causal = at->is_causal };
    fr_matrix m[3] = { { 0 } };
    void *gradient[3];
    int64_t *offsets;
    bool ok = true;

    a.batch = q->numel / (a.queries * a.features);
    offsets = fr_alloc(3 * (size_t)a.batch * sizeof *offsets);
    for (int i = 0; i < 3; i++) {
        ok = ok && fr_matrix_open(call, call->in[i], &m[i]);
        gradient[i] = dy && call->needs[i] ? call->grad_in[i]->origin : NULL;
    }
    if (ok && offsets) {
        a.q = matrices_of(&m[0], a.batch, offsets);
        a.k = matrices_of(&m[1], a.batch, offsets + a.batch);
        a.v = matrices_of(&m[2], a.batch, offsets + 2 * a.batch);
        ok = dy ? fr_attend_backward(&a, dy->origin, gradient[0], gradient[1], gradient[2])
                : fr_attend(&a, call->result[0]->origin);
    }
    if (!(ok && offsets) && !call->failed)
        call->failed = !fr_fail_memory(call->op->name);
    fr_free(offsets, 3 * (size_t)a.batch * sizeof *offsets);
    for (int i = 0; i < 3; i++)
        fr_matrix_close(&m[i]);
}

static void forward(fr_op_call *call)
{
    run_kernel(call, NULL);
}

static void backward_kernel(fr_op_call *call)
{
    run_kernel(call, call->grad_out[0]);
}

static void definition(fr_op_call *call)
{
    const fr_attention_attributes *a = call->attributes;

    call->result[0] = fr_attention_in_ops(call->in[0], call->in[1], call->in[2], a->scale,
                                          &(fr_attention_options){ .is_causal = a->is_causal });
}

/* Causal attention too is counted whole, as other libraries do. */
static int64_t multiply_adds(const fr_op_call *call)
{
    const fr_tensor *q = call->in[0], *k = call->in[1], *v = call->in[2];

    return q->numel / dim_of(q, 1) * dim_of(k, 2) * (dim_of(q, 1) + dim_of(v, 1));
}

FR_ATTEND(run, .scale = 0)
FR_ATTEND(run_scale, .scale = -0.7)
FR_ATTEND(run_causal, .is_causal = true)
FR_RUN(run_heads,
       fr_scaled_dot_product_attention(fr_transpose(in[0], 1, 2), fr_transpose(in[1], 1, 2), fr_transpose(in[2], 1, 2),
                                       &(fr_attention_options){ .is_causal = true }))
FR_RUN(run_columns, fr_scaled_dot_product_attention(fr_transpose(in[0], 0, 1), fr_transpose(in[1], 0, 1),
                                                    fr_transpose(in[2], 0, 1), NULL))
FR_RUN(run_gapped, fr_scaled_dot_product_attention(fr_slice(in[0], 1, 0, INT64_MAX, 2),
                                                   fr_slice(in[1], 1, 0, INT64_MAX, 2), in[2], NULL))

#define SDPA "F.scaled_dot_product_attention"

const fr_op fr_attention_op = {
    .name = "attention",
    .formula = "y = softmax(scale q k^T) v",
    .shapes = "(*,L,E) (*,S,E) (*,S,E') -> (*,L,E')",
    .input_names = "q k v",
    .inputs = 3,
    .outputs = 1,
    .saves_inputs = 7,
    .attributes_size = sizeof(fr_attention_attributes),
    .strided = true,
    .infer = infer,
    .forward = forward,
    .backward_kernel = backward_kernel,
    .definition = definition,
    .multiply_adds = multiply_adds,
    FR_CASES({ "plain", "n(3,4) n(5,4) n(5,2)", SDPA "(a, b, c)", run },
             { "heads", "n(2,2,4,3) n(2,2,5,3) n(2,2,5,2)", SDPA "(a, b, c)", run },
             { "scale", "n(3,4) n(5,4) n(5,2)", SDPA "(a, b, c, scale=-0.7)", run_scale },
             { "causal", "n(2,3,4) n(2,5,4) n(2,5,2)", SDPA "(a, b, c, is_causal=True)", run_causal },
             { "causal, few keys", "n(5,4) n(3,4) n(3,2)", SDPA "(a, b, c, is_causal=True)", run_causal },
             { "two blocks", "n(70,3) n(5,3) n(5,2)", SDPA "(a, b, c)", run },
             { "two blocks, causal", "n(70,3) n(70,3) n(70,2)", SDPA "(a, b, c, is_causal=True)", run_causal },
             { "heads of a transposed batch", "n(2,4,2,3) n(2,5,2,3) n(2,5,2,4)",
               SDPA "(a.transpose(1, 2), b.transpose(1, 2), c.transpose(1, 2), is_causal=True)", run_heads },
             { "columns", "n(4,3) n(4,5) n(2,5)", SDPA "(a.T, b.T, c.T)", run_columns },
             { "gapped", "n(3,8) n(5,8) n(5,2)", SDPA "(a[:, ::2], b[:, ::2], c)", run_gapped },
             { "keys", "n(3,4) n(5,4) n(6,2)", NULL, run, { "scaled_dot_product_attention", "(5, 4)", "(6, 2)" } }),
};
