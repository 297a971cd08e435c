/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Copies of modules, and parameters put in place of others.
 *
 * A module's own memory (fr_self) has pointers to its tensors and its children, which must follow. Where they are is
 * known to its forward function alone; so each word of the memory that equals the address of what was replaced is taken
 * for a pointer to it. */
#include "core/shape.h"
#include "nn/module.h"

#include <stdlib.h>

static void replace_pointers(fr_module *m, const void *old, void *new)
{
    char *memory = (char *)m->memory;

    for (size_t at = 0; at + sizeof old <= m->size; at += sizeof old) {
        const void *word;

        memcpy(&word, memory + at, sizeof word);
        if (word == old)
            memcpy(memory + at, &new, sizeof new);
    }
}

bool fr_module_points_to(const fr_module *m, const fr_tensor *t)
{
    const char *memory = (const char *)m->memory;

    for (size_t at = 0; at + sizeof t <= m->size; at += sizeof t)
        if (memcmp(memory + at, &t, sizeof t) == 0)
            return true;
    return false;
}

/* --- Cloning ------------------------------------------------------------------------------------------------------ */

/* What was copied so far, tensors and modules. */
typedef struct {
    const char *what;
    struct {
        const void *old;
        void *copy;
    } * pairs;
    size_t count, capacity;
} copies;

static bool note(copies *c, const void *old, void *copy)
{
    if (!fr_make_room(&c->pairs, sizeof *c->pairs, c->count, &c->capacity))
        return fr_fail_memory(c->what);
    c->pairs[c->count].old = old;
    c->pairs[c->count++].copy = copy;
    return true;
}

/* One reference. A tensor with several names is copied once. */
static fr_tensor *copy_tensor(copies *c, const fr_tensor *t)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->pairs[i].old == t)
            return fr_ref(c->pairs[i].copy);

    fr_tensor *copy = fr_tensor_copy(c->what, t);

    if (copy && !note(c, t, copy))
        fr_assign(&copy, NULL);
    if (copy)
        copy->requires_grad = t->requires_grad;
    return copy;
}

static fr_module *copy_module(copies *c, const fr_module *m)
{
    fr_module *to = fr_module_new(m->type, m->size, m->forward);
    bool ok = to && (!m->release || fr_fail(c->what, "a %s cannot be cloned: its memory is not all of it", m->type)) &&
              (!m->description || fr_module_describe(to, m->description)) && note(c, m, to);

    if (ok) {
        memcpy(to->memory, m->memory, m->size);
        to->training = m->training;
    }
    for (size_t i = 0; ok && i < m->tensor_count; i++) {
        const fr_named_tensor *t = &m->tensors[i];
        fr_tensor *copy = copy_tensor(c, t->tensor);

        ok = copy && fr_module_register(c->what, to, t->name, copy, t->buffer);
        fr_unref(copy);
    }
    for (size_t i = 0; ok && i < m->child_count; i++)
        ok = fr_module_adopt_new(c->what, to, m->children[i]->name, copy_module(c, m->children[i])) != NULL;
    if (ok && m->parametrizations)
        to->parametrizations = to->children[m->parametrizations->index];
    return fr_module_finish(to, ok);
}

fr_module *fr_module_clone(fr_module *m)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "module_clone");
    copies c = { .what = "module_clone" };
    fr_module *copy = fr_check_argument(c.what, m, "module") ? copy_module(&c, m) : NULL;

    for (fr_module *each = copy; each; each = fr_module_next(copy, each))
        for (size_t i = 0; i < c.count; i++)
            replace_pointers(each, c.pairs[i].old, c.pairs[i].copy);
    free(c.pairs);
    fr_finish(th, before);
    return copy;
}

/* --- Sharing ------------------------------------------------------------------------------------------------------ */

static bool lists(const fr_module *root, const fr_tensor *t)
{
    for (const fr_module *m = root; m; m = fr_module_next(root, m))
        for (size_t i = 0; i < m->tensor_count; i++)
            if (m->tensors[i].tensor == t)
                return true;
    return false;
}

static bool can_share(const char *what, const fr_module *owner, const fr_named_tensor *old, const fr_tensor *t)
{
    char given[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];

    if (old->buffer)
        return fr_fail(what, "\"%s\" is a buffer, expected a parameter", old->name);
    if (owner->release)
        return fr_fail(what, "a %s does not take other tensors: its memory is not all of it", owner->type);
    if (!fr_check_parameter(what, old->name, t))
        return false;
    return (t->dtype == old->tensor->dtype && fr_shape_equal(&t->shape, &old->tensor->shape)) ||
           fr_fail(what, "\"%s\" is %s of %s, but %s of %s is given", old->name,
                   fr_shape_text(&old->tensor->shape, expected), fr_dtype_name((fr_dtype)old->tensor->dtype),
                   fr_shape_text(&t->shape, given), fr_dtype_name((fr_dtype)t->dtype));
}

/* Modules around the owner may have pointers too, which may also be to another module's parameter: then they stay. */
static void share(fr_module *owner, fr_named_tensor *entry, fr_tensor *t)
{
    fr_tensor *old = fr_ref(entry->tensor);

    for (size_t i = 0; i < owner->parameter_count; i++)
        if (owner->tensors[i].tensor == old)
            fr_assign(&owner->tensors[i].tensor, t);
    t->requires_grad = true;
    for (fr_module *m = owner; m && !lists(m, old); m = m->parent)
        replace_pointers(m, old, t);
    fr_module_forget_lists(owner);
    fr_unref(old);
}

fr_tensor *fr_module_share(fr_module *m, const char *name, fr_tensor *t)
{
    const char *what = "module_share";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_module *owner = NULL;
    fr_named_tensor *entry = NULL;

    if (fr_check_argument(what, m, "module") && fr_check_argument(what, name, "name") &&
        fr_check_argument(what, t, "tensor"))
        entry = fr_module_entry(what, m, name, &owner);
    if (entry && !can_share(what, owner, entry, t))
        entry = NULL;
    if (entry && entry->tensor != t)
        share(owner, entry, t);
    fr_finish(th, before);
    return entry ? t : NULL;
}
