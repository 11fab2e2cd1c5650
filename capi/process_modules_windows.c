#define PSAPI_VERSION 2 /* the functions are in kernel32.dll */
#include "process_modules.h"

#include <windows.h>

#include <psapi.h>
#include <stdlib.h>

/* Returns the module that contains an address, and keeps it loaded, or NULL. */
static HMODULE hold_module(const void *address)
{
    HMODULE module;

    return GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, (LPCWSTR)address, &module) ? module : NULL;
}

static void *find(HMODULE module, const char *symbol) { return (void *)(size_t)GetProcAddress(module, symbol); }

size_t capi_find_symbols(const char *symbol, void **found, size_t capacity)
{
    HMODULE *modules = NULL, *larger, module;
    DWORD room = 0, needed = 256 * sizeof *modules;
    size_t count = 0, i, k;
    void *address;

    /* Modules may be loaded between two calls. */
    do {
        room = needed;
        larger = realloc(modules, room);
        if (!larger || !EnumProcessModules(GetCurrentProcess(), larger, room, &needed)) {
            free(larger ? larger : modules);
            return 0;
        }
        modules = larger;
    } while (needed > room);
    for (i = 0; i < needed / sizeof *modules; i++) {
        module = hold_module((const void *)modules[i]);
        address = module ? find(module, symbol) : NULL;
        for (k = 0; k < count && found[k] != address; k++)
            ;
        if (address && k == count && count < capacity)
            found[count++] = address;
        if (module)
            FreeLibrary(module);
    }
    free(modules);
    return count;
}

void *capi_find_beside(void *address, const char *symbol)
{
    HMODULE module = hold_module(address);
    void *found = module ? find(module, symbol) : NULL;

    if (module)
        FreeLibrary(module);
    return found;
}

void capi_keep_loaded(void *address)
{
    HMODULE module;

    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, (LPCWSTR)address,
                       &module);
}

void capi_module_path(void *address, char *path, size_t size)
{
    WCHAR wide[1024];
    HMODULE module = hold_module(address);

    path[0] = 0;
    if (!module)
        return;
    if (!GetModuleFileNameW(module, wide, sizeof wide / sizeof *wide) ||
        !WideCharToMultiByte(CP_UTF8, 0, wide, -1, path, (int)size, NULL, NULL))
        path[0] = 0;
    FreeLibrary(module);
}
