/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Makes a reducer of a few expressions. A file of an op defines these and includes this:
 *
 *     REDUCER        the reducer's name
 *     STATE          the type of a state, in which values are gathered; OUT, that of a result, is T unless defined
 *     INIT           the state of no values
 *     STEP           the state s with the value x, of type T, added
 *     STEP4          if there is a faster way than four times STEP: the state s with the values x0 to x3 added
 *     MERGE          the state of the values of s and of those of o, which come later
 *     RESULT         the result of a state s of n values
 *     REDUCER_INT64  if there is one for int64 too
 *
 * Each may use p, the number in the op's attributes. That defines REDUCER_reducer(dtype), which kernels/reduce.h runs,
 * and the functions that it consists of: sum_add_f32_avx2 and so on. */
#include "kernels/reduce.h"

#ifndef OUT
#define OUT T
#endif
#ifdef REDUCER_INT64
#define KERNEL_INT64
#endif
#define KERNEL_FILE "kernels/reduce_loops.h"
#include "kernels/instantiate.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#ifdef REDUCER_INT64
#define OF_DTYPE(dtype, name) FR_KERNEL_FOR_ANY(dtype, name)
#else
#define OF_DTYPE(dtype, name) FR_KERNEL_FOR(dtype, name)
#endif

static const fr_reducer *JOIN(REDUCER, _reducer)(fr_dtype dtype)
{
    return OF_DTYPE(dtype, REDUCER);
}

#undef JOIN_
#undef JOIN
#undef OF_DTYPE
#undef REDUCER
#undef REDUCER_INT64
#undef STATE
#undef OUT
#undef INIT
#undef STEP
#undef STEP4
#undef MERGE
#undef RESULT
