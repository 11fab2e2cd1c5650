#include "quarantine.h"

uintptr_t capi_quarantine[CAPI_QUARANTINE];
