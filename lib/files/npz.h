/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* NumPy's npz files: zip archives with a member NAME.npy for each array. */
#ifndef FROND_FILES_NPZ_H
#define FROND_FILES_NPZ_H

#include "files/tensors.h"

#define FR_NPZ_SUFFIX ".npy"
enum { FR_NPZ_EMPTY = 22 }; /* bytes of an archive without members: the least there can be */

/* False with an error for a name that would lie outside of the folder an archive is unpacked in. */
bool fr_npz_check_name(const char *where, const char *name);

/* npz_read.c and npz_write.c are there only with libzip. */
struct zip_source;

/* Takes the source over. NULL with an error. */
fr_tensors *fr_npz_read(const char *where, struct zip_source *source);
/* The same of a file, which it closes. */
fr_tensors *fr_npz_read_file(const char *where, FILE *file);
bool fr_npz_write(const char *where, const char *path, const char *const *names, fr_tensor *const *tensors, int n);

#endif
