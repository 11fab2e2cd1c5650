#include "process_descriptors.h"

#ifndef _WIN32
#include <sys/resource.h>

static struct rlimit limit;
static int noted;

/* Runs before Go's runtime starts: its constructor has no priority. */
__attribute__((constructor(101))) static void note_limit(void) { noted = getrlimit(RLIMIT_NOFILE, &limit) == 0; }

void capi_restore_descriptors(void)
{
    if (noted)
        setrlimit(RLIMIT_NOFILE, &limit);
}
#else
void capi_restore_descriptors(void) {}
#endif
