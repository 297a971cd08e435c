/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* How much memory a file may ask for. */
#include "core/memory_limit.h"

#include "core/error.h"

#include <errno.h>
#include <stdlib.h>

enum { ALWAYS_FINE = 64 << 20 }; /* bytes */

int64_t fr_memory_limit(int64_t there, int64_t multiple)
{
    const char *given = getenv("FROND_MEMORY_LIMIT");
    char *end;
    int64_t limit;

    if (given) {
        errno = 0;
        limit = strtoll(given, &end, 10);
        if (end != given && !*end && !errno && limit >= 0)
            return limit;
    }
    if (__builtin_mul_overflow(there, multiple, &limit) || __builtin_add_overflow(limit, ALWAYS_FINE, &limit))
        return INT64_MAX;
    return limit;
}

bool fr_fail_memory_limit(const char *where, const char *what, int64_t needed, int64_t limit)
{
    return fr_fail(where,
                   "%s need %lld bytes, more than the limit of %lld; FROND_MEMORY_LIMIT=%lld in the environment "
                   "raises it",
                   what, (long long)needed, (long long)limit, (long long)needed);
}
