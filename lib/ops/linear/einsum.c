/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* einsum: sums of products, told by a letter for each dim: "bij,bjk->bik". A label is a letter, or a dim that "..."
 * stands for. The operands are multiplied from left to right, two at a time:
 *
 * 1. of each operand the diagonal is taken where it has a label twice, and labels are summed over that neither the
 *    others nor the output have;
 * 2. the labels of two operands fall into those that both have and that are still needed (batch), those that the left
 *    alone has (rows), those that the right alone has (columns), and those that both have and nothing needs any more
 *    (inner). The left becomes (batch,rows,inner), the right (batch,inner,columns), and their product is one matmul, or
 *    one mul where there is no inner label.
 *
 * The cases stand in matmul.c. */
#include "ops/op.h"

#include <ctype.h>

enum { LETTERS = 52, LABELS = LETTERS + FR_MAX_DIMS, OPERANDS = 16 };
typedef uint64_t labels; /* bit i: label i */

/* The labels of a tensor's dims, in their order. */
typedef struct {
    int n;
    int label[LABELS];
} term;

typedef struct {
    fr_tensor *t;
    term dims;
} operand;

typedef struct {
    int n;
    operand in[OPERANDS];
    term out;
    int64_t size[LABELS]; /* 1 where all operands have 1, which broadcasts */
    int dots;             /* the most dims that "..." stands for */
} equation;

static labels bit(int label)
{
    return (labels)1 << label;
}

static labels labels_of(const term *dims)
{
    labels set = 0;

    for (int i = 0; i < dims->n; i++)
        set |= bit(dims->label[i]);
    return set;
}

static int position_of(const term *dims, int label)
{
    int i = 0;

    while (dims->label[i] != label)
        i++;
    return i;
}

/* Appends the labels of a set, in their order. */
static void add_labels(term *dims, labels set)
{
    for (int label = 0; label < LABELS; label++)
        if (set & bit(label))
            dims->label[dims->n++] = label;
}

/* --- Reading the equation ----------------------------------------------------------------------------------------- */

/* Reads a term. dots: how many dims "..." stands for, the last of those that it may stand for. */
static bool read_term(const char *text, int dots, term *dims)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    bool had_dots = false;

    *dims = (term){ 0 };
    for (const char *letter; *text; text++) {
        if ((letter = strchr(letters, *text)) && dims->n < LETTERS) {
            dims->label[dims->n++] = (int)(letter - letters);
        } else if (!had_dots && strncmp(text, "...", 3) == 0) {
            for (int k = dots; k > 0; k--)
                dims->label[dims->n++] = LABELS - k;
            had_dots = true;
            text += 2;
        } else {
            return false;
        }
    }
    return true;
}

/* Reads the term of an operand, and notes the sizes of its labels. */
static bool read_operand(equation *e, const char *text, fr_tensor *t)
{
    operand *o = &e->in[e->n++];
    int letters = (int)strlen(text), ndim = t->shape.ndim, dots = strchr(text, '.') ? ndim - letters + 3 : 0;
    char shape[FR_SHAPE_TEXT];

    o->t = t;
    if (!read_term(text, dots, &o->dims))
        return fr_fail("einsum", "\"%s\": expected letters and at most one \"...\"", text);
    if (o->dims.n != ndim || dots < 0)
        return fr_fail("einsum", "\"%s\" does not fit shape %s", text, fr_shape_text(&t->shape, shape));
    for (int i = 0; i < ndim; i++) {
        int64_t *size = &e->size[o->dims.label[i]], given = t->shape.dim[i];

        if (*size != 1 && given != 1 && *size != given)
            return fr_fail("einsum", "dim %d of \"%s\" has size %lld, in another place %lld", i, text, (long long)given,
                           (long long)*size);
        if (given != 1)
            *size = given;
    }
    e->dots = dots > e->dots ? dots : e->dots;
    return true;
}

/* Reads the output's term. Without one it has the dims of "...", then the letters that stand once in all operands. */
static bool read_output(equation *e, const char *text)
{
    int count[LABELS] = { 0 };
    labels once = 0;

    for (int i = 0; i < e->n; i++)
        for (int k = 0; k < e->in[i].dims.n; k++)
            count[e->in[i].dims.label[k]]++;
    if (!text) {
        for (int i = 0; i < LETTERS; i++)
            once |= count[i] == 1 ? bit(i) : 0;
        read_term("...", e->dots, &e->out);
        add_labels(&e->out, once);
        return true;
    }
    if (!read_term(text, e->dots, &e->out))
        return fr_fail("einsum", "output \"%s\": expected letters and at most one \"...\"", text);
    for (int i = 0; i < e->out.n; i++)
        if (count[e->out.label[i]] == 0 || position_of(&e->out, e->out.label[i]) < i)
            return fr_fail("einsum", "output \"%s\" has a letter twice, or one that no operand has", text);
    return true;
}

static bool read_equation(equation *e, const char *given, fr_tensor *const *ts, int n)
{
    char text[256], *end = text, *arrow, *item, *rest = text;

    for (; *given && end < text + sizeof text - 1; given++)
        if (!isspace((unsigned char)*given))
            *end++ = *given;
    *end = '\0';
    if (*given)
        return fr_fail("einsum", "the equation is longer than %zu characters", sizeof text - 1);
    if ((arrow = strstr(text, "->")))
        *arrow = '\0';
    for (int i = 0; i < LABELS; i++)
        e->size[i] = 1;
    while ((item = strsep(&rest, ","))) {
        if (e->n == n)
            return fr_fail("einsum", "more than %d operands in the equation, but as many tensors", n);
        if (!read_operand(e, item, ts[e->n]))
            return false;
    }
    if (e->n < n)
        return fr_fail("einsum", "%d operands in the equation, but %d tensors", e->n, n);
    return read_output(e, arrow ? arrow + 2 : NULL);
}

/* --- Multiplying -------------------------------------------------------------------------------------------------- */

/* Takes the diagonal of dims i and j, which have one label. It becomes the last dim. */
static bool take_diagonal(operand *o, int i, int j)
{
    int label = o->dims.label[i], n = 0;

    if (o->t->shape.dim[i] != o->t->shape.dim[j])
        return fr_fail("einsum", "a letter stands for dims %d and %d of an operand, of sizes %lld and %lld", i, j,
                       (long long)o->t->shape.dim[i], (long long)o->t->shape.dim[j]);
    o->t = fr_diagonal(o->t, 0, i, j);
    for (int k = 0; k < o->dims.n; k++)
        if (k != i && k != j)
            o->dims.label[n++] = o->dims.label[k];
    o->dims.label[n++] = label;
    o->dims.n = n;
    return o->t;
}

/* Takes diagonals, and sums over the labels that are not needed. */
static bool simplify(operand *o, labels needed)
{
    fr_shape summed = { 0 };
    int n = 0;

    for (int i = o->dims.n - 1; i > 0; i--) {
        int first = position_of(&o->dims, o->dims.label[i]);

        if (first < i && !take_diagonal(o, first, i))
            return false;
        i = first < i ? o->dims.n : i; /* begin again */
    }
    for (int i = 0; i < o->dims.n; i++)
        if (needed & bit(o->dims.label[i]))
            o->dims.label[n++] = o->dims.label[i];
        else
            summed.dim[summed.ndim++] = i;
    o->dims.n = n;
    if (summed.ndim > 0)
        o->t = fr_sum_dims(o->t, summed, false);
    return o->t;
}

/* The operand as (first,second,third), which are sets of its labels. */
static fr_tensor *arranged(const equation *e, const operand *o, labels first, labels second, labels third)
{
    const labels sets[3] = { first, second, third };
    fr_shape whole = { 0 }, joined = { 3, { 1, 1, 1 } };
    int dims[FR_MAX_DIMS];

    for (int s = 0; s < 3; s++) {
        term set = { 0 };

        add_labels(&set, sets[s]);
        for (int i = 0; i < set.n; i++) {
            int64_t size = e->size[set.label[i]];

            dims[whole.ndim] = position_of(&o->dims, set.label[i]);
            whole.dim[whole.ndim++] = size;
            fr_mul_size(joined.dim[s], size, &joined.dim[s]); /* overflows only beside a dim of size 0 */
        }
    }
    return fr_reshape(fr_expand(fr_permute(o->t, dims), whole), joined);
}

/* Makes left the product of left and right, with the labels of both that are needed. */
static bool multiply(const equation *e, operand *left, const operand *right, labels needed)
{
    labels a = labels_of(&left->dims), b = labels_of(&right->dims), batch = a & b & needed, inner = a & b & ~needed;
    term dims = { 0 };
    fr_shape shape = { 0 };
    fr_tensor *x, *y;

    add_labels(&dims, batch);
    add_labels(&dims, a & ~b);
    add_labels(&dims, b & ~a);
    if (dims.n > FR_MAX_DIMS)
        return fr_fail("einsum", "a product on the way has %d dims, expected %d or fewer", dims.n, FR_MAX_DIMS);
    for (; shape.ndim < dims.n; shape.ndim++)
        shape.dim[shape.ndim] = e->size[dims.label[shape.ndim]];
    x = arranged(e, left, batch, a & ~b, inner);
    y = arranged(e, right, batch, inner, b & ~a);
    left->t = fr_reshape(inner ? fr_matmul(x, y) : fr_mul(x, y), shape);
    left->dims = dims;
    return left->t;
}

static fr_tensor *evaluate(equation *e)
{
    operand *y = &e->in[0];
    labels sets[OPERANDS], out = labels_of(&e->out);
    int dims[FR_MAX_DIMS];

    for (int i = 0; i < e->n; i++)
        sets[i] = labels_of(&e->in[i].dims);
    for (int i = 0; i < e->n; i++) {
        labels others = out;

        for (int k = 0; k < e->n; k++)
            others |= k != i ? sets[k] : 0;
        if (!simplify(&e->in[i], others))
            return NULL;
    }
    for (int i = 1; i < e->n; i++) {
        labels later = out;

        for (int k = i + 1; k < e->n; k++)
            later |= sets[k];
        if (!multiply(e, y, &e->in[i], later))
            return NULL;
    }
    for (int i = 0; i < e->out.n; i++)
        dims[i] = position_of(&y->dims, e->out.label[i]);
    return fr_permute(y->t, dims);
}

static bool check_operands(const char *text, fr_tensor *const *ts, int n)
{
    char name[32];

    if (!fr_check_argument("einsum", text, "equation"))
        return false;
    if (n < 1 || n > OPERANDS || !ts)
        return fr_fail("einsum", "%d tensors given, expected 1 to %d", ts ? n : 0, OPERANDS);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "ts[%d]", i);
        if (!fr_check_argument("einsum", ts[i], name))
            return false;
    }
    return true;
}

fr_tensor *fr_einsum(const char *text, fr_tensor *const *ts, int n)
{
    fr_composition c = fr_compose("einsum");
    equation e = { 0 };

    return fr_composed(c, check_operands(text, ts, n) && read_equation(&e, text, ts, n) ? evaluate(&e) : NULL);
}
