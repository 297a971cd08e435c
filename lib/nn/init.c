/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Initial values, as torch.nn.init sets them: with the same seed, the same numbers. A layer that makes its parameters
 * here in PyTorch's order gets PyTorch's values. orthogonal.c has the one initialiser that does more than draw. */
#include "core/loop.h"
#include "core/options.h"
#include "core/random.h"
#include "core/recorder.h"
#include "nn/module.h"

#include <frond/op.h>
#include <float.h>
#include <math.h>

/* --- Parameters of layers ----------------------------------------------------------------------------------------- */

/* Adds t to m, which then owns it. Returns t; NULL if that fails or t is NULL. */
static fr_tensor *add_to_module(const char *what, fr_module *m, const char *name, fr_tensor *t, bool buffer)
{
    bool ok = t != NULL;

    if (ok) {
        t->requires_grad = !buffer;
        ok = fr_module_register(what, m, name, t, buffer);
    }
    fr_unref(t);
    return ok ? t : NULL;
}

fr_tensor *fr_uniform_parameter(const char *what, fr_module *m, const char *name, fr_shape shape, double bound)
{
    fr_tensor *t = fr_tensor_alloc(what, &shape, fr_default_dtype());

    if (t)
        fr_fill_uniform(t, -bound, bound);
    return add_to_module(what, m, name, t, false);
}

fr_tensor *fr_normal_parameter(const char *what, fr_module *m, const char *name, fr_shape shape)
{
    fr_tensor *t = fr_tensor_alloc(what, &shape, fr_default_dtype());

    if (t)
        fr_fill_normal(t, 0, 1);
    return add_to_module(what, m, name, t, false);
}

fr_tensor *fr_constant_parameter(const char *what, fr_module *m, const char *name, fr_shape shape, double value)
{
    fr_tensor *t = fr_tensor_alloc(what, &shape, fr_default_dtype());

    if (t)
        fr_fill(t, value);
    return add_to_module(what, m, name, t, false);
}

fr_tensor *fr_constant_buffer(const char *what, fr_module *m, const char *name, fr_shape shape, fr_dtype dtype,
                              double value)
{
    fr_tensor *t = fr_tensor_alloc(what, &shape, dtype);

    if (t)
        fr_fill(t, value);
    return add_to_module(what, m, name, t, true);
}

/* Both bounds are 1/sqrt(fan_in), but the weight's is computed the way PyTorch does, to be the same to the last bit. */
bool fr_weight_and_bias(const char *what, fr_module *m, fr_shape shape, int64_t out, fr_tensor **weight,
                        fr_tensor **bias)
{
    double fan_in = 1;

    for (int i = 1; i < shape.ndim; i++)
        fan_in *= (double)shape.dim[i];
    *weight = fr_constant_parameter(what, m, "weight", shape, 0);
    if (!*weight || !fr_init_kaiming_uniform(*weight, &(fr_kaiming_options){ .a = sqrt(5) }))
        return false;
    if (bias)
        *bias = fr_uniform_parameter(what, m, "bias", FR_SHAPE(out), fan_in > 0 ? 1 / sqrt(fan_in) : 0);
    return !bias || *bias;
}

/* --- Writing to any tensor ---------------------------------------------------------------------------------------- */

bool fr_can_initialise(const char *what, const fr_tensor *t)
{
    if (!fr_check_argument(what, t, "tensor"))
        return false;
    if (t->dtype == FR_I64)
        return fr_fail(what, "int64 given, expected float32 or float64");
    if (!fr_not_captured(fr_thread_self(), what))
        return false;
    if (fr_has_history(t))
        return fr_fail(
            what, "the tensor is a result of %s, whose history a write in place would break: make it under FR_NO_GRAD",
            t->producer->name);
    return !fr_repeats_values(t) || fr_fail(what, "the tensor is an expanded view: take fr_contiguous of it");
}

static bool check_finite(const char *what, const char *name, double number)
{
    return isfinite(number) || fr_fail(what, "%s is %g, expected a finite number", name, number);
}

typedef struct {
    const char *next; /* the value to write next */
    size_t size;      /* of a value */
} value_queue;

static void write_row(void *user, const fr_loop *l, char *const *at)
{
    value_queue *q = user;
    int64_t n = l->dim[l->ndim - 1], step = l->step[l->ndim - 1][0];

    for (int64_t i = 0; i < n; i++, q->next += q->size)
        memcpy(at[0] + i * step, q->next, q->size);
}

/* Fills t, which is contiguous, from a distribution with these parameters. contiguous: whether the tensor that the
 * values are for is so too, since PyTorch draws normal values for others in another way. */
typedef bool fill_function(const char *what, fr_tensor *t, bool contiguous, const double *parameters);

/* Fills any t. The values of a tensor that is not contiguous are drawn in the order in which they lie in memory. */
static bool fill(const char *what, fr_tensor *t, fill_function *draw, const double *parameters)
{
    fr_tensor *values = t->contiguous ? fr_ref(t) : fr_tensor_alloc(what, &(fr_shape){ 1, { t->numel } }, t->dtype);
    bool ok = values && draw(what, values, values == t, parameters);

    if (ok && values != t) {
        value_queue q = { values->origin, fr_dtype_size(t->dtype) };
        fr_loop l;

        fr_loop_begin(&l, &t->shape);
        fr_loop_add(&l, t);
        fr_loop_sort(&l, 0);
        fr_loop_run(&l, 1, write_row, &q);
    }
    if (ok)
        fr_storage_bump(t);
    fr_unref(values);
    return ok;
}

/* --- Draws -------------------------------------------------------------------------------------------------------- */

static bool draw_constant(const char *what, fr_tensor *t, bool contiguous, const double *parameters)
{
    (void)what;
    (void)contiguous;
    FR_DISPATCH_FLOAT(t, T, {
        for (int64_t i = 0; i < t->numel; i++)
            ((T *)t->origin)[i] = (T)parameters[0];
    })
    return true;
}

/* A number is low + (high - low) times a random one, so that the dtype must hold the distance too. */
static bool draw_uniform(const char *what, fr_tensor *t, bool contiguous, const double *parameters)
{
    double low = parameters[0], high = parameters[1], most = t->dtype == FR_F32 ? (double)FLT_MAX : DBL_MAX;

    (void)contiguous;
    if (t->numel > 0 && high - low > most)
        return fr_fail(what, "from %g to %g is farther than the largest %s, %g", low, high, fr_dtype_name(t->dtype),
                       most);
    fr_fill_uniform(t, low, high);
    return true;
}

static bool draw_normal(const char *what, fr_tensor *t, bool contiguous, const double *parameters)
{
    (void)what;
    (contiguous ? fr_fill_normal : fr_fill_normal_singly)(t, parameters[0], parameters[1]);
    return true;
}

/* The share of N(0,1) below x. */
static double normal_cdf(double x)
{
    return (1 + erf(x / sqrt(2))) / 2;
}

/* How far t has come: places that are still NaN, and candidates refused since the last that was accepted. */
typedef struct {
    int64_t left, refused;
} progress;

static void note_place(progress *p, bool filled)
{
    p->left += !filled;
    p->refused = filled ? 0 : p->refused + 1;
}

/* Copies the candidates that lie within the bounds to where t is still NaN. */
static void accept_within(fr_tensor *t, const fr_tensor *candidates, const double *bounds, progress *p)
{
    FR_DISPATCH_FLOAT(t, T, {
        T *y = (T *)t->origin, low = (T)bounds[0], high = (T)bounds[1];
        const T *x = (const T *)candidates->origin;

        for (int64_t i = 0; i < t->numel; i++) {
            if (!isnan(y[i]))
                continue;
            if (isfinite(x[i]) && x[i] >= low && x[i] <= high)
                y[i] = x[i];
            note_place(p, !isnan(y[i]));
        }
    })
}

/* The same by rejection sampling: candidates are uniform, and x is accepted with the probability
 * exp(-((x - mean) / std)^2 / 2 + ((mode - mean) / std)^2 / 2). chances are U[0,1). Each operation is rounded to t's
 * dtype, as in PyTorch. */
static void accept_likely(fr_tensor *t, const fr_tensor *candidates, const fr_tensor *chances, const double *parameters,
                          progress *p)
{
    double mean = parameters[0], std = parameters[1], mode = fmax(parameters[2], fmin(mean, parameters[3]));
    double peak = -0.5 * ((mode - mean) / std) * ((mode - mean) / std);

    FR_DISPATCH_FLOAT(t, T, {
        T *y = (T *)t->origin;
        const T *x = (const T *)candidates->origin, *u = (const T *)chances->origin;

        for (int64_t i = 0; i < t->numel; i++) {
            T distance = (x[i] - (T)mean) / (T)std, square = distance * distance;

            if (!isnan(y[i]))
                continue;
            if (!((T)log((double)u[i]) > square * (T)-0.5 - (T)peak))
                y[i] = x[i];
            note_place(p, !isnan(y[i]));
        }
    })
}

static bool too_few(const char *what, const double *parameters)
{
    return fr_fail(what, "from %g to %g there are too few values of mean %g and std %g to find any", parameters[2],
                   parameters[3], parameters[0], parameters[1]);
}

/* Fails where rejection would take too long: far from the mean about std^2 / (distance (high - low)) are accepted; none
 * is where t's dtype does not have the bounds. */
static bool check_acceptance(const char *what, const fr_tensor *t, const double *parameters)
{
    double mean = parameters[0], std = parameters[1], low = parameters[2], high = parameters[3];
    double distance = fmax(fmax(low - mean, mean - high), std);

    if (!check_finite(what, "low", low) || !check_finite(what, "high", high))
        return false;
    if (fmax(fmax(-low, high), high - low) > (t->dtype == FR_F64 ? DBL_MAX : FLT_MAX))
        return fr_fail(what, "from %g to %g is too wide for %s", low, high, fr_dtype_name((fr_dtype)t->dtype));
    return std >= 1e-3 * distance * ((high - low) / std) || too_few(what, parameters);
}

/* parameters: mean, std, low, high. If more than 0.3 of the normal distribution lies within the bounds, normal values
 * are drawn until all of t is within; else uniform ones until all are accepted. Each round draws for all of t. At least
 * one candidate in 1,000 would do, so when HOPELESS in a row do not, the bounds are beyond what t's dtype can tell
 * apart. */
static bool draw_truncated(const char *what, fr_tensor *t, bool contiguous, const double *parameters)
{
    double mean = parameters[0], std = parameters[1], low = parameters[2], high = parameters[3];
    bool normal = normal_cdf((high - mean) / std) - normal_cdf((low - mean) / std) > 0.3;
    progress p = { .left = t->numel };
    fr_tensor *values, *candidates, *chances = NULL;
    enum { HOPELESS = 50000 };

    if (!normal && !check_acceptance(what, t, parameters))
        return false;
    values = fr_tensor_alloc(what, &t->shape, t->dtype);
    candidates = fr_tensor_alloc(what, &t->shape, t->dtype);
    if (!normal)
        chances = fr_tensor_alloc(what, &t->shape, t->dtype);

    bool ok = values && candidates && (normal || chances);

    if (ok)
        draw_constant(what, values, contiguous, &(double){ NAN });
    while (ok && p.left > 0) {
        p.left = 0;
        if (chances) {
            fr_fill_uniform(candidates, low, high);
            fr_fill_uniform(chances, 0, 1);
            accept_likely(values, candidates, chances, parameters, &p);
        } else {
            draw_normal(what, candidates, contiguous, parameters);
            accept_within(values, candidates, parameters + 2, &p);
        }
        ok = p.refused < HOPELESS || too_few(what, parameters);
    }
    if (ok)
        fr_copy_values(t, values);
    fr_unref(values);
    fr_unref(candidates);
    fr_unref(chances);
    return ok;
}

/* --- With given parameters ---------------------------------------------------------------------------------------- */

fr_tensor *fr_init_uniform(fr_tensor *t, double low, double high)
{
    const char *what = "init_uniform";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_can_initialise(what, t) && check_finite(what, "low", low) && check_finite(what, "high", high) &&
              (low <= high || fr_fail(what, "low %g, high %g, expected low <= high", low, high)) &&
              fill(what, t, draw_uniform, (double[]){ low, high });

    fr_finish(th, before);
    return ok ? t : NULL;
}

static bool check_std(const char *what, double std, bool may_be_zero)
{
    return (std >= 0 && std < INFINITY && (std > 0 || may_be_zero)) ||
           fr_fail(what, "std is %g, expected a number %s 0", std, may_be_zero ? ">=" : ">");
}

fr_tensor *fr_init_normal(fr_tensor *t, double mean, double std)
{
    const char *what = "init_normal";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_can_initialise(what, t) && check_finite(what, "mean", mean) && check_std(what, std, true) &&
              fill(what, t, draw_normal, (double[]){ mean, std });

    fr_finish(th, before);
    return ok ? t : NULL;
}

fr_tensor *fr_init_trunc_normal(fr_tensor *t, double mean, double std, double low, double high)
{
    const char *what = "init_trunc_normal";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_can_initialise(what, t) && check_finite(what, "mean", mean) && check_std(what, std, false) &&
              (low <= high || fr_fail(what, "low %g, high %g, expected low <= high", low, high)) &&
              fill(what, t, draw_truncated, (double[]){ mean, std, low, high });

    fr_finish(th, before);
    return ok ? t : NULL;
}

static fr_tensor *constant(const char *what, fr_tensor *t, double value)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_can_initialise(what, t) && fill(what, t, draw_constant, &value);

    fr_finish(th, before);
    return ok ? t : NULL;
}

fr_tensor *fr_init_constant(fr_tensor *t, double value)
{
    return constant("init_constant", t, value);
}

fr_tensor *fr_init_zeros(fr_tensor *t)
{
    return constant("init_zeros", t, 0);
}

fr_tensor *fr_init_ones(fr_tensor *t)
{
    return constant("init_ones", t, 1);
}

static bool set_eye(const char *what, fr_tensor *t)
{
    int64_t step = t->stride[0] + t->stride[1], n = t->shape.dim[0];

    if (!fill(what, t, draw_constant, &(double){ 0 }))
        return false;
    if (n > t->shape.dim[1])
        n = t->shape.dim[1];
    FR_DISPATCH_FLOAT(t, T, {
        for (int64_t i = 0; i < n; i++)
            ((T *)t->origin)[i * step] = 1;
    })
    return true;
}

fr_tensor *fr_init_eye(fr_tensor *t)
{
    const char *what = "init_eye";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    char text[FR_SHAPE_TEXT];
    bool ok = fr_can_initialise(what, t) &&
              (t->shape.ndim == 2 || fr_fail(what, "%s given, expected a matrix", fr_shape_text(&t->shape, text))) &&
              set_eye(what, t);

    fr_finish(th, before);
    return ok ? t : NULL;
}

/* --- With parameters from the shape ------------------------------------------------------------------------------- */

double fr_calculate_gain(fr_nonlinearity nonlinearity, double param)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "calculate_gain");
    double gain = NAN;

    switch (nonlinearity) {
    case FR_GAIN_LEAKY_RELU:
        if (check_finite("calculate_gain", "param", param))
            gain = sqrt(2 / (1 + param * param));
        break;
    case FR_GAIN_LINEAR:
    case FR_GAIN_SIGMOID:
        gain = 1;
        break;
    case FR_GAIN_TANH:
        gain = 5.0 / 3;
        break;
    case FR_GAIN_RELU:
        gain = sqrt(2);
        break;
    case FR_GAIN_SELU:
        gain = 0.75;
        break;
    default:
        fr_fail("calculate_gain", "%d is not an fr_nonlinearity", (int)nonlinearity);
    }
    fr_finish(th, before);
    return gain;
}

/* t is (out,in) or (out,in,kernel...). fan[0] is fan_in, which is in times the kernel's size; fan[1] is fan_out. */
static bool calculate_fans(const char *what, const fr_tensor *t, double fan[2])
{
    double field = 1;
    char text[FR_SHAPE_TEXT];

    if (t->shape.ndim < 2)
        return fr_fail(what, "%s given, expected 2 dims or more", fr_shape_text(&t->shape, text));
    for (int i = 2; i < t->shape.ndim; i++)
        field *= (double)t->shape.dim[i];
    fan[0] = (double)t->shape.dim[1] * field;
    fan[1] = (double)t->shape.dim[0] * field;
    return true;
}

/* Fills t with mean 0 and this standard deviation. */
static bool fill_centred(const char *what, fr_tensor *t, double std, bool uniform)
{
    double bound = sqrt(3) * std;

    return uniform ? fill(what, t, draw_uniform, (double[]){ -bound, bound })
                   : fill(what, t, draw_normal, (double[]){ 0, std });
}

static fr_tensor *xavier(const char *what, fr_tensor *t, double gain, bool uniform)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    double fan[2] = { 0 };
    bool ok = fr_can_initialise(what, t) && calculate_fans(what, t, fan) &&
              ((gain >= 0 && gain < INFINITY) || fr_fail(what, "gain is %g, expected a number >= 0", gain)) &&
              fill_centred(what, t, gain * sqrt(2 / (fan[0] + fan[1])), uniform);

    fr_finish(th, before);
    return ok ? t : NULL;
}

fr_tensor *fr_init_xavier_uniform(fr_tensor *t, double gain)
{
    return xavier("init_xavier_uniform", t, gain, true);
}

fr_tensor *fr_init_xavier_normal(fr_tensor *t, double gain)
{
    return xavier("init_xavier_normal", t, gain, false);
}

static fr_tensor *kaiming(const char *what, fr_tensor *t, const fr_kaiming_options *options, bool uniform)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_kaiming_options o = options ? *options : (fr_kaiming_options){ 0 };
    double fan[2] = { 0 }, gain = NAN;
    bool ok = fr_can_initialise(what, t) && fr_check_reserved(what, o.reserved) && calculate_fans(what, t, fan) &&
              !isnan(gain = fr_calculate_gain(o.nonlinearity, fr_option(o.a, 0))) &&
              fill_centred(what, t, gain / sqrt(fan[o.fan_out]), uniform);

    fr_finish(th, before);
    return ok ? t : NULL;
}

fr_tensor *fr_init_kaiming_uniform(fr_tensor *t, const fr_kaiming_options *options)
{
    return kaiming("init_kaiming_uniform", t, options, true);
}

fr_tensor *fr_init_kaiming_normal(fr_tensor *t, const fr_kaiming_options *options)
{
    return kaiming("init_kaiming_normal", t, options, false);
}
