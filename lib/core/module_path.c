/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Paths of modules. They outlive the modules, so that graphs can name them. */
#include "core/module_path.h"

#include "core/refcount.h"

#include <stdlib.h>

fr_module_path *fr_module_path_new(const char *type)
{
    size_t length = strlen(type);
    fr_module_path *p = malloc(sizeof *p + length + 1);

    if (!p)
        return NULL;
    *p = (fr_module_path){ .refs = 1 };
    memcpy(p->type, type, length + 1);
    return p;
}

fr_module_path *fr_module_path_ref(fr_module_path *p)
{
    if (p)
        atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void fr_module_path_unref(fr_module_path *p)
{
    while (p && fr_refcount_drop(&p->refs)) {
        fr_module_path *outer = p->outer;

        free(p->name);
        free(p);
        p = outer;
    }
}

void fr_module_path_move(fr_module_path *p, fr_module_path *outer, char *name)
{
    p->outer = fr_module_path_ref(outer);
    p->name = name;
}

static int depth_of(const fr_module_path *p)
{
    int depth = 0;

    for (; p; p = p->outer)
        depth++;
    return depth;
}

fr_module_path *fr_module_path_common(fr_module_path *a, fr_module_path *b)
{
    int left = depth_of(a), right = depth_of(b);

    for (; left > right; left--)
        a = a->outer;
    for (; right > left; right--)
        b = b->outer;
    for (; a != b; a = a->outer)
        b = b->outer;
    return a;
}

const char *fr_module_path_text(const fr_module_path *p, char text[FR_PATH_TEXT])
{
    size_t at = FR_PATH_TEXT - 1;
    const char *type = p ? p->type : "";

    text[at] = '\0';
    for (; p && p->name; p = p->outer) { /* innermost first: filled from the end */
        size_t length = strlen(p->name), dot = text[at] != '\0';

        if (length + dot > at)
            break;
        if (dot)
            text[--at] = '.';
        at -= length;
        memcpy(text + at, p->name, length);
    }
    if (text[at])
        memmove(text, text + at, FR_PATH_TEXT - at);
    else
        snprintf(text, FR_PATH_TEXT, "%s", type);
    return text;
}

void fr_module_path_label(const fr_module_path *p, char *text, size_t size)
{
    char path[FR_PATH_TEXT];

    fr_module_path_text(p, path);
    if (p->name)
        snprintf(text, size, "%s (%s)", path, p->type);
    else
        snprintf(text, size, "%s", path);
}
