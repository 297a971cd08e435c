/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Collects everything that is wrong with a file into one error message, as PyTorch's load_state_dict does. */
#ifndef FROND_FILES_ERROR_LIST_H
#define FROND_FILES_ERROR_LIST_H

#include "core/tensor.h"

/* The errors so far, separated by "; ". Starts as { 0 }. */
typedef struct {
    char text[560];
    size_t used;
    size_t limit; /* how much of text may be used now; 0: all of it */
    bool full;    /* an error did not fit below the limit, so later ones are only counted */
    int left_out; /* number of errors that did not fit */
} fr_error_list;

void fr_error_list_add(fr_error_list *list, const char *format, ...) FR_PRINTF(2, 3);
/* Lets the errors that follow fill the text up to parts/of of its size, so that room is left for later kinds. */
void fr_error_list_limit(fr_error_list *list, int parts, int of);
/* True if t exists and has that dtype and shape; otherwise adds an error. t is NULL if the file has no such name. */
bool fr_error_list_check_tensor(fr_error_list *list, const char *name, const fr_tensor *t, fr_dtype dtype,
                                const fr_shape *shape);
/* Fails with "WHERE: WHAT: " and the errors, and returns true, if there are any; otherwise returns false. */
bool fr_error_list_fail(const fr_error_list *list, const char *where, const char *what);

#endif
