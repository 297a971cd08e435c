/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fields of the options structs that users pass. */
#ifndef FROND_CORE_OPTIONS_H
#define FROND_CORE_OPTIONS_H

#include "core/base.h"

/* The value of a double field: 0 asks for the default, FR_ZERO is a real zero. */
static inline double fr_option(double given, double otherwise)
{
    return given == FR_ZERO ? 0 : given == 0 ? otherwise : given;
}

/* True if value lies in [0, below), which NaN does not. Otherwise it fails, naming the option, its value and the range.
 */
bool fr_check_option(const char *what, const char *name, double value, double below);
/* True if the 8 reserved fields of an options struct are NULL; fails otherwise. */
bool fr_check_reserved(const char *what, void *const *reserved);

#endif
