/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The arguments that train and sweep share: all settings, and how to run. */
#include "program.h"

#include <stdarg.h>
#include <string.h>

enum { FIRST_SETTING = 256, OUTPUT = FIRST_SETTING + SETTINGS, RESUME, QUIET, PLOTS, THREADS };

_Static_assert(THREADS + 1 == FIRST_FREE_KEY, "ARGUMENTS is the number of options");

void arguments_options(struct argp_option options[ARGUMENTS])
{
    static const struct argp_option own[] = {
        { "output", OUTPUT, "DIR", 0, "The directory for what is made (runs/DATE-N)", 0 },
        { "resume", RESUME, NULL, 0, "Go on with what is in DIR, on the same DATA", 0 },
        { "quiet", QUIET, NULL, 0, "Print only the result", 0 },
        { "plots", PLOTS, NULL, 0, "Draw the log as DIR/*.png and *.svg, with gnuplot", 0 },
        { "threads", THREADS, "N", 0, "Threads; results do not depend on it (OMP_NUM_THREADS, else all cores)", 0 },
    };
    struct argp_option *next = options;

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        *next++ = own[i];
    for (int i = 0; i < SETTINGS; i++) {
        const setting *s = &settings_table[i];

        *next++ = (struct argp_option){ s->name, FIRST_SETTING + i, s->argument, 0, s->help, 1 };
    }
}

int arguments_setting(int key)
{
    return key >= FIRST_SETTING && key < FIRST_SETTING + SETTINGS ? key - FIRST_SETTING : -1;
}

error_t arguments_parse(train_arguments *a, int key, char *text, struct argp_state *state)
{
    switch (key) {
    case OUTPUT:
        a->dir = text;
        return 0;
    case RESUME:
        a->resume = true;
        return 0;
    case QUIET:
        a->quiet = true;
        return 0;
    case PLOTS:
        a->plots = true;
        return 0;
    case THREADS:
        a->threads = (int)parse_whole_number(text, "threads", 1, state);
        return 0;
    case ARGP_KEY_END:
        if (!a->dir && a->resume)
            argp_error(state, "--output=DIR is missing: --resume goes on with what is there");
        break;
    }
    return parse_paths(key, text, state, &a->data, a->paths_min, 1);
}

/* --- Whether they fit each other ---------------------------------------------------------------------------------- */

/* A usage error; says in which combination of a sweep. */
static void FR_PRINTF(3, 4) refuse(const train_arguments *a, struct argp_state *state, const char *format, ...)
{
    char text[1024];
    va_list values;

    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    argp_error(state, a->combination ? "%s (in %s)" : "%s", text, a->combination);
}

/* The name of the first setting that was given and is wrong, or NULL. */
static const char *find_wrong_setting(const train_arguments *a, bool (*wrong)(const train_arguments *a, int i))
{
    for (int i = 0; i < SETTINGS; i++)
        if (a->given[i] && wrong(a, i))
            return settings_table[i].name;
    return NULL;
}

static bool not_on_resume(const train_arguments *a, int i)
{
    return a->resume && !settings_table[i].on_resume;
}

static bool not_for_model(const train_arguments *a, int i)
{
    return settings_table[i].models && !strstr(settings_table[i].models, setting_choice(&a->settings, "model"));
}

void arguments_check(train_arguments *a, struct argp_state *state)
{
    settings *s = &a->settings;
    const char *name;

    a->split_unasked = !a->given[find_setting("validation")];
    if (s->label && strcmp(s->label, "none") == 0)
        refuse(a, state, "--label=none: without labels there is nothing to learn");
    if (s->validation_file && a->split_unasked)
        s->validation = 0;
    if ((name = find_wrong_setting(a, not_on_resume)))
        refuse(a, state, "--%s cannot be given with --resume: the run has it already", name);
    if (a->resume)
        return;
    if ((name = find_wrong_setting(a, not_for_model)))
        refuse(a, state, "--%s is not for --model=%s", name, setting_choice(s, "model"));
    if (s->validation > 0 && s->validation_file)
        refuse(a, state, "--validation and --validation-file were both given");
    if (s->patience && !(s->validation > 0) && !s->validation_file)
        refuse(a, state, "--patience needs --validation or --validation-file");
    if (strcmp(setting_choice(s, "model"), "transformer") == 0 && s->hidden % s->heads != 0)
        refuse(a, state, "--heads=%lld does not divide --hidden=%lld", (long long)s->heads, (long long)s->hidden);
}
