/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A language model of characters, of a text long enough that back-propagation has to be cut: the state goes on from one
 * window to the next, its history does not. Then it writes some text of its own.
 *
 *     08_char_lm [EPOCHS [TEXT]] */
#include "char_lm.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 16, WINDOW = 64, SAMPLE = 200, ROOM = 1 << 20 };

/* The first ROOM bytes of a file. */
static size_t read_text(const char *path, unsigned char *text)
{
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(text, 1, ROOM, file) : 0;

    if (n < 10 * ROWS * WINDOW) {
        fprintf(stderr, "08_char_lm: %s: %s\n", path, file && !ferror(file) ? "too short" : strerror(errno));
        exit(EXIT_FAILURE);
    }
    fclose(file);
    return n;
}

/* Numbers the bytes that occur, in symbols, by their order; (n) int64. */
static fr_tensor *encode(const unsigned char *text, size_t n, unsigned char symbols[256], int *count)
{
    int number[256] = { 0 };
    fr_tensor *codes = fr_cast(fr_zeros(FR_SHAPE((int64_t)n)), FR_I64);
    int64_t *code = fr_data(codes);

    for (size_t i = 0; i < n; i++)
        number[text[i]] = 1;
    for (int c = *count = 0; c < 256; c++)
        if (number[c]) {
            symbols[*count] = (unsigned char)c;
            number[c] = (*count)++;
        }
    for (size_t i = 0; i < n; i++)
        code[i] = number[text[i]];
    return codes;
}

/* Mean loss of x (T,B) followed by y (T,B), going on from state, which then is where it ends. */
static fr_tensor *loss_of(fr_module *model, fr_tensor *x, fr_tensor *y, fr_recurrent *state)
{
    fr_recurrent next = char_lm_forward(model, x, state);

    fr_assign(&state->h, fr_detach(next.h));
    fr_assign(&state->c, fr_detach(next.c));
    return fr_cross_entropy(fr_flatten(next.out, 0, 1), fr_flatten(y, 0, 1), FR_MEAN);
}

/* One pass over the columns x and y (steps,ROWS) of the text; the mean loss of the windows in bits. */
static double run_epoch(fr_module *model, fr_optim *adam, fr_tensor *x, fr_tensor *y)
{
    fr_recurrent state = { 0 };
    double sum = 0;
    int windows = 0;

    for (int64_t at = 0; at + WINDOW <= fr_dim(x, 0); at += WINDOW, windows++) {
        FR_SCOPE;
        fr_tensor *loss =
            loss_of(model, fr_slice(x, 0, at, at + WINDOW, 1), fr_slice(y, 0, at, at + WINDOW, 1), &state);

        fr_optim_zero_grad(adam);
        fr_backward(loss);
        fr_clip_grad_norm(model, 1);
        fr_optim_step(adam);
        sum += fr_item(loss);
    }
    fr_assign(&state.h, NULL);
    fr_assign(&state.c, NULL);
    return sum / windows / log(2);
}

/* Bits per character of text (n), read from its beginning. */
static double evaluate(fr_module *model, fr_tensor *text)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_tensor *column = fr_unsqueeze(text, 1);
    fr_recurrent state = { 0 };
    double mean = fr_item(loss_of(model, fr_slice(column, 0, 0, -1, 1), fr_slice(column, 0, 1, INT64_MAX, 1), &state));

    fr_assign(&state.h, NULL);
    fr_assign(&state.c, NULL);
    return mean / log(2);
}

/* Writes SAMPLE symbols after start, each drawn from what the model expects. */
static void write_on(fr_module *model, const char *start, const unsigned char *symbols, int count)
{
    FR_SCOPE;
    FR_NO_GRAD;
    int64_t code[16], length = (int64_t)strlen(start);

    for (int64_t i = 0; i < length; i++)
        code[i] = (const unsigned char *)memchr(symbols, start[i], (size_t)count) - symbols;

    fr_recurrent y = char_lm_forward(model, fr_tensor_from(FR_SHAPE(length, 1), code, FR_I64), NULL);

    fputs(start, stdout);
    for (int i = 0; i < SAMPLE; i++) {
        fr_tensor *next = char_lm_draw(fr_select(fr_select(y.out, 0, -1), 0, 0), 0.6);

        putchar(symbols[(int)fr_item(next)]);
        y = char_lm_forward(model, fr_reshape(next, FR_SHAPE(1, 1)), &y);
    }
    putchar('\n');
}

int main(int argc, char **argv)
{
    FR_SCOPE;
    static unsigned char text[ROOM];
    unsigned char symbols[256];
    int epochs = argc > 1 ? atoi(argv[1]) : 20, count;
    size_t n = read_text(argc > 2 ? argv[2] : "/usr/share/common-licenses/GPL-3", text);
    fr_tensor *codes = encode(text, n, symbols, &count);
    int64_t cut = (int64_t)n * 9 / 10, steps = (cut - 1) / ROWS;
    fr_tensor *held_out = fr_slice(codes, 0, cut, INT64_MAX, 1), *columns[2];

    for (int i = 0; i < 2; i++) /* row b of the batch reads the b-th piece of the text */
        columns[i] = fr_transpose(fr_reshape(fr_slice(codes, 0, i, i + ROWS * steps, 1), FR_SHAPE(ROWS, steps)), 0, 1);
    fr_manual_seed(0);

    fr_module *model = char_lm_new(&(char_lm_options){ .symbols = count, .embedding = 32, .hidden = 128 });
    fr_optim *adam = fr_adam(model, &(fr_adam_options){ .lr = 0.005 });

    printf("%lld parameters, %d symbols, %lld characters to learn from, %lld held out\n",
           (long long)fr_module_count(model), count, (long long)cut, (long long)fr_numel(held_out));
    for (int epoch = 1; epoch <= epochs; epoch++) {
        double training = run_epoch(model, adam, columns[0], columns[1]);

        if (epoch % 5 == 0 || epoch == epochs)
            printf("epoch %2d  training %.2f  held out %.2f bits per character\n", epoch, training,
                   evaluate(model, held_out));
    }
    fr_manual_seed(1);
    write_on(model, "You may ", symbols, count);
    fr_optim_free(adam);
    fr_module_free(model);
    return 0;
}
