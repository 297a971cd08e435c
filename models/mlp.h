/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* MLP: linear layers, with relu and dropout between them. */
#ifndef FROND_MODELS_MLP_H
#define FROND_MODELS_MLP_H

#include <frond.h>

enum { MLP_LAYERS = 8 };

typedef struct {
    int64_t sizes[MLP_LAYERS + 1]; /* of the input, of each hidden layer, of the output; then 0 */
    double dropout;                /* after each hidden layer, in training */
} mlp_options;

/* x (...,first size) -> (...,last size). NULL with an error. To be freed with fr_module_free. */
fr_module *mlp_new(const mlp_options *options);

#endif
