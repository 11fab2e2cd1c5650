#include "statics.h"

void *capi_quarantine[CAPI_QUARANTINE];
char *capi_texts[CAPI_TEXTS];
