/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A module's parameters and buffers in a file. */
#ifndef FROND_FILES_MODULE_STATE_H
#define FROND_FILES_MODULE_STATE_H

#include "files/complaints.h"

#include <frond/nn.h>

/* What fr_module_state gives; false with an error where it cannot be had. */
bool fr_state_of(const char *what, fr_module *m, const fr_named_tensor **state, int *n);
/* Complains unless what is stored (NULL: nothing is) has that dtype and may be loaded into the module's own. */
void fr_state_compare(fr_complaints *c, const fr_named_tensor *own, const fr_tensor *stored, fr_dtype dtype);
/* Loads what was compared; cannot fail, since copying values allocates nothing. */
void fr_state_take(const fr_named_tensor *own, const fr_tensor *stored);

#endif
