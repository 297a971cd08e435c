/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's ops on elements, by frond's ops: padded, counted from a start, cut to a triangle, of another type. */
#include <config.h>

#include "core/integer.h"
#include "core/scope.h"
#include "core/shape.h"
#include "core/thread.h"
#include "graph/result_limit.h"
#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>

/* --- Pads -------------------------------------------------------------------------------------------------------- */

/* The amounts of padding of each dim before and after it, as ONNX lists them for all axes or for those of input 3. */
static bool read_pads(const fr_import_call *c, int64_t before[FR_MAX_DIMS], int64_t after[FR_MAX_DIMS])
{
    const fr_tensor *x = c->in[0];
    fr_import_ints pads, axes;
    int n = x->shape.ndim;

    if (!fr_import_input_ints(c, 1, "pads", &pads) || !fr_import_input_ints(c, 3, "", &axes))
        return false;
    n = axes.n < 0 ? n : axes.n;
    if (pads.n != 2 * n || n > FR_MAX_DIMS)
        return fr_import_fail(c, "pads do not fit its input");
    for (int i = 0; i < FR_MAX_DIMS; i++)
        before[i] = after[i] = 0;
    for (int i = 0; i < n; i++) {
        int dim = axes.n < 0 ? i : fr_import_axis(c, x, axes.value[i]);

        if (dim < 0)
            return false;
        before[dim] = pads.value[i];
        after[dim] = pads.value[n + i];
    }
    return true;
}

static const char *const pad_modes[] = { "constant", "reflect", "edge", "wrap", NULL };

/* fr_pad takes the last dim first. */
static bool run_pad(fr_import_call *c)
{
    int64_t before[FR_MAX_DIMS], after[FR_MAX_DIMS], around[2 * FR_MAX_DIMS];
    int mode = fr_import_choice(c, "mode", pad_modes);
    double value;

    if (mode < 0 || !fr_import_require(c, 1) || !fr_import_number(c, 2, "value", 0, &value) ||
        !read_pads(c, before, after))
        return false;

    fr_tensor *x = c->in[0];
    int ndim = x->shape.ndim;

    for (int i = 0; i < ndim; i++) {
        around[2 * i] = before[ndim - 1 - i];
        around[2 * i + 1] = after[ndim - 1 - i];
    }
    if (ndim == 0)
        return fr_import_return(c, x);
    return fr_import_return(c, mode == 0 ? fr_pad(x, around, 2 * ndim, value)
                                         : fr_pad_mode(x, around, 2 * ndim, (fr_padding_mode)(FR_REFLECT + mode - 1)));
}

static bool check_pad(const fr_import_call *c)
{
    return fr_import_choice(c, "mode", pad_modes) >= 0;
}

/* 1 on diagonal k, else 0. */
static bool run_eye_like(fr_import_call *c)
{
    int64_t k = fr_import_int(c, "k", 0);
    int dtype;

    if (!fr_import_require(c, 1))
        return false;
    dtype = c->type[0] == 0 ? c->in[0]->dtype : fr_import_dtype(c->type[0]);
    if (dtype < 0)
        return fr_import_fail(c, "frond does not have its type");
    return fr_import_return(c, fr_tril(fr_triu(fr_ones_of(fr_shape_of(c->in[0]), (fr_dtype)dtype), k), k));
}

static bool run_where(fr_import_call *c)
{
    return fr_import_require(c, 3) && fr_import_return(c, fr_where(c->in[0], c->in[1], c->in[2]));
}

/* --- Ranges and dtypes ------------------------------------------------------------------------------------------ */

static bool run_range(fr_import_call *c)
{
    double start, limit, delta;

    if (!fr_import_require(c, 3) || !fr_import_number(c, 0, "start", 0, &start) ||
        !fr_import_number(c, 1, "limit", 0, &limit) || !fr_import_number(c, 2, "delta", 1, &delta))
        return false;

    fr_dtype dtype = fr_dtype_of(c->in[0]);
    double count = ceil((limit - start) / delta);

    if (delta == 0)
        return fr_import_fail(c, "its delta is 0");
    if (count <= 0) /* fr_arange takes no empty range */
        return fr_import_return(c, fr_hold("load_onnx", fr_tensor_alloc("load_onnx", &FR_SHAPE(0), dtype)));
    if (count < 0x1p48 && !fr_result_limit_count_bytes(fr_thread_self(), "range", (int64_t)count * 8))
        return false; /* fr_arange refuses larger counts */
    return fr_import_return(c, fr_arange(start, limit, delta, dtype));
}

static bool run_trilu(fr_import_call *c)
{
    fr_import_ints k;

    if (!fr_import_require(c, 1) || !fr_import_input_ints(c, 1, "k", &k))
        return false;

    int64_t diagonal = k.n > 0 ? k.value[0] : 0;

    return fr_import_return(c,
                            fr_import_int(c, "upper", 1) ? fr_triu(c->in[0], diagonal) : fr_tril(c->in[0], diagonal));
}

/* To the type that the file gives, or to that of input 1. What the type cannot hold is mended after the node. */
static bool run_cast(fr_import_call *c)
{
    int to = c->type[0], dtype = fr_import_dtype(to);

    if (!fr_import_require(c, 1))
        return false;
    if (dtype < 0)
        return fr_import_fail(c, "it casts to a type that frond does not have");
    return fr_import_return(c, to == FR_ONNX_BOOL ? fr_ne_scalar(c->in[0], 0) : fr_cast(c->in[0], (fr_dtype)dtype));
}

static bool check_cast(const fr_import_call *c)
{
    return fr_import_dtype((int)fr_import_int(c, "to", 0)) >= 0 ||
           fr_import_fail(c, "it casts to a type that frond does not have");
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_import_op ops[] = {
    { "Cast", "to saturate", .result = FR_IMPORT_BY_ATTRIBUTE, .dtype_attribute = "to", .run = run_cast,
      .check = check_cast },
    { "CastLike", "saturate", .result = FR_IMPORT_OF_INPUT_1, .run = run_cast },
    { "EyeLike", "dtype k", .result = FR_IMPORT_BY_ATTRIBUTE_OR_SAME, .dtype_attribute = "dtype", .run = run_eye_like },
    { "Pad", "mode pads value", .run = run_pad, .check = check_pad },
    { "Range", .run = run_range },
    { "Trilu", "upper", .run = run_trilu },
    { "Where", .result = FR_IMPORT_OF_INPUT_1, .run = run_where },
};

const fr_import_op_table fr_import_element_ops = { ops, sizeof ops / sizeof *ops };
