/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Where objects were made and released, errors that say so, and objects that are kept readable for them. */
#include "core/life.h"

#include "core/locks.h"
#include "core/memory.h"
#include "core/thread.h"

#include <stdlib.h>

/* --- Places ------------------------------------------------------------------------------------------------------- */

enum { PLACE_TEXT = 160 };

/* " at train.c:41", or nothing if the place is unknown. */
static const char *place_text(const fr_site *site, char text[PLACE_TEXT])
{
    text[0] = '\0';
    if (site->file)
        snprintf(text, PLACE_TEXT, " at %s:%d", site->file, site->line);
    return text;
}

/* "when the scope at train.c:41 ended", "when forward at train.c:44 returned" (it ended a scope of its own), or "by
 * unref at train.c:50". */
static void end_text(const fr_site *ended, char *text, size_t size)
{
    const char *function = ended->function;
    bool of_scope = ended->outer != 0;
    char place[PLACE_TEXT];

    place_text(ended, place);
    if (of_scope && (!function || strcmp(function, "scope_begin") == 0))
        snprintf(text, size, "when the scope%s ended", *place ? place : " that held it");
    else if (of_scope)
        snprintf(text, size, "when %s%s returned", function, place);
    else
        snprintf(text, size, "by %s%s", function ? function : "its last holder", place);
}

void fr_life_end(fr_thread *th, fr_life *life)
{
    const fr_site *scope = th->scopes.ending;

    life->ended = scope ? *scope : th->sites.current;
    life->ended.outer = scope != NULL;
    atomic_store_explicit(&life->refs, 0, memory_order_relaxed);
}

bool fr_fail_released(const char *what, const void *object, const char *name)
{
    const fr_life *life = object;
    const char *maker = life->made.function;
    char end[PLACE_TEXT + 64], place[PLACE_TEXT];

    end_text(&life->ended, end, sizeof end);
    fr_fail(what, "%s was released %s (made by %s%s)%s", name, end, maker ? maker : "an unknown function",
            place_text(&life->made, place),
            life->ended.outer ? ": keep it with fr_ref, or return it with fr_escape" : "");
    return false;
}

bool fr_check_alive(const char *what, const void *object, const char *name)
{
    return object ? fr_is_alive(object) || fr_fail_released(what, object, name) : fr_check_there(what, object, name);
}

/* --- Objects that are no tensors ---------------------------------------------------------------------------------- */

/* The last objects that were freed, oldest at `next`. */
static struct {
    void *objects[16 * FR_OBJECTS_KEPT];
    size_t next;
} freed;

void *fr_object_new(size_t size)
{
    fr_life *life = calloc(1, size);

    if (!life)
        return NULL;
    atomic_init(&life->refs, 1);
    life->made = fr_thread_self()->sites.current;
    return life;
}

void fr_object_free(void *object)
{
    size_t kept = fr_checking() ? 16 * FR_OBJECTS_KEPT : FR_OBJECTS_KEPT;
    void *oldest;

    if (!object)
        return;
    fr_life_end(fr_thread_self(), object);
    fr_lock(FR_LOCK_OBJECTS);
    oldest = freed.objects[freed.next % kept];
    freed.objects[freed.next++ % kept] = object;
    fr_unlock(FR_LOCK_OBJECTS);
    free(oldest);
}

void fr_object_end(const char *what, void *object, const char *name, void (*release)(void *object))
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);

    if (fr_is_given(what, object, name)) {
        release(object);
        fr_object_free(object);
    }
    fr_finish(th, before);
}

void fr_objects_empty(void)
{
    fr_lock(FR_LOCK_OBJECTS);
    for (size_t i = 0; i < sizeof freed.objects / sizeof *freed.objects; i++) {
        free(freed.objects[i]);
        freed.objects[i] = NULL;
    }
    fr_unlock(FR_LOCK_OBJECTS);
}
