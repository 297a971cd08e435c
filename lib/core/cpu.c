/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Finds out once which kind of CPU this is. */
#include "core/cpu.h"

#include <stdlib.h>
#include <string.h>

static int find_level(void)
{
    int level = FR_CPU_BASE;
#if defined(__x86_64__) && defined(__GNUC__)
    const char *asked = getenv("FROND_CPU");

    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        level = FR_CPU_AVX2;
    if (level == FR_CPU_AVX2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        level = FR_CPU_AVX512;
    if (asked && strcmp(asked, "base") == 0)
        level = FR_CPU_BASE;
    else if (asked && strcmp(asked, "avx2") == 0 && level > FR_CPU_AVX2)
        level = FR_CPU_AVX2;
#endif
    return level;
}

int fr_known_cpu_level = -1;

int fr_find_cpu_level(void)
{
    int level = find_level();

    __atomic_store_n(&fr_known_cpu_level, level, __ATOMIC_RELAXED);
    return level;
}
