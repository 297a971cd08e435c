/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Scores: the sums over sequences from which loss, accuracy and the errors of a regression are computed. */
#include "program.h"

#include <math.h>
#include <stdlib.h>

enum { BATCH_SIZE = 256 }; /* for evaluation */

fr_tensor *scores_outputs(const run *r, fr_module *model, const dataset *data)
{
    FR_NO_GRAD;
    int64_t n = fr_dim(data->x, 0);
    fr_tensor *all = fr_zeros(FR_SHAPE(n, run_outputs(r)));

    fr_train(model, false);
    for (int64_t i = 0; i < n; i += BATCH_SIZE) {
        FR_SCOPE;
        fr_tensor *x = fr_slice(data->x, 0, i, i + BATCH_SIZE, 1),
                  *lengths = fr_slice(data->lengths, 0, i, i + BATCH_SIZE, 1);

        fr_copy(fr_slice(all, 0, i, i + BATCH_SIZE, 1), model_forward(r, model, x, lengths));
    }
    return all;
}

void scores_add(scores *sum, const run *r, fr_tensor *out, fr_tensor *y)
{
    FR_SCOPE;
    FR_NO_GRAD;

    sum->rows += (double)fr_dim(out, 0);
    if (r->settings.regression) {
        fr_tensor *error = fr_mul_scalar(fr_sub(out, y), r->target_deviation);

        sum->loss += fr_item(fr_mse(out, y, FR_SUM));
        sum->squared_error += fr_item(fr_sum(fr_mul(error, error)));
        sum->absolute_error += fr_item(fr_sum(fr_abs(error)));
    } else {
        sum->loss += fr_item(fr_cross_entropy(out, y, FR_SUM));
        sum->correct += fr_item(fr_sum(fr_eq(fr_argmax(out, 1, false), y)));
    }
}

void scores_add_sums(scores *sum, const scores *more)
{
    sum->rows += more->rows;
    sum->loss += more->loss;
    sum->correct += more->correct;
    sum->squared_error += more->squared_error;
    sum->absolute_error += more->absolute_error;
}

scores scores_of(const run *r, fr_module *model, const dataset *data)
{
    FR_SCOPE;
    scores sum = { 0 };

    scores_add(&sum, r, scores_outputs(r, model, data), data->y);
    return sum;
}

double scores_loss(const scores *s)
{
    return s->loss / s->rows;
}

void scores_print(FILE *file, const run *r, const scores *s)
{
    fprintf(file, "loss %.4f, ", scores_loss(s));
    if (r->settings.regression)
        fprintf(file, "RMSE %.6g, MAE %.6g", sqrt(s->squared_error / s->rows), s->absolute_error / s->rows);
    else
        fprintf(file, "accuracy %.4f", s->correct / s->rows);
}
