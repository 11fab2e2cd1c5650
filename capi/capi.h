/* The C types that the files of this package share: those of the headers, without their
 * prototypes. The exported functions have integers where the headers have pointers
 * (args.go). abi.c compares cgo's prototypes with the headers' in that form, and
 * process_entry_*.c compares these types with those of obe.h. */
#ifndef CAPI_H
#define CAPI_H

#include <stdint.h>

#define OBE_HANDLES_ARE_INTEGERS
typedef uintptr_t obe_socket;
typedef uintptr_t obe_message;
typedef int32_t obe_status;

typedef const char obe_cchar; /* cgo cannot spell const */

/* The C functions that cgo generates for exported ones enter Go through crosscall2. On
 * Linux they call the function in process_entry_linux.c instead. */
#ifdef __linux__
#define crosscall2 capi_enter_go
#endif

/* Calls the program's handler, an obe_handler. */
void capi_call(uintptr_t handler, obe_message request, uintptr_t user);

#endif
