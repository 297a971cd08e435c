/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A program made of the fuzzer's bytes: calls of functions of <frond/ops.h>, chosen from the table `calls` that
 * calls.awk makes, with arguments that are drawn by type. Tensors are results of earlier calls, or new ones, of shapes
 * that fit what the op declares, or of any shape. Most numbers are small; some are as bad as can be. */
#ifndef FROND_TESTS_FUZZ_DRAW_H
#define FROND_TESTS_FUZZ_DRAW_H

#include "fuzz.h"

#include "core/shape.h"
#include "core/tensor.h"

#include <frond.h>
#include <limits.h>
#include <math.h>
#include <string.h>

enum { LIST = 8, POOL = 32, INPUTS = 32, RESULTS = 3, LETTERS = 26, STARS = 4 };
enum { KEPT = 256 }; /* values of a tensor in the pool, at most */

typedef struct {
    const uint8_t *next, *end; /* bytes that are left */
    fr_tensor *pool[POOL];     /* results of calls, which later ones may take; the oldest one is replaced */
    int pooled;

    /* The call at work. */
    const char *shapes;            /* what its op declares of the inputs that are not drawn yet */
    int64_t sizes[2 * LETTERS];    /* of the dims that it names, N and N'; -1: not drawn yet */
    fr_shape stars[STARS];         /* the dims that its *, **, *** stand for; ndim -1: not drawn yet */
    fr_tensor *in[INPUTS];         /* copies of what it took, as they were before */
    bool wants_grad[INPUTS], nice; /* nice: no number is very large, very small or not finite */
    int taken;                     /* number of tensors so far */
    fr_shape first;                /* of the first of them */
    fr_tensor *const *given;       /* when it is called again: the tensors that it takes; NULL: those drawn */
    fr_tensor *results[RESULTS];   /* what it returned */
    int returned;
} program;

/* --- Numbers ----------------------------------------------------------------------------------------------------- */

static inline unsigned draw_byte(program *p)
{
    return p->next < p->end ? *p->next++ : 0;
}

static inline void draw_bool(program *p, bool *x)
{
    *x = draw_byte(p) & 1;
}

/* A small number, seldom a bad one. */
static inline int64_t draw_number(program *p, const int64_t bad[4])
{
    unsigned b = draw_byte(p);

    return b < 0xc0 ? (int64_t)(b % 4) : b < 0xf8 ? (int64_t)(b % 16) - 6 : bad[b % 4];
}

static inline void draw_int(program *p, int *x)
{
    *x = (int)draw_number(p, (const int64_t[]){ INT_MIN, INT_MAX, INT_MIN + 1, 100 });
}

static inline void draw_int64(program *p, int64_t *x)
{
    *x = draw_number(p, (const int64_t[]){ INT64_MIN, INT64_MAX, 1LL << 62, 1LL << 32 });
}

static const double bad_numbers[] = { INFINITY, -INFINITY, NAN, 1e300, -1e-310, 1e38, -0.0, 0x1p63 };

static inline void draw_double(program *p, double *x)
{
    unsigned b = draw_byte(p);

    p->nice = p->nice && b < 0xf0;
    *x = b < 0xc0 ? (int)b / 64.0 : b < 0xf0 ? (int)b - 0xd8 : b < 0xf8 ? FR_ZERO : bad_numbers[b % 8];
}

static inline void draw_dtype(program *p, fr_dtype *x)
{
    *x = (fr_dtype)(draw_byte(p) % 4);
}

static inline void draw_reduction(program *p, fr_reduction *x)
{
    *x = (fr_reduction)(draw_byte(p) % 5);
}

static inline void draw_padding_mode(program *p, fr_padding_mode *x)
{
    *x = (fr_padding_mode)(draw_byte(p) % 4);
}

static inline void draw_interpolation(program *p, fr_interpolation *x)
{
    *x = (fr_interpolation)(draw_byte(p) % 5);
}

/* For einsum and scatter_reduce. */
static inline void draw_text(program *p, char **x)
{
    static const char *const texts[] = { "ij,jk->ik", "...i,...i->...", "ii->i", "i,j->ij", "ab,ab", "ij->", "i->jj",
                                         "sum",       "prod",           "mean",  "amax",    "amin" };

    *x = (char *)(uintptr_t)texts[draw_byte(p) % (sizeof texts / sizeof *texts)];
}

/* The last dims of the first tensor, or any. */
static inline void draw_shape(program *p, fr_shape *x)
{
    static const int bad[] = { -1, INT_MIN, FR_MAX_DIMS + 1, INT_MAX };
    unsigned b = draw_byte(p);
    const fr_shape *first = &p->first;

    *x = (fr_shape){ .ndim = b < 0xf8 ? (int)(b % 4) : bad[b % 4] };
    if (b < 0x80 && x->ndim <= first->ndim)
        memcpy(x->dim, first->dim + first->ndim - x->ndim, (size_t)x->ndim * sizeof *x->dim);
    else
        for (int i = 0; i < x->ndim && i < FR_MAX_DIMS; i++)
            draw_int64(p, &x->dim[i]);
}

static inline int draw_count(program *p)
{
    return (int)(draw_byte(p) % (LIST + 1));
}

/* --- Shapes ------------------------------------------------------------------------------------------------------ */

static inline int64_t draw_size(program *p)
{
    static const int64_t sizes[] = { 2, 2, 2, 3, 3, 1, 4, 0, 9, 17 };

    return sizes[draw_byte(p) % 10];
}

static inline fr_tensor *draw_from_pool(const program *p, unsigned i)
{
    return p->pooled > 0 ? p->pool[i % (unsigned)(p->pooled < POOL ? p->pooled : POOL)] : NULL;
}

/* The shape of the call's first tensor, that of one of the pool, or any. */
static inline fr_shape draw_any_shape(program *p)
{
    unsigned b = draw_byte(p);
    const fr_tensor *t = draw_from_pool(p, b);
    fr_shape shape = { .ndim = (int)(b % 4) };

    if (b < 0x60 && p->taken > 0)
        return p->first;
    if (b < 0xc0 && t)
        return t->shape;
    for (int i = 0; i < shape.ndim; i++)
        shape.dim[i] = draw_size(p);
    return shape;
}

/* The dims that n stars stand for. Those of two stars are often those of one, all or the last of them, because many ops
 * broadcast both. */
static inline const fr_shape *draw_star(program *p, int n)
{
    fr_shape *star = &p->stars[n], *one = &p->stars[1];
    unsigned how;

    if (star->ndim >= 0)
        return star;
    how = draw_byte(p) % 4;
    if (n > 1 && how < 3 && one->ndim >= 0) {
        *star = *one;
        if (how == 1 && one->ndim > 0)
            memmove(star->dim, star->dim + 1, (size_t)--star->ndim * sizeof *star->dim);
        if (how == 2 && one->ndim > 0)
            star->dim[star->ndim - 1] = 1;
    } else {
        *star = draw_any_shape(p);
    }
    return star;
}

/* The size of a dim that is written as "N", "N'", "3H" or "1". */
static inline int64_t draw_named(program *p, const char *text)
{
    char *name;
    int64_t factor = strtol(text, &name, 10), *size;

    factor = name == text ? 1 : factor;
    if (*name < 'A' || *name > 'Z')
        return factor;
    size = &p->sizes[*name - 'A' + (name[1] == '\'' ? LETTERS : 0)];
    *size = *size < 0 ? draw_size(p) : *size;
    return factor * *size;
}

/* A shape that fits the next input, as fr_op.shapes of <frond/op.h> writes them. */
static inline fr_shape draw_fitting_shape(program *p)
{
    fr_shape shape = { 0 };

    for (const char *at = ++p->shapes; *at && *at != ')'; at += strcspn(at, ",)"), at += *at == ',') {
        if (*at == '*') {
            const fr_shape *star = draw_star(p, (int)strspn(at, "*"));

            for (int i = 0; i < star->ndim && shape.ndim < FR_MAX_DIMS; i++)
                shape.dim[shape.ndim++] = star->dim[i];
        } else if (shape.ndim < FR_MAX_DIMS) {
            shape.dim[shape.ndim++] = draw_named(p, at);
        }
    }
    p->shapes += strcspn(p->shapes, ")");
    p->shapes += strcspn(p->shapes, "( ");
    p->shapes = strcmp(p->shapes, "") != 0 && p->shapes[1] == '(' ? p->shapes + 1 : NULL;
    return shape;
}

/* --- Tensors ----------------------------------------------------------------------------------------------------- */

/* A new tensor. A byte chooses its values, the lowest bits of kind what they are like, the others its dtype. */
enum { TIES, PROBABILITIES, INDICES, TROUBLE, INDEX = INDICES | 7 << 2 };

static inline fr_tensor *draw_leaf(program *p, fr_shape shape, unsigned kind)
{
    static const fr_dtype dtypes[] = { FR_F32, FR_F32, FR_F32, FR_F32, FR_F32, FR_F32, FR_F64, FR_I64 };
    double values[KEPT];
    unsigned first = draw_byte(p);
    fr_dtype dtype = dtypes[kind >> 2 & 7];
    fr_tensor *t;

    if (fr_shape_numel(&shape) > KEPT)
        return NULL;
    for (int64_t i = 0, n = fr_shape_numel(&shape); i < n; i++) {
        unsigned x = first + (unsigned)i * (first | 1);

        values[i] = (kind & 3) == TIES            ? ((int)(x % 33) - 16) / 4.0
                    : (kind & 3) == PROBABILITIES ? (x % 100 + 0.5) / 100
                    : (kind & 3) == INDICES       ? (double)(x % 2)
                    : x % 8 == 0                  ? bad_numbers[x / 8 % 8]
                                                  : 1.5;
    }
    t = fr_cast(fr_tensor_from(shape, values, FR_F64), dtype);
    return t && dtype != FR_I64 && kind & 0x80 ? fr_requires_grad(fr_clone(t)) : t;
}

static inline bool is_nice(const fr_tensor *t)
{
    for (int64_t i = 0; i < t->numel; i++) {
        double x = fabs(fr_at(t, i));

        if (!(x == 0 || (x >= 1.0 / 64 && x <= 64)))
            return false;
    }
    return true;
}

/* Notes what the call takes, or replaces it where the call is made again. */
static inline fr_tensor *take(program *p, fr_tensor *t)
{
    FR_NO_GRAD;

    if (!t || p->taken == INPUTS)
        return NULL;
    if (p->taken == 0)
        p->first = t->shape;
    if (p->given)
        return p->given[p->taken++];
    p->wants_grad[p->taken] = fr_wants_grad(t);
    p->nice = p->nice && is_nice(t);
    p->in[p->taken++] = fr_clone(t);
    return t;
}

/* A tensor of the pool that has this shape, or NULL. */
static inline fr_tensor *find_in_pool(const program *p, const fr_shape *shape)
{
    for (int i = p->pooled - 1; i >= 0 && i >= p->pooled - POOL; i--)
        if (fr_shape_equal(&p->pool[i % POOL]->shape, shape))
            return p->pool[i % POOL];
    return NULL;
}

static inline void draw_tensor(program *p, fr_tensor **x)
{
    enum { FROM_POOL = 0x70, FITTING = 0xc0, ANY = 0xd0, NO_TENSOR = 0xe0 }; /* how: ends of ranges */
    unsigned how = draw_byte(p);
    fr_tensor *t = NULL;
    fr_shape shape;

    if (how < NO_TENSOR) { /* else the function has an argument here that is none of the op's inputs */
        shape = p->shapes ? draw_fitting_shape(p) : draw_any_shape(p);
        t = how < FROM_POOL ? find_in_pool(p, &shape) : how >= FITTING && how < ANY ? draw_from_pool(p, how) : NULL;
    }
    if (!t && how < ANY)
        t = draw_leaf(p, shape, draw_byte(p));
    *x = take(p, t);
}

/* For an argument that is named index or target: mostly int64. */
static inline void draw_index(program *p, fr_tensor **x)
{
    if (draw_byte(p) < 0xc0)
        *x = take(p, draw_leaf(p, p->shapes ? draw_fitting_shape(p) : (fr_shape){ 1, { draw_size(p) } }, INDEX));
    else
        draw_tensor(p, x);
}

/* --- What the functions that calls.awk writes use ---------------------------------------------------------------- */

#define draw(p, x)                                                                                                     \
    _Generic((x), fr_tensor **                                                                                         \
             : draw_tensor, fr_shape *                                                                                 \
             : draw_shape, fr_dtype *                                                                                  \
             : draw_dtype, fr_reduction *                                                                              \
             : draw_reduction, fr_padding_mode *                                                                       \
             : draw_padding_mode, fr_interpolation *                                                                   \
             : draw_interpolation, char **                                                                             \
             : draw_text, double *                                                                                     \
             : draw_double, int *                                                                                      \
             : draw_int, int64_t *                                                                                     \
             : draw_int64, bool *                                                                                      \
             : draw_bool)(p, x)

static inline void keep_tensor(program *p, fr_tensor *t)
{
    p->results[p->returned++] = t;
}

static inline void keep_extreme(program *p, fr_extreme e)
{
    keep_tensor(p, e.values);
    keep_tensor(p, e.indices);
}

static inline void keep_recurrent(program *p, fr_recurrent r)
{
    keep_tensor(p, r.out);
    keep_tensor(p, r.h);
    if (r.c || !r.out)
        keep_tensor(p, r.c);
}

#define keep(p, x)                                                                                                     \
    _Generic((x), fr_tensor * : keep_tensor, fr_extreme : keep_extreme, fr_recurrent : keep_recurrent)(p, x)

#include "tests/fuzz/calls.h"

#endif
