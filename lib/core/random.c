/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The generator: MT19937 (Matsumoto and Nishimura, ACM TOMACS 8, 1998), and values drawn from it in the order and with
 * the arithmetic of PyTorch's CPU generator, so that the same seed gives the same numbers. */
#include "core/random.h"

#include "core/shape.h"
#include "core/tensor.h"
#include "core/thread.h"

#include <frond/op.h>
#include <math.h>
#include <pthread.h>

enum { WORDS = FR_GENERATOR_WORDS, MIDDLE = 397, NORMAL_BLOCK = 16 };

typedef fr_generator generator;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static generator process; /* seeded at its first use or by fr_manual_seed */
static bool seeded;

static void seed_generator(generator *g, uint64_t seed)
{
    g->state[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < WORDS; i++)
        g->state[i] = 1812433253U * (g->state[i - 1] ^ (g->state[i - 1] >> 30)) + i;
    g->next = WORDS;
    g->has_normal = false;
}

static uint32_t twist(uint32_t high, uint32_t low)
{
    uint32_t mixed = (high & 0x80000000U) | (low & 0x7fffffffU);

    return (mixed >> 1) ^ (-(low & 1) & 0x9908b0dfU); /* no branch, which would be mispredicted every other time */
}

/* Word i becomes word i + MIDDLE ^ twist(word i, word i + 1), their places modulo WORDS: in loops that know which of
 * them wrap around, so that compilers can vectorise them. */
static void refill(generator *g)
{
    enum { REST = WORDS - MIDDLE };
    uint32_t *s = g->state;

    for (int i = 0; i < REST; i++)
        s[i] = s[i + MIDDLE] ^ twist(s[i], s[i + 1]);
    for (int i = REST; i < WORDS - 1; i++)
        s[i] = s[i - REST] ^ twist(s[i], s[i + 1]);
    s[WORDS - 1] = s[MIDDLE - 1] ^ twist(s[WORDS - 1], s[0]);
    g->next = 0;
}

static uint32_t draw32(generator *g)
{
    if (g->next == WORDS)
        refill(g);

    uint32_t y = g->state[g->next++];

    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680U;
    y ^= (y << 15) & 0xefc60000U;
    return y ^ (y >> 18);
}

static uint64_t draw64(generator *g)
{
    uint64_t high = draw32(g);

    return high << 32 | draw32(g);
}

static float uniform32(generator *g)
{
    return (float)(draw32(g) & 0xffffffU) * 0x1p-24F;
}

static double uniform64(generator *g)
{
    return (double)(draw64(g) & ((1ULL << 53) - 1)) * 0x1p-53;
}

static generator *take(void)
{
    pthread_mutex_lock(&lock);
    if (!seeded) {
        seed_generator(&process, 5489);
        seeded = true;
    }
    return &process;
}

static void give_back(void)
{
    pthread_mutex_unlock(&lock);
}

void fr_generator_save(fr_generator *state)
{
    *state = *take();
    give_back();
}

void fr_generator_restore(const fr_generator *state)
{
    *take() = *state;
    give_back();
}

void fr_manual_seed(uint64_t seed)
{
    generator *g = take();

    seed_generator(g, seed);
    give_back();
}

uint64_t fr_random_u64(void)
{
    uint64_t draw = draw64(take());

    give_back();
    return draw;
}

/* --- Draws ------------------------------------------------------------------------------------------------------- */

void fr_random_doubles(int64_t n, double *out)
{
    generator *g = take();

    for (int64_t i = 0; i < n; i++)
        out[i] = uniform64(g);
    give_back();
}

static void permute(generator *g, int64_t n, int64_t *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = i;
    for (int64_t i = 0; i < n - 1; i++) {
        int64_t other = i + (int64_t)(draw32(g) % (uint64_t)(n - i));
        int64_t swapped = out[i];

        out[i] = out[other];
        out[other] = swapped;
    }
}

bool fr_randperm_seeded(uint64_t seed, int64_t n, int64_t *out)
{
    generator *own = fr_alloc(sizeof *own);

    if (!own)
        return false;
    seed_generator(own, seed);
    permute(own, n, out);
    fr_free(own, sizeof *own);
    return true;
}

/* x (b - a) + a in one rounding, as PyTorch's compiled code has it. */
void fr_fill_uniform(fr_tensor *t, double low, double high)
{
    generator *g = take();

    if (t->dtype == FR_F64) {
        double *d = (double *)t->origin;

        for (int64_t i = 0; i < t->numel; i++)
            d[i] = fma(uniform64(g), high - low, low);
    } else {
        float *d = (float *)t->origin, a = (float)low, range = (float)high - (float)low;

        for (int64_t i = 0; i < t->numel; i++)
            d[i] = fmaf(uniform32(g), range, a);
    }
    give_back();
}

/* Box-Muller on 16 uniforms at d: the first 8 give radii, the last 8 angles. */
static void normal_block32(float *d, float mean, float std)
{
    for (int j = 0; j < NORMAL_BLOCK / 2; j++) {
        float r = sqrtf(-2.0F * logf(1.0F - d[j])), angle = 2.0F * (float)M_PI * d[j + 8];

        d[j] = fmaf(r * cosf(angle), std, mean);
        d[j + 8] = fmaf(r * sinf(angle), std, mean);
    }
}

static void normal_block64(double *d, double mean, double std)
{
    for (int j = 0; j < NORMAL_BLOCK / 2; j++) {
        double r = sqrt(-2.0 * log(1.0 - d[j])), angle = 2.0 * M_PI * d[j + 8];

        d[j] = fma(r * cos(angle), std, mean);
        d[j + 8] = fma(r * sin(angle), std, mean);
    }
}

#define FILL_NORMAL_BLOCKS(g, n, d, T, uniform, block)                                                                 \
    {                                                                                                                  \
        for (int64_t i = 0; i < (n); i++)                                                                              \
            (d)[i] = uniform(g);                                                                                       \
        for (int64_t i = 0; i + NORMAL_BLOCK <= (n); i += NORMAL_BLOCK)                                                \
            block((d) + i, (T)mean, (T)std);                                                                           \
        if ((n) % NORMAL_BLOCK != 0) { /* the last 16 are drawn again */                                               \
            for (int64_t i = (n)-NORMAL_BLOCK; i < (n); i++)                                                           \
                (d)[i] = uniform(g);                                                                                   \
            block((d) + (n)-NORMAL_BLOCK, (T)mean, (T)std);                                                            \
        }                                                                                                              \
    }

/* One value: computed in float64, the pair's second kept for the next. */
static double normal_single(generator *g)
{
    if (g->has_normal) {
        g->has_normal = false;
        return g->normal;
    }

    double u1 = uniform64(g), u2 = uniform64(g);
    double r = sqrt(-2.0 * log1p(-u2)), angle = 2.0 * M_PI * u1;

    g->normal = r * sin(angle);
    g->has_normal = true;
    return r * cos(angle);
}

void fr_fill_normal_singly(fr_tensor *t, double mean, double std)
{
    generator *g = take();

    FR_DISPATCH_FLOAT(t, T, {
        T *d = (T *)t->origin;

        for (int64_t i = 0; i < t->numel; i++)
            d[i] = (T)fma(normal_single(g), std, mean);
    })
    give_back();
}

void fr_fill_normal(fr_tensor *t, double mean, double std)
{
    if (t->numel < NORMAL_BLOCK) {
        fr_fill_normal_singly(t, mean, std);
        return;
    }

    generator *g = take();
    float *f = (float *)t->origin;
    double *d = (double *)t->origin;

    if (t->dtype == FR_F64)
        FILL_NORMAL_BLOCKS(g, t->numel, d, double, uniform64, normal_block64)
    else
        FILL_NORMAL_BLOCKS(g, t->numel, f, float, uniform32, normal_block32)
    give_back();
}

fr_tensor *fr_rand(fr_shape shape)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "rand");
    fr_tensor *t = fr_tensor_alloc("rand", &shape, fr_default_dtype());

    if (t)
        fr_fill_uniform(t, 0, 1);
    t = fr_hold("rand", t);
    fr_finish(th, before);
    return t;
}

fr_tensor *fr_randn(fr_shape shape)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "randn");
    fr_tensor *t = fr_tensor_alloc("randn", &shape, fr_default_dtype());

    if (t)
        fr_fill_normal(t, 0, 1);
    t = fr_hold("randn", t);
    fr_finish(th, before);
    return t;
}

/* From 2^28 values on, 64 bits keep the modulo's bias small. */
static void fill_integers(fr_tensor *t, int64_t low, uint64_t range)
{
    generator *g = take();
    int64_t *d = (int64_t *)t->origin;

    for (int64_t i = 0; i < t->numel; i++) {
        uint64_t draw = range < 1ULL << 28 ? draw32(g) : draw64(g);

        d[i] = (int64_t)(draw % range + (uint64_t)low);
    }
    give_back();
}

fr_tensor *fr_randint(int64_t low, int64_t high, fr_shape shape)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "randint");
    fr_tensor *t = NULL;

    if (low >= high)
        fr_fail("randint", "low %lld is not less than high %lld", (long long)low, (long long)high);
    else
        t = fr_tensor_alloc("randint", &shape, FR_I64);
    if (t)
        fill_integers(t, low, (uint64_t)high - (uint64_t)low);
    t = fr_hold("randint", t);
    fr_finish(th, before);
    return t;
}

fr_tensor *fr_randperm(int64_t n)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "randperm");
    fr_tensor *t = fr_tensor_alloc("randperm", &(fr_shape){ 1, { n } }, FR_I64);

    if (t) {
        permute(take(), n, (int64_t *)t->origin);
        give_back();
    }
    t = fr_hold("randperm", t);
    fr_finish(th, before);
    return t;
}
