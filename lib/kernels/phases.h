/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* How a padded channel is dealt out to planes, its phases, and where the taps of a filter meet them; for
 * convolve_planes.c, which explains it. */
#ifndef FROND_KERNELS_PHASES_H
#define FROND_KERNELS_PHASES_H

#include "core/integer.h"
#include "kernels/plane.h"
#include "kernels/sliding_window.h"

/* From the first value that a window meets to the last. */
static inline int64_t fr_window_reach(const fr_sliding_window *w, int dim)
{
    return (w->kernel[dim] - 1) * w->dilation[dim];
}

/* How far the filter reaches on a plane. */
static inline int64_t fr_phase_reach(const fr_sliding_window *w, int dim)
{
    return fr_window_reach(w, dim) / w->stride[dim];
}

/* Of all planes. With stride 1 the zeros before a line are those behind the line above it. */
static inline int64_t fr_phase_width(const fr_sliding_window *w)
{
    int64_t before = w->pad_before[1], after = w->pad_after[1];

    return fr_divide_up(w->in_size[1] + (w->stride[1] == 1 ? fr_most(before, after) : before + after), w->stride[1]);
}

/* For a filter's tap: the phase that it meets, and its offset there. */
typedef struct {
    int64_t phase, shift;
} fr_tap;

static inline fr_tap fr_tap_of(const fr_sliding_window *w, int64_t width, int64_t k)
{
    int64_t line = k / w->kernel[1] * w->dilation[0], column = k % w->kernel[1] * w->dilation[1];

    return (fr_tap){ line % w->stride[0] * w->stride[1] + column % w->stride[1],
                     line / w->stride[0] * width + column / w->stride[1] };
}

/* Of a padded channel. */
static inline fr_plane fr_phase_plane(const fr_sliding_window *w, int64_t width, int64_t phase)
{
    int64_t place[] = { phase / w->stride[1], phase % w->stride[1] }; /* of the plane's first value */
    int64_t before[FR_SPATIAL_DIMS], first[FR_SPATIAL_DIMS], n[FR_SPATIAL_DIMS];

    for (int i = 0; i < FR_SPATIAL_DIMS; i++) {
        before[i] = fr_divide_up(fr_most(w->pad_before[i] - place[i], 0), w->stride[i]);
        first[i] = before[i] * w->stride[i] + place[i] - w->pad_before[i];
        n[i] = fr_divide_up(fr_most(w->in_size[i] - first[i], 0), w->stride[i]);
    }
    return (fr_plane){ .lines = n[0],
                       .columns = n[1],
                       .first = first[0] * w->in_size[1] + first[1],
                       .line_step = w->stride[0] * w->in_size[1],
                       .column_step = w->stride[1],
                       .top = before[0],
                       .left = before[1],
                       .width = width };
}

/* Of an output, whose first value is at position 0 but for these lines and columns before it. */
static inline fr_plane fr_output_plane(const fr_sliding_window *w, int64_t width, int64_t top, int64_t left)
{
    return (fr_plane){ .lines = w->out_size[0],
                       .columns = w->out_size[1],
                       .line_step = w->out_size[1],
                       .column_step = 1,
                       .top = top,
                       .left = left,
                       .width = width };
}

#endif
