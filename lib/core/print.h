/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What printing a tensor has to know of others. */
#ifndef FROND_CORE_PRINT_H
#define FROND_CORE_PRINT_H

#include "core/base.h"

/* fr_grad has given NULL, and this is why; why NULL: it has given a gradient. Printing NULL tells the reason. A literal
 * is kept, not copied. */
void fr_note_no_gradient(const char *why);

#endif
