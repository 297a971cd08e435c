/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* multinomial: draws some of C classes with probabilities p, which need not sum to 1, as PyTorch does on its CPU. With
 * replacement the class is the first whose cumulated probability reaches a uniform number. Without, and for a single
 * draw, a class has the key p / q, with q drawn from the exponential distribution, and the largest keys win: in the
 * order in which classes would be drawn one after the other (Efraimidis and Spirakis, "Weighted random sampling with a
 * reservoir", 2006). No gradient. gumbel_softmax draws one class with the same keys, and has a gradient. */
#include "core/random.h"
#include "core/recorder.h"
#include "ops/op.h"

#include <frond/autograd.h>
#include <stdlib.h>

typedef struct {
    int64_t count;
    bool replacement;
} attributes;

typedef struct {
    double value;
    int64_t class;
} key;

static bool infer(fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_shape *shape = &call->in[0]->shape;
    int64_t classes = shape->ndim > 0 ? shape->dim[shape->ndim - 1] : 0;
    char text[FR_SHAPE_TEXT];

    if (shape->ndim != 1 && shape->ndim != 2)
        return fr_op_fail(call, "probabilities have shape %s, expected (C) or (B, C)", fr_shape_text(shape, text));
    if (a->count < 1)
        return fr_op_fail(call, "%lld samples, expected 1 or more", (long long)a->count);
    if (!a->replacement && a->count > classes)
        return fr_op_fail(call, "%lld samples without replacement of %lld classes", (long long)a->count,
                          (long long)classes);
    call->out[0] = (fr_meta){ .shape = *shape, .dtype = FR_I64 };
    call->out[0].shape.dim[shape->ndim - 1] = a->count;
    return true;
}

/* x rounded to t's dtype. For a sum or quotient of two floats, computed in double, that is the float32 result. */
static double rounded(const fr_tensor *t, double x)
{
    return t->dtype == FR_F64 ? x : (double)(float)x;
}

/* True if each row holds probabilities alone, and as many above 0 as are needed. Fails otherwise. */
static bool check(fr_op_call *call, int64_t rows, int64_t classes)
{
    const attributes *a = call->attributes;
    int64_t needed = a->replacement ? 1 : a->count;

    for (int64_t i = 0; i < rows; i++) {
        int64_t positive = 0;

        for (int64_t j = 0; j < classes; j++) {
            double p = fr_value_at(call->in[0], i * classes + j);

            if (!(p >= 0 && p < INFINITY))
                return fr_op_fail(call, "probability %g of class %lld in row %lld, expected 0 or more", p, (long long)j,
                                  (long long)i);
            positive += p > 0;
        }
        if (positive < needed)
            return fr_op_fail(call, "row %lld has %lld probabilities above 0, expected %lld or more", (long long)i,
                              (long long)positive, (long long)needed);
    }
    return true;
}

/* --- Drawing a row: its probabilities are values at, at + 1, ... of p --------------------------------------------- */

static int largest_first(const void *a, const void *b)
{
    const key *x = a, *y = b;

    return x->value != y->value ? (x->value < y->value) - (x->value > y->value)
                                : (x->class > y->class) - (x->class < y->class);
}

static void draw_by_keys(const fr_tensor *p, int64_t at, int64_t classes, int64_t count, double *u, key *keys,
                         int64_t *out)
{
    int64_t best = 0;

    fr_random_doubles(classes, u);
    for (int64_t j = 0; j < classes; j++) {
        double x = fr_value_at(p, at + j);

        keys[j] = (key){ x > 0 ? rounded(p, x / rounded(p, -log1p(-u[j]))) : -1, j };
        if (keys[j].value > keys[best].value)
            best = j;
    }
    if (count > 1)
        qsort(keys, (size_t)classes, sizeof *keys, largest_first);
    for (int64_t i = 0; i < count; i++)
        out[i] = keys[count > 1 ? i : best].class;
}

static void draw_with_replacement(const fr_tensor *p, int64_t at, int64_t classes, int64_t count, double *u, key *keys,
                                  int64_t *out)
{
    double sum = 0;
    int64_t last = 0;

    for (int64_t j = 0; j < classes; j++) {
        if (fr_value_at(p, at + j) > 0)
            last = j; /* its cumulated probability is 1, in spite of rounding */
        keys[j].value = sum = rounded(p, sum + fr_value_at(p, at + j));
    }
    for (int64_t j = 0; j < classes; j++)
        keys[j].value = rounded(p, keys[j].value / sum);
    fr_random_doubles(count, u);
    for (int64_t i = 0; i < count; i++) {
        int64_t from = 0, to = last;

        while (from < to) {
            int64_t middle = from + (to - from) / 2;

            if (keys[middle].value < u[i] || keys[middle].value == 0)
                from = middle + 1;
            else
                to = middle;
        }
        out[i] = from;
    }
}

static void forward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_tensor *p = call->in[0];
    int64_t classes = p->shape.dim[p->shape.ndim - 1], rows = p->shape.ndim == 2 ? p->shape.dim[0] : 1;
    size_t key_bytes = (size_t)classes * sizeof(key);
    size_t draw_bytes = (size_t)(classes > a->count ? classes : a->count) * sizeof(double);
    key *keys;
    double *u;

    if (!check(call, rows, classes) || rows == 0)
        return;
    keys = fr_alloc(key_bytes);
    u = fr_alloc(draw_bytes);
    for (int64_t i = 0; i < rows && keys && u; i++)
        (a->replacement && a->count > 1 ? draw_with_replacement : draw_by_keys)(
            p, i * classes, classes, a->count, u, keys, (int64_t *)call->result[0]->origin + i * a->count);
    if (!keys || !u)
        fr_op_fail(call, "out of memory");
    fr_free(keys, key_bytes);
    fr_free(u, draw_bytes);
}

#ifdef FR_TESTS
static fr_tensor *drawn(fr_tensor *p, int64_t count, bool replacement)
{
    fr_manual_seed(3);
    return fr_multinomial(p, count, replacement);
}
#endif

FR_RUN(run, drawn(in[0], 5, true))
FR_RUN(run_one, drawn(in[0], 1, true))
FR_RUN(run_many, drawn(in[0], 1000, true))
FR_RUN(run_without, drawn(in[0], 4, false))
FR_RUN(run_zero, drawn(in[0], 0, true))
FR_RUN(run_after, drawn(in[0], 3, false) ? fr_randint(0, 1000, (fr_shape){ 1, { 2 } }) : NULL)

FR_RUN(run_gumbel, fr_gumbel_softmax(in[0], 1, false, -1))
FR_RUN(run_gumbel_sharp, fr_gumbel_softmax(in[0], 0.5, false, 0))
FR_RUN(run_gumbel_hard, fr_gumbel_softmax(in[0], 0.7, true, -1))
FR_RUN(run_gumbel_far, fr_gumbel_softmax(in[0], 1, false, 5))
FR_RUN(run_gumbel_zero, fr_gumbel_softmax(in[0], 0, false, -1))

const fr_op fr_multinomial_op = {
    .name = "multinomial",
    .formula = "y = classes drawn with probabilities x",
    .shapes = "(*,C) -> (*,S)",
    .inputs = 1,
    .outputs = 1,
    .attributes_size = sizeof(attributes),
    .infer = infer,
    .forward = forward,
    FR_CASES(
        { "replacement", "u(7)", "(torch.manual_seed(3), torch.multinomial(a, 5, True))[1]", run, .no_grad = true },
        { "rows", "u(3,40)", "(torch.manual_seed(3), torch.multinomial(a, 1000, True))[1]", run_many, .no_grad = true },
        { "one", "u(50,9)", "(torch.manual_seed(3), torch.multinomial(a, 1))[1]", run_one, .no_grad = true },
        { "one of many", "u(3,5000)", "(torch.manual_seed(3), torch.multinomial(a, 1))[1]", run_one, .no_grad = true },
        { "without", "u(20,9)", "(torch.manual_seed(3), torch.multinomial(a, 4))[1]", run_without, .no_grad = true },
        { "zeros", "v0,1,0,0,2,3,5,0(8)", "(torch.manual_seed(3), torch.multinomial(a, 1000, True))[1]", run_many,
          .no_grad = true },
        { "without zeros", "v0,1,0,0,2,3,5,0(8)", "(torch.manual_seed(3), torch.multinomial(a, 4))[1]", run_without,
          .no_grad = true },
        { "draws", "u(4,5)", "(torch.manual_seed(3), torch.multinomial(a, 3), torch.randint(0, 1000, (2,)))[2]",
          run_after, .no_grad = true },
        { "no rows", "u(0,5)", "a.new_zeros(0, 4, dtype=int)", run_without, .no_grad = true },
        { "negative", "v1,-1,2(3)", NULL, run, { "multinomial", "-1 of class 1 in row 0" } },
        { "infinite", "v1,2,1,inf(2,2)", NULL, run, { "multinomial", "inf of class 1 in row 1" } },
        { "nan", "v1,nan(2)", NULL, run, { "multinomial", "nan of class 1" } },
        { "nothing", "v1,1,0,0(2,2)", NULL, run, { "multinomial", "row 1 has 0 probabilities above 0", "1 or more" } },
        { "too few", "v1,0,1,1,0(5)", NULL, run_without, { "multinomial", "3 probabilities above 0", "4 or more" } },
        { "classes", "u(3)", NULL, run_without, { "multinomial", "4 samples without replacement of 3 classes" } },
        { "no classes", "u(2,0)", NULL, run, { "multinomial", "row 0 has 0 probabilities" } },
        { "samples", "u(3)", NULL, run_zero, { "multinomial", "0 samples, expected 1 or more" } },
        { "shape", "u(1,2,3)", NULL, run, { "multinomial", "(1, 2, 3)", "(B, C)" } },
        { "scalar", "u()", NULL, run, { "multinomial", "()", "(C)" } },
        { "gumbel", "n(3,5)", "F.gumbel_softmax(a)", run_gumbel },
        { "gumbel, tau", "n(4,2,3)", "F.gumbel_softmax(a, 0.5, dim=0)", run_gumbel_sharp },
        { "gumbel, hard", "v1,-1,0.5,0,2,0.25,-3,1,0(3,3)", "F.gumbel_softmax(a, 0.7, hard=True)", run_gumbel_hard },
        { "gumbel, empty", "n(0,3)", "F.gumbel_softmax(a)", run_gumbel },
        { "gumbel, dim", "n(3)", NULL, run_gumbel_far, { "gumbel_softmax", "dim 5", "(3,)" } },
        { "gumbel, tau 0", "n(3)", NULL, run_gumbel_zero, { "gumbel_softmax", "tau is 0" } },
        { "gumbel, int64", "i5(3)", NULL, run_gumbel, { "gumbel_softmax", "int64" } },
        { "int64", "i5(3)", NULL, run, { "multinomial", "int64", "fr_cast" } })
};

fr_tensor *fr_multinomial(fr_tensor *probabilities, int64_t num_samples, bool replacement)
{
    return fr_apply(&fr_multinomial_op, &probabilities, &(attributes){ num_samples, replacement });
}

/* --- gumbel_softmax ---------------------------------------------------------------------------------------------- */

static bool draw_doubles(const fr_action *a)
{
    fr_random_doubles(a->into->numel, (double *)(void *)a->into->origin);
    return true;
}

fr_tensor *fr_exponential_like(const char *what, const fr_tensor *t)
{
    fr_tensor *u = fr_hold(what, fr_tensor_alloc(what, &t->shape, FR_F64));

    if (u)
        fr_act(fr_thread_self(), &(fr_action){ .run = draw_doubles, .into = u });
    return fr_cast(fr_neg(fr_log1p(fr_neg(u))), fr_dtype_of(t));
}

/* The largest probability of y becomes 1, the others 0. The gradient is that of y. */
static fr_tensor *hardened(fr_tensor *y, int dim)
{
    fr_tensor *index = fr_argmax(y, dim, true), *ones = fr_cast(fr_eq(index, index), fr_dtype_of(y));
    fr_tensor *hard = y ? fr_scatter_zeros(ones, y->shape, dim, index) : NULL;

    return fr_add(fr_sub(hard, fr_detach(y)), y);
}

static fr_tensor *soft_draw(fr_tensor *t, double tau, bool hard, int dim)
{
    char text[FR_SHAPE_TEXT];
    fr_tensor *y;

    if (!(tau > 0 && tau < INFINITY))
        return fr_fail("gumbel_softmax", "tau is %g, expected a number above 0", tau);
    if (t->dtype == FR_I64)
        return fr_fail("gumbel_softmax", "int64 given, expected float32 or float64; use fr_cast");
    if (fr_shape_dim(&t->shape, dim) < 0)
        return fr_fail("gumbel_softmax", "dim %d is out of range for shape %s", dim, fr_shape_text(&t->shape, text));
    y = fr_softmax(fr_div_scalar(fr_add(t, fr_neg(fr_log(fr_exponential_like("gumbel_softmax", t)))), tau), dim);
    return hard ? hardened(y, dim) : y;
}

fr_tensor *fr_gumbel_softmax(fr_tensor *t, double tau, bool hard, int dim)
{
    fr_composition c = fr_compose("gumbel_softmax");

    return fr_composed(c, fr_check_argument("gumbel_softmax", t, "t") ? soft_draw(t, tau, hard, dim) : NULL);
}
