/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The inside of a tensor. */
#ifndef FROND_CORE_TENSOR_H
#define FROND_CORE_TENSOR_H

#include "core/life.h"
#include "core/refcount.h"

#include <stddef.h>

/* The values; views share them. */
typedef struct {
    atomic_int refs;
    atomic_uint version; /* raised by each write in place */
    size_t bytes;        /* of the values */
    size_t block;        /* bytes of the block that holds this header and the values; 0: the caller's memory */
    void *data;
    fr_release *release;
    void *user;
} fr_storage;

/* What core knows of a recorded node (graph/node.h). */
typedef struct fr_producer {
    atomic_int refs;
    const char *name;                      /* of its op */
    void (*release)(struct fr_producer *); /* called when refs falls to 0 */
} fr_producer;

/* A gradient hook, in the list of a leaf or a node. */
typedef struct fr_hook {
    struct fr_hook *next;
    int output;                                          /* of the node */
    int running;                                         /* > 0: it is being called, so it may not be freed yet */
    fr_tensor *(*call)(fr_tensor *gradient, void *user); /* NULL: removed */
    void *user;
    void (*release)(void *user); /* or NULL */
    struct fr_gradient_set *set; /* instead of call: the leaf is number `output` of it (graph/gradient_set.h) */
} fr_hook;

void fr_hooks_free(fr_hook *hooks); /* the whole list */

/* The first cache line is all that most looks need. When the tensor is released its first fields, up to `ended`, still
 * stand as in a fr_life. */
struct fr_tensor {
    atomic_int refs; /* 0: released */
    uint8_t dtype;
    bool requires_grad : 1; /* a leaf that wants a gradient */
    bool contiguous : 1;
    uint16_t output; /* which of the producer's outputs this is */
    fr_site made;    /* the call that made it */
    union {
        struct {
            char *origin; /* element (0, ..., 0) */
            fr_storage *storage;
            fr_producer *producer; /* the node that made it; NULL for a leaf */
        };
        fr_site ended; /* of a released one */
    };
    int64_t numel;
    fr_tensor *grad;             /* of a leaf: its accumulated gradient */
    fr_hook *hooks;              /* of a leaf */
    struct fr_tangent *tangents; /* forward mode: one for each level that reaches it */
    fr_shape shape;
    int64_t stride[FR_MAX_DIMS]; /* in elements; >= 0 */
};
_Static_assert(offsetof(fr_tensor, refs) == offsetof(fr_life, refs) &&
                   offsetof(fr_tensor, made) == offsetof(fr_life, made) &&
                   offsetof(fr_tensor, ended) == offsetof(fr_life, ended),
               "a released tensor does not look like a fr_life");

static inline bool fr_has_history(const fr_tensor *t)
{
    return t->producer != NULL;
}

/* PyTorch's requires_grad: a marked leaf, or the result of a recorded op. */
static inline bool fr_tracked(const fr_tensor *t)
{
    return t->requires_grad || t->producer != NULL;
}

/* --- Making ------------------------------------------------------------------------------------------------------ */

/* These return a tensor with one reference, the caller's, or NULL with an error. The values are not set. */
fr_tensor *fr_tensor_alloc(const char *what, const fr_shape *shape, fr_dtype dtype);
/* A view of t's storage, without history; offset in elements from t's origin. */
fr_tensor *fr_tensor_share(const char *what, const fr_tensor *t, const fr_shape *shape, const int64_t *stride,
                           int64_t offset);
/* A contiguous copy, without history. */
fr_tensor *fr_tensor_copy(const char *what, const fr_tensor *t);
/* Gives a tensor that nobody has seen yet another shape and strides. */
void fr_tensor_lay_out(fr_tensor *t, const fr_shape *shape, const int64_t *stride);

/* Lays t's storage into memory of the caller's, who keeps it as long as t lives; or shares it with `moved`, which had
 * the same storage and was moved before. Values are not copied. False, with an error: out of memory. */
bool fr_tensor_move(fr_tensor *t, void *memory, fr_tensor *moved);

/* --- Values ------------------------------------------------------------------------------------------------------ */

/* Copies from's values into `into`, converted and broadcast, whatever the strides. Checks nothing and leaves the
 * version as it is. */
void fr_copy_values(fr_tensor *into, const fr_tensor *from);
/* The same as a write in place, which raises the version and may be captured. False with an error. */
bool fr_copy_noted(fr_thread *th, fr_tensor *into, const fr_tensor *from);
/* Row i of `into`, which is contiguous, = row rows[i] of `from`. Same dtype; the shapes differ in dim 0 alone. */
void fr_copy_rows(fr_tensor *into, const fr_tensor *from, const int64_t *rows);
/* Sets all values of t to value, converted, whatever the strides. Leaves the version as it is. */
void fr_fill(fr_tensor *t, double value);
/* True if several elements of t are one value in memory, as in an expanded view. */
bool fr_repeats_values(const fr_tensor *t);

/* Where element `index` (row-major) of t lies: an offset in elements from t's origin. */
int64_t fr_offset_of(const fr_tensor *t, int64_t index);
/* The value at such an offset, of any dtype. */
static inline double fr_value_at(const fr_tensor *t, int64_t offset)
{
    return t->dtype == FR_F32   ? (double)((const float *)(const void *)t->origin)[offset]
           : t->dtype == FR_F64 ? ((const double *)(const void *)t->origin)[offset]
                                : (double)((const int64_t *)(const void *)t->origin)[offset];
}

/* Notes a write in place, so that backward finds out about saved values that have changed. */
static inline void fr_storage_bump(fr_tensor *t)
{
    atomic_fetch_add_explicit(&t->storage->version, 1, memory_order_relaxed);
}

static inline unsigned fr_storage_version(const fr_tensor *t)
{
    return atomic_load_explicit(&t->storage->version, memory_order_relaxed);
}

#endif
