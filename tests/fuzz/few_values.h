/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Memory runs out for tensors of many values, so that no execution takes long. For programs that are linked with
 * -Wl,--wrap=fr_tensor_alloc. */
#ifndef FROND_TESTS_FUZZ_FEW_VALUES_H
#define FROND_TESTS_FUZZ_FEW_VALUES_H

#include "core/error.h"
#include "core/shape.h"
#include "core/tensor.h"

enum { FEW_VALUES = 1 << 16 };

fr_tensor *__real_fr_tensor_alloc(const char *what, const fr_shape *shape, fr_dtype dtype);
fr_tensor *__wrap_fr_tensor_alloc(const char *what, const fr_shape *shape, fr_dtype dtype);

fr_tensor *__wrap_fr_tensor_alloc(const char *what, const fr_shape *shape, fr_dtype dtype)
{
    int64_t numel;

    if (!fr_shape_check(what, shape, dtype, &numel))
        return NULL;
    return numel > FEW_VALUES ? fr_fail_memory(what) : __real_fr_tensor_alloc(what, shape, dtype);
}

#endif
