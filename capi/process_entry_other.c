//go:build !linux

#include "capi.h"
#include "obe.h"

obe_status capi_call(uintptr_t handler, obe_message request, uintptr_t user) {
    return ((obe_handler)handler)(request, (void *)user);
}
