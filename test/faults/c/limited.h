/* What the host programs share whose address space is limited once. */
#define _DEFAULT_SOURCE
#include <obe.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Leaves the process so many MiB of addresses more than it has. */
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

static void tell(const char *call, obe_status status)
{
    printf("%s %" PRId32 "\n", call, status);
    fflush(stdout);
}
