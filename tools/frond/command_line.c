/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Command lines of the subcommands, parsed by argp. */
#include "program.h"

enum { OPTIONS_MAX = 8 };

error_t parse_paths(int key, char *text, struct argp_state *state, const char **paths, int min, int max)
{
    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num >= (unsigned)max)
            argp_error(state, "%s: one argument too many", text);
        paths[state->arg_num] = text;
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num < (unsigned)min)
            argp_error(state, "an argument is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    const command_line *c = state->input;

    for (const command_option *o = c->options; o && o->name; o++) {
        if (o->letter != key)
            continue;
        if (o->flag)
            *o->flag = true;
        else
            *o->text = text;
        return 0;
    }
    return parse_paths(key, text, state, c->paths, c->paths_min, c->paths_max);
}

void parse_command_line(int argc, char **argv, command_line *c)
{
    struct argp_option options[OPTIONS_MAX + 1] = { 0 };
    const struct argp argp = { .options = c->options ? options : NULL, /* for none glibc's help would leak a byte */
                               .parser = parse,
                               .args_doc = c->args_doc,
                               .doc = c->doc };

    for (int i = 0; c->options && c->options[i].name && i < OPTIONS_MAX; i++) {
        const command_option *o = &c->options[i];

        options[i] = (struct argp_option){ o->name, o->letter, o->argument, 0, o->help, 0 };
    }
    argp_parse(&argp, argc, argv, 0, NULL, c);
}
