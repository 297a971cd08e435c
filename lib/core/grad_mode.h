/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Whether ops are recorded. lib/graph reads and sets this; scopes put it back where they end. */
#ifndef FROND_CORE_GRAD_MODE_H
#define FROND_CORE_GRAD_MODE_H

#include <stdbool.h>

/* A part of fr_thread. */
typedef struct {
    bool no_grad;     /* nothing is recorded */
    bool probing;     /* graph/checkpoint.c asks whether anything would be recorded if no_grad were off */
    bool in_backward; /* the running ops belong to a node's backward */
} fr_grad_mode;

#endif
