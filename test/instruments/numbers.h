/* What the instruments in C have in common: the numbers that they print and read. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 100, TIMEOUT_MS = 60000 };

static void print(const double *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        printf("%.17g%c", values[i], i + 1 < n ? ' ' : '\n');
    fflush(stdout);
}

static void read_numbers(double *values, int n)
{
    for (int i = 0; i < n; i++)
        if (scanf("%lf", &values[i]) != 1)
            exit(2);
}
