#include "kept.h"

uintptr_t capi_quarantine[CAPI_QUARANTINE];
char *capi_texts[CAPI_TEXTS];
