/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_print and fr_fprint print byte for byte what PyTorch prints: golden/print.txt, which golden/make_print.py
 * describes. */
#include "testing.h"

#include <frond/op.h>
#include <locale.h>

typedef struct {
    char name[64], dtype[16], view[16], history[16], dims[64], kind[16];
} heading;

static fr_dtype dtype_named(const char *name)
{
    for (fr_dtype d = FR_F32; d <= FR_I64; d++)
        if (strcmp(fr_dtype_name(d), name) == 0)
            return d;
    ck_abort_msg("dtype %s", name);
}

static fr_shape shape_of(const char *dims)
{
    fr_shape shape = { 0 };

    if (strcmp(dims, "-") == 0)
        return shape;
    for (char *end; *dims; dims = *end ? end + 1 : end)
        shape.dim[shape.ndim++] = strtoll(dims, &end, 10);
    return shape;
}

/* Returns a tensor with the values of a line: a list of values, or a start and a step. */
static fr_tensor *tensor_of(const heading *h, char *line)
{
    fr_shape shape = shape_of(h->dims);
    bool steps = strcmp(h->kind, "steps") == 0, integers = strcmp(h->dtype, "int64") == 0;
    int64_t count = 1;

    for (int i = 0; i < shape.ndim; i++)
        count *= shape.dim[i];

    double *values = calloc((size_t)count + 2, sizeof *values);
    int64_t *whole = calloc((size_t)count + 2, sizeof *whole);

    for (int64_t i = 0; i < (steps ? 2 : count); i++) {
        char *end = line;

        if (integers && !steps)
            whole[i] = strtoll(line, &end, 10);
        else
            values[i] = strtod(line, &end);
        ck_assert_msg(end != line, "%s: too few values", h->name);
        line = end;
    }
    if (steps) {
        double start = values[0], step = values[1];

        for (int64_t i = 0; i < count; i++)
            whole[i] = (int64_t)(values[i] = start + (double)i * step);
    }

    fr_tensor *t = integers ? fr_tensor_from(shape, whole, FR_I64)
                            : fr_cast(fr_tensor_from(shape, values, FR_F64), dtype_named(h->dtype));

    free(values);
    free(whole);
    return t;
}

static fr_tensor *viewed(const heading *h, fr_tensor *t)
{
    fr_shape expanded = fr_shape_of(t);

    if (strcmp(h->view, "transposed") == 0)
        return fr_transpose(t, 0, 1);
    if (strcmp(h->view, "skipped") == 0)
        return fr_slice(t, -1, 0, INT64_MAX, 2);
    if (strcmp(h->view, "expanded") == 0) {
        memmove(expanded.dim + 1, expanded.dim, (size_t)expanded.ndim++ * sizeof *expanded.dim);
        expanded.dim[0] = 3;
        return fr_expand(t, expanded);
    }
    return t;
}

static void assert_printed(const char *name, const fr_tensor *t, const char *expected)
{
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    int count = fr_fprint(file, t);

    fclose(file);
    ck_assert_msg(strcmp(text, expected) == 0, "%s: got\n%s\nexpected\n%s", name, text, expected);
    ck_assert_msg(count == (int)strlen(expected), "%s: count %d", name, count);
    free(text);
}

static void check_case(const heading *h, char *values, const char *expected)
{
    FR_SCOPE;
    fr_tensor *t = viewed(h, tensor_of(h, values));

    if (strcmp(h->history, "none") != 0)
        t = fr_requires_grad(fr_detach(t));
    if (strcmp(h->history, "neg") == 0)
        t = fr_neg(t);
    assert_printed(h->name, t, expected);
    fr_set_default_dtype(FR_F64);
    assert_printed(h->name, t, expected);
    fr_set_default_dtype(FR_F32);
}

/* Reads the lines that start with a bar into text, without the bar. The first other line is left in line. */
static void read_expected(FILE *file, char *line, size_t size, char *text, size_t room)
{
    size_t used = 0;

    while (fgets(line, (int)size, file) && line[0] == '|') {
        size_t length = strlen(line + 1);

        ck_assert(used + length < room);
        memcpy(text + used, line + 1, length + 1);
        used += length;
    }
    ck_assert(used > 0);
    text[used - 1] = '\0'; /* removes the last line's end */
    if (feof(file))
        line[0] = '\0';
}

static int check_golden(void)
{
    enum { LINE = 1 << 14, TEXT = 1 << 16 };
    char *line = malloc(LINE), *values = malloc(LINE), *expected = malloc(TEXT);
    FILE *file = fopen(test_file("golden/print.txt"), "r");
    heading h;
    int count = 0;

    ck_assert_msg(file != NULL, "cannot open %s", test_file("golden/print.txt"));
    ck_assert_ptr_nonnull(fgets(line, LINE, file));
    while (sscanf(line, "case %63s %15s %15s %15s %63s %15s", h.name, h.dtype, h.view, h.history, h.dims, h.kind) ==
           6) {
        ck_assert_ptr_nonnull(fgets(values, LINE, file));
        read_expected(file, line, LINE, expected, TEXT);
        check_case(&h, values, expected);
        count++;
    }
    ck_assert_msg(line[0] == '\0', "not a case: %s", line);
    fclose(file);
    free(line);
    free(values);
    free(expected);
    return count;
}

START_TEST(as_pytorch_prints)
{
    ck_assert_int_ge(check_golden(), 100);
}
END_TEST

static bool infer_same(fr_op_call *call)
{
    call->out[0] = fr_meta_of(call->in[0]);
    return true;
}

static void copy(fr_op_call *call)
{
    memcpy(fr_data(call->result[0]), fr_data(call->in[0]), (size_t)fr_numel(call->in[0]) * sizeof(double));
}

static void pass_on(fr_op_call *call)
{
    call->grad_in[0] = call->grad_out[0];
}

/* A suffix that does not fit in a line goes to the next, after one that did not fit either. */
START_TEST(wraps_twice)
{
    static const fr_op named = { .name = "a_name_so_long_that_it_leaves_no_room_beside_it_in_a_line",
                                 .inputs = 1,
                                 .outputs = 1,
                                 .infer = infer_same,
                                 .forward = copy,
                                 .backward = pass_on };
    FR_SCOPE;
    fr_tensor *x = fr_cast(fr_arange(1, 15, 1, FR_I64), FR_F64);

    assert_printed("twice", fr_apply(&named, (fr_tensor *[]){ fr_requires_grad(fr_detach(x)) }, NULL),
                   "tensor([ 1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13., 14.],\n"
                   "       dtype=float64,\n"
                   "       grad_fn=<a_name_so_long_that_it_leaves_no_room_beside_it_in_a_line>)");
}
END_TEST

/* In a locale with a decimal comma, if the system has one. */
START_TEST(in_any_locale)
{
    static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ps_AF.UTF-8", "de_DE", NULL };
    FR_SCOPE;
    fr_tensor *t = fr_from_doubles(FR_SHAPE(2), (double[]){ 1.5, -0.25 });

    for (const char *const *name = names; *name; name++)
        if (setlocale(LC_NUMERIC, *name))
            assert_printed(*name, t, "tensor([ 1.5000, -0.2500])");
    setlocale(LC_NUMERIC, "C");
}
END_TEST

START_TEST(misuse)
{
    FR_SCOPE;
    FILE *full = fopen("/dev/full", "w");

    ck_assert_int_eq(fr_fprint(stdout, NULL), -1);
    assert_failed("fprint", "tensor is NULL");
    ck_assert_int_eq(fr_fprint(NULL, fr_scalar(1)), -1);
    assert_failed("fprint", "file is NULL");
    fr_print(NULL);
    assert_failed("print", "tensor is NULL");
    if (full) {
        setvbuf(full, NULL, _IONBF, 0);
        ck_assert_int_eq(fr_fprint(full, fr_scalar(1)), -1);
        assert_failed("fprint", "cannot write: ");
        fclose(full);
    }
}
END_TEST

int main(void)
{
    TCase *print = tcase_create("print");

    tcase_add_test(print, as_pytorch_prints);
    tcase_add_test(print, wraps_twice);
    tcase_add_test(print, in_any_locale);
    tcase_add_test(print, misuse);
    return run_tests("print", print);
}
