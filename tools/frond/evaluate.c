/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond evaluate: how well a model predicts: for classes the report and confusion matrix that scikit-learn has, for
 * numbers their errors. */
#include "commands.h"
#include "program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static error_t parse(int key, char *text, struct argp_state *state)
{
    return parse_paths(key, text, state, state->input, 2, 2);
}

/* --- Classes ------------------------------------------------------------------------------------------------------ */

/* table[true * n + predicted]: how many sequences */
static int64_t *count_classes(int64_t n, fr_tensor *logits, fr_tensor *y)
{
    int64_t *table = calloc((size_t)(n * n), sizeof *table);
    fr_tensor *chosen = fr_argmax(logits, 1, false);

    if (!table)
        die("out of memory");
    for (int64_t i = 0; i < fr_numel(y); i++)
        table[(int64_t)fr_at(y, i) * n + (int64_t)fr_at(chosen, i)]++;
    return table;
}

typedef struct {
    double precision, recall, f1, support;
} class_scores;

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

/* Of class k; *appears: in the truth or the predictions. */
static class_scores class_scores_of(const int64_t *table, int64_t n, int64_t k, bool *appears)
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

static void add(class_scores *sum, class_scores s, double weight)
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

/* Classes that appear neither in the truth nor in the predictions are left out, as scikit-learn does. */
static void print_report(const run *r, const int64_t *table, const scores *total)
{
    int64_t n = run_outputs(r), appearing = 0;
    class_scores macro = { 0 }, weighted = { 0 };
    int width = name_width(r);

    printf("%*s  %9s %9s %9s %9s\n\n", width, "", "precision", "recall", "f1-score", "support");
    for (int64_t k = 0; k < n; k++) {
        bool appears;
        class_scores s = class_scores_of(table, n, k, &appears);

        if (!appears)
            continue;
        print_row(width, run_label(r, k), s);
        add(&macro, s, 1);
        add(&weighted, s, s.support / total->rows);
        appearing++;
    }
    macro.precision /= (double)appearing;
    macro.recall /= (double)appearing;
    macro.f1 /= (double)appearing;
    printf("\n%*s  %9s %9s %9.4f %9.0f\n", width, "accuracy", "", "", total->right / total->rows, total->rows);
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

    printf("loss %.6f\naccuracy %.6f (%.0f/%.0f)\n\n", scores_loss(s), s->right / s->rows, s->right, s->rows);
    print_report(r, table, s);
    print_confusion(r, table);
    free(table);
}

/* --- Numbers ------------------------------------------------------------------------------------------------------ */

static void report_numbers(const run *r, fr_tensor *y, const scores *s)
{
    double mean = fr_item(fr_mean(y)), spread = 0; /* sum of squares about the mean, in units of the target */

    for (int64_t i = 0; i < fr_numel(y); i++)
        spread += pow((fr_at(y, i) - mean) * r->target_deviation, 2);
    printf("MSE  %.6g\nRMSE %.6g\nMAE  %.6g\nR2   %.6g\n", s->squares / s->rows, sqrt(s->squares / s->rows),
           s->absolutes / s->rows, 1 - s->squares / spread);
}

int command_evaluate(int argc, char **argv)
{
    static const struct argp argp = { .parser = parse,
                                      .args_doc = "RUN DATA",
                                      .doc = "Compares what the model that frond train keeps in the directory RUN "
                                             "predicts for the labelled sequences of DATA with their labels." };
    const char *paths[2];
    scores s = { 0 };

    argp_parse(&argp, argc, argv, 0, NULL, paths);

    run r = run_open(paths[0]);
    dataset data = dataset_read(paths[1], &r.settings, true);
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
