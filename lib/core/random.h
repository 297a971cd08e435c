/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Random numbers inside the library; <frond/tensor.h> has what users see. */
#ifndef FROND_CORE_RANDOM_H
#define FROND_CORE_RANDOM_H

#include "core/base.h"

/* The state of an MT19937 generator, and the second of a pair of normal values. */
enum { FR_GENERATOR_WORDS = 624 };
typedef struct {
    uint32_t state[FR_GENERATOR_WORDS];
    int next;        /* index into state; FR_GENERATOR_WORDS: all are used up */
    bool has_normal; /* normal is still to be given out */
    double normal;
} fr_generator;

/* The state of the process's generator: reading it, and putting it back. */
void fr_generator_save(fr_generator *state);
void fr_generator_restore(const fr_generator *state);

/* The next 64 bits of the process's generator: two draws, the high word first. */
uint64_t fr_random_u64(void);
/* n float64 values of U[0,1), of 53 bits each. */
void fr_random_doubles(int64_t n, double *out);
/* A generator of the caller's own: seeded with the low 32 bits of seed; its next number in [0, range). */
void fr_generator_seed(fr_generator *g, uint64_t seed);
uint64_t fr_generator_below(fr_generator *g, uint64_t range);
/* Fills t from U[low, high), as torch.nn.init.uniform_ does. t is contiguous and floating. */
void fr_fill_uniform(fr_tensor *t, double low, double high);
/* Fills t from N(mean, std^2), as torch.nn.init.normal_ fills a contiguous tensor; singly: as it fills another tensor,
 * one value after the other. t is contiguous and floating. */
void fr_fill_normal(fr_tensor *t, double mean, double std);
void fr_fill_normal_singly(fr_tensor *t, double mean, double std);

#endif
