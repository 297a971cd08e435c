/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A language model of characters. It learns a text that is too long to be differentiated at once: the state is carried
 * from one window to the next, without its history. Then it writes some text of its own.
 *
 *     16_char_lm [EPOCHS [TEXT]] */
#include "char_lm.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 16, WINDOW = 64, LONGEST = 1 << 20 };

/* The text as (N) int64: for each character its index among the symbols, which are the bytes that occur. */
static fr_tensor *read_text(const char *path, char symbols[257])
{
    static unsigned char text[LONGEST];
    static int64_t codes[LONGEST];
    int64_t place[256] = { 0 }, count = 0;
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(text, 1, LONGEST, file) : 0;

    if (n < 2 * ROWS * WINDOW) {
        fprintf(stderr, "16_char_lm: %s: %s\n", path, !file || ferror(file) ? strerror(errno) : "too short");
        exit(EXIT_FAILURE);
    }
    fclose(file);
    for (int c = 1; c < 256; c++) /* a text has no zero bytes */
        if (memchr(text, c, n)) {
            place[c] = count;
            symbols[count++] = (char)c;
        }
    symbols[count] = '\0';
    for (size_t i = 0; i < n; i++)
        codes[i] = place[text[i]];
    return fr_tensor_from(FR_SHAPE((int64_t)n), codes, FR_I64);
}

static fr_tensor *loss_of(fr_tensor *logits, fr_tensor *next)
{
    return fr_cross_entropy(fr_flatten(logits, 0, 1), fr_flatten(next, 0, 1), FR_MEAN);
}

/* One pass over x and y (T,ROWS), a window at a time; the mean loss of the windows. */
static double train(fr_module *model, fr_optim *optim, fr_tensor *x, fr_tensor *y)
{
    fr_recurrent state = { 0 }; /* zeros */
    int64_t windows = fr_dim(x, 0) / WINDOW;
    double sum = 0;

    for (int64_t at = 0; at < windows * WINDOW; at += WINDOW) {
        FR_SCOPE;
        fr_recurrent end = char_lm_forward(model, fr_slice(x, 0, at, at + WINDOW, 1), &state);
        fr_tensor *loss = loss_of(end.out, fr_slice(y, 0, at, at + WINDOW, 1));

        fr_recurrent_keep(&state, &end);
        fr_optim_zero_grad(optim);
        fr_backward(loss);
        fr_clip_grad_norm(model, 1);
        fr_optim_step(optim);
        sum += fr_item(loss);
    }
    fr_recurrent_keep(&state, NULL);
    return sum / (double)windows;
}

static double test(fr_module *model, fr_tensor *text)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_tensor *column = fr_unsqueeze(text, 1), *logits = fr_forward(model, fr_slice(column, 0, 0, -1, 1));

    return fr_item(loss_of(logits, fr_slice(column, 0, 1, INT64_MAX, 1)));
}

/* The text from index `from` on, cut into ROWS parts, each of them a column: (T,ROWS). */
static fr_tensor *columns(fr_tensor *text, int64_t from, int64_t steps)
{
    return fr_transpose(fr_reshape(fr_slice(text, 0, from, from + ROWS * steps, 1), FR_SHAPE(ROWS, steps)), 0, 1);
}

int main(int argc, char **argv)
{
    FR_SCOPE;
    char symbols[257];
    fr_tensor *text = read_text(argc > 2 ? argv[2] : "/usr/share/common-licenses/GPL-3", symbols);
    int64_t n = fr_dim(text, 0), cut = n * 9 / 10, steps = (cut - 1) / ROWS, count = (int64_t)strlen(symbols);
    fr_tensor *held_out = fr_slice(text, 0, cut, n, 1), *x = columns(text, 0, steps), *y = columns(text, 1, steps);

    fr_manual_seed(0);

    FR_AUTO(fr_module) model = char_lm_new(&(char_lm_options){ .symbols = count, .embedding = 32, .hidden = 128 });
    FR_AUTO(fr_optim) adam = fr_adam(model, &(fr_adam_options){ .lr = 0.005 });

    printf("%lld parameters, %lld symbols, %lld characters to learn from, %lld held out\n",
           (long long)fr_module_count(model), (long long)count, (long long)cut, (long long)(n - cut));
    for (int epoch = 1, epochs = argc > 1 ? atoi(argv[1]) : 20; epoch <= epochs; epoch++) {
        double loss = train(model, adam, x, y);

        if (epoch % 5 == 0 || epoch == epochs)
            printf("epoch %2d  training %.2f  held out %.2f bits per character\n", epoch, loss / log(2),
                   test(model, held_out) / log(2));
    }
    fr_manual_seed(1);

    fr_tensor *sample =
        char_lm_sample(model, fr_slice(text, 0, n / 2, n / 2 + 40, 1), 200, 0.6); /* continues the 40 characters */

    for (int64_t i = 0; i < fr_numel(sample); i++)
        putchar(symbols[(int)fr_at(sample, i)]);
    putchar('\n');
    return 0;
}
