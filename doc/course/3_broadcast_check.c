/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Grades sheet 3. */
#include "grade.h"

/* Pairs (out, from): `from` broadcasts to `out`. */
static const fr_shape pairs[][2] = {
    { { 2, { 2, 3 } }, { 1, { 3 } } },
    { { 2, { 2, 3 } }, { 2, { 2, 1 } } },
    { { 2, { 2, 3 } }, { 2, { 1, 3 } } },
    { { 2, { 2, 3 } }, { 0, { 0 } } },
    { { 3, { 4, 2, 3 } }, { 2, { 2, 1 } } },
    { { 3, { 4, 2, 3 } }, { 3, { 1, 1, 3 } } },
    { { 3, { 4, 2, 3 } }, { 3, { 4, 2, 3 } } },
    { { 4, { 2, 1, 2, 3 } }, { 2, { 2, 3 } } },
    { { 4, { 2, 3, 2, 3 } }, { 3, { 3, 1, 3 } } },
};
enum { PAIRS = sizeof pairs / sizeof pairs[0] };

/* "what (2, 3), (3,)" */
static const char *label(const char *what, fr_shape a, fr_shape b)
{
    static char text[3 * FR_SHAPE_TEXT];
    char one[FR_SHAPE_TEXT], other[FR_SHAPE_TEXT];

    snprintf(text, sizeof text, "%s %s, %s", what, fr_shape_text(&a, one), fr_shape_text(&b, other));
    return text;
}

static bool shapes(void)
{
    fr_shape column = FR_SHAPE(2, 1, 4), row = FR_SHAPE(3, 1), wrong = FR_SHAPE(2, 3);
    bool right = same_shape(label("shape of", column, row), broadcast_shape(column, row), FR_SHAPE(2, 3, 4));

    for (int p = 0; right && p < PAIRS; p++) {
        fr_shape out = pairs[p][0], from = pairs[p][1];

        right = same_shape(label("shape of", from, out), broadcast_shape(from, out), out);
    }
    return right && same_number(label("ndim of", row, wrong), broadcast_shape(row, wrong).ndim, -1);
}

/* Broadcasts a tensor that holds 0, 1, 2, ...: each value is its own index. */
static bool indices(void)
{
    bool right = true;

    for (int p = 0; right && p < PAIRS; p++) {
        fr_shape out = pairs[p][0], from = pairs[p][1];
        int64_t n = fr_numel(fr_zeros(from)), i = 0;
        fr_tensor *t = fr_expand(fr_reshape(fr_arange(0, (double)n, 1, FR_F64), from), out);

        while (right && i < fr_numel(t)) {
            right = same_number(label("out, from =", out, from), (double)source_index(i, out, from), fr_at(t, i));
            i++;
        }
        if (!right)
            printf("at i = %lld\n", (long long)i - 1);
    }
    return right;
}

static bool reduces(void)
{
    bool right = true;

    for (int p = 0; right && p < PAIRS; p++) {
        fr_shape out = pairs[p][0], from = pairs[p][1];
        fr_tensor *g = random_leaf(out);

        right = same(label("shapes of g and of the result", out, from), reduce_to(g, from), fr_sum_to(g, from));
    }
    return right;
}

int main(void)
{
    return grade("3_broadcast",
                 (task[]){ { "the shape of two shapes", 3, shapes },
                           { "the index that is read", 3, indices },
                           { "reducing a gradient", 4, reduces } },
                 3);
}
