/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What fr_module_print shows of a loaded ONNX model. */
#include <config.h>

#include "core/error.h"
#include "nn/module.h"
#include "onnx/import_model.h"

#include <stdio.h>
#include <stdlib.h>

static void write_input(FILE *f, const fr_onnx_model *model, int i)
{
    const fr_value_info_proto *info = model->graph->inputs[i];
    const Frond__Onnx__TensorTypeProto *type = info->type ? info->type->tensor_type : NULL;
    int dtype = fr_import_dtype(model->types[model->graph->input_index[i]]);

    fprintf(f, "input %.80s%s%s", info->name, dtype < 0 ? "" : ": ", dtype < 0 ? "" : fr_dtype_name((fr_dtype)dtype));
    for (size_t d = 0; type && type->shape && d < type->shape->n_dim; d++)
        if (type->shape->dim[d]->has_dim_value)
            fprintf(f, "%s%lld", d ? ", " : " (", (long long)type->shape->dim[d]->dim_value);
        else
            fprintf(f, "%s*", d ? ", " : " (");
    fprintf(f, "%s\n", type && type->shape && type->shape->n_dim ? ")" : "");
}

static void write_list(FILE *f, char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%s%.80s", i ? ", " : "", names[i]);
}

/* The inputs, with * for sizes that are open; the nodes, as in y = MatMul(x, weight); the outputs. */
bool fr_import_describe(fr_module *m, const char *where)
{
    const fr_onnx_model *model = fr_self(m);
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    bool ok = f != NULL;

    for (int i = 0; ok && i < model->graph->input_count; i++)
        write_input(f, model, i);
    for (size_t i = 0; ok && i < model->proto->graph->n_node; i++) {
        const fr_node_proto *p = model->graph->nodes[i].proto;

        if (!model->graph->nodes[i].needed)
            continue;
        write_list(f, p->output, p->n_output);
        fprintf(f, " = %s(", p->op_type);
        write_list(f, p->input, p->n_input);
        fputs(")\n", f);
    }
    for (size_t i = 0; ok && i < model->proto->graph->n_output; i++)
        fprintf(f, "%soutput %.80s", i ? "\n" : "", model->names[model->graph->output_index[i]]);
    ok = ok && !ferror(f);
    ok = (f && fclose(f) == 0 && ok) || fr_fail_memory(where);
    ok = ok && fr_module_describe(m, text);
    free(text);
    return ok;
}
