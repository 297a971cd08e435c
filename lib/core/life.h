/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The life of what users hold: tensors, modules, optimisers and the like. Each begins with a fr_life, which stays
 * readable long after the release. So a late use is an error that names both places, not a read of other data. */
#ifndef FROND_CORE_LIFE_H
#define FROND_CORE_LIFE_H

#include "core/call_site.h"

#include <stdatomic.h>
#include <stdint.h>

typedef struct fr_life {
    atomic_int refs; /* 0: released */
    int32_t unused;  /* a tensor has small fields here; where pointers have 64 bits it would be a gap anyway */
    fr_site made;    /* the call that made it */
    fr_site ended;   /* the call that released it, or the beginning of the scope that did: `outer` is then 1 */
} fr_life;

/* How long one object that is no tensor stays readable: until so many others were freed. With FROND_CHECK: 16 times as
 * long. Tensors have a pool of their own (header_pool.h). */
enum { FR_OBJECTS_KEPT = 1 << 10 };

static inline bool fr_is_alive(const void *object)
{
    return FR_LIKELY(atomic_load_explicit(&((const fr_life *)object)->refs, memory_order_relaxed) > 0);
}

/* A zeroed object of that size, which begins with a fr_life. NULL, without an error, if memory runs out. */
void *fr_object_new(size_t size);
/* Ends the life of such an object, whose contents were freed. NULL is fine. */
void fr_object_free(void *object);
/* What a public function that frees an object does, with its call site: release frees the contents, then the life ends.
 * NULL is fine; an object that was released before is an error. */
void fr_object_end(const char *what, void *object, const char *name, void (*release)(void *object));
/* Writes down the call or scope that releases an object. */
void fr_life_end(fr_thread *th, fr_life *life);
/* Frees the objects that are kept readable. */
void fr_objects_empty(void);

/* Fails: WHAT was given the object called name, which was released. Returns false. */
bool fr_fail_released(const char *what, const void *object, const char *name);
/* True if object is there and was not released. Otherwise it fails, except where a NULL may come from an earlier
 * failure. fr_check_argument calls it for each type that begins with a fr_life. */
bool fr_check_alive(const char *what, const void *object, const char *name);
/* The same for an argument that may be NULL: then it returns false without an error. */
static inline bool fr_is_given(const char *what, const void *object, const char *name)
{
    return object && (fr_is_alive(object) || fr_fail_released(what, object, name));
}

#endif
