/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What was released and is used all the same: an error that names the argument, where it was made, and where it was
 * released. check_arguments.c gives a released object to every public function; here are the mistakes that users make,
 * and what the messages say. */
#include "testing.h"

#include "core/header_pool.h"
#include "core/life.h"

#include <pthread.h>
#include <unistd.h>

USES_FREED

/* "FILE:LINE" of a line of this file, valid until the fourth next call. */
static const char *at_line(int line)
{
    static char text[4][128];
    static int next;

    next = (next + 1) % 4;
    snprintf(text[next], sizeof text[next], "%s:%d", __FILE__, line);
    return text[next];
}

/* Asserts that an error has these texts and says where the object was made and where it was released. */
#define assert_released(ended, made, ...) assert_failed(at_line(ended), at_line(made), "was released", __VA_ARGS__)

/* --- Tensors ------------------------------------------------------------------------------------------------------ */

START_TEST(state_kept_across_steps)
{
    FR_SCOPE;
    fr_module *cell = fr_nn_rnn_cell(2, 3, NULL);
    fr_tensor *h = fr_zeros(FR_SHAPE(1, 3)), *x = fr_ones(FR_SHAPE(1, 2));
    int scope, made;

    {
        FR_SCOPE;
        scope = __LINE__ - 1;
        h = fr_detach(fr_cell_forward(cell, x, &(fr_recurrent){ .h = h }).h), made = __LINE__;
    }
    ck_assert_ptr_null(fr_cell_forward(cell, x, &(fr_recurrent){ .h = h }).h);
    assert_released(scope, made, "when the scope at", "ended (made by detach at", "keep it with fr_ref", "fr_escape");
    ck_assert(isnan(fr_at(h, 0)));
    assert_released(scope, made, "frond: at: ", at_line(__LINE__ - 1));
    fr_module_free(cell);
}
END_TEST

START_TEST(losses_kept_in_an_array)
{
    FR_SCOPE;
    fr_module *m = fr_nn_linear(2, 2, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(1, 2)), *kept[5];
    int scope = 0, made = 0;

    for (int i = 0; i < 5; i++) {
        FR_SCOPE;
        scope = __LINE__ - 1;
        kept[i] = fr_sum(fr_forward(m, x)), made = __LINE__;
    }
    ck_assert_ptr_null(fr_stack(kept, 5, 0));
    assert_released(scope, made, "frond: stack: ts[0] was released", "made by sum");
    fr_module_free(m);
}
END_TEST

static fr_tensor *stashed;
static int stash_line;

static fr_tensor *stash(fr_module *m, fr_tensor *x)
{
    (void)m;
    stashed = fr_softmax(x, 0), stash_line = __LINE__;
    return fr_neg(stashed);
}

START_TEST(stashed_in_forward)
{
    FR_SCOPE;
    fr_module *m = fr_module_new("Stash", 0, stash);
    fr_tensor *y = fr_forward(m, fr_ones(FR_SHAPE(64)));
    int forward = __LINE__ - 1;

    ck_assert_ptr_nonnull(y);
    ck_assert_ptr_null(fr_sum(stashed));
    assert_released(forward, stash_line, "frond: sum: ", "when forward at", "returned (made by softmax at");
    fr_module_free(m);
}
END_TEST

static int escape_line;

static fr_tensor *without_escape(fr_module *m, fr_tensor *x)
{
    FR_SCOPE;
    escape_line = __LINE__ - 1;
    (void)m;
    return fr_mul_scalar(x, 2);
}

START_TEST(forward_without_escape)
{
    FR_SCOPE;
    fr_module *m = fr_module_new("NoEscape", 0, without_escape);

    ck_assert_ptr_null(fr_forward(m, fr_ones(FR_SHAPE(2))));
    assert_released(escape_line, escape_line + 3, "frond: forward: result of the forward function", "fr_escape");
    fr_module_free(m);
}
END_TEST

START_TEST(unref_once_too_often)
{
    fr_tensor *x, *y = NULL;
    int made, ended;

    {
        FR_SCOPE;
        x = fr_ref(fr_ones(FR_SHAPE(2))), made = __LINE__;
    }
    ck_assert_double_eq(fr_at(x, 0), 1);
    fr_unref(x), ended = __LINE__;
    fr_unref(x);
    assert_released(ended, made, "frond: unref: ", "by unref at", "made by ones", at_line(__LINE__ - 1));
    ck_assert_ptr_null(fr_ref(x));
    assert_released(ended, made, "frond: ref: ", at_line(__LINE__ - 1));
    fr_assign(&y, x);
    assert_released(ended, made, "frond: assign: ", at_line(__LINE__ - 1));
    ck_assert_ptr_null(y);
}
END_TEST

/* The scope that holds a tensor which was freed too early also says so. */
START_TEST(scope_holds_what_was_freed)
{
    int scope = fr_scope_begin();

    fr_unref(fr_ones(FR_SHAPE(2)));
    ck_assert_ptr_null(fr_error_message());
    fr_scope_end(scope);
    assert_released(__LINE__ - 3, __LINE__ - 3, "by unref at", "made by ones");
}
END_TEST

START_TEST(batch_of_the_loader)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(4, 3));
    fr_loader *l = fr_loader_new(&x, 1, &(fr_loader_options){ .batch_size = 2 });
    fr_tensor *first = fr_loader_next(l)[0];
    int made = __LINE__ - 1;

    fr_loader_next(l);
    ck_assert_ptr_null(fr_sum(first));
    assert_released(__LINE__ - 2, made, "by loader_next at", "made by loader_next");
    fr_loader_free(l);
}
END_TEST

/* Functions that give a number fail too; NULL is no error for them. */
START_TEST(functions_that_look)
{
    FR_SCOPE;
    fr_tensor *t;

    {
        FR_SCOPE;
        t = fr_ones(FR_SHAPE(2, 3));
    }
#define refuses(call)                                                                                                  \
    do {                                                                                                               \
        (void)(call);                                                                                                  \
        assert_failed("was released", "made by ones");                                                                 \
    } while (0)
    refuses(fr_ndim(t));
    refuses(fr_dim(t, 0));
    refuses(fr_numel(t));
    refuses(fr_shape_of(t));
    refuses(fr_dtype_of(t));
    refuses(fr_is_contiguous(t));
    refuses(fr_equal(t, t));
    refuses(fr_data(t));
    refuses(fr_item(t));
    refuses(fr_touch(t));
    refuses(fr_is_leaf(t));
    refuses(fr_wants_grad(t));
    refuses(fr_fprint(stdout, t));
    ck_assert_int_eq(fr_ndim(NULL), -1);
    ck_assert(!fr_is_leaf(NULL) && !fr_touch(NULL));
}
END_TEST

/* A header is reused only after FR_HEADERS_KEPT others were released. */
START_TEST(late_reuse)
{
    fr_tensor *t;
    {
        FR_SCOPE;
        t = fr_ones(FR_SHAPE(2));
    }
    for (int i = 0; i < 3; i++) {
        FR_SCOPE;
        for (int k = 0; k < FR_HEADERS_KEPT / 3 - 1; k++)
            ck_assert_ptr_ne(fr_zeros(FR_SHAPE(2)), t);
    }
    fr_item(t);
    assert_failed("was released", "made by ones");
}
END_TEST

static void *release(void *t)
{
    fr_unref(t);
    fr_cache_trim();
    return NULL;
}

/* Released by another thread, which then ends. */
START_TEST(other_threads)
{
    pthread_t thread;
    fr_tensor *kept[64];

    for (int round = 0; round < 100; round++) { /* headers travel from thread to thread */
        for (int i = 0; i < 64; i++) {
            FR_SCOPE;
            kept[i] = fr_ref(fr_ones(FR_SHAPE(3)));
        }
        for (int i = 0; i < 64; i++) {
            ck_assert_int_eq(fr_numel(kept[i]), 3);
            if (i % 8 == 0) {
                ck_assert_int_eq(pthread_create(&thread, NULL, release, kept[i]), 0);
                pthread_join(thread, NULL);
                fr_item(kept[i]);
                assert_failed("was released by unref", "made by ones");
            } else {
                fr_unref(kept[i]);
            }
        }
    }
}
END_TEST

/* fr_cache_trim gives the pages of headers back, which then read as zeros: released, but nobody knows where. */
START_TEST(trimmed)
{
    enum { MANY = 10 * FR_HEADERS_KEPT };
    fr_tensor **t = malloc(MANY * sizeof(fr_tensor *));
    {
        FR_SCOPE;
        for (int i = 0; i < MANY; i++)
            t[i] = fr_zeros(FR_SHAPE());
    }
    fr_cache_trim();
    for (int i = 0; i < MANY; i += 7) {
        fr_item(t[i]);
        assert_failed("was released");
    }
    for (int round = 0; round < 3; round++) {
        FR_SCOPE;
        for (int i = 0; i < MANY; i++) {
            t[i] = fr_full(FR_SHAPE(), i);
            ck_assert_double_eq(fr_item(t[i / 2]), i / 2);
        }
    }
    free(t);
}
END_TEST

/* --- Objects ------------------------------------------------------------------------------------------------------ */

START_TEST(modules_and_optimisers)
{
    FR_SCOPE;
    fr_module *m = fr_nn_linear(2, 1, NULL);
    fr_optim *o = fr_sgd(m, NULL);
    int made = __LINE__ - 2, ended;

    fr_scheduler *s = fr_step_lr(o, 1, 0.1);

    fr_optim_free(o), ended = __LINE__;
    ck_assert(!fr_optim_step(o));
    assert_released(ended, made + 1, "frond: optim_step: ", "by optim_free", "made by sgd");
    fr_optim_zero_grad(o);
    assert_released(ended, made + 1, "optim_zero_grad");
    ck_assert(isnan(fr_optim_lr(o)));
    assert_released(ended, made + 1, "optim_lr");
    fr_optim_free(o);
    assert_released(ended, made + 1, "optim_free", at_line(__LINE__ - 1));
    ck_assert_ptr_null(fr_step_lr(o, 1, 0.1));
    assert_released(ended, made + 1, "frond: step_lr: ");
    fr_scheduler_free(s);
    fr_scheduler_free(s);
    assert_failed("frond: scheduler_free: ", "was released by scheduler_free", "made by step_lr");
    fr_module_free(m), ended = __LINE__;
    fr_module_free(m);
    assert_released(ended, made, "frond: module_free: ", "by module_free", "made by nn_linear");
    ck_assert_ptr_null(fr_forward(m, fr_ones(FR_SHAPE(2, 2))));
    assert_released(ended, made, "frond: forward: ");
    ck_assert_ptr_null(fr_adam(m, NULL));
    assert_released(ended, made, "frond: adam: ");
}
END_TEST

/* A parent frees its children; its parameters die with it. */
START_TEST(children_and_parameters)
{
    FR_SCOPE;
    fr_module *parent = fr_module_new("Parent", 0, NULL), *child = fr_module_add(parent, "a", fr_nn_linear(2, 1, NULL));
    fr_tensor *weight = fr_module_find(parent, "a.weight");
    int made = __LINE__ - 2, ended;

    fr_module_free(parent), ended = __LINE__;
    fr_module_free(child);
    assert_released(ended, made, "by module_free", "made by nn_linear");
    ck_assert_ptr_null(fr_sum(weight));
    assert_released(ended, made, "by module_free", "made by nn_linear");
}
END_TEST

START_TEST(other_objects)
{
    FR_SCOPE;
    fr_module *m = fr_nn_linear(2, 1, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(4, 3));
    fr_ema *e = fr_ema_new(m, 0.9);
    fr_loader *l = fr_loader_new(&x, 1, NULL);
    fr_dataset *d = fr_dataset_tensors(&x, 1);
    fr_progress *p = fr_progress_new("p", 10, &(fr_progress_options){ .quiet = true });

    fr_ema_free(e);
    fr_ema_free(e);
    assert_failed("frond: ema_free: ", "was released by ema_free", "made by ema_new");
    ck_assert(!fr_ema_update(e));
    assert_failed("frond: ema_update: ", "was released by ema_free");
    fr_loader_free(l);
    fr_loader_free(l);
    assert_failed("frond: loader_free: ", "was released by loader_free", "made by loader_new");
    ck_assert_ptr_null(fr_loader_next(l));
    assert_failed("frond: loader_next: ");
    ck_assert_int_eq(fr_loader_batches(l), -1);
    assert_failed("loader_batches");
    ck_assert(isnan(fr_loader_weight(l)));
    assert_failed("loader_weight");
    fr_dataset_free(d);
    fr_dataset_free(d);
    assert_failed("frond: dataset_free: ", "was released by dataset_free", "made by dataset_tensors");
    ck_assert_ptr_null(fr_loader_over(&d, 1, NULL));
    assert_failed("frond: loader_over: a dataset was released by dataset_free");
    ck_assert_int_eq(fr_dataset_rows(d), -1);
    assert_failed("dataset_rows");
    fr_progress_end(p);
    fr_progress_end(p);
    assert_failed("frond: progress_end: ", "was released by progress_end", "made by progress_new");
    ck_assert(!fr_progress_step(p, 1));
    assert_failed("frond: progress_step: ");
    fr_module_free(m);
}
END_TEST

START_TEST(files)
{
    char path[] = "check_released.XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    fr_sequences *s;
    fr_tensors *ts;

    fputs("0,1,2\n1,3,4\n", file);
    fclose(file);
    s = fr_read_csv(path, NULL);
    ck_assert_ptr_nonnull(s);
    fr_sequences_free(s);
    fr_sequences_free(s);
    assert_failed("frond: sequences_free: ", "was released by sequences_free", "made by read_csv");
    ck_assert_ptr_null(fr_sequences_x(s));
    assert_failed("frond: sequences_x: ");
    {
        FR_SCOPE;
        ck_assert(fr_save_tensors(path, (const char *[]){ "a" }, (fr_tensor *[]){ fr_ones(FR_SHAPE(2)) }, 1));
    }
    ts = fr_load(path);
    fr_tensors_free(ts);
    fr_tensors_free(ts);
    assert_failed("frond: tensors_free: ", "was released by tensors_free", "made by load");
    ck_assert_ptr_null(fr_tensors_find(ts, "a"));
    assert_failed("frond: tensors_find: ");
    unlink(path);
}
END_TEST

/* An object stays readable until FR_OBJECTS_KEPT others were freed. */
START_TEST(late_reuse_of_objects)
{
    fr_module *m = fr_nn_relu();

    fr_module_free(m);
    for (int i = 0; i < FR_OBJECTS_KEPT - 1; i++) {
        fr_module *other = fr_nn_tanh();

        ck_assert_ptr_ne(other, m);
        fr_module_free(other);
    }
    fr_module_free(m);
    assert_failed("frond: module_free: ", "made by nn_relu");
}
END_TEST

int main(void)
{
    TCase *tensors = tcase_create("tensors"), *objects = tcase_create("objects");

    tcase_add_test(tensors, state_kept_across_steps);
    tcase_add_test(tensors, losses_kept_in_an_array);
    tcase_add_test(tensors, stashed_in_forward);
    tcase_add_test(tensors, forward_without_escape);
    tcase_add_test(tensors, unref_once_too_often);
    tcase_add_test(tensors, scope_holds_what_was_freed);
    tcase_add_test(tensors, batch_of_the_loader);
    tcase_add_test(tensors, functions_that_look);
    tcase_add_test(tensors, late_reuse);
    tcase_add_test(tensors, other_threads);
    tcase_add_test(tensors, trimmed);
    tcase_add_test(objects, modules_and_optimisers);
    tcase_add_test(objects, children_and_parameters);
    tcase_add_test(objects, other_objects);
    tcase_add_test(objects, files);
    tcase_add_test(objects, late_reuse_of_objects);
    return run_tests("released", tensors, objects);
}
