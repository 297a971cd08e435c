/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The position in the data: of the loader in its epoch, and the state of the process's generator. In the file:
 *
 *     loader.settings  (4) int64: rows, batch_size, shuffle + shuffle_buffer, drop_last
 *     loader.place     (3) int64: 1 within an epoch, else 0; index of the next row; seed of the epoch's order
 *     generator        (627) int64: 624 state words of the Mersenne Twister; index of the next word; 1 if randn has a
 *                      second normal left, else 0; the bits of that normal, a double */
#include "checkpoint/checkpoint.h"

#include <math.h>
#include <stdlib.h>

/* Indices into the three tensors; the last name of each is its size. */
enum { ROWS, BATCH_SIZE, SHUFFLE, DROP_LAST, SETTINGS };
enum { RUNNING, NEXT, SEED, POSITION };
enum { WORDS = FR_GENERATOR_WORDS, NEXT_WORD = WORDS, HAS_NORMAL, NORMAL, GENERATOR };

static const char *const setting_names[SETTINGS] = { "rows", "batch_size", "shuffle + shuffle_buffer", "drop_last" };

static void get_settings(const fr_loader *l, int64_t settings[SETTINGS])
{
    settings[ROWS] = l->rows;
    settings[BATCH_SIZE] = l->batch_size;
    settings[SHUFFLE] = l->shuffle + l->shuffle_buffer;
    settings[DROP_LAST] = l->drop_last;
}

static bool save_loader(const fr_loader *l, fr_checkpoint_writer *w)
{
    int64_t *settings = fr_checkpoint_add_int64(w, FR_SHAPE(SETTINGS), "loader.settings");
    int64_t *position = settings ? fr_checkpoint_add_int64(w, FR_SHAPE(POSITION), "loader.place") : NULL;

    if (!position)
        return false;
    get_settings(l, settings);
    position[RUNNING] = l->running;
    position[NEXT] = l->running ? l->next : 0;
    position[SEED] = (int64_t)l->seed;
    return true;
}

static void save_generator(int64_t state[GENERATOR])
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

bool fr_data_position_save(const fr_training_state *t, fr_checkpoint_writer *w)
{
    int64_t *generator = fr_checkpoint_add_int64(w, FR_SHAPE(GENERATOR), "generator");

    if (generator)
        save_generator(generator);
    return generator && (!t->loader || save_loader(t->loader, w));
}

/* True if the loader can be at that position: at the beginning or end of a batch. */
static bool is_valid_position(const fr_loader *l, const int64_t position[POSITION])
{
    int64_t next = position[NEXT];

    if (position[RUNNING] == 0)
        return next == 0;
    return position[RUNNING] == 1 && next >= 0 && next <= l->rows && (next == l->rows || next % l->batch_size == 0);
}

static bool check_loader(const fr_loader *l, fr_checkpoint_reader *r, fr_staged_state *staged)
{
    const fr_tensor *saved = fr_checkpoint_get(r, FR_I64, FR_SHAPE(SETTINGS), "loader.settings");
    const fr_tensor *position = fr_checkpoint_get(r, FR_I64, FR_SHAPE(POSITION), "loader.place");
    int64_t expected[SETTINGS];

    get_settings(l, expected);
    for (int i = 0; saved && i < SETTINGS; i++) {
        int64_t setting = ((const int64_t *)saved->origin)[i];

        if (setting != expected[i])
            fr_error_list_add(&r->errors, "%s of the loader was %lld, expected %lld", setting_names[i],
                              (long long)setting, (long long)expected[i]);
    }
    if (!position)
        return true;
    staged->position = (const int64_t *)position->origin;
    if (!is_valid_position(l, staged->position))
        fr_error_list_add(&r->errors, "the loader was at row %lld of epoch %lld", (long long)staged->position[NEXT],
                          (long long)staged->position[RUNNING]);
    return true;
}

/* True if a generator can be in that state. With all words 0 it would give nothing but zeros. */
static bool is_valid_generator(const int64_t state[GENERATOR])
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

bool fr_data_position_check(const fr_training_state *t, fr_checkpoint_reader *r, fr_staged_state *staged)
{
    const fr_tensor *generator = fr_checkpoint_get(r, FR_I64, FR_SHAPE(GENERATOR), "generator");

    if (generator) {
        staged->generator = (const int64_t *)generator->origin;
        if (!is_valid_generator(staged->generator))
            fr_error_list_add(&r->errors, "\"generator\" is not the state of a generator");
    }
    return !t->loader || check_loader(t->loader, r, staged);
}

static void restore_generator(const int64_t state[GENERATOR])
{
    fr_generator g = { .next = (int)state[NEXT_WORD], .has_normal = state[HAS_NORMAL] != 0 };

    for (int i = 0; i < WORDS; i++)
        g.state[i] = (uint32_t)state[i];
    memcpy(&g.normal, &state[NORMAL], sizeof g.normal);
    fr_generator_restore(&g);
}

void fr_data_position_restore(const fr_training_state *t, const fr_staged_state *staged)
{
    restore_generator(staged->generator);
    if (t->loader)
        fr_loader_set_position(t->loader, staged->position[RUNNING] != 0, staged->position[NEXT],
                               (uint64_t)staged->position[SEED]);
}
