/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writes text files: as a whole or not at all, as all files of the library are. */
#include "program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

FILE *output_begin(output *o)
{
    FILE *file = open_memstream(&o->text, &o->size);

    if (!file)
        die("out of memory");
    return file;
}

/* For what cannot be replaced, such as a device. */
static void write_directly(const output *o, const char *path)
{
    FILE *file = fopen(path, "we");
    bool ok = file && fwrite(o->text, 1, o->size, file) == o->size;

    if (!file || fclose(file) != 0 || !ok)
        die("%s: cannot be written: %s", path, strerror(errno));
}

void output_end(output *o, FILE *file, const char *path)
{
    struct stat status;

    if (fclose(file) != 0)
        die("out of memory");
    if (!path)
        fwrite(o->text, 1, o->size, stdout); /* main checks for errors */
    else if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        write_directly(o, path);
    else
        fr_replace_file(path, o->text, o->size);
    free(o->text);
}
