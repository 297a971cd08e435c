/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The generator draws PyTorch's numbers: golden/random.txt, which golden/make_random.py describes. They are equal to
 * the last bit, except randn of float32, for which PyTorch computes the logarithm with its own vector routine. */
#include "core/random.h"
#include "data/order.h"
#include "testing.h"

#include <inttypes.h>
#include <pthread.h>

static const double NORMAL_FLOAT32 = 2.4e-7;

/* --- The calls of the file --------------------------------------------------------------------------------------- */

typedef struct {
    char name[16], words[4][32];
    int count;
} call;

static int64_t integer(const call *c, int i)
{
    return strtoll(c->words[i], NULL, 10);
}

static fr_tensor *permuted(const call *c)
{
    int64_t n = integer(c, 1);
    fr_tensor *t = fr_arange(0, (double)n, 1, FR_I64);

    fr_order *o = fr_order_new(n, n, n);

    ck_assert_ptr_nonnull(o);
    memcpy(fr_data(t), fr_order_rows(o, strtoull(c->words[0], NULL, 10), 0, n), (size_t)n * sizeof(int64_t));
    fr_order_free(o);
    return t;
}

static fr_tensor *uniform(const call *c, int64_t n)
{
    fr_tensor *t = fr_zeros(FR_SHAPE(n));

    fr_fill_uniform(t, strtod(c->words[1], NULL), strtod(c->words[2], NULL));
    return t;
}

static fr_tensor *draw63(void)
{
    int64_t draw = (int64_t)(fr_random_u64() & INT64_MAX);

    return fr_tensor_from(FR_SHAPE(1), &draw, FR_I64);
}

/* Runs the call and returns its result; NULL for seed. */
static fr_tensor *run(const call *c)
{
    int64_t n = c->count > 0 ? integer(c, c->count - 1) : 1;
    fr_tensor *t = NULL;

    fr_set_default_dtype(strcmp(c->words[0], "float64") == 0 ? FR_F64 : FR_F32);
    if (strcmp(c->name, "seed") == 0)
        fr_manual_seed(strtoull(c->words[0], NULL, 10));
    else if (strcmp(c->name, "rand") == 0)
        t = fr_rand(FR_SHAPE(n));
    else if (strcmp(c->name, "randn") == 0)
        t = fr_randn(FR_SHAPE(n));
    else if (strcmp(c->name, "randint") == 0)
        t = fr_randint(integer(c, 0), integer(c, 1), FR_SHAPE(n));
    else if (strcmp(c->name, "randperm") == 0)
        t = fr_randperm(n);
    else if (strcmp(c->name, "uniform") == 0)
        t = uniform(c, n);
    else if (strcmp(c->name, "draw63") == 0)
        t = draw63();
    else if (strcmp(c->name, "permuted") == 0)
        t = permuted(c);
    else
        ck_abort_msg("call %s", c->name);
    fr_set_default_dtype(FR_F32);
    return t;
}

/* Compares t with the values of a line: all of them, or the first and the last 20 if there are more than 40. */
static void compare(const char *line, const call *c, const fr_tensor *t, const char *values)
{
    int64_t n = fr_numel(t);
    bool normal32 = strcmp(c->name, "randn") == 0 && fr_dtype_of(t) == FR_F32 && n >= 16;

    for (int64_t i = 0; i < n; i++) {
        char *end;

        if (n > 40 && i == 20)
            i = n - 20;
        if (fr_dtype_of(t) == FR_I64) {
            int64_t got = ((const int64_t *)fr_data(t))[i], expected = strtoll(values, &end, 10);

            ck_assert_msg(got == expected, "%s: value %" PRId64 " is %" PRId64, line, i, got);
        } else {
            double got = fr_at(t, i), expected = strtod(values, &end);

            ck_assert_msg(normal32 ? fabs(got - expected) <= NORMAL_FLOAT32 * fmax(1, fabs(expected)) : got == expected,
                          "%s: value %" PRId64 " is %a, expected %a", line, i, got, expected);
        }
        ck_assert_msg(end != values, "%s: too few values", line);
        values = end;
    }
}

static void check_line(char *line)
{
    FR_SCOPE;
    char *colon = strchr(line, ':');
    call c = { .count = 0 };

    if (colon)
        *colon = '\0';
    c.count = sscanf(line, "%15s %31s %31s %31s %31s", c.name, c.words[0], c.words[1], c.words[2], c.words[3]) - 1;

    fr_tensor *t = run(&c);

    ck_assert_msg(!t == !colon, "%s", line);
    if (t)
        compare(line, &c, t, colon + 1);
}

START_TEST(as_pytorch_draws)
{
    enum { LINE = 1 << 12 };
    char *line = malloc(LINE);
    FILE *file = fopen(test_file("golden/random.txt"), "r");
    int count = 0;

    ck_assert_msg(file != NULL, "cannot open %s", test_file("golden/random.txt"));
    for (; fgets(line, LINE, file); count++)
        check_line(line);
    ck_assert_int_gt(count, 200);
    fclose(file);
    free(line);
}
END_TEST

/* --- Beyond what the file can say -------------------------------------------------------------------------------- */

START_TEST(shapes_do_not_matter)
{
    FR_SCOPE;
    fr_tensor *flat, *cube;

    fr_manual_seed(4);
    flat = fr_randn(FR_SHAPE(24));
    fr_manual_seed(4);
    cube = fr_randn(FR_SHAPE(2, 3, 4));
    ck_assert(fr_equal(fr_reshape(cube, FR_SHAPE(24)), flat));
    fr_manual_seed(4);
    ck_assert_int_eq(fr_numel(fr_randn(FR_SHAPE(0, 5))), 0); /* no values, no draws */
    ck_assert(fr_equal(fr_randn(FR_SHAPE(24)), flat));
}
END_TEST

/* The makers of something like t draw what those of its shape do. */
START_TEST(like_others)
{
    FR_SCOPE;
    fr_tensor *t = fr_ones(FR_SHAPE(4, 5)), *whole = fr_ones_of(FR_SHAPE(4, 5), FR_I64), *drawn, *like;

    fr_manual_seed(7);
    like = fr_stack((fr_tensor *[]){ fr_rand_like(t), fr_randn_like(t), fr_randint_like(t, -3, 9) }, 3, 0);
    fr_manual_seed(7);
    drawn = fr_stack((fr_tensor *[]){ fr_rand(FR_SHAPE(4, 5)), fr_randn(FR_SHAPE(4, 5)),
                                      fr_cast(fr_randint(-3, 9, FR_SHAPE(4, 5)), FR_F32) },
                     3, 0);
    ck_assert(fr_equal(like, drawn));
    ck_assert_int_eq(fr_dtype_of(fr_randint_like(whole, 0, 2)), FR_I64);
    ck_assert_int_eq(fr_dtype_of(fr_randn_like(fr_cast(t, FR_F64))), FR_F64);
    ck_assert_ptr_null(fr_rand_like(whole));
    assert_failed("rand_like", "int64");
    ck_assert_ptr_null(fr_randint_like(t, 2, 2));
    assert_failed("randint", "low 2");
}
END_TEST

/* The draws of dropout are float64 uniforms for any dtype. */
START_TEST(doubles_are_those_of_rand)
{
    FR_SCOPE;
    double drawn[5];

    fr_set_default_dtype(FR_F64);
    fr_manual_seed(6);
    fr_random_doubles(5, drawn);
    fr_manual_seed(6);
    ck_assert(fr_equal(fr_rand(FR_SHAPE(5)), fr_tensor_from(FR_SHAPE(5), drawn, FR_F64)));
    fr_set_default_dtype(FR_F32);
}
END_TEST

static void *draw_many(void *sum)
{
    FR_SCOPE;
    uint64_t *total = sum;

    for (int i = 0; i < 1000; i++)
        *total += fr_random_u64();
    return NULL;
}

/* No draw is lost or used twice: the sum over four threads is the sum over one. */
START_TEST(one_generator_for_all_threads)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    uint64_t sums[THREADS] = { 0 }, together = 0, alone = 0;

    fr_manual_seed(9);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, draw_many, &sums[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        together += sums[i];
    }
    fr_manual_seed(9);
    for (int i = 0; i < THREADS; i++)
        draw_many(&alone);
    ck_assert_uint_eq(together, alone);
}
END_TEST

START_TEST(misuse)
{
    FR_SCOPE;

    ck_assert_ptr_null(fr_randint(3, 3, FR_SHAPE(2)));
    assert_failed("randint", "low 3 is not less than high 3");
    ck_assert_ptr_null(fr_randperm(-1));
    assert_failed("randperm", "negative");
    ck_assert_ptr_null(fr_rand(FR_SHAPE(2, -3)));
    assert_failed("rand", "(2, -3)", "negative");
    ck_assert_ptr_null(fr_randn(FR_SHAPE(INT64_MAX, 2)));
    assert_failed("randn", "too large");
}
END_TEST

/* Each row has one class that can be drawn, in turns the first and the last. */
START_TEST(rows_are_drawn_alone)
{
    FR_SCOPE;
    fr_tensor *p = fr_zeros(FR_SHAPE(100, 2)), *drawn[2];

    for (int64_t i = 0; i < 100; i++)
        ((float *)fr_data(p))[2 * i + i % 2] = 1;
    drawn[0] = fr_multinomial(p, 1, false);
    drawn[1] = fr_multinomial(p, 1, true);
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < 100; i++)
            ck_assert_int_eq((int64_t)fr_at(drawn[k], i), i % 2);
}
END_TEST

int main(void)
{
    TCase *golden = tcase_create("golden"), *more = tcase_create("more");

    tcase_add_test(golden, as_pytorch_draws);
    tcase_add_test(more, shapes_do_not_matter);
    tcase_add_test(more, like_others);
    tcase_add_test(more, doubles_are_those_of_rand);
    tcase_add_test(more, one_generator_for_all_threads);
    tcase_add_test(more, rows_are_drawn_alone);
    tcase_add_test(more, misuse);
    return run_tests("random", golden, more);
}
