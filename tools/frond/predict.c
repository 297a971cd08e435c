/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond predict: predicts a class or a number for each sequence, as a CSV table. */
#include "commands.h"
#include "program.h"

#include <string.h>

/* Prints a CSV field after `separator`, in double quotes if it needs them (RFC 4180). */
static void print_field(FILE *file, const char *separator, const char *text)
{
    fputs(separator, file);
    size_t length = strlen(text);

    if (!strpbrk(text, ",;\"\t\r\n") && length > 0 && text[0] != ' ' && text[length - 1] != ' ') {
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

static void write_table(const run *r, fr_tensor *out, bool probabilities, const char *path)
{
    output o;
    FILE *file = output_begin(&o);

    if (r->settings.regression)
        print_targets(file, r, out);
    else
        print_classes(file, r, out, probabilities);
    output_end(&o, file, path);
}

int command_predict(int argc, char **argv)
{
    const char *paths[2], *path = NULL, *label = NULL;
    bool probabilities = false;
    const command_option options[] = {
        { "output", 'o', "FILE", "Write the table there (standard output)", .text = &path },
        { "probabilities", 'p', NULL, "A column for each class's probability", .flag = &probabilities },
        { "label", 'l', "COLUMN|NAME|first|last|none",
          "The .csv or .tsv has its labels or targets there, whatever they are", .text = &label },
        { .name = NULL },
    };

    parse_command_line(argc, argv,
                       &(command_line){ .args_doc = "RUN DATA",
                                        .doc = "Predicts with the model in RUN, a directory of frond train.\vA .csv or "
                                               ".tsv is expected to have a column of labels or targets, as in "
                                               "training, which is ignored. If it does not look so, this is an error.",
                                        .options = options,
                                        .paths = paths,
                                        .paths_min = 2,
                                        .paths_max = 2 });

    run r = run_open(paths[0]);

    if (probabilities && r.settings.regression)
        die("%s: a regression has no probabilities", r.dir);

    if (label)
        r.settings.label = label;

    dataset data = dataset_read(paths[1], NULL, &r.settings, !label || strcmp(label, "none") != 0);
    fr_module *model = model_load(&r);

    if (!label)
        dataset_check_label_column(&data, &r);

    dataset_prepare(&data, &r, false);

    write_table(&r, scores_outputs(&r, model, &data), probabilities, path);
    fr_module_free(model);
    dataset_free(&data);
    run_close(&r);
    return 0;
}
