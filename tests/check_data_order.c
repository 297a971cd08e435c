/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The order of a shuffle buffer. That of a permutation is PyTorch's (check_data_loader). */
#include "testing.h"

enum { MOST_ROWS = 20000 };

static fr_loader *loader_of(int64_t rows, fr_loader_options o)
{
    FR_SCOPE;
    fr_loader *l = fr_loader_new(FR_TENSORS(fr_arange(0, (double)rows, 1, FR_I64)), &o);

    ck_assert_msg(l != NULL, "%s", fr_error_message());
    return l;
}

/* Puts the rows of an epoch into order and returns how many they are. */
static int64_t run_epoch(fr_loader *l, int64_t *order)
{
    fr_tensor *const *batch;
    int64_t count = 0;

    while ((batch = fr_loader_next(l)))
        for (int64_t i = 0; i < fr_dim(batch[0], 0); i++)
            order[count++] = ((int64_t *)fr_data(batch[0]))[i];
    ck_assert_msg(!fr_error_message(), "%s", fr_error_message());
    return count;
}

/* --- Orders ------------------------------------------------------------------------------------------------------- */

static void check_order(int64_t rows, int64_t buffer, int64_t batch_size, bool drop_last)
{
    fr_loader *l = loader_of(
        rows, (fr_loader_options){
                  .batch_size = batch_size, .shuffle = true, .shuffle_buffer = buffer, .drop_last = drop_last });
    int64_t expected = drop_last ? rows / batch_size * batch_size : rows;

    for (int epoch = 0; epoch < 3; epoch++) {
        int64_t order[64];
        bool seen[64] = { false };

        ck_assert_int_eq(run_epoch(l, order), expected);
        for (int64_t i = 0; i < expected; i++) {
            ck_assert(order[i] >= 0 && order[i] < rows && !seen[order[i]]);
            ck_assert_msg(order[i] - i < buffer, "buffer %lld: place %lld has row %lld", (long long)buffer,
                          (long long)i, (long long)order[i]);
            seen[order[i]] = true;
        }
    }
    fr_loader_free(l);
}

START_TEST(each_row_comes_once_and_not_too_early)
{
    static const int64_t buffers[] = { 1, 2, 3, 7, 22, 23, 24, 1000, INT64_MAX };

    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        for (int64_t rows = 0; rows < 30; rows++)
            for (int64_t batch = 1; batch < 9; batch += 3)
                for (int drop_last = 0; drop_last < 2; drop_last++)
                    check_order(rows, buffers[i], batch, drop_last);
}
END_TEST

/* A buffer of all rows is a permutation, and one of one row the order of the file. */
START_TEST(a_buffer_of_one_or_all_rows)
{
    static const int64_t buffers[] = { 1, 23, 24, INT64_MAX };

    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        bool one = buffers[i] == 1;
        fr_loader *l =
            loader_of(23, (fr_loader_options){ .batch_size = 4, .shuffle = true, .shuffle_buffer = buffers[i] });
        fr_loader *expected = loader_of(23, (fr_loader_options){ .batch_size = 4, .shuffle = !one });

        for (int epoch = 0; epoch < 3; epoch++) {
            int64_t a[23], b[23];

            fr_manual_seed((uint64_t)epoch);
            run_epoch(l, a);
            fr_manual_seed((uint64_t)epoch);
            run_epoch(expected, b);
            ck_assert_mem_eq(a, b, sizeof a);
        }
        fr_loader_free(l);
        fr_loader_free(expected);
    }
}
END_TEST

/* Of three rows with a buffer of two, four orders have a chance of 1 in 4, and two have none. */
START_TEST(chances_of_three_rows)
{
    enum { EPOCHS = 4000 };
    fr_loader *l = loader_of(3, (fr_loader_options){ .shuffle = true, .shuffle_buffer = 2 });
    int counts[27] = { 0 };

    fr_manual_seed(1);
    for (int i = 0; i < EPOCHS; i++) {
        int64_t order[3];

        run_epoch(l, order);
        counts[order[0] * 9 + order[1] * 3 + order[2]]++;
    }
    for (int i = 0; i < 27; i++)
        if (i == 5 || i == 7 || i == 11 || i == 15) /* 012, 021, 102, 120 */
            ck_assert_msg(abs(counts[i] - EPOCHS / 4) < 140, "order %d: %d times", i, counts[i]); /* 5 sigma */
        else
            ck_assert_int_eq(counts[i], 0);
    fr_loader_free(l);
}
END_TEST

/* A row that is in the buffer waits for k more draws with the chance (1 - 1/b)^k / b: so its place is its number on
 * average, with the variance b (b - 1). */
START_TEST(rows_spread_as_far_as_the_buffer)
{
    static int64_t order[MOST_ROWS];
    static const int buffers[] = { 2, 10, 100 };

    fr_manual_seed(2);
    for (int i = 0; i < 3; i++) {
        int64_t b = buffers[i], skipped = 20 * b; /* at both ends rows come later or earlier */
        double n = 0, sum = 0, squares = 0, at_once = 0;
        fr_loader *l = loader_of(MOST_ROWS, (fr_loader_options){ .shuffle = true, .shuffle_buffer = b });

        ck_assert_int_eq(run_epoch(l, order), MOST_ROWS);
        for (int64_t place = 0; place < MOST_ROWS; place++) {
            double late = (double)(place - order[place]);

            if (order[place] < skipped || order[place] >= MOST_ROWS - skipped)
                continue;
            n++;
            sum += late;
            squares += late * late;
            at_once += order[place] - place == b - 1;
        }
        ck_assert_double_eq_tol(sum / n, 0, 0.05 * (double)b);
        ck_assert_double_eq_tol(squares / n / (double)(b * (b - 1)), 1, 0.1);
        ck_assert_double_eq_tol(at_once / n * (double)b, 1, 0.4);
        fr_loader_free(l);
    }
}
END_TEST

/* --- Functions ---------------------------------------------------------------------------------------------------- */

typedef struct {
    int calls, fails_each; /* each call of that number fails; 0: none does */
} maker;

static bool make_row(int64_t index, void *const *values, void *user)
{
    maker *m = user;

    *(int64_t *)values[0] = index;
    m->calls++;
    return !m->fails_each || m->calls % m->fails_each != 0;
}

static fr_loader *loader_of_maker(int64_t rows, maker *m, fr_loader_options o)
{
    fr_dataset *d = fr_dataset_new(&(fr_dataset_options){
        .rows = rows, .count = 1, .dtypes = (fr_dtype[]){ FR_I64 }, .row = make_row, .user = m });
    fr_loader *l = fr_loader_over(&d, 1, &o);

    fr_dataset_free(d);
    return l;
}

/* What is drawn for a batch that fails is drawn again. */
START_TEST(a_batch_that_fails_is_tried_again)
{
    maker m = { .fails_each = 5 };
    fr_loader_options o = { .batch_size = 3, .shuffle = true, .shuffle_buffer = _i & 1 ? 6 : 0 };
    fr_loader *expected = loader_of(23, o), *l;
    int64_t order[23], count = 0;
    int failures = 0;

    o.prefetch_factor = _i & 2;
    l = loader_of_maker(23, &m, o);
    fr_manual_seed(3);
    run_epoch(expected, order);
    fr_manual_seed(3);
    while (count < 23) {
        fr_tensor *const *batch = fr_loader_next(l);

        for (int64_t i = 0; batch && i < fr_dim(batch[0], 0); i++)
            ck_assert_double_eq(fr_at(batch[0], i), (double)order[count++]);
        failures += !batch;
        fr_error_clear();
    }
    ck_assert_int_gt(failures, 2);
    fr_loader_free(l);
    fr_loader_free(expected);
}
END_TEST

/* Memory is for the rows of the buffer, not for all. */
START_TEST(more_rows_than_any_memory_has)
{
    maker m = { 0 };
    fr_loader_options o = { .batch_size = 64, .shuffle = true, .shuffle_buffer = 1000, .prefetch_factor = _i };
    fr_loader *l = loader_of_maker((int64_t)1 << 60, &m, o);
    bool seen[1640] = { false };

    for (int b = 0; b < 10; b++) {
        fr_tensor *const *batch = fr_loader_next(l);

        ck_assert_msg(batch != NULL, "%s", fr_error_message());
        for (int i = 0; i < 64; i++) {
            int row = (int)fr_at(batch[0], i);

            ck_assert(row < 1000 + b * 64 + i && !seen[row]);
            seen[row] = true;
        }
    }
    fr_loader_free(l);
}
END_TEST

int main(void)
{
    TCase *orders = tcase_create("orders"), *functions = tcase_create("functions");

    tcase_add_test(orders, each_row_comes_once_and_not_too_early);
    tcase_add_test(orders, a_buffer_of_one_or_all_rows);
    tcase_add_test(orders, chances_of_three_rows);
    tcase_add_test(orders, rows_spread_as_far_as_the_buffer);
    tcase_add_loop_test(functions, a_batch_that_fails_is_tried_again, 0, 4);
    tcase_add_loop_test(functions, more_rows_than_any_memory_has, 0, 2);
    return run_tests("data_order", orders, functions);
}
