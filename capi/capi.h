/* What the files of the package share: the types of the headers, without their
 * prototypes. The exported functions have integers where the headers have pointers
 * (args.go), so abi.c holds cgo's prototypes against the headers' in that form, and
 * call.c these types against those of obe.h. */
#ifndef CAPI_H
#define CAPI_H

#include <stdint.h>

#define OBE_HANDLES_ARE_INTEGERS
typedef uintptr_t obe_socket;
typedef uintptr_t obe_message;
typedef int32_t obe_status;

typedef const char obe_cchar; /* const, which a Go signature cannot spell */

/* The C functions that cgo makes of the exported ones enter Go by this name; on Linux,
 * entry.c comes before. */
#ifdef __linux__
#define crosscall2 capi_enter_go
#endif

/* Calls a function of the program's. */
obe_status capi_call(uintptr_t handler, obe_message request, uintptr_t user);

#endif
