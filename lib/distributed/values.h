/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Values that all ranks share, for what trains with them. */
#ifndef FROND_DISTRIBUTED_VALUES_H
#define FROND_DISTRIBUTED_VALUES_H

#include "core/tensor.h"
#include "distributed/group.h"

/* fr_broadcast, without checks of the arguments. */
bool fr_broadcast_all(const char *what, fr_process_group *g, fr_tensor *const *tensors, int n);
/* fr_fingerprint of t's shape and dtype. */
uint64_t fr_fingerprint_of(uint64_t hash, const fr_tensor *t);

#endif
