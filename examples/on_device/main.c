/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The program of the meter: it learns from its own days. All of it is what 23_on_device wrote and libm; there is no
 * frond here, no allocation, no operating system. */
#include "days.h"
#include "meter.h"

#include <stdio.h>

enum { EPOCHS = 2 };

/* The weights, what the optimiser keeps, and the values of one step. */
static meter_training training;

static void print_right(void)
{
    float score[2]; /* of winter, of summer */
    int right = 0;

    for (int i = LEARNED; i < LEARNED + JUDGED; i++) {
        meter_predict(&training, days[i], score);
        right += (score[1] > score[0]) == season[i];
    }
    printf("%d of %d days right\n", right, JUDGED);
}

static double learn(void)
{
    double sum = 0;

    for (int i = 0; i < LEARNED; i++)
        sum += (double)meter_train(&training, days[i], &season[i]);
    return sum / LEARNED;
}

static void print_sizes(void)
{
    const double kib = 1024;

    printf("RAM: %.1f KiB for training (weights %.1f, optimiser %.1f, work %.1f), %.1f on the stack for predicting\n",
           sizeof training / kib, METER_WEIGHT_BYTES / kib, METER_OPTIMISER_BYTES / kib, METER_WORK_BYTES / kib,
           METER_PREDICT_BYTES / kib);
    printf("flash: %.1f KiB of constants, beside the code\n", METER_CONSTANT_BYTES / kib);
}

int main(void)
{
    meter_init(&training);
    printf("other meter: ");
    print_right();
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        printf("epoch %d: loss %.6f, ", epoch, learn());
        print_right();
    }
    print_sizes();
    return 0;
}
