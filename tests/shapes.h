/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Checks that tensors have the shapes that an op declares in `shapes`; <frond/op.h> describes its notation. A matcher
 * with backtracking: names and stars get their values from the tensors and must agree everywhere. */
#ifndef TESTS_SHAPES_H
#define TESTS_SHAPES_H

#include <frond.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SHAPES_MOST = 16, SHAPES_STARS = 4 };

typedef struct {
    const char *text; /* after the "(" */
    fr_shape shape;
    bool repeated; /* "...": its names stand for other sizes in each tensor */
} shapes_one;

typedef struct {
    struct {
        const char *name;
        int length;
        int64_t size;
    } names[SHAPES_MOST];
    int count;
    bool known[SHAPES_STARS];
    fr_shape stars[SHAPES_STARS]; /* *, **, *** at 1, 2, 3 */
} shapes_known;

static bool shapes_match(const shapes_one *all, int n, const char *at, int dim, shapes_known known);

/* True if shape has part's dims, starting at dim `from`. */
static inline bool shapes_holds(const fr_shape *shape, int from, const fr_shape *part)
{
    return from + part->ndim <= shape->ndim &&
           memcmp(shape->dim + from, part->dim, (size_t)part->ndim * sizeof *part->dim) == 0;
}

static inline bool shapes_match_star(const shapes_one *all, int n, const char *next, int dim, int star,
                                     shapes_known known)
{
    fr_shape *part = &known.stars[star];

    if (known.known[star])
        return shapes_holds(&all->shape, dim, part) && shapes_match(all, n, next, dim + part->ndim, known);
    known.known[star] = true;
    for (int k = 0; dim + k <= all->shape.ndim; k++) {
        part->ndim = k;
        memcpy(part->dim, all->shape.dim + dim, (size_t)k * sizeof *part->dim);
        if (shapes_match(all, n, next, dim + k, known))
            return true;
    }
    return false;
}

/* Matches "broadcast": the shape that all stars together broadcast to. */
static inline bool shapes_match_broadcast(const shapes_one *all, int n, const char *next, int dim,
                                          const shapes_known *known)
{
    fr_shape whole = { 0 };

    for (int star = 1; star < SHAPES_STARS; star++)
        for (int i = 1; i <= known->stars[star].ndim; i++) {
            int64_t size = known->stars[star].dim[known->stars[star].ndim - i];

            for (; whole.ndim < i; whole.ndim++) {
                memmove(whole.dim + 1, whole.dim, (size_t)whole.ndim * sizeof *whole.dim);
                whole.dim[0] = 1;
            }
            if (size != 1)
                whole.dim[whole.ndim - i] = size;
        }
    return shapes_holds(&all->shape, dim, &whole) && shapes_match(all, n, next, dim + whole.ndim, *known);
}

/* Matches one dim: "N", "3H" or "1". */
static inline bool shapes_match_dim(const shapes_one *all, int n, const char *at, const char *next, int dim,
                                    shapes_known known)
{
    char *name;
    long factor = strtol(at, &name, 10);
    int length = (int)strcspn(name, ",)"), i = 0;
    int64_t size = dim < all->shape.ndim ? all->shape.dim[dim] : -1;

    factor = name == at ? 1 : factor;
    if (size < 0 || (length == 0 && size != factor) || size % factor != 0)
        return false;
    while (i < known.count && !(known.names[i].length == length && strncmp(known.names[i].name, name, length) == 0))
        i++;
    if (i < known.count && known.names[i].size != size / factor)
        return false;
    if (i == known.count && length > 0 && known.count < SHAPES_MOST) {
        known.names[known.count].name = name;
        known.names[known.count].length = length;
        known.names[known.count++].size = size / factor;
    }
    return shapes_match(all, n, next, dim + 1, known);
}

/* Matches the rest of all[0], from text `at` and dim `dim` on, then the n - 1 tensors after it. */
static bool shapes_match(const shapes_one *all, int n, const char *at, int dim, shapes_known known)
{
    size_t length = strcspn(at, ",)");
    const char *next = at + length + (at[length] == ',');

    if (*at == ')') {
        if (all->repeated)
            known.count = 0;
        return dim == all->shape.ndim && (n == 1 || shapes_match(all + 1, n - 1, all[1].text, 0, known));
    }
    if (strncmp(at, "1...", length) == 0 && length > 1) {
        for (; dim < all->shape.ndim; dim++)
            if (all->shape.dim[dim] != 1)
                return false;
        return shapes_match(all, n, next, dim, known);
    }
    if (*at == '*')
        return shapes_match_star(all, n, next, dim, (int)length, known);
    if (strncmp(at, "broadcast", length) == 0)
        return shapes_match_broadcast(all, n, next, dim, &known);
    return shapes_match_dim(all, n, at, next, dim, known);
}

/* Cuts text in place at each `by`. Returns the number of parts. */
static inline int shapes_cut(char *text, const char *by, char *parts[SHAPES_MOST])
{
    int n = 0;

    for (char *next = text; next && n < SHAPES_MOST; text = next) {
        next = strstr(text, by);
        if (next) {
            *next = '\0';
            next += strlen(by);
        }
        parts[n++] = text;
    }
    return n;
}

/* Pairs tensors with their texts. A text with "?" may have no tensor; a text with "..." is used for all remaining ones.
 */
static inline bool shapes_pair(char *text, fr_tensor *const *ts, int n, shapes_one *all, int *count)
{
    char *parts[SHAPES_MOST];
    int texts = shapes_cut(text, " ", parts), last = texts - 1;

    for (int i = 0; i < n || i < texts; i++) {
        const char *part = parts[i < texts ? i : last], *end = strchr(part, ')') + 1;
        bool repeated = strcmp(end, "...") == 0, named = part[strcspn(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")];

        if (*count == SHAPES_MOST || (i > last && !repeated))
            return false;
        if (i < n && ts[i]) {
            fr_shape shape = fr_shape_of(ts[i]);

            /* A scalar may be given where dims have names. */
            all[(*count)++] = (shapes_one){ part + 1, shape.ndim == 0 && named ? FR_SHAPE(1) : shape, repeated };
        } else if (*end != '?') {
            return false;
        }
    }
    return true;
}

/* Checks one way of the several that `shapes` may list, such as "(N) -> () or (N)". */
static inline bool shapes_fit_one(char *text, fr_tensor *const *in, int inputs, fr_tensor *const *out, int outputs)
{
    char *sides[SHAPES_MOST], *results[SHAPES_MOST];
    shapes_one all[SHAPES_MOST];
    int n_in = 0, n = shapes_cut(text, " -> ", sides) == 2 ? shapes_cut(sides[1], " or ", results) : 0;

    if (n == 0 || !shapes_pair(sides[0], in, inputs, all, &n_in))
        return false;
    for (int i = 0; i < n; i++) {
        int both = n_in;

        if (shapes_pair(results[i], out, outputs, all, &both) &&
            shapes_match(all, both, all[0].text, 0, (shapes_known){ .count = 0 }))
            return true;
    }
    return false;
}

static inline bool shapes_fit(const char *shapes, fr_tensor *const *in, int inputs, fr_tensor *const *out, int outputs)
{
    char *copy = strdup(shapes), *ways[SHAPES_MOST];
    int n = copy ? shapes_cut(copy, "; ", ways) : 0;
    bool fit = false;

    for (int i = 0; i < n && !fit; i++)
        fit = shapes_fit_one(ways[i], in, inputs, out, outputs);
    free(copy);
    return fit;
}

#endif
