/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the subcommands share: arguments, data, models, runs, scores. */
#ifndef FROND_PROGRAM_H
#define FROND_PROGRAM_H

#include <frond.h>

#include <argp.h>
#include <jansson.h>

enum { FAILED = 1, USAGE = 2 }; /* exit statuses */

/* "frond: ..." on standard error, exit status FAILED. As after an error of the library's. */
_Noreturn void die(const char *format, ...) FR_PRINTF(1, 2);
bool has_suffix(const char *path, const char *suffix);
char *path_in(const char *dir, const char *name); /* to be freed */

/* A text to be written: begin gives the stream to print to, end puts all of it into the file at path, whole or not at
 * all (then it dies), or on standard output where path is NULL. */
typedef struct {
    char *text;
    size_t size;
} output;

FILE *output_begin(output *o);
void output_end(output *o, FILE *file, const char *path);

/* --- Settings of a run: arguments of `frond train`, kept in its directory ----------------------------------------- */

typedef struct {
    int model, cell, optimizer, target; /* indices of the choices in the table */
    int64_t hidden, layers, heads, steps, kernel, epochs, batch_size, patience, seed;
    double dropout, lr, weight_decay, clip, validation;
    bool bidirectional, normalize, header, regression;
    const char *validation_file;
} settings;

typedef enum { CHOICE, WHOLE, NUMBER, FLAG, TEXT } setting_kind;

/* One setting: an option, a field of the struct and a member of model.json. */
typedef struct {
    const char *name;
    setting_kind kind;
    size_t offset;
    const char *argument; /* in --help; of a CHOICE all that there are: "rnn|lstm" */
    double least, most;   /* of a NUMBER: least <= value < most; of a WHOLE the least */
    const char *models;   /* those it is for; NULL: all */
    bool on_resume;       /* may be given again */
    const char *help;
} setting;

extern const setting settings_table[];
enum { SETTINGS = 23 };

settings settings_default(void);
void settings_parse(settings *s, int i, const char *text, struct argp_state *state); /* of setting i */
const char *setting_choice(const settings *s, const char *name);                     /* "lstm"; static */
json_t *settings_to_json(const settings *s);
void settings_from_json(settings *s, const json_t *json, const char *path); /* texts are borrowed from json */

/* An integer of least or more, below 2^31; otherwise a usage error. */
int64_t whole_number(const char *text, const char *option, int64_t least, struct argp_state *state);
/* The N arguments that a command takes, into paths; to be called for all keys of argp that are no options. */
error_t parse_paths(int key, char *text, struct argp_state *state, const char **paths, int least, int most);

/* --- Runs --------------------------------------------------------------------------------------------------------- */

/* What model.json says. */
typedef struct {
    const char *dir;
    settings settings;
    int64_t variables, steps;    /* of the training data: to a step; in the longest sequence, or --steps */
    const json_t *labels;        /* texts of the classes */
    fr_tensor *mean, *deviation; /* (variables): to normalise by; NULL: not */
    double target_mean, target_deviation;
    json_t *json;
} run;

run run_open(const char *dir);
void run_read(run *r, json_t *json, const char *path); /* fills *r; takes over json */
void run_create(const run *r);                         /* the directory; there must be no run in it */
void run_write(const run *r);                          /* model.json: with it the directory holds a run */
void run_close(run *r);
int64_t run_outputs(const run *r); /* classes, or 1 */
const char *run_label(const run *r, int64_t i);

fr_module *model_new(const run *r);  /* of new weights */
fr_module *model_load(const run *r); /* the best of the run, for evaluation */
fr_tensor *model_forward(const run *r, fr_module *model, fr_tensor *x, fr_tensor *lengths); /* (B,run_outputs) */

/* --- Data --------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *path;
    fr_sequences *file;
    fr_tensor *x, *lengths; /* (N,T,D), (N) */
    fr_tensor *labels;      /* (N) int64, into the file's label texts; NULL */
    fr_tensor *place;       /* (N) int64: which sequence of the file it is, from 1 on */
    fr_tensor *y;           /* (N) int64 classes of the run, or (N,1) targets, normalised; NULL */
} dataset;

dataset dataset_read(const char *path, const settings *s, bool labelled);
dataset dataset_split(dataset *data,
                      double fraction); /* takes that share of the rows, drawn, out of *data; lent its file */
json_t *dataset_describe(const dataset *data, const settings *s); /* model.json for a model of it */
/* Checks data against the run and brings it into its form. with_y: labels are needed, and must be the run's. */
void dataset_prepare(dataset *data, const run *r, bool with_y);
void dataset_free(dataset *data);

/* --- Scores ------------------------------------------------------------------------------------------------------- */

/* Sums over rows. */
typedef struct {
    double rows, loss, right, squares, absolutes;
} scores;

void scores_add(scores *sum, const run *r, fr_tensor *out, fr_tensor *y);
fr_tensor *scores_outputs(const run *r, fr_module *model, const dataset *data); /* (N,run_outputs), in evaluation */
scores scores_of(const run *r, fr_module *model, const dataset *data);
double scores_loss(const scores *s);
/* "loss 0.1, accuracy 0.9", or of a regression "loss 0.1, RMSE 3, MAE 2". */
void scores_print(FILE *file, const run *r, const scores *s);

#endif
