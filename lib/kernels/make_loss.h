/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Makes the kernels of a pointwise loss of a few expressions. A file of an op defines these and includes this:
 *
 *     LOSS        the name of the kernels
 *     VALUE       the loss
 *     DX, DY      the gradients of x and y
 *     DW          the gradient of w, if there is one
 *     VALID       true if x and y are valid, unless any value is
 *
 * They are of the prediction x, the target y, a third input w, and p[2], the attributes, all of type T; gradients also
 * of dl, the gradient of the loss. TYPED(fr_exp) is exp for T. That defines LOSS_kernels(dtype). */
#include "kernels/loss.h"
#include "kernels/vmath.h"

#ifndef VALID
#define VALID true
#endif
#define LOSS_FN(name) FN(JOIN(LOSS, _##name))
#define KERNEL_FILE   "kernels/loss_loops.h"
#include "kernels/instantiate.h"

#define JOIN_(a, b)           a##b
#define JOIN(a, b)            JOIN_(a, b)
#define OF_DTYPE(dtype, name) FR_KERNEL_FOR(dtype, name)

static const fr_loss_kernels *JOIN(LOSS, _kernels)(fr_dtype dtype)
{
    return OF_DTYPE(dtype, LOSS);
}

#undef JOIN_
#undef JOIN
#undef OF_DTYPE
#undef LOSS
#undef VALUE
#undef VALID
#undef DX
#undef DY
#undef DW
#undef LOSS_FN
