/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes the ops: runs a random program of valid and invalid calls, and differentiates it twice. A call returns NULL if
 * and only if there is an error. What a valid call of moderate numbers returns, and its gradients, are compared with
 * those of the op's definition, with those in float64, and with forward mode. */
#include "draw.h"
#include "few_values.h"

#include "by_definition.h"
#include "core/random.h"
#include "ops/op.h"

enum { COMPARED = 1 << 13 }; /* values at most */

static bool defined; /* ops run by their definitions */

static const fr_op *instead_of(const fr_op *op)
{
    static fr_op replaced[256];
    int i = 0;

    if (!defined || !op->definition)
        return op;
    while (fr_op_table[i] != op)
        if (!fr_op_table[i++])
            return op;
    replaced[i] = by_definition(op);
    return &replaced[i];
}

/* --- Calls ------------------------------------------------------------------------------------------------------- */

/* The op of a function: var_dim, var_with are var. NULL: the function has no op of its name. */
static const fr_op *op_of(const char *function)
{
    char name[64];
    const fr_op *op;

    snprintf(name, sizeof name, "%s", function);
    while (!(op = fr_op_find(name)) && strchr(name, '_'))
        *strrchr(name, '_') = '\0';
    return op;
}

/* One call, which can be made again. */
typedef struct {
    program *p;
    const uint8_t *begin; /* its arguments */
    const fr_op *op;      /* of the function's name, or NULL */
    unsigned function, result;
} call;

static fr_generator seeded; /* before each call */

static fr_tensor *run(fr_tensor *const *in, void *user)
{
    call *c = user;
    program *p = c->p;

    p->next = c->begin;
    p->given = in;
    p->taken = p->returned = 0;
    p->first = (fr_shape){ 0 };
    p->nice = in ? p->nice : true;
    p->shapes = c->op ? c->op->shapes : NULL;
    memset(p->sizes, -1, sizeof p->sizes);
    for (int i = 0; i < STARS; i++)
        p->stars[i].ndim = -1;
    fr_generator_restore(&seeded);
    calls[c->function].call(p);
    return p->results[c->result % (unsigned)p->returned];
}

static _Noreturn void found(const call *c, const char *what)
{
    fprintf(stderr, "%s: %s\n", calls[c->function].name, what);
    abort();
}

/* --- Values and gradients ---------------------------------------------------------------------------------------- */

typedef struct {
    fr_tensor *y, *dx[INPUTS]; /* NULL: no such gradient */
} outcome;

/* A tensor like t of positive and negative values, the same at each call. */
static fr_tensor *direction(const fr_tensor *t)
{
    fr_tensor *v = fr_cast(fr_zeros(t->shape), FR_F64);

    for (int64_t i = 0; i < fr_numel(v); i++)
        ((double *)fr_data(v))[i] = (i % 2 ? -1 : 1) * (0.5 + fmod((double)i * 0.6180339887, 1));
    return fr_cast(v, (fr_dtype)t->dtype);
}

/* Makes the call again: its value, and the gradients of the inputs for direction(y). dtype: of its floating inputs;
 * FR_I64: as they are. */
static outcome evaluate(call *c, fr_dtype dtype)
{
    outcome o = { 0 };
    fr_tensor *in[INPUTS], *xs[INPUTS], *dx[INPUTS];
    int n = c->p->taken, count = 0;

    for (int i = 0; i < n; i++) {
        fr_tensor *t = c->p->in[i];

        in[i] = fr_clone(t->dtype == FR_I64 || dtype == FR_I64 ? t : fr_cast(t, dtype));
        if (c->p->wants_grad[i])
            xs[count++] = fr_requires_grad(in[i]);
    }
    o.y = run(in, c);
    if (!o.y || !fr_wants_grad(o.y))
        return o;
    if (!fr_gradients_with(o.y, direction(o.y), xs, count, dx, 0))
        found(c, fr_error_message());
    for (int i = 0, k = 0; i < n; i++)
        o.dx[i] = c->p->wants_grad[i] ? dx[k++] : NULL;
    return o;
}

/* Shapes must be equal, values near. Values beyond float32 are not compared. */
static void compare(const call *c, const char *what, const fr_tensor *a, const fr_tensor *b)
{
    double largest = 1;

    if (!a && !b)
        return;
    if (!a || !b || !fr_shape_equal(&a->shape, &b->shape))
        found(c, what);
    for (int64_t i = 0; i < b->numel; i++)
        largest = fmax(largest, fabs(fr_at(b, i)));
    if (largest > 1e30)
        return;
    for (int64_t i = 0; i < b->numel; i++) {
        double x = fr_at(a, i), y = fr_at(b, i);

        if (!(fabs(x - y) <= 1e-3 * largest || x == y || (isnan(x) && isnan(y)))) {
            fprintf(stderr, "value %lld is %.9g, expected %.9g\n", (long long)i, x, y);
            found(c, what);
        }
    }
}

static bool is_finite(const fr_tensor *t)
{
    for (int64_t i = 0; t && i < t->numel; i++)
        if (!isfinite(fr_at(t, i)))
            return false;
    return true;
}

/* What passes gradients that are not finite on, such as those of a loss that is NaN, is not defined. */
static void compare_outcomes(const call *c, const char *what, const outcome *a, const outcome *b)
{
    compare(c, what, a->y, b->y);
    for (int i = 0; i < c->p->taken && is_finite(b->y); i++)
        compare(c, "its gradients", a->dx[i], b->dx[i]);
}

/* --- Forward mode ------------------------------------------------------------------------------------------------ */

static double inner(const fr_tensor *a, const fr_tensor *b, double *size)
{
    double sum = 0;

    for (int64_t i = 0; i < a->numel; i++) {
        sum += fr_at(a, i) * fr_at(b, i);
        *size += fabs(fr_at(a, i) * fr_at(b, i));
    }
    return sum;
}

/* <dy, v> is the sum of <tangent, gradient for v>. o: in float64. */
static void check_forward_mode(call *c, const outcome *o)
{
    fr_tensor *in[INPUTS], *tangents[INPUTS], *y, *dy;
    double forward, reverse = 0, size = 1;
    int n = c->p->taken;

    for (int i = 0; i < n; i++) {
        in[i] = fr_clone(c->p->in[i]->dtype == FR_I64 ? c->p->in[i] : fr_cast(c->p->in[i], FR_F64));
        tangents[i] = o->dx[i] ? direction(in[i]) : NULL;
    }
    if (n == 0 || !fr_wants_grad(o->y) || !is_finite(o->y))
        return;
    if (!fr_jvp(run, in, tangents, n, c, &y, &dy))
        found(c, fr_error_message());
    compare(c, "its value in forward mode", y, o->y);
    forward = inner(dy, direction(y), &size);
    for (int i = 0; i < n; i++)
        reverse += o->dx[i] ? inner(tangents[i], o->dx[i], &size) : 0;
    if (fabs(forward - reverse) > 1e-6 * size)
        found(c, "forward and reverse mode differ");
}

/* --- Programs ---------------------------------------------------------------------------------------------------- */

static bool drew_random_numbers(void)
{
    fr_generator now;

    fr_generator_save(&now);
    return now.next != seeded.next || now.state[0] != seeded.state[0];
}

static void check_call(call *c, const outcome *first)
{
    FR_SCOPE;
    bool random = drew_random_numbers();
    outcome again = evaluate(c, FR_I64), other;

    compare(c, "the same call again", again.y, first->y);
    defined = true;
    other = evaluate(c, FR_I64);
    defined = false;
    compare_outcomes(c, "its definition", &again, &other);
    if (random)
        return;
    other = evaluate(c, FR_F64);
    compare_outcomes(c, "float64", &again, &other);
    check_forward_mode(c, &other);
}

/* Makes the next call; what it returns goes to the pool. */
static void make_call(program *p)
{
    call c = { .p = p };
    outcome first = { 0 };
    fr_tensor *results[RESULTS];
    const uint8_t *end;
    int n;

    c.function = draw_byte(p) % (sizeof calls / sizeof *calls);
    c.result = draw_byte(p);
    c.op = op_of(calls[c.function].name);
    c.begin = p->next;
    first.y = run(NULL, &c);
    end = p->next;
    if ((first.y == NULL) != (fr_error_message() != NULL))
        found(&c, first.y ? fr_error_message() : "NULL without an error");
    fr_error_clear();
    memcpy(results, p->results, sizeof results);
    n = p->returned;
    if (first.y && p->nice && first.y->numel <= COMPARED)
        check_call(&c, &first);
    for (int i = 0; i < n; i++)
        if (results[i] && results[i]->numel <= KEPT)
            p->pool[p->pooled++ % POOL] = results[i];
    p->next = end;
}

/* First and second derivatives of the sum of all that the program has. */
static void differentiate(const program *p)
{
    fr_tensor *sum = fr_cast(fr_scalar(0), FR_F64), *dx;
    fr_tensor *last = p->pool[(p->pooled - 1) % POOL];

    for (int i = 0; i < p->pooled && i < POOL; i++)
        sum = fr_add(sum, fr_sum(fr_cast(p->pool[i], FR_F64)));
    if (!fr_wants_grad(sum) || !fr_wants_grad(last))
        return;
    if (fr_gradients(sum, &last, 1, &dx, FR_CREATE_GRAPH))
        sum = fr_add(sum, fr_sum(fr_cast(fr_square(dx), FR_F64)));
    fr_backward(sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    program p = { .next = bytes, .end = bytes + size };

    fr_set_error_handler(NULL, NULL);
    fr_generator_save(&seeded);
    {
        FR_SCOPE;

        while (p.next < p.end)
            make_call(&p);
        if (p.pooled > 0)
            differentiate(&p);
    }
    fr_generator_restore(&seeded);
    return fuzz_end();
}
