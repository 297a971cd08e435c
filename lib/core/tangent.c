/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Tangents: what forward mode carries beside values.
 *
 * A tensor has a list of its tangents, one for each level. A level has a list of all tangents that were made for it,
 * and frees them when it ends. They would not all go by themselves: a recorded tangent may lead back to its own tensor,
 * which makes a reference cycle. The lock is for tensors that are freed on another thread than the level's. */
#include "core/locks.h"
#include "core/recorder.h"
#include "core/tensor.h"
#include "core/thread.h"

typedef struct fr_tangent {
    struct fr_tangent *next;        /* of the same tensor */
    struct fr_tangent *later, **at; /* of the same level; at: the pointer that points to this one */
    fr_tensor *owner, *value;
    fr_level *level;
} fr_tangent;

fr_tensor *fr_tangent_of(const fr_tensor *t, const fr_level *level)
{
    fr_tensor *value = NULL;

    if (!t->tangents)
        return NULL;
    fr_lock(FR_LOCK_TANGENTS);
    for (const fr_tangent *g = t->tangents; g && !value; g = g->next)
        if (g->level == level)
            value = g->value;
    fr_unlock(FR_LOCK_TANGENTS);
    return value;
}

bool fr_tangent_set(const char *what, fr_tensor *t, fr_level *level, fr_tensor *value)
{
    fr_tangent *g = fr_alloc(sizeof *g);

    if (!g)
        return fr_fail_memory(what);
    fr_lock(FR_LOCK_TANGENTS);
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
    fr_unlock(FR_LOCK_TANGENTS);
    return true;
}

fr_tensor *fr_tangents_share(const char *what, fr_tensor *view, const fr_tensor *t)
{
    if (!view || !t->tangents)
        return view;
    for (fr_level *level = fr_thread_self()->levels.current; level; level = level->outer) {
        fr_tensor *value = fr_tangent_of(t, level);

        if (value && !fr_tangent_set(what, view, level, value))
            return NULL;
    }
    return view;
}

/* Takes g out of both lists. The lock is held. */
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

/* Frees all of the list that begins at *first. Dropping a value may free a tensor and so take others out of the list.
 */
static void drop_all(fr_tangent **first)
{
    for (;;) {
        fr_tangent *g;

        fr_lock(FR_LOCK_TANGENTS);
        g = *first;
        if (g)
            take_out(g);
        fr_unlock(FR_LOCK_TANGENTS);
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
    fr_level *level;

    if (!fr_not_captured(th, what))
        return NULL;
    level = fr_alloc(sizeof *level);
    if (!level)
        return fr_fail_memory(what);
    *level = (fr_level){ .outer = th->levels.current, .below = th->levels.open };
    th->levels.current = th->levels.open = level;
    return level;
}

void fr_levels_end(fr_thread *th, const fr_level *until)
{
    while (th->levels.open != until) {
        fr_level *level = th->levels.open;

        th->levels.open = level->below;
        drop_all(&level->tangents);
        fr_free(level, sizeof *level);
    }
}
