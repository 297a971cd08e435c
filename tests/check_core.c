/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The core: making and reading tensors, scopes and references, the caller's memory, writing in place, failures and the
 * source lines that they name. */
#include "testing.h"

#include <frond/op.h> /* before headers that leave out its macros */

#include "graph/state.h"

#include <pthread.h>
#include <setjmp.h>

/* --- Making and looking ------------------------------------------------------------------------------------------ */

static void assert_values(const fr_tensor *t, int n, const double *expected)
{
    ck_assert_msg(t != NULL, "NULL: %s", fr_error_message() ? fr_error_message() : "");
    ck_assert_int_eq(fr_numel(t), n);
    for (int i = 0; i < n; i++)
        ck_assert_msg(fr_at(t, i) == expected[i], "value %d is %g, expected %g", i, fr_at(t, i), expected[i]);
}

#define assert_values(t, ...)                                                                                          \
    assert_values(t, (int)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[]){ __VA_ARGS__ })

START_TEST(makes_what_is_asked_for)
{
    FR_SCOPE;
    fr_tensor *t = fr_full(FR_SHAPE(2, 3), 1.5);

    ck_assert_int_eq(fr_ndim(t), 2);
    ck_assert_int_eq(fr_dim(t, 0), 2);
    ck_assert_int_eq(fr_dim(t, -1), 3);
    ck_assert_int_eq(fr_dim(t, 2), -1);
    ck_assert_int_eq(fr_dim(t, -3), -1);
    ck_assert_int_eq(fr_dtype_of(t), FR_F32);
    ck_assert(fr_is_contiguous(t));
    assert_values(t, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5);
    assert_values(fr_eye(2), 1, 0, 0, 1);
    assert_values(fr_scalar(-3), -3);
    ck_assert_int_eq(fr_ndim(fr_scalar(1)), 0);
    ck_assert_int_eq(fr_dim(fr_scalar(1), 0), -1);
    assert_values(fr_zeros_like(t), 0, 0, 0, 0, 0, 0);
    assert_values(fr_full_like(fr_arange(0, 2, 1, FR_I64), -7), -7, -7);
    assert_values(fr_from_doubles(FR_SHAPE(3), (double[]){ 1, 2, 0.5 }), 1, 2, 0.5);
    assert_values(fr_tensor_from(FR_SHAPE(2), (int64_t[]){ -1, 1 }, FR_I64), -1, 1);
    ck_assert_int_eq(fr_numel(fr_tensor_from(FR_SHAPE(0, 4), NULL, FR_F64)), 0);
    ck_assert_int_eq(fr_numel(fr_zeros(FR_SHAPE(1, 1, 1, 1, 1, 1, 1, 1))), 1);
    ck_assert(signbit(fr_item(fr_full(FR_SHAPE(), -0.0))));
    ck_assert(!signbit(fr_item(fr_zeros(FR_SHAPE()))));
}
END_TEST

START_TEST(default_dtype)
{
    FR_SCOPE;

    ck_assert(fr_set_default_dtype(FR_F64));
    ck_assert_int_eq(fr_dtype_of(fr_zeros(FR_SHAPE(2))), FR_F64);
    ck_assert_int_eq(fr_dtype_of(fr_rand(FR_SHAPE(2))), FR_F64);
    ck_assert(!fr_set_default_dtype(FR_I64));
    assert_failed("set_default_dtype", "int64 given", "float32 or float64");
    ck_assert_int_eq(fr_default_dtype(), FR_F64);
    ck_assert(fr_set_default_dtype(FR_F32));
}
END_TEST

START_TEST(ranges)
{
    FR_SCOPE;
    const double big = 0x1p60;
    const int64_t *values;

    assert_values(fr_arange(0, 1, 0.25, FR_F32), 0, 0.25, 0.5, 0.75);
    assert_values(fr_arange(1, 0, -0.5, FR_F64), 1, 0.5);
    assert_values(fr_arange(5, -1, -2, FR_I64), 5, 3, 1);
    assert_values(fr_arange(0, 2.5, 1, FR_I64), 0, 1, 2);
    assert_values(fr_arange(0, -2.5, -1, FR_I64), 0, -1, -2);
    ck_assert_int_eq(fr_numel(fr_arange(3, 3, 1, FR_F32)), 0);
    ck_assert_int_eq(fr_numel(fr_arange(3, 3, -1, FR_I64)), 0);
    values = fr_data(fr_arange(big, big + 1024, 341, FR_I64)); /* at 2^60 neighbouring doubles are 256 apart */
    for (int64_t i = 0; i < 4; i++)
        ck_assert_int_eq(values[i], ((int64_t)1 << 60) + 341 * i);
    ck_assert_int_eq(fr_numel(fr_arange(-0x1p63, 0x1p62, 0x1p61, FR_I64)), 6);
    ck_assert_ptr_null(fr_arange(0, 5, 0.5, FR_I64));
    assert_failed("arange", "whole numbers");
    ck_assert_ptr_null(fr_arange(0, 0x1p63, 0x1p60, FR_I64));
    assert_failed("arange", "whole numbers within its range");
    ck_assert_ptr_null(fr_arange(0, 1, -1, FR_F32));
    assert_failed("arange", "cannot step from 0 to 1 by -1");
    ck_assert_ptr_null(fr_arange(0, 1, 0, FR_F32));
    assert_failed("arange", "by 0");
    ck_assert_ptr_null(fr_arange(0, INFINITY, 1, FR_F32));
    assert_failed("arange", "inf");
    ck_assert_ptr_null(fr_arange(0, 1, 1e-300, FR_F32));
    assert_failed("arange", "too many");
    ck_assert_ptr_null(fr_arange(-0x1p62, 0x1p62, 1, FR_I64));
    assert_failed("arange", "too many");
    ck_assert_ptr_null(fr_arange(0, 1, 1, (fr_dtype)9));
    assert_failed("arange", "dtype 9");
}
END_TEST

START_TEST(makers_of_a_dtype)
{
    FR_SCOPE;
    fr_tensor *t = fr_ones_of(FR_SHAPE(2), FR_I64);

    ck_assert_int_eq(fr_dtype_of(t), FR_I64);
    assert_values(t, 1, 1);
    assert_values(fr_zeros_of(FR_SHAPE(1, 2), FR_F64), 0, 0);
    t = fr_full_of(FR_SHAPE(2), 0.1, FR_F64);
    ck_assert_int_eq(fr_dtype_of(t), FR_F64);
    ck_assert_double_eq(fr_at(t, 1), 0.1);
    t = fr_empty_like(fr_ones_of(FR_SHAPE(2, 3), FR_I64));
    ck_assert_int_eq(fr_dtype_of(t), FR_I64);
    ck_assert_int_eq(fr_dim(t, 1), 3);
    ck_assert_ptr_null(fr_full_of(FR_SHAPE(2), 1e30, FR_I64));
    assert_failed("full_of", "1e+30", "int64");
    ck_assert_ptr_null(fr_zeros_of(FR_SHAPE(2), (fr_dtype)9));
    assert_failed("zeros_of", "dtype 9");
}
END_TEST

/* Both ends are exact, and what lies between them is within the last bit of float32. */
START_TEST(equal_distances)
{
    FR_SCOPE;
    fr_tensor *t = fr_linspace(-0.1, 0.7, 13);

    for (int i = 0; i < 13; i++)
        ck_assert_double_eq_tol(fr_at(t, i), -0.1 + 0.8 * i / 12, 6e-8);
    ck_assert_double_eq(fr_at(t, 0), (double)-0.1F);
    ck_assert_double_eq(fr_at(t, 12), (double)0.7F);
    assert_values(fr_linspace(4, -4, 5), 4, 2, 0, -2, -4);
    assert_values(fr_linspace(3, 9, 1), 3);
    ck_assert_int_eq(fr_numel(fr_linspace(3, 9, 0)), 0);
    ck_assert_ptr_null(fr_linspace(3, 9, -1));
    assert_failed("linspace", "negative");
}
END_TEST

START_TEST(bad_shapes)
{
    FR_SCOPE;
    fr_shape nine = { .ndim = 9 }, minus = { .ndim = -1 };

    ck_assert_ptr_null(fr_zeros(nine));
    assert_failed("zeros", "9 dimensions", "0 to 8");
    ck_assert_ptr_null(fr_zeros(minus));
    assert_failed("zeros", "-1 dimensions");
    ck_assert_ptr_null(fr_ones(FR_SHAPE(2, -1)));
    assert_failed("ones", "(2, -1)", "negative");
    ck_assert_ptr_null(fr_ones(FR_SHAPE(INT64_MAX / 4)));
    assert_failed("ones", "too large");
    ck_assert_ptr_null(fr_ones(FR_SHAPE((int64_t)1 << 32, (int64_t)1 << 32)));
    assert_failed("ones", "(4294967296, 4294967296)", "too large");
    ck_assert_ptr_null(fr_ones(FR_SHAPE(0, (int64_t)1 << 40, (int64_t)1 << 40)));
    assert_failed("ones", "too large");
    ck_assert_ptr_null(fr_eye(-2));
    assert_failed("eye", "negative");
    ck_assert_ptr_null(fr_full_like(fr_arange(0, 2, 1, FR_I64), NAN));
    assert_failed("full_like", "nan is no int64");
    ck_assert_ptr_null(fr_full_like(fr_arange(0, 2, 1, FR_I64), 0x1p63));
    assert_failed("full_like", "is no int64");
    ck_assert_ptr_null(fr_tensor_from(FR_SHAPE(2), NULL, FR_F32));
    assert_failed("tensor_from", "values is NULL");
    ck_assert_ptr_null(fr_from_doubles(FR_SHAPE(2), NULL));
    assert_failed("from_doubles", "values is NULL");
}
END_TEST

static fr_tensor *copy_first(fr_tensor *const *in)
{
    static const fr_op op = { .name = "first", .inputs = 2 };

    return fr_apply(&op, (fr_tensor *[]){ in[0] }, NULL);
}

/* The macros of functions that take an array know its size, and evaluate it once. */
START_TEST(short_arrays)
{
    FR_SCOPE;
    static const double two[] = { 1, 2 };
    const double *unknown = two;
    float room[6] = { 0 };
    int64_t whole = 3, i = 0;
    fr_tensor *t = fr_zeros(FR_SHAPE(2, 1, 2)), *values = fr_from_doubles(FR_SHAPE(2), (double[]){ 3, 4, 5 });

    assert_values(values, 3, 4);
    ck_assert_ptr_null(fr_from_doubles(FR_SHAPE(4, 2), (double[]){ 1, 2 }));
    assert_failed("from_doubles: 2 values given, expected 8 for shape (4, 2)", "check_core.c");
    ck_assert_ptr_null(fr_from_doubles((fr_shape){ 1, { 3 } }, two));
    assert_failed("from_doubles: 2 values given, expected 3 for shape (3,)");
    ck_assert_ptr_null(fr_tensor_from(FR_SHAPE(2, 2), (float[]){ 1, 2, 3 }, FR_F32));
    assert_failed("tensor_from: 3 values given, expected 4 for shape (2, 2)");
    ck_assert_ptr_null(fr_tensor_from(FR_SHAPE(2, 2), (int[]){ 1, 2, 3, 4 }, FR_I64));
    assert_failed("tensor_from: 2 values given, expected 4");
    ck_assert_ptr_null(fr_tensor_view(FR_SHAPE(7), room, FR_F32, NULL, NULL));
    assert_failed("tensor_view: memory has room for 6 values, expected 7 for shape (7,)");
    ck_assert_ptr_null(fr_permute(t, (int[]){ 1, 0 }));
    assert_failed("permute: 2 dims given, expected 3 for shape (2, 1, 2)");
    ck_assert_ptr_null(copy_first(&t));
    assert_failed("first: 1 inputs given, expected 2");
    ck_assert_ptr_null((fr_zeros_like)(NULL));
    ck_assert_msg(!strchr(fr_error_message(), '['), "a place is left behind: %s", fr_error_message());
    fr_error_clear();

    ck_assert_ptr_nonnull(fr_tensor_view(FR_SHAPE(2, 3), room, FR_F32, NULL, NULL));
    ck_assert_ptr_nonnull(fr_permute(t, (int[]){ 2, 1, 0 }));
    assert_values(fr_from_doubles(FR_SHAPE(2), unknown), 1, 2);
    ck_assert_int_eq(fr_numel(fr_tensor_from(FR_SHAPE(++i), &whole, FR_I64)), 1);
    ck_assert_int_eq(i, 1);
    ck_assert_ptr_nonnull(fr_from_doubles(FR_SHAPE(0), NULL));
    assert_values((fr_from_doubles)(FR_SHAPE(2), (double[]){ 6, 7 }), 6, 7);
}
END_TEST

START_TEST(values_by_index)
{
    FR_SCOPE;
    fr_tensor *t = fr_transpose(fr_reshape(fr_arange(0, 6, 1, FR_F32), FR_SHAPE(2, 3)), 0, 1);
    fr_tensor *large = fr_tensor_from(FR_SHAPE(1, 1), (int64_t[]){ ((int64_t)1 << 53) + 1 }, FR_I64);

    assert_values(t, 0, 3, 1, 4, 2, 5);
    ck_assert_double_eq(fr_at(t, -1), 5);
    ck_assert_double_eq(fr_at(t, -6), 0);
    ck_assert(isnan(fr_at(t, 6)));
    assert_failed("at", "index 6", "(3, 2)", "6 values");
    ck_assert(isnan(fr_at(t, -7)));
    assert_failed("at", "index -7");
    ck_assert(isnan(fr_item(t)));
    assert_failed("item", "(3, 2)");
    ck_assert_double_eq(fr_item(large), 0x1p53);
    ck_assert_ptr_null(fr_data(t));
    assert_failed("data", "(3, 2)", "not contiguous");
}
END_TEST

START_TEST(equality)
{
    FR_SCOPE;
    fr_tensor *a = fr_arange(0, 4, 1, FR_F32), *nan = fr_full(FR_SHAPE(1), NAN);
    fr_tensor *x = fr_tensor_from(FR_SHAPE(1), (int64_t[]){ INT64_MAX }, FR_I64);
    fr_tensor *y = fr_tensor_from(FR_SHAPE(1), (int64_t[]){ INT64_MAX - 1 }, FR_I64);

    ck_assert(fr_equal(a, fr_arange(0, 4, 1, FR_F32)));
    ck_assert(!fr_equal(a, fr_arange(0, 4, 1, FR_F64)));
    ck_assert(!fr_equal(a, fr_reshape(a, FR_SHAPE(2, 2))));
    ck_assert(fr_equal(fr_transpose(fr_reshape(a, FR_SHAPE(2, 2)), 0, 1),
                       fr_from_doubles(FR_SHAPE(2, 2), (double[]){ 0, 2, 1, 3 })));
    ck_assert(!fr_equal(nan, nan));
    ck_assert(!fr_equal(x, y)); /* they would be equal as doubles */
    ck_assert(!fr_equal(a, NULL));
}
END_TEST

START_TEST(null_is_said_to_be_none)
{
    ck_assert_int_eq(fr_ndim(NULL), -1);
    ck_assert_int_eq(fr_dim(NULL, 0), -1);
    ck_assert_int_eq(fr_numel(NULL), -1);
    ck_assert_int_eq(fr_shape_of(NULL).ndim, -1);
    ck_assert_int_eq(fr_dtype_of(NULL), FR_F32);
    ck_assert(!fr_is_contiguous(NULL) && !fr_is_leaf(NULL) && !fr_wants_grad(NULL));
    ck_assert_ptr_null(fr_ref(NULL));
    fr_unref(NULL);
    ck_assert_ptr_null(fr_touch(NULL));
    ck_assert_ptr_null(fr_error_message());
    ck_assert(isnan(fr_item(NULL)));
    assert_failed("item", "tensor is NULL");
    ck_assert(isnan(fr_at(NULL, 0)));
    assert_failed("at", "tensor is NULL");
    ck_assert_ptr_null(fr_data(NULL));
    assert_failed("data", "tensor is NULL");
    ck_assert_ptr_null(fr_zeros_like(NULL));
    assert_failed("zeros_like", "tensor is NULL");
    ck_assert_ptr_null(fr_detach(NULL));
    assert_failed("detach", "tensor is NULL");
}
END_TEST

/* --- Scopes and references --------------------------------------------------------------------------------------- */

START_TEST(a_scope_frees_what_it_holds)
{
    size_t tensors = fr_live_tensors(), bytes = fr_live_bytes();
    {
        FR_SCOPE;
        fr_zeros(FR_SHAPE(2, 3));
        ck_assert_uint_eq(fr_live_tensors(), tensors + 1);
        ck_assert_uint_eq(fr_live_bytes(), bytes + 24);
        fr_reshape(fr_zeros(FR_SHAPE(4)), FR_SHAPE(2, 2)); /* a view adds no bytes */
        ck_assert_uint_eq(fr_live_tensors(), tensors + 3);
        ck_assert_uint_eq(fr_live_bytes(), bytes + 40);
    }
    ck_assert_uint_eq(fr_live_tensors(), tensors);
    ck_assert_uint_eq(fr_live_bytes(), bytes);
    ck_assert_uint_ge(fr_peak_bytes(), bytes + 40);
}
END_TEST

static fr_tensor *escapes_early(int n)
{
    for (int i = 0;; i++) {
        FR_SCOPE;
        fr_tensor *t = fr_full(FR_SHAPE(1), i);

        if (i == n)
            return fr_escape(t);
        if (i % 2)
            continue;
        fr_ones(FR_SHAPE(100));
    }
}

START_TEST(escape_hands_to_the_scope_around)
{
    FR_SCOPE;
    fr_tensor *t;
    size_t before = fr_live_tensors();
    {
        FR_SCOPE;
        t = escapes_early(5);
        ck_assert_uint_eq(fr_live_tensors(), before + 1);
        ck_assert_ptr_eq(fr_escape(t), t);
        ck_assert_ptr_eq(fr_escape(t), t); /* escaping twice does no harm */
        ck_assert_ptr_null(fr_escape(NULL));
    }
    assert_values(t, 5);
    ck_assert_uint_eq(fr_live_tensors(), before + 1);
}
END_TEST

START_TEST(escape_needs_a_scope_around)
{
    FR_SCOPE;
    fr_tensor *t = fr_ones(FR_SHAPE(1));

    ck_assert_ptr_null(fr_escape(t));
    assert_failed("escape", "1 open");
}
END_TEST

START_TEST(making_needs_a_scope)
{
    ck_assert_ptr_null(fr_ones(FR_SHAPE(1)));
    assert_failed("ones", "no scope is open", "FR_SCOPE");
}
END_TEST

START_TEST(references_outlive_scopes)
{
    size_t before = fr_live_tensors();
    fr_tensor *kept, *slot = NULL;
    {
        FR_SCOPE;
        kept = fr_ref(fr_full(FR_SHAPE(1), 7));
        fr_assign(&slot, fr_full(FR_SHAPE(1), 8));
        fr_assign(&slot, slot);
        fr_assign(&slot, fr_full(FR_SHAPE(1), 9));
    }
    ck_assert_uint_eq(fr_live_tensors(), before + 2);
    assert_values(kept, 7);
    assert_values(slot, 9);
    fr_unref(kept);
    fr_assign(&slot, NULL);
    ck_assert_ptr_null(slot);
    ck_assert_uint_eq(fr_live_tensors(), before);
}
END_TEST

/* After a jump an outer scope ends while scopes inside it are open; it also frees tensors that had escaped into it. */
START_TEST(ending_a_scope_ends_those_inside)
{
    FR_SCOPE;
    size_t before = fr_live_tensors();
    int outer = fr_scope_begin();

    for (int i = 0; i < 100; i++) {
        ck_assert_int_ge(fr_scope_begin(), 0);
        fr_escape(fr_ones(FR_SHAPE(1)));
    }
    ck_assert_int_ge(fr_no_grad_begin(), 0);
    fr_scope_end(outer);
    ck_assert(fr_grad_enabled());
    ck_assert_uint_eq(fr_live_tensors(), before);
    fr_scope_end(outer); /* this scope has ended already */
    fr_scope_end(-1);
    fr_ones(FR_SHAPE(1));
    ck_assert_uint_eq(fr_live_tensors(), before + 1);
}
END_TEST

START_TEST(many_scopes)
{
    FR_SCOPE;
    size_t before = fr_live_tensors();
    int first = fr_scope_begin();

    for (int i = 0; i < 10000; i++) {
        ck_assert_int_eq(fr_scope_begin(), first + 1 + i);
        fr_ones(FR_SHAPE(1));
    }
    fr_scope_end(first);
    ck_assert_uint_eq(fr_live_tensors(), before);
}
END_TEST

/* --- The caller's memory ----------------------------------------------------------------------------------------- */

static void count_release(void *memory, void *user)
{
    ck_assert_ptr_nonnull(memory);
    ++*(int *)user;
}

START_TEST(release_is_called_once)
{
    double memory[6] = { 1, 2, 3, 4, 5, 6 };
    int released = 0;
    fr_tensor *kept;
    {
        FR_SCOPE;
        fr_tensor *t = fr_tensor_view(FR_SHAPE(2, 3), memory, FR_F64, count_release, &released);

        ck_assert_ptr_eq(fr_data(t), memory);
        kept = fr_ref(fr_select(t, 0, 1));
        memory[5] = 7;
    }
    ck_assert_int_eq(released, 0); /* the view still uses the memory */
    assert_values(kept, 4, 5, 7);
    fr_unref(kept);
    ck_assert_int_eq(released, 1);
}
END_TEST

START_TEST(release_is_called_once_on_failure)
{
    double memory[6] = { 0 };
    int released = 0;

    ck_assert_ptr_null(fr_tensor_view(FR_SHAPE(6), memory, FR_F64, count_release, &released));
    assert_failed("tensor_view", "no scope is open");
    ck_assert_int_eq(released, 1);

    FR_SCOPE;

    ck_assert_ptr_null(fr_tensor_view(FR_SHAPE(-1), memory, FR_F64, count_release, &released));
    assert_failed("tensor_view", "negative");
    ck_assert_int_eq(released, 2);
    ck_assert_ptr_null(fr_tensor_view(FR_SHAPE(2), (char *)memory + 4, FR_F64, count_release, &released));
    assert_failed("tensor_view", "not aligned for float64");
    ck_assert_int_eq(released, 3);
    ck_assert_ptr_null(fr_tensor_view(FR_SHAPE(2), memory, (fr_dtype)3, count_release, &released));
    assert_failed("tensor_view", "dtype 3");
    ck_assert_int_eq(released, 4);
    ck_assert_ptr_null(fr_tensor_view(FR_SHAPE(2), NULL, FR_F32, NULL, NULL));
    assert_failed("tensor_view", "memory is NULL");
    ck_assert_ptr_nonnull(fr_tensor_view(FR_SHAPE(0), NULL, FR_F32, NULL, NULL));
}
END_TEST

/* A release function that makes tensors, in its own scopes and in the one around it. This moves the scope's array while
 * the library walks it. */
static void make_tensors(void *memory, void *user)
{
    (void)memory, (void)user;
    fr_full(FR_SHAPE(1), 3);
    for (int i = 0; i < 200; i++) {
        FR_SCOPE;
        for (int k = 0; k < 10; k++)
            fr_ones(FR_SHAPE(1));
    }
}

START_TEST(release_may_make_tensors)
{
    FR_SCOPE;
    static float memory[1];
    size_t before = fr_live_tensors();
    int outer = fr_scope_begin(), inner = fr_scope_begin();

    for (int i = 0; i < 50; i++) {
        fr_tensor_view(FR_SHAPE(1), memory, FR_F32, make_tensors, NULL);
        if (i % 2)
            fr_escape(fr_full(FR_SHAPE(1), i));
    }
    fr_scope_end(inner);
    ck_assert_uint_eq(fr_live_tensors(), before + 25 + 50);
    fr_scope_end(outer);
    ck_assert_uint_eq(fr_live_tensors(), before);
}
END_TEST

/* --- Writing in place -------------------------------------------------------------------------------------------- */

START_TEST(copy_writes_in_place)
{
    FR_SCOPE;
    fr_tensor *t = fr_zeros(FR_SHAPE(2, 3)), *turned = fr_transpose(t, 0, 1);

    ck_assert_ptr_eq(fr_copy(t, fr_from_doubles(FR_SHAPE(3), (double[]){ 1, 2, 3 })), t);
    assert_values(t, 1, 2, 3, 1, 2, 3);
    ck_assert_ptr_nonnull(fr_copy(turned, fr_from_doubles(FR_SHAPE(3, 1), (double[]){ 7, 8, 9 })));
    assert_values(t, 7, 8, 9, 7, 8, 9);
    ck_assert_ptr_nonnull(fr_copy(fr_slice(t, 1, 1, 3, 1), fr_slice(t, 1, 0, 2, 1))); /* source and target overlap */
    assert_values(t, 7, 7, 8, 7, 7, 8);
    ck_assert_ptr_nonnull(fr_copy(fr_select(t, 0, 1), fr_scalar(0)));
    assert_values(t, 7, 7, 8, 0, 0, 0);
    ck_assert_ptr_nonnull(fr_copy(fr_zeros(FR_SHAPE(0, 3)), fr_zeros(FR_SHAPE(3))));
}
END_TEST

START_TEST(copy_refuses)
{
    FR_SCOPE;
    fr_tensor *t = fr_zeros(FR_SHAPE(2, 3)), *leaf = fr_requires_grad(fr_ones(FR_SHAPE(2, 3)));

    ck_assert_ptr_null(fr_copy(t, fr_ones(FR_SHAPE(2))));
    assert_failed("copy", "(2,) does not broadcast to (2, 3)");
    ck_assert_ptr_null(fr_copy(t, fr_ones(FR_SHAPE(1, 2, 3))));
    assert_failed("copy", "(1, 2, 3) does not broadcast to (2, 3)");
    ck_assert_ptr_null(fr_copy(t, fr_cast(t, FR_F64)));
    assert_failed("copy", "into is float32, from is float64");
    ck_assert_ptr_null(fr_copy(leaf, t));
    assert_failed("copy", "into wants a gradient", "FR_NO_GRAD");
    ck_assert_ptr_null(fr_copy(t, leaf));
    assert_failed("copy", "from wants a gradient");
    ck_assert_ptr_null(fr_copy(t, fr_square(leaf)));
    assert_failed("copy", "from has a history");
    ck_assert_ptr_null(fr_copy(fr_square(leaf), t));
    assert_failed("copy", "into has a history");
    ck_assert_ptr_null(fr_copy(fr_expand(fr_zeros(FR_SHAPE(1)), FR_SHAPE(3)), fr_ones(FR_SHAPE(3))));
    assert_failed("copy", "expanded");
    ck_assert_ptr_null(fr_copy(NULL, t));
    assert_failed("copy", "into is NULL");
    assert_values(t, 0, 0, 0, 0, 0, 0);
    {
        FR_NO_GRAD;
        ck_assert_ptr_eq(fr_copy(leaf, t), leaf);
    }
    assert_values(leaf, 0, 0, 0, 0, 0, 0);
}
END_TEST

/* --- Failures ---------------------------------------------------------------------------------------------------- */

typedef struct {
    int calls;
    char last[1024];
    jmp_buf back;
    bool jumps;
} caught;

static void catch (const char *message, void *user)
{
    caught *c = user;

    c->calls++;
    snprintf(c->last, sizeof c->last, "%s", message);
    if (c->jumps)
        longjmp(c->back, 1);
}

static fr_tensor *mismatch(void)
{
    return fr_add(fr_ones(FR_SHAPE(4, 3)), fr_ones(FR_SHAPE(5, 2)));
}

START_TEST(null_flows_through)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(2, 2)), *y;

    y = fr_tanh(fr_matmul(mismatch(), x));
    y = fr_linear(x, y, NULL);
    y = fr_mean(fr_linear(x, x, y)); /* a failed bias is not "no bias" */
    ck_assert_ptr_null(y);
    ck_assert(!fr_backward(y));
    assert_failed("frond: add: ", "(4, 3)", "(5, 2)"); /* the first failure */
    ck_assert_ptr_null(fr_tanh(NULL));
    assert_failed("frond: tanh: ", "NULL");
    ck_assert_ptr_nonnull(fr_linear(x, x, NULL));
}
END_TEST

START_TEST(handler_is_called_once_for_a_failure)
{
    FR_SCOPE;
    caught c = { 0 };

    fr_set_error_handler(catch, &c);
    ck_assert_ptr_null(fr_mean(fr_square(mismatch())));
    ck_assert_int_eq(c.calls, 1);
    ck_assert_ptr_nonnull(strstr(c.last, "frond: add: "));
    ck_assert_str_eq(fr_error_message(), c.last);
    ck_assert_ptr_null(fr_zeros(FR_SHAPE(-1))); /* a second failure, while the first is not cleared */
    ck_assert_int_eq(c.calls, 2);
    ck_assert_ptr_nonnull(strstr(c.last, "frond: zeros: "));
    assert_failed("frond: add: ");
    ck_assert_ptr_null(fr_error_message());
}
END_TEST

static fr_tensor *jumps_deep_inside(void)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_tensor *many[] = { fr_ones(FR_SHAPE(2)), fr_ones(FR_SHAPE(3)) };

    fr_escape(many[0]);
    return fr_escape(fr_stack(many, 2, 0));
}

/* A jump out of the handler leaves everything as before; a later failure is reported like the first. */
START_TEST(handler_may_jump)
{
    FR_SCOPE;
    static caught c;
    const fr_thread *th = fr_thread_self();
    size_t before = fr_live_tensors();

    c = (caught){ .jumps = true };
    fr_set_error_handler(catch, &c);
    for (volatile int i = 1; i <= 100; i++) {
        volatile int scope = fr_scope_begin();

        if (setjmp(c.back) == 0) {
            fr_add(fr_ones(FR_SHAPE(2)), jumps_deep_inside());
            ck_abort_msg("no jump");
        }
        ck_assert_int_eq(c.calls, i);
        ck_assert_ptr_nonnull(strstr(c.last, "stack"));
        fr_scope_end(scope);
        ck_assert(fr_grad_enabled());
        ck_assert_uint_eq(fr_live_tensors(), before);
        ck_assert(th->errors.deferred == 0 && !th->errors.pending && th->sites.count == 0 &&
                  th->sites.current.file == NULL);
    }
    /* After a jump, NULL arguments do not count as results of a failure. */
    ck_assert_ptr_nonnull(fr_linear(fr_ones(FR_SHAPE(2)), fr_ones(FR_SHAPE(2, 2)), NULL));
    if (setjmp(c.back) == 0)
        fr_tanh(NULL);
    ck_assert_int_eq(c.calls, 101);
    ck_assert_ptr_nonnull(strstr(c.last, "tanh"));
    fr_error_clear();
}
END_TEST

static void fail_in_release(void *memory, void *user)
{
    (void)memory;
    ++*(int *)user;
    fr_zeros(FR_SHAPE(-1));
}

/* A failure in a release function is reported after the call that caused it has finished: nothing leaks, and nothing is
 * freed twice. */
START_TEST(handler_may_jump_from_a_release)
{
    FR_SCOPE;
    static caught c;
    static float memory[1];
    static int released;
    size_t before = fr_live_tensors();
    fr_tensor *volatile kept = NULL;
    volatile int scope = fr_scope_begin();

    released = 0;
    c = (caught){ .jumps = true };
    fr_set_error_handler(catch, &c);
    if (setjmp(c.back) == 0) {
        fr_tensor *x = fr_requires_grad(fr_ones(FR_SHAPE(1)));
        fr_tensor *v = fr_tensor_view(FR_SHAPE(1), memory, FR_F32, fail_in_release, &released);

        kept = fr_ref(fr_square(fr_mul(x, fr_mul(fr_mul(x, v), x)))); /* the history holds v */
        fr_tensor_view(FR_SHAPE(1), memory, FR_F32, fail_in_release, &released);
        fr_ones(FR_SHAPE(1));
        fr_scope_end(scope);
    }
    ck_assert_int_eq(c.calls, 1);
    ck_assert_int_eq(released, 1);
    if (setjmp(c.back) == 0)
        fr_unref(kept);
    ck_assert_int_eq(c.calls, 2);
    ck_assert_int_eq(released, 2);
    ck_assert_uint_eq(fr_live_tensors(), before);
    ck_assert_int_eq(fr_thread_self()->errors.deferred, 0);
    ck_assert(!fr_thread_self()->graph->freeing);
    fr_error_clear();
}
END_TEST

/* --- Places ------------------------------------------------------------------------------------------------------ */

static const char *place(int line)
{
    static char text[256];

    snprintf(text, sizeof text, "[%s:%d]", __FILE__, line);
    return text;
}

START_TEST(message_names_the_line)
{
    FR_SCOPE;
    fr_tensor *a = fr_zeros(FR_SHAPE(4, 3)), *b = fr_zeros(FR_SHAPE(5, 2));
    int line = __LINE__ + 2;

    ck_assert_ptr_null(fr_add(fr_square(a), fr_add(a, b)));
    assert_failed("add", "(4, 3)", "(5, 2)", place(line));
}
END_TEST

/* For nested calls the message names the place of the call that failed. Calls inside an op have the op's place. */
START_TEST(nested_calls)
{
    FR_SCOPE;
    fr_tensor *a = fr_zeros(FR_SHAPE(4, 3)), *b = fr_zeros(FR_SHAPE(5, 2)), *t;
    int line = __LINE__ + 2;

    t = fr_sub(fr_add(fr_square(a), a), fr_neg(b));
    ck_assert_ptr_null(t);
    assert_failed("sub", place(line));
    line = __LINE__ + 1;
    t = fr_mean(fr_square(fr_mul(a, fr_neg(b))));
    ck_assert_ptr_null(t);
    assert_failed("mul", place(line));
    line = __LINE__ + 1;
    t = fr_mean_dim(a, 5, false); /* fails inside sum */
    ck_assert_ptr_null(t);
    assert_failed("dim 5", place(line));
}
END_TEST

static fr_tensor *fails_inside(fr_tensor *a, int *line)
{
    FR_SCOPE;

    *line = __LINE__ + 1;
    return fr_mul(fr_ones(FR_SHAPE(7)), a);
}

/* Called for an argument of an op: it calls the same op, which fails, and clears the failure. */
static fr_tensor *recovers_inside(fr_tensor *a)
{
    int line;

    fails_inside(a, &line);
    fr_error_clear();
    return fr_ones(FR_SHAPE(7));
}

/* mean_dim calls sum; this must not use the place that was noted for an enclosing call of sum. */
static fr_tensor *mean_fails(fr_tensor *a, int *line)
{
    *line = __LINE__ + 1;
    return fr_mean_dim(a, 5, false);
}

START_TEST(a_call_within_an_argument)
{
    FR_SCOPE;
    fr_tensor *a = fr_zeros(FR_SHAPE(4, 3)), *t;
    int line;

    ck_assert_ptr_null(fr_mul(a, fails_inside(a, &line)));
    assert_failed("mul", place(line));
    line = __LINE__ + 1;
    t = fr_mul(a, recovers_inside(a));
    ck_assert_ptr_null(t);
    assert_failed("mul", place(line));
    ck_assert_ptr_null(fr_sum(mean_fails(a, &line)));
    assert_failed("dim 5", place(line));
}
END_TEST

/* A call without its macro names no place, also after a call with the macro. */
START_TEST(no_place_without_the_macro)
{
    FR_SCOPE;
    fr_tensor *a = fr_zeros(FR_SHAPE(4, 3)), *b = fr_zeros(FR_SHAPE(5, 2));

    fr_square(a);
    ck_assert_ptr_null((fr_add)(a, b));
    ck_assert_ptr_null(strstr(fr_error_message(), ".c:"));
    fr_error_clear();
}
END_TEST

/* A place may be noted for a call that never happens, after a jump or before a foreign function of that name. A later
 * call does not use it, and it is dropped. */
START_TEST(stale_notes)
{
    const fr_thread *th = fr_thread_self();
    FR_SCOPE;
    fr_tensor *a = fr_zeros(FR_SHAPE(4, 3)), *b = fr_zeros(FR_SHAPE(5, 2));
    int before = th->sites.count, line;
    {
        FR_SCOPE;
        for (int i = 0; i < 1000; i++)
            fr_call_site("nobody", "stale.c", i);
        fr_call_site("mul", "stale.c", 1);
        line = __LINE__ + 1;
        ck_assert_ptr_null(fr_add(a, b));
        ck_assert_ptr_null(strstr(fr_error_message(), "stale.c")); /* there are too many places to note one more */
        fr_error_clear();
    }
    ck_assert_int_eq(th->sites.count, before);
    fr_call_site("mul", "stale.c", 1);
    line = __LINE__ + 1;
    ck_assert_ptr_null(fr_add(a, b));
    assert_failed("add", place(line)); /* mul may be a call around it: fr_mul(..., (fr_add(a, b))) */
}
END_TEST

/* --- Threads ----------------------------------------------------------------------------------------------------- */

static void *end_in_scopes(void *user)
{
    ck_assert_int_ge(fr_scope_begin(), 0);
    fr_ones(FR_SHAPE(3));
    ck_assert_int_ge(fr_scope_begin(), 0);
    fr_escape(fr_ones(FR_SHAPE(4)));
    *(fr_tensor **)user = fr_ref(fr_ones(FR_SHAPE(5)));
    return NULL;
}

START_TEST(a_thread_closes_its_scopes_when_it_ends)
{
    size_t before = fr_live_tensors();

    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        fr_tensor *kept = NULL;

        ck_assert_int_eq(pthread_create(&thread, NULL, end_in_scopes, &kept), 0);
        pthread_join(thread, NULL);
        ck_assert_uint_eq(fr_live_tensors(), before + 1);
        assert_values(kept, 1, 1, 1, 1, 1);
        fr_unref(kept);
    }
}
END_TEST

enum { HANDED = 1000 };

static void *make_many(void *user)
{
    FR_SCOPE;
    fr_tensor **slots = user;

    for (int i = 0; i < HANDED; i++)
        slots[i] = fr_ref(fr_full(FR_SHAPE(i % 50), i));
    return NULL;
}

static void *free_many(void *user)
{
    fr_tensor **slots = user;

    for (int i = 0; i < HANDED; i++)
        fr_unref(slots[i]);
    return NULL;
}

START_TEST(made_in_one_thread_freed_in_another)
{
    size_t tensors = fr_live_tensors(), bytes = fr_live_bytes();

    for (int round = 0; round < 10; round++) {
        fr_tensor *slots[HANDED];
        pthread_t thread;

        if (round % 2) {
            make_many(slots);
            pthread_create(&thread, NULL, free_many, slots);
            pthread_join(thread, NULL);
        } else {
            pthread_create(&thread, NULL, make_many, slots);
            pthread_join(thread, NULL);
            free_many(slots);
        }
    }
    ck_assert_uint_eq(fr_live_tensors(), tensors);
    ck_assert_uint_eq(fr_live_bytes(), bytes);
    fr_cache_trim();
}
END_TEST

static void *sees_no_error(void *user)
{
    FR_SCOPE;

    *(bool *)user = !fr_error_message() && fr_linear(fr_ones(FR_SHAPE(2)), fr_ones(FR_SHAPE(2, 2)), NULL) &&
                    !mismatch() && fr_error_message();
    return NULL;
}

START_TEST(errors_belong_to_the_thread)
{
    FR_SCOPE;
    pthread_t thread;
    bool held = false;

    ck_assert_ptr_null(fr_tanh(NULL));
    ck_assert_int_eq(pthread_create(&thread, NULL, sees_no_error, &held), 0);
    pthread_join(thread, NULL);
    ck_assert(held);
    assert_failed("tanh");
}
END_TEST

int main(void)
{
    TCase *tensors = tcase_create("tensors"), *scopes = tcase_create("scopes"), *memory = tcase_create("memory");
    TCase *failures = tcase_create("failures"), *places = tcase_create("places"), *threads = tcase_create("threads");

    tcase_add_test(tensors, makes_what_is_asked_for);
    tcase_add_test(tensors, default_dtype);
    tcase_add_test(tensors, ranges);
    tcase_add_test(tensors, makers_of_a_dtype);
    tcase_add_test(tensors, equal_distances);
    tcase_add_test(tensors, bad_shapes);
    tcase_add_test(tensors, short_arrays);
    tcase_add_test(tensors, values_by_index);
    tcase_add_test(tensors, equality);
    tcase_add_test(tensors, null_is_said_to_be_none);
    tcase_add_test(scopes, a_scope_frees_what_it_holds);
    tcase_add_test(scopes, escape_hands_to_the_scope_around);
    tcase_add_test(scopes, escape_needs_a_scope_around);
    tcase_add_test(scopes, making_needs_a_scope);
    tcase_add_test(scopes, references_outlive_scopes);
    tcase_add_test(scopes, ending_a_scope_ends_those_inside);
    tcase_add_test(scopes, many_scopes);
    tcase_add_test(memory, release_is_called_once);
    tcase_add_test(memory, release_is_called_once_on_failure);
    tcase_add_test(memory, release_may_make_tensors);
    tcase_add_test(memory, copy_writes_in_place);
    tcase_add_test(memory, copy_refuses);
    tcase_add_test(failures, null_flows_through);
    tcase_add_test(failures, handler_is_called_once_for_a_failure);
    tcase_add_test(failures, handler_may_jump);
    tcase_add_test(failures, handler_may_jump_from_a_release);
    tcase_add_test(places, message_names_the_line);
    tcase_add_test(places, nested_calls);
    tcase_add_test(places, a_call_within_an_argument);
    tcase_add_test(places, no_place_without_the_macro);
    tcase_add_test(places, stale_notes);
    tcase_add_test(threads, a_thread_closes_its_scopes_when_it_ends);
    tcase_add_test(threads, made_in_one_thread_freed_in_another);
    tcase_add_test(threads, errors_belong_to_the_thread);
    return run_tests("core", tensors, scopes, memory, failures, places, threads);
}
