/* limited.h - shared by the host programs that limit their address space once. */
#define _DEFAULT_SOURCE
#include <obe.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Limits the address space to its present size plus this many MiB. */
static void limit(long left)
{
    struct rlimit most;
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");

    if (!statm || fscanf(statm, "%ld", &pages) != 1) {
        perror("statm");
        exit(1);
    }
    fclose(statm);
    most.rlim_cur = most.rlim_max = (rlim_t)(pages * sysconf(_SC_PAGESIZE) + (left << 20));
    if (setrlimit(RLIMIT_AS, &most) != 0) {
        perror("setrlimit");
        exit(1);
    }
}

static void report(const char *call, obe_status status)
{
    printf("%s %" PRId32 "\n", call, status);
    fflush(stdout);
}
