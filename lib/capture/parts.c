/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sums of gradients of slices. A tensor of which slices are read gets the gradient unslice(x) + unslice(y) + ...: each
 * has the size of the whole, and is 0 but for a part. Here x, y, ... are added where they belong, in one tensor that
 * was filled with zeros before; the other tensors and sums are gone.
 *
 * The bits are the same. What is added elsewhere is 0, which changes no value but -0. A sum of two unslices has no -0,
 * nor has what it becomes when more is added; and here too each value is 0 + x. */
#include "capture/capture.h"

#include "ops/view/view.h"

#include <stdint.h>
#include <stdlib.h>

typedef struct {
    fr_trace *t;
    fr_table makers; /* maps the result of an unslice that is read once to 1 + the step's index */
    fr_table sums;   /* tensors that are such sums */
} job;

/* True if one step reads the result of s, and nobody else has it. */
static bool is_read_once(const fr_step *s)
{
    return s->out[0]->refs == 2 && s->out[0]->storage->refs == 1;
}

/* The unslice that made t: 1 + its index, or 0. */
static size_t maker(const job *j, const fr_tensor *t)
{
    return (size_t)(uintptr_t)fr_table_find(&j->makers, t);
}

/* The unslice at step i adds to sum; first: it also begins it. */
static void add_to(const job *j, size_t i, fr_tensor *sum, bool first)
{
    fr_step *s = &j->t->steps[i];

    s->action = (fr_action){
        .run = fr_add_part, .into = sum, .from = s->in[0], .object = s->attributes, .pure = true, .m = first
    };
    s->op = NULL;
    fr_unref(s->out[0]);
    s->out[0] = fr_ref(sum);
}

/* True if step i is no longer needed: it adds up what unslice made. Where that is added to a sum, the unslice comes
 * right before it: nothing else is added in between. */
static bool join(job *j, size_t i, bool *ok)
{
    const fr_step *s = &j->t->steps[i];
    bool adds = s->op == &fr_add_op && fr_shape_equal(&s->in[0]->shape, &s->in[1]->shape);
    size_t a = adds ? maker(j, s->in[0]) : 0, b = adds ? maker(j, s->in[1]) : 0;

    if (a > 0 && b > 0) {
        add_to(j, (a < b ? a : b) - 1, s->out[0], true);
        add_to(j, (a < b ? b : a) - 1, s->out[0], false);
        *ok = fr_table_put(&j->sums, s->out[0], s->out[0]);
        return true;
    }
    if (s->op || s->action.run != fr_add_values || !fr_table_find(&j->sums, s->action.into) ||
        maker(j, s->action.from) != i)
        return false;
    add_to(j, i - 1, s->action.into, false);
    return true;
}

bool fr_join_parts(fr_trace *t)
{
    job j = { .t = t };
    bool *gone = calloc(t->count + 1, sizeof *gone), ok = gone;
    size_t kept = 0;

    for (size_t i = 0; i < t->count && ok; i++) {
        const fr_step *s = &t->steps[i];

        if (s->op == &fr_unslice_op && is_read_once(s))
            ok = fr_table_put(&j.makers, s->out[0], (void *)(uintptr_t)(i + 1));
        else
            gone[i] = join(&j, i, &ok);
    }
    for (size_t i = 0; i < t->count && gone; i++)
        if (gone[i])
            fr_step_free(&t->steps[i]);
        else
            t->steps[kept++] = t->steps[i];
    t->count = gone ? kept : t->count;
    fr_table_free(&j.makers);
    fr_table_free(&j.sums);
    free(gone);
    return ok || fr_fail_memory("captured_run");
}
