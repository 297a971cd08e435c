/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A graph convolution net tells to which of three communities a node belongs, from four known nodes of each. */
#include <frond.h>

#include <stdio.h>

enum { NODES = 150 };

typedef struct {
    fr_tensor *indices, *values; /* as in fr_sparse_mm */
} sparse;

typedef struct {
    fr_module *layer1, *layer2;
} gcn;

/* x (NODES,features) -> logits (NODES,classes) */
static fr_tensor *forward(const gcn *net, fr_tensor *x, const sparse *a, bool training)
{
    x = fr_relu(fr_sparse_mm(a->indices, a->values, NODES, fr_forward(net->layer1, x)));
    x = training ? fr_dropout(x, 0.5) : x;
    return fr_sparse_mm(a->indices, a->values, NODES, fr_forward(net->layer2, x));
}

/* D^-1/2 (A + I) D^-1/2 */
static sparse normalize(fr_tensor *edges)
{
    fr_tensor *adjacency = fr_add(fr_add(edges, fr_transpose(edges, 0, 1)), fr_eye(NODES));
    fr_tensor *scale = fr_rsqrt(fr_sum_dim(adjacency, 1, true));
    fr_tensor *dense = fr_mul(fr_mul(scale, adjacency), fr_transpose(scale, 0, 1));

    return (sparse){ fr_transpose(fr_nonzero(dense), 0, 1), fr_masked_select(dense, dense) };
}

int main(void)
{
    FR_SCOPE;
    fr_manual_seed(0);

    fr_tensor *labels = fr_remainder_scalar(fr_arange(0, NODES, 1, FR_I64), 3);
    fr_tensor *same = fr_eq(fr_unsqueeze(labels, 1), labels), *p = fr_where(same, fr_scalar(0.12), fr_scalar(0.01));
    fr_tensor *edges = fr_triu(fr_lt(fr_rand(FR_SHAPE(NODES, NODES)), p), 1);
    sparse adjacency = normalize(edges);
    fr_tensor *noise = fr_randn(FR_SHAPE(NODES, 3));
    fr_tensor *x = fr_add(fr_cast(fr_one_hot(labels, 3), FR_F32), fr_mul_scalar(noise, 2));
    FR_AUTO(fr_module) model = fr_module_new("GCN", sizeof(gcn), NULL);
    gcn *net = fr_self(model);

    net->layer1 = fr_module_add(model, "layer1", fr_nn_linear(3, 16, NULL));
    net->layer2 = fr_module_add(model, "layer2", fr_nn_linear(16, 3, NULL));

    FR_AUTO(fr_optim) optimizer = fr_adam(model, &(fr_adam_options){ .lr = 0.01, .weight_decay = 5e-4 });

    FR_FOR_STEPS (epoch, 101) {
        fr_tensor *logits = forward(net, x, &adjacency, true);
        fr_tensor *loss = fr_cross_entropy(fr_index(logits, ":12"), fr_index(labels, ":12"), FR_MEAN);

        fr_optim_zero_grad(optimizer);
        fr_backward(loss);
        fr_optim_step(optimizer);
        if (epoch % 20 == 0)
            printf("epoch %3d  loss %.4f\n", epoch, fr_item(loss));
    }

    fr_tensor *right = fr_eq(fr_argmax(forward(net, x, &adjacency, false), 1, false), labels);

    printf("accuracy %.4f\n", fr_item(fr_mean(fr_cast(fr_index(right, "12:"), FR_F32))));
    return 0;
}
