/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond: runs a subcommand; errors, exit status and other things that all subcommands use. */
#include "commands.h"
#include "program.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} commands[] = {
#define ENTRY(name, help) { #name, help, command_##name },
    COMMANDS(ENTRY)
#undef ENTRY
};

enum { COUNT = sizeof commands / sizeof *commands };

void die(const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    fputs("frond: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(FAILED);
}

/* The library's error handler. */
static void fail(const char *message, void *user)
{
    (void)user;
    fflush(stdout);
    fprintf(stderr, "%s\n", message);
    exit(FAILED);
}

bool has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);

    return n >= m && strcmp(path + n - m, suffix) == 0;
}

char *path_in(const char *dir, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/%s", dir, name) < 0)
        die("out of memory");
    return path;
}

static void print_version(FILE *file, struct argp_state *state)
{
    (void)state;
    fprintf(file, "frond %s\n", fr_version());
}

static const char *command_at(int i)
{
    return i < COUNT ? commands[i].name : NULL;
}

/* Parses frond's own options and the name of the command. What follows is parsed by the command. */
static error_t parse(int key, char *text, struct argp_state *state)
{
    int *command = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        for (*command = 0; *command < COUNT; ++*command)
            if (strcmp(text, commands[*command].name) == 0)
                return 0;
        if (nearest(text, command_at))
            argp_error(state, "%s: no such command; did you mean %s?", text, nearest(text, command_at));
        argp_error(state, "%s: no such command", text);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "a command is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static char *list_commands(int key, const char *text, void *input)
{
    char *list = NULL;
    size_t size;
    FILE *file;

    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)(uintptr_t)text;
    file = open_memstream(&list, &size);
    if (!file)
        return NULL;
    fputs("Commands:\n", file);
    for (int i = 0; i < COUNT; i++)
        fprintf(file, "  %-10s %s\n", commands[i].name, commands[i].help);
    fputs(
        "\n'frond COMMAND --help' tells more. Exit status: 0 if all is well, 1 after a failure, 2 if the command line "
        "is wrong.",
        file);
    fclose(file);
    return list;
}

/* Runs the command with "frond NAME" as argv[0], which its messages begin with. */
static int run_command(int i, int argc, char **argv)
{
    FR_SCOPE;
    char name[64];

    snprintf(name, sizeof name, "frond %s", commands[i].name);
    argv[0] = name;
    return commands[i].run(argc, argv);
}

int main(int argc, char **argv)
{
    static const struct argp argp = { .parser = parse,
                                      .args_doc = "COMMAND [ARGUMENT...]",
                                      .doc = "Trains neural networks on sequences, and shows what is in them.\v",
                                      .help_filter = list_commands };
    int command = COUNT, first, status;

    signal(SIGXFSZ, SIG_IGN); /* a write beyond the limit of a file's size fails like one to a full disk */
    argp_err_exit_status = USAGE;
    argp_program_version_hook = print_version;
    fr_set_error_handler(fail, NULL);
    if (argc > 1 && strcmp(argv[1], "help") == 0) { /* frond help COMMAND is frond COMMAND --help */
        argv[1] = argc > 2 ? argv[2] : (char *)"--help";
        if (argc > 2)
            argv[2] = (char *)"--help";
    }
    for (first = 1; first < argc && argv[first][0] == '-'; first++)
        ;
    argp_parse(&argp, first < argc ? first + 1 : argc, argv, ARGP_IN_ORDER, NULL, &command);
    status = run_command(command, argc - first, argv + first);
    if (fflush(stdout) != 0 || ferror(stdout))
        die("cannot write standard output: %s", strerror(errno));
    return status;
}
