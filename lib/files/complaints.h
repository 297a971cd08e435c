/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Everything that keeps a file from being loaded, for one message. */
#ifndef FROND_FILES_COMPLAINTS_H
#define FROND_FILES_COMPLAINTS_H

#include "core/base.h"

typedef struct {
    char text[560];
    size_t used;
    size_t room; /* how much of the text may be used now; 0: all */
    bool full;   /* one did not fit; none that are to come in this share are let in before it */
    int left_out;
} fr_complaints;

void fr_complain(fr_complaints *c, const char *format, ...) FR_PRINTF(2, 3);
/* From now on they may fill so many of so many parts of the message, so that some room is left for others. */
void fr_complaints_share(fr_complaints *c, int parts, int of);
/* Whether what is stored under the name is there, of that dtype and shape; complains otherwise. */
bool fr_complain_unless_like(fr_complaints *c, const char *name, const fr_tensor *stored, fr_dtype dtype,
                             const fr_shape *shape);
/* Fails with "WHERE: WHAT: " and the complaints; false if there are none. */
bool fr_complaints_fail(const fr_complaints *c, const char *where, const char *what);

#endif
