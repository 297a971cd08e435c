/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A program with a mistake: it reads values through a pointer of fr_data after their tensor was released. Which tool
 * names the place is tested by check_valgrind.sh. */
#include <frond.h>

int main(void)
{
    float *values;
    {
        FR_SCOPE;
        values = fr_data(fr_ones(FR_SHAPE(1000)));
    }
    printf("%g\n", (double)values[500]);
    return 0;
}
