//go:build !linux

#include "capi.h"
#include "obe.h"

void capi_call(uintptr_t handler, obe_message request, uintptr_t user)
{
    ((obe_handler)handler)(request, (void *)user);
}
