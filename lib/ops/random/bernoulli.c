/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* bernoulli: y = 1 with probability p, else 0, in p's dtype. One uniform is drawn for each value, as PyTorch does on
 * its CPU. No gradient. */
#include "core/random.h"
#include "ops/op.h"

static void forward(fr_op_call *call)
{
    fr_tensor *y = call->result[0];

    FR_DISPATCH_FLOAT(y, T, {
        const T *p = (const T *)call->in[0]->origin;
        T *u = (T *)y->origin;

        for (int64_t i = 0; i < y->numel; i++)
            if (!(p[i] >= 0 && p[i] <= 1)) {
                fr_op_fail(call, "probability %g, expected 0 to 1", (double)p[i]);
                return;
            }
        fr_fill_uniform(y, 0, 1);
        for (int64_t i = 0; i < y->numel; i++)
            u[i] = u[i] < p[i];
    })
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    fr_manual_seed(3);
    return fr_bernoulli(in[0]);
}
#endif

const fr_op fr_bernoulli_op = {
    .name = "bernoulli",
    .formula = "y = 1 with probability x, else 0",
    .shapes = "(*) -> (*)",
    .inputs = 1,
    .outputs = 1,
    .infer = fr_infer_same,
    .forward = forward,
    FR_CASES({ "values", "u(30,40)", "(torch.manual_seed(3), torch.bernoulli(a))[1]", run, .no_grad = true },
             { "scalar", "u()", "(torch.manual_seed(3), torch.bernoulli(a))[1]", run, .no_grad = true },
             { "empty", "u(0,3)", "torch.bernoulli(a)", run, .no_grad = true },
             { "certain", "v0,1,0,1,1(5)", "(torch.manual_seed(3), torch.bernoulli(a))[1]", run, .no_grad = true },
             { "above", "v0,1.5(2)", NULL, run, { "bernoulli", "1.5", "0 to 1" } },
             { "below", "v-1,1(2)", NULL, run, { "bernoulli", "-1", "0 to 1" } },
             { "nan", "vnan(1)", NULL, run, { "bernoulli", "nan", "0 to 1" } },
             { "int64", "i5(3)", NULL, run, { "bernoulli", "int64", "fr_cast" } })
};

fr_tensor *fr_bernoulli(fr_tensor *probabilities)
{
    return fr_apply(&fr_bernoulli_op, &probabilities, NULL);
}
