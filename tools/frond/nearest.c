/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Suggests the name that was meant. */
#include "program.h"

#include <string.h>

enum { LONGEST = 40 };

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance of two texts of at most LONGEST characters; two neighbours that were swapped count 1. */
static int distance(const char *a, const char *b)
{
    int n = (int)strlen(a), m = (int)strlen(b), d[LONGEST + 1][LONGEST + 1];

    for (int i = 0; i <= n; i++)
        for (int j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] = smaller(smaller(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = smaller(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[n][m];
}

const char *nearest(const char *text, const char *(*name_at)(int i))
{
    size_t length = strlen(text);
    const char *found = NULL;
    int least = (int)length / 3 + 2; /* more mistakes than that are another name */

    for (int i = 0; name_at(i); i++) {
        size_t other = strlen(name_at(i));
        int d = length <= LONGEST && other <= LONGEST ? distance(text, name_at(i)) : least;

        if (d < least) {
            least = d;
            found = name_at(i);
        }
    }
    return found;
}
