/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Code compiled for several kinds of x86-64 CPU in one binary, chosen at run time, without ifunc. */
#ifndef FROND_CORE_CPU_H
#define FROND_CORE_CPU_H

enum { FR_CPU_BASE, FR_CPU_AVX2, FR_CPU_AVX512 };

extern int fr_known_cpu_level; /* -1: not yet */
int fr_find_cpu_level(void);

/* The best of these that this CPU has. FROND_CPU=base or avx2 in the environment lowers it. Inline: each row of a
 * pointwise op asks. */
static inline int fr_cpu_level(void)
{
    int level = __atomic_load_n(&fr_known_cpu_level, __ATOMIC_RELAXED);

    return level >= 0 ? level : fr_find_cpu_level();
}

/* Inlined into each version of a kernel, and so compiled for its kind of CPU. gcov would count each place apart. */
#ifdef FR_COVERAGE
#define FR_INLINE static inline
#else
#define FR_INLINE static inline __attribute__((always_inline))
#endif

/* Before a loop whose steps do not depend on each other. It is needed where many arrays are written: the compiler would
 * have to check too many of them for overlap, and gives up. */
#define FR_SIMD _Pragma("omp simd")

/* Before a loop of at most 16 steps that shall become straight code, so that what it works on stays in registers. */
#define FR_UNROLL _Pragma("GCC unroll 16")

/* For macros that write functions: one of a single expression, and one of a single call. */
#define FR_FUNCTION(type, name, parameters, ...)                                                                       \
    type name parameters                                                                                               \
    {                                                                                                                  \
        return __VA_ARGS__;                                                                                            \
    }
#define FR_CALLER(name, callee, parameters, arguments)                                                                 \
    static void name parameters                                                                                        \
    {                                                                                                                  \
        callee arguments;                                                                                              \
    }

/* Code for a kind of CPU: FR_TARGET_* before one function, FR_BEGIN_TARGET and FR_END_TARGET around several. */
#if defined(__x86_64__) && defined(__GNUC__)
#define FR_AVX2_SET      "avx2,fma,bmi,bmi2"
#define FR_PRAGMA_(text) _Pragma(#text)
#define FR_PRAGMA(text)  FR_PRAGMA_(text)
#ifdef __clang__
#define FR_AVX512_SET        FR_AVX2_SET ",avx512f,avx512bw,avx512dq,avx512vl"
#define FR_BEGIN_TARGET(set) FR_PRAGMA(clang attribute push(__attribute__((target(set))), apply_to = function))
#define FR_END_TARGET        FR_PRAGMA(clang attribute pop)
#else
#define FR_AVX512_SET        FR_AVX2_SET ",avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"
#define FR_BEGIN_TARGET(set) FR_PRAGMA(GCC push_options) FR_PRAGMA(GCC target(set))
#define FR_END_TARGET        FR_PRAGMA(GCC pop_options)
#endif
#define FR_TARGET_AVX2   __attribute__((target(FR_AVX2_SET)))
#define FR_TARGET_AVX512 __attribute__((target(FR_AVX512_SET)))

/* The one of the functions name_base, name_avx2 and name_avx512 that suits this CPU. kernels/instantiate.h makes them
 * from a file of kernels. */
#define FR_FOR_THIS_CPU(name)                                                                                          \
    ({                                                                                                                 \
        int cpu = fr_cpu_level();                                                                                      \
        cpu == FR_CPU_AVX512 ? name##_avx512 : cpu == FR_CPU_AVX2 ? name##_avx2 : name##_base;                         \
    })

/* FR_KERNEL(name, (parameters), (arguments)) { body } defines static void name(parameters), compiled for each kind of
 * CPU: for the one-line bodies that the macros of pointwise ops write. */
#define FR_KERNEL(name, parameters, arguments)                                                                         \
    FR_INLINE void name##_body parameters;                                                                             \
    FR_CALLER(name##_base, name##_body, parameters, arguments)                                                         \
    FR_TARGET_AVX2 FR_CALLER(name##_avx2, name##_body, parameters, arguments)                                          \
    FR_TARGET_AVX512 FR_CALLER(name##_avx512, name##_body, parameters, arguments)                                      \
        FR_CALLER(name, FR_FOR_THIS_CPU(name), parameters, arguments) FR_INLINE void name##_body parameters
#else
#define FR_FOR_THIS_CPU(name)                  name##_base
#define FR_KERNEL(name, parameters, arguments) static void name parameters
#endif

/* A kernel's version for this CPU and dtype: float32 or float64, or with ANY also int64. */
#define FR_KERNEL_FOR(dtype, name)     ((dtype) == FR_F64 ? FR_FOR_THIS_CPU(name##_f64) : FR_FOR_THIS_CPU(name##_f32))
#define FR_KERNEL_FOR_ANY(dtype, name) ((dtype) == FR_I64 ? FR_FOR_THIS_CPU(name##_i64) : FR_KERNEL_FOR(dtype, name))
/* The same of kernels that have one version for every CPU. */
#define FR_BASELINE_KERNEL_FOR(dtype, name) ((dtype) == FR_F64 ? name##_f64_base : name##_f32_base)

/* Between the two calls this thread treats denormals as zeros. A gradient that vanishes over many steps ends in
 * denormals, with which most CPUs compute a hundred times as slowly. The first returns what the second restores. */
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
