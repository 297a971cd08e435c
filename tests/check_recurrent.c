/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_rnn, fr_gru and fr_lstm: compared with PyTorch (golden/recurrent.safetensors, made by golden/make_recurrent.py),
 * kernels compared with their definitions for many sizes, rows of different lengths with each row alone, first and
 * second derivatives with finite differences, and calls that must fail. */
#include "kernels/gemm.h"
#include "ops/recurrent/recurrent.h"
#undef FR_NO_CALL_SITES
#include "testing.h"

enum { X, H0, C0, W_IH, W_HH, B_IH, B_HH, W_HR, INPUTS, NAME_SIZE = 128 };
enum { OUT, H, C, RESULTS };
typedef enum { RNN, GRU, LSTM } kind;

static const char *const KINDS[] = { "rnn", "gru", "lstm" };
static const int GATES[] = { 1, 3, 4 };
static const char *const INPUT_NAMES[INPUTS] = { "x", "h0", "c0", "w_ih", "w_hh", "b_ih", "b_hh", "w_hr" };
static const char *const RESULT_NAMES[RESULTS] = { "out", "h", "c" };
static const fr_dtype FLOATS[] = { FR_F32, FR_F64 };

/* One call; inputs that are not given are NULL. */
typedef struct {
    char name[NAME_SIZE];
    kind kind;
    fr_recurrence how;
    fr_tensor *in[INPUTS];
} call;

static fr_recurrent run(const call *c)
{
    fr_tensor *const *in = c->in;

    switch (c->kind) {
    case RNN:
        return fr_rnn(in[X], in[H0], in[W_IH], in[W_HH], in[B_IH], in[B_HH], &c->how);
    case GRU:
        return fr_gru(in[X], in[H0], in[W_IH], in[W_HH], in[B_IH], in[B_HH], &c->how);
    default:
        return fr_lstm(in[X], in[H0], in[C0], in[W_IH], in[W_HH], in[B_IH], in[B_HH], in[W_HR], &c->how);
    }
}

/* Runs the call; every input wants a gradient. */
static void run_marked(const call *c, fr_tensor *results[RESULTS])
{
    fr_recurrent r;

    for (int i = 0; i < INPUTS; i++)
        if (c->in[i])
            fr_requires_grad(c->in[i]);
    r = run(c);
    ck_assert_msg(r.out && r.h && (r.c != NULL) == (c->kind == LSTM), "%s: %s", c->name, fr_error_message());
    results[OUT] = r.out;
    results[H] = r.h;
    results[C] = r.c;
}

/* Puts the gradients by all inputs into dx: those of the sum of results times weights. Results without weights are left
 * out. */
static void differentiate(const call *c, fr_tensor *const *results, fr_tensor *const *weights, fr_tensor **dx,
                          int flags)
{
    fr_tensor *loss = NULL, *xs[INPUTS], *out[INPUTS];
    int n = 0;

    for (int i = 0; i < RESULTS; i++) {
        fr_tensor *part = results[i] && weights[i] ? fr_sum(fr_mul(results[i], weights[i])) : NULL;

        loss = loss && part ? fr_add(loss, part) : part ? part : loss;
    }
    for (int i = 0; i < INPUTS; i++)
        if (c->in[i])
            xs[n++] = c->in[i];
    ck_assert_msg(fr_gradients(loss, xs, n, out, flags), "%s: %s", c->name, fr_error_message());
    for (int i = 0, k = 0; i < INPUTS; i++)
        dx[i] = c->in[i] ? out[k++] : NULL;
}

static void compare(const call *c, const char *what, const char *name, const fr_tensor *got, const fr_tensor *expected)
{
    char text[2 * NAME_SIZE];

    snprintf(text, sizeof text, "%s %s: %s%s", c->name, fr_dtype_name(fr_dtype_of(c->in[X])), what, name);
    assert_near(text, got, expected);
}

/* --- PyTorch ------------------------------------------------------------------------------------------------------ */

static fr_tensors *golden;

static fr_tensor *find_golden(const call *c, const char *before, const char *name, fr_dtype dtype)
{
    char text[2 * NAME_SIZE];
    fr_tensor *t;

    snprintf(text, sizeof text, "%s %s%s", c->name, before, name);
    t = fr_tensors_find(golden, text);
    return t && fr_dtype_of(t) != FR_I64 ? fr_clone(fr_cast(t, dtype)) : t;
}

/* Reads the case whose x is tensor i of the file. Returns false if this tensor is not an x. */
static bool take_case(int i, fr_dtype dtype, call *c)
{
    const char *name = fr_tensors_name(golden, i), *end = strrchr(name, ' ');
    int length = (int)(end - name);

    if (strcmp(end, " x") != 0 || (length > 2 && strncmp(end - 2, " d x", 4) == 0))
        return false;
    *c = (call){ 0 };
    snprintf(c->name, sizeof c->name, "%.*s", length, name);
    while (strncmp(name, KINDS[c->kind], strlen(KINDS[c->kind])) != 0)
        c->kind++;
    c->how.relu = strstr(c->name, "relu") != NULL;
    c->how.reverse = strstr(c->name, "reverse") != NULL;
    c->how.lengths = find_golden(c, "", "lengths", dtype);
    for (int k = 0; k < INPUTS; k++)
        c->in[k] = find_golden(c, "", INPUT_NAMES[k], dtype);
    return true;
}

static void compare_with_golden(const call *c, fr_dtype dtype)
{
    fr_tensor *results[RESULTS], *weights[RESULTS], *dx[INPUTS];

    run_marked(c, results);
    for (int i = 0; i < RESULTS; i++) {
        weights[i] = find_golden(c, "w ", RESULT_NAMES[i], dtype);
        if (results[i])
            compare(c, "", RESULT_NAMES[i], results[i], find_golden(c, "", RESULT_NAMES[i], dtype));
    }
    for (int flags = 0; flags <= FR_CREATE_GRAPH; flags += FR_CREATE_GRAPH) { /* the definition, then the kernel */
        differentiate(c, results, weights, dx, FR_CREATE_GRAPH - flags);
        for (int i = 0; i < INPUTS; i++)
            if (dx[i])
                compare(c, flags ? "kernel's gradient of " : "definition's gradient of ", INPUT_NAMES[i], dx[i],
                        find_golden(c, "d ", INPUT_NAMES[i], dtype));
    }
}

START_TEST(golden_values)
{
    int cases = 0;

    golden = fr_load(test_file("golden/recurrent.safetensors"));
    ck_assert_msg(golden != NULL, "%s", fr_error_message());
    for (int i = 0; i < fr_tensors_count(golden); i++) {
        for (int d = 0; d < 2; d++) {
            FR_SCOPE;
            call c;

            if (!take_case(i, FLOATS[d], &c) || (int)c.kind != _i)
                continue;
            compare_with_golden(&c, FLOATS[d]);
            cases++;
        }
    }
    ck_assert_int_gt(cases, 0);
    fr_tensors_free(golden);
}
END_TEST

/* --- Sizes -------------------------------------------------------------------------------------------------------- */

enum { BIAS = 1, INITIAL = 2, LENGTHS = 4, PROJECTED = 8 };

static fr_tensor *draw(fr_dtype dtype, double scale, fr_shape shape)
{
    return fr_clone(fr_cast(fr_mul_scalar(fr_randn(shape), scale), dtype));
}

/* Makes a call with random inputs; given tells which optional inputs it has. */
static call make_call(kind k, fr_dtype dtype, int64_t steps, int64_t batch, int64_t features, int64_t hidden, int given)
{
    int64_t rows = GATES[k] * hidden, out = given & PROJECTED && k == LSTM ? (hidden + 1) / 2 : hidden;
    double scale = 1 / sqrt((double)hidden);
    call c = { .kind = k };

    snprintf(c.name, sizeof c.name, "%s T %d B %d I %d H %d, %d", KINDS[k], (int)steps, (int)batch, (int)features,
             (int)hidden, given);
    c.in[X] = draw(dtype, 1, FR_SHAPE(steps, batch, features));
    c.in[W_IH] = draw(dtype, scale, FR_SHAPE(rows, features));
    c.in[W_HH] = draw(dtype, scale, FR_SHAPE(rows, out));
    if (given & BIAS) {
        c.in[B_IH] = draw(dtype, scale, FR_SHAPE(rows));
        c.in[B_HH] = draw(dtype, scale, FR_SHAPE(rows));
    }
    if (given & INITIAL) {
        c.in[H0] = draw(dtype, 1, FR_SHAPE(batch, out));
        c.in[C0] = k == LSTM ? draw(dtype, 1, FR_SHAPE(batch, hidden)) : NULL;
    }
    if (given & PROJECTED && k == LSTM)
        c.in[W_HR] = draw(dtype, scale, FR_SHAPE(out, hidden));
    if (given & LENGTHS)
        c.how.lengths = fr_randint(0, steps + 1, FR_SHAPE(batch));
    return c;
}

static const int64_t SIZES[][4] = {
    /* T, B, I, H; the last one is cut into parts */
    { 1, 1, 1, 1 },  { 3, 1, 2, 5 },   { 1, 4, 3, 2 },   { 4, 3, 1, 5 }, { 4, 3, 2, 1 }, { 3, 7, 5, 17 },
    { 5, 2, 9, 33 }, { 2, 33, 17, 9 }, { 2, 70, 3, 64 }, { 3, 0, 2, 5 }, { 3, 2, 0, 5 }, { 37, 230, 2, 3 },
};

/* Every combination of results gets gradients; the kernel gets NULL for the gradients of the others. */
static void compare_kernel_with_definition(const call *c)
{
    enum { STEP = SANITIZED ? 3 : 1 };
    fr_tensor *results[RESULTS], *dx[INPUTS], *expected[INPUTS];

    run_marked(c, results);
    for (int used = 1; used < 1 << RESULTS; used += STEP) {
        fr_tensor *weights[RESULTS] = { NULL };
        bool any = false;

        for (int i = 0; i < RESULTS; i++) {
            if (results[i] && used & 1 << i)
                weights[i] = draw(fr_dtype_of(results[i]), 1, fr_shape_of(results[i]));
            any = any || weights[i];
        }
        if (!any)
            continue;
        differentiate(c, results, weights, expected, FR_CREATE_GRAPH);
        differentiate(c, results, weights, dx, FR_RETAIN_GRAPH);
        for (int i = 0; i < INPUTS; i++)
            if (dx[i])
                compare(c, "kernel against definition, gradient of ", INPUT_NAMES[i], dx[i], expected[i]);
    }
}

START_TEST(sizes)
{
    static const int given[] = { 0, BIAS, BIAS | INITIAL | LENGTHS, BIAS | PROJECTED, INITIAL | LENGTHS | PROJECTED };
    const int64_t *size = SIZES[_i];

    fr_manual_seed(7);
    for (int k = RNN; k <= LSTM; k++) {
        for (size_t g = 0; g < sizeof given / sizeof *given; g++) {
            FR_SCOPE;
            call c = make_call((kind)k, FR_F64, size[0], size[1], size[2], size[3], given[g]);

            c.how.reverse = g % 2;
            compare_kernel_with_definition(&c);
            c.how.reverse = !c.how.reverse;
            c.how.relu = k == RNN;
            compare_kernel_with_definition(&c);
        }
    }
}
END_TEST

/* Results are the same, bit for bit, with and without recording, for any number of threads and for strided inputs. */
START_TEST(same_either_way)
{
    for (int k = RNN; k <= LSTM; k++) {
        for (int n = 0; n < 8; n++) {
            FR_SCOPE;
            call c = make_call((kind)k, FR_F32, 20, 70, 5, 64, n / 2 * 5);
            int threads = fr_num_threads();
            fr_recurrent first, again;

            c.how.reverse = n % 2;
            fr_set_num_threads(1);
            first = run(&c);
            fr_requires_grad(c.in[X]);
            fr_set_num_threads(3);
            again = run(&c);
            fr_set_num_threads(threads);
            ck_assert(fr_equal(first.out, again.out) && fr_equal(first.h, again.h));
            for (int i = 0; i < INPUTS; i++)
                if (c.in[i] && fr_ndim(c.in[i]) > 1)
                    c.in[i] = fr_transpose(fr_contiguous(fr_transpose(c.in[i], 0, 1)), 0, 1);
            again = run(&c);
            ck_assert(fr_equal(first.out, again.out) && fr_equal(first.h, again.h));
            ck_assert((first.c == NULL && again.c == NULL) || fr_equal(first.c, again.c));
        }
    }
}
END_TEST

/* --- Lengths ------------------------------------------------------------------------------------------------------ */

enum { LENGTHS_STEPS = 6, LENGTHS_ROWS = 5 };
static const int64_t ROW_LENGTHS[][LENGTHS_ROWS] = {
    { 6, 5, 3, 2, 1 }, { 1, 2, 3, 5, 6 }, { 3, 6, 1, 6, 2 }, { 4, 2, 4, 4, 2 }, { 0, 5, 0, 6, 1 },
    { 6, 6, 6, 6, 6 }, { 3, 3, 3, 3, 3 }, { 1, 1, 1, 1, 1 }, { 0, 0, 0, 0, 4 }, { 0, 0, 0, 0, 0 },
};
enum { LENGTH_CASES = sizeof ROW_LENGTHS / sizeof *ROW_LENGTHS };

/* Makes a call of lengths case i, all of whose rows but the first `rows` ones are left out. */
static call call_of_lengths(kind k, int i, int64_t rows, int given)
{
    call c = make_call(k, FR_F64, LENGTHS_STEPS, rows, 3, 5, given);

    c.how.lengths = fr_tensor_from(FR_SHAPE(rows), ROW_LENGTHS[i], FR_I64);
    snprintf(c.name + strlen(c.name), sizeof c.name - strlen(c.name), ", lengths %d", i);
    return c;
}

/* The same without lengths: each row in a call of its own, as long as the row. */
static void run_rows_alone(const call *c, fr_tensor *results[RESULTS])
{
    fr_tensor *parts[RESULTS][LENGTHS_ROWS];
    int rows = (int)fr_numel(c->how.lengths);

    for (int b = 0; b < rows; b++) {
        int64_t length = (int64_t)fr_at(c->how.lengths, b), states[] = { H0, C0 };
        call one = *c;
        fr_recurrent r;

        one.how.lengths = NULL;
        one.in[X] = fr_slice(fr_slice(c->in[X], 1, b, b + 1, 1), 0, 0, length, 1);
        for (int i = 0; i < 2; i++)
            one.in[states[i]] = c->in[states[i]] ? fr_slice(c->in[states[i]], 0, b, b + 1, 1) : NULL;
        if (length == 0) { /* of what a step gives nothing is left */
            one.in[X] = fr_slice(c->in[X], 1, b, b + 1, 1);
            r = run(&one);
            r.out = fr_mul_scalar(r.out, 0);
            r.h = one.in[H0] ? one.in[H0] : fr_mul_scalar(r.h, 0);
            r.c = one.in[C0] || !r.c ? one.in[C0] : fr_mul_scalar(r.c, 0);
        } else {
            r = run(&one);
            r.out = fr_pad(r.out, (int64_t[]){ 0, 0, 0, 0, 0, LENGTHS_STEPS - length }, 6, 0);
        }
        parts[OUT][b] = r.out;
        parts[H][b] = r.h;
        parts[C][b] = r.c;
    }
    for (int i = 0; i < RESULTS; i++)
        results[i] = i < C || c->kind == LSTM ? fr_cat(parts[i], rows, i == OUT) : NULL;
}

static void compare_with_rows_alone(const call *c)
{
    fr_tensor *results[RESULTS], *alone[RESULTS], *weights[RESULTS] = { NULL }, *dx[INPUTS], *expected[INPUTS];

    run_marked(c, results);
    run_rows_alone(c, alone);
    for (int i = 0; i < RESULTS && results[i]; i++) {
        compare(c, "rows alone, ", RESULT_NAMES[i], results[i], alone[i]);
        weights[i] = draw(FR_F64, 1, fr_shape_of(results[i]));
    }
    differentiate(c, results, weights, dx, 0);
    differentiate(c, alone, weights, expected, 0);
    for (int i = 0; i < INPUTS; i++)
        if (dx[i])
            compare(c, "rows alone, gradient of ", INPUT_NAMES[i], dx[i], expected[i]);
}

START_TEST(lengths)
{
    static const int given[] = { 0, BIAS | INITIAL, BIAS | PROJECTED, INITIAL | PROJECTED };

    fr_manual_seed(11);
    for (int k = RNN; k <= LSTM; k++) {
        for (int n = 0; n < 16; n++) {
            FR_SCOPE;
            call c = call_of_lengths((kind)k, _i, n & 1 ? 1 : LENGTHS_ROWS, given[n / 4]);

            c.how.reverse = n & 2;
            compare_with_rows_alone(&c);
            compare_kernel_with_definition(&c);
        }
    }
}
END_TEST

/* Values that are not finite, past the lengths, in x and in the gradient of out, change nothing. */
START_TEST(padding_is_not_read)
{
    fr_manual_seed(12);
    for (int n = 0; n < 2 * LENGTH_CASES; n++) {
        FR_SCOPE;
        call c = call_of_lengths((kind)_i, n / 2, LENGTHS_ROWS, BIAS | INITIAL | PROJECTED);
        fr_tensor *steps = fr_reshape(fr_arange(0, LENGTHS_STEPS, 1, FR_I64), FR_SHAPE(LENGTHS_STEPS, 1, 1));
        fr_tensor *padding = fr_ge(steps, fr_unsqueeze(c.how.lengths, 1)), *x = c.in[X];
        fr_tensor *results[RESULTS], *poisoned[RESULTS], *weights[RESULTS], *dx[INPUTS], *expected[INPUTS];

        c.how.reverse = n % 2;
        run_marked(&c, results);
        for (int i = 0; i < RESULTS; i++)
            weights[i] = results[i] ? draw(FR_F64, 1, fr_shape_of(results[i])) : NULL;
        differentiate(&c, results, weights, expected, 0);
        ck_assert(fr_equal(expected[X], fr_masked_fill(expected[X], padding, 0)));
        c.in[X] = fr_clone(fr_masked_fill(fr_detach(x), padding, (double)NAN));
        weights[OUT] = fr_masked_fill(weights[OUT], padding, (double)NAN);
        run_marked(&c, poisoned);
        differentiate(&c, poisoned, weights, dx, 0);
        for (int i = 0; i < RESULTS; i++)
            ck_assert_msg(!results[i] || fr_equal(results[i], poisoned[i]), "%s: %s", c.name, RESULT_NAMES[i]);
        for (int i = 0; i < INPUTS; i++)
            ck_assert_msg(!dx[i] || fr_equal(dx[i], expected[i]), "%s: gradient of %s", c.name, INPUT_NAMES[i]);
    }
}
END_TEST

/* The linker redirects the kernels' calls of these functions to the wrappers (--wrap). */
static int64_t multiply_adds;

void __real_fr_multiply(const fr_product *p);
void __wrap_fr_multiply(const fr_product *p);
void __real_fr_multiply_packed(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t step_m,
                               int64_t step_k, const void *packed, const void *bias, bool add, void *c, int64_t ldc);
void __wrap_fr_multiply_packed(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t step_m,
                               int64_t step_k, const void *packed, const void *bias, bool add, void *c, int64_t ldc);

void __wrap_fr_multiply(const fr_product *p)
{
    multiply_adds += p->m * p->n * p->k;
    __real_fr_multiply(p);
}

void __wrap_fr_multiply_packed(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t step_m,
                               int64_t step_k, const void *packed, const void *bias, bool add, void *c, int64_t ldc)
{
    multiply_adds += m * n * k;
    __real_fr_multiply_packed(dtype, m, n, k, a, step_m, step_k, packed, bias, add, c, ldc);
}

/* Each step that a row takes costs one multiply-add for each weight forward, and two backward; other steps cost none.
 * The op tells the forward's. */
START_TEST(work_is_that_of_the_lengths)
{
    for (int n = 0; n < 2 * LENGTH_CASES; n++) {
        FR_SCOPE;
        call c = call_of_lengths((kind)_i, n / 2, LENGTHS_ROWS, BIAS | INITIAL | PROJECTED);
        fr_tensor *results[RESULTS], *dx[INPUTS];
        int64_t weights = fr_numel(c.in[W_IH]) + fr_numel(c.in[W_HH]) + (_i == LSTM ? fr_numel(c.in[W_HR]) : 0);
        int64_t once = (int64_t)fr_item(fr_sum(c.how.lengths)) * weights;
        fr_tensor *in[] = { [FR_X] = c.in[X],
                            [FR_W_IH] = c.in[W_IH],
                            [FR_W_HH] = c.in[W_HH],
                            [FR_LENGTHS] = c.how.lengths,
                            [FR_W_HR] = c.in[W_HR] };

        c.how.reverse = n % 2;
        multiply_adds = 0;
        run_marked(&c, results);
        ck_assert_int_eq(multiply_adds, once);
        ck_assert_int_eq(fr_recurrent_multiply_adds(&(fr_op_call){ .inputs = FR_W_HR + 1, .in = in }), once);
        differentiate(&c, results, (fr_tensor *[RESULTS]){ fr_ones_like(results[OUT]) }, dx, 0);
        ck_assert_int_eq(multiply_adds, 3 * once);
    }
}
END_TEST

/* With lengths of 0 the final state is the initial one, and its gradient passes through unchanged. */
START_TEST(nothing_to_do)
{
    for (int k = RNN; k <= LSTM; k++) {
        FR_SCOPE;
        call c = make_call((kind)k, FR_F64, 3, 4, 2, 5, BIAS | INITIAL);
        fr_tensor *results[RESULTS], *weights[RESULTS] = { NULL }, *dx[INPUTS];

        c.how.lengths = fr_zeros_like(fr_randint(0, 2, FR_SHAPE(4)));
        run_marked(&c, results);
        ck_assert(fr_equal(results[OUT], fr_zeros_like(results[OUT])) && fr_equal(results[H], c.in[H0]));
        ck_assert(k != LSTM || fr_equal(results[C], c.in[C0]));
        weights[H] = fr_detach(c.in[H0]);
        differentiate(&c, results, weights, dx, 0);
        ck_assert(fr_equal(dx[H0], c.in[H0]) && fr_equal(dx[W_HH], fr_zeros_like(dx[W_HH])));
    }
}
END_TEST

/* --- Finite differences ------------------------------------------------------------------------------------------- */

/* Returns all results joined to one dim; in holds the inputs that are given. */
static fr_tensor *run_flat(fr_tensor *const *in, void *user)
{
    call c = *(const call *)user;
    fr_recurrent r;

    for (int i = 0; i < INPUTS; i++)
        if (c.in[i])
            c.in[i] = *in++;
    r = run(&c);
    return fr_cat((fr_tensor *[]){ fr_reshape(r.out, FR_SHAPE(-1)), fr_reshape(r.h, FR_SHAPE(-1)),
                                   r.c ? fr_reshape(r.c, FR_SHAPE(-1)) : NULL },
                  r.c ? 3 : 2, 0);
}

static void check_derivatives(call *c)
{
    fr_tensor *xs[INPUTS];
    int n = 0;

    for (int i = 0; i < INPUTS; i++)
        if (c->in[i])
            xs[n++] = fr_requires_grad(c->in[i]);
    ck_assert_msg(fr_gradcheck(run_flat, xs, n, c), "%s: %s", c->name, fr_error_message());
    ck_assert_msg(fr_gradgradcheck(run_flat, xs, n, c), "%s: %s", c->name, fr_error_message());
}

START_TEST(derivatives)
{
    fr_manual_seed(3);
    for (int k = RNN; k <= LSTM; k++) {
        for (int reverse = 0; reverse < 2; reverse++) {
            FR_SCOPE;
            call c = make_call((kind)k, FR_F64, 2, 2, 1, 2, BIAS | INITIAL | LENGTHS | (reverse ? 0 : PROJECTED));

            c.how.reverse = reverse;
            c.how.lengths = fr_arange(1, 3, 1, FR_I64);
            check_derivatives(&c);
        }
    }
}
END_TEST

/* --- Calls that must fail ----------------------------------------------------------------------------------------- */

static void assert_call_failed(const call *c, const char *piece, const char *another)
{
    fr_recurrent r = run(c);
    char start[NAME_SIZE];

    snprintf(start, sizeof start, "frond: %s: ", KINDS[c->kind]);
    ck_assert_msg(!r.out && !r.h && !r.c, "%s with \"%s\" succeeded", c->name, piece);
    assert_failed(start, piece, another);
}

/* Makes a call with all inputs (3 steps, 4 rows, 2 features, 5 units); the tests then make one of them wrong. */
static call wrong(kind k)
{
    return make_call(k, FR_F32, 3, 4, 2, 5, BIAS | INITIAL | PROJECTED);
}

/* "(3, 4)" */
static const char *shape_text(const fr_tensor *t)
{
    static char text[NAME_SIZE];
    int n = snprintf(text, sizeof text, "(");

    for (int i = 0; i < fr_ndim(t); i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%lld", i ? ", " : "", (long long)fr_dim(t, i));
    snprintf(text + n, sizeof text - (size_t)n, fr_ndim(t) == 1 ? ",)" : ")");
    return text;
}

/* Each input in turn gets one more column, one more dim, or another dtype. */
START_TEST(wrong_inputs)
{
    for (int i = 0; i < INPUTS; i++) {
        FR_SCOPE;
        call c = wrong((kind)_i);
        fr_tensor *t = c.in[i];
        fr_shape wide = fr_shape_of(t);
        int blamed = i == X ? W_IH : i; /* x counts as right, so the error names w_ih */

        if (!t)
            continue;
        wide.dim[wide.ndim - 1]++;
        c.in[i] = fr_zeros(wide);
        assert_call_failed(&c, INPUT_NAMES[blamed], shape_text(c.in[blamed]));
        c.in[i] = fr_unsqueeze(t, 0);
        assert_call_failed(&c, INPUT_NAMES[i], shape_text(c.in[i]));
        c.in[i] = fr_cast(t, FR_F64);
        assert_call_failed(&c, "float32", "float64");
        c.in[i] = NULL;
        if (i == X || i == W_IH || i == W_HH)
            assert_call_failed(&c, "NULL", "");
    }
}
END_TEST

START_TEST(wrong_calls)
{
    FR_SCOPE;
    kind k = (kind)_i;
    call c = wrong(k);

    c.in[X] = fr_zeros(FR_SHAPE(0, 4, 2));
    assert_call_failed(&c, "(0, 4, 2)", "T of 1 or more");
    c = wrong(k);
    c.how.lengths = fr_arange(0, 5, 1, FR_I64);
    assert_call_failed(&c, "lengths is (5,)", "(4,)");
    c.how.lengths = fr_arange(0, 4, 1, FR_F32);
    assert_call_failed(&c, "lengths is float32", "int64");
    c.how.lengths = fr_arange(1, 5, 1, FR_I64);
    assert_call_failed(&c, "length 4 of row 3", "0..3");
    c.how.lengths = fr_arange(-1, 3, 1, FR_I64);
    assert_call_failed(&c, "length -1 of row 0", "0..3");
    c = wrong(k);
    c.how.reserved[7] = &c;
    assert_call_failed(&c, "reserved", "reserved[7]");
    c = wrong(k);
    c.how.relu = true;
    if (k != RNN)
        assert_call_failed(&c, "relu", "rnn");
    c = wrong(k);
    c.in[W_IH] = fr_zeros(FR_SHAPE(7, 2));
    if (k != RNN)
        assert_call_failed(&c, "w_ih is (7, 2)", k == GRU ? "3 H" : "4 H");
}
END_TEST

/* A bias or initial state that failed to be made is not taken for a missing one. */
START_TEST(failed_inputs)
{
    for (int i = 0; i < INPUTS; i++) {
        FR_SCOPE;
        call c = wrong((kind)_i);
        fr_recurrent r;

        if (!c.in[i])
            continue;
        c.in[i] = fr_reshape(c.in[i], FR_SHAPE(1234567));
        r = run(&c);
        ck_assert(!r.out && !r.h && !r.c);
        assert_failed("frond: reshape: ", "1234567");
    }
}
END_TEST

/* Makes a call so large that threads share the work. */
static call large(kind k)
{
    enum { STEPS = 20, BATCH = 37, IN = 20, UNITS = 96 };
    int rows = GATES[k] * UNITS;
    call c = { .kind = k };
    fr_shape shapes[INPUTS] = {
        [X] = FR_SHAPE(STEPS, BATCH, IN), [H0] = FR_SHAPE(BATCH, UNITS),  [C0] = FR_SHAPE(BATCH, UNITS),
        [W_IH] = FR_SHAPE(rows, IN),      [W_HH] = FR_SHAPE(rows, UNITS), [B_IH] = FR_SHAPE(rows),
        [B_HH] = FR_SHAPE(rows),          [W_HR] = FR_SHAPE(UNITS, UNITS)
    };

    snprintf(c.name, sizeof c.name, "large %s", KINDS[k]);
    for (int i = 0; i < INPUTS; i++)
        if (k == LSTM || (i != C0 && i != W_HR))
            c.in[i] = fr_mul_scalar(fr_randn(shapes[i]), 0.1);
    return c;
}

/* Puts all results and gradients of a call, computed by this number of threads, into all. Returns how many there are.
 */
static int with_threads(const call *c, int threads, fr_tensor **all)
{
    fr_tensor *loss;
    int n = 0;

    fr_set_num_threads(threads);
    run_marked(c, all);
    loss = fr_add(fr_sum(fr_square(all[OUT])), fr_sum(all[H]));
    n = c->kind == LSTM ? RESULTS : C;
    ck_assert(fr_backward(loss));
    for (int i = 0; i < INPUTS; i++) {
        if (!c->in[i])
            continue;
        all[n++] = fr_grad(c->in[i]);
        fr_zero_grad(c->in[i]);
    }
    fr_set_num_threads(0);
    return n;
}

START_TEST(bits_do_not_depend_on_threads)
{
    FR_SCOPE;
    call c = large((kind)(_i / 4));
    fr_tensor *one[RESULTS + INPUTS], *many[RESULTS + INPUTS];
    int n;

    c.how.reverse = _i & 1;
    c.how.lengths = _i & 2 ? fr_randint(0, fr_dim(c.in[X], 0) + 1, FR_SHAPE(fr_dim(c.in[X], 1))) : NULL;
    n = with_threads(&c, 1, one);
    for (int threads = 2; threads <= 5; threads++) {
        ck_assert_int_eq(with_threads(&c, threads, many), n);
        for (int i = 0; i < n; i++)
            ck_assert_msg(fr_equal(one[i], many[i]), "%s: %d threads change value or gradient %d", c.name, threads, i);
    }
}
END_TEST

int main(void)
{
    TCase *recurrent = tcase_create("recurrent");

    tcase_add_loop_test(recurrent, golden_values, RNN, LSTM + 1);
    tcase_add_loop_test(recurrent, sizes, 0, (int)(sizeof SIZES / sizeof *SIZES));
    tcase_add_test(recurrent, same_either_way);
    tcase_add_loop_test(recurrent, lengths, 0, LENGTH_CASES);
    tcase_add_loop_test(recurrent, padding_is_not_read, RNN, LSTM + 1);
    tcase_add_loop_test(recurrent, work_is_that_of_the_lengths, RNN, LSTM + 1);
    tcase_add_test(recurrent, nothing_to_do);
    tcase_add_test(recurrent, derivatives);
    tcase_add_loop_test(recurrent, bits_do_not_depend_on_threads, 4 * RNN, 4 * (LSTM + 1));
    tcase_add_loop_test(recurrent, wrong_inputs, RNN, LSTM + 1);
    tcase_add_loop_test(recurrent, wrong_calls, RNN, LSTM + 1);
    tcase_add_loop_test(recurrent, failed_inputs, RNN, LSTM + 1);
    return run_tests("recurrent", recurrent);
}
