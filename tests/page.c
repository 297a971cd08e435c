/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writes a page of the given kind, for check_browser.sh, or the gradients that fr_backward gives its leaves, a line
 * each:
 *
 *     page scalar|parts|mlp|lstm|deep|hostile [gradients] */
#include <frond.h>

#include <stdio.h>
#include <string.h>

enum { LEAVES = 8 };

static fr_named_tensor leaves[LEAVES];
static int leaf_count;

static fr_tensor *leaf(const char *name, double value)
{
    fr_tensor *t = fr_requires_grad(fr_scalar(value));

    leaves[leaf_count++] = (fr_named_tensor){ .name = name, .tensor = t };
    return t;
}

static void take_leaves(fr_module *m)
{
    int n = 0;
    const fr_named_tensor *state = fr_module_state(m, &n);

    for (int i = 0; i < n && i < LEAVES; i++)
        leaves[leaf_count++] = state[i];
}

static fr_tensor *make_scalar(void)
{
    fr_tensor *w = leaf("a", 0.5), *x = leaf("b", -2), *b = leaf("c", 1.75);

    return fr_tanh(fr_add(fr_mul(w, x), b));
}

/* Three gradients come to w, from the last op to the first: 10, 3 and 4. */
static fr_tensor *make_parts(void)
{
    fr_tensor *w = leaf("a", 2), *square = fr_square(w), *triple = fr_mul_scalar(w, 3);

    return fr_add(fr_add(square, triple), fr_mul_scalar(w, 10));
}

/* x (T,B,1) -> (B,1), from the last step */
static fr_tensor *last_step(fr_module *m, fr_tensor *x)
{
    fr_recurrent r = fr_recurrent_forward(fr_module_at(m, 0), x, NULL);

    return fr_forward(fr_module_at(m, 1), fr_select(r.out, 0, -1));
}

static fr_tensor *make_lstm(fr_module *m)
{
    fr_module_add(m, "rnn", fr_nn_lstm(1, 2, NULL));
    fr_module_add(m, "head", fr_nn_linear(2, 1, NULL));
    return fr_mse(fr_forward(m, fr_randn(FR_SHAPE(5, 1, 1))), fr_ones(FR_SHAPE(1, 1)), FR_MEAN);
}

/* rounds: how often the layers run, one after another, with an edge past them. */
static fr_tensor *make_layers(fr_module *m, const char *name, int rounds)
{
    fr_tensor *x = fr_randn(FR_SHAPE(4, 3)), *y;
    fr_module *layers = FR_SEQUENTIAL(fr_nn_linear(3, 5, NULL), fr_nn_tanh(), fr_nn_linear(5, 3, NULL));

    fr_module_add(m, name, layers);
    y = fr_forward(layers, x);
    for (int i = 0; i < rounds; i++)
        y = fr_add(fr_sigmoid(fr_forward(layers, y)), fr_mul_scalar(y, 0.5));
    return fr_mse(y, fr_ones_like(y), FR_MEAN);
}

static fr_tensor *make(const char *kind, fr_module *m)
{
    if (strcmp(kind, "scalar") == 0)
        return make_scalar();
    if (strcmp(kind, "parts") == 0)
        return make_parts();
    if (strcmp(kind, "lstm") == 0)
        return make_lstm(m);
    if (strcmp(kind, "hostile") == 0)
        return make_layers(m, "</script><!--<b>\"\\\n\xe2\x80\xa8\xff\xc3\xa9&amp;", 0);
    return make_layers(m, "layers", strcmp(kind, "deep") == 0 ? 6 : 0);
}

int main(int argc, char **argv)
{
    FR_SCOPE;
    fr_module *m = fr_module_new("Net", 0, last_step);
    fr_tensor *loss;
    bool ok;

    fr_manual_seed(1);
    loss = make(argc > 1 ? argv[1] : "", m);
    if (leaf_count == 0)
        take_leaves(m);
    if (argc < 3) {
        ok = fr_explain_html_with(stdout, loss, &(fr_explain_html_options){ .module = m });
    } else {
        ok = fr_backward(loss);
        for (int i = 0; i < leaf_count; i++) {
            fr_tensor *gradient = fr_grad(leaves[i].tensor);

            printf("%s:", leaves[i].name);
            for (int64_t k = 0; k < fr_numel(gradient); k++)
                printf(" %.5g", fr_at(gradient, k));
            printf("\n");
        }
    }
    fr_module_free(m);
    return ok ? 0 : 1;
}
