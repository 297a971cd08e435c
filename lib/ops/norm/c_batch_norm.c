/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* batch_norm in C: forward, backward, and how the running statistics move. Sums are of doubles, as in the kernel, which
 * derives the formulas (kernels/batch_norm.h). */
#include "ops/norm/batch_norm.h"

#include <frond/c_code.h>

static const char statistics_text[] =
    "/* The mean and the variance of each channel of x (images,channels,inner), without Bessel's correction. */\n"
    "static void channel_statistics(int images, int channels, int inner, const float *x, float *mean, "
    "float *variance)\n"
    "{\n"
    "    const double n = (double)images * inner;\n"
    "\n"
    "    for (int c = 0; c < channels; c++) {\n"
    "        double m = 0, v = 0;\n"
    "\n"
    "        for (int i = c; i < images * channels; i += channels)\n"
    "            for (int j = 0; j < inner; j++)\n"
    "                m += x[i * inner + j];\n"
    "        m /= n;\n"
    "        for (int i = c; i < images * channels; i += channels)\n"
    "            for (int j = 0; j < inner; j++)\n"
    "                v += (x[i * inner + j] - m) * (x[i * inner + j] - m);\n"
    "        mean[c] = (float)m;\n"
    "        variance[c] = (float)(v / n);\n"
    "    }\n"
    "}\n";
static const char channels_text[] =
    "/* Each channel of x (images,channels,inner) less its mean, over its deviation, times weight, plus bias. */\n"
    "static void normalise_channels(int images, int channels, int inner, double eps, const float *x, const float "
    "*weight,\n"
    "                               const float *bias, const float *mean, const float *variance, float *y)\n"
    "{\n"
    "    for (int i = 0; i < images * channels; i++, x += inner, y += inner) {\n"
    "        const int c = i % channels;\n"
    "        const double scale = 1 / sqrt(variance[c] + eps);\n"
    "\n"
    "        for (int j = 0; j < inner; j++)\n"
    "            y[j] = (float)((x[j] - mean[c]) * scale) * (weight ? weight[c] : 1) + (bias ? bias[c] : 0);\n"
    "    }\n"
    "}\n";
static const char backward_text[] =
    "/* With h, x normalised: dweight = sum(dy h), dbias = sum(dy), dx = weight / deviation (dy - mean(dy) - h mean(dy "
    "h)),\n"
    " * without these means if mean and variance are not those of this batch. Each may be NULL. */\n"
    "static void normalise_channels_backward(int images, int channels, int inner, double eps, int batch, "
    "const float *x, const float *weight, const float *mean, const float *variance, const float *dy, float *dx, "
    "float *dweight, float *dbias)\n"
    "{\n"
    "    const double n = (double)images * inner;\n"
    "\n"
    "    for (int c = 0; c < channels; c++) {\n"
    "        const double m = mean[c], scale = 1 / sqrt(variance[c] + eps), factor = weight ? weight[c] * scale : "
    "scale;\n"
    "        double sum = 0, product = 0;\n"
    "\n"
    "        for (int i = c; i < images * channels; i += channels)\n"
    "            for (int j = i * inner; j < (i + 1) * inner; j++) {\n"
    "                sum += dy[j];\n"
    "                product += dy[j] * (x[j] - m) * scale;\n"
    "            }\n"
    "        if (dweight)\n"
    "            dweight[c] = (float)product;\n"
    "        if (dbias)\n"
    "            dbias[c] = (float)sum;\n"
    "        sum = batch ? sum / n : 0;\n"
    "        product = batch ? product / n : 0;\n"
    "        for (int i = c; dx && i < images * channels; i += channels)\n"
    "            for (int j = i * inner; j < (i + 1) * inner; j++)\n"
    "                dx[j] = (float)(factor * (dy[j] - sum - (x[j] - m) * scale * product));\n"
    "    }\n"
    "}\n";

/* "mean, variance". Of a batch they lie in the second output, as floats: a mean is then off by at most 2^-24 of it, as
 * the values of x are. */
static const char *c_statistics(fr_c_writer *w, const fr_op_call *call, bool for_writing)
{
    const fr_batch_norm_attributes *a = call->attributes;
    const char *stats;

    if (!a->training)
        return fr_c_format(w, "%s, %s", fr_c_in(w, call, RUNNING_MEAN), fr_c_in(w, call, RUNNING_VAR));
    stats = fr_c_array(w, call->result[1], for_writing);
    return fr_c_format(w, "%s, %s + %lld", stats, stats, (long long)call->result[1]->shape.dim[1]);
}

/* "images, channels, inner" */
static const char *c_sizes(fr_c_writer *w, const fr_shape *x)
{
    return fr_c_format(w, "%lld, %lld, %lld", (long long)x->dim[0], (long long)x->dim[1],
                       (long long)fr_batch_norm_inner(x));
}

bool fr_batch_norm_c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_batch_norm_attributes *a = call->attributes;
    const char *x = fr_c_in(w, call, X), *weight = fr_c_in(w, call, WEIGHT), *bias = fr_c_in(w, call, BIAS);
    const char *y = fr_c_out(w, call, 0), *statistics = c_statistics(w, call, true);
    const char *sizes = c_sizes(w, &call->in[X]->shape);

    if (a->training) {
        fr_c_helper(w, "channel_statistics", statistics_text, false);
        fr_c_line(w, "channel_statistics(%s, %s, %s);", sizes, x, statistics);
    }
    fr_c_helper(w, "normalise_channels", channels_text, false);
    return fr_c_line(w, "normalise_channels(%s, %.17g, %s, %s, %s, %s, %s);", sizes, a->eps, x, weight, bias,
                     statistics, y);
}

bool fr_batch_norm_c_backward(fr_c_writer *w, const fr_op_call *call)
{
    const fr_batch_norm_attributes *a = call->attributes;
    const char *x = fr_c_in(w, call, X), *weight = fr_c_in(w, call, WEIGHT), *dy = fr_c_grad_out(w, call, 0);
    const char *statistics = c_statistics(w, call, false), *dx = fr_c_grad_in(w, call, X);
    const char *dweight = fr_c_grad_in(w, call, WEIGHT), *dbias = fr_c_grad_in(w, call, BIAS);

    fr_c_helper(w, "normalise_channels_backward", backward_text, false);
    return fr_c_line(w, "normalise_channels_backward(%s, %.17g, %d, %s, %s, %s, %s, %s, %s, %s);",
                     c_sizes(w, &call->in[X]->shape), a->eps, a->training, x, weight, statistics, dy, dx, dweight,
                     dbias);
}

static const char move_text[] = "/* running = keep running + rate x */\n"
                                "static void move_towards(int n, double keep, double rate, const float *x, "
                                "float *running)\n"
                                "{\n"
                                "    for (int i = 0; i < n; i++)\n"
                                "        running[i] = (float)(keep * running[i] + rate * x[i]);\n"
                                "}\n";

bool fr_batch_norm_write_update(fr_c_writer *w, const fr_action *a)
{
    const char *value = fr_c_array(w, a->from, false), *running = fr_c_array(w, a->into, true);

    fr_c_helper(w, "move_towards", move_text, false);
    return fr_c_line(w, "move_towards(%lld, %.17g, %.17g, %s + %lld, %s);", (long long)a->into->numel, 1 - a->b,
                     a->b * a->a, value, (long long)a->m, running);
}
