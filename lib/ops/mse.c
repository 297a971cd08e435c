/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* mse: squared error, (x - y)^2. */
#include "ops/op_file.h"

fr_tensor *fr_mse(fr_tensor *x, fr_tensor *y, fr_reduction reduction)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "mse");
    int scope = fr_scope_begin();
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];
    fr_tensor *loss = NULL;

    if (x && y && !fr_shape_equal(&x->shape, &y->shape))
        fr_fail("mse", "prediction %s, target %s: shapes must be equal", fr_shape_text(&x->shape, a),
                fr_shape_text(&y->shape, b));
    else
        loss = fr_escape(fr_reduce_loss("mse", fr_square(fr_sub(x, y)), reduction));
    fr_scope_end(scope);
    fr_finish(th, before);
    return loss;
}
