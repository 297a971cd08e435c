/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Parameters that are computed from others whenever their module runs: torch.nn.utils.parametrizations.
 *
 * The parameter leaves its module's own list and goes, under PyTorch's names, to a ParametrizationList below the
 * module, together with what else it is computed from. The module still points to it. While the module runs, ops take
 * the computed value in its place (core/stand_ins.h). So files, optimisers, clones and exports need no more than the
 * tree. */
#include "core/memory.h"
#include "core/stand_ins.h"
#include "nn/module.h"
#include "ops/op.h"

#include <frond/autograd.h>
#include <inttypes.h>

enum { MAX_ITERATIONS = 10000 };

/* The memory of a ParametrizationList. All tensors are borrowed from it. */
typedef struct parametrization {
    fr_tensor *(*compute)(const struct parametrization *p, bool training);
    fr_tensor *original; /* has the shape and dtype of what is computed */
    fr_tensor *g;        /* weight_norm */
    fr_tensor *u, *v;    /* spectral_norm; NULL where original has one dim */
    int dim;             /* weight_norm: -1 for the norm of all values */
    int n_power_iterations;
    double eps;
} parametrization;

/* --- Weight norm -------------------------------------------------------------------------------------------------- */

/* Of each slice along dim; its other dims are 1. */
static fr_tensor *norm_except_dim(fr_tensor *t, int dim)
{
    fr_shape others = { 0 };

    for (int i = 0; i < t->shape.ndim; i++)
        if (i != dim)
            others.dim[others.ndim++] = i;
    if (dim < 0)
        return fr_norm(t);
    return others.ndim ? fr_norm_dims(t, 2, others, true) : fr_abs(t);
}

/* g v / |v| */
static fr_tensor *weight_norm(const parametrization *p, bool training)
{
    (void)training;
    return fr_mul(p->original, fr_div(p->g, norm_except_dim(p->original, p->dim)));
}

/* --- Spectral norm ------------------------------------------------------------------------------------------------ */

static fr_tensor *normalized(fr_tensor *t, double eps)
{
    return fr_div(t, fr_maximum_scalar(fr_norm(t), eps));
}

/* The weight as a matrix: dim, and all others as one. */
static fr_tensor *matrix_of(const parametrization *p)
{
    int ndim = p->original->shape.ndim, order[FR_MAX_DIMS] = { p->dim };

    for (int i = 0, n = 1; i < ndim; i++)
        if (i != p->dim)
            order[n++] = i;
    return fr_flatten(fr_permute_sized(sizeof order, p->original, order), 1, -1);
}

/* Steps of the power method, which bring u and v near the singular vectors of the largest singular value. */
static bool iterate(const parametrization *p, fr_tensor *matrix, int steps)
{
    int no_grad = fr_no_grad_begin();
    fr_tensor *u = p->u, *v = p->v;

    for (int i = 0; i < steps; i++) {
        u = normalized(fr_matmul(matrix, v), p->eps);
        v = normalized(fr_matmul(fr_transpose(matrix, 0, 1), u), p->eps);
    }

    bool ok = u && v && fr_copy(p->u, u) && fr_copy(p->v, v);

    fr_no_grad_end(no_grad);
    return ok;
}

/* weight / (u W v), where u and v are constants. In training these are copies: the next run changes u and v. */
static fr_tensor *spectral_norm(const parametrization *p, bool training)
{
    if (!p->u)
        return normalized(p->original, p->eps);

    fr_tensor *matrix = matrix_of(p), *u = p->u, *v = p->v;

    if (!matrix || (training && !iterate(p, matrix, p->n_power_iterations)))
        return NULL;
    u = training ? fr_clone(u) : u;
    v = training ? fr_clone(v) : v;
    return fr_div(p->original, fr_sum(fr_mul(u, fr_matmul(matrix, v))));
}

/* --- Rounding to int8 --------------------------------------------------------------------------------------------- */

static fr_tensor *fake_quantize(const parametrization *p, bool training)
{
    (void)training;
    return fr_fake_quantize(p->original);
}

/* --- Running ------------------------------------------------------------------------------------------------------ */

static const parametrization *parametrization_at(const fr_module *m, size_t i)
{
    return fr_self(m->parametrizations->children[i]);
}

bool fr_module_compute_parameters(fr_thread *th, fr_module *m)
{
    const int n = (int)m->parametrizations->child_count;
    fr_stand_ins *s = fr_stand_ins_new("parametrizations", n);
    bool ok = s != NULL;

    for (int i = 0; ok && i < n; i++) {
        const parametrization *p = parametrization_at(m, (size_t)i);

        s->pairs[i].own = p->original;
        s->pairs[i].other = fr_ref(p->compute(p, m->parametrizations->children[i]->training));
        ok = s->pairs[i].other != NULL;
    }
    if (ok) {
        s->outer = th->stand_ins;
        th->stand_ins = s;
    }
    return ok;
}

/* --- Making ------------------------------------------------------------------------------------------------------- */

/* Adds to list what p needs beside t, m's parameter, and t itself; kind: the list's child "0". */
typedef bool fill_list(const char *what, parametrization *p, const fr_module *m, fr_tensor *t, fr_module *list,
                       fr_module *kind);

/* Who reads t, m's own parameter, in a way that no other tensor can stand in: m itself, or a module around it; NULL:
 * nobody does. */
static const fr_module *other_reader(const fr_module *m, const fr_tensor *t)
{
    if (m->release || !fr_module_points_to(m, t))
        return m;
    for (const fr_module *outer = m->parent; outer; outer = outer->parent)
        if (fr_module_points_to(outer, t))
            return outer;
    return NULL;
}

/* The number of m's own parameter of that name; m->parameter_count with an error if there is none that only m reads. */
static size_t find_parameter(const char *what, const fr_module *m, const char *name)
{
    bool computed = m->parametrizations && fr_module_has(m->parametrizations, name);
    const fr_module *reader;
    size_t at = 0;

    while (at < m->parameter_count && strcmp(m->tensors[at].name, name) != 0)
        at++;
    if (at == m->parameter_count) {
        fr_fail(what, "%s \"%s\" in the %s itself%s", computed ? "no more" : "no parameter", name, m->type,
                computed ? ": it is computed from others already" : "");
        return at;
    }
    reader = other_reader(m, m->tensors[at].tensor);
    if (reader == m)
        fr_fail(what, "the %s does not read \"%s\" through a pointer in its memory (fr_self)", m->type, name);
    else if (reader)
        fr_fail(what, "the %s around the %s reads \"%s\" itself", reader->type, m->type, name);
    return reader ? m->parameter_count : at;
}

/* A list, filled; NULL with an error. */
static fr_module *make_list(const char *what, const fr_module *m, const char *type, const parametrization *p,
                            fr_tensor *t, fill_list *fill)
{
    fr_module *list = fr_module_new("ParametrizationList", sizeof *p, NULL), *kind = NULL;
    parametrization *own = list ? fr_self(list) : NULL;

    if (list)
        kind = fr_module_adopt_new(what, list, "0", fr_module_new(type, 0, NULL));
    if (own) {
        *own = *p;
        own->original = t;
    }
    return fr_module_finish(list, kind && fill(what, own, m, t, list, kind));
}

/* Puts the list below m in place of parameter `at`. Frees it on failure. */
static bool put_list(const char *what, fr_module *m, size_t at, fr_module *list)
{
    fr_module *dict = m->parametrizations ? m->parametrizations : fr_module_new("ModuleDict", 0, NULL);
    bool ok = dict && fr_module_adopt(what, dict, m->tensors[at].name, list);

    if (!ok)
        fr_module_destroy(list);
    ok = ok && (dict->parent || fr_module_adopt(what, m, "parametrizations", dict));
    if (!ok && dict && !dict->parent)
        fr_module_destroy(dict);
    if (!ok)
        return false;
    m->parametrizations = dict;
    for (fr_module *each = dict; each; each = fr_module_next(dict, each))
        each->training = m->training;
    fr_module_take_out(m, at);
    return true;
}

static bool parametrize(const char *what, fr_module *m, const char *name, const char *type, const parametrization *p,
                        fill_list *fill)
{
    fr_composition c = fr_compose(what);
    bool ok = fr_check_argument(what, m, "module") && fr_check_argument(what, name, "name");
    size_t at = ok ? find_parameter(what, m, name) : 0;
    fr_module *list = ok && at < m->parameter_count ? make_list(what, m, type, p, m->tensors[at].tensor, fill) : NULL;

    ok = list && put_list(what, m, at, list);
    fr_composed(c, NULL);
    return ok;
}

static bool register_like(const char *what, fr_module *list, const char *name, fr_tensor *t, const fr_tensor *like)
{
    if (!t || !fr_module_register(what, list, name, t, false))
        return false;
    t->requires_grad = like->requires_grad;
    return true;
}

static bool add_gain(const char *what, parametrization *p, const fr_module *m, fr_tensor *t, fr_module *list,
                     fr_module *kind)
{
    (void)m;
    (void)kind;
    if (p->dim < -1 || p->dim >= t->shape.ndim)
        return fr_fail(what, "dim is %d, expected 0 to %d, or -1 for one norm", p->dim, t->shape.ndim - 1);

    int no_grad = fr_no_grad_begin();

    p->g = norm_except_dim(t, p->dim);
    fr_no_grad_end(no_grad);
    return register_like(what, list, "original0", p->g, t) && register_like(what, list, "original1", t, t);
}

bool fr_weight_norm(fr_module *m, const char *name, int dim)
{
    return parametrize("weight_norm", m, name, "_WeightNorm", &(parametrization){ .compute = weight_norm, .dim = dim },
                       add_gain);
}

/* Draws u and v as PyTorch does, and brings them near the singular vectors. In training PyTorch then runs once, to
 * check the result. */
static bool add_vectors(const char *what, parametrization *p, const fr_module *m, fr_tensor *t, fr_module *list,
                        fr_module *kind)
{
    if (p->n_power_iterations < 1 || p->n_power_iterations > MAX_ITERATIONS)
        return fr_fail(what, "n_power_iterations is %d, expected 1 to %d", p->n_power_iterations, MAX_ITERATIONS);
    if (!(p->eps > 0))
        return fr_fail(what, "eps is %g, expected more than 0", p->eps);
    if (p->dim == -1)
        p->dim = strncmp(m->type, "ConvTranspose", strlen("ConvTranspose")) == 0;
    if (p->dim < 0 || p->dim >= t->shape.ndim || t->numel == 0)
        return fr_fail(what, "dim %d of a parameter of %d dims and %" PRId64 " values", p->dim, t->shape.ndim,
                       t->numel);
    if (!register_like(what, list, "original", t, t))
        return false;
    if (t->shape.ndim == 1)
        return true;

    int no_grad = fr_no_grad_begin();
    fr_tensor *matrix = matrix_of(p), **to[] = { &p->u, &p->v };

    for (int i = 0; matrix && i < 2; i++) {
        fr_tensor *like = fr_zeros_of(FR_SHAPE(matrix->shape.dim[i]), fr_dtype_of(matrix));
        fr_tensor *drawn = normalized(fr_randn_like(like), p->eps);

        if (drawn && fr_module_register(what, kind, i ? "_v" : "_u", drawn, true))
            *to[i] = drawn;
    }
    fr_no_grad_end(no_grad);
    return p->u && p->v && iterate(p, matrix, 15 + (m->training ? p->n_power_iterations : 0));
}

bool fr_spectral_norm(fr_module *m, const char *name, int n_power_iterations, double eps, int dim)
{
    return parametrize("spectral_norm", m, name, "_SpectralNorm",
                       &(parametrization){
                           .compute = spectral_norm, .dim = dim, .n_power_iterations = n_power_iterations, .eps = eps },
                       add_vectors);
}

static bool add_original(const char *what, parametrization *p, const fr_module *m, fr_tensor *t, fr_module *list,
                         fr_module *kind)
{
    (void)p;
    (void)m;
    (void)kind;
    return register_like(what, list, "original", t, t);
}

/* A matrix, or kernel, that fr_export_c writes as int8. Other layers have weights that it does not: one for each value
 * that they normalise. */
static bool is_rounded(const fr_module *m, const fr_named_tensor *parameter)
{
    const fr_tensor *t = parameter->tensor;

    return t->shape.ndim >= 2 && strstr(parameter->name, "weight") && strcmp(m->type, "LayerNorm") != 0 &&
           strcmp(m->type, "RMSNorm") != 0 && !other_reader(m, t);
}

/* How many of m's own weights are from now on rounded; -1 with an error. */
static int round_own(const char *what, fr_module *m)
{
    const parametrization p = { .compute = fake_quantize };
    int count = 0;

    for (size_t i = 0; i < m->parameter_count;) {
        fr_module *list = NULL;

        if (!is_rounded(m, &m->tensors[i])) {
            i++;
            continue;
        }
        list = make_list(what, m, "FakeQuantize", &p, m->tensors[i].tensor, add_original);
        if (!list || !put_list(what, m, i, list))
            return -1;
        count++;
    }
    return count;
}

int fr_fake_quantize_weights(fr_module *m)
{
    const char *what = "fake_quantize_weights";
    fr_composition c = fr_compose(what);
    int count = fr_check_argument(what, m, "module") ? 0 : -1;

    for (fr_module *each = m; each && count >= 0; each = fr_module_next(m, each)) {
        int own = round_own(what, each);

        count = own < 0 ? -1 : count + own;
    }
    if (count == 0)
        count = -!fr_fail(what, "the %s has no weights, or none that is read as it is", m->type);
    fr_composed(c, NULL);
    return count;
}

/* --- Undoing ------------------------------------------------------------------------------------------------------ */

bool fr_remove_parametrizations(fr_module *m, const char *name)
{
    const char *what = "remove_parametrizations";
    fr_composition c = fr_compose(what);
    fr_module *list = NULL;
    bool ok = fr_check_argument(what, m, "module") && fr_check_argument(what, name, "name");

    if (ok && m->parametrizations)
        list = fr_module_child(m->parametrizations, name, strlen(name));
    if (ok && !list)
        fr_fail(what, "no \"%s\" in the %s is computed from others", name, m->type);
    if (list) {
        const parametrization *p = fr_self(list);
        int no_grad = fr_no_grad_begin();
        fr_tensor *value = p->compute(p, list->training);

        ok = value && fr_module_register(what, m, name, p->original, false);
        if (ok && !fr_copy(p->original, value)) {
            fr_module_take_out(m, m->parameter_count - 1);
            ok = false;
        }
        fr_no_grad_end(no_grad);
    }
    if (ok && list) {
        fr_module_drop_child(list);
        if (m->parametrizations->child_count == 0) {
            fr_module_drop_child(m->parametrizations);
            m->parametrizations = NULL;
        }
    }
    fr_composed(c, NULL);
    return ok && list;
}
