/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Tangents: what forward mode carries beside values.
 *
 * A tensor has a list of its tangents, one for each level, and a level one of all that were made for it, by which they
 * go when it ends: a recorded tangent may lead back to the tensor that has it, so they would not go by themselves. A
 * tensor may be freed on another thread than the level's; the lock is for that. */
#include "core/tensor.h"
#include "core/thread.h"

#include <pthread.h>

typedef struct fr_tangent {
    struct fr_tangent *next;        /* of the same tensor */
    struct fr_tangent *later, **at; /* of the same level; at: what points to this one */
    fr_tensor *owner, *value;
    fr_level *level;
} fr_tangent;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

fr_tensor *fr_tangent_of(const fr_tensor *t, const fr_level *level)
{
    fr_tensor *value = NULL;

    if (!t->tangents)
        return NULL;
    pthread_mutex_lock(&lock);
    for (const fr_tangent *g = t->tangents; g && !value; g = g->next)
        if (g->level == level)
            value = g->value;
    pthread_mutex_unlock(&lock);
    return value;
}

bool fr_tangent_set(const char *what, fr_tensor *t, fr_level *level, fr_tensor *value)
{
    fr_tangent *g = fr_alloc(sizeof *g);

    if (!g)
        return fr_fail_memory(what);
    pthread_mutex_lock(&lock);
    *g = (fr_tangent){ .next = t->tangents,
                       .later = level->tangents,
                       .at = &level->tangents,
                       .owner = t,
                       .value = fr_ref(value),
                       .level = level };
    if (g->later)
        g->later->at = &g->later;
    level->tangents = g;
    t->tangents = g;
    pthread_mutex_unlock(&lock);
    return true;
}

fr_tensor *fr_tangents_share(const char *what, fr_tensor *view, const fr_tensor *t)
{
    if (!view || !t->tangents)
        return view;
    for (fr_level *level = fr_thread_self()->level; level; level = level->outer) {
        fr_tensor *value = fr_tangent_of(t, level);

        if (value && !fr_tangent_set(what, view, level, value))
            return NULL;
    }
    return view;
}

/* Takes g out of both lists; the lock is held. */
static void take_out(fr_tangent *g)
{
    fr_tangent **link = &g->owner->tangents;

    while (*link != g)
        link = &(*link)->next;
    *link = g->next;
    *g->at = g->later;
    if (g->later)
        g->later->at = g->at;
}

/* Empties the list that begins at *first; letting go of a value may take others out of it. */
static void drop_all(fr_tangent **first)
{
    for (;;) {
        fr_tangent *g;

        pthread_mutex_lock(&lock);
        g = *first;
        if (g)
            take_out(g);
        pthread_mutex_unlock(&lock);
        if (!g)
            return;
        fr_unref(g->value);
        fr_free(g, sizeof *g);
    }
}

void fr_tangents_drop(fr_tensor *t)
{
    drop_all(&t->tangents);
}

fr_level *fr_level_begin(fr_thread *th, const char *what)
{
    fr_level *level = fr_alloc(sizeof *level);

    if (!level)
        return fr_fail_memory(what);
    *level = (fr_level){ .outer = th->level, .below = th->open_levels };
    th->level = th->open_levels = level;
    return level;
}

void fr_levels_end(fr_thread *th, const fr_level *until)
{
    while (th->open_levels != until) {
        fr_level *level = th->open_levels;

        th->open_levels = level->below;
        drop_all(&level->tangents);
        fr_free(level, sizeof *level);
    }
}
