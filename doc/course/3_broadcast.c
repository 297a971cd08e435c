/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sheet 3: broadcasting. Shapes are aligned at their last dims; a dim of size 1, or a missing one, is repeated. */
#include "course.h"

/* Task 1. The shape that a and b broadcast to; ndim -1 where they do not. */
fr_shape broadcast_shape(fr_shape a, fr_shape b)
{
    (void)a, (void)b; /* your code here */
    return FR_SHAPE();
}

/* Task 2. A tensor of shape `from` is broadcast to shape `out`: the row-major index of the value of `from` that stands
 * at the row-major index i of the result. */
int64_t source_index(int64_t i, fr_shape out, fr_shape from)
{
    (void)i, (void)out, (void)from; /* your code here */
    return 0;
}

/* Task 3. Sums g over the dims that broadcasting from shape to g's shape has repeated. The result has that shape. */
fr_tensor *reduce_to(fr_tensor *g, fr_shape shape)
{
    (void)g, (void)shape; /* your code here */
    return NULL;
}
