/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What avg_pool1d, avg_pool2d and adaptive_avg_pool1d share: y = the sum of each window over a divisor; and avg_unpool,
 * which gives each window's value, over the divisor, to all in it. The two are each other's gradient. */
#include "ops/pool/pool.h"

/* A window along one dim: the values from..to-1, and what it counts as. */
typedef struct {
    int64_t from, to, count;
} span;

/* Pads are at most half a kernel, and a last window begins before the padding: each has a value at least. */
FR_INLINE span span_of(const fr_pool *p, int dim, int64_t i)
{
    const fr_windows *w = &p->w;
    int64_t size = w->size[dim], out = w->out[dim];

    if (p->adaptive) {
        int64_t from = i * size / out, to = ((i + 1) * size - 1) / out + 1;

        return (span){ from, to, to - from };
    }

    int64_t begin = i * w->stride[dim] - w->before[dim], end = begin + w->kernel[dim];

    if (end > size + w->after[dim])
        end = size + w->after[dim];

    int64_t from = begin > 0 ? begin : 0, to = end < size ? end : size;

    return (span){ from, to, p->exclude_pad ? to - from : end - begin };
}

FR_INLINE double divisor_of(const fr_pool *p, span y, span x)
{
    return p->divisor ? (double)p->divisor : (double)y.count * (double)x.count;
}

/* Partial sums in a fixed order make vector code of long rows. */
enum { LANES = 16 };

#define PLANES(T)                                                                                                      \
    FR_INLINE double sum_row_##T(int64_t n, const T *x)                                                                \
    {                                                                                                                  \
        double sum = 0, lane[LANES];                                                                                   \
        int64_t whole = n / LANES * LANES;                                                                             \
        for (int j = 0; j < LANES && whole > 0; j++)                                                                   \
            lane[j] = 0;                                                                                               \
        for (int64_t i = 0; i < whole; i += LANES)                                                                     \
            for (int j = 0; j < LANES; j++)                                                                            \
                lane[j] += (double)x[i + j];                                                                           \
        for (int j = 0; j < LANES && whole > 0; j++)                                                                   \
            sum += lane[j];                                                                                            \
        for (int64_t i = whole; i < n; i++)                                                                            \
            sum += (double)x[i];                                                                                       \
        return sum;                                                                                                    \
    }                                                                                                                  \
    FR_KERNEL(average_##T, (const fr_pool *p, const void *px, void *py), (p, px, py))                                  \
    {                                                                                                                  \
        const T *restrict values = px;                                                                                 \
        T *restrict result = py;                                                                                       \
        for (int64_t line = 0; line < p->w.out[0]; line++) {                                                           \
            span y = span_of(p, 0, line);                                                                              \
            for (int64_t place = 0; place < p->w.out[1]; place++) {                                                    \
                span x = span_of(p, 1, place);                                                                         \
                double sum = 0;                                                                                        \
                for (int64_t i = y.from; i < y.to; i++)                                                                \
                    sum += sum_row_##T(x.to - x.from, values + i * p->w.size[1] + x.from);                             \
                *result++ = (T)(sum / divisor_of(p, y, x));                                                            \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    FR_KERNEL(spread_##T, (const fr_pool *p, const void *pg, void *pdx), (p, pg, pdx))                                 \
    {                                                                                                                  \
        const T *restrict g = pg;                                                                                      \
        T *restrict dx = pdx;                                                                                          \
        for (int64_t line = 0; line < p->w.out[0]; line++) {                                                           \
            span y = span_of(p, 0, line);                                                                              \
            for (int64_t place = 0; place < p->w.out[1]; place++) {                                                    \
                span x = span_of(p, 1, place);                                                                         \
                T share = (T)((double)*g++ / divisor_of(p, y, x));                                                     \
                for (int64_t i = y.from; i < y.to; i++)                                                                \
                    for (int64_t k = x.from; k < x.to; k++)                                                            \
                        dx[i * p->w.size[1] + k] += share;                                                             \
            }                                                                                                          \
        }                                                                                                              \
    }

PLANES(float)
PLANES(double)

typedef struct {
    const fr_pool *p;
    const fr_tensor *from;
    fr_tensor *to;
} job;

static void average_plane(const void *user, int64_t plane)
{
    const job *j = user;
    int64_t size = (int64_t)fr_dtype_size((fr_dtype)j->to->dtype);

    (j->to->dtype == FR_F64 ? average_double
                            : average_float)(j->p, j->from->origin + plane * fr_windows_size(&j->p->w) * size,
                                             j->to->origin + plane * fr_windows_out(&j->p->w) * size);
}

static void spread_plane(const void *user, int64_t plane)
{
    const job *j = user;
    int64_t size = (int64_t)fr_dtype_size((fr_dtype)j->to->dtype), bytes = fr_windows_size(&j->p->w) * size;
    char *dx = j->to->origin + plane * bytes;

    memset(dx, 0, (size_t)bytes);
    (j->to->dtype == FR_F64 ? spread_double
                            : spread_float)(j->p, j->from->origin + plane * fr_windows_out(&j->p->w) * size, dx);
}

/* x: the pool's input, or what is to be its gradient. */
static void run(const fr_pool *p, const fr_tensor *x, fr_plane *plane, const fr_tensor *from, fr_tensor *to)
{
    fr_run_planes(x->numel / fr_windows_size(&p->w), fr_pool_values(p), plane, &(job){ p, from, to });
}

/* --- The average -------------------------------------------------------------------------------------------------- */

bool fr_infer_avg_pool(fr_op_call *call)
{
    fr_pool p;

    if (!fr_pool_complete(call, &call->in[0]->shape, &p))
        return false;
    fr_pool_meta(call, &p);
    return true;
}

void fr_avg_pool_forward(fr_op_call *call)
{
    fr_pool p;

    if (fr_pool_complete(call, &call->in[0]->shape, &p))
        run(&p, call->in[0], average_plane, call->in[0], call->result[0]);
}

static fr_tensor *spread(fr_tensor *g, const fr_pool *p);

void fr_avg_pool_backward(fr_op_call *call)
{
    fr_pool p;

    if (!fr_pool_complete(call, &call->in_shape[0], &p))
        return;
    p.average = call->op;
    p.x = call->in_shape[0];
    call->grad_in[0] = spread(call->grad_out[0], &p);
}

/* --- Turned round ------------------------------------------------------------------------------------------------- */

static bool infer(fr_op_call *call)
{
    call->out[0] = (fr_meta){ .shape = ((const fr_pool *)call->attributes)->x, .dtype = fr_dtype_of(call->in[0]) };
    return true;
}

static void forward(fr_op_call *call)
{
    run(call->attributes, call->result[0], spread_plane, call->in[0], call->result[0]);
}

static void backward(fr_op_call *call)
{
    const fr_pool *p = call->attributes;

    call->grad_in[0] = fr_apply(p->average, call->grad_out, p);
}

#ifdef FR_TESTS
extern const fr_op fr_avg_pool2d_op;

/* What a pool of windows (2,3), strides (2,2) and padding (0,1) makes of its gradient g (2,2,3). */
static fr_tensor *run_spread(fr_tensor *const *in)
{
    fr_avg_pool_options options = { .stride = { 1, { 2 } }, .padding = { 2, { 0, 1 } } };
    fr_shape x = { 3, { 2, 5, 6 } };
    fr_pool given, p = { .divisor = 0 };
    fr_op_call call = { .op = &fr_avg_pool2d_op, .attributes = &given };

    if (fr_avg_pool_read("test", 2, &(fr_shape){ 2, { 2, 3 } }, &options, &given) && fr_pool_complete(&call, &x, &p)) {
        p.average = &fr_avg_pool2d_op;
        p.x = x;
    }
    return spread(in[0], &p);
}
#endif

const fr_op fr_avg_unpool_op = {
    .name = "avg_unpool",
    .formula = "dx = the sum of g / divisor over the windows that x is in",
    .shapes = "(*,H',W') -> (*,H,W)",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .attributes_size = sizeof(fr_pool),
    .infer = infer,
    .forward = forward,
    .backward = backward,
    FR_CASES({ "overlapping", "n(2,2,3)",
               "F.conv_transpose2d(a[:, None], torch.full((1, 1, 2, 3), 1 / 6), stride=2, padding=(0, 1), "
               "output_padding=1)[:, 0]",
               run_spread })
};

static fr_tensor *spread(fr_tensor *g, const fr_pool *p)
{
    return fr_apply(&fr_avg_unpool_op, &g, p);
}
