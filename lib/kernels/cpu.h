/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Kernels compiled for several kinds of x86-64 CPU in one binary, chosen at run time, without ifunc. */
#ifndef FROND_KERNELS_CPU_H
#define FROND_KERNELS_CPU_H

enum { FR_CPU_BASE, FR_CPU_AVX2, FR_CPU_AVX512 };

/* What this CPU offers; FROND_CPU=base or avx2 in the environment asks for less. */
int fr_cpu_level(void);

/* Before a loop whose steps do not depend on each other, where the compiler cannot see that for itself: many arrays are
 * written, which would be too many to check for overlap. */
#define FR_SIMD _Pragma("omp simd")

/* FR_KERNEL(name, (parameters), (arguments)) { body } defines static void name(parameters). */
#if defined(__x86_64__) && defined(__GNUC__)
#define FR_TARGET_AVX2 __attribute__((target("avx2,fma,bmi,bmi2")))
#ifdef __clang__
#define FR_TARGET_AVX512 __attribute__((target("avx2,fma,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl")))
#else
#define FR_TARGET_AVX512                                                                                               \
    __attribute__((target("avx2,fma,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")))
#endif
#define FR_KERNEL(name, parameters, arguments)                                                                         \
    static inline __attribute__((always_inline)) void name##_body parameters;                                          \
    static void name##_base parameters                                                                                 \
    {                                                                                                                  \
        name##_body arguments;                                                                                         \
    }                                                                                                                  \
    FR_TARGET_AVX2 static void name##_avx2 parameters                                                                  \
    {                                                                                                                  \
        name##_body arguments;                                                                                         \
    }                                                                                                                  \
    FR_TARGET_AVX512 static void name##_avx512 parameters                                                              \
    {                                                                                                                  \
        name##_body arguments;                                                                                         \
    }                                                                                                                  \
    static void name parameters                                                                                        \
    {                                                                                                                  \
        int level = fr_cpu_level();                                                                                    \
        if (level == FR_CPU_AVX512)                                                                                    \
            name##_avx512 arguments;                                                                                   \
        else if (level == FR_CPU_AVX2)                                                                                 \
            name##_avx2 arguments;                                                                                     \
        else                                                                                                           \
            name##_base arguments;                                                                                     \
    }                                                                                                                  \
    static inline __attribute__((always_inline)) void name##_body parameters
#else
#define FR_KERNEL(name, parameters, arguments) static void name parameters
#endif

/* Between the two this thread takes denormals for zeros: a gradient that vanishes over many steps ends in them, where
 * most CPUs compute a hundred times as slowly. Gives what the second restores. */
#if defined(__x86_64__) && defined(__GNUC__)
static inline unsigned fr_flush_denormals(void)
{
    unsigned before = __builtin_ia32_stmxcsr();

    __builtin_ia32_ldmxcsr(before | 0x8040);
    return before;
}

static inline void fr_restore_denormals(unsigned before)
{
    __builtin_ia32_ldmxcsr(before);
}
#else
static inline unsigned fr_flush_denormals(void)
{
    return 0;
}

static inline void fr_restore_denormals(unsigned before)
{
    (void)before;
}
#endif

#endif
