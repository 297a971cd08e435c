/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The loader: PyTorch's orders and draws (golden/make_loader.py), batches of any tensor, and a training step without
 * malloc. */
#include "testing.h"

#include "counted_malloc.h"

enum { EPOCHS = 3 };

/* --- Orders ------------------------------------------------------------------------------------------------------ */

/* Appends the batch's values to order. Returns false if batch is NULL. */
static bool note(fr_tensor *const *batch, int64_t *order, int64_t *count)
{
    for (int64_t i = 0; batch && i < fr_dim(batch[0], 0); i++)
        order[(*count)++] = (int64_t)fr_at(batch[0], i);
    return batch != NULL;
}

static fr_tensor *find(const fr_tensors *golden, const char *name, const char *what)
{
    char full[128];

    snprintf(full, sizeof full, "%s.%s", name, what);
    return fr_tensors_find(golden, full);
}

static void assert_values(const char *name, const int64_t *got, int64_t count, const fr_tensor *expected)
{
    ck_assert_msg(count == fr_numel(expected), "%s: %lld, expected %lld", name, (long long)count,
                  (long long)fr_numel(expected));
    for (int64_t i = 0; i < count; i++)
        ck_assert_msg(got[i] == (int64_t)fr_at(expected, i), "%s: place %lld has %lld", name, (long long)i,
                      (long long)got[i]);
}

static void check_order(const fr_tensors *golden, const char *name)
{
    long rows, size;
    int shuffle, drop_last;
    unsigned long long seed;
    int64_t order[4096], sizes[256], count = 0, batches = 0, draws = 0;
    fr_tensor *draw = find(golden, name, "draws");

    ck_assert_int_eq(sscanf(name, "%ld-%ld-%d-%d-%llu", &rows, &size, &shuffle, &drop_last, &seed), 5);
    fr_manual_seed(seed);

    FR_SCOPE;
    fr_tensor *x = fr_arange(0, (double)rows, 1, FR_I64);
    fr_loader *l = fr_loader_new(
        &x, 1, &(fr_loader_options){ .batch_size = size, .shuffle = shuffle != 0, .drop_last = drop_last != 0 });

    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        int64_t before = batches, rows_before = count;
        fr_tensor *const *batch;

        while (note(batch = fr_loader_next(l), order, &count)) {
            sizes[batches++] = count - rows_before;
            rows_before = count;
            if (batches == before + 1)
                ck_assert_double_eq(fr_item(fr_rand(FR_SHAPE())), fr_at(draw, draws++));
        }
        ck_assert_int_eq(fr_loader_batches(l), batches - before);
        ck_assert_double_eq(fr_item(fr_rand(FR_SHAPE())), fr_at(draw, draws++));
    }
    ck_assert_int_eq(draws, fr_numel(draw));
    assert_values(name, order, count, find(golden, name, "order"));
    assert_values(name, sizes, batches, find(golden, name, "sizes"));
    fr_loader_free(l);
}

START_TEST(gives_rows_in_pytorchs_order)
{
    fr_tensors *golden = fr_load(test_file("golden/loader.safetensors"));
    int cases = 0;

    ck_assert_ptr_nonnull(golden);
    for (int i = 0; i < fr_tensors_count(golden); i++) {
        char name[128];
        const char *full = fr_tensors_name(golden, i), *end = strstr(full, ".draws");

        if (!end)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(end - full), full);
        check_order(golden, name);
        cases++;
    }
    ck_assert_int_eq(cases, 26);
    fr_tensors_free(golden);
}
END_TEST

START_TEST(rewinding_begins_an_epoch)
{
    FR_SCOPE;
    fr_tensors *golden = fr_load(test_file("golden/loader.safetensors"));
    fr_tensor *x = fr_arange(0, 20, 1, FR_I64);
    int64_t order[40], count = 0;

    ck_assert_ptr_nonnull(golden);
    fr_manual_seed(3);

    fr_loader *l = fr_loader_new(&x, 1, &(fr_loader_options){ .batch_size = 3, .shuffle = true });

    for (int i = 0; i < 2; i++)
        note(fr_loader_next(l), order, &count);
    fr_loader_rewind(l);
    fr_loader_rewind(l); /* draws no random numbers */
    while (note(fr_loader_next(l), order, &count)) {
    }
    assert_values("rewound", order, count, find(golden, "rewound", "order"));
    ck_assert_double_eq(fr_item(fr_rand(FR_SHAPE())), fr_item(find(golden, "rewound", "draw")));
    fr_loader_rewind(NULL);
    fr_loader_free(l);
    fr_tensors_free(golden);
}
END_TEST

/* --- Batches ----------------------------------------------------------------------------------------------------- */

/* Tensors may have any dtype, rank and strides; their rows stay together. */
START_TEST(batches_are_rows_of_each_tensor)
{
    FR_SCOPE;
    fr_tensor *whole = fr_reshape(fr_arange(0, 120, 1, FR_F32), FR_SHAPE(10, 4, 3));
    fr_tensor *given[] = {
        whole,
        fr_permute(fr_reshape(fr_arange(0, 120, 1, FR_F64), FR_SHAPE(3, 10, 4)), (int[]){ 1, 2, 0 }),
        fr_slice(fr_arange(0, 30, 1, FR_I64), 0, 1, 30, 3),
        fr_expand(fr_scalar(7), FR_SHAPE(10, 2)),
        fr_zeros(FR_SHAPE(10, 0)),
    };
    int n = sizeof given / sizeof given[0];
    fr_loader *l = fr_loader_new(given, n, &(fr_loader_options){ .batch_size = 4, .shuffle = true });
    fr_tensor *const *batch;
    int64_t seen = 0;

    ck_assert_ptr_nonnull(l);
    while ((batch = fr_loader_next(l))) {
        FR_SCOPE;

        for (int64_t i = 0; i < fr_dim(batch[0], 0); i++, seen++) {
            int64_t row = (int64_t)fr_at(batch[0], i * 12) / 12;

            for (int k = 0; k < n; k++)
                ck_assert_msg(fr_equal(fr_select(batch[k], 0, i), fr_select(given[k], 0, row)), "tensor %d, row %lld",
                              k, (long long)row);
        }
        for (int k = 0; k < n; k++)
            ck_assert(fr_is_contiguous(batch[k]));
    }
    ck_assert_int_eq(seen, 10);
    fr_loader_free(l);
}
END_TEST

START_TEST(batches_are_plain_values)
{
    FR_SCOPE;
    fr_tensor *leaf = fr_requires_grad(fr_ones(FR_SHAPE(4))), *made = fr_mul_scalar(leaf, 2);
    fr_loader *l = fr_loader_new((fr_tensor *[]){ leaf, made }, 2, &(fr_loader_options){ .batch_size = 4 });
    fr_tensor *const *batch = fr_loader_next(l);

    ck_assert(!fr_wants_grad(batch[0]));
    ck_assert(!fr_wants_grad(batch[1]));
    ck_assert_double_eq(fr_at(batch[1], 3), 2);
    fr_loader_free(l);
}
END_TEST

/* A batch that the user holds does not change. The loader holds its tensors, and reads their values when it makes a
 * batch. */
START_TEST(held_batches_stay)
{
    FR_SCOPE;
    fr_loader *l;
    fr_tensor *kept;
    {
        FR_SCOPE;
        fr_tensor *x = fr_arange(0, 6, 1, FR_F32);

        l = fr_loader_new(&x, 1, &(fr_loader_options){ .batch_size = 2 });
        kept = fr_ref(fr_loader_next(l)[0]);
        ((float *)fr_data(x))[2] = 20;
    }
    ck_assert_double_eq(fr_at(fr_loader_next(l)[0], 0), 20);
    ck_assert_double_eq(fr_at(fr_loader_next(l)[0], 1), 5);
    ck_assert_double_eq(fr_at(kept, 0), 0);
    ck_assert_double_eq(fr_at(kept, 1), 1);
    fr_unref(kept);
    fr_loader_free(l);
}
END_TEST

START_TEST(no_scope_is_needed)
{
    fr_tensor *x;
    {
        FR_SCOPE;
        x = fr_ref(fr_arange(0, 5, 1, FR_F32));
    }
    fr_loader *l = fr_loader_new(&x, 1, NULL);

    ck_assert_int_eq(fr_loader_batches(l), 5);
    ck_assert_int_eq(fr_dim(fr_loader_next(l)[0], 0), 1);
    fr_loader_free(l);
    fr_loader_free(NULL);
    fr_unref(x);
}
END_TEST

START_TEST(no_rows_make_no_batches)
{
    FR_SCOPE;
    fr_tensor *x = fr_zeros(FR_SHAPE(0, 3));

    for (int shuffle = 0; shuffle < 2; shuffle++) {
        fr_loader *l = fr_loader_new(&x, 1, &(fr_loader_options){ .batch_size = 2, .shuffle = shuffle != 0 });

        ck_assert_int_eq(fr_loader_batches(l), 0);
        ck_assert_ptr_null(fr_loader_next(l));
        ck_assert_ptr_null(fr_loader_next(l));
        fr_loader_free(l);
    }
}
END_TEST

START_TEST(bad_loaders_are_refused)
{
    FR_SCOPE;
    fr_tensor *x = fr_zeros(FR_SHAPE(4, 3)), *y = fr_zeros(FR_SHAPE(5)), *scalar = fr_scalar(1);

    ck_assert_ptr_null(fr_loader_new(&x, 0, NULL));
    assert_failed("frond: loader_new: ", "0 tensors", "check_data_loader.c");
    ck_assert_ptr_null(fr_loader_new(NULL, 1, NULL));
    assert_failed("loader_new", "NULL");
    ck_assert_ptr_null(fr_loader_new((fr_tensor *[]){ x, NULL }, 2, NULL));
    assert_failed("loader_new", "NULL");
    ck_assert_ptr_null(fr_loader_new(&scalar, 1, NULL));
    assert_failed("loader_new", "tensor 0", "scalar");
    ck_assert_ptr_null(fr_loader_new((fr_tensor *[]){ x, y }, 2, NULL));
    assert_failed("loader_new", "tensor 1", "(5,)", "(4, 3)", "first dims");
    ck_assert_ptr_null(fr_loader_new(&x, 1, &(fr_loader_options){ .batch_size = -2 }));
    assert_failed("loader_new", "batch_size is -2");
    ck_assert_ptr_null(fr_loader_new(&x, 1, &(fr_loader_options){ .shuffle = true, .shuffle_buffer = -1 }));
    assert_failed("loader_new: shuffle_buffer is -1, expected 0 or more");
    ck_assert_ptr_null(fr_loader_new(&x, 1, &(fr_loader_options){ .shuffle_buffer = 3 }));
    assert_failed("loader_new: shuffle_buffer is 3, expected 0 without shuffle");
    ck_assert_ptr_null(fr_loader_new(&x, 1, &(fr_loader_options){ .reserved = { [3] = &x } }));
    assert_failed("loader_new", "reserved[3]");
    ck_assert_ptr_null(fr_loader_next(NULL));
    assert_failed("loader_next", "NULL");
    ck_assert_int_eq(fr_loader_batches(NULL), -1);
}
END_TEST

/* --- The steady state -------------------------------------------------------------------------------------------- */

static fr_tensor *same(fr_module *m, fr_tensor *x)
{
    (void)m;
    return x;
}

/* Trains a linear model for one epoch, in batches of 4, 4 and 2 rows; x is (10,3), y is (10,1). It makes no assertions,
 * because Check allocates memory for each. */
static bool train_epoch(fr_loader *l, fr_optim *o, fr_module *m)
{
    fr_tensor *const *batch;
    bool ok = true;

    while ((batch = fr_loader_next(l))) {
        FR_SCOPE;
        fr_tensor *y = fr_linear(batch[0], fr_module_find(m, "weight"), fr_module_find(m, "bias"));

        fr_optim_zero_grad(o);
        ok = ok && fr_backward(fr_mse(y, batch[1], FR_MEAN));
        ok = ok && fr_clip_grad_norm(m, 0.1) > 0;
        ok = ok && fr_optim_step(o);
    }
    return ok;
}

START_TEST(a_step_seen_before_allocates_nothing)
{
    FR_SCOPE;
    fr_module *m = fr_module_new("Linear", 0, same);
    fr_tensor *data[] = { fr_randn(FR_SHAPE(10, 3)), fr_randn(FR_SHAPE(10, 1)) };

    fr_module_param(m, "weight", fr_transpose(fr_randn(FR_SHAPE(3, 1)), 0, 1));
    fr_module_param(m, "bias", fr_select(fr_randn(FR_SHAPE(1, 2)), 1, 0)); /* a parameter that is not contiguous */

    fr_loader *l = fr_loader_new(data, 2, &(fr_loader_options){ .batch_size = 4, .shuffle = true });
    fr_optim *optims[] = { fr_adam(m, NULL), fr_sgd(m, &(fr_sgd_options){ .momentum = 0.9 }) };

    for (int i = 0; i < 2; i++) {
        bool ok = true;

        for (int epoch = 0; epoch < 3; epoch++)
            ok = ok && train_epoch(l, optims[i], m);

        size_t tensors = fr_live_tensors(), bytes = fr_live_bytes(), mallocs = mallocs_so_far();

        for (int epoch = 0; epoch < 5; epoch++)
            ok = ok && train_epoch(l, optims[i], m);
        mallocs = mallocs_so_far() - mallocs;
        ck_assert(ok);
        ck_assert_uint_eq(fr_live_tensors(), tensors);
        ck_assert_uint_eq(fr_live_bytes(), bytes);
        ck_assert_uint_eq(mallocs, 0);
        fr_optim_free(optims[i]);
    }
    fr_loader_free(l);
    fr_module_free(m);
}
END_TEST

int main(void)
{
    TCase *orders = tcase_create("orders"), *batches = tcase_create("batches"), *steady = tcase_create("steady");

    tcase_add_test(orders, gives_rows_in_pytorchs_order);
    tcase_add_test(orders, rewinding_begins_an_epoch);
    tcase_add_test(batches, batches_are_rows_of_each_tensor);
    tcase_add_test(batches, batches_are_plain_values);
    tcase_add_test(batches, held_batches_stay);
    tcase_add_test(batches, no_scope_is_needed);
    tcase_add_test(batches, no_rows_make_no_batches);
    tcase_add_test(batches, bad_loaders_are_refused);
    tcase_add_test(steady, a_step_seen_before_allocates_nothing);
    return run_tests("data_loader", orders, batches, steady);
}
