/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Running a loaded ONNX model: its nodes in their order, on an array of the values. */
#include <config.h>

#include "core/error.h"
#include "core/integer.h"
#include "core/memory_limit.h"
#include "graph/result_limit.h"
#include "nn/module.h"
#include "onnx/import_model.h"

#include <stdlib.h>

/* --- Forward ----------------------------------------------------------------------------------------------------- */

static bool run_op(fr_import_call *c)
{
    const fr_import_op *op = c->op;

    if (op->run)
        return op->run(c);
    if (c->inputs < 1 || !c->in[0] || (op->binary && (c->inputs != 2 || !c->in[1])))
        return fr_import_fail(c, op->binary ? "expected two inputs" : "expected an input");
    return fr_import_return(c, op->binary ? op->binary(c->in[0], c->in[1]) : op->unary(c->in[0]));
}

static bool run_node(struct fr_import_run *run, const fr_import_node *node)
{
    fr_tensor *in[FR_IMPORT_MAX_INPUTS];
    int types[FR_IMPORT_MAX_OUTPUTS], in_types[FR_IMPORT_MAX_INPUTS];
    fr_import_call c = { .node = node->proto,
                         .op = node->op,
                         .in = in,
                         .inputs = (int)node->proto->n_input,
                         .outputs = (int)node->proto->n_output,
                         .opset = run->model->opset,
                         .type = types,
                         .in_type = in_types,
                         .run = run,
                         .self = node };
    bool ok;

    fr_import_types(run->model, node, types, in_types);
    for (int i = 0; i < c.inputs; i++)
        in[i] = node->inputs[i] >= 0 ? run->values[node->inputs[i]].tensor : NULL;
    for (int i = 0; i < c.outputs; i++)
        if (node->outputs[i] >= 0)
            run->values[node->outputs[i]] = (fr_import_value){ 0 };
    ok = run_op(&c);
    for (int i = 0; ok && i < c.outputs; i++)
        if (node->outputs[i] >= 0 && c.out[i])
            ok = (run->values[node->outputs[i]].tensor = fr_import_as_type(c.out[i], types[i])) != NULL;
    return ok;
}

static bool run_graph(struct fr_import_run *run, const fr_import_graph *g)
{
    bool ok = true;

    for (size_t i = 0; ok && i < g->proto->n_node; i++)
        ok = !g->nodes[i].needed || run_node(run, &g->nodes[i]);
    return ok;
}

bool fr_import_count_runs(int64_t runs)
{
    enum { EACH = 512 }; /* bytes; about what a small tensor and its node take */

    return fr_result_limit_count_bytes(fr_thread_self(), "load_onnx", fr_least(runs, INT64_MAX / EACH) * EACH);
}

void fr_import_return_value(fr_import_call *c, int i, fr_import_value value)
{
    c->out[i] = value.tensor;
    if (c->self->outputs[i] >= 0)
        c->run->values[c->self->outputs[i]] = value;
}

bool fr_import_run_body(fr_import_call *c, int which, const fr_import_value *in, fr_import_value *out)
{
    struct fr_import_run *run = c->run;
    const fr_import_graph *g = c->self->bodies[which];

    for (int i = 0; i < g->input_count; i++) {
        int index = g->input_index[i];

        run->values[index] = in[i];
        if (in[i].tensor && !(run->values[index].tensor = fr_import_as_type(in[i].tensor, run->model->types[index])))
            return false;
    }
    if (!fr_import_count_runs((int64_t)g->proto->n_node + 1) || !run_graph(run, g))
        return false;
    for (size_t i = 0; i < g->proto->n_output; i++) {
        out[i] = run->values[g->output_index[i]];
        if (!out[i].tensor && !out[i].sequence)
            return fr_import_fail(c, "an output of its graph was not made");
    }
    return true;
}

/* x as the value of input i; NULL with an error if it is not of the type and the fixed sizes that the file gives. Any
 * dtype is taken as bool. */
static fr_tensor *check_input(const fr_onnx_model *model, int i, fr_tensor *x)
{
    const fr_value_info_proto *info = model->graph->inputs[i];
    const Frond__Onnx__TensorTypeProto *type = info->type ? info->type->tensor_type : NULL;
    const Frond__Onnx__TensorShapeProto *shape = type ? type->shape : NULL;
    int element = model->types[model->graph->input_index[i]], dtype = fr_import_dtype(element);
    char text[FR_SHAPE_TEXT];

    if (element > 0 && element != FR_ONNX_BOOL && dtype != x->dtype)
        return fr_fail("load_onnx", "input %.80s is %s, expected %s", info->name, fr_dtype_name((fr_dtype)x->dtype),
                       fr_dtype_name((fr_dtype)dtype));
    if (shape && shape->n_dim != (size_t)x->shape.ndim)
        return fr_fail("load_onnx", "input %.80s is %s, expected %zu dims", info->name, fr_shape_text(&x->shape, text),
                       shape->n_dim);
    for (int d = 0; shape && d < x->shape.ndim; d++)
        if (shape->dim[d]->has_dim_value && shape->dim[d]->dim_value != x->shape.dim[d])
            return fr_fail("load_onnx", "input %.80s is %s, and the file fixes dim %d to %lld", info->name,
                           fr_shape_text(&x->shape, text), d, (long long)shape->dim[d]->dim_value);
    return fr_import_as_type(element == FR_ONNX_BOOL ? fr_ne_scalar(x, 0) : x, element);
}

static void free_sequences(fr_import_sequence *s)
{
    for (fr_import_sequence *next; s; s = next) {
        next = s->next;
        free(s);
    }
}

static bool run_nodes(const fr_onnx_model *model, fr_tensor *const *inputs, fr_tensor **outputs, int m)
{
    struct fr_import_run run = { model, calloc((size_t)model->value_count, sizeof *run.values), NULL };
    const fr_import_graph *g = model->graph;
    bool ok = run.values || fr_fail_memory("load_onnx");

    for (int i = 0; ok && i < model->value_count; i++)
        run.values[i].tensor = model->values[i];
    for (int i = 0; ok && i < g->input_count; i++)
        ok = (run.values[g->input_index[i]].tensor = check_input(model, i, inputs[i])) != NULL;
    ok = ok && run_graph(&run, g);
    for (int i = 0; ok && i < m; i++) {
        outputs[i] = run.values[g->output_index[i]].tensor;
        ok = outputs[i] ||
             fr_fail("load_onnx", "the model's output %.80s was not made", model->names[g->output_index[i]]);
    }
    free_sequences(run.made);
    free(run.values);
    return ok;
}

/* The file decides what the nodes make: all their results together are limited. */
static bool run_limited(const fr_onnx_model *model, fr_tensor *const *inputs, fr_tensor **outputs, int m)
{
    fr_thread *th = fr_thread_self();
    int64_t there = model->weight_bytes;

    for (int i = 0; i < model->graph->input_count; i++)
        there += inputs[i]->numel * (int64_t)fr_dtype_size((fr_dtype)inputs[i]->dtype);

    fr_result_limit before = fr_result_limit_begin(th, fr_memory_limit(there, FR_FORWARD_MULTIPLE));
    bool ok = run_nodes(model, inputs, outputs, m);

    fr_result_limit_end(th, before);
    return ok;
}

fr_tensor *fr_import_forward(fr_module *m, fr_tensor *x)
{
    const fr_onnx_model *model = fr_self(m);
    fr_thread *th = fr_thread_self();
    fr_tensor *y = NULL;

    fr_defer_errors(th);
    if (model->graph->input_count != 1)
        fr_fail("load_onnx", "the model has %d inputs, which fr_onnx_forward takes", model->graph->input_count);
    else if (!run_limited(model, &x, &y, 1))
        y = NULL;
    fr_report_errors(th);
    return y;
}

/* --- Several inputs and outputs ---------------------------------------------------------------------------------- */

static const fr_onnx_model *model_of(const char *what, const fr_module *m)
{
    if (!fr_check_argument(what, m, "module"))
        return NULL;
    return m->forward == fr_import_forward ? (const fr_onnx_model *)(const void *)m->memory
                                           : fr_fail(what, "%s given, expected a module of fr_load_onnx", m->type);
}

int fr_import_model_count(const char *what, const fr_module *m, bool outputs)
{
    const fr_onnx_model *model = model_of(what, m);

    return !model ? -1 : outputs ? (int)model->proto->graph->n_output : model->graph->input_count;
}

const char *fr_import_model_name(const char *what, const fr_module *m, bool outputs, int i)
{
    const fr_onnx_model *model = model_of(what, m);
    int n = !model ? 0 : outputs ? (int)model->proto->graph->n_output : model->graph->input_count;

    if (!model)
        return NULL;
    if (i < 0 || i >= n)
        return fr_fail(what, "%d given, and there are %d", i, n);
    return model->names[outputs ? model->graph->output_index[i] : model->graph->input_index[i]];
}

static bool run_module(fr_thread *th, fr_module *m, const fr_onnx_model *model, fr_tensor *const *inputs,
                       fr_tensor **outputs, int count)
{
    int scope = fr_scope_begin();
    bool ok = scope >= 0 && fr_module_enter(th, m) && run_limited(model, inputs, outputs, count);

    for (int i = 0; ok && i < count; i++)
        ok = fr_escape(fr_module_leave(th, m, outputs[i])) != NULL;
    if (scope >= 0)
        fr_scope_end(scope);
    return ok;
}

bool fr_import_model_run(fr_module *m, fr_tensor *const *inputs, int n, fr_tensor **outputs, int count)
{
    const char *what = "onnx_forward";
    const fr_onnx_model *model = model_of(what, m);
    bool ok = model != NULL;
    int made = ok && count >= 1 && (size_t)count <= model->proto->graph->n_output ? count : 0;

    for (int i = 0; outputs && i < made; i++)
        outputs[i] = NULL;
    if (ok && n != model->graph->input_count)
        ok = fr_fail(what, "%d inputs given, expected %d", n, model->graph->input_count);
    if (ok && made == 0)
        ok = fr_fail(what, "%d outputs wanted, expected 1 to %zu", count, model->proto->graph->n_output);
    ok = ok && (n == 0 || fr_check_argument(what, inputs, "inputs")) && fr_check_argument(what, outputs, "outputs");
    for (int i = 0; ok && i < n; i++)
        ok = fr_check_argument(what, inputs[i], "input");
    ok = ok && run_module(fr_thread_self(), m, model, inputs, outputs, count);
    for (int i = 0; !ok && outputs && i < made; i++)
        outputs[i] = NULL;
    return ok;
}
