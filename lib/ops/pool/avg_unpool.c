/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* avg_unpool: the gradient of an average pool. It gives each window's gradient, over the divisor, to all values in the
 * window: dx = A^T dy, where y = A x is the pool. So its own gradient is that pool. */
#include "ops/pool/pool.h"

static bool infer(fr_op_call *call)
{
    const fr_pool_attributes *a = call->attributes;

    call->out[0] = (fr_meta){ .shape = a->x, .dtype = fr_dtype_of(call->in[0]) };
    return true;
}

static void forward(fr_op_call *call)
{
    const fr_pool_attributes *a = call->attributes;
    fr_tensor *dx = call->result[0];

    fr_avg_pool_planes_backward((fr_dtype)dx->dtype, &a->pool, fr_pool_planes(&a->pool, &a->x), call->in[0]->origin,
                                dx->origin);
}

static void backward(fr_op_call *call)
{
    const fr_pool_attributes *a = call->attributes;

    call->grad_in[0] = fr_apply(a->avg_pool, call->grad_out, a);
}

static const char c_text[] =
    "/* Each window's g over its divisor, added to all values of the window. */\n"
    "static void avg_unpool(const avg_windows *s, const float *g, float *x)\n"
    "{\n"
    "    memset(x, 0, (size_t)(s->planes * s->size[0] * s->size[1]) * sizeof *x);\n"
    "    for (int n = 0; n < s->planes * s->out[0] * s->out[1]; n++) {\n"
    "        float *plane = x + n / (s->out[0] * s->out[1]) * s->size[0] * s->size[1];\n"
    "        int top, bottom, left, right;\n"
    "        const int rows = span(s, 0, n / s->out[1] % s->out[0], &top, &bottom);\n"
    "        const int columns = span(s, 1, n % s->out[1], &left, &right);\n"
    "        const float share = (float)(g[n] / (s->divisor ? s->divisor : (double)rows * columns));\n"
    "\n"
    "        for (int i = top; i < bottom; i++)\n"
    "            for (int j = left; j < right; j++)\n"
    "                plane[i * s->size[1] + j] += share;\n"
    "    }\n"
    "}\n";

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_pool_attributes *a = call->attributes;

    return fr_c_avg_windows(w, call, a, &a->x, "avg_unpool", c_text);
}

#ifdef FR_TESTS
extern const fr_op fr_avg_pool2d_op;

/* The gradient of a pool with windows (2,3), stride 2 and padding (0,1), from g (2,2,3). */
static fr_tensor *run(fr_tensor *const *in)
{
    fr_avg_pool_options options = { .stride = { 1, { 2 } }, .padding = { 2, { 0, 1 } } };
    fr_shape x = { 3, { 2, 5, 6 } };
    fr_pool_attributes given, a = { .ceil_mode = false };
    fr_op_call call = { .op = &fr_avg_pool2d_op, .attributes = &given };

    if (fr_read_avg_pool_options("test", 2, &(fr_shape){ 2, { 2, 3 } }, &options, &given) &&
        fr_pool_complete(&call, &x, &a)) {
        a.avg_pool = &fr_avg_pool2d_op;
        a.x = x;
    }
    return fr_avg_unpool(in[0], &a);
}
#endif

const fr_op fr_avg_unpool_op = {
    .name = "avg_unpool",
    .formula = "dx = the sum of g / divisor over the windows that x is in",
    .shapes = "(*,H',W') -> (*,H,W)",
    .input_names = "g",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .attributes_size = sizeof(fr_pool_attributes),
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .c_code = c_code,
    FR_CASES({ "overlapping", "n(2,2,3)",
               "F.conv_transpose2d(a[:, None], torch.full((1, 1, 2, 3), 1 / 6), stride=2, padding=(0, 1), "
               "output_padding=1)[:, 0]",
               run })
};

fr_tensor *fr_avg_unpool(fr_tensor *g, const fr_pool_attributes *a)
{
    return fr_apply(&fr_avg_unpool_op, &g, a);
}
