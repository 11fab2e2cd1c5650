#include "process_descriptors.h"

#ifndef _WIN32
#include <sys/resource.h>

static struct rlimit found;
static int known;

/* Before Go's runtime, whose own constructor has no priority. */
__attribute__((constructor(101))) static void look(void)
{
    known = getrlimit(RLIMIT_NOFILE, &found) == 0;
}

void capi_restore_descriptors(void)
{
    if (known)
        setrlimit(RLIMIT_NOFILE, &found);
}
#else
void capi_restore_descriptors(void) {}
#endif
