/* gauges.h - samples of the resources that the process uses, and the check that none of them grows. */
#ifndef GAUGES_H
#define GAUGES_H

#include "check.h"

enum { SAMPLES = 4096 }; /* at most */

static int64_t gauge_descriptors(void) { return process_descriptors(); }
static int64_t gauge_threads(void) { return process_threads(); }
static int64_t gauge_memory(void) { return process_memory() / 1024; }

/* The gauges, and how much each may grow from the first sample to the last: Go's runtime starts a thread occasionally, its
 * memory varies, and at times some clients have no handle. */
static struct gauge {
    const char *name;
    int64_t (*read)(void);
    double tolerance;
    int64_t samples[SAMPLES];
} gauges[] = {
    {"descriptors", gauge_descriptors, 4, {0}},       {"threads", gauge_threads, 4, {0}},
    {"goroutines", obe_test_goroutines, 2, {0}},      {"handles", obe_test_live, 2, {0}},
    {"resident memory, kB", gauge_memory, 8192, {0}},
};
static int sampled;

/* Samples each gauge, after a garbage collection. */
static inline void gauges_sample(void)
{
    int i;

    CHECK(sampled < SAMPLES);
    obe_test_collect();
    for (i = 0; i < LENGTH(gauges); i++)
        gauges[i].samples[sampled] = gauges[i].read();
    sampled++;
}

static inline int gauges_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The growth from the first sample to the last by the median of the slopes between all pairs (the Theil-Sen estimator),
 * which is robust against outliers. */
static inline double gauges_growth(const int64_t *samples, int n)
{
    double *slopes = malloc(sizeof *slopes * (size_t)n * (size_t)n), median;
    int i, k, pairs = 0;

    CHECK(slopes != NULL);
    for (i = 0; i < n; i++)
        for (k = i + 1; k < n; k++)
            slopes[pairs++] = (double)(samples[k] - samples[i]) / (k - i);
    qsort(slopes, (size_t)pairs, sizeof *slopes, gauges_order);
    median = slopes[pairs / 2];
    free(slopes);
    return median * (n - 1);
}

static inline void gauges_check(void)
{
    enum { FEWEST = 8 };
    int i, grown = 0;

    CHECK(sampled >= FEWEST);
    printf("\n%-20s %10s %10s %10s %10s   (%d samples)\n", "", "first", "last", "growth", "at most", sampled);
    for (i = 0; i < LENGTH(gauges); i++) {
        struct gauge *g = &gauges[i];
        double growth = gauges_growth(g->samples, sampled);

        printf("%-20s %10" PRId64 " %10" PRId64 " %10.1f %10.1f\n", g->name, g->samples[0], g->samples[sampled - 1],
               growth, g->tolerance);
        grown += growth > g->tolerance;
    }
    if (grown)
        check_failed(__FILE__, __LINE__, "%d of these gauges grow", grown);
}

#endif
