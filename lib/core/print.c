/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* placeholder */
#include "core/internal.h"
