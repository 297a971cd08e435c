/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* One scheduler after another. The parts stay in the optimiser's list, so a checkpoint saves each by itself. The
 * settings are the milestones. */
#include "optim/scheduler.h"

#include <stdlib.h>

typedef struct {
    fr_scheduler scheduler;
    fr_scheduler **parts; /* one more than there are milestones */
    int count;
} sequential_lr;

static const char name[] = "sequential_lr";

static bool step(const char *what, fr_scheduler *s)
{
    const sequential_lr *sequence = (const sequential_lr *)s;
    double epoch = (double)(s->epoch + 1);
    bool starts = false;
    int i = 0;

    for (; i < s->setting_count && s->settings[i] <= epoch; i++)
        starts = s->settings[i] == epoch;

    fr_scheduler *part = sequence->parts[i];

    if (!fr_scheduler_set_epoch(what, part, starts ? 0 : part->epoch + 1, starts ? FR_LR_BASE : FR_LR_CURRENT))
        return false;
    s->epoch++;
    fr_scheduler_note_lrs(s);
    return true;
}

static void release(fr_scheduler *s)
{
    sequential_lr *sequence = (sequential_lr *)s;

    for (int i = 0; i < sequence->count; i++)
        fr_scheduler_destroy(sequence->parts[i]);
    free(sequence->parts);
}

static const fr_scheduler_kind sequential_kind = {
    .name = name, .size = sizeof(sequential_lr), .step = step, .release = release
};

static bool check_part(const fr_optim *o, fr_scheduler *const *parts, int i)
{
    const fr_scheduler *part = parts[i];

    if (!fr_check_argument(name, part, "a part"))
        return false;
    if (part->optim != o)
        return fr_fail(name, "part %d, a %s, belongs to another optimiser", i, part->kind->name);
    if (part->is_part)
        return fr_fail(name, "part %d, a %s, is part of another sequential_lr", i, part->kind->name);
    if (!part->kind->get_lr)
        return fr_fail(name, "part %d is a %s, which cannot be a part", i, part->kind->name);
    for (int k = 0; k < i; k++)
        if (parts[k] == part)
            return fr_fail(name, "parts %d and %d are the same %s", k, i, part->kind->name);
    return true;
}

static bool check(const fr_optim *o, fr_scheduler *const *parts, int n, const int64_t *milestones)
{
    if (!fr_check_argument(name, o, "optimiser") || !fr_check_argument(name, parts, "parts") ||
        (n > 1 && !fr_check_argument(name, milestones, "milestones")) || !fr_check_count(name, "n", n, 1))
        return false;
    for (int i = 0; i < n; i++)
        if (!check_part(o, parts, i))
            return false;
    for (int i = 0; i + 1 < n; i++)
        if (!fr_check_count(name, "a milestone", milestones[i], i > 0 ? milestones[i - 1] + 1 : 1))
            return false;
    return true;
}

/* Each part set its first lr when it was made. Only the first part's counts, so it sets that again. */
static bool begin(sequential_lr *sequence)
{
    if (!fr_scheduler_set_epoch(name, sequence->parts[0], 0, FR_LR_INITIAL))
        return false;
    for (int i = 0; i < sequence->count; i++) {
        sequence->parts[i]->is_part = true;
        sequence->parts[i]->epoch = i > 0 ? -1 : 0;
    }
    fr_scheduler_note_lrs(&sequence->scheduler);
    return true;
}

static fr_scheduler *make(fr_optim *o, fr_scheduler *const *parts, int n, const int64_t *milestones)
{
    double *settings = calloc((size_t)n, sizeof *settings);
    fr_scheduler **copy = calloc((size_t)n, sizeof *copy);

    if (!settings || !copy) {
        free(settings);
        free(copy);
        return fr_fail_memory(name);
    }
    for (int i = 0; i < n; i++)
        copy[i] = parts[i];
    for (int i = 0; i + 1 < n; i++)
        settings[i] = (double)milestones[i];

    sequential_lr *sequence = (sequential_lr *)fr_scheduler_new(&sequential_kind, o, settings, n - 1);

    free(settings);
    if (!sequence) {
        free(copy);
        return NULL;
    }
    sequence->parts = copy;
    sequence->count = n;
    if (!begin(sequence)) {
        sequence->count = 0; /* the parts are still the caller's */
        fr_scheduler_destroy(&sequence->scheduler);
        return NULL;
    }
    return &sequence->scheduler;
}

/* Frees parts of no other sequential_lr, so that those made within the call do not leak; each once. */
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
