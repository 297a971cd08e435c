/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Cutting a tensor into parts: chunk, split, split_with_sizes and unbind put slices, which share its storage, into an
 * array of the caller's. Their cases stand in slice.c and select.c. */
#include "ops/view/view.h"

/* dim counted from the front, or -1, and it fails, for a dim that t does not have. */
static int find_dim(const char *what, const fr_tensor *t, int dim)
{
    char text[FR_SHAPE_TEXT];
    int i = -1;

    if (!fr_check_argument(what, t, "t"))
        return -1;
    if (t->shape.ndim > 0)
        i = fr_shape_dim(&t->shape, dim);
    if (i < 0)
        fr_fail(what, "dim %d is out of range for shape %s", dim, fr_shape_text(&t->shape, text));
    return i;
}

static bool check_room(const char *what, const fr_tensor *t, int dim, int64_t n, fr_tensor **parts, int room)
{
    char text[FR_SHAPE_TEXT];

    return (n <= room && (parts || n == 0)) ||
           fr_fail(what, "%lld parts along dim %d of shape %s, but there is room for %d", (long long)n, dim,
                   fr_shape_text(&t->shape, text), parts ? room : 0);
}

/* Fills parts with n slices of `size` along dim, the last of which may be smaller. Returns n, or -1. */
static int cut(const char *what, fr_tensor *t, int dim, int64_t n, int64_t size, fr_tensor **parts, int room)
{
    int64_t left = t->shape.dim[dim], from = 0;

    if (!check_room(what, t, dim, n, parts, room))
        return -1;
    for (int i = 0; i < n; i++, from += fr_least(size, left - from))
        if (!(parts[i] = fr_slice(t, dim, from, from + fr_least(size, left - from), 1)))
            return -1;
    return (int)n;
}

int fr_split(fr_tensor *t, int64_t size, int dim, fr_tensor **parts, int room)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "split");
    int i = find_dim("split", t, dim), n = -1;

    if (i >= 0 && size < 1)
        fr_fail("split", "parts of size %lld, expected 1 or more", (long long)size);
    else if (i >= 0)
        n = cut("split", t, i, fr_most(fr_divide_up(t->shape.dim[i], size), 1), size, parts, room);
    fr_finish(th, before);
    return n;
}

int fr_chunk(fr_tensor *t, int chunks, int dim, fr_tensor **parts, int room)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "chunk");
    int i = find_dim("chunk", t, dim), n = -1;

    if (i >= 0 && chunks < 1) {
        fr_fail("chunk", "%d chunks, expected 1 or more", chunks);
    } else if (i >= 0) {
        int64_t whole = t->shape.dim[i], size = fr_divide_up(whole, chunks);

        n = cut("chunk", t, i, size > 0 ? fr_divide_up(whole, size) : chunks, size, parts, room);
    }
    fr_finish(th, before);
    return n;
}

/* The same as cut, with a size for each part; together they must be dim's size. */
static int cut_sizes(fr_tensor *t, int dim, const int64_t *sizes, int n, fr_tensor **parts)
{
    int64_t whole = t->shape.dim[dim], from = 0;
    char text[FR_SHAPE_TEXT];
    bool fits = true;

    for (int i = 0; i < n && fits; i++) {
        fits = sizes[i] >= 0 && sizes[i] <= whole - from;
        from += fits ? sizes[i] : 0;
    }
    if (!fits || from != whole) {
        fr_fail("split_with_sizes", "dim %d of shape %s has size %lld, which the %d sizes do not add up to", dim,
                fr_shape_text(&t->shape, text), (long long)whole, n);
        return -1;
    }
    from = 0;
    for (int i = 0; i < n; from += sizes[i++])
        if (!(parts[i] = fr_slice(t, dim, from, from + sizes[i], 1)))
            return -1;
    return n;
}

int fr_split_with_sizes(fr_tensor *t, const int64_t *sizes, int n, int dim, fr_tensor **parts)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "split_with_sizes");
    int i = find_dim("split_with_sizes", t, dim), made = -1;

    if (i >= 0 && fr_check_argument("split_with_sizes", sizes, "sizes") &&
        check_room("split_with_sizes", t, i, n, parts, n))
        made = cut_sizes(t, i, sizes, n, parts);
    fr_finish(th, before);
    return made;
}

int fr_unbind(fr_tensor *t, int dim, fr_tensor **parts, int room)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "unbind");
    int i = find_dim("unbind", t, dim), n = -1;

    if (i >= 0 && check_room("unbind", t, i, t->shape.dim[i], parts, room))
        for (n = 0; n < t->shape.dim[i]; n++)
            if (!(parts[n] = fr_select(t, i, n))) {
                n = -1;
                break;
            }
    fr_finish(th, before);
    return n;
}
