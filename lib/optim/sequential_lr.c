/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* One scheduler after another. The parts stay in the optimiser's list, where each is saved for itself; the settings are
 * the milestones. */
#include "optim/scheduler.h"

#include <stdlib.h>

typedef struct {
    fr_scheduler scheduler;
    fr_scheduler **parts; /* one more than milestones */
    int count;
} sequential_lr;

static const char name[] = "sequential_lr";

static bool step(const char *what, fr_scheduler *s)
{
    const sequential_lr *own = (const sequential_lr *)s;
    double epoch = (double)(s->epoch + 1);
    bool starts = false;
    int i = 0;

    for (; i < s->setting_count && s->settings[i] <= epoch; i++)
        starts = s->settings[i] == epoch;

    fr_scheduler *part = own->parts[i];

    if (!fr_scheduler_move(what, part, starts ? 0 : part->epoch + 1, starts ? FR_FROM_BASE : FR_FROM_NOW))
        return false;
    s->epoch++;
    fr_scheduler_note(s);
    return true;
}

static void release(fr_scheduler *s)
{
    sequential_lr *own = (sequential_lr *)s;

    for (int i = 0; i < own->count; i++)
        fr_scheduler_destroy(own->parts[i]);
    free(own->parts);
}

static const fr_scheduler_kind sequential_kind = {
    .name = name, .size = sizeof(sequential_lr), .step = step, .release = release
};

static bool check_part(const fr_optim *o, fr_scheduler *const *parts, int i)
{
    const fr_scheduler *part = parts[i];

    if (!fr_check_not_null(name, part, "a part"))
        return false;
    if (part->optim != o)
        return fr_fail(name, "part %d, a %s, is of another optimiser", i, part->kind->name);
    if (part->is_part)
        return fr_fail(name, "part %d, a %s, is part of another sequential_lr", i, part->kind->name);
    if (!part->kind->rate)
        return fr_fail(name, "part %d is a %s, which cannot be one", i, part->kind->name);
    for (int k = 0; k < i; k++)
        if (parts[k] == part)
            return fr_fail(name, "parts %d and %d are the same %s", k, i, part->kind->name);
    return true;
}

static bool check(const fr_optim *o, fr_scheduler *const *parts, int n, const int64_t *milestones)
{
    if (!fr_check_not_null(name, o, "optimiser") || !fr_check_not_null(name, parts, "parts") ||
        (n > 1 && !fr_check_not_null(name, milestones, "milestones")) || !fr_check_count(name, "n", n, 1))
        return false;
    for (int i = 0; i < n; i++)
        if (!check_part(o, parts, i))
            return false;
    for (int i = 0; i + 1 < n; i++)
        if (!fr_check_count(name, "a milestone", milestones[i], i > 0 ? milestones[i - 1] + 1 : 1))
            return false;
    return true;
}

/* The parts have all set their first rate, which the first does again, alone. */
static bool begin(sequential_lr *own)
{
    if (!fr_scheduler_move(name, own->parts[0], 0, FR_FROM_INITIAL))
        return false;
    for (int i = 0; i < own->count; i++) {
        own->parts[i]->is_part = true;
        own->parts[i]->epoch = i > 0 ? -1 : 0;
    }
    fr_scheduler_note(&own->scheduler);
    return true;
}

static fr_scheduler *make(fr_optim *o, fr_scheduler *const *parts, int n, const int64_t *milestones)
{
    double *settings = calloc((size_t)n, sizeof *settings);
    fr_scheduler **copy = calloc((size_t)n, sizeof *copy);
    bool ok = (settings && copy) || fr_fail_memory(name);

    for (int i = 0; ok && i < n; i++)
        copy[i] = parts[i];
    for (int i = 0; ok && i + 1 < n; i++)
        settings[i] = (double)milestones[i];

    sequential_lr *own = ok ? (sequential_lr *)fr_scheduler_new(&sequential_kind, o, settings, n - 1) : NULL;

    free(settings);
    if (!own) {
        free(copy);
        return NULL;
    }
    own->parts = copy;
    own->count = n;
    if (!begin(own)) {
        own->count = 0; /* the parts are still the caller's */
        fr_scheduler_destroy(&own->scheduler);
        return NULL;
    }
    return &own->scheduler;
}

/* So that parts made in the call itself do not leak. One given twice must be freed once. */
static void free_parts(fr_scheduler *const *parts, int n)
{
    for (int i = 0; parts && i < n; i++) {
        bool again = false;

        for (int k = 0; k < i; k++)
            again = again || parts[k] == parts[i];
        if (!again && parts[i] && !parts[i]->is_part)
            fr_scheduler_destroy(parts[i]);
    }
}

fr_scheduler *fr_sequential_lr(fr_optim *o, fr_scheduler *const *parts, int n, const int64_t *milestones)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    fr_scheduler *s = check(o, parts, n, milestones) ? make(o, parts, n, milestones) : NULL;

    if (!s)
        free_parts(parts, n);
    fr_finish(th, before);
    return s;
}
