/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A folder for exported C, and the C compiler, $CC, that compiles it as strict C99. */
#ifndef FROND_TESTS_EXPORTED_H
#define FROND_TESTS_EXPORTED_H

#include "testing.h"

#include <stdlib.h>
#include <unistd.h>

#define STRICT "-std=c99 -O1 -Wall -Wextra -Wshadow -Wconversion -pedantic -Werror"

enum { PATH = 512, MOST = 4096 };

static char folder[PATH - 64];

static inline const char *in_folder(const char *name, char path[PATH])
{
    snprintf(path, PATH, "%s/%s", folder, name);
    return path;
}

static inline void make_folder(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%s/frond-export-XXXXXX", base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline void remove_folder(void)
{
    char command[PATH + 16];

    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static inline bool is_there(const char *name)
{
    char path[PATH];

    return access(in_folder(name, path), F_OK) == 0;
}

/* Runs the shell command of format: %1$s is program, %2$s the folder. */
static inline bool shell(const char *format, const char *program)
{
    char command[3 * PATH];

    snprintf(command, sizeof command, format, program, folder);
    return system(command) == 0;
}

static inline const char *compiler(const char *name, const char *otherwise)
{
    return getenv(name) && *getenv(name) ? getenv(name) : otherwise;
}

#endif
