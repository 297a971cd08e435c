/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What every private header starts from: the public types, without the macros that note call sites, and hints for the
 * compiler. */
#ifndef FROND_CORE_BASE_H
#define FROND_CORE_BASE_H

#define FR_NO_CALL_SITES
#ifndef FR_FREED_BY
#define FR_FREED_BY(release) FR_NODISCARD /* for users: inside, what is freed so may come from malloc */
#endif
#include <frond/tensor.h>

#include <string.h>

#define FR_LIKELY(x)   __builtin_expect(!!(x), 1)
#define FR_UNLIKELY(x) __builtin_expect(!!(x), 0)

typedef struct fr_thread fr_thread; /* core/thread.h */

#endif
