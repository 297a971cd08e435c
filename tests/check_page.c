/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What fr_explain_html writes into its page: JSON with the library's values and gradients. check_browser.sh checks what
 * a browser makes of it. */
#include "testing.h"

#include <frond/op.h>
#include <jansson.h>

static char *text; /* of the page */

/* Writes the page and returns its JSON, to be given to json_decref. */
static json_t *page(fr_tensor *t, const fr_explain_html_options *o)
{
    const char *const begin = "<script type=\"application/json\" id=\"graph\">\n";
    size_t size;
    FILE *file = open_memstream(&text, &size);
    json_error_t error;
    json_t *graph;
    char *at, *end;

    ck_assert_msg(fr_explain_html_with(file, t, o), "%s", fr_error_message());
    fclose(file);
    ck_assert_uint_eq(strlen(text), size);
    at = strstr(text, begin);
    ck_assert_ptr_nonnull(at);
    at += strlen(begin);
    end = strstr(at, "</script"); /* as a browser looks for it */
    ck_assert_ptr_nonnull(end);
    graph = json_loadb(at, (size_t)(end - at), JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(graph != NULL, "%s: %.*s", error.text, (int)(end - at), at);
    return graph;
}

static void done(json_t *graph)
{
    json_decref(graph);
    free(text);
}

/* The member of that name, which must be there; of an array, entry `index` of it unless that is -1. */
static json_t *at(json_t *json, const char *name, int index)
{
    json_t *found = json_object_get(json, name);

    ck_assert_msg(found != NULL, "no \"%s\"", name);
    if (index < 0)
        return found;
    found = json_array_get(found, (size_t)index);
    ck_assert_msg(found != NULL, "no entry %d of \"%s\"", index, name);
    return found;
}

static void assert_text(json_t *json, const char *name, const char *expected)
{
    ck_assert_str_eq(json_string_value(at(json, name, -1)), expected);
}

static double number_of(const json_t *json)
{
    const char *word = json_string_value(json);

    if (!word)
        return json_number_value(json);
    return strcmp(word, "nan") == 0 ? NAN : strcmp(word, "inf") == 0 ? INFINITY : -INFINITY;
}

/* Asserts that a TENSOR has the shape and exactly the values of t. */
static void assert_tensor(json_t *json, const fr_tensor *t)
{
    assert_text(json, "dtype", fr_dtype_name(fr_dtype_of(t)));
    ck_assert_uint_eq(json_array_size(at(json, "shape", -1)), (size_t)fr_ndim(t));
    for (int i = 0; i < fr_ndim(t); i++)
        ck_assert_int_eq(json_integer_value(at(json, "shape", i)), fr_dim(t, i));
    ck_assert_uint_eq(json_array_size(at(json, "values", -1)), (size_t)fr_numel(t));
    for (int64_t i = 0; i < fr_numel(t); i++) {
        double got = number_of(at(json, "values", (int)i)), expected = fr_at(t, i);

        if (fr_dtype_of(t) == FR_F32)
            got = (float)got;
        ck_assert_msg(got == expected || (isnan(got) && isnan(expected)), "value %lld is %.17g, expected %.17g",
                      (long long)i, got, expected);
    }
}

static fr_tensor *leaf(double value)
{
    return fr_requires_grad(fr_scalar(value));
}

/* Node i's op, and that its output has t's values. */
static void assert_node(json_t *graph, int i, const char *op, const fr_tensor *t)
{
    assert_text(at(graph, "nodes", i), "op", op);
    assert_tensor(at(at(at(graph, "nodes", i), "out", 0), "value", -1), t);
}

/* --- Values and gradients ----------------------------------------------------------------------------------------- */

START_TEST(values_that_no_backward_reads_are_there)
{
    FR_SCOPE;
    fr_tensor *w = leaf(0.3), *x = leaf(-2), *b = leaf(1.1), *product = fr_mul(w, x), *sum = fr_add(product, b);
    fr_tensor *y = fr_tanh(sum);
    json_t *graph = page(y, NULL), *entry;

    assert_node(graph, 0, "mul", product);
    assert_node(graph, 1, "add", sum);
    assert_node(graph, 2, "tanh", y);
    assert_text(at(graph, "nodes", 0), "formula", "y = a b");
    assert_text(at(at(graph, "nodes", 0), "in", 1), "name", "b");
    assert_text(at(at(graph, "nodes", 1), "in", 0), "from", "n0");
    assert_text(at(at(graph, "nodes", 1), "in", 1), "from", "i2");
    assert_text(at(graph, "result", -1), "from", "n2");
    assert_tensor(at(at(graph, "inputs", 1), "value", -1), x);
    ck_assert_ptr_null(fr_grad(w)); /* nothing is changed */

    ck_assert(fr_backward(y));
    entry = at(graph, "backward", 0);
    ck_assert_int_eq(json_integer_value(at(entry, "node", -1)), 2);
    assert_tensor(at(entry, "arrived", 0), fr_scalar(1));
    assert_tensor(at(entry, "sent", 0), fr_grad(b));
    assert_tensor(at(at(graph, "backward", 1), "sent", 1), fr_grad(b));
    for (int i = 3; i < 6; i++) {
        fr_tensor *const leaves[] = { w, x, b };

        entry = at(graph, "backward", i);
        assert_tensor(at(entry, "arrived", 0), fr_grad(leaves[json_integer_value(at(entry, "input", -1))]));
    }
    done(graph);
}
END_TEST

START_TEST(nan_and_infinity)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_from_doubles(FR_SHAPE(4), (double[]){ NAN, INFINITY, -INFINITY, 1.0 / 3 }));
    fr_tensor *many = fr_requires_grad(fr_detach(fr_cat((fr_tensor *[]){ x, fr_ones(FR_SHAPE(70)) }, 2, 0)));
    json_t *graph = page(fr_sum(fr_mul_scalar(fr_cast(x, FR_F64), 3)), NULL), *range;

    assert_tensor(at(at(graph, "inputs", 0), "value", -1), x);
    assert_node(graph, 1, "mul_scalar", fr_mul_scalar(fr_cast(x, FR_F64), 3));
    done(graph);
    graph = page(fr_sum(fr_mul_scalar(many, 2)), NULL);
    range = at(at(at(graph, "nodes", 0), "out", 0), "value", -1);
    for (int i = 0; i < 3; i++)
        ck_assert(isnan(number_of(at(range, "range", i))));
    ck_assert_ptr_null(json_object_get(range, "values"));
    done(graph);
}
END_TEST

static double drawn;

static void draw_forward(fr_op_call *call)
{
    drawn = fr_item(fr_rand(FR_SHAPE(1)));
    ((float *)fr_data(call->result[0]))[0] = (float)drawn;
}

static bool draw_infer(fr_op_call *call)
{
    call->out[0] = fr_meta_of(call->in[0]);
    return true;
}

static void draw_backward(fr_op_call *call)
{
    call->grad_in[0] = call->grad_out[0];
}

static const fr_op draw_op = { .name = "draw",
                               .inputs = 1,
                               .outputs = 1,
                               .saves_inputs = FR_SAVES_NOTHING,
                               .infer = draw_infer,
                               .forward = draw_forward,
                               .backward = draw_backward };

/* Values that would be others the second time, or have changed, are not shown; random numbers go on as they would. */
START_TEST(what_cannot_be_known_is_left_out)
{
    FR_SCOPE;
    fr_tensor *x = leaf(2), *constants = fr_ones(FR_SHAPE(2)), *after;
    fr_tensor *y = fr_apply(&draw_op, (fr_tensor *[]){ x }, NULL);
    json_t *graph;

    y = fr_add(fr_add_scalar(y, 1), constants);
    fr_manual_seed(7);
    after = fr_rand(FR_SHAPE(3));
    fr_manual_seed(7);
    graph = page(y, NULL);
    assert_close("generator", fr_rand(FR_SHAPE(3)), after, 0, 0);
    for (int i = 0; i < 2; i++)
        ck_assert_ptr_null(json_object_get(at(at(at(graph, "nodes", i), "out", 0), "value", -1), "values"));
    assert_node(graph, 2, "add", y); /* is the result itself */
    ck_assert_ptr_null(json_object_get(at(at(graph, "inputs", 1), "value", -1), "values"));
    done(graph);

    y = fr_sum(fr_add(x, fr_add_scalar(x, 1)));
    fr_touch(x);
    graph = page(y, NULL);
    ck_assert_ptr_null(json_object_get(at(at(at(graph, "nodes", 0), "out", 0), "value", -1), "values"));
    done(graph);
}
END_TEST

START_TEST(walked_graphs_show_forward_alone)
{
    FR_SCOPE;
    fr_tensor *x = leaf(2), *y = fr_exp(fr_square(x));
    json_t *graph;

    ck_assert(fr_backward(y));
    graph = page(y, NULL);
    ck_assert(json_is_true(at(graph, "walked", -1)));
    ck_assert_uint_eq(json_array_size(at(graph, "backward", -1)), 0);
    assert_node(graph, 0, "square", fr_square(x));
    done(graph);
}
END_TEST

START_TEST(a_leaf_alone)
{
    FR_SCOPE;
    fr_tensor *x = leaf(2);
    json_t *graph = page(x, NULL);

    assert_text(at(graph, "result", -1), "from", "i0");
    assert_tensor(at(at(graph, "backward", 0), "arrived", 0), fr_scalar(1));
    done(graph);
}
END_TEST

/* A checkpoint's ops are recorded during the backward: they are not of this graph. */
static fr_tensor *checkpointed(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_exp(fr_mul(in[0], in[0]));
}

START_TEST(checkpoints)
{
    FR_SCOPE;
    fr_tensor *x = leaf(0.5), *y = fr_square(fr_checkpoint(checkpointed, &x, 1, NULL));
    json_t *graph = page(y, NULL);

    ck_assert(fr_backward(y));
    ck_assert_uint_eq(json_array_size(at(graph, "backward", -1)), 2);
    assert_tensor(at(at(graph, "backward", 1), "arrived", 0), fr_grad(x));
    done(graph);
}
END_TEST

/* --- Modules, steps, limits --------------------------------------------------------------------------------------- */

static const char hostile[] = "</script><!--\"'\\\n\t\x7f\xe2\x80\xa8\xe2\x80\xa9<b>\xff&lt;\xc3\xa9@graph@";
static const char shown[] = "</script><!--\"'\\\n\t\x7f\xe2\x80\xa8\xe2\x80\xa9<b>\xef\xbf\xbd&lt;\xc3\xa9@graph@";

START_TEST(hostile_names)
{
    FR_SCOPE;
    fr_module *m = fr_module_new(hostile, 0, NULL), *linear = fr_nn_linear(2, 1, NULL);
    char expected[256];
    json_t *graph;

    fr_module_add(m, hostile, linear);
    graph = page(fr_sum(fr_forward(linear, fr_ones(FR_SHAPE(1, 2)))), &(fr_explain_html_options){ .module = m });
    ck_assert_uint_eq(json_array_size(at(graph, "modules", -1)), 2);
    assert_text(at(graph, "modules", 0), "label", shown);
    snprintf(expected, sizeof expected, "%s (Linear)", shown);
    assert_text(at(graph, "modules", 1), "label", expected);
    ck_assert_int_eq(json_integer_value(at(at(graph, "modules", 1), "in", -1)), 0);
    ck_assert_int_eq(json_integer_value(at(at(graph, "nodes", 0), "module", -1)), 1);
    ck_assert_int_eq(json_integer_value(at(at(graph, "nodes", 1), "module", -1)), -1);
    snprintf(expected, sizeof expected, "%s.weight", shown);
    assert_text(at(graph, "inputs", 1), "name", expected);
    ck_assert_ptr_null(strstr(text, "\xe2\x80\xa8"));
    done(graph);
    fr_module_free(m);
}
END_TEST

/* out[t] and what arrives there, for each step; x wants a gradient too. */
START_TEST(steps_of_recurrent_ops)
{
    FR_SCOPE;
    fr_module *m = fr_nn_gru(2, 3, NULL);
    fr_tensor *x = fr_requires_grad(fr_randn(FR_SHAPE(4, 1, 2)));
    fr_recurrent r = fr_recurrent_forward(m, x, NULL);
    fr_tensor *y = fr_sum(fr_square(r.out));
    json_t *graph = page(y, NULL), *steps, *back;

    ck_assert(fr_backward(y));
    steps = at(at(graph, "nodes", 0), "steps", -1);
    back = at(at(graph, "backward", 2), "steps", -1);
    ck_assert_uint_eq(json_array_size(steps), 4);
    for (int t = 0; t < 4; t++) {
        assert_tensor(json_array_get(steps, (size_t)t), fr_select(r.out, 0, t));
        assert_tensor(at(json_array_get(back, (size_t)t), "arrived", -1), fr_mul_scalar(fr_select(r.out, 0, t), 2));
        assert_tensor(at(json_array_get(back, (size_t)t), "sent", -1), fr_select(fr_grad(x), 0, t));
    }
    assert_text(at(at(graph, "nodes", 0), "out", 1), "name", "h");
    done(graph);

    graph = page(y, &(fr_explain_html_options){ .max_nodes = 5 }); /* no room for the steps; walked by now */
    ck_assert_uint_eq(json_array_size(at(at(graph, "nodes", 0), "steps", -1)), 0);
    done(graph);
    fr_module_free(m);
}
END_TEST

START_TEST(limits)
{
    FR_SCOPE;
    fr_tensor *x = leaf(1), *y = x;
    json_t *graph;

    for (int i = 0; i < 1000; i++)
        y = fr_mul_scalar(y, 1.001);
    graph = page(y, NULL);
    ck_assert_uint_eq(json_array_size(at(graph, "nodes", -1)), 200);
    ck_assert_uint_eq(json_array_size(at(graph, "backward", -1)), 200); /* the leaf is not shown */
    ck_assert_int_eq(json_integer_value(at(graph, "left_out", -1)), 800);
    ck_assert(json_is_null(at(at(at(graph, "nodes", 0), "in", 0), "from", -1)));
    done(graph);
    graph = page(y, &(fr_explain_html_options){ .max_nodes = 1000 });
    assert_node(graph, 999, "mul_scalar", y);
    done(graph);
}
END_TEST

START_TEST(errors)
{
    FR_SCOPE;
    fr_tensor *y = fr_exp(leaf(1));
    FILE *full = fopen("/dev/full", "w");

    ck_assert(!fr_explain_html(NULL, y));
    assert_failed("frond: explain_html: file is NULL", __FILE__);
    ck_assert(!fr_explain_html_with(stdout, NULL, NULL));
    assert_failed("frond: explain_html_with: tensor is NULL", __FILE__);
    ck_assert(!fr_explain_html(stdout, fr_scalar(1)));
    assert_failed("explain_html", "nothing recorded");
    ck_assert(!fr_explain_html_with(stdout, y, &(fr_explain_html_options){ .max_nodes = -1 }));
    assert_failed("max_nodes is -1", "200");
    ck_assert(!fr_explain_html_with(stdout, y, &(fr_explain_html_options){ .reserved = { y } }));
    assert_failed("reserved");
    if (full) {
        setbuf(full, NULL);
        ck_assert(!fr_explain_html(full, y));
        assert_failed("explain_html", "cannot be written");
        fclose(full);
    }
}
END_TEST

int main(void)
{
    TCase *pages = tcase_create("pages");

    tcase_add_test(pages, values_that_no_backward_reads_are_there);
    tcase_add_test(pages, nan_and_infinity);
    tcase_add_test(pages, what_cannot_be_known_is_left_out);
    tcase_add_test(pages, walked_graphs_show_forward_alone);
    tcase_add_test(pages, a_leaf_alone);
    tcase_add_test(pages, checkpoints);
    tcase_add_test(pages, hostile_names);
    tcase_add_test(pages, steps_of_recurrent_ops);
    tcase_add_test(pages, limits);
    tcase_add_test(pages, errors);
    return run_tests("page", pages);
}
