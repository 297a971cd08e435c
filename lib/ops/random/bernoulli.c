/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* bernoulli: y = 1 with probability p, else 0, in p's dtype. One uniform is drawn for each value, as PyTorch does on
 * its CPU. No gradient. The cases of distributions.c are here too. */
#include "core/random.h"
#include "ops/op.h"

#include <frond/distributions.h>

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

#define DIST(kind, ...)   ((fr_distribution[]){ fr_dist_##kind(__VA_ARGS__) })
#define DRAW(kind, ...)   (fr_manual_seed(3), fr_dist_rsample(DIST(kind, __VA_ARGS__), FR_SHAPE(4)))
#define TAKE(kind, ...)   (fr_manual_seed(3), fr_dist_sample(DIST(kind, __VA_ARGS__), FR_SHAPE(4)))
#define LIKELY(kind, ...) fr_dist_log_prob(DIST(kind, __VA_ARGS__), in[0])
#define FAR(kind)         fr_dist_kl_divergence(DIST(kind, in[0], in[1]), DIST(kind, in[2], in[3]))
#define SAID(kind, ...)                                                                                                \
    fr_add(fr_add(fr_dist_entropy(DIST(kind, __VA_ARGS__)), fr_dist_mean(DIST(kind, __VA_ARGS__))),                    \
           fr_add(fr_dist_variance(DIST(kind, __VA_ARGS__)), fr_dist_stddev(DIST(kind, __VA_ARGS__))))
FR_RUN(normal_draw, DRAW(normal, in[0], in[1]))
FR_RUN(normal_likely, LIKELY(normal, in[1], in[2]))
FR_RUN(normal_far, FAR(normal))
FR_RUN(normal_said, SAID(normal, in[0], in[1]))
FR_RUN(laplace_draw, DRAW(laplace, in[0], in[1]))
FR_RUN(laplace_likely, LIKELY(laplace, in[1], in[2]))
FR_RUN(laplace_far, FAR(laplace))
FR_RUN(laplace_said, SAID(laplace, in[0], in[1]))
FR_RUN(normal_take, TAKE(normal, in[0], in[1]))
FR_RUN(uniform_draw, DRAW(uniform, in[0], fr_add_scalar(in[1], 3)))
FR_RUN(uniform_likely, LIKELY(uniform, fr_sub_scalar(in[1], 9), fr_add_scalar(in[2], 3)))
FR_RUN(uniform_said, SAID(uniform, in[0], in[1]))
FR_RUN(uniform_far, fr_dist_kl_divergence(DIST(uniform, in[0], in[1]), DIST(uniform, in[2], in[3])))
FR_RUN(exponential_draw, DRAW(exponential, in[0]))
FR_RUN(exponential_likely, LIKELY(exponential, in[1]))
FR_RUN(exponential_said, SAID(exponential, in[0]))
FR_RUN(exponential_far, fr_dist_kl_divergence(DIST(exponential, in[0]), DIST(exponential, in[1])))
FR_RUN(bernoulli_take, TAKE(bernoulli, in[0], NULL))
FR_RUN(bernoulli_take_logits, TAKE(bernoulli, NULL, in[0]))
FR_RUN(bernoulli_likely, LIKELY(bernoulli, in[1], NULL))
FR_RUN(bernoulli_likely_logits, LIKELY(bernoulli, NULL, in[1]))
FR_RUN(bernoulli_said, SAID(bernoulli, in[0], NULL))
FR_RUN(bernoulli_said_logits, SAID(bernoulli, NULL, in[0]))
FR_RUN(bernoulli_far, fr_dist_kl_divergence(DIST(bernoulli, in[0], NULL), DIST(bernoulli, NULL, in[1])))
FR_RUN(bernoulli_edges, fr_dist_kl_divergence(DIST(bernoulli, in[0], NULL), DIST(bernoulli, in[1], NULL)))
FR_RUN(categorical_take, TAKE(categorical, in[0], NULL))
FR_RUN(categorical_take_logits, TAKE(categorical, NULL, in[0]))
FR_RUN(categorical_one, (fr_manual_seed(3), fr_dist_sample(DIST(categorical, NULL, in[0]), FR_SHAPE())))
FR_RUN(categorical_likely, LIKELY(categorical, in[1], NULL))
FR_RUN(categorical_likely_logits, LIKELY(categorical, NULL, in[1]))
FR_RUN(categorical_entropy_of, fr_dist_entropy(DIST(categorical, in[0], NULL)))
FR_RUN(categorical_entropy_logits, fr_dist_entropy(DIST(categorical, NULL, in[0])))
FR_RUN(categorical_far, fr_dist_kl_divergence(DIST(categorical, in[0], NULL), DIST(categorical, NULL, in[1])))
FR_RUN(categorical_edges, fr_dist_kl_divergence(DIST(categorical, in[0], NULL), DIST(categorical, in[1], NULL)))
FR_RUN(bernoulli_rsample, DRAW(bernoulli, in[0], NULL))
FR_RUN(categorical_mean, fr_dist_mean(DIST(categorical, in[0], NULL)))
FR_RUN(mixed_far, fr_dist_kl_divergence(DIST(exponential, in[0]), DIST(bernoulli, in[0], NULL)))
FR_RUN(both, fr_dist_mean(DIST(bernoulli, in[0], in[0])))
FR_RUN(many_dims, fr_dist_sample(DIST(exponential, in[0]), FR_SHAPE(1, 1, 1, 1, 1, 1, 1)))
#endif

const fr_op fr_bernoulli_op = {
    .name = "bernoulli",
    .formula = "y = 1 with probability x, else 0",
    .shapes = "(*) -> (*)",
    .inputs = 1,
    .outputs = 1,
    .infer = fr_infer_same,
    .forward = forward,
    FR_CASES(
        { "values", "u(30,40)", "(torch.manual_seed(3), torch.bernoulli(a))[1]", run, .no_grad = true },
        { "scalar", "u()", "(torch.manual_seed(3), torch.bernoulli(a))[1]", run, .no_grad = true },
        { "empty", "u(0,3)", "torch.bernoulli(a)", run, .no_grad = true },
        { "certain", "v0,1,0,1,1(5)", "(torch.manual_seed(3), torch.bernoulli(a))[1]", run, .no_grad = true },
        { "above", "v0,1.5(2)", NULL, run, { "bernoulli", "1.5", "0 to 1" } },
        { "below", "v-1,1(2)", NULL, run, { "bernoulli", "-1", "0 to 1" } },
        { "nan", "vnan(1)", NULL, run, { "bernoulli", "nan", "0 to 1" } },
        { "normal draw", "n(5,1) u(3)", "(torch.manual_seed(3), torch.distributions.Normal(a, b).rsample((4,)))[1]",
          normal_draw },
        { "normal log_prob", "n(2,3) n(3) u(2,1)", "torch.distributions.Normal(b, c).log_prob(a)", normal_likely },
        { "normal divergence", "n(2,3) u(3) n(3) u(3)",
          "torch.distributions.kl_divergence(torch.distributions.Normal(a, b), torch.distributions.Normal(c, d))",
          normal_far },
        { "normal moments", "n(2,3) u(3)",
          "(lambda d: d.entropy() + d.mean + d.variance + d.stddev)(torch.distributions.Normal(a, b))", normal_said },
        { "laplace draw", "n(5,1) u(3)", "(torch.manual_seed(3), torch.distributions.Laplace(a, b).rsample((4,)))[1]",
          laplace_draw },
        { "laplace log_prob", "n(2,3) n(3) u(2,1)", "torch.distributions.Laplace(b, c).log_prob(a)", laplace_likely },
        { "laplace divergence", "n(2,3) u(3) n(3) u(3)",
          "torch.distributions.kl_divergence(torch.distributions.Laplace(a, b), torch.distributions.Laplace(c, d))",
          laplace_far },
        { "laplace moments", "n(2,3) u(3)",
          "(lambda d: d.entropy() + d.mean + d.variance + d.stddev)(torch.distributions.Laplace(a, b))", laplace_said },
        { "normal sample", "n(2,3) u(3)", "(torch.manual_seed(3), torch.distributions.Normal(a, b).sample((4,)))[1]",
          normal_take, .no_grad = true },
        { "uniform draw", "u(5,1) u(3)",
          "(torch.manual_seed(3), torch.distributions.Uniform(a, b + 3).rsample((4,)))[1]", uniform_draw },
        { "uniform log_prob", "u(2,3) u(3) u(2,1)",
          "torch.distributions.Uniform(b - 9, c + 3, validate_args=False).log_prob(a)", uniform_likely },
        { "uniform impossible", "v-10,-9,2,3,4,nan(6) v0(1) v0(1)",
          "torch.distributions.Uniform(b - 9, c + 3, validate_args=False).log_prob(a)", uniform_likely,
          .no_grad = true },
        { "uniform divergence", "v0,0,0(3) v1,1,2(3) v-1,0.5,0(3) v2,2,1(3)",
          "torch.distributions.kl_divergence(torch.distributions.Uniform(a, b), torch.distributions.Uniform(c, d))",
          uniform_far },
        { "uniform moments", "v0,1,-1(3) v1,3,0.5(3)",
          "(lambda d: d.entropy() + d.mean + d.variance + d.stddev)(torch.distributions.Uniform(a, b))", uniform_said },
        { "exponential draw", "u(5)", "(torch.manual_seed(3), torch.distributions.Exponential(a).rsample((4,)))[1]",
          exponential_draw },
        { "exponential log_prob", "u(2,3) u(3)", "torch.distributions.Exponential(b).log_prob(a)", exponential_likely },
        { "exponential impossible", "v-1,2(2) v1,1(2)", "a * b * b.new_tensor([float('inf'), -1.0])",
          exponential_likely, .no_grad = true },
        { "exponential divergence", "u(2,3) u(3)",
          "torch.distributions.kl_divergence(torch.distributions.Exponential(a), torch.distributions.Exponential(b))",
          exponential_far },
        { "exponential moments", "u(3)",
          "(lambda d: d.entropy() + d.mean + d.variance + d.stddev)(torch.distributions.Exponential(a))",
          exponential_said },
        { "bernoulli sample", "u(5,3)", "(torch.manual_seed(3), torch.distributions.Bernoulli(a).sample((4,)))[1]",
          bernoulli_take, .no_grad = true },
        { "bernoulli sample of logits", "n(5,3)",
          "(torch.manual_seed(3), torch.distributions.Bernoulli(logits=a).sample((4,)))[1]", bernoulli_take_logits,
          .no_grad = true },
        { "bernoulli log_prob", "b(2,3) u(3)", "torch.distributions.Bernoulli(b).log_prob(a)", bernoulli_likely },
        { "bernoulli log_prob of logits", "b(2,3) n(2,1)", "torch.distributions.Bernoulli(logits=b).log_prob(a)",
          bernoulli_likely_logits },
        { "bernoulli moments", "u(3)",
          "(lambda d: d.entropy() + d.mean + d.variance + d.stddev)(torch.distributions.Bernoulli(a))",
          bernoulli_said },
        { "bernoulli moments of logits", "n(3)",
          "(lambda d: d.entropy() + d.mean + d.variance + d.stddev)(torch.distributions.Bernoulli(logits=a))",
          bernoulli_said_logits },
        { "bernoulli divergence", "u(3) n(3)",
          "torch.distributions.kl_divergence(torch.distributions.Bernoulli(a), "
          "torch.distributions.Bernoulli(logits=b))",
          bernoulli_far },
        { "bernoulli divergence, certain", "v0,0,1,1,0.5,0.5(6) v0,1,0,1,0,1(6)",
          "torch.distributions.kl_divergence(torch.distributions.Bernoulli(a), torch.distributions.Bernoulli(b))",
          bernoulli_edges, .no_grad = true },
        { "categorical sample", "u(5,3)", "(torch.manual_seed(3), torch.distributions.Categorical(a).sample((4,)))[1]",
          categorical_take, .no_grad = true },
        { "categorical sample of logits", "n(2,3,6)",
          "(torch.manual_seed(3), torch.distributions.Categorical(logits=a).sample((4,)))[1]", categorical_take_logits,
          .no_grad = true },
        { "categorical sample of one", "n(6)",
          "(torch.manual_seed(3), torch.distributions.Categorical(logits=a).sample())[1]", categorical_one,
          .no_grad = true },
        { "categorical log_prob", "i3(4,2) u(2,3)", "torch.distributions.Categorical(b).log_prob(a)",
          categorical_likely },
        { "categorical log_prob of logits", "i3(4,1) n(2,3)", "torch.distributions.Categorical(logits=b).log_prob(a)",
          categorical_likely_logits },
        { "categorical entropy", "u(2,3)", "torch.distributions.Categorical(a).entropy()", categorical_entropy_of },
        { "categorical entropy of logits", "n(2,3)", "torch.distributions.Categorical(logits=a).entropy()",
          categorical_entropy_logits },
        { "categorical entropy, certain", "v0,-inf,1(3)", "torch.distributions.Categorical(logits=a).entropy()",
          categorical_entropy_logits, .no_grad = true },
        { "categorical divergence", "u(2,3) n(3)",
          "torch.distributions.kl_divergence(torch.distributions.Categorical(a), "
          "torch.distributions.Categorical(logits=b))",
          categorical_far },
        { "categorical divergence, certain", "v0,1,0.5,0.5(2,2) v1,0,0.5,0.5(2,2)",
          "torch.distributions.kl_divergence(torch.distributions.Categorical(a), torch.distributions.Categorical(b))",
          categorical_edges, .no_grad = true },
        { "normal scale", "n(2) v1,0(2)", NULL, normal_draw, { "dist_normal", "scale", "above 0" } },
        { "laplace scale", "n(2) v1,nan(2)", NULL, laplace_draw, { "dist_laplace", "scale", "above 0" } },
        { "normal shapes", "n(2) u(3)", NULL, normal_draw, { "dist_normal", "(2,)", "(3,)" } },
        { "normal int64", "i5(2) u(2)", NULL, normal_draw, { "dist_normal", "loc is int64" } },
        { "uniform range", "v1,1(2) v2,1(2)", NULL, uniform_said, { "dist_uniform", "low", "below high" } },
        { "exponential rate", "v-1(1)", NULL, exponential_draw, { "dist_exponential", "rate", "above 0" } },
        { "bernoulli probs", "v1.5(1)", NULL, bernoulli_take, { "dist_bernoulli", "probs", "[0, 1]" } },
        { "categorical probs", "v1,-1(2)", NULL, categorical_take, { "dist_categorical", "probs", "0 or more" } },
        { "categorical zeros", "v0,0(2)", NULL, categorical_take, { "dist_categorical", "sum of probs" } },
        { "categorical scalar", "u()", NULL, categorical_take, { "dist_categorical", "scalar", "(..., C)" } },
        { "bernoulli value", "v0.5(1) u(1)", NULL, bernoulli_likely, { "dist_log_prob", "value", "0 or 1" } },
        { "categorical value", "v3(1) u(3)", NULL, categorical_likely, { "dist_log_prob", "3" } },
        { "categorical value shape",
          "i1(2,4) u(3,3)",
          NULL,
          categorical_likely,
          { "dist_log_prob", "(2, 4)", "(3,)" } },
        { "no rsample", "u(2)", NULL, bernoulli_rsample, { "dist_rsample", "bernoulli" } },
        { "no mean", "u(2)", NULL, categorical_mean, { "dist_mean", "categorical" } },
        { "two kinds", "u(2)", NULL, mixed_far, { "dist_kl_divergence", "exponential", "bernoulli" } },
        { "both given", "u(2)", NULL, both, { "dist_bernoulli", "both" } },
        { "too many dims", "u(2,2)", NULL, many_dims, { "dist_sample", "8 dims" } },
        { "int64", "i5(3)", NULL, run, { "bernoulli", "int64", "fr_cast" } })
};

fr_tensor *fr_bernoulli(fr_tensor *probabilities)
{
    return fr_apply(&fr_bernoulli_op, &probabilities, NULL);
}
