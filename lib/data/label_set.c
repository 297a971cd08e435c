/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sets of label texts, sorted: as numbers where all are numbers, else as text. */
#include <config.h>

#include "data/label_set.h"

#include "data/line_reader.h"

#include <stdlib.h>

bool fr_label_set_add(fr_label_set *l, const char *text)
{
    fr_label label = { .place = l->count };

    if (!fr_make_room(&l->at, sizeof *l->at, l->count, &l->room) || !(label.text = strdup(text)))
        return false;
    if (!fr_parse_number(text, &label.number))
        l->text_only = true;
    l->at[l->count++] = label;
    return true;
}

static int by_text(const void *a, const void *b)
{
    const fr_label *x = a, *y = b;

    return strcmp(x->text, y->text);
}

/* "1" and "1.0" are two labels, side by side. */
static int by_number(const void *a, const void *b)
{
    const fr_label *x = a, *y = b;

    return x->number < y->number ? -1 : x->number > y->number ? 1 : by_text(a, b);
}

void fr_label_set_sort(fr_label_set *l, int64_t *ranks)
{
    size_t kept = 0;

    if (l->count > 0)
        qsort(l->at, l->count, sizeof *l->at, l->text_only ? by_text : by_number);
    for (size_t i = 0; i < l->count; i++) {
        fr_label *label = &l->at[i];

        if (ranks)
            ranks[label->place] = (int64_t)kept;
        if (i + 1 < l->count && strcmp(label->text, l->at[i + 1].text) == 0)
            free(label->text);
        else
            l->at[kept++] = *label;
    }
    l->count = kept;
}

int64_t fr_label_set_find(const fr_label_set *l, const char *text)
{
    fr_label key = { .text = (char *)text };
    bool fits = l->count > 0 && (l->text_only || fr_parse_number(text, &key.number));
    const fr_label *found =
        fits ? bsearch(&key, l->at, l->count, sizeof *l->at, l->text_only ? by_text : by_number) : NULL;

    return found ? found - l->at : -1;
}

void fr_label_set_free(fr_label_set *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->at[i].text);
    free(l->at);
    *l = (fr_label_set){ 0 };
}
