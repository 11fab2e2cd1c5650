/* The modules of the process: the program and all libraries, also those that were loaded
 * privately, as LabVIEW loads them. */
#ifndef CAPI_PROCESS_MODULES_H
#define CAPI_PROCESS_MODULES_H

#include <stddef.h>

/* Stores the addresses at which modules define a symbol, at most capacity of them, each
 * once. Returns how many it stored. It takes some microseconds for each module. */
size_t capi_find_symbols(const char *symbol, void **found, size_t capacity);

/* Returns the symbol of the module that contains an address, or NULL. */
void *capi_find_beside(void *address, const char *symbol);

/* Keeps the module that contains an address loaded until the process ends. */
void capi_keep_loaded(void *address);

/* Stores the path of the module that contains an address, in UTF-8, with a NUL. */
void capi_module_path(void *address, char *path, size_t size);

#endif
