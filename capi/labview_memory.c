#include "labview_memory.h"

#include <stddef.h>
#include <string.h>

/* The largest alignment of numbers. LabVIEW for 32-bit Windows packs its data. */
#ifndef LV_ALIGN
#if defined(_WIN32) && !defined(_WIN64)
#define LV_ALIGN 1
#else
#define LV_ALIGN 8
#endif
#endif

/* LabVIEW's codes of numeric types. */
enum { LV_U8 = 5, LV_DOUBLE = 10 };

/* Stores an array with these dimensions and elements in a handle. */
static int put_array(void *handle, int32_t type, size_t size, const int32_t *dims, int32_t count, const void *elements)
{
    lv_resize resize;
    size_t total = 1, head = sizeof *dims * (size_t)count, align = size < LV_ALIGN ? size : LV_ALIGN;
    unsigned char *data;
    int32_t error, i;

    error = lv_find_memory(*(void **)handle, &resize);
    if (error)
        return error;
    for (i = 0; i < count; i++)
        total *= (size_t)dims[i];
    error = resize(type, count, handle, total);
    if (error)
        return error;
    if (!*(void **)handle && !total)
        return LV_OK; /* LabVIEW may represent an empty array by a NULL handle */
    data = **(unsigned char ***)handle;
    memcpy(data, dims, head);
    if (total)
        memcpy(data + (head + align - 1) / align * align, elements, total * size);
    return LV_OK;
}

int lv_put_string(uintptr_t handle, const void *bytes, int32_t size)
{
    return put_array((void *)handle, LV_U8, 1, &size, 1, bytes);
}

int lv_put_doubles(uintptr_t handle, const double *values, int32_t count)
{
    return put_array((void *)handle, LV_DOUBLE, sizeof *values, &count, 1, values);
}

int lv_put_matrix(uintptr_t handle, const double *values, int32_t rows, int32_t cols)
{
    int32_t dims[2];

    dims[0] = rows;
    dims[1] = cols;
    return put_array((void *)handle, LV_DOUBLE, sizeof *values, dims, 2, values);
}
