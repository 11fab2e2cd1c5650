#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dl_iterate_phdr, dladdr */
#endif
#include "process_modules.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

/* The names of the modules. They are collected first, because dlopen must not be called
 * while dl_iterate_phdr holds the lock of the list. */
struct names {
    char **list;
    size_t count, room;
};

static int add_name(struct dl_phdr_info *info, size_t size, void *user)
{
    struct names *names = user;
    char **larger, *copy;

    (void)size;
    if (names->count == names->room) {
        larger = realloc(names->list, (2 * names->room + 64) * sizeof *larger);
        if (!larger)
            return 1;
        names->list = larger;
        names->room = 2 * names->room + 64;
    }
    copy = strdup(info->dlpi_name ? info->dlpi_name : "");
    if (!copy)
        return 1;
    names->list[names->count++] = copy;
    return 0;
}

/* A library that is loaded. The program itself has an empty name. */
static void *open_module(const char *name) { return dlopen(*name ? name : NULL, RTLD_LAZY | RTLD_NOLOAD); }

size_t capi_find_symbols(const char *symbol, void **found, size_t capacity)
{
    struct names names = {NULL, 0, 0};
    size_t count = 0, i, k;
    void *module, *address;

    dl_iterate_phdr(add_name, &names);
    for (i = 0; i < names.count; i++) {
        module = open_module(names.list[i]);
        address = module ? dlsym(module, symbol) : NULL;
        /* A library that depends on the one with the symbol finds it too. */
        for (k = 0; k < count && found[k] != address; k++)
            ;
        if (address && k == count && count < capacity)
            found[count++] = address;
        if (module)
            dlclose(module);
        free(names.list[i]);
    }
    free(names.list);
    dlerror(); /* the failures are not those of the host program */
    return count;
}

void *capi_find_beside(void *address, const char *symbol)
{
    Dl_info info;
    void *module, *found;

    if (!dladdr(address, &info) || !info.dli_fname)
        return NULL;
    module = open_module(info.dli_fname);
    if (!module)
        module = open_module(""); /* the program, which has another name in the list */
    found = module ? dlsym(module, symbol) : NULL;
    if (module)
        dlclose(module);
    dlerror();
    return found;
}

void capi_keep_loaded(void *address)
{
    Dl_info info;

    /* The program itself has another name in the list, and stays loaded anyway. */
    if (dladdr(address, &info) && info.dli_fname)
        dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    dlerror();
}

void capi_module_path(void *address, char *path, size_t size)
{
    Dl_info info;
    const char *name = dladdr(address, &info) && info.dli_fname ? info.dli_fname : "";

    path[0] = 0;
    strncat(path, name, size - 1);
}
