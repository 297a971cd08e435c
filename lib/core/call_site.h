/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Call sites: the places in the caller's source that error messages end with.
 *
 * A macro of <frond.h> notes the place before the call (fr_call_site), and the function takes the note when it begins
 * (fr_enter). Arguments are evaluated in between and may contain calls of their own, so notes form a stack. */
#ifndef FROND_CORE_CALL_SITE_H
#define FROND_CORE_CALL_SITE_H

#include "core/base.h"

typedef struct {
    const char *function, *file; /* file NULL: unknown */
    int line;
    int outer; /* of the running call: how many notes belong to the calls around it */
} fr_site;

enum { FR_SITE_DEPTH = 32 };

/* A part of fr_thread. */
typedef struct {
    int count;                    /* of notes; those beyond FR_SITE_DEPTH are only counted */
    fr_site current;              /* of the call that is running; the notes from current.outer on belong to it */
    fr_site noted[FR_SITE_DEPTH]; /* calls that have not begun, outermost first */
} fr_call_sites;

/* For functions that have such a macro: function is the name without fr_. fr_enter returns what fr_leave restores. */
fr_site fr_enter(fr_thread *th, const char *function);
void fr_leave(fr_thread *th, fr_site before);

#endif
