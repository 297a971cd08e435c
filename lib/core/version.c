/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The package's version, from configure. */
#include <config.h>

#include "core/base.h"

const char *fr_version(void)
{
    return PACKAGE_VERSION;
}
