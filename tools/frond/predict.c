/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond predict: a class or a number for each sequence, as a table. */
#include "commands.h"
#include "program.h"

#include <string.h>

typedef struct {
    const char *paths[2]; /* run, data */
    const char *output;
    bool probabilities, no_target;
} arguments;

static const struct argp_option options[] = {
    { "output", 'o', "FILE", 0, "Write the table there (standard output)", 0 },
    { "probabilities", 'p', NULL, 0, "A column for each class's probability", 0 },
    { "no-target", 'n', NULL, 0, "The .csv or .tsv has no column of labels or targets", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    arguments *a = state->input;

    switch (key) {
    case 'o':
        a->output = text;
        return 0;
    case 'p':
        a->probabilities = true;
        return 0;
    case 'n':
        a->no_target = true;
        return 0;
    default:
        return parse_paths(key, text, state, a->paths, 2, 2);
    }
}

/* In double quotes where a field needs them (RFC 4180). */
static void print_field(FILE *file, const char *before, const char *text)
{
    fputs(before, file);
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (; *text; text++)
        fputs(*text == '"' ? "\"\"" : (char[]){ *text, '\0' }, file);
    fputc('"', file);
}

static void print_classes(FILE *file, const run *r, fr_tensor *logits, bool probabilities)
{
    int64_t n = fr_dim(logits, 0), classes = fr_dim(logits, 1);
    fr_tensor *chosen = fr_argmax(logits, 1, false), *p = fr_softmax(logits, 1);

    fputs("sequence,label", file);
    for (int64_t k = 0; probabilities && k < classes; k++)
        print_field(file, ",", run_label(r, k));
    fputc('\n', file);
    for (int64_t i = 0; i < n; i++) {
        fprintf(file, "%lld", (long long)i + 1);
        print_field(file, ",", run_label(r, (int64_t)fr_at(chosen, i)));
        for (int64_t k = 0; probabilities && k < classes; k++)
            fprintf(file, ",%.9g", fr_at(p, i * classes + k));
        fputc('\n', file);
    }
}

static void print_targets(FILE *file, const run *r, fr_tensor *out)
{
    fputs("sequence,value\n", file);
    for (int64_t i = 0; i < fr_dim(out, 0); i++)
        fprintf(file, "%lld,%.9g\n", (long long)i + 1, fr_at(out, i) * r->target_deviation + r->target_mean);
}

static void print_all(const arguments *a, const run *r, fr_tensor *out)
{
    output o;
    FILE *file = output_begin(&o);

    if (r->settings.regression)
        print_targets(file, r, out);
    else
        print_classes(file, r, out, a->probabilities);
    output_end(&o, file, a->output);
}

int command_predict(int argc, char **argv)
{
    static const struct argp argp = { .options = options,
                                      .parser = parse,
                                      .args_doc = "RUN DATA",
                                      .doc = "Predicts with the model that frond train keeps in the directory RUN." };
    arguments a = { 0 };

    argp_parse(&argp, argc, argv, 0, NULL, &a);

    run r = run_open(a.paths[0]);

    if (a.probabilities && r.settings.regression)
        die("%s: a regression has no probabilities", r.dir);

    dataset data = dataset_read(a.paths[1], &r.settings, !a.no_target);
    fr_module *model = model_load(&r);

    dataset_prepare(&data, &r, false);
    print_all(&a, &r, scores_outputs(&r, model, &data));
    fr_module_free(model);
    dataset_free(&data);
    run_close(&r);
    return 0;
}
