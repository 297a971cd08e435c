/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* NumPy's npz files: zip archives with a member NAME.npy for each array. npz_read.c and npz_write.c need libzip. */
#ifndef FROND_FILES_NPZ_H
#define FROND_FILES_NPZ_H

#include "files/tensor_dict.h"

#define FR_NPZ_SUFFIX ".npy"
enum { FR_NPZ_SIZE_MIN = 22 }; /* bytes of an archive without members, the smallest there is */

/* False with an error for a name that would be unpacked outside of the target folder: /x or ../x. */
bool fr_npz_check_name(const char *where, const char *name);

struct zip_source;

/* Frees source, also if it fails. NULL with an error. */
fr_tensors *fr_npz_read(const char *where, struct zip_source *source);
/* The same for a file, which stays open. */
fr_tensors *fr_npz_read_file(const char *where, FILE *file);
bool fr_npz_write(const char *where, const char *path, const char *const *names, fr_tensor *const *tensors, int n);

#endif
