/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Making tensors from given values, constants and ranges; the default dtype. */
#include "core/integer.h"
#include "core/recorder.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "core/thread.h"

#include <frond/op.h>
#include <math.h>

static atomic_int default_dtype = FR_F32;

fr_dtype fr_default_dtype(void)
{
    return (fr_dtype)atomic_load_explicit(&default_dtype, memory_order_relaxed);
}

bool fr_set_default_dtype(fr_dtype dtype)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "set_default_dtype");
    bool known = dtype == FR_F32 || dtype == FR_F64;

    if (known)
        atomic_store_explicit(&default_dtype, (int)dtype, memory_order_relaxed);
    else
        fr_fail("set_default_dtype", "%s given, expected float32 or float64", fr_dtype_name(dtype));
    fr_finish(th, before);
    return known;
}

static void set(fr_tensor *t, int64_t i, double value)
{
    switch ((fr_dtype)t->dtype) {
    case FR_F32:
        ((float *)t->origin)[i] = (float)value;
        break;
    case FR_F64:
        ((double *)t->origin)[i] = value;
        break;
    case FR_I64:
        ((int64_t *)t->origin)[i] = fr_to_int64(value);
        break;
    }
}

void fr_fill(fr_tensor *t, double value)
{
    _Alignas(8) char room[8];
    fr_tensor one = { .dtype = t->dtype, .numel = 1, .contiguous = true, .origin = room };

    set(&one, 0, value);
    fr_copy_values(t, &one);
}

/* fr_hold of a tensor that is filled now, or will be by what makes it. */
static fr_tensor *hold_constant(fr_thread *th, const char *what, fr_tensor *t)
{
    fr_note_constant(th, t);
    return fr_hold(what, t);
}

static bool fill_again(const fr_action *a)
{
    fr_fill(a->into, a->a);
    return true;
}

static fr_tensor *filled(const char *what, const fr_shape *shape, fr_dtype dtype, double value)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_tensor *t = NULL;

    if (dtype == FR_I64 && !fr_fits_int64(value))
        fr_fail(what, "%g is no int64", value);
    else
        t = fr_tensor_alloc(what, shape, dtype);
    if (t)
        fr_act(th, &(fr_action){ .run = fill_again, .into = t, .pure = true, .a = value });
    t = fr_hold(what, t);
    fr_finish(th, before);
    return t;
}

fr_tensor *fr_zeros(fr_shape shape)
{
    return filled("zeros", &shape, fr_default_dtype(), 0);
}

fr_tensor *fr_ones(fr_shape shape)
{
    return filled("ones", &shape, fr_default_dtype(), 1);
}

fr_tensor *fr_full(fr_shape shape, double value)
{
    return filled("full", &shape, fr_default_dtype(), value);
}

fr_tensor *fr_scalar(double value)
{
    return filled("scalar", &(fr_shape){ 0 }, fr_default_dtype(), value);
}

static fr_tensor *filled_like(const char *what, const fr_tensor *t, double value)
{
    if (FR_LIKELY(t && fr_is_alive(t)))
        return filled(what, &t->shape, t->dtype, value);

    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);

    fr_check_argument(what, t, "tensor");
    fr_finish(th, before);
    return NULL;
}

fr_tensor *fr_zeros_like(const fr_tensor *t)
{
    return filled_like("zeros_like", t, 0);
}

fr_tensor *fr_ones_like(const fr_tensor *t)
{
    return filled_like("ones_like", t, 1);
}

fr_tensor *fr_full_like(const fr_tensor *t, double value)
{
    return filled_like("full_like", t, value);
}

fr_tensor *fr_empty_like(const fr_tensor *t)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "empty_like");
    fr_tensor *made = NULL;

    if (fr_check_argument("empty_like", t, "t"))
        made = fr_hold("empty_like", fr_tensor_alloc("empty_like", &t->shape, (fr_dtype)t->dtype));
    fr_finish(th, before);
    return made;
}

fr_tensor *fr_zeros_of(fr_shape shape, fr_dtype dtype)
{
    return filled("zeros_of", &shape, dtype, 0);
}

fr_tensor *fr_ones_of(fr_shape shape, fr_dtype dtype)
{
    return filled("ones_of", &shape, dtype, 1);
}

fr_tensor *fr_full_of(fr_shape shape, double value, fr_dtype dtype)
{
    return filled("full_of", &shape, dtype, value);
}

/* Counted from the nearer end, with one rounding, so that both ends are exact. */
fr_tensor *fr_linspace(double start, double end, int64_t steps)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "linspace");
    fr_tensor *t = fr_tensor_alloc("linspace", &(fr_shape){ 1, { steps } }, fr_default_dtype());
    double step = steps > 1 ? (end - start) / (double)(steps - 1) : 0;

    if (t && t->dtype == FR_F32)
        step = (float)step;
    for (int64_t i = 0; t && i < steps; i++)
        set(t, i, i < steps - i || steps == 1 ? fma(step, (double)i, start) : fma(-step, (double)(steps - 1 - i), end));
    t = hold_constant(th, "linspace", t);
    fr_finish(th, before);
    return t;
}

fr_tensor *fr_eye(int64_t n)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "eye");
    fr_tensor *t = fr_tensor_alloc("eye", &(fr_shape){ 2, { n, n } }, fr_default_dtype());

    if (t)
        fr_fill(t, 0);
    for (int64_t i = 0; t && i < n; i++)
        set(t, i * n + i, 1);
    t = hold_constant(th, "eye", t);
    fr_finish(th, before);
    return t;
}

static fr_tensor *arange_float(double start, double stop, double step, fr_dtype dtype)
{
    double count = ceil((stop - start) / step);
    fr_tensor *t;

    if (!(count < 0x1p48))
        return fr_fail("arange", "%g values from %g to %g are too many", count, start, stop);
    t = fr_tensor_alloc("arange", &(fr_shape){ 1, { (int64_t)count } }, dtype);
    for (int64_t i = 0; t && i < t->numel; i++)
        set(t, i, start + (double)i * step);
    return t;
}

/* Computed in integers, since differences of large ones are not exact in double. */
static fr_tensor *arange_whole(double start, double stop, double step)
{
    double end = step > 0 ? ceil(stop) : floor(stop);

    if (start != trunc(start) || step != trunc(step) || !fr_fits_int64(start) || !fr_fits_int64(end) ||
        !fr_fits_int64(step))
        return fr_fail("arange", "from %g to %g by %g: int64 needs whole numbers within its range", start, stop, step);

    uint64_t first = (uint64_t)(int64_t)start, last = (uint64_t)(int64_t)end, by = (uint64_t)(int64_t)step;
    uint64_t distance = step > 0 ? last - first : first - last, stride = step > 0 ? by : 0 - by;
    uint64_t count = distance / stride + (distance % stride != 0);
    fr_tensor *t;

    if (count > (uint64_t)1 << 48)
        return fr_fail("arange", "%llu values from %g to %g are too many", (unsigned long long)count, start, stop);
    t = fr_tensor_alloc("arange", &(fr_shape){ 1, { (int64_t)count } }, FR_I64);
    for (int64_t i = 0; t && i < t->numel; i++)
        ((int64_t *)t->origin)[i] = (int64_t)(first + (uint64_t)i * by);
    return t;
}

fr_tensor *fr_arange(double start, double stop, double step, fr_dtype dtype)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "arange");
    fr_tensor *t = NULL;

    if (!(step != 0 && isfinite(start) && isfinite(stop) && isfinite(step)) || (stop - start) / step < 0)
        fr_fail("arange", "cannot step from %g to %g by %g", start, stop, step);
    else
        t = dtype == FR_I64 ? arange_whole(start, stop, step) : arange_float(start, stop, step, dtype);
    t = hold_constant(th, "arange", t);
    fr_finish(th, before);
    return t;
}

/* True if there are values for all of t, which may be NULL, in the given size, each of item bytes. Fails otherwise. */
static bool check_values(const char *what, const fr_tensor *t, const void *values, size_t size, size_t item)
{
    char text[FR_SHAPE_TEXT];

    if (!t || t->numel == 0)
        return t;
    if (size / item < (size_t)t->numel)
        return fr_fail(what, "%zu values given, expected %lld for shape %s", size / item, (long long)t->numel,
                       fr_shape_text(&t->shape, text));
    return fr_check_argument(what, values, "values");
}

fr_tensor *fr_tensor_from_sized(size_t size, fr_shape shape, const void *values, fr_dtype dtype)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "tensor_from");
    fr_tensor *t = fr_tensor_alloc("tensor_from", &shape, dtype);

    if (!check_values("tensor_from", t, values, size, fr_dtype_size(dtype)))
        fr_assign(&t, NULL);
    else if (t->numel > 0)
        memcpy(t->origin, values, t->storage->bytes);
    t = hold_constant(th, "tensor_from", t);
    fr_finish(th, before);
    return t;
}

fr_tensor *fr_tensor_from(fr_shape shape, const void *values, fr_dtype dtype)
{
    return fr_tensor_from_sized(SIZE_MAX, shape, values, dtype);
}

fr_tensor *fr_from_doubles_sized(size_t size, fr_shape shape, const double *values)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "from_doubles");
    fr_tensor *t = fr_tensor_alloc("from_doubles", &shape, fr_default_dtype());

    if (!check_values("from_doubles", t, values, size, sizeof *values))
        fr_assign(&t, NULL);
    for (int64_t i = 0; t && i < t->numel; i++)
        set(t, i, values[i]);
    t = hold_constant(th, "from_doubles", t);
    fr_finish(th, before);
    return t;
}

fr_tensor *fr_from_doubles(fr_shape shape, const double *values)
{
    return fr_from_doubles_sized(SIZE_MAX, shape, values);
}

fr_tensor *fr_tensor_view_sized(size_t size, fr_shape shape, void *memory, fr_dtype dtype, fr_release *release,
                                void *user)
{
    const char *what = "tensor_view";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    char text[FR_SHAPE_TEXT];
    fr_tensor *t = NULL;
    int64_t numel;
    bool ok = fr_shape_check(what, &shape, dtype, &numel);

    if (ok && size / fr_dtype_size(dtype) < (size_t)numel) {
        fr_fail(what, "memory has room for %zu values, expected %lld for shape %s", size / fr_dtype_size(dtype),
                (long long)numel, fr_shape_text(&shape, text));
        ok = false;
    }
    if (ok)
        t = fr_tensor_view(shape, memory, dtype, release, user);
    else if (release)
        release(memory, user);
    fr_finish(th, before);
    return t;
}
