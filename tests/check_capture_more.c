/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Captured functions: shapes, nesting, leaves made inside, modes, how memory is planned, and random programs. Runs with
 * FROND_CHECK, so a replay fills memory that is not needed any more with NaN. */
#include "fuzz/capture_program.h"
#include "testing.h"

#include "capture/capture.h" /* after <frond.h>: it turns the call sites off */
#include "core/memory.h"
#include "core/shape.h"

static int calls;

static fr_tensor *tanh_of(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_tanh(in[0]);
}

/* --- Gradients of slices ------------------------------------------------------------------------------------------ */

/* How many parts of 2 x are read, and if 2 x is read as a whole too. */
typedef struct {
    int parts;
    bool whole;
} slices;

/* in: x, weights of four parts of 2 x, and of 2 x. Parts lie beside each other, over each other, have steps, and are a
 * column. The gradient of x. */
static fr_tensor *sliced(fr_tensor *const *in, void *user)
{
    const slices *s = user;
    fr_tensor *x = fr_requires_grad(fr_clone(in[0])), *z = fr_mul_scalar(x, 2), *dx;
    fr_tensor *parts[] = { fr_slice(z, 1, 0, 2, 1), fr_slice(z, 1, 3, 6, 1), fr_slice(z, 1, 1, 6, 2),
                           fr_select(z, 1, 5) };
    fr_tensor *loss = s->whole ? fr_sum(fr_mul(z, in[5])) : fr_zeros_like(fr_sum(z));

    for (int i = 0; i < s->parts; i++)
        loss = fr_add(loss, fr_sum(fr_mul(parts[i], in[i + 1])));
    return fr_gradients(loss, &x, 1, &dx, 0) ? dx : NULL;
}

/* The gradient of a slice of x + v is one tensor, which x and v both get. */
static fr_tensor *sliced_sum(fr_tensor *const *in, void *user)
{
    fr_tensor *x[] = { fr_requires_grad(fr_clone(in[0])), fr_requires_grad(fr_clone(in[5])) }, *dx[2];
    fr_tensor *part = fr_slice(fr_add(x[0], x[1]), 1, 0, 2, 1);
    fr_tensor *loss = fr_add(fr_sum(fr_mul(fr_slice(x[0], 1, 3, 6, 1), in[2])), fr_sum(fr_mul(part, in[1])));

    (void)user;
    return fr_gradients(loss, x, 2, dx, 0) ? fr_stack(dx, 2, 0) : NULL;
}

/* The weights are the gradients. Many are 0 and -0, whose sums differ in their sign alone. */
static fr_tensor *zeros_and_others(fr_shape shape, fr_dtype dtype)
{
    fr_tensor *t = fr_randint(-1, 2, shape), *sign = fr_sub_scalar(fr_mul_scalar(fr_randint(0, 2, shape), 2), 1);

    return fr_cast(fr_mul(fr_cast(t, FR_F64), fr_mul_scalar(fr_cast(sign, FR_F64), 0.1)), dtype);
}

static void compare_slices(fr_captured *c, fr_function *f, slices *s, fr_dtype dtype)
{
    FR_SCOPE;
    fr_tensor *in[] = { zeros_and_others(FR_SHAPE(3, 7), dtype), zeros_and_others(FR_SHAPE(3, 2), dtype),
                        zeros_and_others(FR_SHAPE(3, 3), dtype), zeros_and_others(FR_SHAPE(3, 3), dtype),
                        zeros_and_others(FR_SHAPE(3), dtype),    zeros_and_others(FR_SHAPE(3, 7), dtype) };
    fr_tensor *y = fr_captured_run(c, in, 6), *expected = f(in, s);

    ck_assert(y && expected);
    ck_assert(memcmp(fr_data(y), fr_data(expected), (size_t)fr_numel(y) * fr_dtype_size(dtype)) == 0);
}

START_TEST(gradients_of_slices)
{
    slices s = { 2 + _i % 3, _i >= 6 };
    fr_dtype dtype = _i / 3 % 2 ? FR_F64 : FR_F32;
    FR_AUTO(fr_captured) c = fr_capture(sliced, &s);
    FR_AUTO(fr_captured) shared = fr_capture(sliced_sum, NULL);
    fr_captured_report report;

    fr_manual_seed(1);
    for (int i = 0; i < 50; i++)
        compare_slices(c, sliced, &s, dtype);
    compare_slices(shared, sliced_sum, NULL, dtype);
    compare_slices(shared, sliced_sum, NULL, dtype);
    ck_assert(fr_captured_info(c, &report));
    /* parts - 1 additions less than eager, unless the sum begins with what might be -0 */
    ck_assert_int_eq(report.ops, s.whole ? 7 + 6 * s.parts : 6 + 5 * s.parts);
}
END_TEST

/* --- Shapes, nesting, modes --------------------------------------------------------------------------------------- */

static fr_tensor *counted(fr_tensor *const *in, void *user)
{
    (void)user;
    calls++;
    return fr_sum_dim(fr_tanh(fr_mul_scalar(in[0], 2)), 0, false);
}

START_TEST(several_shapes)
{
    FR_SCOPE;
    static const int order[] = { 1, 2, 1, 2, 3, 2, 3, 1, 3 }, called[] = { 1, 2, 2, 2, 3, 3, 3, 4, 4 };
    FR_AUTO(fr_captured) c = fr_capture_with(counted, NULL, &(fr_capture_options){ .max_shapes = 2 });
    fr_captured_report report;

    calls = 0;
    for (int i = 0; i < 9; i++) {
        fr_tensor *x = fr_randn(FR_SHAPE(order[i], 4)), *y = fr_captured_run(c, &x, 1);

        ck_assert_int_eq(calls, called[i]);
        ck_assert(fr_equal(y, fr_sum_dim(fr_tanh(fr_mul_scalar(x, 2)), 0, false)));
    }
    ck_assert(fr_captured_info(c, &report));
    ck_assert_int_eq(report.shapes, 2);
    ck_assert_int_eq(report.ops, 3);
}
END_TEST

static fr_tensor *nested(fr_tensor *const *in, void *user)
{
    fr_tensor *x = fr_neg(in[0]);

    return fr_add(fr_captured_run(user, &x, 1), in[0]);
}

START_TEST(captured_in_captured)
{
    FR_SCOPE;
    FR_AUTO(fr_captured) inner = fr_capture(tanh_of, NULL);
    FR_AUTO(fr_captured) c = fr_capture(nested, inner);

    for (int i = 0; i < 4; i++) {
        fr_tensor *x = fr_randn(FR_SHAPE(5));

        if (i == 2)
            ck_assert(fr_equal(fr_captured_run(inner, &x, 1), fr_tanh(x)));
        ck_assert(fr_equal(fr_captured_run(c, &x, 1), fr_add(fr_tanh(fr_neg(x)), x)));
    }
}
END_TEST

/* A target network that takes over the weights of another. */
static fr_tensor *copies(fr_tensor *const *in, void *user)
{
    fr_module *const *m = user;

    fr_module_copy(m[0], m[1]);
    return fr_forward(m[0], in[0]);
}

START_TEST(module_is_copied)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_module *m[] = { fr_nn_linear(2, 2, NULL), fr_nn_linear(2, 2, NULL) };
    FR_AUTO(fr_captured) c = fr_capture(copies, m);
    fr_tensor *x = fr_randn(FR_SHAPE(3, 2));

    for (int i = 0; i < 3; i++) {
        fr_module_scale(m[1], 1.5);
        ck_assert(fr_equal(fr_captured_run(c, &x, 1), fr_forward(m[1], x)));
    }
    fr_module_free(m[0]);
    fr_module_free(m[1]);
}
END_TEST

static fr_tensor *ends_itself(fr_tensor *const *in, void *user)
{
    fr_captured_free(*(fr_captured **)user);
    return fr_tanh(in[0]);
}

START_TEST(released_while_it_runs)
{
    FR_SCOPE;
    fr_captured *c = fr_capture(ends_itself, &c);
    FR_AUTO(fr_captured) after = fr_capture(tanh_of, NULL);
    fr_tensor *x = fr_randn(FR_SHAPE(3));

    ck_assert_ptr_null(fr_captured_run(c, &x, 1));
    assert_failed("captured_run", "released while it ran");
    for (int i = 0; i < 2; i++)
        ck_assert(fr_equal(fr_captured_run(after, &x, 1), fr_tanh(x)));
}
END_TEST

/* How many rows count is another number at each replay. */
static fr_tensor *mean_over_classes(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_cross_entropy(in[0], in[1], FR_MEAN);
}

START_TEST(rows_that_do_not_count)
{
    static const double classes[][3] = { { 0, -100, 2 }, { 1, 1, 1 }, { -100, -100, 0 } };
    FR_SCOPE;
    FR_AUTO(fr_captured) c = fr_capture(mean_over_classes, NULL);

    for (int i = 0; i < 3; i++) {
        fr_tensor *in[] = { fr_randn(FR_SHAPE(3, 4)), fr_cast(fr_from_doubles(FR_SHAPE(3), classes[i]), FR_I64) };

        ck_assert(fr_equal(fr_captured_run(c, in, 2), mean_over_classes(in, NULL)));
    }
}
END_TEST

/* A failure that the function clears is its own affair. */
static fr_tensor *recovers(fr_tensor *const *in, void *user)
{
    (void)user;
    if (!fr_matmul(in[0], fr_ones(FR_SHAPE(7, 7))))
        fr_error_clear();
    return fr_tanh(in[0]);
}

START_TEST(failures_may_be_cleared)
{
    FR_SCOPE;
    FR_AUTO(fr_captured) c = fr_capture(recovers, NULL);

    for (int i = 0; i < 3; i++) {
        fr_tensor *x = fr_randn(FR_SHAPE(2, 3));

        ck_assert(fr_equal(fr_captured_run(c, &x, 1), fr_tanh(x)));
    }
}
END_TEST

/* The first value of what a group computes, for all values of it; and what is written over half of itself. */
static fr_tensor *one_for_all(fr_tensor *const *in, void *user)
{
    fr_tensor *x = fr_add_scalar(in[0], 1), *y = fr_tanh(fr_mul(x, fr_expand(fr_select(x, 0, 0), fr_shape_of(x))));

    (void)user;
    fr_copy(fr_slice(y, 0, 0, fr_numel(y) / 2, 1), fr_slice(y, 0, fr_numel(y) / 2, fr_numel(y), 1));
    return fr_neg(y);
}

START_TEST(blocks_of_a_group)
{
    FR_SCOPE;
    FR_AUTO(fr_captured) c = fr_capture(one_for_all, NULL);

    for (int i = 0; i < 6; i++) {
        fr_tensor *x = fr_randn(FR_SHAPE(i % 2 ? 5000 : 6));

        ck_assert(fr_equal(fr_captured_run(c, &x, 1), one_for_all(&x, NULL)));
    }
}
END_TEST

START_TEST(captured_in_a_trace)
{
    FR_SCOPE;
    FR_AUTO(fr_captured) c = fr_capture(tanh_of, NULL);
    fr_tensor *x = fr_randn(FR_SHAPE(5));
    fr_trace trace;

    ck_assert(fr_captured_run(c, &x, 1));
    fr_trace_begin(fr_thread_self(), &trace);
    ck_assert(fr_captured_run(c, &x, 1));
    ck_assert(fr_trace_end(fr_thread_self(), "test", &trace));
    ck_assert_uint_eq(trace.count, 1);
    ck_assert_str_eq(trace.steps[0].op->name, "tanh");
    fr_trace_free(&trace);
}
END_TEST

static fr_tensor *own_leaf(fr_tensor *const *in, void *user)
{
    fr_tensor *leaf = fr_requires_grad(fr_clone(in[0]));

    (void)user;
    fr_backward(fr_sum(fr_square(leaf)));
    fr_backward(fr_sum(leaf));
    return fr_grad(leaf);
}

START_TEST(leaf_made_inside)
{
    FR_SCOPE;
    FR_AUTO(fr_captured) c = fr_capture(own_leaf, NULL);

    for (int i = 0; i < 3; i++) {
        fr_tensor *x = fr_randn(FR_SHAPE(5));

        ck_assert(fr_equal(fr_captured_run(c, &x, 1), own_leaf(&x, NULL)));
    }
}
END_TEST

START_TEST(without_recording)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_tensor *x = fr_randn(FR_SHAPE(5));
    FR_AUTO(fr_captured) c = fr_capture(counted, NULL);

    for (int i = 0; i < 2; i++) {
        fr_tensor *y = fr_captured_run(c, &x, 1);

        ck_assert(!fr_wants_grad(y) && fr_equal(y, counted(&x, NULL)));
        ck_assert(!fr_grad_enabled());
    }
}
END_TEST

START_TEST(bad_arguments)
{
    USES_FREED
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(2));
    fr_captured *c = fr_capture(tanh_of, NULL);
    fr_captured_report report;

    assert_refused(fr_capture(NULL, NULL), "capture: the function f is NULL");
    assert_refused(fr_capture_with(tanh_of, NULL, &(fr_capture_options){ .max_shapes = -1 }), "max_shapes is -1");
    assert_refused(fr_captured_info(c, &report), "captured_info", "has not been run");
    assert_refused(fr_captured_run(c, &x, -1), "captured_run", "-1 inputs");
    assert_refused(fr_captured_run(c, NULL, 1), "captured_run", "inputs");
    assert_refused(fr_captured_run(c, &(fr_tensor *){ NULL }, 1), "captured_run", "NULL");
    fr_captured_free(c);
    assert_refused(fr_captured_run(c, &x, 1), "captured_run", "released by captured_free");
    fr_captured_free(NULL);
}
END_TEST

/* --- Memory ------------------------------------------------------------------------------------------------------- */

static fr_tensor *products(fr_tensor *const *in, void *user)
{
    fr_tensor *a = fr_matmul(in[0], in[0]), *b = fr_matmul(a, in[0]);

    (void)user;
    return fr_matmul(fr_matmul(b, in[0]), a); /* a lives longest */
}

/* Captures products with a plan that gives the memory of a away after its first use, if wrong; returns whether a replay
 * gives the same. */
static bool plan_is_right(bool wrong)
{
    FR_SCOPE;
    fr_tensor *x = fr_randn(FR_SHAPE(3, 3)), *y;
    fr_replay *r = calloc(1, sizeof *r);
    fr_thread *th = fr_thread_self();
    bool same;

    r->n = 1;
    ck_assert(fr_replay_record(th, r, products, NULL, &x));
    fr_replay_analyse(r);
    if (wrong)
        fr_store_of(r, r->trace.steps[0].out[0])->last = 1;
    ck_assert(fr_replay_fuse(r, true) && fr_replay_place(r) && fr_replay_build(r));
    x = fr_randn(FR_SHAPE(3, 3));
    ck_assert(fr_replay_run(th, r, &x));
    y = products(&x, NULL);
    same = fr_equal(r->y, y);
    fr_replay_free(r);
    return same;
}

START_TEST(memory_is_planned)
{
    ck_assert(fr_checking());
    ck_assert(plan_is_right(false));
    ck_assert(!plan_is_right(true));
}
END_TEST

/* --- Random programs ---------------------------------------------------------------------------------------------- */

enum { PROGRAMS = SANITIZED ? 100 : 600, LENGTH = 120 };

START_TEST(random_programs)
{
    uint64_t x = 88172645463325252U + (uint64_t)_i * 0x9e3779b97f4a7c15U;

    for (int k = 0; k < PROGRAMS / 10; k++) {
        FR_SCOPE;
        uint8_t bytes[LENGTH];
        const char *why;

        for (int i = 0; i < LENGTH; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            bytes[i] = (uint8_t)(x >> 32);
        }
        why = program_check(bytes, (size_t)(20 + k % (LENGTH - 20)));
        ck_assert_msg(!why, "program %d of %d: %s", k, _i, why);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("captured"), *random = tcase_create("random");

    setenv("FROND_CHECK", "1", 1);
    tcase_add_test(cases, several_shapes);
    tcase_add_loop_test(cases, gradients_of_slices, 0, 12);
    tcase_add_test(cases, captured_in_captured);
    tcase_add_test(cases, module_is_copied);
    tcase_add_test(cases, released_while_it_runs);
    tcase_add_test(cases, rows_that_do_not_count);
    tcase_add_test(cases, failures_may_be_cleared);
    tcase_add_test(cases, blocks_of_a_group);
    tcase_add_test(cases, captured_in_a_trace);
    tcase_add_test(cases, leaf_made_inside);
    tcase_add_test(cases, without_recording);
    tcase_add_test(cases, bad_arguments);
    tcase_add_test(cases, memory_is_planned);
    tcase_add_loop_test(random, random_programs, 0, 10);
    return run_tests("capture_more", cases, random);
}
