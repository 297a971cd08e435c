/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Tangents: what forward mode carries beside values. */
#ifndef FROND_CORE_TANGENT_H
#define FROND_CORE_TANGENT_H

#include "core/base.h"

/* One differentiation by fr_jvp. It ends, with all its tangents, at the end of the scope in which it began. */
typedef struct fr_level {
    struct fr_level *outer; /* the next level that ops carry tangents for while they compute for this one */
    struct fr_level *below; /* the level that was opened before */
    struct fr_tangent *tangents;
} fr_level;

/* A part of fr_thread. */
typedef struct {
    fr_level *current; /* the innermost level that ops carry tangents for; NULL: none */
    fr_level *open;    /* all levels that have begun, by `below` */
} fr_levels;

/* The derivative of t by the level's inputs in the direction it was given, of t's shape. Borrowed from t; NULL: zero.
 */
fr_tensor *fr_tangent_of(const fr_tensor *t, const fr_level *level);
/* False with an error if memory runs out, as in the next two. */
bool fr_tangent_set(const char *what, fr_tensor *t, fr_level *level, fr_tensor *value);
/* Gives view, which has t's values, t's tangents of the levels that are at work. Returns view, or NULL. */
fr_tensor *fr_tangents_share(const char *what, fr_tensor *view, const fr_tensor *t);
void fr_tangents_drop(fr_tensor *t); /* all of them; t is being freed */
fr_level *fr_level_begin(fr_thread *th, const char *what);
void fr_levels_end(fr_thread *th, const fr_level *until); /* ends the levels that were opened after `until` */

#endif
