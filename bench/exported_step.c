/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Prints the nanoseconds that a step of exported code takes. exported.sh compiles it together with that code, net.c. */
#define _POSIX_C_SOURCE 199309L
#include "net.h"

#include <stdio.h>
#include <time.h>

enum { STEPS = 50, SEQUENCES = 200, READINGS = 40 };

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(void)
{
    float x[STEPS], y;
    double best = 1e18;
    net_state state;

    for (int t = 0; t < STEPS; t++)
        x[t] = (float)t * 0.02F - 0.5F;
    for (int i = 0; i < READINGS; i++) {
        double start = now_ns(), ns;

        for (int k = 0; k < SEQUENCES; k++) {
            net_reset(&state);
            for (int t = 0; t < STEPS; t++)
                net_step(&state, &x[t], &y);
        }
        ns = (now_ns() - start) / SEQUENCES / STEPS;
        best = ns < best ? ns : best;
    }
    printf("%.0f\n", best);
    return 0;
}
