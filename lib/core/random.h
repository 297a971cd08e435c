/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Random numbers for other parts of the library; <frond/tensor.h> has what users see. */
#ifndef FROND_CORE_RANDOM_H
#define FROND_CORE_RANDOM_H

#include "core/base.h"

/* MT19937 and half a pair of normals. */
enum { FR_GENERATOR_WORDS = 624 };
typedef struct {
    uint32_t state[FR_GENERATOR_WORDS];
    int next;        /* index into state; FR_GENERATOR_WORDS: a new block of words is due */
    bool has_normal; /* of a pair of normals, the second is still to be given out */
    double normal;
} fr_generator;

/* The process's: as it is now; puts a state back. */
void fr_generator_save(fr_generator *state);
void fr_generator_restore(const fr_generator *state);

/* The next of the process's generator: 64 bits are two draws, the high word first. */
uint64_t fr_random_u64(void);
/* n float64 values of U[0,1), 53 bits each, in one go. */
void fr_random_doubles(int64_t n, double *out);
/* A permutation of 0..n-1 from a generator of its own, seeded with the low 32 bits of seed; false: out of memory. */
bool fr_randperm_seeded(uint64_t seed, int64_t n, int64_t *out);
/* t's values from U[low, high), as torch.nn.init.uniform_ fills them. t is contiguous and floating. */
void fr_fill_uniform(fr_tensor *t, double low, double high);
/* t's values from N(mean, std^2), as torch.nn.init.normal_ fills a contiguous tensor, and as it fills another: one by
 * one. t is contiguous and floating. */
void fr_fill_normal(fr_tensor *t, double mean, double std);
void fr_fill_normal_singly(fr_tensor *t, double mean, double std);

#endif
