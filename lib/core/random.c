/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Random numbers. The generator is MT19937 (Matsumoto and Nishimura, ACM TOMACS 8, 1998). Values are drawn from it in
 * the order of PyTorch's CPU generator and with its arithmetic, so that the same seed gives the same numbers. */
#include "core/random.h"

#include "core/locks.h"
#include "core/recorder.h"
#include "core/shape.h"

#include <tgmath.h>

enum { WORDS = FR_GENERATOR_WORDS, MIDDLE = 397, NORMAL_BLOCK = 16 };

static fr_generator process; /* under the lock */
static bool seeded;          /* at its first use or by fr_manual_seed */

void fr_generator_seed(fr_generator *g, uint64_t seed)
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

    return (mixed >> 1) ^ (-(low & 1) & 0x9908b0dfU); /* a branch would be mispredicted half of the time */
}

/* Word i = word i + MIDDLE ^ twist(word i, word i + 1), indices modulo WORDS. The loops are cut where an index wraps
 * around, so that compilers can vectorise them. */
static void refill(fr_generator *g)
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

static uint32_t draw32(fr_generator *g)
{
    if (g->next == WORDS)
        refill(g);

    uint32_t y = g->state[g->next++];

    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680U;
    y ^= (y << 15) & 0xefc60000U;
    return y ^ (y >> 18);
}

static uint64_t draw64(fr_generator *g)
{
    uint64_t high = draw32(g);

    return high << 32 | draw32(g);
}

/* The remainder favours small values by at most range / 2^32, so from a range of 2^28 on 64 bits are drawn. */
uint64_t fr_generator_below(fr_generator *g, uint64_t range)
{
    return (range < 1ULL << 28 ? draw32(g) : draw64(g)) % range;
}

static float uniform32(fr_generator *g)
{
    return (float)(draw32(g) & 0xffffffU) * 0x1p-24F;
}

static double uniform64(fr_generator *g)
{
    return (double)(draw64(g) & ((1ULL << 53) - 1)) * 0x1p-53;
}

/* The process's generator, locked until give_back. */
static fr_generator *take(void)
{
    fr_lock(FR_LOCK_GENERATOR);
    if (!seeded) {
        fr_generator_seed(&process, 5489);
        seeded = true;
    }
    return &process;
}

static void give_back(void)
{
    fr_unlock(FR_LOCK_GENERATOR);
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

static bool seed_again(const fr_action *a)
{
    fr_generator *g = take();

    fr_generator_seed(g, (uint64_t)a->m);
    give_back();
    return true;
}

void fr_manual_seed(uint64_t seed)
{
    fr_act(fr_thread_self(), &(fr_action){ .run = seed_again, .m = (int64_t)seed });
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
    fr_generator *g = take();

    for (int64_t i = 0; i < n; i++)
        out[i] = uniform64(g);
    give_back();
}

static void permute(fr_generator *g, int64_t n, int64_t *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = i;
    for (int64_t i = 0; i < n - 1; i++) {
        int64_t other = i + (int64_t)fr_generator_below(g, (uint64_t)(n - i));
        int64_t swapped = out[i];

        out[i] = out[other];
        out[other] = swapped;
    }
}

/* One normal value in float64. Two uniforms give a pair of them; the second is kept for the next call. */
static double normal_single(fr_generator *g)
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

#define T        float
#define UNIFORM  uniform32
#define FN(name) name##_f32
#include "core/random_fill.h"
#define T        double
#define UNIFORM  uniform64
#define FN(name) name##_f64
#include "core/random_fill.h"

/* A way to fill n values, with two parameters. */
typedef void fill(fr_generator *g, int64_t n, void *values, double a, double b);

static void fill_tensor(fr_tensor *t, fill *f32, fill *f64, double a, double b)
{
    (t->dtype == FR_F64 ? f64 : f32)(take(), t->numel, t->origin, a, b);
    give_back();
}

static bool draw_uniform(const fr_action *a)
{
    fill_tensor(a->into, fill_uniform_f32, fill_uniform_f64, a->a, a->b);
    return true;
}

static bool draw_normal_singly(const fr_action *a)
{
    fill_tensor(a->into, fill_normal_singly_f32, fill_normal_singly_f64, a->a, a->b);
    return true;
}

static bool draw_normal(const fr_action *a)
{
    fill_tensor(a->into, fill_normal_f32, fill_normal_f64, a->a, a->b);
    return true;
}

void fr_fill_uniform(fr_tensor *t, double low, double high)
{
    fr_act(fr_thread_self(), &(fr_action){ .run = draw_uniform, .into = t, .a = low, .b = high });
}

void fr_fill_normal_singly(fr_tensor *t, double mean, double std)
{
    fr_act(fr_thread_self(), &(fr_action){ .run = draw_normal_singly, .into = t, .a = mean, .b = std });
}

void fr_fill_normal(fr_tensor *t, double mean, double std)
{
    if (t->numel < NORMAL_BLOCK)
        fr_fill_normal_singly(t, mean, std);
    else
        fr_act(fr_thread_self(), &(fr_action){ .run = draw_normal, .into = t, .a = mean, .b = std });
}

/* --- New tensors ------------------------------------------------------------------------------------------------- */

typedef void fill_tensor_with(fr_tensor *t, double a, double b); /* fr_fill_uniform or fr_fill_normal */

static fr_tensor *filled(const char *what, const fr_shape *shape, fr_dtype dtype, fill_tensor_with *fill_with)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_tensor *t = NULL;

    if (dtype == FR_I64)
        fr_fail(what, "int64 given, expected float32 or float64");
    else
        t = fr_tensor_alloc(what, shape, dtype);

    if (t)
        fill_with(t, 0, 1);
    t = fr_hold(what, t);
    fr_finish(th, before);
    return t;
}

fr_tensor *fr_rand(fr_shape shape)
{
    return filled("rand", &shape, fr_default_dtype(), fr_fill_uniform);
}

fr_tensor *fr_randn(fr_shape shape)
{
    return filled("randn", &shape, fr_default_dtype(), fr_fill_normal);
}

static fr_tensor *filled_like(const char *what, const fr_tensor *t, fill_tensor_with *fill_with)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_tensor *made = NULL;

    if (fr_check_argument(what, t, "t"))
        made = filled(what, &t->shape, (fr_dtype)t->dtype, fill_with);
    fr_finish(th, before);
    return made;
}

fr_tensor *fr_rand_like(const fr_tensor *t)
{
    return filled_like("rand_like", t, fr_fill_uniform);
}

fr_tensor *fr_randn_like(const fr_tensor *t)
{
    return filled_like("randn_like", t, fr_fill_normal);
}

static bool draw_integers(const fr_action *a)
{
    fr_generator *g = take();
    int64_t *d = (int64_t *)a->into->origin, low = a->m;
    uint64_t range = (uint64_t)a->n - (uint64_t)low;

    for (int64_t i = 0; i < a->into->numel; i++)
        d[i] = (int64_t)(fr_generator_below(g, range) + (uint64_t)low);
    give_back();
    return true;
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
        fr_act(th, &(fr_action){ .run = draw_integers, .into = t, .m = low, .n = high });
    t = fr_hold("randint", t);
    fr_finish(th, before);
    return t;
}

static bool draw_permutation(const fr_action *a)
{
    permute(take(), a->into->numel, (int64_t *)a->into->origin);
    give_back();
    return true;
}

fr_tensor *fr_randperm(int64_t n)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "randperm");
    fr_tensor *t = fr_tensor_alloc("randperm", &(fr_shape){ 1, { n } }, FR_I64);

    if (t)
        fr_act(th, &(fr_action){ .run = draw_permutation, .into = t });
    t = fr_hold("randperm", t);
    fr_finish(th, before);
    return t;
}

fr_tensor *fr_randint_like(const fr_tensor *t, int64_t low, int64_t high)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "randint_like");
    fr_tensor *drawn = NULL, *made = NULL;

    if (fr_check_argument("randint_like", t, "t") && (drawn = fr_randint(low, high, t->shape)))
        made = fr_tensor_alloc("randint_like", &t->shape, (fr_dtype)t->dtype);
    if (made)
        fr_copy_noted(th, made, drawn);
    made = fr_hold("randint_like", made);
    fr_finish(th, before);
    return made;
}
