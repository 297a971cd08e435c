/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* For instantiate.h: KERNEL_FILE for each type, and one kind of CPU. */
#ifndef KERNEL_ONLY_DOUBLE
#define T           float
#define TYPE_SUFFIX _f32
#include KERNEL_FILE
#undef T
#undef TYPE_SUFFIX
#endif

#define T           double
#define TYPE_SUFFIX _f64
#include KERNEL_FILE
#undef T
#undef TYPE_SUFFIX

#ifdef KERNEL_INT64
#define T           int64_t
#define TYPE_SUFFIX _i64
#include KERNEL_FILE
#undef T
#undef TYPE_SUFFIX
#endif

#undef CPU_SUFFIX
#undef VECTOR_BYTES
#undef VECTOR_REGISTERS
