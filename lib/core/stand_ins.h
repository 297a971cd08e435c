/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Tensors that ops of this thread take in place of others: for nn/functional_call.c and nn/parametrize.c. */
#ifndef FROND_CORE_STAND_INS_H
#define FROND_CORE_STAND_INS_H

#include "core/base.h"

typedef struct {
    const fr_tensor *own; /* only compared, never read */
    fr_tensor *other;     /* a reference */
} fr_stand_in;

typedef struct fr_stand_ins {
    const struct fr_stand_ins *outer; /* of the call around this one; NULL: none */
    size_t bytes;                     /* of this block */
    int n;
    fr_stand_in pairs[];
} fr_stand_ins;

/* What ops take for t: the innermost call that replaces it counts. Neither list is long. */
static inline fr_tensor *fr_stand_in_for(const fr_stand_ins *s, fr_tensor *t)
{
    for (; s; s = s->outer)
        for (int i = 0; i < s->n; i++)
            if (s->pairs[i].own == t)
                return s->pairs[i].other;
    return t;
}

#endif
