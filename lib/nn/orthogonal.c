/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Orthogonal initial values: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in
 * deep linear neural networks", 2014.
 *
 * A is a matrix of normal values, A = Q R. With the diagonal of R positive there is only one such Q, so this one is
 * PyTorch's, whatever algorithm finds it; and Q is uniformly distributed (Mezzadri, "How to generate random matrices
 * from the classical compact groups", 2007). Here Q comes from Gram-Schmidt in double, done twice: the second pass
 * makes it orthogonal to rounding error (Giraud, Langou and Rozloznik, 2005). */
#include "core/integer.h"
#include "core/random.h"
#include "kernels/orthogonal.h"
#include "nn/module.h"

#include <frond/op.h>
#include <math.h>

/* Copies t (rows,columns), contiguous, to v, or with back v times gain to t. v holds t if t has fewer rows
 * than columns, else its transpose: the shorter side gives the rows, since only so many can be orthogonal. */
static void transfer(fr_tensor *t, int64_t rows, int64_t columns, double *v, bool back, double gain)
{
    int64_t step_row = rows < columns ? columns : 1, step_column = rows < columns ? 1 : rows;

    FR_DISPATCH_FLOAT(t, T, {
        T *x = (T *)t->origin;

        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++, x++) {
                double *at = v + i * step_row + j * step_column;

                if (back)
                    *x = (T)*at * (T)gain;
                else
                    *at = (double)*x;
            }
    })
}

static bool fill(const char *what, fr_tensor *t, double gain)
{
    int64_t rows = t->shape.dim[0], columns = t->numel / rows, bytes;
    fr_tensor *values = fr_tensor_alloc(what, &t->shape, t->dtype);
    double *v = fr_mul_size(t->numel, sizeof *v, &bytes) && values ? fr_alloc(fr_bytes(bytes)) : NULL;

    if (v) {
        fr_fill_normal(values, 0, 1);
        transfer(values, rows, columns, v, false, 1);
        for (int twice = 0; twice < 2; twice++)
            fr_orthogonalise_rows(rows < columns ? rows : columns, rows < columns ? columns : rows, v);
        transfer(values, rows, columns, v, true, gain);
        fr_copy_values(t, values);
        fr_storage_bump(t);
        fr_free(v, (size_t)bytes);
    } else if (values) {
        fr_fail_memory(what);
    }
    fr_unref(values);
    return v != NULL;
}

fr_tensor *fr_init_orthogonal(fr_tensor *t, double gain)
{
    const char *what = "init_orthogonal";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    char text[FR_SHAPE_TEXT];
    bool ok =
        fr_can_initialise(what, t) &&
        (t->shape.ndim >= 2 || fr_fail(what, "%s given, expected 2 dims or more", fr_shape_text(&t->shape, text))) &&
        (isfinite(gain) || fr_fail(what, "gain is %g, expected a finite number", gain)) &&
        (t->numel == 0 || fill(what, t, gain));

    fr_finish(th, before);
    return ok ? t : NULL;
}
