/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes fr_load_onnx and what it loads: runs the model on an input of the shape that the file declares, and
 * differentiates the result. run.sh makes the first files: the shipped models and the ops' cases. */
#include <config.h>

#include "few_values.h"
#include "fuzz.h"

#include "onnx/import.h"

#include <frond.h>

/* The dtype and shape of the graph's first input; sizes that it leaves open are 3. */
static fr_tensor *make_input(const fr_graph_proto *g)
{
    enum { DOUBLE = 11, INT64 = 7 }; /* elem_type */
    const Frond__Onnx__TypeProto *type = g && g->n_input > 0 ? g->input[0]->type : NULL;
    const Frond__Onnx__TensorTypeProto *tensor = type ? type->tensor_type : NULL;
    const Frond__Onnx__TensorShapeProto *dims = tensor ? tensor->shape : NULL;
    int elem_type = tensor ? tensor->elem_type : 0;
    fr_shape shape = { .ndim = dims ? (int)(dims->n_dim % (FR_MAX_DIMS + 1)) : 0 };
    fr_tensor *x;

    for (int i = 0; i < shape.ndim; i++)
        shape.dim[i] = dims->dim[i]->has_dim_value ? dims->dim[i]->dim_value : 3;
    x = fr_sin(fr_reshape(fr_arange(0, (double)fr_numel(fr_zeros(shape)), 1, FR_F32), shape));
    if (elem_type == INT64)
        return fr_cast(fr_mul_scalar(fr_abs(x), 4), FR_I64);
    return fr_requires_grad(fr_detach(fr_cast(x, elem_type == DOUBLE ? FR_F64 : FR_F32)));
}

static void run(fr_module *m, const uint8_t *bytes, size_t size)
{
    FR_SCOPE;
    fr_model_proto *proto = frond__onnx__model_proto__unpack(NULL, size, bytes);
    fr_tensor *y = fr_forward(m, make_input(proto->graph));

    frond__onnx__model_proto__free_unpacked(proto, NULL);
    if ((y == NULL) != (fr_error_message() != NULL))
        abort();
    if (y && fr_wants_grad(y))
        fr_backward(fr_sum(y));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fr_module *m;

    fr_set_error_handler(NULL, NULL);
    m = fr_import_model("load_onnx: fuzz", bytes, size, NULL);
    if (m)
        run(m, bytes, size);
    fr_module_free(m);
    return fuzz_end();
}
