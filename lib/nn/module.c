/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Modules: making, owning, freeing and running them. */
#include "nn/module.h"

#include <stdlib.h>

/* --- Making ------------------------------------------------------------------------------------------------------- */

static char *copy_text(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);

    return copy ? memcpy(copy, text, bytes) : NULL;
}

fr_module *fr_module_new(const char *type, size_t size, fr_forward_function *forward)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "module_new");
    fr_module *m = NULL;

    if (!fr_check_argument("module_new", type, "type")) {
    } else if (!*type) {
        fr_fail("module_new", "type is empty, expected a name such as \"SimpleRNN\"");
    } else {
        fr_module_path *path = fr_module_path_new(type);

        if (path && size <= SIZE_MAX - sizeof *m)
            m = fr_object_new(sizeof *m + size);
        if (m) {
            m->path = path;
            m->type = path->type;
            m->size = size;
            m->forward = forward;
            m->training = true;
        } else {
            fr_module_path_unref(path);
            fr_fail_memory("module_new");
        }
    }
    fr_finish(th, before);
    return m;
}

void *fr_self(const fr_module *m)
{
    return fr_is_given("self", m, "module") ? (void *)m->memory : NULL;
}

bool fr_module_describe(fr_module *m, const char *text)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "module_describe");
    char *copy = NULL;

    if (fr_check_argument("module_describe", m, "module") && fr_check_argument("module_describe", text, "text")) {
        copy = copy_text(text);
        if (!copy)
            fr_fail_memory("module_describe");
    }
    if (copy) {
        free(m->description);
        m->description = copy;
    }
    fr_finish(th, before);
    return copy != NULL;
}

fr_module *fr_module_finish(fr_module *m, bool ok)
{
    if (ok)
        return m;
    fr_module_destroy(m);
    return NULL;
}

/* --- Parameters and buffers --------------------------------------------------------------------------------------- */

fr_module *fr_module_child(const fr_module *m, const char *name, size_t length)
{
    for (size_t i = 0; i < m->child_count; i++)
        if (strncmp(m->children[i]->name, name, length) == 0 && m->children[i]->name[length] == '\0')
            return m->children[i];
    return NULL;
}

bool fr_module_has(const fr_module *m, const char *name)
{
    for (size_t i = 0; i < m->tensor_count; i++)
        if (strcmp(m->tensors[i].name, name) == 0)
            return true;
    return fr_module_child(m, name, strlen(name)) != NULL;
}

/* A name is new in m. It has no dot, since dots join the names in a full name. */
static bool check_name(const char *what, const fr_module *m, const char *name)
{
    if (!fr_check_argument(what, m, "module") || !fr_check_argument(what, name, "name"))
        return false;
    if (!*name)
        return fr_fail(what, "the name is empty");
    if (strchr(name, '.'))
        return fr_fail(what, "the name \"%s\" has a dot, which separates modules", name);
    return !fr_module_has(m, name) || fr_fail(what, "%s has a \"%s\" already", m->type, name);
}

bool fr_module_register(const char *what, fr_module *m, const char *name, fr_tensor *t, bool buffer)
{
    char *copy = copy_text(name);

    if (!copy || !fr_make_room(&m->tensors, sizeof *m->tensors, m->tensor_count, &m->tensor_capacity)) {
        free(copy);
        return fr_fail_memory(what);
    }
    fr_module_forget_lists(m);

    size_t at = buffer ? m->tensor_count : m->parameter_count++;

    memmove(m->tensors + at + 1, m->tensors + at, (m->tensor_count++ - at) * sizeof *m->tensors);
    m->tensors[at] = (fr_named_tensor){ .name = copy, .tensor = fr_ref(t), .buffer = buffer };
    return true;
}

void fr_module_take_out(fr_module *m, size_t i)
{
    fr_module_forget_lists(m);
    fr_unref(m->tensors[i].tensor);
    free((char *)m->tensors[i].name);
    m->parameter_count -= !m->tensors[i].buffer;
    memmove(m->tensors + i, m->tensors + i + 1, (--m->tensor_count - i) * sizeof *m->tensors);
}

bool fr_check_parameter(const char *what, const char *name, const fr_tensor *t)
{
    if (fr_has_history(t))
        return fr_fail(what, "\"%s\" is a result of %s, not a leaf: take fr_detach of it", name, t->producer->name);
    return t->dtype != FR_I64 || fr_fail(what, "\"%s\" is int64, expected float32 or float64", name);
}

fr_tensor *fr_module_param(fr_module *m, const char *name, fr_tensor *t)
{
    const char *what = "module_param";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_argument(what, t, "tensor") && check_name(what, m, name) && fr_check_parameter(what, name, t) &&
              fr_module_register(what, m, name, t, false);

    if (ok)
        t->requires_grad = true;
    fr_finish(th, before);
    return ok ? t : NULL;
}

fr_tensor *fr_module_buffer(fr_module *m, const char *name, fr_tensor *t)
{
    const char *what = "module_buffer";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok =
        fr_check_argument(what, t, "tensor") && check_name(what, m, name) && fr_module_register(what, m, name, t, true);

    fr_finish(th, before);
    return ok ? t : NULL;
}

/* --- Parents and children ----------------------------------------------------------------------------------------- */

/* True if m is root or below it. */
static bool is_part_of(const fr_module *m, const fr_module *root)
{
    while (m && m != root)
        m = m->parent;
    return m != NULL;
}

static int depth_of(const fr_module *m)
{
    int depth = 0;

    while ((m = m->parent))
        depth++;
    return depth;
}

static bool can_adopt(const char *what, const fr_module *m, const char *name, const fr_module *child)
{
    if (!fr_check_argument(what, child, "child") || !check_name(what, m, name))
        return false;
    if (child->parent)
        return fr_fail(what, "\"%s\": the %s has a parent already, the %s in which it is \"%s\"", name, child->type,
                       child->parent->type, child->name);
    if (is_part_of(m, child))
        return fr_fail(what, "\"%s\": the %s cannot be added to itself or to a module inside it", name, child->type);
    if (depth_of(m) + 1 + child->height >= FR_MODULE_DEPTH)
        return fr_fail(what, "\"%s\": modules would be nested more than %d deep", name, FR_MODULE_DEPTH);
    return true;
}

bool fr_module_adopt(const char *what, fr_module *m, const char *name, fr_module *child)
{
    if (!can_adopt(what, m, name, child))
        return false;

    char *copy = copy_text(name);

    if (!copy || !fr_make_room(&m->children, sizeof(fr_module *), m->child_count, &m->child_capacity)) {
        free(copy);
        return fr_fail_memory(what);
    }
    fr_module_path_move(child->path, m->path, copy);
    child->parent = m;
    child->name = copy;
    child->index = m->child_count;
    m->children[m->child_count++] = child;
    for (int height = child->height + 1; m; m = m->parent, height++)
        if (m->height < height)
            m->height = height;
    fr_module_forget_lists(child->parent);
    return true;
}

fr_module *fr_module_adopt_new(const char *what, fr_module *m, const char *name, fr_module *child)
{
    return fr_module_finish(child, child && fr_module_adopt(what, m, name, child));
}

fr_module *fr_module_add(fr_module *m, const char *name, fr_module *child)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "module_add");

    if (!fr_module_adopt("module_add", m, name, child)) {
        if (child && !child->parent && !is_part_of(m, child))
            fr_module_destroy(child);
        child = NULL;
    }
    fr_finish(th, before);
    return child;
}

fr_module *fr_module_next(const fr_module *root, const fr_module *m)
{
    if (m->child_count > 0)
        return m->children[0];
    for (; m != root; m = m->parent)
        if (m->index + 1 < m->parent->child_count)
            return m->parent->children[m->index + 1];
    return NULL;
}

void fr_module_destroy(fr_module *m)
{
    if (!m || !fr_is_alive(m))
        return;
    if (m->release)
        m->release(m->memory);
    for (size_t i = 0; i < m->child_count; i++)
        fr_module_destroy(m->children[i]);
    for (size_t i = 0; i < m->tensor_count; i++) {
        fr_unref(m->tensors[i].tensor);
        free((char *)m->tensors[i].name);
    }
    fr_module_free_lists(m);
    fr_module_hooks_free(m);
    free(m->tensors);
    free(m->children);
    free(m->description);
    if (fr_thread_self()->module_path == m->path) /* longjmp left its forward function */
        fr_thread_self()->module_path = NULL;
    fr_module_path_unref(m->path);
    fr_object_free(m);
}

void fr_module_drop_child(fr_module *m)
{
    fr_module *parent = m->parent;
    fr_module **at = parent->children + m->index;

    fr_module_forget_lists(parent);
    memmove(at, at + 1, (--parent->child_count - m->index) * sizeof *at);
    for (size_t i = m->index; i < parent->child_count; i++)
        parent->children[i]->index = i;
    fr_module_destroy(m);
}

void fr_module_free(fr_module *m)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "module_free");

    if (!fr_is_given("module_free", m, "module")) {
    } else if (m->parent) {
        fr_fail("module_free", "the %s is \"%s\" of a %s, which owns it", m->type, m->name, m->parent->type);
    } else {
        fr_module_destroy(m);
    }
    fr_finish(th, before);
}

/* --- Running ------------------------------------------------------------------------------------------------------ */

/* Runs m in a scope of its own, from which only the result escapes. While the user's forward function runs, errors are
 * reported at once, not when fr_forward returns: so the function need not expect NULL unless the handler is off. */
static fr_tensor *run(fr_thread *th, fr_module *m, fr_tensor *x)
{
    int scope = fr_scope_begin();

    if (scope < 0)
        return NULL;

    bool entered = fr_module_enter(th, m);

    fr_report_errors(th);

    fr_tensor *y = !entered ? NULL : m->hooks ? fr_module_call_with_hooks(m, x) : m->forward(m, x);

    fr_defer_errors(th);
    if (!y && !fr_failed_before(th))
        fr_fail("forward", "the forward function returned NULL");
    if (!fr_is_given("forward", y, "result of the forward function"))
        y = NULL;
    fr_ref(fr_module_leave(th, m, y));
    fr_scope_end(scope);
    return fr_hold("forward", y);
}

fr_tensor *fr_forward(fr_module *m, fr_tensor *x)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "forward");
    fr_tensor *y = NULL;

    if (!fr_check_argument("forward", m, "module") || !fr_check_argument("forward", x, "x")) {
    } else if (!m->forward) {
        fr_fail("forward", "%s has no forward function", m->type);
    } else {
        y = run(th, m, x);
    }
    fr_finish(th, before);
    return y;
}

void fr_train(fr_module *root, bool training)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "train");

    for (fr_module *m = fr_check_argument("train", root, "module") ? root : NULL; m; m = fr_module_next(root, m))
        m->training = training;
    fr_finish(th, before);
}

/* While the caller's function runs, errors are reported at once, not when the public function returns. */
static void apply(fr_thread *th, fr_module *m, fr_module_function *f, void *user)
{
    for (size_t i = 0; i < m->child_count; i++)
        apply(th, m->children[i], f, user);
    fr_report_errors(th);
    f(m, user);
    fr_defer_errors(th);
}

bool fr_module_apply(fr_module *m, fr_module_function *f, void *user)
{
    const char *what = "module_apply";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_argument(what, m, "module") && (f || fr_fail(what, "the function is NULL"));

    if (ok)
        apply(th, m, f, user);
    fr_finish(th, before);
    return ok;
}

const char *fr_module_type(const fr_module *m)
{
    return fr_is_given("module_type", m, "module") ? m->type : NULL;
}

bool fr_module_training(const fr_module *m)
{
    return fr_is_given("module_training", m, "module") && m->training;
}
