/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The basis of each check_*.c: Check, the error handler off, and a check after each test that no tensor or byte leaked
 * and that each function finished. */
#ifndef FROND_TESTS_TESTING_H
#define FROND_TESTS_TESTING_H

#include <config.h>

#include <frond.h>

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Check writes down each assertion that holds, with a system call, to tell after which one a test crashed. Some tests
 * have millions of them: here only the test is told. */
#define _mark_point(file, line) ((void)0)

/* For a test that uses what it freed, to see it refused: no warning of it from here on. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define USES_FREED _Pragma("GCC diagnostic ignored \"-Wuse-after-free\"")
#else
#define USES_FREED
#endif

/* Whether sanitizers watch: they stop at what some tests do on purpose, are very slow, and lock in children. */
#ifdef FR_SANITIZE
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

static size_t live_before, bytes_before;
static char test_about[256]; /* what a looped test is about, for end_test's messages */

static inline void begin_test(void)
{
    fr_set_error_handler(NULL, NULL);
    fr_error_clear();
    test_about[0] = '\0';
    live_before = fr_live_tensors();
    bytes_before = fr_live_bytes();
}

static inline void count_error(const char *message, void *count)
{
    (void)message;
    ++*(int *)count;
}

/* A function that forgets to finish leaves the handler unheard: errors stay deferred to its end, which never comes. */
static inline void assert_finished(void)
{
    int errors = 0;

    fr_set_error_handler(count_error, &errors);
    ck_assert_ptr_null(fr_zeros(FR_SHAPE(-1)));
    fr_set_error_handler(NULL, NULL);
    fr_error_clear();
    ck_assert_msg(errors == 1, "%s: a function did not finish: an error after it was reported %d times", test_about,
                  errors);
}

static inline void end_test(void)
{
    ck_assert_msg(!fr_error_message(), "%s: unexpected: %s", test_about, fr_error_message());
    ck_assert_msg(fr_live_tensors() == live_before, "%s: %zu tensors before, %zu after", test_about, live_before,
                  fr_live_tensors());
    ck_assert_msg(fr_live_bytes() == bytes_before, "%s: %zu bytes before, %zu after", test_about, bytes_before,
                  fr_live_bytes());
    assert_finished();
}

/* Asserts that a call failed with a message that contains all of these texts. Clears the message. */
#define assert_failed(...) assert_failed_with((const char *[]){ __VA_ARGS__, NULL })
static inline void assert_failed_with(const char *const *pieces)
{
    const char *message = fr_error_message();

    ck_assert_msg(message != NULL, "no error");
    for (; *pieces; pieces++)
        ck_assert_msg(strstr(message, *pieces) != NULL, "\"%s\" is not in: %s", *pieces, message);
    fr_error_clear();
}

/* Asserts that the call returns NULL or false and fails with a message that contains these texts. */
#define assert_refused(call, ...)                                                                                      \
    do {                                                                                                               \
        ck_assert(!(call));                                                                                            \
        assert_failed(__VA_ARGS__);                                                                                    \
    } while (0)

/* Asserts |got - expected| <= atol + rtol |expected|, equal NaNs and infinities, equal shapes and dtypes. */
static inline void assert_close(const char *what, const fr_tensor *got, const fr_tensor *expected, double rtol,
                                double atol)
{
    ck_assert_msg(got && expected, "%s: NULL: %s", what, fr_error_message() ? fr_error_message() : "");
    ck_assert_msg(fr_dtype_of(got) == fr_dtype_of(expected), "%s: dtype", what);
    ck_assert_msg(fr_ndim(got) == fr_ndim(expected), "%s: %d dims, expected %d", what, fr_ndim(got), fr_ndim(expected));
    for (int i = 0; i < fr_ndim(got); i++)
        ck_assert_msg(fr_dim(got, i) == fr_dim(expected, i), "%s: dim %d is %lld, expected %lld", what, i,
                      (long long)fr_dim(got, i), (long long)fr_dim(expected, i));
    for (int64_t i = 0; i < fr_numel(got); i++) {
        double x = fr_at(got, i), y = fr_at(expected, i);
        bool near = isfinite(y) && fabs(x - y) <= atol + rtol * fabs(y);
        bool same = x == y || (isnan(x) && isnan(y)) || near;

        ck_assert_msg(same, "%s: value %lld is %.9g, expected %.9g", what, (long long)i, x, y);
    }
}

/* Asserts that the values are equal up to rounding in got's dtype. The tolerance grows with the largest value. */
static inline void assert_near(const char *what, const fr_tensor *got, const fr_tensor *expected)
{
    bool single = fr_dtype_of(got) == FR_F32;
    double largest = 1;

    for (int64_t i = 0; i < fr_numel(expected); i++)
        if (isfinite(fr_at(expected, i)))
            largest = fmax(largest, fabs(fr_at(expected, i)));
    assert_close(what, got, expected, single ? 1e-5 : 1e-12, (single ? 1e-6 : 1e-13) * largest);
}

/* Runs the cases, with begin_test and end_test around each test, and returns main's exit code. */
#define run_tests(name, ...) run_cases(name, (TCase *[]){ __VA_ARGS__, NULL })
static inline int run_cases(const char *name, TCase *const *cases)
{
    Suite *suite = suite_create(name);
    SRunner *runner = srunner_create(suite);
    int failed;

    for (; *cases; cases++) {
        tcase_add_checked_fixture(*cases, begin_test, end_test);
        tcase_set_timeout(*cases, 0);
        suite_add_tcase(suite, *cases);
    }
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Returns the path of a file below tests/, valid until the next call. */
static inline const char *test_file(const char *name)
{
    static char path[4096];
    const char *folder = getenv("FROND_TESTS");

    snprintf(path, sizeof path, "%s/%s", folder ? folder : ".", name);
    return path;
}

/* Prints m, then the names of its state, one on each line, and frees m. */
static inline void print_module(FILE *file, fr_module *m)
{
    int n, before = (int)ftell(file), written = fr_module_fprint(file, m);
    const fr_named_tensor *state = fr_module_state(m, &n);

    ck_assert_int_eq(written, (int)ftell(file) - before);
    for (int i = 0; i < n; i++)
        fprintf(file, "%s\n", state[i].name);
    fr_module_free(m);
}

/* Asserts that got, from its beginning, has the same lines as a file below tests/. Closes got. */
static inline void assert_same_lines(FILE *got, const char *name)
{
    FILE *expected = fopen(test_file(name), "r");
    char line[256], wanted[256];

    ck_assert_ptr_nonnull(expected);
    rewind(got);
    for (int i = 1; fgets(wanted, sizeof wanted, expected); i++) {
        ck_assert_msg(fgets(line, sizeof line, got) != NULL, "nothing in line %d, expected %s", i, wanted);
        ck_assert_msg(strcmp(line, wanted) == 0, "line %d: %sexpected: %s", i, line, wanted);
    }
    ck_assert_ptr_null(fgets(line, sizeof line, got));
    fclose(got);
    fclose(expected);
}

#endif
