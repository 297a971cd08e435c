/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Pictures of graphs and summaries of modules. check_dot.sh checks that Graphviz accepts the pictures. */
#include "testing.h"

#include <frond/op.h>
#include <pthread.h>
#include <setjmp.h>

#include "graph/node.h" /* after <frond.h>: it turns the call sites off */

/* --- Reading what was written ------------------------------------------------------------------------------------- */

static char text[1 << 16];

static void read_text(FILE *file)
{
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
}

static void draw(fr_tensor *t, const fr_graph_dot_options *o)
{
    FILE *file = tmpfile();

    ck_assert_ptr_nonnull(file);
    ck_assert_msg(fr_graph_dot_with(file, t, o), "%s", fr_error_message());
    read_text(file);
}

static void summarise(fr_module *m, fr_tensor *example)
{
    FILE *file = tmpfile();

    ck_assert_ptr_nonnull(file);
    ck_assert_msg(fr_module_summary(file, m, example), "%s", fr_error_message());
    read_text(file);
}

static int count(const char *piece)
{
    int n = 0;

    for (const char *at = text; (at = strstr(at, piece)); at++)
        n++;
    return n;
}

static void has(const char *piece)
{
    ck_assert_msg(count(piece) > 0, "\"%s\" is not in:\n%s", piece, text);
}

static void lacks(const char *piece)
{
    ck_assert_msg(count(piece) == 0, "\"%s\" is in:\n%s", piece, text);
}

/* Asserts that the text contains these pieces, one after another; they end with NULL. */
static void has_in_order(const char *const *pieces)
{
    const char *at = text;

    for (; *pieces; pieces++) {
        at = strstr(at, *pieces);
        ck_assert_msg(at != NULL, "\"%s\" is not in, or not where it should be:\n%s", *pieces, text);
        at += strlen(*pieces);
    }
}
#define IN_ORDER(...) has_in_order((const char *[]){ __VA_ARGS__, NULL })

static fr_tensor *leaf(double value)
{
    return fr_requires_grad(fr_scalar(value));
}

/* --- Graphs ------------------------------------------------------------------------------------------------------- */

static fr_tensor *polynomial(void)
{
    fr_tensor *w = leaf(0.5), *x = leaf(2);

    return fr_mul(fr_add(fr_mul(w, x), fr_scalar(3)), w);
}

START_TEST(ops_and_what_they_read)
{
    FR_SCOPE;
    FILE *file = tmpfile();

    ck_assert(fr_graph_dot(file, polynomial()));
    read_text(file);
    IN_ORDER("digraph frond {", "i1 [label=\"()\", tooltip=\"leaf\"", "i2 [label=\"()\", tooltip=\"leaf\"",
             "i3 [label=\"()\", tooltip=\"constant\"", "n1 [label=\"mul\", tooltip=\"y = a b\"]", "n2 [label=\"add\"",
             "n3 [label=\"mul\"", "result [label=\"result\\n()\"", "n3 -> result;", "i1 -> n1 [label=\"()\"];",
             "i2 -> n1 ", "n1 -> n2 ", "i3 -> n2 ", "n2 -> n3 ", "i1 -> n3 ", "\n}\n");
    ck_assert_int_eq(count(" -> "), 7);
    ck_assert_int_eq(count("label="), 3 + 3 + 1 + 6);
    lacks("subgraph");
}
END_TEST

START_TEST(the_same_graph_gives_the_same_text)
{
    FR_SCOPE;
    static char first[sizeof text];

    draw(polynomial(), NULL);
    memcpy(first, text, sizeof text);
    fr_exp(leaf(1)); /* uses up a number for a node */
    draw(polynomial(), NULL);
    ck_assert_str_eq(first, text);
}
END_TEST

START_TEST(shapes_and_dtypes)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_cast(fr_ones(FR_SHAPE(2, 3)), FR_F64)), *index = fr_arange(0, 2, 1, FR_I64);

    draw(fr_index_select(fr_exp(x), 1, index), NULL);
    has("i1 [label=\"(2, 3) float64\"");
    has("-> n1 [label=\"(2, 3) float64\"]");
    has("int64");
    has("result [label=\"result\\n(2, 2) float64\"");
    draw(fr_mul_scalar(fr_max_dim_indices(x, 1, false).values, 2), NULL);
    has("[label=\"output 0 (2,) float64\"]");
    draw(x, NULL); /* a leaf alone */
    has("i1 [label=\"(2, 3) float64\", tooltip=\"leaf\"");
    lacks(" -> ");
}
END_TEST

START_TEST(values_and_gradients)
{
    FR_SCOPE;
    fr_graph_dot_options o = { .values = true, .gradients = true };
    fr_tensor *w = leaf(0.5), *x = fr_requires_grad(fr_from_doubles(FR_SHAPE(2), (double[]){ 1, 2 })), *y, *many;

    y = fr_sum(fr_mul(fr_mul(x, w), x));
    draw(y, &o);
    has("i1 [label=\"(2,)\\n[1, 2]\\ngradient [1, 2]\"");
    has("i2 [label=\"()\\n0.5\\ngradient 5\"");
    has("n2 [label=\"mul\\ngradient [1, 1]\"");
    has("n1 -> n2 [label=\"(2,)\\n[0.5, 1]\"");
    has("result [label=\"result\\n()\\n2.5\"");
    ck_assert_ptr_null(fr_grad(w));
    ck_assert(fr_backward(y)); /* the graph was not used up; now it is */
    fr_zero_grad(x);
    draw(y, &o);
    has("i2 [label=\"()\\n0.5\\ngradient 5\"");
    has("i1 [label=\"(2,)\\n[1, 2]\", ");
    has("n1 -> n2 [label=\"(2,)\"");
    many = fr_requires_grad(fr_arange(0, 7, 1, FR_F32));
    draw(fr_sum(fr_square(many)), &o);
    has("(7,)\\nmin 0, mean 3, max 6\\ngradient min 0, mean 6, max 12");
    many = fr_requires_grad(fr_cat((fr_tensor *[]){ fr_full(FR_SHAPE(1), NAN), fr_ones(FR_SHAPE(6)) }, 2, 0));
    draw(fr_sum(fr_square(many)), &o);
    has("(7,)\\nmin nan, mean nan, max nan");
    draw(y, NULL);
    lacks("gradient");
    lacks("0.5");
}
END_TEST

START_TEST(values_that_have_changed_are_not_shown)
{
    FR_SCOPE;
    fr_tensor *c = fr_scalar(7), *x = leaf(2), *hidden = fr_exp(x), *y = fr_mul(hidden, hidden);

    (void)c;
    draw(y, &(fr_graph_dot_options){ .values = true });
    has("n1 -> n2 [label=\"()\\n7.3891\"");
    fr_touch(hidden);
    draw(y, &(fr_graph_dot_options){ .values = true });
    has("n1 -> n2 [label=\"()\"");
}
END_TEST

/* --- Modules ------------------------------------------------------------------------------------------------------ */

static fr_module *small_net(void)
{
    fr_module *head = fr_nn_sequential(2, (fr_module *[]){ fr_nn_linear(4, 2, NULL), fr_nn_tanh() });
    fr_module *m = fr_nn_sequential(1, (fr_module *[]){ fr_nn_linear(3, 4, NULL) });

    fr_module_add(m, "head", head);
    return m;
}

#define CLUSTER(NUMBER, LABEL) "subgraph cluster_m" #NUMBER " {", "label=\"" LABEL "\"; "

static void assert_clusters_of_small_net(void)
{
    IN_ORDER(CLUSTER(1, "Sequential"), CLUSTER(2, "0 (Linear)"), "n1 [label=\"linear\"", "}",
             CLUSTER(3, "head (Sequential)"), CLUSTER(4, "0 (Linear)"), "tooltip=\"head.0\"", "n2 [label=\"linear\"",
             "}", CLUSTER(5, "1 (Tanh)"), "n3 [label=\"tanh\"", "}", "}", "}", "n4 [label=\"sum\"");
    ck_assert_int_eq(count("subgraph"), 5);
}

START_TEST(modules_are_clusters)
{
    FR_SCOPE;
    fr_module *m = small_net();
    fr_tensor *y = fr_sum(fr_forward(m, fr_ones(FR_SHAPE(2, 3))));

    draw(y, NULL);
    assert_clusters_of_small_net();
    ck_assert(strstr(text, "tooltip=\"leaf\"") < strstr(text, "subgraph")); /* leaves' owners are unknown */
    draw(y, &(fr_graph_dot_options){ .module = m });
    assert_clusters_of_small_net();
    IN_ORDER("constant", "subgraph", "subgraph", "[label=\"0.weight\\n(4, 3)\"", "n1 ", "head.0.weight\\n(2, 4)",
             "head.0.bias\\n(2,)", "n2 ");
    ck_assert_int_eq(count("tooltip=\"leaf\""), 4);
    fr_module_free(m);
    draw(y, NULL);
    assert_clusters_of_small_net();
    ck_assert(fr_backward(y));
    draw(y, NULL);
    assert_clusters_of_small_net();
}
END_TEST

/* A graph shows its modules' names also after they got a parent or were freed. */
START_TEST(places_outlive_modules_and_follow_them)
{
    FR_SCOPE;
    fr_module *outer = fr_module_new("Outer", 0, NULL), *m = small_net();
    fr_tensor *y = NULL;
    {
        FR_SCOPE;

        y = fr_escape(fr_forward(m, fr_ones(FR_SHAPE(2, 3))));
    }
    fr_module_add(outer, "inner", m);
    draw(y, NULL);
    IN_ORDER(CLUSTER(1, "Outer"), CLUSTER(2, "inner (Sequential)"), CLUSTER(3, "0 (Linear)"));
    has("tooltip=\"inner.head.1\"");
    fr_module_free(outer);
    draw(y, NULL);
    has("tooltip=\"inner.head.1\"");
}
END_TEST

static fr_tensor *times_own(fr_module *m, fr_tensor *x)
{
    return fr_mul(x, fr_module_find(m, "w"));
}

static fr_tensor *all_children(fr_module *m, fr_tensor *x)
{
    for (int i = 0; i < fr_module_children(m); i++)
        x = fr_forward(fr_module_at(m, i), x);
    return fr_mul(x, x);
}

/* A shared parameter is drawn in the cluster that contains all its readers. A module that runs twice has one cluster.
 */
START_TEST(shared_parameters_and_modules)
{
    FR_SCOPE;
    fr_module *m = fr_module_new("Tied", 0, all_children), *a = fr_module_new("A", 0, times_own);
    fr_module *b = fr_module_new("B", 0, times_own);
    fr_tensor *w = fr_ones(FR_SHAPE(2)), *y;

    fr_module_param(a, "w", w);
    fr_module_param(b, "w", w);
    fr_module_add(m, "a", a);
    fr_module_add(m, "b", b);
    y = fr_forward(m, fr_ones(FR_SHAPE(2)));
    draw(fr_forward(a, y), &(fr_graph_dot_options){ .module = m });
    IN_ORDER(CLUSTER(1, "Tied"), "[label=\"a.w\\n(2,)\"", CLUSTER(2, "a (A)"), "n1 ", "}", CLUSTER(3, "b (B)"), "n2 ",
             "}", "n3 ", "subgraph cluster_m2 {\n", "n4 ");
    ck_assert_int_eq(count("label=\"a (A)\""), 1);
    ck_assert_int_eq(count("a.w"), 1);
    ck_assert(fr_module_freeze(m, true));
    draw(fr_forward(m, fr_requires_grad(fr_ones(FR_SHAPE(2)))), &(fr_graph_dot_options){ .module = m });
    has("a.w\\n(2,)\", tooltip=\"constant\"");
    fr_module_free(m);
}
END_TEST

static jmp_buf away;

static void jump(const char *message, void *user)
{
    (void)message;
    (void)user;
    longjmp(away, 1);
}

static fr_tensor *fail_to_run(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_matmul(x, fr_ones(FR_SHAPE(7, 7)));
}

/* After a jump out of forward the module must not count as running. */
START_TEST(a_jump_out_of_a_module)
{
    int scope = fr_scope_begin();
    fr_module *volatile m = fr_module_new("Bad", 0, fail_to_run);

    fr_set_error_handler(jump, NULL);
    if (setjmp(away) == 0) {
        fr_forward(m, fr_ones(FR_SHAPE(2, 2)));
        ck_abort_msg("did not jump");
    }
    fr_set_error_handler(NULL, NULL);
    fr_error_clear();
    fr_module_free(m);
    ck_assert_ptr_null(fr_thread_self()->module_path);
    draw(fr_exp(leaf(1)), NULL);
    lacks("subgraph");
    fr_scope_end(scope);
}
END_TEST

static void *record_and_free(void *user)
{
    for (int i = 0; i < 200; i++) {
        FR_SCOPE;
        fr_forward(user, fr_ones(FR_SHAPE(2, 3)));
    }
    return NULL;
}

START_TEST(threads_record_in_one_module)
{
    fr_module *m = small_net();
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, record_and_free, m), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    {
        FR_SCOPE;
        fr_tensor *y = fr_sum(fr_forward(m, fr_ones(FR_SHAPE(2, 3))));

        ck_assert_int_eq(atomic_load(&fr_node_of(y)->edges[0].node->module_path->refs), 2); /* of module and node */
        draw(y, NULL);
        assert_clusters_of_small_net();
    }
    fr_module_free(m);
}
END_TEST

START_TEST(explanations_name_modules)
{
    FR_SCOPE;
    fr_module *m = small_net();
    FILE *file = tmpfile();

    ck_assert(fr_explain(file, fr_sum(fr_forward(m, fr_ones(FR_SHAPE(1, 3))))));
    read_text(file);
    has("by #3 = tanh #2    in head.1");
    fr_module_free(m);
}
END_TEST

/* --- Escaping ----------------------------------------------------------------------------------------------------- */

static bool infer_same(fr_op_call *call)
{
    call->out[0] = fr_meta_of(call->in[0]);
    return true;
}

static void copy_through(fr_op_call *call)
{
    *(float *)fr_data(call->result[0]) = *(const float *)fr_data(call->in[0]);
}

static void pass_on(fr_op_call *call)
{
    call->grad_in[0] = call->grad_out[0];
}

static const fr_op odd_op = { .name = "odd\"name\\n",
                              .formula = "y < x && \"x\"",
                              .inputs = 1,
                              .outputs = 1,
                              .infer = infer_same,
                              .forward = copy_through,
                              .backward = pass_on };

static fr_tensor *apply_odd(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_apply(&odd_op, &x, NULL);
}

START_TEST(text_is_escaped)
{
    FR_SCOPE;
    fr_module *m = fr_module_new("\xc3\xa9\xff\x01 {|}", 0, NULL), *child = fr_module_new("O\\", 0, apply_odd);
    fr_tensor *w = fr_module_param(m, "w\"", fr_ones(FR_SHAPE(1)));

    fr_module_add(m, "a\n\"b\"", child);
    draw(fr_forward(child, w), &(fr_graph_dot_options){ .module = m });
    has("label=\"\xc3\xa9?? {|}\"; ");
    has("label=\"a?\\\"b\\\" (O\\\\)\"; ");
    has("label=\"odd\\\"name\\\\n\", tooltip=\"y < x &amp;&amp; \\\"x\\\"\"");
    has("label=\"w\\\"\\n(1,)\"");
    fr_module_free(m);
}
END_TEST

/* --- Recurrent layers --------------------------------------------------------------------------------------------- */

static fr_tensor *run_lstm(bool reverse, fr_tensor **h)
{
    fr_tensor *x = fr_ones(FR_SHAPE(3, 2, 1)), *w_ih = fr_requires_grad(fr_ones(FR_SHAPE(4, 1)));
    fr_tensor *h0 = fr_requires_grad(fr_ones(FR_SHAPE(2, 1)));
    fr_recurrent y =
        fr_lstm(x, h0, NULL, w_ih, fr_ones(FR_SHAPE(4, 1)), NULL, NULL, NULL, &(fr_recurrence){ .reverse = reverse });

    *h = y.h;
    return y.out;
}

static fr_tensor *sum_of(fr_tensor *out, fr_tensor *h)
{
    fr_tensor *first = fr_sum(out);

    return fr_add(first, fr_sum(h));
}

START_TEST(folded)
{
    FR_SCOPE;
    fr_tensor *h, *out = run_lstm(false, &h);

    draw(sum_of(out, h), NULL);
    has("n1 [label=\"lstm\\nT = 3\", tooltip=\"c' = f c + i g, h' = o tanh(c'); ");
    has("n1 -> n2 [label=\"out (3, 2, 1)\"]");
    has("n1 -> n3 [label=\"h (2, 1)\"]");
    lacks("t = 0");
    draw(run_lstm(true, &h), NULL);
    has("lstm\\nT = 3, reversed");
    draw(fr_rnn(fr_ones(FR_SHAPE(5, 1, 1)), NULL, fr_requires_grad(fr_ones(FR_SHAPE(1, 1))), fr_ones(FR_SHAPE(1, 1)),
                NULL, NULL, NULL)
             .h,
         NULL);
    has("rnn\\nT = 5");
    has("result [label=\"result\\nh (1, 1)\"");
}
END_TEST

START_TEST(unrolled)
{
    FR_SCOPE;
    fr_graph_dot_options o = { .unroll = true };
    fr_tensor *h, *out = run_lstm(false, &h);

    draw(sum_of(out, h), &o);
    IN_ORDER("subgraph cluster_n1 {", "label=\"lstm, T = 3\"", "n1_0 [label=\"lstm\\nt = 0\"", "n1_1 ", "n1_2 ",
             "n1_out ");
    ck_assert_int_eq(count("\\nt = "), 3);
    has("i1 -> n1_0 [label=\"(2, 1)\"];");
    has("i1 -> n1_2 [label=\"(2, 1)\"];");
    has("i2 -> n1_0 [label=\"(2, 1)\"];");
    has("i3 -> n1_0 [label=\"(4, 1)\", lhead=cluster_n1];");
    has("n1_0 -> n1_1 [label=\"h (2, 1)\"];");
    has("n1_0 -> n1_1 [label=\"c (2, 1)\"];");
    has("n1_1 -> n1_2 [label=\"h (2, 1)\"];");
    has("n1_2 -> n1_out [label=\"(2, 1)\"];");
    has("n1_out -> n2 [label=\"out (3, 2, 1)\"]");
    has("n1_2 -> n3 [label=\"h (2, 1)\"]");
    lacks("n1 ->");
    out = run_lstm(true, &h);
    draw(sum_of(out, h), &o);
    has("lstm, T = 3, reversed");
    has("i2 -> n1_2 [label=\"(2, 1)\"];");
    has("n1_2 -> n1_1 [label=\"h (2, 1)\"];");
    has("n1_1 -> n1_0 [label=\"c (2, 1)\"];");
    has("n1_0 -> n3 [label=\"h (2, 1)\"]");
    o.max_nodes = 4 + 3;
    draw(sum_of(out, h), &o);
    has("n1_0 ");
    o.max_nodes--;
    draw(sum_of(out, h), &o);
    has("n1 [label=\"lstm\\nT = 3, reversed\"");
}
END_TEST

/* --- Limits ------------------------------------------------------------------------------------------------------- */

static fr_tensor *chain(int length)
{
    fr_tensor *y = leaf(1);

    for (int i = 0; i < length; i++) {
        FR_SCOPE;

        y = fr_escape(fr_neg(y));
    }
    return y;
}

START_TEST(large_graphs_are_cut)
{
    FR_SCOPE;
    fr_tensor *y = chain(1000);

    draw(y, NULL);
    ck_assert_int_eq(count("[label=\"neg\""), 500);
    has("more [label=\"500 earlier ops are\\nleft out\"");
    has("more -> n501 ");
    lacks("n500 ");
    lacks("i1");
    draw(y, &(fr_graph_dot_options){ .max_nodes = 999 });
    has("1 earlier op is\\nleft out");
    ck_assert_int_eq(count("more"), 2);
    draw(chain(1000000), &(fr_graph_dot_options){ .max_nodes = 3, .gradients = true });
    has("999997 earlier ops are");
    has("n1000000 [label=\"neg\\ngradient 1\"");
    lacks("n999997 ");
    ck_assert_int_eq(count(" -> "), 4);
}
END_TEST

static void *report_into_full(void)
{
    FILE *file = fopen("/dev/full", "w");

    if (file)
        setvbuf(file, NULL, _IONBF, 0);
    return file;
}

START_TEST(bad_calls_are_refused)
{
    FR_SCOPE;
    fr_tensor *y = fr_exp(leaf(1));
    FILE *full = report_into_full();

    ck_assert(!fr_graph_dot(NULL, y));
    assert_failed("frond: graph_dot: file is NULL", __FILE__);
    ck_assert(!fr_graph_dot_with(stdout, NULL, NULL));
    assert_failed("frond: graph_dot_with: tensor is NULL", __FILE__);
    ck_assert(!fr_graph_dot(stdout, fr_scalar(1)));
    assert_failed("graph_dot", "nothing recorded");
    ck_assert(!fr_graph_dot_with(stdout, y, &(fr_graph_dot_options){ .max_nodes = -1 }));
    assert_failed("max_nodes is -1");
    ck_assert(!fr_graph_dot_with(stdout, y, &(fr_graph_dot_options){ .reserved = { y } }));
    assert_failed("reserved[0]");
    if (full) {
        ck_assert(!fr_graph_dot(full, y));
        assert_failed("graph_dot", "cannot be written");
        fclose(full);
    }
}
END_TEST

/* --- Summaries ---------------------------------------------------------------------------------------------------- */

/* The totals of a module: PyTorch's number of parameters, and multiply-adds counted by hand. */
typedef struct {
    const char *parameters, *multiply_adds, *shape;
} totals;

static void assert_totals(fr_module *m, fr_shape shape, totals expected)
{
    char line[128];

    ck_assert_msg(m != NULL, "%s", fr_error_message());
    {
        FR_SCOPE;
        summarise(m, fr_rand(shape));
    }
    snprintf(line, sizeof line, "\nparameters     %s: %s trainable, 0 frozen\n", expected.parameters,
             expected.parameters);
    has(line);
    snprintf(line, sizeof line, "\nmultiply-adds  %s\n", expected.multiply_adds);
    has(line);
    has(expected.shape);
    fr_module_free(m);
}

START_TEST(totals_of_layers)
{
    assert_totals(fr_nn_linear(4, 2, NULL), FR_SHAPE(5, 3, 4), (totals){ "10", "120", "(5, 3, 2)" });
    /* the first convolution of ResNet: 112 * 112 * 64 * (3 * 7 * 7) */
    assert_totals(fr_nn_conv2d(3, 64, FR_SHAPE(7, 7),
                               &(fr_conv_options){ .stride = FR_SHAPE(2), .padding = FR_SHAPE(3), .no_bias = true }),
                  FR_SHAPE(1, 3, 224, 224), (totals){ "9,408", "118,013,952", "(1, 64, 112, 112)" });
    assert_totals(fr_nn_conv1d(4, 6, 3, &(fr_conv_options){ .groups = 2 }), FR_SHAPE(2, 4, 10),
                  (totals){ "42", "576", "(2, 6, 8)" }); /* 2 * 6 * 8 * (2 * 3) */
    /* T B (4H I + 4H H) = 7 * 3 * (800 + 1600), then 7 * 3 * (1600 + 1600) */
    assert_totals(fr_nn_lstm(10, 20, &(fr_recurrent_options){ .num_layers = 2 }), FR_SHAPE(7, 3, 10),
                  (totals){ "5,920", "117,600", "(7, 3, 20)" });
    /* 7 * 3 * (4H I + 4H P + P H), two directions */
    assert_totals(fr_nn_lstm(10, 20, &(fr_recurrent_options){ .proj_size = 5, .bidirectional = true }),
                  FR_SHAPE(7, 3, 10), (totals){ "2,920", "54,600", "(7, 3, 10)" });
    assert_totals(fr_nn_gru(10, 20, NULL), FR_SHAPE(7, 3, 10), (totals){ "1,920", "37,800", "(7, 3, 20)" });
    assert_totals(fr_nn_rnn(10, 20, &(fr_recurrent_options){ .batch_first = true }), FR_SHAPE(3, 7, 10),
                  (totals){ "640", "12,600", "(3, 7, 20)" });
    /* B L (3 E E + E E) + 2 B L L E = 2 * 5 * 1024 + 2 * 2 * 25 * 16 */
    assert_totals(fr_nn_multihead_attention(16, 4, &(fr_multihead_attention_options){ .batch_first = true }),
                  FR_SHAPE(2, 5, 16), (totals){ "1,088", "11,840", "(2, 5, 16)" });
    /* attention with E = 512: 3 * 1048576 + 2 * 9 * 512; the linear layers: 2 * 3 * 512 * 2048 */
    assert_totals(fr_nn_transformer_encoder_layer(512, 8, NULL), FR_SHAPE(3, 1, 512),
                  (totals){ "3,152,384", "9,446,400", "(3, 1, 512)" });
}
END_TEST

START_TEST(a_table_of_a_tree)
{
    FR_SCOPE;
    fr_module *m = small_net();

    fr_module_add(m, "spare", fr_nn_module_list(1, (fr_module *[]){ fr_nn_linear(1, 1, NULL) }));
    fr_module_freeze(fr_module_at(m, 0), true);
    ck_assert(!fr_module_summary(stdout, m, fr_ones(FR_SHAPE(2, 3)))); /* a module list has no forward */
    assert_failed("ModuleList has no forward function", __FILE__);
    fr_module_free(m);
    m = fr_nn_sequential(1, (fr_module *[]){ small_net() });
    fr_module_freeze(fr_module_at(fr_module_at(m, 0), 0), true);
    summarise(m, fr_ones(FR_SHAPE(2, 3)));
    ck_assert_str_eq(text, "layer                 output  parameters  multiply-adds  activation bytes\n"
                           "-------------------------------------------------------------------------\n"
                           "Sequential            (2, 2)          26             40                64\n"
                           "  0: Sequential       (2, 2)          26             40                64\n"
                           "    0: Linear         (2, 4)          16             24                32\n"
                           "    head: Sequential  (2, 2)          10             16                32\n"
                           "      0: Linear       (2, 2)          10             16                16\n"
                           "      1: Tanh         (2, 2)           0              0                16\n"
                           "-------------------------------------------------------------------------\n"
                           "parameters     26: 10 trainable, 16 frozen\n"
                           "multiply-adds  40\n"
                           "bytes          104 of parameters, 64 of activations, 128 with their gradients\n");
    summarise(fr_module_at(m, 0), fr_ones(FR_SHAPE(2, 3))); /* part of a model alone */
    has("\nSequential          (2, 2)          26             40                64\n");
    fr_module_free(m);
}
END_TEST

/* Layers that a module runs itself, without fr_forward, have their own rows and clusters. */
START_TEST(layers_of_a_transformer)
{
    FR_SCOPE;
    fr_transformer_encoder_layer_options o = { .dim_feedforward = 8 };
    fr_module *m = fr_nn_transformer_encoder(fr_nn_transformer_encoder_layer(4, 2, &o), 2, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(3, 1, 4)), *y;

    summarise(m, x);
    ck_assert_int_eq(count("TransformerEncoderLayer                     (3, 1, 4)"), 2);
    ck_assert_int_eq(count("self_attn: MultiheadAttention                (3, 1, 4)"), 2);
    y = fr_forward(m, x);
    ck_assert_str_eq(fr_node_of(y)->module_path->type, "LayerNorm");
    ck_assert_str_eq(fr_node_of(y)->edges[0].node->module_path->type,
                     "TransformerEncoderLayer"); /* the residual's sum */
    draw(y, NULL);
    has("label=\"1 (TransformerEncoderLayer)\"");
    ck_assert_int_eq(count("label=\"self_attn (MultiheadAttention)\""), 2);
    fr_module_free(m);
}
END_TEST

static fr_tensor *through_first(fr_module *m, fr_tensor *x)
{
    fr_tensor *y = fr_forward(fr_module_at(m, 0), x);

    if (!y)
        return NULL;
    fr_copy(fr_exp(y), y); /* a write in place is not counted */
    return fr_add(y, fr_dropout(fr_rand(y->shape), 0.5));
}

/* State that the summary must not change, compared before and after. */
START_TEST(nothing_is_changed)
{
    FR_SCOPE;
    fr_module *norm = fr_nn_batch_norm1d(3, NULL), *linear = fr_nn_linear(3, 3, NULL), *dropout = fr_nn_dropout(0.5);
    fr_module *m = fr_module_new("Top", 0, through_first), *alias;
    fr_tensor *x = fr_rand(FR_SHAPE(4, 3)), *before, *weight = fr_module_find(linear, "weight");

    fr_module_add(m, "run", fr_nn_sequential(3, (fr_module *[]){ norm, linear, dropout }));
    alias = fr_module_add(m, "idle", fr_module_new("Alias", 0, NULL));
    fr_module_param(alias, "weight", weight);
    fr_train(dropout, false);
    fr_manual_seed(3);
    before = fr_rand(FR_SHAPE(5));
    fr_manual_seed(3);
    summarise(m, x);
    ck_assert(fr_equal(fr_rand(FR_SHAPE(5)), before));
    ck_assert(fr_module_training(m) && fr_module_training(norm) && !fr_module_training(dropout));
    ck_assert_double_eq(fr_at(fr_module_find(norm, "num_batches_tracked"), 0), 0);
    ck_assert_double_eq(fr_at(fr_module_find(norm, "running_mean"), 0), 0);
    ck_assert_ptr_null(fr_grad(weight));
    ck_assert(fr_grad_enabled());
    ck_assert_ptr_null(fr_thread_self()->trace);
    has("  idle: Alias       -                9");
    has("\nTop                 (4, 3)          18             36"); /* the shared weight counts once */
    ck_assert(!fr_module_summary(stdout, m, fr_ones(FR_SHAPE(4, 2))));
    assert_failed("batch_norm", __FILE__);
    ck_assert(fr_module_training(m) && !fr_module_training(dropout) && fr_grad_enabled());
    ck_assert_ptr_null(fr_thread_self()->trace);
    fr_module_free(m);
}
END_TEST

static int64_t two_a_value(const fr_op_call *call)
{
    return 2 * fr_numel(call->in[0]);
}

static fr_tensor *apply_counted(fr_module *m, fr_tensor *x)
{
    fr_op *op = fr_self(m);

    *op = odd_op;
    op->multiply_adds = two_a_value;
    return fr_apply(op, &x, NULL);
}

START_TEST(users_ops_and_bad_calls)
{
    FR_SCOPE;
    fr_module *m = fr_module_new("Counted", sizeof(fr_op), apply_counted);
    fr_tensor *x = fr_cast(fr_ones(FR_SHAPE(1)), FR_F32);
    FILE *full = report_into_full();

    summarise(m, x);
    has("\nmultiply-adds  2\n");
    ck_assert(!fr_module_summary(NULL, m, x));
    assert_failed("frond: module_summary: file is NULL", __FILE__);
    ck_assert(!fr_module_summary(stdout, NULL, x));
    assert_failed("module_summary: module is NULL");
    ck_assert(!fr_module_summary(stdout, m, NULL));
    assert_failed("module_summary: example is NULL");
    if (full) {
        ck_assert(!fr_module_summary(full, m, x));
        assert_failed("module_summary", "cannot be written");
        fclose(full);
    }
    fr_module_free(m);
    m = fr_nn_embedding(10, 4, NULL);
    summarise(m, fr_arange(0, 3, 1, FR_I64));
    has("\nEmbedding  (3, 4)          40              0");
    fr_module_free(m);
    m = fr_nn_identity();
    summarise(m, fr_arange(0, 3, 1, FR_I64));
    has("\nIdentity  (3,) int64           0");
    fr_module_free(m);
}
END_TEST

int main(void)
{
    TCase *graphs = tcase_create("graphs"), *modules = tcase_create("modules"), *steps = tcase_create("steps");
    TCase *summaries = tcase_create("summaries");

    tcase_add_test(graphs, ops_and_what_they_read);
    tcase_add_test(graphs, the_same_graph_gives_the_same_text);
    tcase_add_test(graphs, shapes_and_dtypes);
    tcase_add_test(graphs, values_and_gradients);
    tcase_add_test(graphs, values_that_have_changed_are_not_shown);
    tcase_add_test(graphs, text_is_escaped);
    tcase_add_test(graphs, large_graphs_are_cut);
    tcase_add_test(graphs, bad_calls_are_refused);
    tcase_add_test(modules, modules_are_clusters);
    tcase_add_test(modules, places_outlive_modules_and_follow_them);
    tcase_add_test(modules, shared_parameters_and_modules);
    tcase_add_test(modules, a_jump_out_of_a_module);
    tcase_add_test(modules, threads_record_in_one_module);
    tcase_add_test(modules, explanations_name_modules);
    tcase_add_test(steps, folded);
    tcase_add_test(steps, unrolled);
    tcase_add_test(summaries, totals_of_layers);
    tcase_add_test(summaries, a_table_of_a_tree);
    tcase_add_test(summaries, layers_of_a_transformer);
    tcase_add_test(summaries, nothing_is_changed);
    tcase_add_test(summaries, users_ops_and_bad_calls);
    return run_tests("pictures", graphs, modules, steps, summaries);
}
