/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_export_onnx and fr_load_onnx: the contents of the files, modules that cannot be written, and loading.
 * check_onnxruntime.sh runs the files. */
#include <config.h>

#include "testing.h"

#include <frond/onnx.h>

#include "char_lm.h"
#include "forecaster.h"
#include "mlp.h"
#include "sequence_classifier.h"
#include "simple_rnn.h"
#include "tcn.h"
#include "transformer.h"

#ifdef HAVE_PROTOBUF_C

#include "onnx/onnx.pb-c.h"

#include <setjmp.h>
#include <unistd.h>

#define PROTO(NAME) Frond__Onnx__##NAME

static const char path[] = "check_onnx.onnx";

static PROTO(ModelProto) * read_model(void)
{
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    size_t size;
    PROTO(ModelProto) * model;

    ck_assert_ptr_nonnull(file);
    size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    unlink(path);
    model = frond__onnx__model_proto__unpack(NULL, size, bytes);
    ck_assert_ptr_nonnull(model);
    return model;
}

static void drop(PROTO(ModelProto) * model)
{
    frond__onnx__model_proto__free_unpacked(model, NULL);
}

static const PROTO(NodeProto) * find_node(const PROTO(ModelProto) * model, const char *type)
{
    for (size_t i = 0; i < model->graph->n_node; i++)
        if (strcmp(model->graph->node[i]->op_type, type) == 0)
            return model->graph->node[i];
    ck_abort_msg("no node %s", type);
    return NULL;
}

static const PROTO(AttributeProto) * find_attribute(const PROTO(NodeProto) * node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    ck_abort_msg("no attribute %s", name);
    return NULL;
}

static const float *find_weight(const PROTO(ModelProto) * model, const char *name)
{
    for (size_t i = 0; i < model->graph->n_initializer; i++)
        if (strcmp(model->graph->initializer[i]->name, name) == 0)
            return (const float *)(const void *)model->graph->initializer[i]->raw_data.data;
    ck_abort_msg("no initializer %s", name);
    return NULL;
}

/* Returns the names or sizes of dims as text, such as "time batch 11"; "?" for a dim with neither. */
static const char *dims_of(const PROTO(ValueInfoProto) * info)
{
    static char text[256];
    const PROTO(TensorShapeProto) *shape = info->type->tensor_type->shape;
    size_t used = 0;

    for (size_t i = 0; i < shape->n_dim; i++) {
        const char *between = i ? " " : "";

        if (shape->dim[i]->dim_param)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", between, shape->dim[i]->dim_param);
        else if (shape->dim[i]->has_dim_value)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld", between,
                                     (long long)shape->dim[i]->dim_value);
        else
            used += (size_t)snprintf(text + used, sizeof text - used, "%s?", between);
    }
    return text;
}

/* --- Contents ---------------------------------------------------------------------------------------------------- */

START_TEST(recurrent)
{
    fr_module *m = char_lm_new(&(char_lm_options){ .symbols = 11, .embedding = 4, .hidden = 2 });
    FR_SCOPE;
    fr_tensor *w = fr_module_find(m, "lstm.weight_ih_l0");

    ck_assert(fr_export_onnx(m, fr_randint(0, 11, FR_SHAPE(5, 3)), path));
    ck_assert(fr_module_training(m));

    PROTO(ModelProto) *model = read_model();
    const PROTO(NodeProto) *lstm = find_node(model, "LSTM");
    const float *stored = find_weight(model, lstm->input[1]);
    const int64_t order[] = { 0, 3, 1, 2 }; /* ONNX's order of gates: i, o, f, c */

    ck_assert_int_eq(model->ir_version, 8);
    ck_assert_int_eq(model->opset_import[0]->version, 17);
    ck_assert_str_eq(dims_of(model->graph->input[0]), "time batch");
    ck_assert_str_eq(dims_of(model->graph->output[0]), "time batch 11");
    ck_assert_int_eq(find_attribute(lstm, "hidden_size")->i, 2);
    ck_assert_uint_eq(lstm->n_output, 1); /* no op reads the states */
    for (int64_t i = 0; i < 32; i++)
        ck_assert(stored[i] == (float)fr_at(w, order[i / 8] * 8 + i % 8));
    drop(model);
    fr_module_free(m);
}
END_TEST

START_TEST(reset_before)
{
    fr_module *m = fr_nn_gru(3, 2, &(fr_recurrent_options){ .batch_first = true, .bidirectional = true });
    FR_SCOPE;

    ck_assert(fr_export_onnx(m, fr_randn(FR_SHAPE(2, 4, 3)), path));

    PROTO(ModelProto) *model = read_model();

    ck_assert_int_eq(find_attribute(find_node(model, "GRU"), "linear_before_reset")->i, 1);
    ck_assert_str_eq(dims_of(model->graph->input[0]), "batch time 3");
    drop(model);
    fr_module_free(m);
}
END_TEST

START_TEST(open_sizes)
{
    fr_module *m = transformer_new(
        &(transformer_options){ .variables = 3, .steps = 9, .width = 4, .heads = 2, .layers = 1, .classes = 5 });
    FR_SCOPE;

    ck_assert(fr_export_onnx(m, fr_randn(FR_SHAPE(2, 5, 3)), path));

    PROTO(ModelProto) *model = read_model();

    ck_assert_str_eq(dims_of(model->graph->input[0]), "batch time 3");
    ck_assert_str_eq(dims_of(model->graph->output[0]), "batch 5");
    find_node(model, "Shape"); /* the size of the positions' slice comes from the input's shape */
    drop(model);
    fr_module_free(m);
}
END_TEST

/* --- What cannot be written -------------------------------------------------------------------------------------- */

static fr_tensor *by_size(fr_module *self, fr_tensor *x)
{
    (void)self;
    return fr_mul_scalar(x, 1.0 / (double)fr_dim(x, 0));
}

static fr_tensor *by_constant(fr_module *self, fr_tensor *x)
{
    (void)self;
    return fr_add(x, fr_arange(0, (double)fr_dim(x, 0), 1, FR_F32));
}

static fr_tensor *in_halves(fr_module *self, fr_tensor *x)
{
    (void)self;
    return fr_slice(x, 0, 0, fr_dim(x, 0) / 2, 1);
}

static fr_tensor *by_chance(fr_module *self, fr_tensor *x)
{
    (void)self;
    fr_tensor *y = fr_bernoulli(fr_sigmoid(x));

    return fr_mul(y, fr_kl_div(x, x, FR_MEAN));
}

static fr_tensor *by_indices(fr_module *self, fr_tensor *x)
{
    (void)self;
    fr_extreme y = fr_max_pool1d_with_indices(fr_unsqueeze(x, 0), 2, NULL);

    return fr_max_unpool1d(y.values, y.indices, 2, NULL);
}

static fr_tensor *twice(fr_module *self, fr_tensor *x)
{
    fr_tensor *y = x;

    (void)self;
    for (int64_t i = 0; i < fr_dim(x, 0); i++)
        y = fr_add(y, x);
    return y;
}

static void refuses(fr_forward_function *forward, const char *message)
{
    fr_module *m = fr_module_new("Odd", 0, forward);
    FR_SCOPE;

    ck_assert(!fr_export_onnx(m, fr_randn(FR_SHAPE(5)), path));
    assert_failed("export_onnx", path, message);
    ck_assert(access(path, F_OK) != 0);
    fr_module_free(m);
}

START_TEST(sizes_that_are_frozen)
{
    refuses(by_size, "depends on a size of the input");
    refuses(by_constant, "in a way that cannot be written; fr_export_onnx_with can fix the size (static_batch");
    refuses(in_halves, "slice: its number 2 depends on the sizes");
}
END_TEST

START_TEST(ops_that_are_not_there)
{
    refuses(by_chance, "ops that cannot be written as ONNX: Odd: bernoulli; Odd: kl_div");
    refuses(by_indices, "max_pool1d: with indices, which in ONNX count through the whole batch");
}
END_TEST

/* A module that runs other ops for another size: the size is fixed in the file. */
START_TEST(loops)
{
    fr_module *m = fr_module_new("Loop", 0, twice);
    FR_SCOPE;

    ck_assert(fr_export_onnx(m, fr_randn(FR_SHAPE(5)), path));

    PROTO(ModelProto) *model = read_model();

    ck_assert_str_eq(dims_of(model->graph->input[0]), "5");
    drop(model);
    fr_module_free(m);
}
END_TEST

START_TEST(arguments)
{
    fr_module *m = fr_nn_linear(3, 2, NULL);
    FR_SCOPE;

    ck_assert(!fr_export_onnx(NULL, fr_randn(FR_SHAPE(5, 3)), path));
    assert_failed("export_onnx", "module is NULL");
    ck_assert(!fr_export_onnx(m, NULL, path));
    assert_failed("export_onnx", "example is NULL");
    ck_assert(!fr_export_onnx(m, fr_randn(FR_SHAPE(0, 3)), path));
    assert_failed("export_onnx", "no values");
    ck_assert(!fr_export_onnx(m, fr_randn(FR_SHAPE(5, 4)), path));
    assert_failed("linear", "(5, 4)");
    ck_assert(!fr_export_onnx(m, fr_randn(FR_SHAPE(5, 3)), "no/such/folder.onnx"));
    assert_failed("export_onnx", "no/such/folder.onnx");
    fr_module_free(m);
}
END_TEST

static void write_model(const PROTO(ModelProto) * m)
{
    size_t size = frond__onnx__model_proto__get_packed_size(m);
    uint8_t *bytes = malloc(size);
    FILE *file = fopen(path, "wb");

    frond__onnx__model_proto__pack(m, bytes);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
    free(bytes);
}

/* Writes m to a file, changes the file's message with spoil unless that is NULL, and returns the module loaded from it.
 */
static fr_module *through_file(fr_module *m, fr_tensor *example, void (*spoil)(PROTO(ModelProto) * m))
{
    fr_module *back;

    ck_assert(fr_export_onnx(m, example, path));
    if (spoil) {
        PROTO(ModelProto) *model = read_model();

        spoil(model);
        write_model(model);
        drop(model);
    }
    back = fr_load_onnx(path);
    unlink(path);
    return back;
}

/* A module in training is written as in evaluation, and stays in training. */
START_TEST(running_statistics)
{
    FR_SCOPE;
    fr_module *m = fr_nn_sequential(2, (fr_module *[]){ fr_nn_conv1d(3, 4, 3, NULL), fr_nn_batch_norm1d(4, NULL) });
    fr_tensor *x = fr_add_scalar(fr_randn(FR_SHAPE(8, 3, 9)), 2);
    fr_module *back;

    for (int i = 0; i < 5; i++)
        fr_forward(m, x);
    back = through_file(m, x, NULL);
    ck_assert(fr_module_training(m));
    fr_train(m, false);
    assert_near("evaluation", fr_forward(back, x), fr_forward(m, x));
    fr_module_free(back);
    fr_module_free(m);
}
END_TEST

/* --- A user's op ------------------------------------------------------------------------------------------------- */

static bool infer_twice(fr_op_call *call)
{
    call->out[0] = fr_meta_of(call->in[0]);
    return true;
}

static void forward_twice(fr_op_call *call)
{
    const float *x = fr_data(call->in[0]);
    float *y = fr_data(call->result[0]);

    for (int64_t i = 0; i < fr_numel(call->in[0]); i++)
        y[i] = 2 * x[i];
}

static bool onnx_twice(fr_onnx *g, const fr_op_call *call)
{
    const char *x = fr_onnx_input(g, 0);

    (void)call;
    fr_onnx_node(g, "Add", FR_ONNX_NAMES(x, x), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

static const fr_op twice_op = { .name = "twice",
                                .formula = "y = 2 x",
                                .inputs = 1,
                                .outputs = 1,
                                .infer = infer_twice,
                                .forward = forward_twice,
                                .onnx = onnx_twice };

static fr_tensor *own(fr_module *self, fr_tensor *x)
{
    (void)self;
    return fr_apply(&twice_op, &x, NULL);
}

START_TEST(own_op)
{
    fr_module *m = fr_module_new("Own", 0, own);
    FR_SCOPE;

    ck_assert(fr_export_onnx(m, fr_randn(FR_SHAPE(5)), path));

    PROTO(ModelProto) *model = read_model();

    ck_assert_str_eq(find_node(model, "Add")->input[0], "input");
    drop(model);
    fr_module_free(m);
}
END_TEST

/* --- Loading ----------------------------------------------------------------------------------------------------- */

static void comes_back(fr_module *m, fr_tensor *example, fr_tensor *other)
{
    FR_SCOPE;
    fr_module *back;

    fr_train(m, false);
    back = through_file(m, example, NULL);
    ck_assert_ptr_nonnull(back);
    assert_near("loaded", fr_forward(back, other), fr_forward(m, other));
    fr_module_free(back);
    fr_module_free(m);
}

START_TEST(models_come_back)
{
    FR_SCOPE;
    simple_rnn_options o = { .input = 3, .hidden = 5, .output = 1, .layers = 2, .bidirectional = true };

    for (int cell = SIMPLE_RNN; cell <= SIMPLE_GRU; cell++) {
        o.cell = (simple_rnn_cell)cell;
        comes_back(simple_rnn_new(&o), fr_randn(FR_SHAPE(2, 4, 3)), fr_randn(FR_SHAPE(5, 7, 3)));
    }
    comes_back(char_lm_new(&(char_lm_options){ .symbols = 11, .embedding = 4, .hidden = 6 }),
               fr_randint(0, 11, FR_SHAPE(5, 2)), fr_randint(0, 11, FR_SHAPE(9, 3)));
    comes_back(mlp_new(&(mlp_options){ .sizes = { 4, 8, 3 }, .dropout = 0.5 }), fr_randn(FR_SHAPE(2, 4)),
               fr_randn(FR_SHAPE(6, 4)));
    comes_back(forecaster_new(6), fr_randn(FR_SHAPE(5, 2, 1)), fr_randn(FR_SHAPE(8, 3, 1)));
    comes_back(sequence_classifier_new(&(sequence_classifier_options){ .variables = 3, .hidden = 4, .classes = 5 }),
               fr_randn(FR_SHAPE(2, 4, 3)), fr_randn(FR_SHAPE(5, 7, 3)));
    comes_back(tcn_new(&(tcn_options){ .variables = 3, .channels = 4, .kernel = 3, .classes = 5, .blocks = 3 }),
               fr_randn(FR_SHAPE(2, 9, 3)), fr_randn(FR_SHAPE(5, 14, 3)));
    comes_back(transformer_new(&(transformer_options){
                   .variables = 3, .steps = 20, .width = 8, .heads = 2, .layers = 2, .classes = 5 }),
               fr_randn(FR_SHAPE(2, 9, 3)), fr_randn(FR_SHAPE(5, 14, 3)));
}
END_TEST

/* As a GPT does: an embedding of each position beside that of each token. */
static fr_tensor *by_positions(fr_module *m, fr_tensor *tokens)
{
    fr_tensor *positions = fr_arange(0, (double)fr_dim(tokens, 1), 1, FR_I64);

    return fr_add(fr_forward(fr_module_at(m, 0), tokens), fr_forward(fr_module_at(m, 1), positions));
}

START_TEST(fixed_on_request)
{
    fr_module *m = fr_module_new("Positions", 0, by_positions), *back;
    FR_SCOPE;
    fr_tensor *tokens = fr_randint(0, 9, FR_SHAPE(2, 7)), *more = fr_randint(0, 9, FR_SHAPE(5, 7));

    fr_module_add(m, "wte", fr_nn_embedding(9, 4, NULL));
    fr_module_add(m, "wpe", fr_nn_embedding(8, 4, NULL));
    ck_assert(!fr_export_onnx(m, tokens, path));
    assert_failed("export_onnx", "depends on a size of the input");
    ck_assert(fr_export_onnx_with(m, tokens, path, &(fr_export_onnx_options){ .static_length = true }));
    back = fr_load_onnx(path);
    assert_near("positions", fr_forward(back, more), fr_forward(m, more));
    fr_module_free(back);

    PROTO(ModelProto) *model = read_model();

    ck_assert_str_eq(dims_of(model->graph->input[0]), "batch 7");
    drop(model);
    ck_assert(
        fr_export_onnx_with(m, tokens, path, &(fr_export_onnx_options){ .static_batch = true, .static_length = true }));
    model = read_model();
    ck_assert_str_eq(dims_of(model->graph->input[0]), "2 7");
    drop(model);
    fr_module_free(m);
}
END_TEST

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = strdup(value);
}

static void two_unknown_ops(PROTO(ModelProto) * m)
{
    set_text(&m->graph->node[0]->op_type, "Optional");
    set_text(&m->graph->node[1]->op_type, "Unique");
}

static void another_domain(PROTO(ModelProto) * m)
{
    set_text(&m->graph->node[1]->domain, "com.example");
}

static void values_elsewhere(PROTO(ModelProto) * m)
{
    m->graph->initializer[0]->has_data_location = true;
    m->graph->initializer[0]->data_location = 1;
}

static void out_of_order(PROTO(ModelProto) * m)
{
    PROTO(NodeProto) *first = m->graph->node[0];

    m->graph->node[0] = m->graph->node[1];
    m->graph->node[1] = first;
}

static void in_a_circle(PROTO(ModelProto) * m)
{
    set_text(&m->graph->node[0]->input[0], m->graph->node[1]->output[0]);
}

static void made_twice(PROTO(ModelProto) * m)
{
    set_text(&m->graph->node[1]->output[0], m->graph->node[0]->output[0]);
    set_text(&m->graph->node[2]->input[0], m->graph->node[0]->output[0]);
}

static void too_old(PROTO(ModelProto) * m)
{
    m->opset_import[0]->version = 6;
}

static void too_new(PROTO(ModelProto) * m)
{
    m->opset_import[0]->version = 1000;
}

static void of_no_version(PROTO(ModelProto) * m)
{
    set_text(&m->opset_import[0]->domain, "com.example");
}

static void output_unmade(PROTO(ModelProto) * m)
{
    set_text(&m->graph->output[0]->name, "elsewhere");
}

static void input_known(PROTO(ModelProto) * m)
{
    set_text(&m->graph->initializer[0]->name, "taken");
    set_text(&m->graph->initializer[1]->name, m->graph->input[0]->name);
}

/* Moves the first initializer's values into check_onnx.data, behind 5 other bytes, and describes their place so. */
static void put_elsewhere(PROTO(ModelProto) * m, const char *location, const char *offset, const char *length)
{
    const char *const pairs[][2] = { { "location", location }, { "offset", offset }, { "length", length } };
    PROTO(TensorProto) *t = m->graph->initializer[0];
    FILE *file = fopen("check_onnx.data", "wb");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite("12345", 1, 5, file), 5);
    ck_assert_uint_eq(fwrite(t->raw_data.data, 1, t->raw_data.len, file), t->raw_data.len);
    fclose(file);
    free(t->raw_data.data);
    t->raw_data = (ProtobufCBinaryData){ 0 };
    t->has_raw_data = false;
    values_elsewhere(m);
    t->n_external_data = 3;
    t->external_data = malloc(3 * sizeof *t->external_data);
    for (size_t i = 0; i < 3; i++) {
        t->external_data[i] = malloc(sizeof *t->external_data[i]);
        frond__onnx__string_string_entry_proto__init(t->external_data[i]);
        t->external_data[i]->key = strdup(pairs[i][0]);
        t->external_data[i]->value = strdup(pairs[i][1]);
    }
}

static void beside(PROTO(ModelProto) * m)
{
    put_elsewhere(m, "check_onnx.data", "5", "96");
}

static void outside(PROTO(ModelProto) * m)
{
    put_elsewhere(m, "../0.weight", "5", "96");
}

static void absent(PROTO(ModelProto) * m)
{
    put_elsewhere(m, "no-such-file", "5", "96");
}

static void beyond(PROTO(ModelProto) * m)
{
    put_elsewhere(m, "check_onnx.data", "6", "96");
}

static void too_short(PROTO(ModelProto) * m)
{
    put_elsewhere(m, "check_onnx.data", "5", "20");
}

static const struct {
    void (*spoil)(PROTO(ModelProto) * m);
    const char *message;
} spoilt[] = {
    { two_unknown_ops, "ops that frond cannot run: Optional (node 0/Gemm_" },
    { two_unknown_ops, "; Unique (node 1/Relu_" },
    { another_domain, "ops that frond cannot run: com.example.Relu (node 1/Relu_" },
    { values_elsewhere, "0.weight has its values in no file" },
    { out_of_order, "which nothing before it makes" },
    { in_a_circle, "which nothing before it makes" },
    { made_twice, "is made twice" },
    { too_old, "version 6 of ONNX's operator set, expected 7 to 28" },
    { too_new, "version 1000 of ONNX's operator set" },
    { of_no_version, "no version of ONNX's operator set" },
    { output_unmade, "nothing makes the model's output elsewhere" },
    { input_known, "which nothing before it makes" },
    { outside, "has its values in ../0.weight, expected a file of the model's folder" },
    { absent, "no-such-file" },
    { beyond, "its values lie beyond the end of check_onnx.data" },
    { too_short, "0.weight has fewer values than its shape needs" },
};

static fr_module *layers(void)
{
    return fr_nn_sequential(3, (fr_module *[]){ fr_nn_linear(3, 8, NULL), fr_nn_relu(), fr_nn_linear(8, 2, NULL) });
}

START_TEST(spoilt_files)
{
    FR_SCOPE;
    fr_module *m = layers();

    ck_assert_ptr_null(through_file(m, fr_randn(FR_SHAPE(4, 3)), spoilt[_i].spoil));
    assert_failed("load_onnx", spoilt[_i].message);
    fr_module_free(m);
    unlink("check_onnx.data");
}
END_TEST

/* Asserts that m, written to a file, changed with spoil and loaded, computes y from x. */
static void gives(fr_module *m, fr_tensor *x, void (*spoil)(PROTO(ModelProto) * m), fr_tensor *y)
{
    fr_module *back = through_file(m, x, spoil);

    ck_assert_ptr_nonnull(back);
    assert_near("loaded", fr_forward(back, x), y);
    fr_module_free(back);
    fr_module_free(m);
}

START_TEST(external_data)
{
    FR_SCOPE;
    fr_module *m = layers();
    fr_tensor *x = fr_randn(FR_SHAPE(4, 3));

    gives(m, x, beside, fr_forward(m, x));
    unlink("check_onnx.data");
}
END_TEST

/* A node that no output needs, of an op that frond does not have, is passed over. */
static void dead_node(PROTO(ModelProto) * m)
{
    PROTO(NodeProto) *node = malloc(sizeof *node);

    frond__onnx__node_proto__init(node);
    node->op_type = strdup("Optional");
    m->graph->node = realloc(m->graph->node, (m->graph->n_node + 1) * sizeof(PROTO(NodeProto) *));
    m->graph->node[m->graph->n_node++] = node;
}

START_TEST(dead_nodes)
{
    FR_SCOPE;
    fr_module *m = layers();
    fr_tensor *x = fr_randn(FR_SHAPE(4, 3));

    gives(m, x, dead_node, fr_forward(m, x));
}
END_TEST

/* The second layer's bias becomes an input, and the hidden values an output. */
static void two_and_two(PROTO(ModelProto) * m)
{
    PROTO(GraphProto) *g = m->graph;
    PROTO(ValueInfoProto) *info = malloc(sizeof *info);

    for (size_t i = 0; i < g->n_initializer; i++)
        if (strcmp(g->initializer[i]->name, "2.bias") == 0) {
            frond__onnx__tensor_proto__free_unpacked(g->initializer[i], NULL);
            g->initializer[i] = g->initializer[--g->n_initializer];
        }
    frond__onnx__value_info_proto__init(info);
    info->name = strdup("2.bias");
    g->input = realloc(g->input, 2 * sizeof(PROTO(ValueInfoProto) *));
    g->input[g->n_input++] = info;
    info = malloc(sizeof *info);
    frond__onnx__value_info_proto__init(info);
    info->name = strdup(g->node[1]->output[0]);
    g->output = realloc(g->output, 2 * sizeof(PROTO(ValueInfoProto) *));
    g->output[g->n_output++] = info;
}

START_TEST(several_inputs)
{
    FR_SCOPE;
    fr_module *m = layers(), *back;
    fr_tensor *x = fr_randn(FR_SHAPE(4, 3)), *out[2], *bias = fr_module_find(m, "2.bias");

    back = through_file(m, x, two_and_two);
    ck_assert_ptr_nonnull(back);
    ck_assert_int_eq(fr_onnx_input_count(back), 2);
    ck_assert_int_eq(fr_onnx_output_count(back), 2);
    ck_assert_str_eq(fr_onnx_input_name(back, 0), "input");
    ck_assert_str_eq(fr_onnx_input_name(back, 1), "2.bias");
    ck_assert_str_eq(fr_onnx_output_name(back, 0), "output");
    ck_assert_ptr_null(fr_onnx_output_name(back, 2));
    assert_failed("onnx_output_name", "2 given, and there are 2");
    ck_assert(fr_onnx_forward(back, (fr_tensor *[]){ x, bias }, 2, out, 2));
    assert_near("output", out[0], fr_forward(m, x));
    ck_assert(fr_dim(out[1], 1) == 8 && fr_at(fr_min(out[1]), 0) >= 0);
    ck_assert(!fr_onnx_forward(back, (fr_tensor *[]){ x, bias }, 1, out, 2) && !out[0] && !out[1]);
    assert_failed("onnx_forward", "1 inputs given, expected 2");
    ck_assert(!fr_onnx_forward(back, (fr_tensor *[]){ x, bias }, 2, out, 0));
    assert_failed("onnx_forward", "0 outputs wanted, expected 1 to 2");
    ck_assert_ptr_null(fr_forward(back, x));
    assert_failed("load_onnx", "the model has 2 inputs, which fr_onnx_forward takes");
    ck_assert(!fr_onnx_forward(m, (fr_tensor *[]){ x }, 1, out, 1));
    assert_failed("onnx_forward", "Sequential given, expected a module of fr_load_onnx");
    fr_module_free(m);
    fr_module_free(back);
}
END_TEST

START_TEST(fixed_sizes)
{
    FR_SCOPE;
    fr_module *m = layers(), *back = through_file(m, fr_randn(FR_SHAPE(4, 3)), NULL);

    ck_assert_ptr_null(fr_forward(back, fr_randn(FR_SHAPE(4, 5))));
    assert_failed("load_onnx", "input input is (4, 5), and the file fixes dim 1 to 3");
    ck_assert_ptr_null(fr_forward(back, fr_randn(FR_SHAPE(3))));
    assert_failed("load_onnx", "input input is (3,), expected 2 dims");
    ck_assert_ptr_null(fr_forward(back, fr_randint(0, 2, FR_SHAPE(4, 3))));
    assert_failed("load_onnx", "input input is int64, expected float32");
    fr_module_free(back);
    fr_module_free(m);
}
END_TEST

/* The first initializer's name ends with a dot, the second's has an empty part, the third's is a module's. */
static void names_of_no_tensor(PROTO(ModelProto) * m)
{
    static const char *const names[] = { "layer.", ".bias", "layer" };

    for (size_t i = 0; i < m->graph->n_initializer; i++)
        for (size_t k = 0; i < 3 && k < m->graph->n_node; k++)
            for (size_t j = 0; j < m->graph->node[k]->n_input; j++)
                if (strcmp(m->graph->node[k]->input[j], m->graph->initializer[i]->name) == 0)
                    set_text(&m->graph->node[k]->input[j], names[i]);
    for (size_t i = 0; i < m->graph->n_initializer && i < 3; i++)
        set_text(&m->graph->initializer[i]->name, names[i]);
}

START_TEST(initializers_without_a_name_are_numbered)
{
    FR_SCOPE;
    fr_module *m = layers(), *back = through_file(m, fr_randn(FR_SHAPE(4, 3)), names_of_no_tensor);
    static const char *const names[] = { "initializer_0", "initializer_1", "initializer_2" };

    ck_assert_ptr_nonnull(back);
    for (int i = 0; i < 3; i++)
        ck_assert_msg(fr_module_find(back, names[i]) != NULL, "%s is not there", names[i]);
    fr_module_free(back);
    fr_module_free(m);
}
END_TEST

static jmp_buf before_the_error;

static void leave(const char *message, void *user)
{
    (void)message;
    (void)user;
    longjmp(before_the_error, 1);
}

/* The layers make (4,8), (4,8) and (4,2) values. The limit holds in the model's forward alone, however it ends. */
START_TEST(results_are_limited)
{
    FR_SCOPE;
    fr_module *m = layers(), *back;
    fr_tensor *x = fr_randn(FR_SHAPE(4, 3));

    back = through_file(m, x, NULL);
    setenv("FROND_MEMORY_LIMIT", "127", 1);
    assert_refused(fr_forward(back, x), "linear: this result", "need 128 bytes", "limit of 127", "_LIMIT=128");
    setenv("FROND_MEMORY_LIMIT", "255", 1);
    assert_refused(fr_forward(back, x), "relu: this result", "need 256 bytes");
    ck_assert_ptr_nonnull(fr_forward(m, x));
    fr_set_error_handler(leave, NULL);
    if (setjmp(before_the_error) == 0)
        fr_forward(back, x);
    fr_set_error_handler(NULL, NULL);
    assert_failed("relu: this result");
    ck_assert_ptr_nonnull(fr_forward(m, x));
    setenv("FROND_MEMORY_LIMIT", "288", 1);
    assert_near("within the limit", fr_forward(back, x), fr_forward(m, x));
    unsetenv("FROND_MEMORY_LIMIT");
    fr_module_free(back);
    fr_module_free(m);
}
END_TEST

static void pad_before_alone(PROTO(ModelProto) * m)
{
    ((PROTO(AttributeProto) *)find_attribute(m->graph->node[0], "pads"))->ints[1] = 0;
}

static void of_set_11(PROTO(ModelProto) * m)
{
    m->opset_import[0]->version = 11;
}

/* Files that frond does not write itself: different padding at both ends of negative values; the old Softmax over all
 * dims from one on. */
START_TEST(of_other_writers)
{
    FR_SCOPE;
    fr_tensor *x = fr_sub_scalar(fr_rand(FR_SHAPE(2, 3, 8)), 2), *padded = fr_pad(x, (int64_t[]){ 1, 0 }, 2, -INFINITY);
    fr_max_pool_options stride = { .stride = FR_SHAPE(1), .padding = FR_SHAPE(1) };

    gives(fr_nn_max_pool1d(3, &stride), x, pad_before_alone,
          fr_max_pool1d(padded, 3, &(fr_max_pool_options){ .stride = FR_SHAPE(1) }));
    gives(fr_nn_softmax(1), x, of_set_11, fr_view_as(fr_softmax(fr_flatten(x, 1, 2), 1), x));
}
END_TEST

/* A loaded model can be trained, saved and exported again. */
START_TEST(loaded_models_learn)
{
    FR_SCOPE;
    fr_module *m = layers(), *back, *again;
    fr_tensor *x = fr_randn(FR_SHAPE(16, 3)), *y = fr_randint(0, 2, FR_SHAPE(16));
    double first = 0, loss = 0;

    back = through_file(m, x, NULL);

    fr_optim *o = fr_adam(back, &(fr_adam_options){ .lr = 0.05 });

    for (int step = 0; step < 60; step++) {
        FR_SCOPE;
        fr_tensor *l = fr_cross_entropy(fr_forward(back, x), y, FR_MEAN);

        fr_optim_zero_grad(o);
        ck_assert(fr_backward(l));
        ck_assert(fr_optim_step(o));
        loss = fr_item(l);
        first = step == 0 ? loss : first;
    }
    ck_assert_double_lt(loss, 0.5 * first);
    ck_assert(fr_save(back, "check_onnx.safetensors"));
    ck_assert(fr_load_into(m, "check_onnx.safetensors"));
    assert_near("by names", fr_forward(m, x), fr_forward(back, x));
    again = through_file(back, x, NULL);
    assert_near("again", fr_forward(again, x), fr_forward(back, x));
    unlink("check_onnx.safetensors");
    fr_optim_free(o);
    fr_module_free(again);
    fr_module_free(back);
    fr_module_free(m);
}
END_TEST

/* A file with any byte changed, or cut anywhere, gives a module or an error, and no crash. */
START_TEST(broken_files)
{
    FR_SCOPE;
    static unsigned char bytes[1 << 14];
    fr_module *m = simple_rnn_new(&(simple_rnn_options){ .input = 2, .hidden = 2, .output = 1 });
    fr_tensor *x = fr_randn(FR_SHAPE(2, 3, 2));
    FILE *file;
    size_t size;

    ck_assert(fr_export_onnx(m, x, path));
    file = fopen(path, "rb");
    size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t i = 0; i < 2 * size; i++) {
        size_t at = i / 2, length = i % 2 ? at : size;
        unsigned char kept = bytes[at];

        bytes[at] ^= i % 2 ? 0 : (unsigned char)(1 + i % 255);
        file = fopen(path, "wb");
        ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
        fclose(file);
        bytes[at] = kept;

        fr_module *back = fr_load_onnx(path);

        if (back) {
            FR_SCOPE;

            fr_forward(back, x);
            fr_module_free(back);
        }
        fr_error_clear();
    }
    unlink(path);
    fr_module_free(m);
}
END_TEST

/* --- What PyTorch's exporters write ------------------------------------------------------------------------------ */

static const char *const exported[] = { "cnn1d",     "encoder", "gpt", "gru",      "gru_both", "lenet",
                                        "lstm_both", "lstm",    "mlp", "residual", "rnn",      "tagger" };
enum { EXPORTED = sizeof exported / sizeof *exported };

/* A golden file of golden/exports. */
static const char *export_of(int model, const char *suffix)
{
    char name[64];

    snprintf(name, sizeof name, "golden/exports/%s.%s", exported[model], suffix);
    return test_file(name);
}

/* frond's output for a file of the exporter by dynamo, or of the one by scripts, is PyTorch's. */
START_TEST(exports_of_pytorch)
{
    FR_SCOPE;
    fr_module *m = fr_load_onnx(export_of(_i / 2, _i % 2 ? "script.onnx" : "dynamo.onnx"));
    fr_tensor *got = fr_forward(m, fr_load_npy(export_of(_i / 2, "x.npy")));
    fr_tensor *expected = fr_load_npy(export_of(_i / 2, "y.npy"));

    ck_assert_msg(got, "%s: %s", exported[_i / 2], fr_error_message());
    ck_assert_double_lt(fr_item(fr_max(fr_abs(fr_sub(got, expected)))), 1e-5);
    fr_module_free(m);
}
END_TEST

#else

START_TEST(refused)
{
    fr_module *m = fr_nn_linear(3, 2, NULL);
    FR_SCOPE;

    ck_assert(!fr_export_onnx(m, fr_randn(FR_SHAPE(5, 3)), "check_onnx.onnx"));
    assert_failed("export_onnx", "protobuf-c");
    fr_module_free(m);
}
END_TEST

#endif

int main(void)
{
    TCase *contents = tcase_create("contents");

#ifdef HAVE_PROTOBUF_C
    tcase_add_test(contents, recurrent);
    tcase_add_test(contents, reset_before);
    tcase_add_test(contents, open_sizes);
    tcase_add_test(contents, sizes_that_are_frozen);
    tcase_add_test(contents, ops_that_are_not_there);
    tcase_add_test(contents, loops);
    tcase_add_test(contents, arguments);
    tcase_add_test(contents, running_statistics);
    tcase_add_test(contents, own_op);
    tcase_add_test(contents, models_come_back);
    tcase_add_test(contents, dead_nodes);
    tcase_add_test(contents, external_data);
    tcase_add_test(contents, fixed_on_request);
    tcase_add_test(contents, fixed_sizes);
    tcase_add_test(contents, several_inputs);
    tcase_add_loop_test(contents, spoilt_files, 0, sizeof spoilt / sizeof *spoilt);
    tcase_add_test(contents, initializers_without_a_name_are_numbered);
    tcase_add_test(contents, results_are_limited);
    tcase_add_test(contents, of_other_writers);
    tcase_add_test(contents, loaded_models_learn);
    tcase_add_test(contents, broken_files);
    tcase_add_loop_test(contents, exports_of_pytorch, 0, 2 * EXPORTED);
#else
    tcase_add_test(contents, refused);
#endif
    return run_tests("onnx", contents);
}
