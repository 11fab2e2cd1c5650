#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT */
#endif
#include "labview_memory.h"

#include <stddef.h>
#include <string.h>

/* To what numbers are aligned at most: LabVIEW for 32-bit Windows packs its data. */
#ifndef LV_ALIGN
#if defined(_WIN32) && !defined(_WIN64)
#define LV_ALIGN 1
#else
#define LV_ALIGN 8
#endif
#endif

/* LabVIEW's codes for types of numbers. */
enum { LV_U8 = 5, LV_DOUBLE = 10 };

/* int32 NumericArrayResize(type, dimensions, pointer to a handle, elements in all):
 * makes room in a handle, and the handle itself if it is NULL. It does not write
 * the dimensions. */
typedef int32_t (*lv_resize)(int32_t type, int32_t dims, void *handle, size_t total);

#ifdef _WIN32
#include <windows.h>

static lv_resize find_resize(void)
{
    /* The development system, and the engines of built programs. */
    static const char *const homes[] = {"LabVIEW.exe", "lvffrt.dll", "lvrt.dll"};
    size_t i;

    for (i = 0; i < sizeof homes / sizeof homes[0]; i++) {
        HMODULE home = GetModuleHandleA(homes[i]);
        FARPROC found = home ? GetProcAddress(home, "NumericArrayResize") : NULL;

        if (found)
            return (lv_resize)(void (*)(void))found;
    }
    return NULL;
}
#else
#include <dlfcn.h>

static lv_resize find_resize(void)
{
    lv_resize resize;

    *(void **)&resize = dlsym(RTLD_DEFAULT, "NumericArrayResize");
    return resize;
}
#endif

/* Makes the handle hold an array with these dimensions and elements. */
static int put(void *handle, int32_t type, size_t size, const int32_t *dims, int32_t count, const void *elements)
{
    static lv_resize known; /* threads that look at the same time find the same */
    lv_resize resize = __atomic_load_n(&known, __ATOMIC_ACQUIRE);
    size_t total = 1, head = sizeof *dims * (size_t)count, align = size < LV_ALIGN ? size : LV_ALIGN;
    unsigned char *data;
    int32_t failure, i;

    if (!resize) {
        resize = find_resize();
        if (!resize)
            return LV_OUTSIDE;
        __atomic_store_n(&known, resize, __ATOMIC_RELEASE);
    }
    for (i = 0; i < count; i++)
        total *= (size_t)dims[i];
    failure = resize(type, count, handle, total);
    if (failure)
        return failure;
    if (!*(void **)handle && !total)
        return LV_OK; /* nothing may have no handle at all */
    data = **(unsigned char ***)handle;
    memcpy(data, dims, head);
    if (total)
        memcpy(data + (head + align - 1) / align * align, elements, total * size);
    return LV_OK;
}

int lv_put_string(uintptr_t handle, const void *bytes, int32_t size)
{
    return put((void *)handle, LV_U8, 1, &size, 1, bytes);
}

int lv_put_list(uintptr_t handle, const double *values, int32_t count)
{
    return put((void *)handle, LV_DOUBLE, sizeof *values, &count, 1, values);
}

int lv_put_table(uintptr_t handle, const double *values, int32_t rows, int32_t cols)
{
    int32_t dims[2];

    dims[0] = rows;
    dims[1] = cols;
    return put((void *)handle, LV_DOUBLE, sizeof *values, dims, 2, values);
}
