/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The functions of kernels/vmath.h compared with the C library's in double, for every stride-th float bit pattern, on
 * each kind of CPU that this one supports. With FROND_VMATH_STRIDE=1 in the environment it tests all patterns. */
#include "testing.h"

#include "core/cpu.h"
#include "kernels/vmath.h"

enum { STRIDE = 2003, SPECIAL = 512, CHUNK = 4096 };

static uint32_t stride = STRIDE;

static const double allowed = 2; /* units in the last place */

typedef void kernel(int64_t n, const float *x, float *y);

#define KERNEL(NAME, FUNCTION)                                                                                         \
    FR_KERNEL(NAME, (int64_t n, const float *restrict x, float *restrict y), (n, x, y))                                \
    {                                                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                                \
            y[i] = FUNCTION(x[i]);                                                                                     \
    }

KERNEL(v_exp, fr_exp_f32)
KERNEL(v_expm1, fr_expm1_f32)
KERNEL(v_tanh, fr_tanh_f32)
KERNEL(v_sigmoid, fr_sigmoid_f32)
KERNEL(v_log, fr_log_f32)
KERNEL(v_log1p, fr_log1p_f32)
KERNEL(v_erf, fr_erf_f32)
KERNEL(v_sin, fr_sin_f32)
KERNEL(v_cos, fr_cos_f32)

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

#if defined(__x86_64__) && defined(__GNUC__)
#define LEVELS(NAME)                                                                                                   \
    NAME,                                                                                                              \
    {                                                                                                                  \
        NAME##_base, NAME##_avx2, NAME##_avx512                                                                        \
    }
#else
#define LEVELS(NAME)                                                                                                   \
    NAME,                                                                                                              \
    {                                                                                                                  \
        NAME                                                                                                           \
    }
#endif

static const struct {
    const char *name;
    double (*exact)(double x);
    float limit; /* the largest |x| to test */
    kernel *chosen, *levels[3];
} functions[] = {
    { "exp", exp, INFINITY, LEVELS(v_exp) },     { "expm1", expm1, INFINITY, LEVELS(v_expm1) },
    { "tanh", tanh, INFINITY, LEVELS(v_tanh) },  { "sigmoid", sigmoid, INFINITY, LEVELS(v_sigmoid) },
    { "log", log, INFINITY, LEVELS(v_log) },     { "log1p", log1p, INFINITY, LEVELS(v_log1p) },
    { "erf", erf, INFINITY, LEVELS(v_erf) },     { "sin", sin, FR_SIN_LIMIT, LEVELS(v_sin) },
    { "cos", cos, FR_SIN_LIMIT, LEVELS(v_cos) },
};

/* Returns |got - exact| in units in the last place of the float nearest to exact. Returns infinity if only one of the
 * two is NaN or infinite (in float), or if a zero has the wrong sign. */
static double error_of(float got, double exact)
{
    float nearest = (float)exact;

    if (isnan(nearest) || isinf(nearest) || isnan(got) || isinf(got))
        return (isnan(nearest) && isnan(got)) || nearest == got ? 0 : INFINITY;
    if (got == 0 && nearest == 0)
        return signbit(got) == signbit(nearest) ? 0 : INFINITY;

    int exponent = nearest == 0 ? -126 : ilogbf(nearest);

    return fabs((double)got - exact) / ldexp(1, (exponent < -126 ? -126 : exponent) - 23);
}

/* Writes the next values to test to x, at most CHUNK, and returns their number, 0 at the end. Neighbourhoods of special
 * values come first, then the stride through all values. */
static int64_t next_values(uint64_t *at, float *x)
{
    static const float special[] = { 0.0F,      0x1p-149F, 0x1p-126F, 1e-4F,          0.5F,      0.70710678F,
                                     1.0F,      2.0F,      4.0F,      9.0F,           10.0F,     20.0F,
                                     88.72284F, 89.0F,     103.0F,    104.0F,         1.570796F, 3.141593F,
                                     6.283185F, 0x1p24F,   1e5F,      0x1.fffffep127F };
    enum { SPECIALS = sizeof special / sizeof *special };
    int64_t n = 0;

    for (; n < CHUNK; n++) {
        uint32_t bits;

        if (*at < 2 * SPECIALS * SPECIAL) {
            memcpy(&bits, &special[*at / SPECIAL / 2], sizeof bits);
            bits += (uint32_t)(*at % SPECIAL) - SPECIAL / 2;
            bits ^= *at / SPECIAL % 2 ? 0x80000000U : 0;
        } else if (*at - 2 * SPECIALS * SPECIAL <= UINT32_MAX / stride) {
            bits = (uint32_t)(*at - 2 * SPECIALS * SPECIAL) * stride;
        } else {
            break;
        }
        memcpy(&x[n], &bits, sizeof bits);
        ++*at;
    }
    return n;
}

START_TEST(two_units_in_the_last_place)
{
    int levels = fr_cpu_level() + 1;
    double worst[3] = { 0 };
    float where[3] = { 0 }, x[CHUNK], y[CHUNK];
    double exact[CHUNK];
    uint64_t at = 0;

    for (int64_t n; (n = next_values(&at, x));) {
        for (int64_t i = 0; i < n; i++) {
            if (!(fabsf(x[i]) <= functions[_i].limit))
                x[i] = 0;
            exact[i] = functions[_i].exact((double)x[i]);
        }
        for (int level = 0; level < levels; level++) {
            functions[_i].levels[level](n, x, y);
            for (int64_t i = 0; i < n; i++) {
                double error = error_of(y[i], exact[i]);

                if (error > worst[level]) {
                    worst[level] = error;
                    where[level] = x[i];
                }
            }
        }
    }
    for (int level = 0; level < levels; level++) {
        printf("%-8s level %d: %.3f ulp at %a (%.9g)\n", functions[_i].name, level, worst[level], (double)where[level],
               (double)where[level]);
        ck_assert_msg(worst[level] <= allowed, "%s on CPU level %d is wrong by %g ulp at %a", functions[_i].name, level,
                      worst[level], (double)where[level]);
    }
}
END_TEST

int main(void)
{
    TCase *ulp = tcase_create("ulp");
    const char *asked = getenv("FROND_VMATH_STRIDE");

    if (asked && atoi(asked) > 0)
        stride = (uint32_t)atoi(asked);
    tcase_add_loop_test(ulp, two_units_in_the_last_place, 0, sizeof functions / sizeof *functions);
    return run_tests("vmath", ulp);
}
