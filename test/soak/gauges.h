/* gauges.h - samples of what the process has, and the test that none of it grows. */
#ifndef GAUGES_H
#define GAUGES_H

#include "check.h"

enum { SAMPLES = 4096 }; /* at most */

static int64_t flat_descriptors(void) { return process_descriptors(); }
static int64_t flat_threads(void) { return process_threads(); }
static int64_t flat_memory(void) { return process_memory() / 1024; }

/* What is looked at, and how much it may grow from the first sample to the last: Go's runtime starts a thread now and
 * then, its memory sways, and of the clients some are without a handle at times. */
static struct quantity {
    const char *name;
    int64_t (*read)(void);
    double slack;
    int64_t samples[SAMPLES];
} quantities[] = {
    {"descriptors", flat_descriptors, 4, {0}},      {"threads", flat_threads, 4, {0}},
    {"goroutines", obe_test_goroutines, 2, {0}},    {"handles", obe_test_live, 2, {0}},
    {"resident memory, kB", flat_memory, 8192, {0}},
};
static int sampled;

/* Takes one sample of each. The collector runs first, so that its garbage is not counted. */
static inline void flat_sample(void)
{
    int i;

    CHECK(sampled < SAMPLES);
    obe_test_collect();
    for (i = 0; i < LENGTH(quantities); i++)
        quantities[i].samples[sampled] = quantities[i].read();
    sampled++;
}

static inline int flat_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The growth from the first sample to the last by the median of the slopes between all pairs (Theil and Sen), which a
 * sample that sticks out does not move. */
static inline double flat_growth(const int64_t *samples, int n)
{
    double *slopes = malloc(sizeof *slopes * (size_t)n * (size_t)n), median;
    int i, k, pairs = 0;

    CHECK(slopes != NULL);
    for (i = 0; i < n; i++)
        for (k = i + 1; k < n; k++)
            slopes[pairs++] = (double)(samples[k] - samples[i]) / (k - i);
    qsort(slopes, (size_t)pairs, sizeof *slopes, flat_order);
    median = slopes[pairs / 2];
    free(slopes);
    return median * (n - 1);
}

static inline void flat_check(void)
{
    enum { FEWEST = 8 };
    int i, grown = 0;

    CHECK(sampled >= FEWEST);
    printf("\n%-20s %10s %10s %10s %10s   (%d samples)\n", "", "first", "last", "growth", "at most", sampled);
    for (i = 0; i < LENGTH(quantities); i++) {
        struct quantity *q = &quantities[i];
        double growth = flat_growth(q->samples, sampled);

        printf("%-20s %10" PRId64 " %10" PRId64 " %10.1f %10.1f\n", q->name, q->samples[0], q->samples[sampled - 1],
               growth, q->slack);
        grown += growth > q->slack;
    }
    if (grown)
        check_failed(__FILE__, __LINE__, "%d of these grow", grown);
}

#endif
