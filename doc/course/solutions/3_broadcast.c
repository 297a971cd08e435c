/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sheet 3: broadcasting. Shapes are aligned at their last dims; a dim of size 1, or a missing one, is repeated. */
#include "course.h"

/* The size of the dim that stands d places before the end; 1 where there is none. */
static int64_t size_from_end(fr_shape s, int d)
{
    return d < s.ndim ? s.dim[s.ndim - 1 - d] : 1;
}

/* Task 1. The shape that a and b broadcast to; ndim -1 where they do not. */
fr_shape broadcast_shape(fr_shape a, fr_shape b)
{
    fr_shape out = { .ndim = a.ndim > b.ndim ? a.ndim : b.ndim };

    for (int d = 0; d < out.ndim; d++) {
        int64_t m = size_from_end(a, d), n = size_from_end(b, d);

        if (m != n && m != 1 && n != 1)
            return (fr_shape){ .ndim = -1 };
        out.dim[out.ndim - 1 - d] = m == 1 ? n : m;
    }
    return out;
}

/* Task 2. A tensor of shape `from` is broadcast to shape `out`: the row-major index of the value of `from` that stands
 * at the row-major index i of the result. */
int64_t source_index(int64_t i, fr_shape out, fr_shape from)
{
    int64_t index = 0, stride = 1;

    for (int d = 0; d < from.ndim; d++) {
        int64_t place = i % size_from_end(out, d);

        if (size_from_end(from, d) > 1)
            index += place * stride;
        stride *= size_from_end(from, d);
        i /= size_from_end(out, d);
    }
    return index;
}

/* Task 3. Sums g over the dims that broadcasting from shape to g's shape has repeated. The result has that shape. */
fr_tensor *reduce_to(fr_tensor *g, fr_shape shape)
{
    while (fr_ndim(g) > shape.ndim)
        g = fr_sum_dim(g, 0, false);
    for (int d = 0; d < shape.ndim; d++)
        if (shape.dim[d] == 1)
            g = fr_sum_dim(g, d, true);
    return g;
}
