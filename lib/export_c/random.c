/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Random numbers in a training step: the masks of dropout. The library draws a mask before it calls the op, so that in
 * the trace it would be a constant. Here the first step that reads it draws it, from a generator of 8 bytes in
 * NAME_training (the library's, MT19937, has 2.5 KB): other numbers, of the same distribution. */
#include "core/random.h"
#include "export_c/training.h"

bool fr_c_is_drawn(const fr_step *s, int input)
{
    const double *p = s->attributes;

    return input == 1 && !s->backward && strcmp(s->op->name, "dropout") == 0 && *p > 0 && *p < 1;
}

static bool is_first(const fr_trace *t, size_t i, int input)
{
    for (size_t j = 0; j < i; j++)
        for (int k = 0; k < t->steps[j].inputs; k++)
            if (t->steps[j].in[k] && t->steps[j].in[k]->storage == t->steps[i].in[input]->storage)
                return false;
    return true;
}

/* Draws them all again: a step that has drawn more numbers has used them elsewhere. */
bool fr_c_draws_masks_alone(const fr_trace *t, const fr_generator *before)
{
    fr_generator after, again;

    fr_generator_save(&after);
    fr_generator_restore(before);
    for (size_t i = 0; i < t->count; i++) {
        double numbers[512];
        int64_t most = sizeof numbers / sizeof *numbers, n = 0;

        if (t->steps[i].inputs > 1 && fr_c_is_drawn(&t->steps[i], 1) && is_first(t, i, 1))
            n = t->steps[i].in[1]->numel;
        for (; n > 0; n -= most)
            fr_random_doubles(n < most ? n : most, numbers);
    }
    fr_generator_save(&again);
    fr_generator_restore(&after);
    return again.next == after.next && memcmp(again.state, after.state, sizeof again.state) == 0;
}

static const char draw_text[] =
    "/* The next random number: PCG-XSH-RR (O'Neill, \"PCG: A Family of Simple Fast Space-Efficient Statistically "
    "Good\n"
    " * Algorithms for Random Number Generation\", 2014). */\n"
    "static uint32_t draw(uint64_t *state)\n"
    "{\n"
    "    const uint64_t old = *state;\n"
    "    const uint32_t x = (uint32_t)((old >> 18 ^ old) >> 27), turn = (uint32_t)(old >> 59);\n"
    "\n"
    "    *state = old * 6364136223846793005U + 1442695040888963407U;\n"
    "    return x >> turn | x << (-turn & 31);\n"
    "}\n";
static const char mask_text[] =
    "/* Each value is `scale` where a random number is less than `most`, else 0. */\n"
    "static void draw_mask(int n, uint32_t most, float scale, uint64_t *state, float *mask)\n"
    "{\n"
    "    for (int i = 0; i < n; i++)\n"
    "        mask[i] = draw(state) < most ? scale : 0;\n"
    "}\n";

bool fr_c_draw(fr_c_writer *w, const fr_op_call *call, int input, double p)
{
    fr_tensor *mask = call->in[input];

    if (!w->function->gradients)
        return fr_c_fail(w, "it is for training");
    if (!is_first(&w->function->trace, w->step, input))
        return true;
    w->draws = true;
    fr_c_helper(w, "draw", draw_text, false);
    fr_c_helper(w, "draw_mask", mask_text, false);
    return fr_c_line(w, "draw_mask(%lld, %uU, %s, &s->random, %s);", (long long)mask->numel,
                     (unsigned)((1 - p) * 4294967295.0), fr_c_number(w, 1 / (1 - p), FR_F32),
                     fr_c_buffer_name(w, mask, true));
}
