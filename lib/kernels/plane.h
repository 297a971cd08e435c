/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* An image within a plane: a wider array of zeros, such as the image with its padding. Planes are read and written in
 * pieces of one long line: position i is in line i / width, column i % width. A plane may have every second line and
 * column of an image only, and so on. */
#ifndef FROND_KERNELS_PLANE_H
#define FROND_KERNELS_PLANE_H

#include "core/base.h"

typedef struct {
    int64_t lines, columns;                /* of the image */
    int64_t first, line_step, column_step; /* value (i,j) of it is at image[first + i line_step + j column_step] */
    int64_t top, left;                     /* where it begins in the plane */
    int64_t width;                         /* of the plane */
} fr_plane;

/* Positions from..from+count-1 of the plane. dtype: float32 or float64. */
void fr_plane_read(fr_dtype dtype, const fr_plane *p, int64_t from, int64_t count, const void *image, void *to);
/* Writes those of them that are in the image to it, each plus *number, one value, unless that is NULL. */
void fr_plane_write(fr_dtype dtype, const fr_plane *p, int64_t from, int64_t count, const void *values,
                    const void *number, void *image);

#endif
