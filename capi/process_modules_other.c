//go:build !linux && !windows

#include "process_modules.h"

#include <dlfcn.h>
#include <string.h>

/* The first definition only. LabVIEW is not supported on these systems. */
size_t capi_find_symbols(const char *symbol, void **found, size_t capacity)
{
    void *address = dlsym(RTLD_DEFAULT, symbol);

    if (!address || !capacity)
        return 0;
    *found = address;
    return 1;
}

void *capi_find_beside(void *address, const char *symbol)
{
    (void)address;
    return dlsym(RTLD_DEFAULT, symbol);
}

void capi_keep_loaded(void *address) { (void)address; }

void capi_module_path(void *address, char *path, size_t size)
{
    Dl_info info;
    const char *name = dladdr(address, &info) && info.dli_fname ? info.dli_fname : "";

    path[0] = 0;
    strncat(path, name, size - 1);
}
