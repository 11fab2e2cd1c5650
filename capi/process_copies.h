#include <stddef.h>

enum { CAPI_PATH = 4096 };

/* Claims the process for this copy of the library. Returns 0 if another copy has claimed
 * it, and stores the paths of both. */
int capi_claim(char own[CAPI_PATH], char other[CAPI_PATH]);
