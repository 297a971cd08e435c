/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Data: sequences are read from a file, split, described for a new run, and prepared for a run's model. */
#include "program.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

dataset dataset_read(const char *path, const char *labels, const settings *s, bool labelled)
{
    const char *label = !labelled ? "none" : s->label ? s->label : s->regression ? "last" : NULL;
    fr_csv_options layout = {
        .label = label, .labels = labels, .header = s->header, .missing = (fr_missing)s->missing
    };
    dataset data = { .path = path };

    data.file = fr_read_sequences(path, &layout);
    data.x = fr_sequences_x(data.file);
    data.lengths = fr_sequences_lengths(data.file);
    data.labels = fr_sequences_labels(data.file);
    data.number = fr_arange(1, (double)fr_dim(data.x, 0) + 1, 1, FR_I64);
    return data;
}

static dataset select_rows(const dataset *data, fr_tensor *rows)
{
    dataset part = { .path = data->path, .file = data->file };

    part.x = fr_index_select(data->x, 0, rows);
    part.lengths = fr_index_select(data->lengths, 0, rows);
    part.labels = data->labels ? fr_index_select(data->labels, 0, rows) : NULL;
    part.number = fr_index_select(data->number, 0, rows);
    return part;
}

void dataset_print_labels(const dataset *data, bool regression)
{
    const char *column = fr_sequences_label_column(data->file);
    bool number = column && column[0] >= '0' && column[0] <= '9';

    printf(regression ? "target: " : "label: ");
    if (column)
        printf(number ? "column %s%s" : "%s column%s", column, regression ? "" : ", ");
    if (regression)
        puts(column ? "" : "as the file says");
    else
        printf("%d classes\n", fr_sequences_label_count(data->file));
}

dataset dataset_split(dataset *data, double fraction)
{
    int64_t n = fr_dim(data->x, 0), rest = n - (int64_t)((double)n * fraction + 0.5);
    fr_tensor *order = fr_randperm(n);
    dataset part;

    if (rest < 1 || rest == n)
        die("%s: %lld sequences cannot be split by --validation=%g", data->path, (long long)n, fraction);
    part = select_rows(data, fr_slice(order, 0, rest, n, 1));
    *data = select_rows(data, fr_slice(order, 0, 0, rest, 1));
    return part;
}

void dataset_free(dataset *data)
{
    fr_sequences_free(data->file);
    *data = (dataset){ 0 };
}

/* --- Describing --------------------------------------------------------------------------------------------------- */

static double get_target(const dataset *data, int64_t row)
{
    const char *text = fr_sequences_label_text(data->file, (int)fr_at(data->labels, row));
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end || !(fabs(value) <= (double)FLT_MAX))
        die("%s: the target \"%s\" of sequence %.0f is not a number", data->path, text, fr_at(data->number, row));
    return value;
}

/* Standard deviation of n values from their sum of squares about the mean. 1 if it would be 0, so that it can be
 * divided by. */
static double standard_deviation(double squares, double n)
{
    double value = sqrt(squares / n);

    return value > 0 ? value : 1;
}

/* Appends each variable's mean and standard deviation over all steps of all sequences. */
static void describe_variables(const dataset *data, json_t *mean, json_t *deviations)
{
    int64_t n = fr_dim(data->x, 0), steps = fr_dim(data->x, 1), variables = fr_dim(data->x, 2);
    const float *x = fr_data(data->x);
    const int64_t *length = fr_data(data->lengths);

    for (int64_t d = 0; d < variables; d++) {
        double sum = 0, squares = 0, count = 0;

        for (int64_t i = 0; i < n; i++, count += (double)length[i - 1])
            for (int64_t t = 0; t < length[i]; t++)
                sum += (double)x[(i * steps + t) * variables + d];
        for (int64_t i = 0; i < n; i++)
            for (int64_t t = 0; t < length[i]; t++)
                squares += pow((double)x[(i * steps + t) * variables + d] - sum / count, 2);
        json_array_append_new(mean, json_real(sum / count));
        json_array_append_new(deviations, json_real(standard_deviation(squares, count)));
    }
}

static void describe_targets(const dataset *data, double *mean, double *deviation)
{
    int64_t n = fr_dim(data->x, 0);
    double sum = 0, squares = 0;

    for (int64_t i = 0; i < n; i++)
        sum += get_target(data, i);
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += pow(get_target(data, i) - *mean, 2);
    *deviation = standard_deviation(squares, (double)n);
}

/* True for numbers that are all different: they are no classes. */
static bool look_like_targets(const dataset *data)
{
    int n = fr_sequences_label_count(data->file);
    char *end;

    if (n < FEW_SEQUENCES || n < fr_numel(data->labels))
        return false;
    for (int i = 0; i < n; i++) {
        (void)strtod(fr_sequences_label_text(data->file, i), &end);
        if (*end)
            return false;
    }
    return true;
}

static json_t *describe_labels(const dataset *data)
{
    json_t *labels = json_array();
    int n = fr_sequences_label_count(data->file);

    if (look_like_targets(data))
        die("%s: all %d labels are different numbers; did you mean --regression?", data->path, n);

    if (n < 2)
        die("%s: expected two labels or more, found %d", data->path, n);
    for (int i = 0; i < n; i++)
        if (json_array_append_new(labels, json_string(fr_sequences_label_text(data->file, i))) != 0)
            die("%s: the label \"%s\" is not UTF-8", data->path, fr_sequences_label_text(data->file, i));
    return labels;
}

json_t *dataset_describe(const dataset *data, const settings *s)
{
    settings chosen = *s;
    json_t *mean = s->normalize ? json_array() : json_null(), *deviations = s->normalize ? json_array() : json_null();
    double target_mean = 0, target_deviation = 1;

    chosen.label = fr_sequences_label_column(data->file);
    chosen.regression = s->regression || fr_sequences_have_targets(data->file);
    if (!data->labels)
        die("%s: there are no labels to learn", data->path);
    if (s->normalize)
        describe_variables(data, mean, deviations);
    if (s->normalize && chosen.regression)
        describe_targets(data, &target_mean, &target_deviation);
    return json_pack("{s:s, s:o, s:I, s:I, s:[I, I], s:o, s:o, s:o, s:f, s:f}", "frond", fr_version(), "settings",
                     settings_to_json(&chosen), "variables", (json_int_t)fr_dim(data->x, 2), "steps",
                     (json_int_t)(s->steps ? s->steps : fr_dim(data->x, 1)), "lengths",
                     (json_int_t)fr_item(fr_min(data->lengths)), (json_int_t)fr_item(fr_max(data->lengths)), "labels",
                     chosen.regression ? json_array() : describe_labels(data), "mean", mean, "deviation", deviations,
                     "target_mean", target_mean, "target_deviation", target_deviation);
}

/* --- Preparing ---------------------------------------------------------------------------------------------------- */

/* "1" and "1.0" are one class. */
static int64_t find_class(const run *r, const char *text)
{
    char *end, *other_end;
    double number = strtod(text, &end);

    for (int64_t i = 0; i < run_outputs(r); i++)
        if (strcmp(run_label(r, i), text) == 0)
            return i;
    for (int64_t i = 0; end > text && !*end && i < run_outputs(r); i++)
        if (strtod(run_label(r, i), &other_end) == number && !*other_end)
            return i;
    return -1;
}

/* (N) int64: the run's class of each sequence. advice: what to do about a label that is none. */
static fr_tensor *make_classes(const dataset *data, const run *r, const char *advice)
{
    fr_tensor *y = fr_cast(data->labels, FR_I64);
    int64_t *value = fr_data(y), n = fr_numel(y);

    for (int64_t i = 0; i < n; i++) {
        const char *text = fr_sequences_label_text(data->file, (int)fr_at(data->labels, i));

        value[i] = find_class(r, text);
        if (value[i] < 0)
            die("%s: the label \"%s\" of sequence %.0f is not one of the %lld that the model knows%s", data->path, text,
                fr_at(data->number, i), (long long)run_outputs(r), advice);
    }
    return y;
}

/* (N,1) float32: the normalised target of each sequence. */
static fr_tensor *make_targets(const dataset *data, const run *r)
{
    int64_t n = fr_numel(data->labels);
    fr_tensor *y = fr_zeros(FR_SHAPE(n, 1));
    float *value = fr_data(y);

    for (int64_t i = 0; i < n; i++)
        value[i] = (float)((get_target(data, i) - r->target_mean) / r->target_deviation);
    return y;
}

/* (N,T,D): (x - mean) / deviation, and 0 after the end of each sequence. */
static fr_tensor *normalize(const dataset *data, const run *r)
{
    fr_tensor *step = fr_arange(0, (double)fr_dim(data->x, 1), 1, FR_I64);
    fr_tensor *past = fr_ge(step, fr_unsqueeze(data->lengths, 1)); /* (N,T) */

    return fr_masked_fill(fr_div(fr_sub(data->x, r->mean), r->deviation), fr_unsqueeze(past, 2), 0);
}

/* Three signs: labels that the model does not know; sequences that are all one value too short; and for a regression on
 * sequences of different lengths there is no sign, so that the user must say it. */
void dataset_check_label_column(const dataset *data, const run *r)
{
    static const char advice[] = ": --label=none says that there is no column of labels or targets, --label=COLUMN "
                                 "which one it is";
    long long shortest = (long long)fr_item(fr_min(data->lengths)), longest = (long long)fr_item(fr_max(data->lengths));

    if (!fr_sequences_label_column(data->file)) /* other files say whether there are labels */
        return;
    if (!r->settings.regression)
        make_classes(data, r, advice);
    else if (r->shortest != r->longest || r->longest == 0)
        die("%s: may have a column of targets or not, as the training data has no fixed length%s", data->path, advice);
    if (r->shortest == r->longest && shortest == r->longest - 1 && longest == shortest)
        die("%s: beside a column of labels or targets, all sequences have %lld values, those of the training data have "
            "%lld%s",
            data->path, longest, (long long)r->longest, advice);
}

void dataset_prepare(dataset *data, const run *r, bool with_y)
{
    if (fr_dim(data->x, 2) != r->variables)
        die("%s: %lld variables in each step, the model has %lld", data->path, (long long)fr_dim(data->x, 2),
            (long long)r->variables);
    if (fr_dim(data->x, 1) > r->steps && strcmp(setting_choice(&r->settings, "model"), "transformer") == 0)
        die("%s: a sequence of %lld steps, the transformer takes up to %lld", data->path, (long long)fr_dim(data->x, 1),
            (long long)r->steps);
    if (with_y && !data->labels)
        die("%s: there are no labels to compare with", data->path);
    if (with_y)
        data->y = r->settings.regression ? make_targets(data, r) : make_classes(data, r, "");
    if (r->mean)
        data->x = normalize(data, r);
}
