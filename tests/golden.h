/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Golden values for tests of modules. A file holds PyTorch's values of many cases, under the names DTYPE.KIND.CASE.KEY;
 * a `golden` is one case of it. */
#ifndef FROND_TESTS_GOLDEN_H
#define FROND_TESTS_GOLDEN_H

#include "testing.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

typedef struct {
    fr_tensors *file;
    char prefix[64];
    double rtol, atol;
} golden;

/* Opens a case of golden/FILE.safetensors, and makes dtype the default dtype until close_golden. */
static inline golden open_golden(const char *file, int dtype, const char *kind, const char *name)
{
    char path[64];
    golden g = { .rtol = dtype == FR_F64 ? 1e-10 : 1e-5, .atol = dtype == FR_F64 ? 1e-12 : 1e-6 };

    snprintf(path, sizeof path, "golden/%s.safetensors", file);
    g.file = fr_load(test_file(path));
    ck_assert_ptr_nonnull(g.file);
    snprintf(g.prefix, sizeof g.prefix, "%s.%s%s%s", dtype == FR_F64 ? "f64" : "f32", kind, *kind ? "." : "", name);
    ck_assert(fr_set_default_dtype((fr_dtype)dtype));
    return g;
}

static inline void close_golden(golden *g)
{
    fr_tensors_free(g->file);
    ck_assert(fr_set_default_dtype(FR_F32));
}

/* Returns the tensor under key, borrowed from g; NULL if there is none. */
static inline fr_tensor *find(const golden *g, const char *key)
{
    char name[192];

    snprintf(name, sizeof name, "%s.%s", g->prefix, key);
    return fr_tensors_find(g->file, name);
}

static inline void check(const golden *g, const char *key, const fr_tensor *got, double rtol, double atol)
{
    char name[192];

    snprintf(name, sizeof name, "%s.%s", g->prefix, key);
    assert_close(name, got, find(g, key), rtol, atol);
}

/* Returns a leaf with the values under key; NULL if there are none. */
static inline fr_tensor *leaf(const golden *g, const char *key)
{
    fr_tensor *t = find(g, key);

    return t ? fr_requires_grad(fr_clone(t)) : NULL;
}

static inline void check_gradient(const golden *g, const char *key, const fr_tensor *of)
{
    if (of)
        check(g, key, fr_grad(of), g->rtol, g->atol);
}

/* Returns all parameters of m, or their gradients, joined to (count). */
static inline fr_tensor *flat(fr_module *m, bool gradients)
{
    fr_tensor *parts[64];
    int n;
    fr_tensor *const *parameters = fr_module_parameters(m, &n);

    ck_assert_int_le(n, COUNT(parts));
    for (int i = 0; i < n; i++) {
        fr_tensor *t = gradients ? fr_grad(parameters[i]) : fr_detach(parameters[i]);

        parts[i] = fr_reshape(t, FR_SHAPE(-1));
    }
    return fr_cat(parts, n, 0);
}

#endif
