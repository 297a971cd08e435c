/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Settings of a run. One table gives the options of `frond train`, their checks and the members of model.json. */
#include "program.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(settings, field)
#define RNN       "simple_rnn"
#define DEEP      "simple_rnn, tcn, transformer"

const setting settings_table[] = {
    { "model", CHOICE, AT(model), "simple_rnn|sequence_classifier|tcn|transformer", 0, 0, NULL, false,
      "Which model (simple_rnn)" },
    { "cell", CHOICE, AT(cell), "rnn|lstm|gru", 0, 0, RNN, false, "Its recurrent cell (rnn)" },
    { "hidden", WHOLE, AT(hidden), "N", 1, 0, NULL, false, "Hidden size, channels, or width (32)" },
    { "layers", WHOLE, AT(layers), "N", 1, 0, DEEP, false, "Layers, or blocks of a tcn (1; tcn: 3)" },
    { "bidirectional", FLAG, AT(bidirectional), NULL, 0, 0, RNN, false, "Read sequences from both ends" },
    { "heads", WHOLE, AT(heads), "N", 1, 0, "transformer", false, "Attention heads, a divisor of --hidden (4)" },
    { "steps", WHOLE, AT(steps), "N", 1, 0, "transformer", false,
      "Steps of the longest sequence that it will be given (the longest of DATA)" },
    { "kernel", WHOLE, AT(kernel), "N", 1, 0, "tcn", false, "Kernel size of its convolutions, in steps (3)" },
    { "dropout", NUMBER, AT(dropout), "P", 0, 1, "sequence_classifier, tcn, transformer", false,
      "Probability of dropout (0)" },
    { "regression", FLAG, AT(regression), NULL, 0, 0, NULL, false,
      "Targets are numbers, not classes; implied by @targetLabel true in a .ts" },
    { "normalize", FLAG, AT(normalize), NULL, 0, 0, NULL, false,
      "Scale each variable, and a regression's target, to mean 0 and deviation 1 over the training data" },
    { "label", TEXT, AT(label), "COLUMN|NAME|first|last", 0, 0, NULL, false,
      "Which column of .csv and .tsv holds the label or target (told from the data; with --regression the last)" },
    { "labels", TEXT, AT(labels), "FILE", 0, 0, NULL, false,
      "The .npy with the labels or targets of an .npy (beside X_train.npy: y_train.npy)" },
    { "header", FLAG, AT(header), NULL, 0, 0, NULL, false,
      "The first row of .csv and .tsv holds names (told from the data)" },
    { "missing", CHOICE, AT(missing), "refuse|mean|previous|drop", 0, 0, NULL, false,
      "What becomes of missing values: the mean of their sequence, the value before, or it is left out (refuse)" },
    { "validation", NUMBER, AT(validation), "FRACTION", 0, 1, NULL, false,
      "Validate on this share of DATA, and do not train on it (0.2 of ten sequences or more; 0: do not)" },
    { "validation-file", TEXT, AT(validation_file), "FILE", 0, 0, NULL, false, "Validate on these sequences" },
    { "patience", WHOLE, AT(patience), "N", 1, 0, NULL, true, "Stop after N epochs without a lower validation loss" },
    { "epochs", WHOLE, AT(epochs), "N", 1, 0, NULL, true, "Passes over the data (10)" },
    { "batch-size", WHOLE, AT(batch_size), "N", 1, 0, NULL, false, "Sequences in each step (32)" },
    { "optimizer", CHOICE, AT(optimizer), "adam|adamw|sgd|rmsprop", 0, 0, NULL, false, "(adam)" },
    { "lr", NUMBER, AT(lr), "X", 1e-300, 1e300, NULL, false, "Learning rate (0.01)" },
    { "weight-decay", NUMBER, AT(weight_decay), "X", 0, 1e300, NULL, false, "(0)" },
    { "clip", NUMBER, AT(clip), "X", 0, 1e300, NULL, false, "Clip the norm of all gradients to X (0: do not)" },
    { "seed", WHOLE, AT(seed), "N", 0, 0, NULL, false, "Seed of the generator (0)" },
};

_Static_assert(sizeof settings_table / sizeof *settings_table == SETTINGS, "SETTINGS is the size of the table");

settings settings_default(void)
{
    return (settings){
        .hidden = 32, .heads = 4, .kernel = 3, .epochs = 10, .batch_size = 32, .lr = 0.01, .validation = 0.2
    };
}

int find_setting(const char *name)
{
    for (int i = 0; i < SETTINGS; i++)
        if (strcmp(settings_table[i].name, name) == 0)
            return i;
    return -1;
}

/* --- From the command line ---------------------------------------------------------------------------------------- */

int64_t parse_whole_number(const char *text, const char *option, int64_t min, struct argp_state *state)
{
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < min || value > INT_MAX)
        argp_error(state, "--%s=%s: expected a whole number of %lld or more, below 2^31", option, text, (long long)min);
    return value;
}

static double parse_number(const char *text, const setting *s, struct argp_state *state)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end || !(value >= s->min && value < s->max))
        argp_error(state, "--%s=%s: expected a number of %g or more, below %g", s->name, text, s->min, s->max);
    return value;
}

/* The index of text in choices, "a|b|c"; -1 if it is not one of them. */
static int choice_index(const char *text, const char *choices)
{
    size_t n = strlen(text);
    const char *end;

    for (int i = 0;; i++, choices = end + 1) {
        end = strchrnul(choices, '|');
        if ((size_t)(end - choices) == n && memcmp(choices, text, n) == 0)
            return i;
        if (!*end)
            return -1;
    }
}

void settings_parse(settings *s, int i, const char *text, struct argp_state *state)
{
    const setting *entry = &settings_table[i];
    void *field = (char *)s + entry->offset;

    switch (entry->kind) {
    case CHOICE:
        *(int *)field = choice_index(text, entry->argument);
        if (*(int *)field < 0)
            argp_error(state, "--%s=%s: expected %s", entry->name, text, entry->argument);
        break;
    case WHOLE:
        *(int64_t *)field = parse_whole_number(text, entry->name, (int64_t)entry->min, state);
        break;
    case NUMBER:
        *(double *)field = parse_number(text, entry, state);
        break;
    case FLAG:
        *(bool *)field = true;
        break;
    case TEXT:
        *(const char **)field = text;
        break;
    }
}

/* --- In model.json ------------------------------------------------------------------------------------------------ */

/* Choice i of "a|b|c", of *length characters and not terminated. */
static const char *choice_text(const char *choices, int i, size_t *length)
{
    for (; i > 0; i--)
        choices = strchr(choices, '|') + 1;
    *length = strcspn(choices, "|");
    return choices;
}

const char *setting_choice(const settings *s, const char *name)
{
    static _Thread_local char text[64];
    const setting *entry = &settings_table[find_setting(name)];
    size_t length = 0;
    const char *choice = choice_text(entry->argument, *(const int *)((const char *)s + entry->offset), &length);

    snprintf(text, sizeof text, "%.*s", (int)length, choice);
    return text;
}

json_t *settings_to_json(const settings *s)
{
    json_t *json = json_object();

    for (int i = 0; i < SETTINGS; i++) {
        const setting *entry = &settings_table[i];
        const void *field = (const char *)s + entry->offset;
        json_t *value = entry->kind == CHOICE         ? json_string(setting_choice(s, entry->name))
                        : entry->kind == WHOLE        ? json_integer(*(const int64_t *)field)
                        : entry->kind == NUMBER       ? json_real(*(const double *)field)
                        : entry->kind == FLAG         ? json_boolean(*(const bool *)field)
                        : *(const char *const *)field ? json_string(*(const char *const *)field)
                                                      : json_null();

        if (json_object_set_new(json, entry->name, value) != 0)
            die("out of memory, or a name that is not UTF-8");
    }
    return json;
}

/* False unless value is valid for the setting. */
static bool value_from_json(const setting *entry, void *field, const json_t *value)
{
    switch (entry->kind) {
    case CHOICE:
        *(int *)field = json_is_string(value) ? choice_index(json_string_value(value), entry->argument) : -1;
        return *(int *)field >= 0;
    case WHOLE:
        *(int64_t *)field = json_integer_value(value);
        return json_is_integer(value) && *(int64_t *)field >= 0 && *(int64_t *)field <= INT_MAX;
    case NUMBER:
        *(double *)field = json_number_value(value);
        return json_is_number(value) && *(double *)field >= 0 && *(double *)field < entry->max;
    case FLAG:
        *(bool *)field = json_is_true(value);
        return json_is_boolean(value);
    default:
        *(const char **)field = json_string_value(value);
        return json_is_string(value) || json_is_null(value);
    }
}

void settings_from_json(settings *s, const json_t *json, const char *path)
{
    for (int i = 0; i < SETTINGS; i++)
        if (!value_from_json(&settings_table[i], (char *)s + settings_table[i].offset,
                             json_object_get(json, settings_table[i].name)))
            die("%s: the setting \"%s\" is missing or not valid", path, settings_table[i].name);
}
