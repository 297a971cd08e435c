/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A module's state dict: its parameters and buffers by name, compared with those of a file and loaded from it. */
#ifndef FROND_FILES_STATE_DICT_H
#define FROND_FILES_STATE_DICT_H

#include "files/error_list.h"

#include <frond/nn.h>

/* Gets m's *n parameters and buffers by fr_module_state. False with an error. */
bool fr_state_dict(const char *what, fr_module *m, const fr_named_tensor **state, int *n);
/* Adds an error unless value, the file's tensor of the same name (NULL: there is none), has that dtype and can be
 * loaded into the module's entry. */
void fr_state_check(fr_error_list *list, const fr_named_tensor *entry, const fr_tensor *value, fr_dtype dtype);
/* Copies value, which was checked, into the module's entry. Cannot fail, since it allocates nothing. */
void fr_state_assign(const fr_named_tensor *entry, const fr_tensor *value);

#endif
