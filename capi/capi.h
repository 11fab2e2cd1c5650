/* What the export files share: the generated header, so that the compiler holds
 * cgo's prototypes against it, and names for types that a Go signature cannot
 * spell. */
#ifndef CAPI_H
#define CAPI_H

/* What a program passes as "void *user" is its own business and may be any
 * number; in a Go variable of pointer type, such a number can end the process.
 * So the exported function has an integer there, and the header's prototype of it
 * is put aside here. The calling convention is the same. */
#define obe_serve obe_serve_of_the_header
#include "obe.h"
#undef obe_serve
typedef uintptr_t obe_pointer;

typedef const char obe_cchar;
typedef const double obe_cdouble;

/* The C functions that cgo makes of the exported ones enter Go by this name; on Linux,
 * entry.c comes before. */
#ifdef __linux__
#define crosscall2 capi_enter_go
#endif

/* Calls a function of the program's. */
obe_status capi_call(obe_handler handler, obe_message request, obe_pointer user);

#endif
