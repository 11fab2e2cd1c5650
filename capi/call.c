//go:build !linux

#include "capi.h"

obe_status capi_call(obe_handler handler, obe_message request, obe_pointer user) {
    return handler(request, (void *)user);
}
