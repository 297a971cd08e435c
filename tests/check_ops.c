/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Tests every op of the table with the cases in the op's own file: values and gradients are compared with PyTorch's,
 * gradients with finite differences, kernels with definitions; failing calls must fail. No test here is for one op.
 *
 * tests/golden/ops/NAME.safetensors holds an op's golden values. tests/golden/make_ops.py makes and describes them; it
 * gets the list of cases from `check_ops --cases`. If a test crashes before it prints its case, count the lines of that
 * list that the test uses, from 0: the test's loop index is the number of the line. */
#include <config.h>

#include "by_definition.h"
#include "explained.h"
#include "exported.h"
#include "graph/argument_name.h"
#include "graph/trace.h"
#include "ops/op.h"
#include "shapes.h"
#include "testing.h"

#include <frond/export.h>
#include <unistd.h>

enum { SEED = 0, MAX_INPUTS = 16, NAME_SIZE = 1024 };

static const fr_dtype FLOATS[] = { FR_F32, FR_F64 };
static const char *program;

/* --- The cases and their numbers ---------------------------------------------------------------------------------- */

/* A case with its inputs in one dtype; int64 inputs stay int64. */
typedef struct {
    const fr_op *op, *instead; /* instead: replaces op in run; NULL: nothing does */
    const fr_case *c;
    fr_dtype dtype;
    fr_tensors *golden;
    int n;
    fr_tensor *in[MAX_INPUTS];
    char kind[MAX_INPUTS];
} subject;

/* Selects the cases that a test uses. */
typedef bool selection(const fr_op *op, const fr_case *c);

static bool is_golden(const fr_op *op, const fr_case *c)
{
    (void)op;
    return c->torch != NULL;
}

static bool is_failing(const fr_op *op, const fr_case *c)
{
    return !is_golden(op, c);
}

static bool is_defined(const fr_op *op, const fr_case *c)
{
    return is_golden(op, c) && op->definition;
}

static bool is_smooth(const fr_op *op, const fr_case *c)
{
    return is_golden(op, c) && !c->no_grad;
}

/* Returns the selected case with this index; after the last one, a subject without an op. */
static subject find_case(selection *selected, int index)
{
    for (const fr_op *const *op = fr_op_table; *op; op++)
        for (const fr_case *c = (*op)->cases; c && c->name; c++)
            if (selected(*op, c) && index-- == 0)
                return (subject){ .op = *op, .c = c };
    return (subject){ 0 };
}

static int cases_of(const fr_op *op, selection *selected)
{
    int n = 0;

    for (const fr_case *c = op->cases; c && c->name; c++)
        n += selected(op, c);
    return n;
}

static int count_cases(selection *selected)
{
    int n = 0;

    for (const fr_op *const *op = fr_op_table; *op; op++)
        n += cases_of(*op, selected);
    return n;
}

/* --- Golden values ------------------------------------------------------------------------------------------------ */

static void load_golden(subject *s)
{
    char name[NAME_SIZE];

    snprintf(name, sizeof name, "golden/ops/%s.safetensors", s->op->name);
    s->golden = fr_load(test_file(name));
    ck_assert_msg(s->golden != NULL, "%s: %s\nmake it with: python3 %s %s %s", test_about, fr_error_message(),
                  test_file("golden/make_ops.py"), program, s->op->name);
}

static fr_tensor *convert(const fr_tensor *t, fr_dtype dtype)
{
    fr_tensor *copy = fr_hold("test", fr_tensor_alloc("test", &t->shape, dtype));

    fr_copy_values(copy, t);
    return copy;
}

static const fr_tensor *find_golden(const subject *s, const char *what, const char *suffix)
{
    char name[NAME_SIZE];

    snprintf(name, sizeof name, "%s %s%s", s->c->name, what, suffix);
    return fr_tensors_find(s->golden, name);
}

/* Returns a tensor of the case's golden file; `what` is "y EXPRESSION", "da", ... The file has a float32 tensor besides
 * the float64 one where PyTorch's float32 result is not its rounded float64 result. */
static fr_tensor *golden(const subject *s, const char *what)
{
    const fr_tensor *t = s->dtype == FR_F32 ? find_golden(s, what, " float32") : NULL;

    if (t)
        return convert(t, (fr_dtype)t->dtype);
    t = find_golden(s, what, "");
    ck_assert_msg(t != NULL, "%s: no golden \"%s %s\": make it with: python3 %s %s %s", test_about, s->c->name, what,
                  test_file("golden/make_ops.py"), program, s->op->name);
    return convert(t, t->dtype == FR_F64 ? s->dtype : (fr_dtype)t->dtype);
}

/* Loads the inputs that the case describes: those of "n(2,3) i5(2)" have the golden names "a n(2,3)" and "b i5(2)". */
static void load_inputs(subject *s)
{
    const char *text = s->c->inputs;
    size_t length;

    for (s->n = 0; *(text += strspn(text, " ")); s->n++, text += length) {
        char what[NAME_SIZE];
        const fr_tensor *t;

        length = strcspn(text, " ");
        ck_assert_msg(s->n < MAX_INPUTS, "%s: more than %d inputs", test_about, MAX_INPUTS);
        snprintf(what, sizeof what, "%c %.*s", 'a' + s->n, (int)length, text);
        t = golden(s, what);
        s->kind[s->n] = *text;
        s->in[s->n] = convert(t, t->dtype == FR_I64 ? FR_I64 : s->dtype);
    }
}

static subject open_case(selection *selected, int index, fr_dtype dtype)
{
    subject s = find_case(selected, index);

    s.dtype = dtype;
    snprintf(test_about, sizeof test_about, "%s/%s %s", s.op->name, s.c->name, fr_dtype_name(dtype));
    load_golden(&s);
    load_inputs(&s);
    return s;
}

static void close_case(subject *s)
{
    fr_tensors_free(s->golden);
}

/* --- Running and comparing ---------------------------------------------------------------------------------------- */

/* False for inputs of kind i (int64) and b (0 or 1). */
static bool has_gradient(const subject *s, int i)
{
    return s->kind[i] != 'i' && s->kind[i] != 'b';
}

/* Replaces one op by another, wherever it is applied (by_definition.h). */
static struct {
    const fr_op *from, *to;
} replaced;

static const fr_op *instead_of(const fr_op *op)
{
    return op == replaced.from ? replaced.to : op;
}

static fr_tensor *run(const subject *s, fr_tensor *const *in)
{
    replaced.from = s->instead ? s->op : NULL;
    replaced.to = s->instead;
    fr_manual_seed(SEED);
    return s->c->run(in);
}

static void mark(const subject *s, fr_tensor *const *in)
{
    for (int i = 0; i < s->n && !s->c->no_grad; i++)
        if (has_gradient(s, i))
            fr_requires_grad(in[i]);
}

enum { ALL = -1 };

/* Puts the gradients of sum(y * w) by one input or by all into dx; dx[i] is NULL for the others. They are zeros if y
 * has no history. */
static void differentiate(fr_tensor *y, fr_tensor *w, fr_tensor *const *in, int n, int by, fr_tensor **dx, int flags)
{
    fr_tensor *xs[MAX_INPUTS], *out[MAX_INPUTS];
    int count = 0;

    for (int i = 0; i < n; i++)
        if (fr_wants_grad(in[i]) && (by == ALL || by == i))
            xs[count++] = in[i];
    if (fr_wants_grad(y))
        ck_assert_msg(fr_gradients_with(y, w, xs, count, out, flags), "%s: %s", test_about, fr_error_message());
    for (int i = 0, k = 0; i < n; i++) {
        dx[i] = NULL;
        if (fr_wants_grad(in[i]) && (by == ALL || by == i))
            dx[i] = fr_wants_grad(y) ? out[k++] : fr_zeros_like(in[i]);
    }
}

static void compare(const char *what, const fr_tensor *got, const fr_tensor *expected)
{
    char text[NAME_SIZE];

    snprintf(text, sizeof text, "%s: %s", test_about, what);
    assert_near(text, got, expected);
}

/* Compares the gradients that were computed. */
static void compare_gradients(const char *what, fr_tensor *const *got, fr_tensor *const *expected, int n)
{
    char text[NAME_SIZE];

    for (int i = 0; i < n; i++) {
        snprintf(text, sizeof text, "gradient of %c, %s", 'a' + i, what);
        if (got[i])
            compare(text, got[i], expected[i]);
    }
}

static fr_tensor *golden_value(const subject *s)
{
    char name[NAME_SIZE];

    snprintf(name, sizeof name, "y %s", s->c->torch);
    return golden(s, name);
}

/* Compares the case's value and gradients with PyTorch's: all gradients at once and each alone, by the backward kernel
 * if there is one and by backward in ops. */
static void compare_with_golden(const subject *s, const char *what)
{
    fr_tensor *y, *w, *dx[MAX_INPUTS], *expected[MAX_INPUTS];
    char name[NAME_SIZE];

    mark(s, s->in);
    y = run(s, s->in);
    compare(what, y, golden_value(s));
    if (s->c->no_grad)
        return;
    w = convert(golden(s, "w"), (fr_dtype)y->dtype);
    for (int i = 0; i < s->n; i++) {
        snprintf(name, sizeof name, "d%c", 'a' + i);
        expected[i] = has_gradient(s, i) ? golden(s, name) : NULL;
    }
    for (int by = ALL; by < s->n; by++) {
        if (by != ALL && !expected[by])
            continue;
        differentiate(y, w, s->in, s->n, by, dx, FR_CREATE_GRAPH);
        compare_gradients("backward in ops", dx, expected, s->n);
        differentiate(y, w, s->in, s->n, by, dx, FR_RETAIN_GRAPH);
        compare_gradients(what, dx, expected, s->n);
    }
}

START_TEST(golden_values)
{
    for (int d = 0; d < 2; d++) {
        FR_SCOPE;
        subject s = open_case(is_golden, _i, FLOATS[d]), again = open_case(is_golden, _i, FLOATS[d]);
        char text[NAME_SIZE];

        compare_with_golden(&s, "kernels");
        snprintf(text, sizeof text, "%s: input changed", test_about);
        for (int i = 0; i < s.n; i++)
            assert_close(text, s.in[i], again.in[i], 0, 0);
        close_case(&again);
        close_case(&s);
    }
}
END_TEST

static void check_shapes(const fr_trace *t)
{
    char text[FR_SHAPE_TEXT];

    for (size_t i = 0; i < t->count; i++) {
        const fr_step *step = &t->steps[i];

        if (!step->op->shapes || shapes_fit(step->op->shapes, step->in, step->inputs, step->out, step->outputs))
            continue;
        for (int k = 0; k < step->inputs; k++)
            fprintf(stderr, "%s ", step->in[k] ? fr_shape_text(&step->in[k]->shape, text) : "NULL");
        ck_abort_msg("%s: %s, %s, not as its shapes tell: %s", test_about, step->op->name,
                     fr_shape_text(&step->out[0]->shape, text), step->op->shapes);
    }
}

START_TEST(not_recorded)
{
    FR_SCOPE;
    FR_NO_GRAD;
    subject s = open_case(is_golden, _i, FR_F32);
    fr_trace trace;
    fr_tensor *y;

    mark(&s, s.in);
    fr_trace_begin(fr_thread_self(), &trace);
    y = run(&s, s.in);
    ck_assert(fr_trace_stop(fr_thread_self(), "test", &trace));
    check_shapes(&trace);
    fr_trace_free(&trace);
    compare("under FR_NO_GRAD", y, golden_value(&s));
    ck_assert_msg(!fr_wants_grad(y), "%s: recorded under FR_NO_GRAD", test_about);
    close_case(&s);
}
END_TEST

/* --- Definitions -------------------------------------------------------------------------------------------------- */

/* Without its kernels an op computes the golden values and gradients too. */
START_TEST(definitions)
{
    for (int d = 0; d < 2; d++) {
        FR_SCOPE;
        subject s = open_case(is_defined, _i, FLOATS[d]);
        fr_op defined = by_definition(s.op);

        s.instead = &defined;
        compare_with_golden(&s, "definition");
        close_case(&s);
    }
}
END_TEST

/* An explanation ends with the gradients that the op has, and the parts that an op is unfolded into, its definition,
 * send the same as the op. */
START_TEST(explanations)
{
    FR_SCOPE;
    subject s = open_case(is_smooth, _i, FR_F64);
    FR_AUTO(fr_module) m = fr_module_new("test", 0, NULL);
    fr_tensor *y, *dx[MAX_INPUTS];
    char name[NAME_SIZE];

    for (int i = 0; i < s.n; i++) {
        snprintf(name, sizeof name, "in%d", i);
        if (has_gradient(&s, i))
            fr_module_param(m, name, s.in[i]);
    }
    y = run(&s, s.in);
    if (fr_wants_grad(y) && fr_numel(y) > 0) {
        explain_to_text(y, &(fr_explain_options){ .module = m, .unfold = true });
        differentiate(y, fr_ones_like(y), s.in, s.n, ALL, dx, FR_RETAIN_GRAPH);
        for (int i = 0; i < s.n; i++) {
            snprintf(name, sizeof name, "so dL/din%d = ", i);
            if (dx[i] && find_line(explained, name)) {
                numbers got = value_of_line(find_line(explained, name)), expected = value_of(dx[i]);

                ck_assert_msg(alike(&got, &expected), "%s: %s is wrong in:\n%.3000s", test_about, name, explained);
            }
        }
        snprintf(name, sizeof name, ", %s, dL/d", s.op->name); /* not in cases of functions that do without the op */
        ck_assert_msg(assert_parts_agree() > 0 || !s.op->definition || !strstr(explained, name),
                      "%s: not unfolded:\n%.3000s", test_about, explained);
    }
    close_case(&s);
}
END_TEST

/* --- Layouts ------------------------------------------------------------------------------------------------------ */

typedef enum { CONTIGUOUS, STRIDED, EXPANDED, LAYOUTS } layout;

/* Returns the same values in column-major order in every second place of a buffer; the places between are NaN (-1 for
 * int64). */
static fr_tensor *strided(const fr_tensor *t)
{
    fr_shape room = { 1, { 2 * t->numel + 1 } };
    fr_tensor *buffer = fr_hold("test", fr_tensor_alloc("test", &room, (fr_dtype)t->dtype)), *view;
    int64_t stride[FR_MAX_DIMS], next = 2;

    fr_copy_values(buffer, fr_full_like(buffer, t->dtype == FR_I64 ? -1 : NAN));
    for (int i = 0; i < t->shape.ndim; i++) {
        stride[i] = next;
        next *= t->shape.dim[i];
    }
    view = fr_hold("test", fr_tensor_share("test", buffer, &t->shape, stride, 1));
    fr_copy_values(view, t);
    return view;
}

/* Returns t with the values of a dim's first position expanded along that dim; NULL if there is no dim to repeat. */
static fr_tensor *expanded(fr_tensor *t)
{
    int64_t stride[FR_MAX_DIMS];

    memcpy(stride, t->stride, sizeof stride);
    for (int i = 0; i < t->shape.ndim; i++) {
        if (t->shape.dim[i] < 2)
            continue;
        stride[i] = 0;
        return fr_hold("test", fr_tensor_share("test", t, &t->shape, stride, 0));
    }
    return NULL;
}

/* Lays out the inputs in this way. Returns false if that changes no input. Inputs with distinct values are not
 * expanded, because that would make values equal. */
static bool lay_out(const subject *s, layout how, fr_tensor **in)
{
    bool changed = how == CONTIGUOUS;

    for (int i = 0; i < s->n; i++) {
        fr_tensor *t = how == STRIDED                                 ? strided(s->in[i])
                       : how == EXPANDED && strchr("nub", s->kind[i]) ? expanded(s->in[i])
                                                                      : NULL;

        changed = changed || t;
        in[i] = t ? t : fr_detach(s->in[i]);
    }
    return changed && (how == CONTIGUOUS || !s->c->layout_matters);
}

/* Asserts that the results for these inputs are those for contiguous inputs with the same values. */
static void compare_with_contiguous(const subject *s, const char *what, fr_tensor *const *in)
{
    fr_tensor *contiguous[MAX_INPUTS], *dx[MAX_INPUTS], *expected[MAX_INPUTS], *y, *expected_y, *w;

    for (int i = 0; i < s->n; i++)
        contiguous[i] = convert(in[i], (fr_dtype)in[i]->dtype);
    mark(s, in);
    mark(s, contiguous);
    y = run(s, in);
    expected_y = run(s, contiguous);
    compare(what, y, expected_y);
    if (s->c->no_grad)
        return;
    w = convert(golden(s, "w"), (fr_dtype)y->dtype);
    differentiate(y, w, in, s->n, ALL, dx, 0);
    differentiate(expected_y, w, contiguous, s->n, ALL, expected, 0);
    compare_gradients(what, dx, expected, s->n);
}

/* The gradient of a sum is one number, expanded. Asserts that a case's gradients are those of the same number at every
 * place. */
static void compare_expanded_gradient(const subject *s)
{
    fr_tensor *y, *number, *dx[MAX_INPUTS], *expected[MAX_INPUTS];

    if (s->c->no_grad)
        return;
    mark(s, s->in);
    y = run(s, s->in);
    number = fr_expand(convert(fr_full((fr_shape){ 0 }, 0.75), (fr_dtype)y->dtype), y->shape);
    differentiate(y, number, s->in, s->n, ALL, dx, FR_RETAIN_GRAPH);
    differentiate(y, fr_clone(number), s->in, s->n, ALL, expected, 0);
    compare_gradients("expanded gradient", dx, expected, s->n);
}

START_TEST(layouts)
{
    for (int d = 0; d < 2; d++) {
        FR_SCOPE;
        subject s = open_case(is_golden, _i, FLOATS[d]);
        fr_tensor *in[MAX_INPUTS];

        if (lay_out(&s, STRIDED, in))
            compare_with_contiguous(&s, "strided inputs", in);
        if (lay_out(&s, EXPANDED, in))
            compare_with_contiguous(&s, "expanded inputs", in);
        compare_expanded_gradient(&s);
        close_case(&s);
    }
}
END_TEST

/* --- Captured functions ------------------------------------------------------------------------------------------- */

typedef struct {
    const subject *s;
    int flags;
} capture;

/* y and its gradients, one after the other in float64. */
static fr_tensor *run_and_differentiate(fr_tensor *const *in, void *user)
{
    const capture *c = user;
    int n = c->s->n, parts = 0;
    fr_tensor *x[MAX_INPUTS] = { NULL }, *wanted[MAX_INPUTS], *all[MAX_INPUTS + 1], *y;

    for (int i = 0; i < n; i++)
        x[i] = fr_clone(in[i]);
    mark(c->s, x);
    y = run(c->s, x);
    if (!y)
        return NULL;
    for (int i = 0; i < n; i++)
        if (fr_wants_grad(x[i]) && fr_wants_grad(y))
            wanted[parts++] = x[i];
    if (parts > 0 && !fr_gradients_with(y, fr_ones_like(y), wanted, parts, all, c->flags))
        return NULL;
    all[parts++] = y;
    for (int i = 0; i < parts; i++)
        all[i] = fr_cast(fr_flatten(all[i], 0, -1), FR_F64);
    return fr_cat(all, parts, 0);
}

/* Other values than in[], of the same shapes, that the case takes too. */
static void other_values(const subject *s, fr_tensor **other)
{
    bool taken;

    for (int i = 0; i < s->n; i++) {
        fr_tensor *t = fr_reshape(fr_flip(fr_flatten(s->in[i], 0, -1), 0), s->in[i]->shape);

        other[i] = has_gradient(s, i) ? fr_mul_scalar(t, strchr("nu", s->kind[i]) ? 0.75 : 1) : t;
    }
    taken = run(s, other) != NULL;
    fr_error_clear();
    for (int i = 0; i < s->n && !taken; i++)
        other[i] = s->in[i];
}

/* Asserts that a case is captured, and replayed with other values. A case that looks at values is refused, and says so.
 */
static void capture_case(subject *s, int flags, bool no_fusion)
{
    FR_SCOPE;
    capture what = { s, flags };
    FR_AUTO(fr_captured) c =
        fr_capture_with(run_and_differentiate, &what, &(fr_capture_options){ .no_fusion = no_fusion });
    fr_tensor *other[MAX_INPUTS], *first, *got, *expected;

    other_values(s, other);
    first = fr_captured_run(c, other, s->n);
    if (!first) {
        assert_failed("captured function");
        return;
    }
    for (int i = 0; i < 2; i++) {
        got = fr_captured_run(c, i == 0 ? s->in : other, s->n);
        expected = i == 0 ? run_and_differentiate(s->in, &what) : first;
        ck_assert_msg(got != NULL, "%s: replay: %s", test_about, fr_error_message());
        ck_assert_msg(fr_numel(got) == fr_numel(expected) &&
                          memcmp(got->origin, expected->origin, (size_t)fr_numel(got) * sizeof(double)) == 0,
                      "%s: a replay gives other bits, flags %d, no_fusion %d, run %d", test_about, flags, no_fusion, i);
    }
}

START_TEST(captured)
{
    for (int d = 0; d < 2; d++) {
        FR_SCOPE;
        subject s = open_case(is_golden, _i, FLOATS[d]);

        capture_case(&s, 0, false);
        capture_case(&s, FR_CREATE_GRAPH, false);
        capture_case(&s, FR_CREATE_GRAPH, true);
        close_case(&s);
    }
}
END_TEST

/* --- Any number of threads ---------------------------------------------------------------------------------------- */

/* Returns t with each dim of size `from` made `factor` times as large: the values come again and again, floats a little
 * smaller each time. Kinds with distinct values stay so. */
static fr_tensor *enlarged(const subject *s, int input, int64_t from, int64_t factor)
{
    const fr_tensor *t = s->in[input];
    fr_shape shape = t->shape;
    fr_tensor *large;

    for (int i = 0; i < shape.ndim; i++)
        if (shape.dim[i] == from)
            shape.dim[i] *= factor;
    large = fr_hold("test", fr_tensor_alloc("test", &shape, (fr_dtype)t->dtype));
    for (int64_t i = 0; large && t->numel > 0 && i < large->numel; i++) {
        double value = fr_value_at(t, i % t->numel);
        double scale = has_gradient(s, input) ? 1 - (double)(i / t->numel % 97) / 128 : 1;

        if (t->dtype == FR_I64)
            ((int64_t *)(void *)large->origin)[i] = (int64_t)value;
        else
            ((float *)(void *)large->origin)[i] = (float)(value * scale);
    }
    return large;
}

/* The value and the gradients of an enlarged case, with the present number of threads; y is NULL if the op refuses. */
typedef struct {
    fr_tensor *y, *dx[MAX_INPUTS];
} outcome;

static outcome run_enlarged(const subject *s, int64_t from, int64_t factor)
{
    fr_tensor *in[MAX_INPUTS];
    outcome o = { 0 };

    for (int i = 0; i < s->n; i++)
        in[i] = enlarged(s, i, from, factor);
    mark(s, in);
    o.y = run(s, in);
    fr_error_clear();
    if (o.y && !s->c->no_grad)
        differentiate(o.y, fr_ones_like(o.y), in, s->n, ALL, o.dx, 0);
    return o;
}

static void assert_same_bits(const fr_tensor *a, const fr_tensor *b, int threads, int64_t size)
{
    const fr_tensor *x, *y;

    if (!a)
        return;
    x = fr_contiguous((fr_tensor *)a);
    y = fr_contiguous((fr_tensor *)b);
    ck_assert_msg(x->numel == y->numel && memcmp(x->origin, y->origin, (size_t)x->numel * fr_dtype_size(x->dtype)) == 0,
                  "%s: with %lld values, 1 thread and %d threads give different bits", test_about, (long long)size,
                  threads);
}

/* Memory, so work, grows with the factor and not with its square. */
static bool grows_evenly(const subject *s, int64_t from)
{
    enum { FACTOR = 4 };
    size_t peak[2];

    for (int i = 0; i < 2; i++) {
        FR_SCOPE;
        size_t before = fr_live_bytes();

        fr_reset_peak_bytes();
        if (!run_enlarged(s, from, FACTOR << i).y)
            return false;
        peak[i] = fr_peak_bytes() - before;
    }
    return peak[1] < 3 * peak[0];
}

/* Compares the bits where the first input has just more values than one and two tiles of the largest kind. Returns
 * false if the case cannot be enlarged along this dim of its first input. */
static bool compare_threads(const subject *s, int dim)
{
    static const int threads[] = { 2, 3, 4, 8, 16 };
    enum { TILE = 1 << 16 };
    int64_t from = dim < s->in[0]->shape.ndim ? s->in[0]->shape.dim[dim] : 0;

    if (from < 1 || s->in[0]->numel < 1 || !grows_evenly(s, from))
        return false;
    for (int tiles = 1; tiles <= 2; tiles++) {
        FR_SCOPE;
        int64_t size = (int64_t)tiles * TILE + 1, factor = (size - 1) / s->in[0]->numel + 1;
        outcome one, more;

        fr_set_num_threads(1);
        one = run_enlarged(s, from, factor);
        for (size_t k = 0; k < sizeof threads / sizeof *threads; k++) {
            FR_SCOPE;

            fr_set_num_threads(threads[k]);
            more = run_enlarged(s, from, factor);
            assert_same_bits(one.y, more.y, threads[k], size);
            for (int i = 0; i < s->n; i++)
                assert_same_bits(one.dx[i], more.dx[i], threads[k], size);
        }
    }
    fr_set_num_threads(0);
    return true;
}

/* Ops of which no case can be enlarged: the call gives a shape, which the sizes of the input have to fit. */
static bool has_fixed_sizes(const fr_op *op)
{
    static const char *const names[] = { "avg_unpool", "conv_by_weight", "conv_by_x", "unslice" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(op->name, names[i]) == 0)
            return true;
    return false;
}

/* For each dim of the first input one case, the first that can be enlarged along it. */
START_TEST(same_bits_for_any_number_of_threads)
{
    const fr_op *op = fr_op_table[_i];
    bool done[FR_MAX_DIMS] = { false }, any = false;

    snprintf(test_about, sizeof test_about, "%s", op->name);
    for (const fr_case *c = has_fixed_sizes(op) ? NULL : op->cases; c && c->name; c++) {
        FR_SCOPE;
        subject s = { .op = op, .c = c, .dtype = FR_F32 };

        if (!is_golden(op, c))
            continue;
        snprintf(test_about, sizeof test_about, "%s/%s", op->name, c->name);
        load_golden(&s);
        load_inputs(&s);
        for (int dim = 0; dim < 3; dim++)
            if (!done[dim] && s.n > 0)
                any = (done[dim] = compare_threads(&s, dim)) || any;
        close_case(&s);
    }
    ck_assert_msg(any || has_fixed_sizes(op), "%s: no case can be enlarged", op->name);
}
END_TEST

/* --- Finite differences ------------------------------------------------------------------------------------------- */

static fr_tensor *run_subject(fr_tensor *const *in, void *user)
{
    return run(user, in);
}

/* First and second derivatives, in each layout, or in one of them where a sanitizer makes it slow. Inputs with given
 * values ('v') are left out, because they may be at kinks. */
START_TEST(derivatives)
{
    enum { STEP = SANITIZED ? LAYOUTS : 1 };
    static const char *const names[LAYOUTS] = { "contiguous", "strided", "expanded" };

    for (int how = _i % STEP; how < LAYOUTS; how += STEP) {
        FR_SCOPE;
        subject s = open_case(is_smooth, _i, FR_F64);
        fr_tensor *in[MAX_INPUTS];
        bool any = false, changed = lay_out(&s, (layout)how, in);

        for (int i = 0; i < s.n; i++)
            if (strchr("nud", s.kind[i]))
                any = fr_numel(fr_requires_grad(in[i])) > 0 || any;
        if (any && changed && fr_dtype_of(run(&s, in)) == FR_F64) {
            ck_assert_msg(fr_gradcheck(run_subject, in, s.n, &s), "%s, %s: %s", test_about, names[how],
                          fr_error_message());
            ck_assert_msg(fr_gradgradcheck(run_subject, in, s.n, &s), "%s, %s: %s", test_about, names[how],
                          fr_error_message());
        }
        close_case(&s);
    }
}
END_TEST

/* --- Forward mode ------------------------------------------------------------------------------------------------- */

/* Returns a direction for t: positive and negative values, the same at each call; zeros if t has no gradient. */
static fr_tensor *direction(const fr_tensor *t, int which)
{
    fr_tensor *v = fr_zeros_like(t);

    for (int64_t i = 0; i < fr_numel(v) && fr_dtype_of(v) == FR_F64; i++)
        ((double *)fr_data(v))[i] = (i % 2 ? -1 : 1) * (0.5 + fmod((double)(i + 7 * which) * 0.6180339887, 1));
    return v;
}

static double inner(const fr_tensor *a, const fr_tensor *b, double *size)
{
    double sum = 0;

    for (int64_t i = 0; i < fr_numel(a); i++) {
        sum += fr_at(a, i) * fr_at(b, i);
        *size += fabs(fr_at(a, i) * fr_at(b, i));
    }
    return sum;
}

/* Chooses tangents for the inputs that have gradients. Returns their number. */
static int choose_directions(const subject *s, fr_tensor *const *in, fr_tensor **tangents)
{
    int n = 0;

    for (int i = 0; i < s->n; i++) {
        tangents[i] = has_gradient(s, i) ? direction(in[i], i) : NULL;
        n += tangents[i] != NULL;
    }
    return n;
}

/* Asserts that <dy, v> is the sum of <tangent, gradient for v>, and that y is the same without tangents. */
static void compare_with_reverse(const subject *s, const char *what, fr_tensor *const *in)
{
    fr_tensor *tangents[MAX_INPUTS], *dx[MAX_INPUTS], *y, *dy, *plain, *v;
    double forward, reverse = 0, size = 0;

    choose_directions(s, in, tangents);
    ck_assert_msg(fr_jvp(run_subject, in, tangents, s->n, (void *)s, &y, &dy), "%s: jvp: %s", test_about,
                  fr_error_message());
    mark(s, in);
    plain = run(s, in);
    compare(what, y, plain);
    if (fr_dtype_of(y) != FR_F64)
        return;
    v = direction(y, 3);
    forward = inner(dy, v, &size);
    differentiate(plain, v, in, s->n, ALL, dx, 0);
    for (int i = 0; i < s->n; i++)
        if (dx[i])
            reverse += inner(tangents[i], dx[i], &size);
    ck_assert_msg(fabs(forward - reverse) <= 1e-11 * (1 + size) || !isfinite(size),
                  "%s, %s: <dy, v> is %.15g in forward mode, %.15g in reverse mode", test_about, what, forward,
                  reverse);
}

/* Compares dy with the central difference of f. */
static void compare_with_differences(const subject *s, const char *what, fr_tensor *const *in)
{
    FR_NO_GRAD;
    const double step = 1e-6;
    fr_tensor *tangents[MAX_INPUTS], *high[MAX_INPUTS], *low[MAX_INPUTS], *y, *dy, *differences;
    char text[NAME_SIZE];

    choose_directions(s, in, tangents);
    for (int i = 0; i < s->n; i++) {
        high[i] = tangents[i] ? fr_add(in[i], fr_mul_scalar(tangents[i], step)) : in[i];
        low[i] = tangents[i] ? fr_sub(in[i], fr_mul_scalar(tangents[i], step)) : in[i];
    }
    ck_assert_msg(fr_jvp(run_subject, in, tangents, s->n, (void *)s, &y, &dy), "%s", fr_error_message());
    if (fr_dtype_of(y) != FR_F64)
        return;
    differences = fr_mul_scalar(fr_sub(run(s, high), run(s, low)), 0.5 / step);
    if (!isfinite(fr_item(fr_sum(differences)))) /* for example logsumexp or var of no values */
        return;
    snprintf(text, sizeof text, "%s, %s: jvp", test_about, what);
    assert_close(text, dy, differences, 1e-3, 1e-5);
}

static fr_tensor *weighted_sum(fr_tensor *const *in, void *user)
{
    fr_tensor *y = run(user, in);

    return fr_sum(fr_mul(direction(y, 5), fr_square(y)));
}

/* Compares forward over reverse mode with reverse over reverse mode. */
static void compare_second(const subject *s, const char *what, fr_tensor *const *in)
{
    fr_tensor *xs[MAX_INPUTS], *vs[MAX_INPUTS], *dx[MAX_INPUTS], *twice[MAX_INPUTS], *sum = NULL;
    char text[NAME_SIZE];

    for (int i = 0; i < s->n; i++) {
        if (!has_gradient(s, i) || fr_dtype_of(in[i]) != FR_F64)
            return; /* fr_hvp needs a v for each x */
        xs[i] = fr_requires_grad(fr_detach(in[i]));
        vs[i] = direction(in[i], i);
    }
    differentiate(weighted_sum(xs, (void *)s), NULL, xs, s->n, ALL, dx, FR_CREATE_GRAPH);
    for (int i = 0; i < s->n; i++) {
        fr_tensor *part = dx[i] ? fr_sum(fr_mul(dx[i], vs[i])) : NULL;

        sum = part && sum ? fr_add(sum, part) : part ? part : sum;
    }
    if (!sum)
        return;
    differentiate(sum, NULL, xs, s->n, ALL, twice, 0);
    ck_assert_msg(fr_hvp(weighted_sum, xs, vs, s->n, (void *)s, 0, NULL, dx), "%s: hvp: %s", test_about,
                  fr_error_message());
    for (int i = 0; i < s->n; i++) {
        snprintf(text, sizeof text, "%s: Hessian-vector product by %c", what, 'a' + i);
        compare(text, dx[i], twice[i]);
    }
}

START_TEST(forward_mode)
{
    static const char *const names[LAYOUTS] = { "contiguous", "strided", "expanded" };

    for (int how = CONTIGUOUS; how < LAYOUTS; how++) {
        FR_SCOPE;
        subject s = open_case(is_smooth, _i, FR_F64);
        fr_tensor *in[MAX_INPUTS];
        bool given = strchr(s.c->inputs, 'v') != NULL;

        if (lay_out(&s, (layout)how, in)) {
            if (!given)
                compare_with_differences(&s, names[how], in);
            compare_with_reverse(&s, names[how], in);
            if (!given)
                compare_second(&s, names[how], in);
        }
        close_case(&s);
    }
}
END_TEST

/* --- Failing ------------------------------------------------------------------------------------------------------ */

/* A failing call returns NULL. Its message starts with "frond: " and contains the case's texts, the first of which is
 * the function's name. */
START_TEST(failing_calls)
{
    FR_SCOPE;
    subject s = open_case(is_failing, _i, FR_F32);
    char start[NAME_SIZE];
    const char *message;

    mark(&s, s.in);
    ck_assert_msg(run(&s, s.in) == NULL, "%s: succeeded", test_about);
    message = fr_error_message();
    ck_assert_msg(message != NULL, "%s: NULL without an error", test_about);
    snprintf(start, sizeof start, "frond: %s: ", s.c->fails[0]);
    ck_assert_msg(strncmp(message, start, strlen(start)) == 0, "%s: does not begin with \"%s\": %s", test_about, start,
                  message);
    for (int i = 1; i < 4 && s.c->fails[i]; i++)
        ck_assert_msg(strstr(message, s.c->fails[i]) != NULL, "%s: \"%s\" is not in: %s", test_about, s.c->fails[i],
                      message);
    fr_error_clear();
    close_case(&s);
}
END_TEST

/* Copies the name of tensor i in the prototype of the op's function. False if it has no such tensor. */
static bool prototype_name(const fr_op *op, int i, char name[NAME_SIZE])
{
    for (const fr_argument_names *a = fr_argument_table; a->function; a++) {
        const char *text = a->names;

        if (strcmp(a->function, op->name) != 0)
            continue;
        for (; i > 0 && *text; i--) {
            text += strcspn(text, " ");
            text += strspn(text, " ");
        }
        snprintf(name, NAME_SIZE, "%.*s", (int)strcspn(text, " []"), text);
        return *text != '\0';
    }
    return false;
}

/* If the op's function failed because input i is NULL, the message has its name. Cases take the inputs in the order of
 * the prototype, so that this compares the order of the op's inputs with it. */
static void check_named(const subject *s, int i)
{
    char start[NAME_SIZE], name[NAME_SIZE];
    const char *message = fr_error_message();
    int length = snprintf(start, sizeof start, "frond: %s: ", s->op->name);

    if (message && strncmp(message, start, (size_t)length) == 0 && strstr(message, " is NULL") &&
        prototype_name(s->op, i, name))
        ck_assert_msg(strncmp(message + length, name, strlen(name)) == 0, "%s: input %c is NULL: \"%s\" is not in: %s",
                      test_about, 'a' + i, name, message);
}

/* With NULL for an input an op returns NULL and there is one error: the earlier one if there is one. Ops with optional
 * inputs, and cases that say so, may succeed if there is no earlier error. */
START_TEST(null_inputs)
{
    FR_SCOPE;
    subject s = open_case(is_golden, _i, FR_F32);

    for (int i = 0; i < s.n; i++) {
        fr_tensor *given = s.in[i], *y;

        s.in[i] = NULL;
        y = run(&s, s.in);
        ck_assert_msg((y == NULL) == (fr_error_message() != NULL), "%s: input %c is NULL: %s", test_about, 'a' + i,
                      y ? "an error with a result" : "NULL without an error");
        check_named(&s, i);
        ck_assert_msg(!y || s.op->optional || s.c->may_lack, "%s: input %c is NULL: succeeded", test_about, 'a' + i);
        fr_error_clear();
        fr_fail("test", "an earlier failure");
        ck_assert_msg(run(&s, s.in) == NULL, "%s: input %c failed: succeeded", test_about, 'a' + i);
        assert_failed("frond: test: an earlier failure");
        s.in[i] = given;
    }
    close_case(&s);
}
END_TEST

/* --- As ONNX ------------------------------------------------------------------------------------------------------ */

typedef struct {
    subject *s;
    int input;
} exported_case;

/* A module's forward that runs a case: one input is the module's x, the others are constants. */
static fr_tensor *run_case(fr_module *m, fr_tensor *x)
{
    const exported_case *e = fr_self(m);
    subject s = *e->s;

    s.in[e->input] = x;
    return run(&s, s.in);
}

static fr_module *module_of(subject *s, int input)
{
    fr_module *m = fr_module_new("Case", sizeof(exported_case), run_case);

    *(exported_case *)fr_self(m) = (exported_case){ s, input };
    return m;
}

/* --- As C --------------------------------------------------------------------------------------------------------- */

/* What was written of an op's cases: f0.c, f1.c, ... with a program that runs them one after the other, their inputs
 * and the library's results. */
typedef struct {
    FILE *program, *x, *expected;
    int count;
} c_files;

/* In the file of results, before the values, which are double. */
typedef struct {
    fr_dtype dtype;
    int64_t numel;
    char about[256];
} c_result;

static FILE *open_in_folder(const char *name, const char *mode)
{
    char path[PATH];
    FILE *f = fopen(in_folder(name, path), mode);

    ck_assert_ptr_nonnull(f);
    return f;
}

static void begin_c(c_files *files)
{
    *files = (c_files){ open_in_folder("main.c", "w"), open_in_folder("x", "w"), open_in_folder("expected", "w"), 0 };
    fputs("#include <stdint.h>\n#include <stdio.h>\nint main(void) {\n", files->program);
}

/* Adds the case that was written as fN.c. */
static void add_c(c_files *files, const fr_tensor *x, const fr_tensor *y)
{
    const char *types[] = { fr_dtype_of(x) == FR_I64 ? "int64_t" : "float",
                            fr_dtype_of(y) == FR_I64 ? "int64_t" : "float" };
    int n = (int)fr_numel(x), i = files->count++;
    c_result r = { .dtype = fr_dtype_of(y), .numel = fr_numel(y) };

    fprintf(files->program, "  { extern void f%d_run(const %s *, %s *); static %s x[%d]; static %s y[%d];\n", i,
            types[0], types[1], types[0], n, types[1], (int)fr_numel(y) + 1);
    fprintf(files->program, "    if (fread(x, sizeof *x, %d, stdin) != %d) return 1;\n", n, n);
    fprintf(files->program, "    f%d_run(x, y); fwrite(y, sizeof *y, %d, stdout); }\n", i, (int)fr_numel(y));
    fwrite(fr_data((fr_tensor *)x), fr_dtype_size(fr_dtype_of(x)), (size_t)n, files->x);
    snprintf(r.about, sizeof r.about, "%s", test_about);
    fwrite(&r, sizeof r, 1, files->expected);
    for (int64_t k = 0; k < fr_numel(y); k++)
        fwrite((double[]){ fr_at(y, k) }, sizeof(double), 1, files->expected);
}

/* Writes the case with this input as x. If it cannot be, the error names ops, s->op among them if it has no C form. */
static void write_c(c_files *files, subject *s, int input, bool *refused)
{
    fr_module *m = module_of(s, input);
    char path[PATH], name[32], named[64];
    fr_tensor *y = run(s, s->in);

    snprintf(name, sizeof name, "f%d.c", files->count);
    if (fr_dtype_of(y) != FR_F64 && fr_export_c(m, s->in[input], in_folder(name, path))) {
        add_c(files, s->in[input], y);
    } else if (fr_dtype_of(y) != FR_F64) {
        const char *message = fr_error_message();

        ck_assert_msg(strstr(message, "cannot be written in C: op ") || strstr(message, "changed in place") ||
                          strstr(message, "has no values"),
                      "%s as %c: %s", test_about, 'a' + input, message);
        snprintf(named, sizeof named, "op %s in module Case", s->op->name);
        *refused = *refused || strstr(message, named);
        if (getenv("FROND_PRINT_REFUSED"))
            printf("%s as %c: %s\n", test_about, 'a' + input, message);
    }
    fr_error_clear();
    fr_module_free(m);
}

/* Runs the program and compares what it gives. */
static void run_c(c_files *files)
{
    FILE *got, *expected;
    c_result r;

    fputs("  return 0;\n}\n", files->program);
    ck_assert(fclose(files->program) == 0 && fclose(files->x) == 0 && fclose(files->expected) == 0);
    ck_assert_msg(
        shell("cd '%2$s' && %1$s " STRICT " -O0 -o program *.c -lm && ./program < x > y", compiler("CC", "cc")), "%s",
        test_about);
    got = open_in_folder("y", "r");
    expected = open_in_folder("expected", "r");
    while (fread(&r, sizeof r, 1, expected) == 1)
        for (int64_t k = 0; k < r.numel; k++) {
            double wanted, value;
            int64_t whole;
            float real;

            ck_assert_uint_eq(fread(&wanted, sizeof wanted, 1, expected), 1);
            ck_assert_uint_eq(
                r.dtype == FR_I64 ? fread(&whole, sizeof whole, 1, got) : fread(&real, sizeof real, 1, got), 1);
            value = r.dtype == FR_I64 ? (double)whole : (double)real;
            /* Below -87 sigmoid of C is not 0, so that silu of -inf is -inf. */
            bool nan = isnan(wanted) && (isnan(value) || (isinf(value) && strncmp(r.about, "silu/", 5) == 0));

            ck_assert_msg(nan || value == wanted || fabs(value - wanted) <= 1e-6 + 1e-5 * fabs(wanted),
                          "%s, value %d: %.9g, expected %.9g", r.about, (int)k, value, wanted);
        }
    ck_assert_int_eq(fgetc(got), EOF);
    fclose(got);
    fclose(expected);
}

/* An op with a C form is written in at least one of its cases; one without is refused by its name. */
START_TEST(c_code)
{
    const fr_op *op = fr_op_table[_i];
    bool refused = false;
    int index = 0;
    c_files files;

    begin_c(&files);
    for (int k = 0; k < _i; k++)
        index += cases_of(fr_op_table[k], is_golden);
    for (int k = cases_of(op, is_golden); k > 0; k--, index++) {
        FR_SCOPE;
        FR_NO_GRAD;
        subject s = open_case(is_golden, index, FR_F32);

        for (int i = 0; i < s.n; i++)
            if (fr_numel(s.in[i]) > 0)
                write_c(&files, &s, i, &refused);
        close_case(&s);
    }
    run_c(&files);
    if (op->c_code || op->view)
        ck_assert_msg(files.count > 0, "%s: none of its cases can be written", op->name);
    else
        ck_assert_msg(refused || files.count > 0, "%s is not refused", op->name);
}
END_TEST

#ifdef HAVE_PROTOBUF_C

/* Writes the case as ONNX and returns its result for its own input; NULL, with an error, if it cannot be written. */
static fr_tensor *write_onnx(subject *s, const char *path)
{
    fr_module *m = module_of(s, 0);
    fr_tensor *y = NULL;

    if (s->n > 0 && fr_numel(s->in[0]) > 0 && fr_export_onnx(m, s->in[0], path))
        y = run(s, s->in);
    fr_module_free(m);
    return y;
}

/* The folder where the files are kept for check_onnxruntime.py, with the input as NAME.x.npy and the output as
 * NAME.y.npy. */
static const char *onnx_folder;

static void keep_arrays(const subject *s, fr_tensor *y, const char *path)
{
    char name[4096];
    int length = (int)(strlen(path) - strlen(".onnx"));

    snprintf(name, sizeof name, "%.*s.x.npy", length, path);
    ck_assert(fr_save_npy(name, s->in[0]));
    snprintf(name, sizeof name, "%.*s.y.npy", length, path);
    ck_assert(fr_save_npy(name, y));
}

/* Returns true if the case can be written; then asserts that the module loaded from the file computes the same. */
static bool goes_and_comes(int index, const char *path)
{
    FR_SCOPE;
    FR_NO_GRAD;
    subject s = open_case(is_golden, index, FR_F32);
    fr_tensor *y = write_onnx(&s, path);

    fr_error_clear();
    if (y) {
        fr_module *back = fr_load_onnx(path);

        ck_assert_msg(back != NULL, "%s: %s", test_about, fr_error_message());
        assert_close(test_about, fr_forward(back, s.in[0]), y, 1e-5, 1e-6);
        fr_module_free(back);
        if (onnx_folder)
            keep_arrays(&s, y, path);
        else
            unlink(path);
    }
    close_case(&s);
    return y != NULL;
}

/* An op that supports ONNX must be written in at least one of its cases. */
START_TEST(onnx)
{
    const fr_op *op = fr_op_table[_i];
    int index = 0, written = 0;

    if (!op->onnx && !op->onnx_name)
        return;
    for (int k = 0; k < _i; k++)
        index += cases_of(fr_op_table[k], is_golden);
    for (int k = cases_of(op, is_golden); k > 0; k--, index++) {
        char path[4096];

        snprintf(path, sizeof path, "%s%s%s.%d.onnx", onnx_folder ? onnx_folder : "", onnx_folder ? "/" : "check_ops.",
                 op->name, index);
        written += goes_and_comes(index, path);
    }
    ck_assert_msg(written > 0, "%s: none of its cases can be written", op->name);
}
END_TEST

#endif

/* --- The table ---------------------------------------------------------------------------------------------------- */

/* Each input has a name, and no name is left over. */
static void check_names(const fr_op *op)
{
    char name[FR_ARGUMENT_TEXT], other[FR_ARGUMENT_TEXT];
    int inputs = op->inputs < 0 ? 2 : op->inputs;

    for (int i = 0; i < inputs; i++) {
        ck_assert_msg(strncmp(fr_argument_name(op, i, name), "input ", 6) != 0, "%s has no name for input %d", op->name,
                      i);
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(name, fr_argument_name(op, j, other));
    }
    snprintf(other, sizeof other, "input %d", inputs);
    if (op->inputs >= 0)
        ck_assert_msg(strcmp(fr_argument_name(op, inputs, name), other) == 0, "%s: %s is none of its %d inputs",
                      op->name, name, inputs);
}

/* A user's op has the names that it gives its inputs, or none, even if it is called like one of the library's. */
START_TEST(names_of_users)
{
    fr_op op = { .name = "matmul" };
    char name[FR_ARGUMENT_TEXT];

    ck_assert_ptr_ne(fr_op_find("matmul"), &op);
    ck_assert_str_eq(fr_argument_name(&op, 1, name), "input 1");
    op.input_names = "x ys[]";
    ck_assert_str_eq(fr_argument_name(&op, 0, name), "x");
    ck_assert_str_eq(fr_argument_name(&op, 12, name), "ys[11]");
}
END_TEST

/* Each op has the entries that readers and these tests need. An op that can be called wrongly, because it has several
 * inputs or a dim, must have a failing case. */
START_TEST(table)
{
    const fr_op *op = fr_op_table[_i];
    bool golden_case = false, failing_case = false;

    ck_assert_msg(op->name && *op->name, "op %d of the table has no name", _i);
    ck_assert_msg(op->formula && *op->formula, "%s has no formula", op->name);
    ck_assert_msg(op->shapes, "%s has no shapes", op->name);
    check_names(op);
    for (int i = 0; i < _i; i++)
        ck_assert_msg(strcmp(fr_op_table[i]->name, op->name) != 0, "two ops are named %s", op->name);
    for (const fr_case *c = op->cases; c && c->name; c++) {
        ck_assert_msg(c->inputs && c->run, "%s/%s has no inputs or no run", op->name, c->name);
        ck_assert_msg(is_golden(op, c) != (c->fails[0] != NULL), "%s/%s needs either torch or fails", op->name,
                      c->name);
        for (const fr_case *other = op->cases; other != c; other++)
            ck_assert_msg(strcmp(c->name, other->name) != 0, "%s has two cases named %s", op->name, c->name);
        golden_case = golden_case || is_golden(op, c);
        failing_case = failing_case || is_failing(op, c);
    }
    ck_assert_msg(golden_case, "%s has no case with a torch expression", op->name);
    ck_assert_msg(failing_case || (op->inputs == 1 && !strstr(op->formula, "dim")),
                  "%s has no case that must fail: it takes more than one input, or its formula speaks of a dim",
                  op->name);
}
END_TEST

static int count_ops(void)
{
    int n = 0;

    while (fr_op_table[n])
        n++;
    return n;
}

/* Prints the cases for make_ops.py: op, case, inputs, torch (empty if the case must fail), "no_grad" or nothing. */
static int print_cases(void)
{
    for (const fr_op *const *op = fr_op_table; *op; op++)
        for (const fr_case *c = (*op)->cases; c && c->name; c++)
            printf("%s\t%s\t%s\t%s\t%s\n", (*op)->name, c->name, c->inputs, c->torch ? c->torch : "",
                   c->no_grad ? "no_grad" : "");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    TCase *ops = tcase_create("ops"), *kernels = tcase_create("kernels"), *threads = tcase_create("threads"),
          *exported = tcase_create("exported");

    program = argv[0];
    if (argc > 1 && strcmp(argv[1], "--cases") == 0)
        return print_cases();
#ifdef HAVE_PROTOBUF_C
    onnx_folder = argc > 2 && strcmp(argv[1], "--onnx") == 0 ? argv[2] : NULL;
    tcase_add_loop_test(ops, onnx, 0, count_ops());
    if (onnx_folder)
        return run_tests("onnx", ops, kernels, threads, exported);
#endif
    if (SANITIZED)
        setenv("CK_FORK", "no", 0); /* thousands of forks are slow; a sanitizer stops at the first error anyway */
    tcase_set_timeout(exported, 120);
    tcase_set_tags(exported, "compiler");
    tcase_add_checked_fixture(exported, make_folder, remove_folder);
    tcase_add_loop_test(exported, c_code, 0, SANITIZED ? 0 : count_ops());
    tcase_add_loop_test(threads, same_bits_for_any_number_of_threads, 0, SANITIZED ? 0 : count_ops());
    tcase_add_test(ops, names_of_users);
    tcase_add_loop_test(ops, table, 0, count_ops());
    tcase_add_loop_test(kernels, golden_values, 0, count_cases(is_golden));
    tcase_add_loop_test(ops, not_recorded, 0, count_cases(is_golden));
    tcase_add_loop_test(ops, captured, 0, count_cases(is_golden));
    tcase_add_loop_test(kernels, definitions, 0, count_cases(is_defined));
    tcase_add_loop_test(kernels, explanations, 0, count_cases(is_smooth));
    tcase_add_loop_test(kernels, layouts, 0, count_cases(is_golden));
    tcase_add_loop_test(ops, derivatives, 0, count_cases(is_smooth));
    tcase_add_loop_test(ops, forward_mode, 0, count_cases(is_smooth));
    tcase_add_loop_test(ops, failing_calls, 0, count_cases(is_failing));
    tcase_add_loop_test(ops, null_inputs, 0, count_cases(is_golden));
    return run_tests("ops", ops, kernels, threads, exported);
}
