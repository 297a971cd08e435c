/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX models of several nodes that frond reads: graphs inside nodes, sequences, and what a file that means harm may
 * write of them. check_onnx_nodes.c has the ops one by one. */
#include <config.h>

#include "testing.h"

#ifdef HAVE_PROTOBUF_C

#include "check_onnx_text.h"

enum { MAX_GRAPHS = 4, MAX_NAMES = 8, MAX_NODES = 8, MAX_ATTRIBUTES = 6 };

/* Graph 0 is the model's, "@i" as an attribute is graph i. A graph is written
 *     "x:1,n -> y; y = Loop(n,,x) body=@1; ..."
 * inputs, with the number of their element type or none, outputs, and nodes. in are the values of the inputs, y that of
 * the last output; NULL: the model is refused, at load or later, with the message. */
typedef struct {
    const char *graphs[MAX_GRAPHS], *in[3], *y, *message;
} graph_case;

/* What a model is made of lives as long as its test. */
static void *keep(size_t size)
{
    static char arena[1 << 20];
    static size_t used;
    void *kept = arena + used;

    used += (size + 15) & ~(size_t)15;
    ck_assert_uint_le(used, sizeof arena);
    return memset(kept, 0, size);
}

static char *keep_text(const char *text)
{
    return strcpy(keep(strlen(text) + 1), text);
}

/* "a,,b" as names; "" has none. */
static char **names_of(char *text, size_t *n)
{
    char **names = keep(MAX_NAMES * sizeof *names), *name;

    for (*n = 0; text && *text && (name = strsep(&text, ",")); names[(*n)++] = name)
        ck_assert_uint_lt(*n, MAX_NAMES);
    return names;
}

static PROTO(ValueInfoProto) * *infos_of(char *text, size_t *n)
{
    char **names = names_of(text, n);
    PROTO(ValueInfoProto) **infos = keep(MAX_NAMES * sizeof *infos);

    for (size_t i = 0; i < *n; i++) {
        char *type = strchr(names[i], ':');

        infos[i] = keep(sizeof *infos[i]);
        frond__onnx__value_info_proto__init(infos[i]);
        infos[i]->name = names[i];
        if (!type)
            continue;
        *type = '\0';
        infos[i]->type = keep(sizeof *infos[i]->type);
        frond__onnx__type_proto__init(infos[i]->type);
        infos[i]->type->tensor_type = keep(sizeof *infos[i]->type->tensor_type);
        frond__onnx__tensor_type_proto__init(infos[i]->type->tensor_type);
        infos[i]->type->tensor_type->has_elem_type = true;
        infos[i]->type->tensor_type->elem_type = atoi(type + 1);
    }
    return infos;
}

static PROTO(GraphProto) * graph_of(const char *const *graphs, const char *text);

/* The attributes of a node; one that is a graph is packed. */
static PROTO(AttributeProto) * *attributes_of(const char *const *graphs, const char *text, size_t *n)
{
    PROTO(AttributeProto) **attributes = keep(MAX_ATTRIBUTES * sizeof *attributes);

    for (*n = 0; *text; (*n)++) {
        attribute_text *a = keep(sizeof *a);
        PROTO(GraphProto) * g;

        ck_assert_uint_lt(*n, MAX_ATTRIBUTES);
        text = read_attribute(text, a);
        attributes[*n] = &a->proto;
        if (a->text[0] != '@')
            continue;
        g = graph_of(graphs, graphs[atoi(a->text + 1)]);
        a->proto.has_i = a->proto.has_f = false;
        a->proto.has_g = true;
        a->proto.g.len = frond__onnx__graph_proto__get_packed_size(g);
        a->proto.g.data = keep(a->proto.g.len);
        frond__onnx__graph_proto__pack(g, a->proto.g.data);
    }
    return attributes;
}

/* "y,z = Op(a,b) attributes" */
static PROTO(NodeProto) * node_of(const char *const *graphs, char *text)
{
    PROTO(NodeProto) *node = keep(sizeof *node);
    char *op = strstr(text, " = "), *in = strchr(text, '('), *rest = strchr(text, ')');

    ck_assert(op && in && rest);
    *op = *in = *rest = '\0';
    frond__onnx__node_proto__init(node);
    node->output = names_of(text, &node->n_output);
    node->op_type = op + 3;
    node->input = names_of(in + 1, &node->n_input);
    node->attribute = attributes_of(graphs, rest + 1 + strspn(rest + 1, " "), &node->n_attribute);
    return node;
}

static PROTO(GraphProto) * graph_of(const char *const *graphs, const char *text)
{
    PROTO(GraphProto) *g = keep(sizeof *g);
    char *rest = keep_text(text), *head = strsep(&rest, ";"), *out = strstr(head, "->"), *line;

    frond__onnx__graph_proto__init(g);
    *out = '\0';
    if (out > head)
        out[-1] = '\0';
    g->input = infos_of(head, &g->n_input);
    g->output = infos_of(out + 3, &g->n_output);
    g->node = keep(MAX_NODES * sizeof *g->node);
    while ((line = strsep(&rest, ";"))) {
        ck_assert_uint_lt(g->n_node, MAX_NODES);
        g->node[g->n_node++] = node_of(graphs, line + 1);
    }
    return g;
}

static fr_module *load(const char *const *graphs)
{
    static const char path[] = "check_onnx_graphs.onnx";
    PROTO(ModelProto) model = FROND__ONNX__MODEL_PROTO__INIT;
    PROTO(OperatorSetIdProto) opset = FROND__ONNX__OPERATOR_SET_ID_PROTO__INIT;
    fr_module *m;

    opset.has_version = true;
    opset.version = FR_ONNX_OPSET_VERSION;
    model.n_opset_import = 1;
    model.opset_import = (PROTO(OperatorSetIdProto) *[]){ &opset };
    model.graph = graph_of(graphs, graphs[0]);
    write_model(path, &model);
    m = fr_load_onnx(path);
    unlink(path);
    return m;
}

/* --- Cases ------------------------------------------------------------------------------------------------------- */

#define IF    "x:1,c -> y; y = If(c) then_branch=@1 else_branch=@2"
#define TWICE " -> a; a = Add(x,x)"
#define LOOP  "x,n -> y; y = Loop(n,,x) body=@1"
#define ALL   "x,n -> y,all; y,all = Loop(n,,x) body=@1"
#define SCAN  "s,x -> e,all; e,all = Scan(s,x) body=@1 num_scan_inputs=1"
#define SUM   "a,b -> c,c; c = Add(a,b)"
#define SPLIT "x -> y; s = SplitToSequence(x) keepdims=0; i = Constant() value="

static const graph_case cases[] = {
    /* Branches: of constants or of values */
    { { IF, TWICE, " -> a; a = Neg(x)" }, { "f(2):1,2", "i():1" }, "f(2):2,4" },
    { { IF, TWICE, " -> a; a = Neg(x)" }, { "f(2):1,2", "i(1):0" }, "f(2):-1,-2" },
    { { "x -> y; c = Constant() value=I():1; y = If(c) then_branch=@1 else_branch=@1", TWICE }, { "f():3" }, "f():6" },
    { { IF, " -> x", " -> a; b = Unique(x); a = Neg(x)" }, { "f():1", "i():0" }, "f():-1" },
    { { IF, " -> x", " -> a; a = Unique(x)" }, { NULL }, NULL, "ops that frond cannot run: Unique (node a)" },
    { { IF, TWICE, TWICE }, { "f():1", "i(2):1,1" }, NULL, "node y (If): its condition must be one value" },
    { { IF, " -> a; a = Cast(x) to=3", TWICE }, { NULL }, NULL, "node y (If): a value has several types" },
    { { "x,c -> y; y = If(c) then_branch=@1", TWICE }, { NULL }, NULL, "of its graph do not fit" },
    { { "x,c -> y; y = If(c) then_branch=@1 body=@1", TWICE }, { NULL }, NULL, "node y has too many graphs" },
    { { IF, "z -> a; a = Neg(z)", TWICE }, { NULL }, NULL, "the inputs and outputs of its graph do not fit" },
    { { IF, " -> ; a = Neg(x)", TWICE }, { NULL }, NULL, "the inputs and outputs of its graph do not fit" },
    { { IF, " -> a; a = Neg(y)", TWICE }, { NULL }, NULL, "reads y, which nothing before it makes" },
    { { IF, " -> b; a = Neg(x)", TWICE }, { NULL }, NULL, "nothing makes the model's output b" },
    { { "x,c -> y; y = Relu(a); z = If(c) then_branch=@1 else_branch=@1", TWICE }, { NULL }, NULL, "reads a, which" },

    /* Loops: so many times, while a condition holds, over the times */
    { { LOOP, "i,c,v -> c,w; w = Add(v,v)" }, { "f():1", "i():3" }, "f():8" },
    { { LOOP, "i,c,v -> c,w; w = Add(v,v)" }, { "f():1", "i():0" }, "f():1" },
    { { LOOP, "i,c,v -> c,w; w = Add(v,x)" }, { "f():1", "i():3" }, "f():4" },
    { { LOOP, "i,c,v -> d,w; w = Add(v,v); l = Constant() value=f():10; d = Less(w,l)" },
      { "f():1", "i():99" },
      "f():16" },
    { { LOOP, "i,c,v:3 -> c,w; w = Abs(v)" }, { "i():200", "i():1" }, "i():56" },
    { { ALL, "i,c,v -> c,w,w; w = Add(v,v)" }, { "f():1", "i():3" }, "f(3):2,4,8" },
    { { ALL, "i,c,v -> c,v,i" }, { "f():1", "i():3" }, "i(3):0,1,2" },
    { { ALL, "i,c,v -> c,v,v" }, { "f():1", "i():0" }, NULL, "node y (Loop): it runs no time" },
    { { "x,n,c -> y; y = Loop(n,c,x) body=@1", "i,c,v -> c,w; w = Add(v,v)" }, { "f():1", "i():2", "i():0" }, "f():1" },
    { { LOOP, "i,c,v -> c,w; w = Add(v,v)" }, { "f():1", "f():3" }, NULL, "node y (Loop): expected one number" },
    { { LOOP, "i,c,v -> c,w; w = Add(v,v)" }, { "f():1", "i(2):3,3" }, NULL, "node y (Loop): expected one number" },
    { { LOOP, "i,c,v -> c,w; w = Neg(v)" }, { "f():1", "i():1e18" }, NULL, "FROND_MEMORY_LIMIT" },
    { { "x -> y; y = Loop(,,x) body=@1", "i,c,v -> c,v" }, { "f():1" }, NULL, "FROND_MEMORY_LIMIT" },
    { { LOOP, "i,c,v -> c,w; w = Concat(v,v) axis=0" }, { "f(1):1", "i():99" }, NULL, "FROND_MEMORY_LIMIT" },
    { { LOOP, "i,c -> c,x" }, { NULL }, NULL, "the inputs and outputs of its graph do not fit" },
    { { LOOP, "i,c,v -> c" }, { NULL }, NULL, "the inputs and outputs of its graph do not fit" },
    { { "x -> y; y = Loop() body=@1", " -> x" }, { NULL }, NULL, "the inputs and outputs of its graph do not fit" },
    { { "x:1,n -> y; y = Loop(n,,x) body=@1", "i,c,v:3 -> c,v" }, { NULL }, NULL, "a value has several types" },
    { { "x -> y; y = Loop(,,x)" }, { NULL }, NULL, "the inputs and outputs of its graph do not fit" },

    /* Scans: forwards and backwards */
    { { SCAN, SUM }, { "f(1):0", "f(3,1):1,2,3" }, "f(3,1):1,3,6" },
    { { SCAN " scan_input_directions=[1]", SUM }, { "f(1):0", "f(3,1):1,2,3" }, "f(3,1):3,5,6" },
    { { SCAN " scan_output_directions=[1]", SUM }, { "f(1):0", "f(3,1):1,2,3" }, "f(3,1):6,3,1" },
    { { SCAN " scan_input_axes=[1] scan_output_axes=[-1]", SUM }, { "f(1):0", "f(1,3):1,2,3" }, "f(1,3):1,3,6" },
    { { SCAN " scan_input_axes=[2]", SUM }, { "f(1):0", "f(1,3)" }, NULL, "node e (Scan): an axis is out of range" },
    { { SCAN, SUM }, { "f(1):0", "f(0,1)" }, NULL, "node e (Scan): it runs no time" },
    { { "s,x -> y; y = Scan(s,x) body=@1", SUM }, { NULL }, NULL, "with num_scan_inputs" },
    { { "s,x -> y; y = Scan(s,x) body=@1 num_scan_inputs=3", SUM }, { NULL }, NULL, "with num_scan_inputs" },
    { { "s,x -> y; y = Scan(s,x) body=@1 num_scan_inputs=2", "a,b -> c; c = Add(a,b)" },
      { "f(2,1)", "f(3,1)" },
      NULL,
      "its sequences differ in length" },

    /* Sequences */
    { { SPLIT "I():-1; y = SequenceAt(s,i)" }, { "f(3):1,2,3" }, "f():3" },
    { { SPLIT "I():0; t = SequenceErase(s,i); y = SequenceAt(t,i)" }, { "f(3):1,2,3" }, "f():2" },
    { { SPLIT "I():3; y = SequenceAt(s,i)" }, { "f(3):1,2,3" }, NULL, "node y (SequenceAt): its place is not in" },
    { { SPLIT "I():-4; y = SequenceAt(s,i)" }, { "f(3):1,2,3" }, NULL, "its place is not in the sequence" },
    { { SPLIT "I():0; y = SequenceLength(s)" }, { "f(3,2)" }, "i():3" },
    { { SPLIT "I():0; y = Relu(s)" }, { "f(3)" }, NULL, "node y (Relu): expected an input" },
    { { "x,n -> y; s = SplitToSequence(x,n); i = Constant() value=I():-1; y = SequenceAt(s,i)" },
      { "f(5):1,2,3,4,5", "i():2" },
      "f(1):5" },
    { { "x,n -> y; s = SplitToSequence(x,n); i = Constant() value=I():1; y = SequenceAt(s,i)" },
      { "f(5):1,2,3,4,5", "i(2):2,3" },
      "f(3):3,4,5" },
    { { "x,n -> y; s = SplitToSequence(x,n); y = SequenceLength(s)" }, { "f(5)", "i(2):2,2" }, NULL, "do not add up" },
    { { "x,n -> y; s = SplitToSequence(x,n); y = SequenceLength(s)" }, { "f(5)", "i(2):6,-1" }, NULL, "do not add up" },
    { { "x,n -> y; s = SplitToSequence(x,n); y = SequenceLength(s)" },
      { "f(5)", "i():0" },
      NULL,
      "sizes of 1 or more" },
    { { "x:1 -> y; e = SequenceEmpty(); z = Neg(x); s = SequenceInsert(e,x); p = Constant() value=I():0; "
        "t = SequenceInsert(s,z,p); y = ConcatFromSequence(t) axis=0" },
      { "f(1):1" },
      "f(2):-1,1" },
    { { "x -> y; s = SequenceConstruct(x,x); y = ConcatFromSequence(s) axis=0 new_axis=1" },
      { "f(1):1" },
      "f(2,1):1,1" },
    { { "x -> y; s = SequenceEmpty(); y = ConcatFromSequence(s) axis=0" }, { "f(1):1" }, NULL, "is empty" },
    { { "x:1 -> y; z = Cast(x) to=3; s = SequenceConstruct(x,z); y = SequenceLength(s)" },
      { NULL },
      NULL,
      "differ in type" },
    { { LOOP, "i,c,v -> c,w; s = SequenceConstruct(v,x); w = SequenceAt(s,i)" }, { "f():2", "i():2" }, "f():2" },
    { { "x,n -> y; s = SequenceEmpty(); t,u = Loop(n,,s,x) body=@1; y = ConcatFromSequence(t) axis=0 new_axis=1",
        "i,c,s,v -> c,t,w; w = Add(v,v); t = SequenceInsert(s,w)" },
      { "f():1", "i():3" },
      NULL,
      "differ in type" },
    { { "x:1,n -> y; s = SequenceEmpty(); t,u = Loop(n,,s,x) body=@1; y = ConcatFromSequence(t) axis=0 new_axis=1",
        "i,c,s,v -> c,t,w; w = Add(v,v); t = SequenceInsert(s,w)" },
      { "f():1", "i():3" },
      "f(3):2,4,8" },
    { { "x,n -> y; s = SequenceConstruct(x); y = Loop(n,,s) body=@1", "i,c,v -> c,v" },
      { "f():2", "i():2" },
      NULL,
      "output y was not made" },
    { { ALL, "i,c,v -> c,v,s; s = SequenceConstruct(v)" },
      { "f():2", "i():2" },
      NULL,
      "what it collects is a sequence" },
    { { LOOP, "i,c,v -> s,v; s = SequenceConstruct(v)" }, { "f():2", "i():2" }, NULL, "the condition of its graph" },
    { { "x,c -> y; s = If(c) then_branch=@1 else_branch=@1; y = SequenceLength(s)",
        " -> a; a = SequenceConstruct(x,x)" },
      { "f():2", "i():2" },
      "i():2" },

    /* Values of types that only inputs can have here */
    { { "x:3 -> y; s = Constant() value=f():0.5; z = Constant() value=B():1; y = DequantizeLinear(x,s,z)" },
      { "i(2):3,-1" },
      "f(2):1,-1" },
    { { "x:2,n:2 -> y; y = BitShift(x,n) direction='LEFT'" }, { "i(2):200,3", "i(2):1,9" }, "i(2):144,0" },
    { { "x:2 -> y; y = BitwiseNot(x)" }, { "i(2):0,200" }, "i(2):255,55" },
    { { "x:13 -> y; y = BitwiseNot(x)" }, { "i(1):0" }, NULL, "of type uint64 is beyond what int64 holds" },
};

START_TEST(graph)
{
    FR_SCOPE;
    const graph_case *c = &cases[_i];
    fr_tensor *in[3], *out[3] = { NULL };
    fr_module *m;
    int n = 0, outputs;

    snprintf(test_about, sizeof test_about, "%s", c->graphs[0]);
    m = load(c->graphs);
    ck_assert_msg(m || !c->y, "%s: %s", test_about, fr_error_message());
    for (; n < 3 && c->in[n]; n++)
        in[n] = tensor_of(c->in[n]);
    outputs = m ? fr_onnx_output_count(m) : 1;
    if (m)
        fr_onnx_forward(m, in, n, out, outputs);
    if (c->y) {
        assert_near(test_about, out[outputs - 1], tensor_of(c->y));
    } else {
        ck_assert_msg(!out[outputs - 1], "%s: not refused", test_about);
        assert_failed(c->message);
    }
    fr_module_free(m);
}
END_TEST

/* Graphs inside graphs: each a loop that runs once, ten deep. */
START_TEST(depth)
{
    enum { LEVELS = 10 };
    char texts[LEVELS + 1][64];
    const char *graphs[LEVELS + 1];

    for (int i = 0; i <= LEVELS; i++)
        graphs[i] = texts[i];
    strcpy(texts[0], "x -> y; y = Loop(,,x) body=@1");
    for (int i = 1; i < LEVELS; i++)
        snprintf(texts[i], sizeof texts[i], "i,c,x -> c,y; y = Loop(,,x) body=@%d", i + 1);
    strcpy(texts[LEVELS], "i,c,x -> c,x");
    ck_assert_ptr_null(load(graphs));
    assert_failed("load_onnx", "graphs inside nodes are nested more than 8 deep");
}
END_TEST

/* y = 8 x after three times; the gradient passes through all of them. */
START_TEST(gradients)
{
    FR_SCOPE;
    static const char *const graphs[] = { LOOP, "i,c,v -> c,w; w = Add(v,v)" };
    fr_module *m = load(graphs);
    fr_tensor *x = fr_requires_grad(fr_full(FR_SHAPE(), 1)), *y, *n = fr_full_of((fr_shape){ 0 }, 3, FR_I64);

    ck_assert_ptr_nonnull(m);
    ck_assert(fr_onnx_forward(m, (fr_tensor *[]){ x, n }, 2, &y, 1));
    ck_assert(fr_backward(y));
    ck_assert_double_eq(fr_item(fr_grad(x)), 8);
    fr_module_free(m);
}
END_TEST

#endif

int main(void)
{
    TCase *graphs = tcase_create("graphs");

#ifdef HAVE_PROTOBUF_C
    tcase_add_loop_test(graphs, graph, 0, sizeof cases / sizeof *cases);
    tcase_add_test(graphs, depth);
    tcase_add_test(graphs, gradients);
#endif
    return run_tests("onnx_graphs", graphs);
}
