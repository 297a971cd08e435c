/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Explanations, backward step by step, and the expressions of `frond explain`. Numbers that are printed are read back,
 * and the formulas that ops tell of their derivatives are computed. check_ops.c explains each op. */
#include "explained.h"
#include "testing.h"

#include "tools/frond/expression.h"

#include <frond/op.h>

/* --- Expressions -------------------------------------------------------------------------------------------------- */

static expression with(const char *text, expression_name *names, int count)
{
    return (expression){ .text = text, .names = names, .count = count };
}

static double computed(const char *text, expression_name *names, int count)
{
    expression e = with(text, names, count);
    fr_tensor *t = expression_compute(&e);

    ck_assert_msg(t && !*e.error, "%s: %s", text, e.error);
    return fr_item(t);
}

static fr_tensor *number(double x)
{
    return fr_full_of(FR_SHAPE(), x, FR_F64);
}

START_TEST(expressions)
{
    FR_SCOPE;
    expression_name names[] = { { "x", number(2), false }, { "y_1", number(-3), false } };
    const struct {
        const char *text;
        double value;
    } right[] = {
        { "1 + 2 * 3", 7 },
        { "x - 1 - 2", -1 },
        { "8 / x / 2", 2 },
        { "2 ^ 3 ^ x", 512 },
        { "-x ^ 2", -4 },
        { "(-x) ^ 2", 4 },
        { "x ^ -1", 0.5 },
        { "2 ^ x", 4 },
        { "1 - x", -1 },
        { "1 / x", 0.5 },
        { "- - x", 2 },
        { "x*-y_1", 6 },
        { "  tanh( x )  ", tanh(2) },
        { "exp(1)", exp(1) },
        { "elu(y_1, 2)", 2 * expm1(-3) },
        { "clamp(y_1, -1, 1)", -1 },
        { "maximum(x, 2.5e0)", 2.5 },
        { "pow(x, 3)", 8 },
        { "mse(x, y_1)", 25 },
        { "sum(x) + mean(y_1)", -1 },
        { "sqrt(4)^x", 4 },
        { ".5 * x", 1 },
        { "cos(pi) * x", -2 },
        { "e^x", exp(2) },
    };

    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        ck_assert_msg(fabs(computed(right[i].text, names, 2) - right[i].value) < 1e-12, "%s is not %g", right[i].text,
                      right[i].value);
    ck_assert(names[0].used && names[1].used);
}
END_TEST

START_TEST(expressions_that_are_wrong)
{
    FR_SCOPE;
    expression_name names[] = { { "x", number(2), false } };
    char deep[400] = "";
    const struct {
        const char *text;
        int column;
        const char *piece;
    } wrong[] = {
        { "", 1, "the text ends" },
        { "x +", 4, "the text ends" },
        { "x x", 3, "not 'x'" },
        { "(x", 3, "')'" },
        { "x)", 2, "not ')'" },
        { "y", 1, "y has no value" },
        { "x + nope(x)", 5, "no such function" },
        { "tanh()", 6, "not ')'" },
        { "1 + tanh(x, x)", 5, "takes 1 argument, not 2" },
        { "elu(x, x)", 1, "must be a number" },
        { "clamp(x, 1)", 1, "takes 3 arguments" },
        { "sum(x, x)", 1, "takes 1 argument" },
        { "tanh(x, x, x, x, x)", 17, "at most 4" },
        { "[1, 2] + x", 1, "list" },
        { "x \x01", 3, "an operator" },
        { "x ^", 4, "the text ends" },
        { "x @@ x", 4, "not '@'" },
        { "1 + sin x", 5, "sin is a function: write sin(x)" },
        { "x**2", 2, "with ^" },
        { deep, 101, "nested" },
        { "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee", 1, "at most 40" },
    };

    for (int i = 0; i < 300; i++)
        deep[i] = i % 2 ? '(' : '-';
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        expression e = with(wrong[i].text, names, 1);

        ck_assert_ptr_null(expression_compute(&e));
        ck_assert_msg(strstr(e.error, wrong[i].piece) && e.at - e.text + 1 == wrong[i].column, "\"%s\": column %d: %s",
                      wrong[i].text, (int)(e.at - e.text) + 1, e.error);
    }
}
END_TEST

START_TEST(values_of_names)
{
    FR_SCOPE;
    const char *const wrong[] = { "",
                                  "x",
                                  "[",
                                  "[]",
                                  "[1",
                                  "[1,",
                                  "1 2",
                                  "[[1, 2], [3]]",
                                  "[[1], 2]",
                                  "[1, [2]]",
                                  "nan",
                                  "--1",
                                  "[[[[[[[[[1]]]]]]]]]",
                                  "1]",
                                  "[1][2]" };
    expression e = { .text = " [[1, -2, .5], [4e1, 5, 6]] " };
    fr_tensor *t = expression_value(&e);
    char many[4096] = "[0";

    ck_assert(t && !*e.error);
    ck_assert(fr_shape_of(t).ndim == 2 && fr_shape_of(t).dim[0] == 2 && fr_shape_of(t).dim[1] == 3);
    ck_assert(fr_at(t, 1) == -2 && fr_at(t, 2) == 0.5 && fr_at(t, 3) == 40);
    e.text = "-3";
    ck_assert(fr_item(expression_value(&e)) == -3);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        e.text = wrong[i];
        ck_assert_msg(!expression_value(&e) && *e.error, "'%s' is a value", wrong[i]);
    }
    for (int i = 0; i < 1024; i++)
        strcat(many, ",0");
    e.text = many;
    ck_assert(!expression_value(&e) && strstr(e.error, "more than 1024"));
}
END_TEST

/* --- Derivatives as text ------------------------------------------------------------------------------------------ */

/* Computes "VALUE where NAME > 0, else OTHER" and what has no where. */
static double piecewise(const char *text, expression_name *names, int count)
{
    char first[256], condition[64], otherwise[256], *sign;
    double left, right;

    if (sscanf(text, "%255[^w] where %63[^,], else %255[^\n]", first, condition, otherwise) != 3)
        return computed(text, names, count);
    sign = strpbrk(condition, "<>");
    ck_assert_ptr_nonnull(sign);
    right = computed(sign + 1, names, count);
    left = *sign == '<' ? 1 : -1;
    *sign = '\0';
    left *= computed(condition, names, count) - right * 1;
    return computed(left < 0 ? first : otherwise, names, count);
}

static void compare_text(const fr_op *op, const char *text, double x, double b)
{
    double attributes[2] = { 0.7, 2 };
    fr_tensor *in[2] = { fr_requires_grad(number(x)), fr_requires_grad(number(b)) }, *y, *dx[2];
    char piece[512];

    ck_assert_msg(fr_apply_n(op, in, op->inputs, attributes, &y), "%s", fr_error_message());
    ck_assert(fr_gradients(y, in, op->inputs, dx, 0));
    for (int i = 0; i < op->inputs; i++) {
        expression_name names[] = { { op->inputs == 1 ? "x" : "a", in[0], 0 },
                                    { "b", in[1], 0 },
                                    { "y", y, 0 },
                                    { "value", number(0.7), 0 },
                                    { "alpha", number(0.7), 0 },
                                    { "negative_slope", number(0.7), 0 },
                                    { "pi", number(acos(-1)), 0 } };
        char begin[] = "dy/dx = ";
        const char *at;
        double told, is = fr_item(dx[i]);

        begin[4] = op->inputs == 1 ? 'x' : (char)('a' + i);
        at = strstr(text, begin);
        ck_assert_msg(at != NULL, "%s: no %s in %s", op->name, begin, text);
        at += strlen(begin);
        snprintf(piece, sizeof piece, "%.*s", (int)(strstr(at, ", dy/") ? strstr(at, ", dy/") - at : (int)strlen(at)),
                 at);
        told = piecewise(piece, names, 7);
        ck_assert_msg(isnan(is) || fabs(told - is) <= 1e-6 * fabs(is) + 1e-9,
                      "%s at %g, %g: %s is %g, the derivative %g", op->name, x, b, piece, told, is);
    }
}

START_TEST(derivatives_as_text)
{
    const double places[][2] = { { -1.7, 0.6 }, { -0.4, 2.5 }, { 0.3, -1.2 }, { 2.6, 1.9 }, { 0.8, 0.7 } };
    int ops = 0;

    for (int i = 0; fr_op_at(i); i++) {
        const fr_op *op = fr_op_at(i);

        /* Of a pointwise op it is a factor, of others it has dL/dy in it. */
        ck_assert_msg(!op->derivative || (op->jvp == fr_jvp_pointwise) == (op->derivative[1] != 'L'), "%s", op->name);
        if (!op->derivative || strncmp(op->derivative, "dy/d", 4) != 0)
            continue;
        ops++;
        for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
            FR_SCOPE;
            compare_text(op, op->derivative, places[k][0], places[k][1]);
        }
    }
    ck_assert_int_ge(ops, 45);
}
END_TEST

/* --- The text ----------------------------------------------------------------------------------------------------- */

/* A network with shared values, a scalar and a row, a matrix, fused and pointwise ops. */
static fr_tensor *network(fr_module *m)
{
    fr_tensor *w = fr_module_find(m, "w"), *x = fr_module_find(m, "x"), *s = fr_module_find(m, "s");
    fr_tensor *h = fr_tanh(fr_linear(x, w, NULL)), *scaled = fr_mul(h, s);

    return fr_add(fr_mse(fr_softmax(scaled, -1), fr_sigmoid(h), FR_SUM), fr_mul_scalar(fr_square(s), 0.5));
}

static fr_tensor *value(const char *text)
{
    expression e = { .text = text };

    return expression_value(&e);
}

static fr_module *parameters(void)
{
    fr_module *m = fr_module_new("test", 0, NULL);

    fr_module_param(m, "w", value("[[0.3, -0.8, 0.5], [1.1, 0.2, -0.4]]"));
    fr_module_param(m, "x", value("[[0.7, -1.5, 0.25]]"));
    fr_module_param(m, "s", value("1.3"));
    return m;
}

/* Asserts that explained ends with the gradients that a backward of y leaves in the parameters. */
static void assert_gradients(fr_module *m, fr_tensor *y, const char *beginning)
{
    int n;
    const fr_named_tensor *state = fr_module_state(m, &n);

    ck_assert_msg(fr_backward(y), "%s", fr_error_message());
    for (int i = 0; i < n; i++) {
        char line[64];

        snprintf(line, sizeof line, beginning, state[i].name);
        ck_assert_msg(find_line(explained, line) != NULL, "no \"%s\" in:\n%s", line, explained);
        numbers got = value_of_line(find_line(explained, line)), expected = value_of(fr_grad(state[i].tensor));
        ck_assert_msg(alike(&got, &expected), "%s is wrong in:\n%s", line, explained);
    }
}

/* Of each line "... = A * B = C": C is the product, and of each "= P from #i + Q from #j = S" S is the sum. Returns how
 * many lines there were of either kind. */
static int assert_arithmetic(void)
{
    int lines = 0;

    for (const char *line = explained; *line; line = end_of_line(line), line += *line == '\n') {
        const char *end = end_of_line(line), *times = NULL, *last = NULL, *before = NULL;
        bool sum = false;

        for (const char *p = line; p < end; p++) {
            if (strncmp(p, " = ", 3) == 0) {
                before = last;
                last = p + 3;
            }
            if (before && strncmp(p, " * ", 3) == 0 && last == p)
                times = p;
            sum = sum || strncmp(p, " from #", 7) == 0;
        }
        if (!before || !last || strncmp(line + depth_of(line), "d#", 2) == 0) /* that is a formula */
            continue;
        if (sum) {
            double total = 0;
            numbers whole = numbers_between(last, end);

            for (const char *p = before; p < last; p = strstr(p, " from #") + 7 < last ? strstr(p, " + ") + 3 : last) {
                const char *from = strstr(p, " from #");
                numbers part = numbers_between(p, from);

                total += part.v[0];
                if (!strstr(from, " + ") || strstr(from, " + ") > last)
                    break;
            }
            ck_assert_msg(fabs(total - whole.v[0]) <= 1e-4 * fabs(whole.v[0]) + 2e-5, "%.*s", (int)(end - line), line);
            lines++;
        } else if ((times = strstr(before, " * ")) && times < last) {
            numbers a = numbers_between(before, times), b = numbers_between(times, last - 3),
                    c = numbers_between(last, end);

            ck_assert_msg(a.n == b.n && a.n == c.n, "%.*s", (int)(end - line), line);
            for (int i = 0; i < a.n; i++)
                ck_assert_msg(fabs(a.v[i] * b.v[i] - c.v[i]) <= 1e-4 * fabs(c.v[i]) + 1e-9, "%.*s", (int)(end - line),
                              line);
            lines++;
        }
    }
    return lines;
}

START_TEST(words)
{
    FR_SCOPE;
    FR_AUTO(fr_module) m = parameters();
    fr_tensor *y = network(m);

    explain_to_text(y, &(fr_explain_options){ .module = m });
    ck_assert_int_ge(assert_arithmetic(), 9);
    ck_assert_ptr_nonnull(find_line(explained, "#1 = linear(x = [[0.7, -1.5, 0.25]], w = [[0.3"));
    ck_assert_ptr_nonnull(strstr(explained, " = 0.5 #"));
    ck_assert_ptr_nonnull(strstr(explained, "[check_explain.c:") ? "" : strstr(explained, "check_explain.c:"));
    ck_assert_ptr_null(fr_grad(fr_module_find(m, "w")));
    assert_gradients(m, y, "so dL/d%s = ");
}
END_TEST

START_TEST(unfolded_text)
{
    FR_SCOPE;
    FR_AUTO(fr_module) m = parameters();
    fr_tensor *y = network(m);

    explain_to_text(y, &(fr_explain_options){ .module = m, .unfold = true });
    ck_assert_int_ge(assert_arithmetic(), 14);
    ck_assert_int_eq(assert_parts_agree(), 3); /* linear, softmax, mse */
    assert_gradients(m, y, "so dL/d%s = ");
}
END_TEST

/* Recurrent ops have several results and steps. */
START_TEST(unfolded_recurrent_ops)
{
    fr_module *layers[] = { fr_nn_rnn(1, 2, NULL), fr_nn_lstm(1, 2, NULL), fr_nn_gru(1, 2, NULL) };

    for (int i = 0; i < 3; i++) {
        FR_SCOPE;
        fr_recurrent r = fr_recurrent_forward(layers[i], fr_randn(FR_SHAPE(3, 1, 1)), NULL);
        fr_tensor *y = fr_add(fr_sum(fr_square(r.out)), fr_sum(r.h));

        explain_to_text(y, &(fr_explain_options){ .module = layers[i], .unfold = true });
        ck_assert_int_ge(assert_parts_agree(), 1);
        ck_assert_ptr_nonnull(strstr(explained, "weight_ih_l0"));
        assert_gradients(layers[i], y, "so dL/d%s = ");
        fr_module_free(layers[i]);
    }
}
END_TEST

/* --- The table ---------------------------------------------------------------------------------------------------- */

/* A variable of the table's formulas: of vN its value, and its derivative, which stands there as dL/dvN. */
enum { VARIABLES = 40 };

/* Replaces "dL/dv" by "dL_dv" and "v[2]" by nothing: the text is one that `frond explain` could read. */
static void make_expression(const char *begin, const char *end, char *text)
{
    snprintf(text, 512, "%.*s", (int)(end - begin), begin);
    for (char *p = text; (p = strstr(p, "dL/d"));)
        p[2] = '_';
}

/* Checks a row "vN = ... = VALUE | dL/dvN = SYMBOLS = NUMBERS = SUM": all three say the same. */
static void check_row(const char *row, expression_name *names, int count)
{
    const char *end = end_of_line(row), *bar = strstr(row, " | "), *part[8];
    char text[512];
    numbers sum = value_of_line(row);
    int parts = 0;

    ck_assert(bar && bar < end && sum.n == 1);
    for (const char *p = bar; p < end && parts < 8; p++)
        if (strncmp(p, " = ", 3) == 0)
            part[parts++] = p + 3;
    for (int i = 0; i + 1 < parts; i++) {
        expression e = { .text = text, .names = names, .count = count };
        fr_tensor *t;

        make_expression(part[i], part[i + 1] - 3, text);
        if (strstr(text, " where ") || strstr(text, "through"))
            continue;
        t = expression_compute(&e);
        ck_assert_msg(t != NULL, "%s: %s in %.*s", text, e.error, (int)(end - row), row);
        ck_assert_msg(fabs(fr_item(t) - sum.v[0]) <= 1e-3 * fabs(sum.v[0]) + 1e-5, "%s is %g in %.*s", text, fr_item(t),
                      (int)(end - row), row);
    }
}

/* Reads each row's value and derivative, then checks all rows by them. */
static int check_table(void)
{
    static char spelled[2 * VARIABLES][16];
    expression_name names[2 * VARIABLES];
    const char *rows[VARIABLES];
    int n = 0;

    for (const char *row = explained; (row = find_line(row, "v")) && n < VARIABLES; row = end_of_line(row), n++) {
        numbers left = numbers_between(row, strstr(row, " | ")), right = value_of_line(row);

        ck_assert_int_ge(left.n, 1);
        snprintf(spelled[2 * n], sizeof *spelled, "v%d", n + 1);
        snprintf(spelled[2 * n + 1], sizeof *spelled, "dL_dv%d", n + 1);
        names[2 * n] = (expression_name){ spelled[2 * n], number(left.v[left.n - 1]), false };
        names[2 * n + 1] = (expression_name){ spelled[2 * n + 1], number(right.v[0]), false };
        rows[n] = row;
    }
    for (int i = 0; i < n; i++)
        check_row(rows[i], names, 2 * n);
    return n;
}

START_TEST(table)
{
    FR_SCOPE;
    FR_AUTO(fr_module) m = fr_module_new("test", 0, NULL);
    fr_tensor *a = fr_module_param(m, "a", number(0.5)), *b = fr_module_param(m, "b", number(2)), *y;
    char line[64];

    y = fr_mul(a, b);
    y = fr_add(y, fr_sin(a));
    y = fr_div(fr_mul(y, fr_exp(fr_neg(y))), fr_add_scalar(fr_square(b), 1));
    y = fr_tanh(fr_sub(y, fr_pow_scalar(a, 3)));
    explain_to_text(y, &(fr_explain_options){ .module = m, .trace_table = true });
    ck_assert_int_eq(check_table(), 14);
    ck_assert_ptr_nonnull(find_line(explained, "v1 = a"));
    snprintf(line, sizeof line, "v3 = v1 v2");
    ck_assert_msg(find_line(explained, line) != NULL, "%s", explained);
    ck_assert(fr_backward(y));
    for (int i = 0; i < 2; i++) {
        numbers got = value_of_line(find_line(explained, i ? "v2 = b" : "v1 = a"));
        numbers expected = value_of(fr_grad(i ? b : a));

        ck_assert(alike(&got, &expected));
    }
}
END_TEST

/* Of a network with matrices: the leaves' rows end with their gradients, and an unfolded op has a table of its own. */
START_TEST(table_of_matrices)
{
    FR_SCOPE;
    FR_AUTO(fr_module) m = parameters();
    fr_tensor *y = network(m);
    const char *leaves[] = { "v1 = x", "v2 = w", "v3 = s" }, *names[] = { "x", "w", "s" };

    explain_to_text(y, &(fr_explain_options){ .module = m, .trace_table = true, .unfold = true });
    ck_assert_ptr_nonnull(find_line(explained, "v4 in smaller ops, of linear:"));
    ck_assert_ptr_nonnull(find_line(explained, "v4.1 = permute(v2)"));
    ck_assert_ptr_nonnull(strstr(explained, "| dL/dv3 = dL/dv")); /* s, which is squared, and repeated in a product */
    ck_assert_ptr_nonnull(strstr(explained, " + sum(dL/dv"));
    ck_assert(fr_backward(y));
    for (int i = 0; i < 3; i++) {
        ck_assert_msg(find_line(explained, leaves[i]) != NULL, "%s", explained);
        numbers got = value_of_line(find_line(explained, leaves[i]));
        numbers expected = value_of(fr_grad(fr_module_find(m, names[i])));

        ck_assert_msg(alike(&got, &expected), "%s", explained);
    }
}
END_TEST

/* --- What is wrong or looks wrong --------------------------------------------------------------------------------- */

static void assert_warning(fr_tensor *y, const char *warning)
{
    for (int as_table = 0; as_table < 2; as_table++) {
        explain_to_text(y, &(fr_explain_options){ .trace_table = as_table });
        ck_assert_msg(!strstr(explained, "-nan") && !strstr(explained, "= -0\n"), "%s", explained);
        ck_assert_msg(!warning == !strstr(explained, "Beware"), "%s", explained);
    }
    explain_to_text(y, NULL);
    ck_assert_msg(!warning || strstr(explained, warning), "%s", explained);
}

START_TEST(where_nan_comes_from)
{
    FR_SCOPE;
    fr_tensor *zero = fr_requires_grad(number(0)), *minus = fr_requires_grad(number(-1));

    assert_warning(fr_neg(zero), NULL);
    assert_warning(fr_exp(fr_log(minus)), "Beware: nan came first from #1 = log(a = -1).\n");
    assert_warning(fr_add(minus, fr_sqrt(zero)), "Beware: in the gradients inf came first from #1 = sqrt(a = 0).\n");
    assert_warning(fr_exp(fr_requires_grad(number(INFINITY))), "Beware: inf is in the leaf a.\n");
}
END_TEST

/* --- Values that the graph does not keep -------------------------------------------------------------------------- */

static int forwards;

static bool infer_same(fr_op_call *call)
{
    call->out[0] = fr_meta_of(call->in[0]);
    return true;
}

static void count_and_double(fr_op_call *call)
{
    forwards++;
    *(double *)fr_data(call->result[0]) = 2 * fr_at(call->in[0], 0);
}

static void double_gradient(fr_op_call *call)
{
    call->grad_in[0] = fr_mul_scalar(call->grad_out[0], 2);
}

static const fr_op doubled_op = { .name = "doubled",
                                  .formula = "y = 2 x",
                                  .inputs = 1,
                                  .outputs = 1,
                                  .saves_inputs = FR_SAVES_NOTHING,
                                  .infer = infer_same,
                                  .forward = count_and_double,
                                  .backward = double_gradient };

/* A leaf may be called like a letter of a formula, and an input may be left out. */
START_TEST(formulas_have_the_names_of_the_graph)
{
    FR_SCOPE;
    fr_tensor *a = fr_requires_grad(number(3)), *b = fr_requires_grad(number(2)), *c = fr_requires_grad(number(4));
    fr_tensor *x = fr_requires_grad(fr_ones(FR_SHAPE(1, 2))), *w = fr_requires_grad(fr_ones(FR_SHAPE(1, 2)));
    fr_op letters = doubled_op;

    letters.formula = "y = 2 a";
    explain_to_text(fr_pow_scalar(fr_mul(fr_add(a, b), c), 2), NULL);
    ck_assert_ptr_nonnull(find_line(explained, "#2 = mul(#1 = 5, c = 4) = 20    by #2 = #1 c"));
    ck_assert_ptr_nonnull(find_line(explained, "d#3/d#2 = 2 * #2 = 40"));
    ck_assert_ptr_nonnull(strstr(explained, "so dL/da = 160\n  so dL/db = 160\n  so dL/dc = 200\n"));
    explain_to_text(fr_linear(x, w, NULL), NULL);
    ck_assert_msg(strstr(explained, "by #1 = a b^T ") || strstr(explained, "by #1 = a b^T\n"), "%s", explained);
    explain_to_text(fr_layer_norm(x, FR_SHAPE(2), NULL, fr_requires_grad(fr_ones(FR_SHAPE(2))), 0), NULL);
    ck_assert_msg(strstr(explained, " / sqrt(variance + eps) + b "), "%s", explained);
    explain_to_text(fr_apply(&letters, (fr_tensor *[]){ fr_neg(b) }, NULL), NULL);
    ck_assert_ptr_nonnull(strstr(explained, "by #2 = 2 #1"));
    explain_to_text(fr_cross_entropy(x, fr_zeros_of(FR_SHAPE(1), FR_I64), FR_MEAN), NULL);
    ck_assert_msg(strstr(explained, "by #1[0] = (log(sum(exp(a))) - a[class])") ||
                      strstr(explained, "by #1 = (log(sum(exp(a))) - a[class])"),
                  "%s", explained);
}
END_TEST

/* A constant scalar is known without being saved, other constants are not. */
START_TEST(constants)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(number(3)),
              *y = fr_tanh(fr_sub(fr_add(x, number(0.5)), fr_ones_of(FR_SHAPE(1), FR_F64)));

    explain_to_text(y, NULL);
    ck_assert_ptr_nonnull(find_line(explained, "#1 = add(a = 3, constant = 0.5) = 3.5    by #1 = a + 0.5"));
    ck_assert_ptr_nonnull(find_line(explained, "#2 = sub(#1 = 3.5, constant) (1,)    by #2 = #1 - constant"));
    ck_assert_ptr_nonnull(find_line(explained, "#3 = tanh(#2) (1,) = [0.98661]"));
}
END_TEST

/* The sum of x and 1 is computed again, but a user's op does not run again, and a value that has changed is not shown.
 */
START_TEST(values)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(number(3)), *plus = fr_add_scalar(x, 1);
    fr_tensor *y = fr_sub_scalar(fr_apply(&doubled_op, (fr_tensor *[]){ fr_add_scalar(plus, 2) }, NULL), 1);

    forwards = 0;
    explain_to_text(y, NULL);
    ck_assert_int_eq(forwards, 0);
    ck_assert_ptr_nonnull(find_line(explained, "#1 = add_scalar(a = 3) = 4    by #1 = a + 1"));
    ck_assert_ptr_nonnull(find_line(explained, "#3 = doubled(#2 = 6)    by #3 = 2 #2"));
    ck_assert_ptr_nonnull(find_line(explained, "#4 = sub_scalar(#3) = 11"));
    ck_assert_ptr_nonnull(find_line(explained, "to #2: dL/d#3 * d#3/d#2 = 1 * 2 = 2"));
    {
        FR_NO_GRAD;
        fr_copy(x, number(30));
    }
    explain_to_text(y, NULL);
    ck_assert_ptr_nonnull(find_line(explained, "#1 = add_scalar(a)    by #1 = a + 1"));
}
END_TEST

/* --- Step by step ------------------------------------------------------------------------------------------------- */

typedef struct {
    int ops, leaves, stop_after;
    int64_t last;
    double dx, dw;
    const fr_tensor *x, *w;
} watcher;

static bool watch(const fr_backward_step *step, void *user)
{
    watcher *seen = user;

    if (!step->op) {
        seen->leaves++;
        *(step->leaf == seen->x ? &seen->dx : &seen->dw) = fr_item(step->grad_out[0]);
        return true;
    }
    ck_assert(step->number > 0 && (seen->last == 0 || step->number < seen->last));
    ck_assert(strstr(step->file, "check_explain.c") && step->line > 0 && !*step->module_path);
    seen->last = step->number;
    seen->ops++;
    ck_assert(step->outputs == 1 && step->out[0] && step->grad_out[0]);
    if (strcmp(step->op->name, "mul") == 0) {
        ck_assert(fr_item(step->out[0]) == fr_item(step->in[0].value) * fr_item(step->in[1].value));
        ck_assert(fr_item(step->in[0].grad) == fr_item(step->grad_out[0]) * fr_item(step->in[1].value));
        ck_assert(step->in[0].leaf == seen->w || step->in[0].number == step->number - 1);
    }
    return seen->ops != seen->stop_after;
}

START_TEST(steps)
{
    FR_SCOPE;
    fr_tensor *w = fr_requires_grad(number(0.5)), *x = fr_requires_grad(number(2));
    fr_tensor *y = fr_mul(fr_add_scalar(fr_mul(w, x), 3), w);
    watcher seen = { .x = x, .w = w }, stopped = { .x = x, .w = w, .stop_after = 2 };

    ck_assert(fr_backward_steps(y, watch, &seen));
    ck_assert(seen.ops == 3 && seen.leaves == 2 && seen.dw == 5 && seen.dx == 0.25 && seen.last == 1);
    ck_assert(fr_backward_steps(y, watch, &stopped));
    ck_assert(stopped.ops == 2 && stopped.leaves == 0);
    ck_assert_ptr_null(fr_grad(w));
    ck_assert(fr_backward(y));
    ck_assert(fr_item(fr_grad(w)) == 5);
    ck_assert(!fr_backward_steps(y, watch, &seen));
    assert_failed("backward_steps", "has been here", "FR_RETAIN_GRAPH");
    ck_assert(!fr_backward_steps(number(1), watch, &seen));
    assert_failed("backward_steps", "wants no gradient");
    ck_assert(!fr_backward_steps(y, NULL, &seen));
    assert_failed("backward_steps", "fn is NULL");
    ck_assert(!fr_backward_steps(NULL, watch, &seen));
    assert_failed("backward_steps", "tensor is NULL");
}
END_TEST

static fr_tensor *squared(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_square(in[0]);
}

/* What a checkpoint runs again has no number, and is told all the same. */
START_TEST(checkpoints)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(number(3));
    fr_tensor *y = fr_mul_scalar(fr_checkpoint(squared, &x, 1, NULL), 2);

    explain_to_text(y, NULL);
    ck_assert_ptr_nonnull(find_line(explained, "so dL/da = 12"));
    explain_to_text(y, &(fr_explain_options){ .trace_table = true, .unfold = true });
    ck_assert_ptr_nonnull(find_line(explained, "v1 = a"));
}
END_TEST

START_TEST(options)
{
    FR_SCOPE;
    fr_tensor *y = fr_square(fr_requires_grad(number(3)));

    ck_assert(!fr_explain_with(stdout, y, &(fr_explain_options){ .reserved[1] = y }));
    assert_failed("explain_with", "reserved[1]");
    ck_assert(!fr_explain_with(NULL, y, NULL));
    assert_failed("explain_with", "file is NULL");
    ck_assert(!fr_explain_with(stdout, NULL, NULL));
    assert_failed("explain_with", "tensor is NULL");
}
END_TEST

int main(void)
{
    TCase *expression_tests = tcase_create("expressions"), *explain = tcase_create("explain");

    tcase_add_test(expression_tests, expressions);
    tcase_add_test(expression_tests, expressions_that_are_wrong);
    tcase_add_test(expression_tests, values_of_names);
    tcase_add_test(explain, derivatives_as_text);
    tcase_add_test(explain, words);
    tcase_add_test(explain, unfolded_text);
    tcase_add_test(explain, unfolded_recurrent_ops);
    tcase_add_test(explain, table);
    tcase_add_test(explain, table_of_matrices);
    tcase_add_test(explain, where_nan_comes_from);
    tcase_add_test(explain, formulas_have_the_names_of_the_graph);
    tcase_add_test(explain, constants);
    tcase_add_test(explain, values);
    tcase_add_test(explain, steps);
    tcase_add_test(explain, checkpoints);
    tcase_add_test(explain, options);
    return run_tests("explain", expression_tests, explain);
}
