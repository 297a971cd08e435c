/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sheet 4: a GRU out of small ops. */
#include "course.h"

/* Task 1. One step: x (B,I), h (B,H) -> the new h (B,H). */
fr_tensor *gru_cell(fr_tensor *x, fr_tensor *h, const gru_weights *w)
{
    (void)x, (void)h, (void)w; /* your code here */
    return NULL;
}

/* Task 2. All steps: x (T,B,I), h (B,H) before the first one -> all new h, (T,B,H). T is at most 100. */
fr_tensor *gru_run(fr_tensor *x, fr_tensor *h, const gru_weights *w)
{
    (void)x, (void)h, (void)w; /* your code here */
    return NULL;
}
