/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Means of gradients over the ranks, while backward runs.
 *
 * All parameters of an optimiser lie behind one another in one array, the last one first, since backward comes to it
 * first. The array is cut into portions, wherever that falls. When a gradient is complete it is copied there; a portion
 * that is full is summed, after those before it, since all ranks must start the same sums in the same order. At
 * the end of backward the rest follows, the ranks meet, and the means are copied back into the gradients.
 *
 * Behind the parameters lie the floating buffers: rank 0 adds its values, the others zeros. */
#include "distributed/averaging.h"

#include "core/integer.h"
#include "core/recorder.h"
#include "core/shape.h"
#include "graph/trace.h"
#include "kernels/accumulate.h"

#include <stdlib.h>

enum { PORTION_BYTES = 1 << 22, BLOCK = 4096 };

/* --- Reductions, in their order ----------------------------------------------------------------------------------- */

static void *memory_of(fr_place place)
{
    return place.array->values + (size_t)place.at * fr_dtype_size(place.array->dtype);
}

/* Starts what is full, and begins the second parts of what has had its first. False with an error. */
static bool advance(const char *what, fr_averaging *a)
{
    bool past_first = true, ok = true; /* past_first: all so far are */

    for (int i = 0; i < a->count; i++) {
        fr_portion *p = &a->portions[i];

        if (!p->started && p->missing > 0)
            break;
        if (!p->started && !fr_rank_sum_start(what, &p->sum))
            return false;
        p->started = true;
        past_first = past_first && fr_rank_sum_advance(what, &p->sum, &ok);
        if (!ok)
            return false;
    }
    return true;
}

/* Notes that n values are there, from the place on. */
static void note_values(fr_place place, int64_t n)
{
    fr_gradient_array *a = place.array;

    for (int64_t at = place.at, part; n > 0; at += part, n -= part) {
        part = fr_least(n, a->portion - at % a->portion);
        a->portions[at / a->portion].missing -= part;
    }
}

/* --- A backward --------------------------------------------------------------------------------------------------- */

static bool begin(fr_gradient_set *s, const char *what)
{
    fr_averaging *a = (fr_averaging *)s;
    fr_thread *th = fr_thread_self();

    if (th->group != a->group)
        return fr_fail(what, "the group of a distributed optimiser has ended");
    if (!fr_group_is_whole(what, th) || !fr_not_captured(th, "a distributed optimiser"))
        return false;
    if (a->running)
        return fr_fail(what, "another backward of a distributed optimiser's parameters has not come to its end");
    a->running = !a->no_sync;
    for (int i = 0; i < a->count; i++) {
        a->portions[i].missing = a->portions[i].sum.n;
        a->portions[i].started = false;
    }
    return true;
}

/* Puts gradient i, and what has come to the parameter before and was not averaged, where it is reduced. Where there
 * are several optimisers all sums wait for the end, since their order could differ from rank to rank. */
static bool ready(fr_gradient_set *s, const char *what, int i)
{
    fr_averaging *a = (fr_averaging *)s;
    const fr_tensor *g = s->gradients[i], *before = s->leaves[i]->grad;
    void *values = memory_of(a->places[i]);
    fr_dtype dtype = a->places[i].array->dtype;

    if (a->no_sync)
        return true;
    memcpy(values, g->origin, (size_t)g->numel * fr_dtype_size(dtype));
    if (a->unsynced && before)
        fr_accumulate(dtype, g->numel, values, before->origin);
    note_values(a->places[i], g->numel);
    return a->group->refs > 2 || advance(what, a);
}

/* Of what must be the same on all ranks: the options and how many steps there were, and which parameters are frozen. */
static uint64_t fingerprint(const fr_optim *o)
{
    uint64_t hash = FR_FINGERPRINT;

    for (int g = 0; g < (int)o->group_count; g++)
        for (const fr_optim_option *option = o->kind->options; option->name; option++) {
            double value = fr_optim_read(o, g, option);

            hash = fr_fingerprint(hash, &value, sizeof value);
        }
    for (size_t i = 0; i < o->count; i++) {
        int64_t steps = o->slots[i].parameter->requires_grad ? o->slots[i].steps : -1;

        hash = fr_fingerprint(hash, &steps, sizeof steps);
    }
    return hash;
}

/* Fills in what this rank has no gradients for, and the buffers. Returns how many parameters those are. */
static int fill_rest(fr_averaging *a)
{
    int lacking = 0;

    for (int i = 0; i < a->set.n; i++) {
        fr_tensor *p = a->set.leaves[i];
        size_t bytes = (size_t)p->numel * fr_dtype_size((fr_dtype)p->dtype);

        if (a->set.gradients[i])
            continue;
        lacking += p->requires_grad;
        if (a->unsynced && p->grad)
            memcpy(memory_of(a->places[i]), p->grad->origin, bytes);
        else
            memset(memory_of(a->places[i]), 0, bytes);
        note_values(a->places[i], p->numel);
    }
    for (int i = 0; i < a->buffers; i++) {
        const fr_tensor *b = a->buffer[i];
        size_t bytes = (size_t)b->numel * fr_dtype_size((fr_dtype)b->dtype);
        fr_place place = a->places[a->set.n + i];

        if (a->group->transport->rank == 0)
            memcpy(memory_of(place), b->origin, bytes);
        else
            memset(memory_of(place), 0, bytes);
        note_values(place, b->numel);
    }
    return lacking;
}

/* Meets the others. False with an error, on all ranks, if something is wrong on one. *lacking: whether some rank has no
 * gradient for a parameter. */
static bool meet(const char *what, fr_averaging *a, int own_lacking, bool *lacking)
{
    fr_process_group *g = a->group;
    fr_meeting mine = { .kind = FR_MEET_BACKWARD,
                        .fingerprint = fingerprint(a->optim),
                        .lacking = (uint64_t)own_lacking };

    if (!fr_meet(what, g, &mine,
                 "their optimisers have other options, made other steps or have other frozen parameters"))
        return false;
    *lacking = false;
    for (int r = 0; r < g->transport->size; r++)
        *lacking = *lacking || g->told[r].lacking;
    return true;
}

/* Makes the gradients of parameters that other ranks have one for. */
static bool make_late(const char *what, fr_averaging *a)
{
    float *there = calloc((size_t)a->set.n, sizeof *there);
    bool ok = there || fr_fail_memory(what);

    for (int i = 0; ok && i < a->set.n; i++)
        there[i] = a->set.gradients[i] || (a->unsynced && a->set.leaves[i]->grad);
    ok = ok && fr_reduce(what, a->group, FR_F32, a->set.n, there, false);
    for (int i = 0; ok && i < a->set.n; i++) {
        const fr_tensor *p = a->set.leaves[i];

        if (there[i] > 0 && !a->set.gradients[i])
            ok = (a->late[i] = fr_tensor_alloc(what, &p->shape, (fr_dtype)p->dtype)) != NULL;
    }
    free(there);
    return ok;
}

/* Writes the mean, block by block while it is in the first cache. False, with *at where it begins, at a block of sums
 * that are not all finite: what one rank has that is not makes those of all so. */
static bool take_mean(const fr_averaging *a, int i, fr_tensor *gradient, int64_t *at)
{
    fr_dtype dtype = (fr_dtype)gradient->dtype;
    size_t size = fr_dtype_size(dtype);

    for (int64_t n; *at < gradient->numel; *at += n) {
        const char *sums = (char *)memory_of(a->places[i]) + (size_t)*at * size;
        char *means = (char *)gradient->origin + (size_t)*at * size;

        n = fr_least(BLOCK, gradient->numel - *at);
        if (!isfinite(fr_grad_abs_max(dtype, n, sums)))
            return false;
        memcpy(means, sums, (size_t)n * size);
        fr_grad_scale(dtype, n, means, 1.0 / a->group->transport->size);
    }
    return true;
}

static bool is_finite_from(const fr_tensor *t, int64_t at)
{
    size_t size = fr_dtype_size((fr_dtype)t->dtype);

    return isfinite(fr_grad_abs_max((fr_dtype)t->dtype, t->numel - at, (char *)t->origin + (size_t)at * size));
}

/* All ranks have found the sums of parameter i's gradients not finite, at the same value: the error says which rank's
 * are so. */
static bool blame(const char *what, const fr_averaging *a, int i, int64_t at)
{
    const fr_tensor *own = a->set.gradients[i], *before = a->unsynced ? a->set.leaves[i]->grad : NULL;
    bool finite = (!own || is_finite_from(own, at)) && (!before || is_finite_from(before, at));
    const fr_process_group *g = a->group;
    int r = 0;

    if (!fr_meet(what, a->group, &(fr_meeting){ .kind = FR_MEET_BACKWARD, .not_finite = !finite }, ""))
        return false;
    while (r < g->transport->size && !g->told[r].not_finite)
        r++;
    if (r < g->transport->size)
        return fr_fail(what, "the gradient of \"%s\" is not finite on rank %d", a->optim->slots[i].name, r);
    return fr_fail(what, "the sum of the gradients of \"%s\" is not finite", a->optim->slots[i].name);
}

static bool finish(fr_gradient_set *s, const char *what)
{
    fr_averaging *a = (fr_averaging *)s;
    bool lacking;

    if (a->no_sync)
        return true;

    int own = fill_rest(a);

    if (!advance(what, a) || !meet(what, a, own, &lacking) || (lacking && !make_late(what, a)))
        return false;
    for (int i = 0; i < a->count; i++)
        if (!fr_rank_sum_finish(what, &a->portions[i].sum))
            return false;
    for (int i = 0; i < s->n; i++) {
        fr_tensor *gradient = s->gradients[i] ? s->gradients[i] : a->late[i];
        int64_t at = 0;

        if (gradient && !take_mean(a, i, gradient, &at))
            return blame(what, a, i, at);
    }
    return true;
}

static void write_buffers(const fr_averaging *a)
{
    for (int i = 0; i < a->buffers; i++) {
        fr_tensor *b = a->buffer[i];

        memcpy(b->origin, memory_of(a->places[a->set.n + i]), (size_t)b->numel * fr_dtype_size((fr_dtype)b->dtype));
        fr_storage_bump(b);
    }
}

static void end(fr_gradient_set *s, bool ok)
{
    fr_averaging *a = (fr_averaging *)s;

    a->group->broken |= a->running && !ok; /* the other ranks wait for this one */
    a->running = false;
    for (int i = 0; ok && a->unsynced && !a->no_sync && i < s->n; i++)
        fr_assign(&s->leaves[i]->grad, NULL); /* the means have it in them */
    for (int i = 0; i < s->n; i++) {
        if (ok && a->late[i])
            fr_accumulate_gradient(&(fr_action){ .leaf = s->leaves[i], .from = a->late[i] });
        fr_assign(&a->late[i], NULL);
    }
    if (ok && !a->no_sync)
        write_buffers(a);
    a->unsynced = ok ? a->no_sync : a->unsynced;
}

/* --- Making and freeing ------------------------------------------------------------------------------------------- */

/* What requests that were left under way read and write stays for good. */
static void free_portions(fr_averaging *a)
{
    bool over = true;

    for (int i = 0; i < a->count; i++)
        over = fr_rank_sum_is_over(&a->portions[i].sum) && over;
    for (int i = 0; i < a->count && over; i++)
        fr_rank_sum_free(&a->portions[i].sum);
    for (int k = 0; k < 2 && over; k++)
        fr_free(a->arrays[k].values, a->arrays[k].bytes);
    free(a->portions);
}

static void free_averaging(fr_averaging *a)
{
    if (!a->set.gradients || !a->late || !a->places)
        a->set.n = 0;
    fr_gradient_set_detach(&a->set);
    free_portions(a);
    fr_group_unref(a->group);
    free(a->set.leaves);
    free(a->set.gradients);
    free(a->buffer);
    free(a->places);
    free(a->late);
    free(a);
}

static bool takes_buffer(const fr_tensor *b)
{
    return b->dtype != FR_I64 && b->contiguous;
}

/* Lays a tensor behind those before. */
static void place(fr_averaging *a, int i, const fr_tensor *t)
{
    fr_gradient_array *to = &a->arrays[t->dtype == FR_F64];

    a->places[i] = (fr_place){ to, to->n };
    to->n += t->numel;
}

static bool list_tensors(fr_averaging *a, const fr_optim *o)
{
    int n = (int)o->count;

    a->set.leaves = calloc((size_t)n, sizeof *a->set.leaves);
    a->set.gradients = calloc((size_t)n, sizeof *a->set.gradients);
    a->late = calloc((size_t)n, sizeof *a->late);
    a->buffer = calloc(o->buffer_count + 1, sizeof *a->buffer);
    a->places = calloc((size_t)n + o->buffer_count, sizeof *a->places);
    if (!a->set.leaves || !a->set.gradients || !a->late || !a->buffer || !a->places)
        return false;
    a->set.n = n;
    for (int i = n; i-- > 0;)
        place(a, i, a->set.leaves[i] = o->slots[i].parameter);
    for (size_t i = 0; i < o->buffer_count; i++)
        if (takes_buffer(o->buffers[i])) {
            place(a, n + a->buffers, o->buffers[i]);
            a->buffer[a->buffers++] = o->buffers[i];
        }
    return true;
}

/* Allocates an array and makes its portions, behind those that there are. */
static bool cut(const char *what, fr_averaging *a, fr_gradient_array *array)
{
    array->bytes = fr_bytes(fr_round_up(array->n, array->portion)) * fr_dtype_size(array->dtype);
    array->values = fr_alloc(array->bytes);
    array->portions = a->portions + a->count;
    if (!array->values)
        return false;
    for (int64_t at = 0; at < array->n; at += array->portion) {
        fr_portion *p = &a->portions[a->count++];

        p->sum = (fr_rank_sum){ .group = a->group,
                                .channel = FR_GRADIENTS,
                                .dtype = array->dtype,
                                .n = fr_least(array->portion, array->n - at),
                                .values = memory_of((fr_place){ array, at }) };
        if (!fr_rank_sum_prepare(what, &p->sum))
            return false;
    }
    return true;
}

static bool allocate(const char *what, fr_averaging *a)
{
    int size = a->group->transport->size;
    int64_t count = 0;

    for (int k = 0; k < 2; k++) {
        fr_gradient_array *array = &a->arrays[k];

        array->dtype = k ? FR_F64 : FR_F32;
        array->portion = fr_round_up(PORTION_BYTES / (int64_t)fr_dtype_size(array->dtype), size);
        count += fr_divide_up(array->n, array->portion);
    }
    a->portions = calloc((size_t)count + 1, sizeof *a->portions);
    return a->portions && cut(what, a, &a->arrays[0]) && cut(what, a, &a->arrays[1]);
}

bool fr_average_gradients(const char *what, fr_process_group *g, fr_optim *o)
{
    fr_averaging *a = calloc(1, sizeof *a);

    if (!a)
        return fr_fail_memory(what);
    *a = (fr_averaging){
        .set = { .begin = begin, .ready = ready, .finish = finish, .end = end, .number = g->averagings++ },
        .group = g,
        .optim = o
    };
    g->refs++;
    if (!list_tensors(a, o) || !allocate(what, a) || !fr_gradient_set_attach(what, &a->set)) {
        free_averaging(a);
        return fr_fail_memory(what);
    }
    o->averaging = a;
    o->end_averaging = free_averaging;
    return true;
}
