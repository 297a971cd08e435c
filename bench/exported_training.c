/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Prints the microseconds of an exported training step, net.c, with which exported_training.sh compiles it. */
#define _POSIX_C_SOURCE 199309L
#include "net.h"

#include <stdio.h>
#include <time.h>

enum { CALLS = 100, READINGS = 40 };

static net_training s;
static X_TYPE x[X_SIZE];
static TARGET_TYPE target[TARGET_SIZE];

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

int main(void)
{
    double best = 1e18;

    for (int i = 0; i < X_SIZE; i++)
        x[i] = (X_TYPE)((float)(i * 37 % 101) / 101.0F);
    for (int i = 0; i < TARGET_SIZE; i++)
        target[i] = (TARGET_TYPE)(i % 2);
    net_init(&s);
    for (int i = 0; i < READINGS; i++) {
        double start = now_us(), us;

        for (int k = 0; k < CALLS; k++)
            net_train(&s, x, target);
        us = (now_us() - start) / CALLS;
        best = us < best ? us : best;
    }
    printf("%.1f\n", best);
    return 0;
}
