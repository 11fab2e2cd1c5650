/* LabVIEW's own memory: strings and arrays that only LabVIEW can make larger. Its
 * functions for that are looked up in the running program when they are first
 * needed, as a library that is linked with them could be loaded by LabVIEW only. */
#ifndef CAPI_LABVIEW_MEMORY_H
#define CAPI_LABVIEW_MEMORY_H

#include <stdint.h>

/* What the functions return besides LabVIEW's own codes, which are positive. */
#define LV_OK      0
#define LV_OUTSIDE (-1) /* this program is not LabVIEW */

/* handle is the address of a handle of LabVIEW, which may be NULL: an empty string or
 * array. Whatever it held is replaced, or nothing is touched. */
int lv_put_string(uintptr_t handle, const void *bytes, int32_t size);
int lv_put_list(uintptr_t handle, const double *values, int32_t count);
int lv_put_table(uintptr_t handle, const double *values, int32_t rows, int32_t cols);

#endif
