/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Random programs, read from bytes: a few ops on a few tensors, forward and backward. What a program gives by itself is
 * what it gives captured, fused and not, bit for bit, for inputs other than those that it was captured with. */
#ifndef FROND_TESTS_FUZZ_CAPTURE_PROGRAM_H
#define FROND_TESTS_FUZZ_CAPTURE_PROGRAM_H

#include <frond.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { PROGRAM_INPUTS = 3, PROGRAM_POOL = 12, PROGRAM_MOST = 5000, PROGRAM_RUNS = 4, PROGRAM_CALLS = 40 };

/* What the program is for. */
typedef enum { VALUES, GRADIENTS, SECOND_GRADIENTS, LEAF, PURPOSES } program_purpose;

typedef struct {
    const uint8_t *bytes, *end;
    program_purpose purpose;
    fr_tensor *w; /* from outside */
} program;

typedef struct {
    const uint8_t *next, *end;
    fr_tensor *pool[PROGRAM_POOL];
    int made;
} program_state;

static inline unsigned program_byte(program_state *s)
{
    return s->next < s->end ? *s->next++ : 0;
}

static inline fr_tensor *program_pick(program_state *s)
{
    return s->pool[program_byte(s) % (unsigned)(s->made < PROGRAM_POOL ? s->made : PROGRAM_POOL)];
}

static inline void program_keep(program_state *s, fr_tensor *t)
{
    if (!t || (fr_numel(t) <= PROGRAM_MOST && fr_numel(t) > 0))
        s->pool[s->made++ % PROGRAM_POOL] = t;
}

/* --- Calls -------------------------------------------------------------------------------------------------------- */

static inline fr_tensor *program_unary(fr_tensor *a, unsigned how)
{
    switch (how % 12) {
    case 0:
        return fr_tanh(a);
    case 1:
        return fr_sigmoid(a);
    case 2:
        return fr_square(fr_sin(a));
    case 3:
        return fr_relu(a);
    case 4:
        return fr_neg(a);
    case 5:
        return fr_exp(fr_clamp(a, -3, 1));
    case 6:
        return fr_mul_scalar(a, 0.5);
    case 7:
        return fr_add_scalar(a, 0.25);
    case 8:
        return fr_abs(a);
    case 9:
        return fr_dropout(a, 0.5);
    case 10:
        return fr_detach(a);
    default:
        return fr_clone(a);
    }
}

static inline bool program_broadcasts(const fr_tensor *a, const fr_tensor *b)
{
    for (int i = 1; i <= fr_ndim(a) && i <= fr_ndim(b); i++)
        if (fr_dim(a, -i) != fr_dim(b, -i) && fr_dim(a, -i) != 1 && fr_dim(b, -i) != 1)
            return false;
    return fr_numel(a) * fr_numel(b) <= PROGRAM_MOST || fr_numel(a) == 1 || fr_numel(b) == 1 ||
           fr_numel(a) == fr_numel(b);
}

static inline fr_tensor *program_binary(fr_tensor *a, fr_tensor *b, unsigned how)
{
    if (!program_broadcasts(a, b))
        b = fr_mean(b);
    switch (how % 6) {
    case 0:
        return fr_add(a, b);
    case 1:
        return fr_mul(a, b);
    case 2:
        return fr_sub(b, a);
    case 3:
        return fr_div(a, fr_add_scalar(fr_square(b), 1));
    case 4:
        return fr_maximum(a, b);
    default:
        return fr_where(fr_gt(a, b), a, b);
    }
}

static inline fr_tensor *program_view(fr_tensor *a, unsigned how)
{
    int n = fr_ndim(a), dim = n > 0 ? (int)(how / 8 % (unsigned)n) : 0;
    int64_t size = n > 0 ? fr_dim(a, dim) : 1;

    if (n == 0)
        return fr_expand(a, FR_SHAPE(how % 2 ? 3 : 40 * 64));
    switch (how % 8) {
    case 0:
        return fr_transpose(a, 0, -1);
    case 1:
        return fr_slice(a, dim, 0, (size + 1) / 2, 1);
    case 2:
        return fr_slice(a, dim, size > 1, size, 2);
    case 3:
        return fr_select(a, dim, how & 64 ? 0 : -1);
    case 4:
        return fr_reshape(a, FR_SHAPE(-1));
    case 5:
        return n < 4 ? fr_unsqueeze(a, dim) : fr_flip(a, dim);
    case 6:
        return size == 1 ? fr_squeeze(a, dim) : fr_flip(a, dim);
    default:
        return n < 4 ? fr_expand(fr_unsqueeze(a, 0), FR_SHAPE(2, -1)) : a;
    }
}

static inline fr_tensor *program_reduction(fr_tensor *a, unsigned how)
{
    int n = fr_ndim(a), dim = n > 0 ? (int)(how / 8 % (unsigned)n) : 0;
    fr_tensor *rows;

    switch (how % 8) {
    case 0:
        return fr_sum(a);
    case 1:
        return fr_mean_dim(a, dim, how & 64);
    case 2:
        return fr_sum_dim(a, dim, how & 64);
    case 3:
        return fr_softmax(a, dim);
    case 4:
        return fr_max(a);
    case 5:
        return fr_cumsum(a, dim);
    default:
        rows = fr_reshape(a, FR_SHAPE(n > 0 ? fr_dim(a, 0) : 1, -1));
        return fr_dim(rows, 0) <= 64 ? fr_matmul(rows, fr_transpose(rows, 0, 1)) : fr_mean(a);
    }
}

/* Values that come from nowhere. */
static inline fr_tensor *program_source(fr_tensor *a, unsigned how)
{
    fr_shape shape = fr_shape_of(a);

    switch (how % 6) {
    case 0:
        return fr_rand_like(a);
    case 1:
        return fr_randn(shape);
    case 2:
        return fr_full_like(a, 0.75);
    case 3:
        return fr_zeros(shape);
    case 4:
        return fr_arange(0, how % 16 + 1, 1, fr_default_dtype());
    default:
        return fr_from_doubles(FR_SHAPE(3), (double[]){ 1, -2, how / 64.0 });
    }
}

/* Writes in place where there is no history, else into something new. */
static inline fr_tensor *program_copy(fr_tensor *a, fr_tensor *b, unsigned how)
{
    fr_tensor *into = fr_wants_grad(a) || how & 4 || !fr_is_contiguous(a) ? fr_clone(fr_detach(a)) : a;
    fr_tensor *part = how & 1 && fr_ndim(into) > 0 ? fr_slice(into, 0, 0, (fr_dim(into, 0) + 1) / 2, 1) : into;

    b = fr_detach(b);
    fr_copy(part, fr_numel(b) == fr_numel(part) ? fr_reshape(b, fr_shape_of(part)) : fr_mean(b));
    return how & 2 ? part : into;
}

static inline fr_tensor *program_call(program_state *s)
{
    unsigned kind = program_byte(s), how = program_byte(s);
    fr_tensor *a = program_pick(s);

    switch (kind % 12) {
    case 0:
    case 1:
    case 2:
        return program_unary(a, how);
    case 3:
    case 4:
    case 5:
    case 6:
        return program_binary(a, program_pick(s), how);
    case 7:
    case 8:
        return program_view(a, how);
    case 9:
        return program_reduction(a, how);
    case 10:
        return program_source(a, how);
    default:
        return program_copy(a, program_pick(s), how);
    }
}

/* --- Programs ----------------------------------------------------------------------------------------------------- */

/* The gradients of the sum of y for the leaves, one after the other in float64; twice if the purpose says so. */
static inline fr_tensor *program_gradients(const program *p, fr_tensor *y, fr_tensor *const *leaves, int n)
{
    fr_tensor *dx[PROGRAM_INPUTS + 1], *sum = fr_sum(y);
    bool twice = p->purpose == SECOND_GRADIENTS;

    if (!fr_wants_grad(sum) || !fr_gradients(sum, leaves, n, dx, twice ? FR_CREATE_GRAPH : 0))
        return y;
    for (int i = 0; i < n; i++)
        dx[i] = fr_flatten(dx[i], 0, -1);
    y = fr_cat(dx, n, 0);
    sum = twice ? fr_sum(fr_square(y)) : NULL;
    if (!sum || !fr_wants_grad(sum))
        return y;
    fr_gradients(sum, leaves, n, dx, 0);
    for (int i = 0; i < n; i++)
        dx[i] = fr_flatten(dx[i], 0, -1);
    return fr_cat((fr_tensor *[]){ y, fr_cat(dx, n, 0) }, 2, 0);
}

/* For fr_capture. The first bytes choose what happens at the end, the others are calls. */
static inline fr_tensor *program_run(fr_tensor *const *in, void *user)
{
    const program *p = user;
    program_state s = { .next = p->bytes, .end = p->end };
    fr_tensor *leaves[PROGRAM_INPUTS + 1], *last[2];
    unsigned end = program_byte(&s);

    for (int i = 0; i < PROGRAM_INPUTS; i++) {
        leaves[i] =
            p->purpose == GRADIENTS || p->purpose == SECOND_GRADIENTS ? fr_requires_grad(fr_clone(in[i])) : in[i];
        program_keep(&s, leaves[i]);
    }
    leaves[PROGRAM_INPUTS] = p->w;
    program_keep(&s, p->w);
    for (int i = 0; i < PROGRAM_CALLS && s.next < s.end; i++)
        program_keep(&s, program_call(&s));
    for (int i = 0; i < 2; i++)
        last[i] = fr_flatten(s.pool[(s.made - 1 - i) % PROGRAM_POOL], 0, -1);
    last[0] = fr_cat(last, 2, 0);
    if (p->purpose == VALUES || fr_error_message())
        return last[0];
    if (p->purpose != LEAF)
        return program_gradients(p, last[0], leaves, PROGRAM_INPUTS + 1);
    if (end & 1)
        fr_zero_grad(p->w);
    if (fr_wants_grad(last[0]))
        fr_backward(fr_sum(last[0]));
    if (end & 2)
        fr_zero_grad(p->w);
    return last[0];
}

/* --- Comparing ---------------------------------------------------------------------------------------------------- */

static inline bool program_same(const fr_tensor *a, const fr_tensor *b)
{
    if (!a || !b)
        return a == b;
    if (fr_dtype_of(a) != fr_dtype_of(b) || fr_numel(a) != fr_numel(b))
        return false;
    for (int64_t i = 0; i < fr_numel(a); i++) {
        double x = fr_at(a, i), y = fr_at(b, i);

        if (!(x == y || (isnan(x) && isnan(y))))
            return false;
    }
    return true;
}

typedef struct {
    fr_tensor *y[PROGRAM_RUNS], *dw[PROGRAM_RUNS];
} program_results;

/* options NULL: by itself. Stops at the first error. */
static inline void program_all_runs(program *p, unsigned shapes, const fr_capture_options *options, program_results *r)
{
    const fr_shape choices[] = { FR_SHAPE(3, 4),    FR_SHAPE(2, 3, 4), FR_SHAPE(1),     FR_SHAPE(40, 64),
                                 FR_SHAPE(40 * 64), FR_SHAPE(1, 64),   FR_SHAPE(40, 1), FR_SHAPE(5) };
    fr_captured *c = options ? fr_capture_with(program_run, p, options) : NULL;

    memset(r, 0, sizeof *r);
    fr_manual_seed(shapes);
    p->w = fr_randn(choices[shapes / 512 % 8]);
    if (p->purpose != VALUES)
        fr_requires_grad(p->w);
    for (int k = 0; k < PROGRAM_RUNS && !fr_error_message(); k++) {
        fr_tensor *in[PROGRAM_INPUTS];

        for (int i = 0; i < PROGRAM_INPUTS; i++)
            in[i] = fr_randn(choices[shapes >> 3 * i & 7]);
        r->y[k] = c ? fr_captured_run(c, in, PROGRAM_INPUTS) : program_run(in, p);
        r->y[k] = r->y[k] && !fr_error_message() ? fr_clone(fr_detach(r->y[k])) : NULL;
        r->dw[k] = fr_grad(p->w) ? fr_clone(fr_grad(p->w)) : NULL;
    }
    fr_captured_free(c);
}

/* NULL if all is the same, else what is not. */
static inline const char *program_check(const uint8_t *bytes, size_t size)
{
    static char text[200];
    static const fr_capture_options options[] = { { 0 }, { .no_fusion = true } };
    program p = { .end = bytes + size };
    program_results eager, captured;
    unsigned shapes;

    if (size < 8)
        return NULL;
    p.purpose = (program_purpose)(bytes[0] % PURPOSES);
    shapes = bytes[1] | (unsigned)bytes[2] << 8;
    p.bytes = bytes + 3;
    program_all_runs(&p, shapes, NULL, &eager);
    if (fr_error_message())
        return fr_error_clear(), NULL;
    for (int k = 0; k < 2; k++) {
        program_all_runs(&p, shapes, &options[k], &captured);
        if (fr_error_message())
            return snprintf(text, sizeof text, "%s", fr_error_message()), fr_error_clear(), text;
        for (int i = 0; i < PROGRAM_RUNS; i++)
            if (!program_same(eager.y[i], captured.y[i]) || !program_same(eager.dw[i], captured.dw[i]))
                return snprintf(text, sizeof text, "run %d, purpose %d, %s: another %s", i, (int)p.purpose,
                                k ? "no fusion" : "fused", program_same(eager.y[i], captured.y[i]) ? "gradient" : "y"),
                       text;
    }
    return NULL;
}

#endif
