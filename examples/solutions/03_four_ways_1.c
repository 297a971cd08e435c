/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* h / 2 + 1e-16 / h is least where its derivative 1/2 - 1e-16 / h^2 is 0: h = 1.4e-8. Steps both ways have an error of
 * about h^2 + 1e-16 / h, least near h = 4e-6. That is 8 and 11 digits; no step gives 16. */
#include <math.h>
#include <stdio.h>

static double f(double y)
{
    return 27 * y + 3 / y;
}

static double digits(double derivative)
{
    return round(-log10(fabs(derivative / 26.25 - 1)));
}

int main(void)
{
    double one_way = (f(2 + 1e-8) - f(2)) / 1e-8, both_ways = (f(2 + 1e-5) - f(2 - 1e-5)) / 2e-5;

    printf("one way, 1e-8: %g digits; both ways, 1e-5: %g digits\n", digits(one_way), digits(both_ways));
    return 0;
}
