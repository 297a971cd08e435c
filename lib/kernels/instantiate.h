/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Kernels are written once, for a type T, in a file that includes itself for each type and kind of CPU:
 *
 *     #ifndef T
 *     #define KERNEL_FILE "kernels/this_file.c"
 *     #include "kernels/instantiate.h"
 *
 *     void fr_scale(fr_dtype dtype, int64_t n, const void *x, void *y)
 *     {
 *         FR_KERNEL_FOR(dtype, scale)(n, x, y);
 *     }
 *     #else
 *     static void FN(scale)(int64_t n, const void *px, void *py)
 *     {
 *         const T *restrict x = px;
 *         ...
 *     }
 *     #endif
 *
 * That defines scale_f32_base, scale_f64_avx2 and so on: functions that a debugger enters, and of which FR_KERNEL_FOR
 * (cpu.h) takes the right one. In the part for T there are
 *
 *     T             float or double; also int64_t, if KERNEL_INT64 was defined; double alone, if KERNEL_ONLY_DOUBLE was
 *     FN(name)      the name of a function of this version
 *     TYPED(name)   name_f32, name_f64 or name_i64: the version for T of a function for all CPUs, as vmath.h has them
 *     VECTOR_BYTES  of one of this CPU's VECTOR_REGISTERS
 *
 * If KERNEL_BASELINE was defined only the version for every CPU is made, which FR_BASELINE_KERNEL_FOR takes: for loops
 * that are little work. */
#include "core/cpu.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define TYPED(name) JOIN(name, TYPE_SUFFIX)
#define FN(name)    JOIN(TYPED(name), CPU_SUFFIX)

#define CPU_SUFFIX   _base
#define VECTOR_BYTES 16
#ifdef __aarch64__
#define VECTOR_REGISTERS 32
#else
#define VECTOR_REGISTERS 16
#endif
#include "kernels/instantiate_types.h"

#if defined(FR_BEGIN_TARGET) && !defined(KERNEL_BASELINE)
FR_BEGIN_TARGET(FR_AVX2_SET)
#define CPU_SUFFIX       _avx2
#define VECTOR_BYTES     32
#define VECTOR_REGISTERS 16
#include "kernels/instantiate_types.h"
FR_END_TARGET

FR_BEGIN_TARGET(FR_AVX512_SET)
#define CPU_SUFFIX       _avx512
#define VECTOR_BYTES     64
#define VECTOR_REGISTERS 32
#include "kernels/instantiate_types.h"
FR_END_TARGET
#endif

#undef JOIN_
#undef JOIN
#undef TYPED
#undef FN
#undef KERNEL_FILE
#undef KERNEL_INT64
#undef KERNEL_ONLY_DOUBLE
#undef KERNEL_BASELINE
