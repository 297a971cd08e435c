/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Where a run is: the loader's place in its epoch, and the process's generator. In the file:
 *
 *     loader.settings  (4) int64: rows, batch_size, shuffle, drop_last
 *     loader.place     (3) int64: whether it is in an epoch, the next row, the seed of the order of rows
 *     generator        (627) int64: its words, the next of them, whether a second normal is left, and that one's bits
 */
#include "checkpoint/checkpoint.h"

#include <math.h>
#include <stdlib.h>

enum { SETTINGS = 4 };
enum { RUNNING, NEXT, SEED, PLACE };
enum { WORDS = FR_GENERATOR_WORDS, NEXT_WORD = WORDS, HAS_NORMAL, NORMAL, GENERATOR };

static const char *const setting_names[SETTINGS] = { "rows", "batch_size", "shuffle", "drop_last" };

static void settings_of(const fr_loader *l, int64_t settings[SETTINGS])
{
    settings[0] = l->rows;
    settings[1] = l->batch_size;
    settings[2] = l->shuffle;
    settings[3] = l->drop_last;
}

static bool put_loader(const fr_loader *l, fr_checkpoint_writer *f)
{
    int64_t *settings = fr_checkpoint_add_int64(f, FR_SHAPE(SETTINGS), "loader.settings");
    int64_t *place = settings ? fr_checkpoint_add_int64(f, FR_SHAPE(PLACE), "loader.place") : NULL;

    if (!place)
        return false;
    settings_of(l, settings);
    place[RUNNING] = l->running;
    place[NEXT] = l->running ? l->next : 0;
    place[SEED] = (int64_t)l->seed;
    return true;
}

static void put_generator(int64_t state[GENERATOR])
{
    fr_generator g;

    fr_generator_save(&g);
    for (int i = 0; i < WORDS; i++)
        state[i] = g.state[i];
    state[NEXT_WORD] = g.next;
    state[HAS_NORMAL] = g.has_normal;
    state[NORMAL] = 0;
    if (g.has_normal)
        memcpy(&state[NORMAL], &g.normal, sizeof g.normal);
}

bool fr_data_position_save(const fr_training_state *t, fr_checkpoint_writer *f)
{
    int64_t *generator = fr_checkpoint_add_int64(f, FR_SHAPE(GENERATOR), "generator");

    if (generator)
        put_generator(generator);
    return generator && (!t->loader || put_loader(t->loader, f));
}

/* Whether batches of l can end there. */
static bool is_place(const fr_loader *l, const int64_t *place)
{
    int64_t next = place[NEXT];

    if (place[RUNNING] == 0)
        return next == 0;
    return place[RUNNING] == 1 && next >= 0 && next <= l->rows && (next == l->rows || next % l->batch_size == 0);
}

static bool check_loader(const fr_loader *l, fr_checkpoint_reader *f, fr_staged_state *r)
{
    const fr_tensor *saved = fr_checkpoint_get(f, FR_I64, FR_SHAPE(SETTINGS), "loader.settings");
    const fr_tensor *place = fr_checkpoint_get(f, FR_I64, FR_SHAPE(PLACE), "loader.place");
    int64_t expected[SETTINGS];

    settings_of(l, expected);
    for (int i = 0; saved && i < SETTINGS; i++) {
        int64_t setting = ((const int64_t *)saved->origin)[i];

        if (setting != expected[i])
            fr_error_list_add(&f->complaints, "%s of the loader was %lld, expected %lld", setting_names[i],
                              (long long)setting, (long long)expected[i]);
    }
    if (!place)
        return true;
    r->place = (const int64_t *)place->origin;
    if (!is_place(l, r->place))
        fr_error_list_add(&f->complaints, "the loader was at row %lld of epoch %lld", (long long)r->place[NEXT],
                          (long long)r->place[RUNNING]);
    if (!l->shuffle || !r->place[RUNNING])
        return true;
    r->order = calloc((size_t)l->rows + 1, sizeof *r->order);
    return (r->order && fr_randperm_seeded((uint64_t)r->place[SEED], l->rows, r->order)) || fr_fail_memory(f->where);
}

/* Whether a generator can be in that state; with all of its words 0 it would give nothing else. */
static bool is_generator(const int64_t state[GENERATOR])
{
    int64_t any = 0;
    double normal;

    for (int i = 0; i < WORDS; i++) {
        if (state[i] < 0 || state[i] > UINT32_MAX)
            return false;
        any |= state[i];
    }
    memcpy(&normal, &state[NORMAL], sizeof normal);
    return any != 0 && state[NEXT_WORD] >= 0 && state[NEXT_WORD] <= WORDS && (state[HAS_NORMAL] | 1) == 1 &&
           isfinite(normal);
}

bool fr_data_position_check(const fr_training_state *t, fr_checkpoint_reader *f, fr_staged_state *r)
{
    const fr_tensor *generator = fr_checkpoint_get(f, FR_I64, FR_SHAPE(GENERATOR), "generator");

    if (generator) {
        r->generator = (const int64_t *)generator->origin;
        if (!is_generator(r->generator))
            fr_error_list_add(&f->complaints, "\"generator\" is no state of a generator");
    }
    return !t->loader || check_loader(t->loader, f, r);
}

static void take_generator(const int64_t state[GENERATOR])
{
    fr_generator g = { .next = (int)state[NEXT_WORD], .has_normal = state[HAS_NORMAL] != 0 };

    for (int i = 0; i < WORDS; i++)
        g.state[i] = (uint32_t)state[i];
    memcpy(&g.normal, &state[NORMAL], sizeof g.normal);
    fr_generator_restore(&g);
}

void fr_data_position_restore(const fr_training_state *t, const fr_staged_state *r)
{
    fr_loader *l = t->loader;

    take_generator(r->generator);
    if (!l)
        return;
    l->running = r->place[RUNNING] != 0;
    l->next = r->place[NEXT];
    l->seed = (uint64_t)r->place[SEED];
    if (r->order)
        memcpy(l->order, r->order, (size_t)l->rows * sizeof *l->order);
}
