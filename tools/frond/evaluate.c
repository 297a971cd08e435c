/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond evaluate: how well a model predicts. For classes it prints scikit-learn's classification report and confusion
 * matrix, for a regression the errors. */
#include "commands.h"
#include "program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- Classes ------------------------------------------------------------------------------------------------------ */

/* (n,n) table[true * n + predicted]: how many sequences. To be freed. */
static int64_t *count_classes(int64_t n, fr_tensor *logits, fr_tensor *y)
{
    int64_t *table = calloc((size_t)(n * n), sizeof *table);
    fr_tensor *predicted = fr_argmax(logits, 1, false);

    if (!table)
        die("out of memory");
    for (int64_t i = 0; i < fr_numel(y); i++)
        table[(int64_t)fr_at(y, i) * n + (int64_t)fr_at(predicted, i)]++;
    return table;
}

typedef struct {
    double precision, recall, f1, support;
} class_scores;

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

/* Scores of class k. *appears: it is in the truth or in the predictions. */
static class_scores score_class(const int64_t *table, int64_t n, int64_t k, bool *appears)
{
    double truth = 0, predicted = 0, hits = (double)table[k * n + k];

    for (int64_t i = 0; i < n; i++) {
        truth += (double)table[k * n + i];
        predicted += (double)table[i * n + k];
    }
    *appears = truth + predicted > 0;
    return (class_scores){ ratio(hits, predicted), ratio(hits, truth), ratio(2 * hits, predicted + truth), truth };
}

static void print_row(int width, const char *name, class_scores s)
{
    printf("%*s  %9.4f %9.4f %9.4f %9.0f\n", width, name, s.precision, s.recall, s.f1, s.support);
}

static void add_scores(class_scores *sum, class_scores s, double weight)
{
    sum->precision += weight * s.precision;
    sum->recall += weight * s.recall;
    sum->f1 += weight * s.f1;
    sum->support += s.support;
}

static int name_width(const run *r)
{
    size_t width = strlen("weighted avg");

    for (int64_t k = 0; k < run_outputs(r); k++)
        width = strlen(run_label(r, k)) > width ? strlen(run_label(r, k)) : width;
    return (int)width;
}

/* As scikit-learn does, leaves out classes that appear neither in the truth nor in the predictions. */
static void print_report(const run *r, const int64_t *table, const scores *total)
{
    int64_t n = run_outputs(r), appearing = 0;
    class_scores macro = { 0 }, weighted = { 0 };
    int width = name_width(r);

    printf("%*s  %9s %9s %9s %9s\n\n", width, "", "precision", "recall", "f1-score", "support");
    for (int64_t k = 0; k < n; k++) {
        bool appears;
        class_scores s = score_class(table, n, k, &appears);

        if (!appears)
            continue;
        print_row(width, run_label(r, k), s);
        add_scores(&macro, s, 1);
        add_scores(&weighted, s, s.support / total->rows);
        appearing++;
    }
    macro.precision /= (double)appearing;
    macro.recall /= (double)appearing;
    macro.f1 /= (double)appearing;
    printf("\n%*s  %9s %9s %9.4f %9.0f\n", width, "accuracy", "", "", total->correct / total->rows, total->rows);
    print_row(width, "macro avg", macro);
    print_row(width, "weighted avg", weighted);
}

static void print_confusion(const run *r, const int64_t *table)
{
    int64_t n = run_outputs(r);
    int width = name_width(r);

    printf("\nConfusion matrix (rows: true, columns: predicted)\n\n%*s ", width, "");
    for (int64_t k = 0; k < n; k++)
        printf(" %6s", run_label(r, k));
    for (int64_t i = 0; i < n; i++) {
        printf("\n%*s ", width, run_label(r, i));
        for (int64_t k = 0; k < n; k++)
            printf(" %6lld", (long long)table[i * n + k]);
    }
    putchar('\n');
}

static void report_classes(const run *r, fr_tensor *logits, fr_tensor *y, const scores *s)
{
    int64_t *table = count_classes(run_outputs(r), logits, y);

    printf("loss %.6f\naccuracy %.6f (%.0f/%.0f)\n\n", scores_loss(s), s->correct / s->rows, s->correct, s->rows);
    print_report(r, table, s);
    print_confusion(r, table);
    free(table);
}

/* --- Numbers ------------------------------------------------------------------------------------------------------ */

static void report_numbers(const run *r, fr_tensor *y, const scores *s)
{
    double mean = fr_item(fr_mean(y)), variation = 0; /* sum of squares about the mean, in units of the target */

    for (int64_t i = 0; i < fr_numel(y); i++)
        variation += pow((fr_at(y, i) - mean) * r->target_deviation, 2);
    printf("MSE  %.6g\nRMSE %.6g\nMAE  %.6g\nR2   %.6g\n", s->squared_error / s->rows, sqrt(s->squared_error / s->rows),
           s->absolute_error / s->rows, 1 - s->squared_error / variation);
}

int command_evaluate(int argc, char **argv)
{
    const char *paths[2], *labels = NULL;
    const command_option options[] = {
        { "labels", 'l', "FILE", "The .npy with the labels or targets of an .npy (beside X_test.npy: y_test.npy)",
          .text = &labels },
        { .name = NULL },
    };
    scores s = { 0 };

    parse_command_line(argc, argv,
                       &(command_line){ .args_doc = "RUN DATA",
                                        .doc = "Compares the predictions of the model in RUN, a directory of frond "
                                               "train, with the labels of the sequences in DATA.",
                                        .options = options,
                                        .paths = paths,
                                        .paths_min = 2,
                                        .paths_max = 2 });

    run r = run_open(paths[0]);
    dataset data = dataset_read(paths[1], labels, &r.settings, true);
    fr_module *model = model_load(&r);

    dataset_prepare(&data, &r, true);

    fr_tensor *out = scores_outputs(&r, model, &data);

    scores_add(&s, &r, out, data.y);
    if (r.settings.regression)
        report_numbers(&r, data.y, &s);
    else
        report_classes(&r, out, data.y, &s);
    fr_module_free(model);
    dataset_free(&data);
    run_close(&r);
    return 0;
}
