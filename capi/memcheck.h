/* Requests to valgrind's memcheck. */
#ifndef MEMCHECK_H
#define MEMCHECK_H

#include <stddef.h>

/* Makes memcheck report an error if one of size bytes at address is not the program's memory.
 * Without memcheck it does nothing. */
void capi_check_addressable(const void *address, size_t size);

#endif
