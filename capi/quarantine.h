#include <stdint.h>

#define CAPI_QUARANTINE 4096

extern uintptr_t capi_quarantine[CAPI_QUARANTINE];
