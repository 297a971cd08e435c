/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the subcommands share: command lines, settings, runs, models, data, scores. */
#ifndef FROND_PROGRAM_H
#define FROND_PROGRAM_H

#include <frond.h>

#include <argp.h>
#include <jansson.h>

enum { FAILED = 1, USAGE = 2 }; /* exit statuses */

/* Prints "frond: ..." on standard error and exits with FAILED, as after an error in the library. */
_Noreturn void die(const char *format, ...) FR_PRINTF(1, 2);
bool has_suffix(const char *path, const char *suffix);
/* The name, of those that name_at gives until NULL, which is most like text; NULL: none is. */
const char *nearest(const char *text, const char *(*name_at)(int i));
char *path_in(const char *dir, const char *name); /* to be freed */

/* A text that is written to a file as a whole or not at all. output_begin returns the stream to print to. output_end
 * writes the file at path, or standard output if path is NULL; it dies if it cannot. */
typedef struct {
    char *text;
    size_t size;
} output;

FILE *output_begin(output *o);
void output_end(output *o, FILE *file, const char *path);

void make_dir(const char *dir); /* unless it is there; dies if it cannot be made */
/* The contents of a JSON file; dies if there are none, and says what was expected: "the description of a run". */
json_t *read_json(const char *path, const char *expected);
void write_json(const json_t *json, const char *path); /* as a whole or not at all */

/* --- Settings of a run: options of `frond train`, kept in its directory ------------------------------------------- */

typedef struct {
    int model, cell, optimizer, missing; /* indices into the choices in settings_table */
    int64_t hidden, layers, heads, steps, kernel, epochs, batch_size, patience, seed;
    double dropout, lr, weight_decay, clip, validation;
    bool bidirectional, normalize, header, regression;
    const char *validation_file, *label, *labels; /* the last two as in fr_csv_options */
} settings;

typedef enum { CHOICE, WHOLE, NUMBER, FLAG, TEXT } setting_kind;

/* One setting: an option, a field of the struct and a member of model.json. */
typedef struct {
    const char *name;
    setting_kind kind;
    size_t offset;
    const char *argument; /* its name in --help; of a CHOICE all choices: "rnn|lstm" */
    double min, max;      /* of a NUMBER: min <= value < max; of a WHOLE: min <= value */
    const char *models;   /* the models that have this setting; NULL: all */
    bool on_resume;       /* may be changed when a run is resumed */
    const char *help;
} setting;

extern const setting settings_table[];
enum { SETTINGS = 25 };

settings settings_default(void);
int find_setting(const char *name);                                                  /* its index; -1: there is none */
void settings_parse(settings *s, int i, const char *text, struct argp_state *state); /* sets setting i */
/* The choice of the setting of that name, "lstm"; valid until the next call. */
const char *setting_choice(const settings *s, const char *name);
json_t *settings_to_json(const settings *s);
void settings_from_json(settings *s, const json_t *json, const char *path); /* borrows texts from json */

/* The value of an option: an integer >= min and < 2^31; otherwise a usage error. */
int64_t parse_whole_number(const char *text, const char *option, int64_t min, struct argp_state *state);

/* --- Command lines ------------------------------------------------------------------------------------------------ */

/* An option that sets a flag, or keeps the text of its argument. */
typedef struct {
    const char *name;
    int letter;
    const char *argument; /* its name in --help; NULL: it takes none */
    const char *help;
    bool *flag;        /* set to true; NULL for an option with an argument */
    const char **text; /* set to the argument */
} command_option;

typedef struct {
    const char *args_doc, *doc;    /* as in struct argp */
    const command_option *options; /* the last has no name; may be NULL */
    const char **paths;            /* set to the arguments that are not options */
    int paths_min, paths_max;      /* how many there may be */
} command_line;

/* Parses the command line of a subcommand. Exits with USAGE if it is wrong. */
void parse_command_line(int argc, char **argv, command_line *c);
/* The part of an argp parser that handles arguments which are not options, for commands with a parser of their own. */
error_t parse_paths(int key, char *text, struct argp_state *state, const char **paths, int min, int max);

/* --- Arguments of train and sweep --------------------------------------------------------------------------------- */

typedef struct {
    settings settings;
    bool given[SETTINGS];
    const char *data, *dir;
    const char *combination; /* of a sweep, for messages; NULL: there is only one */
    int paths_min;
    bool resume, quiet, plots, distributed;
    bool split_unasked; /* --validation was not given */
    int threads;        /* 0: not given */
} train_arguments;

enum { ARGUMENTS = SETTINGS + 5, FIRST_FREE_KEY = 256 + ARGUMENTS }; /* number of options; key of those of a command */

void arguments_options(struct argp_option options[ARGUMENTS]);
int arguments_setting(int key); /* the index of the setting of this option; -1: it is another option */
/* The part of an argp parser for the options that are no settings, and for DATA. */
error_t arguments_parse(train_arguments *a, int key, char *text, struct argp_state *state);
/* Exits with USAGE unless the arguments fit each other, and finds out the rest of *a. */
void arguments_check(train_arguments *a, struct argp_state *state);

int train(const train_arguments *a); /* returns the exit status */

/* --- Runs --------------------------------------------------------------------------------------------------------- */

/* The contents of model.json. */
typedef struct {
    const char *dir;
    settings settings;
    int64_t variables;           /* of each step */
    int64_t steps;               /* of the longest training sequence, or --steps */
    int64_t shortest, longest;   /* of the training sequences, in steps; 0: unknown */
    const json_t *labels;        /* texts of the classes */
    fr_tensor *mean, *deviation; /* (variables): for normalisation; NULL: none */
    double target_mean, target_deviation;
    json_t *json;
} run;

run run_open(const char *dir);
void run_from_json(run *r, json_t *json, const char *path); /* fills in *r; takes over json */
void run_create(const run *r);                              /* makes the directory; dies if it holds a run */
char *run_new_dir(void);                                    /* makes runs/DATE-N with a new N; to be freed */
void run_write(const run *r);                               /* model.json, which makes the directory hold a run */
void run_close(run *r);
int64_t run_outputs(const run *r); /* number of classes; 1 for a regression */
const char *run_label(const run *r, int64_t i);

fr_module *model_new(const run *r);  /* with initial weights */
fr_module *model_load(const run *r); /* with the best weights of the run, in evaluation mode */
fr_tensor *model_forward(const run *r, fr_module *model, fr_tensor *x, fr_tensor *lengths); /* (B,run_outputs) */

enum { FEW_SEQUENCES = 10 }; /* fewer of them tell nothing, and are not split unasked */

/* --- Several processes -------------------------------------------------------------------------------------------- */

void distributed_begin(void); /* begins the group of the ranks that mpirun has started; dies if frond has no MPI */

/* --- Data --------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *path;
    fr_sequences *file;
    fr_tensor *x, *lengths; /* (N,T,D), (N) */
    fr_tensor *labels;      /* (N) int64 indices into the file's label texts; NULL: none */
    fr_tensor *number;      /* (N) int64: number of the sequence in the file, from 1 */
    fr_tensor *y;           /* (N) int64 classes of the run, or (N,1) targets, normalised; NULL: not prepared */
} dataset;

/* labels: as in fr_csv_options. Without labelled there are none. */
dataset dataset_read(const char *path, const char *labels, const settings *s, bool labelled);
/* "label: first column, 2 classes", in a line. */
void dataset_print_labels(const dataset *data, bool regression);
/* Moves a random share of the sequences out of *data into the result, which borrows the file of *data. */
dataset dataset_split(dataset *data, double fraction);
json_t *dataset_describe(const dataset *data, const settings *s); /* model.json for a new run on this data */
/* Checks that data fits the run's model, and normalises x. with_y: labels are needed, and become y. */
void dataset_prepare(dataset *data, const run *r, bool with_y);
/* Dies if what was read as labels from a .csv or .tsv are likely to be values. */
void dataset_check_label_column(const dataset *data, const run *r);
void dataset_free(dataset *data);

/* --- Scores ------------------------------------------------------------------------------------------------------- */

/* Sums over sequences. */
typedef struct {
    double rows; /* number of sequences */
    double loss, correct, squared_error, absolute_error;
} scores;

void scores_add(scores *sum, const run *r, fr_tensor *out, fr_tensor *y);
fr_tensor *scores_outputs(const run *r, fr_module *model,
                          const dataset *data); /* (N,run_outputs), in evaluation mode */
scores scores_of(const run *r, fr_module *model, const dataset *data);
void scores_add_sums(scores *sum, const scores *more);
double scores_loss(const scores *s);
/* "loss 0.1, accuracy 0.9", or of a regression "loss 0.1, RMSE 3, MAE 2". */
void scores_print(FILE *file, const run *r, const scores *s);

#endif
