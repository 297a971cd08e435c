/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Orthogonal initial values: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in
 * deep linear neural networks", 2014. A normal matrix A = Q R with R's diagonal positive makes Q uniform (Mezzadri,
 * "How to generate random matrices from the classical compact groups", 2007), and makes it one matrix: whichever way it
 * is computed it is PyTorch's. Here it is by Gram and Schmidt, in double, and once more on what that leaves, which
 * makes it as orthogonal as any (Giraud, Langou and Rozloznik, 2005). */
#include "kernels/cpu.h"
#include "core/integer.h"
#include "core/random.h"
#include "nn/module.h"

#include <frond/op.h>
#include <math.h>

enum { LANES = 8 };

FR_KERNEL(orthogonal_dot, (int64_t n, const double *x, const double *y, double *dot), (n, x, y, dot))
{
    double sum[LANES] = { 0 };
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] += x[i + k] * y[i + k];
    for (; i < n; i++)
        sum[0] += x[i] * y[i];
    for (int k = 1; k < LANES; k++)
        sum[0] += sum[k];
    *dot = sum[0];
}

FR_KERNEL(orthogonal_add, (int64_t n, double factor, const double *restrict x, double *restrict y), (n, factor, x, y))
{
    for (int64_t i = 0; i < n; i++)
        y[i] += factor * x[i];
}

/* v holds count rows of n: makes each of length 1 and takes it out of those that follow. */
static void orthogonalise(int64_t count, int64_t n, double *v)
{
    double dot;

    for (int64_t i = 0; i < count; i++) {
        double *row = v + i * n;

        orthogonal_dot(n, row, row, &dot);
        for (int64_t k = 0; k < n && dot > 0; k++)
            row[k] /= sqrt(dot);
        for (int64_t j = i + 1; j < count; j++) {
            orthogonal_dot(n, row, v + j * n, &dot);
            orthogonal_add(n, -dot, row, v + j * n);
        }
    }
}

/* The values of t (rows,columns), contiguous, to v as rows, or as columns where these are fewer; or back, times gain.
 */
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
    double *v = fr_mul_size(t->numel, sizeof *v, &bytes) && values ? fr_alloc((size_t)bytes) : NULL;

    if (v) {
        fr_fill_normal(values, 0, 1);
        transfer(values, rows, columns, v, false, 1);
        for (int twice = 0; twice < 2; twice++)
            orthogonalise(rows < columns ? rows : columns, rows < columns ? columns : rows, v);
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
