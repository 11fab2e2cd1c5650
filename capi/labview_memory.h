/* LabVIEW's own memory: strings and arrays that only LabVIEW can resize. Its functions
 * for that are looked up in the running program when they are first needed, because only
 * LabVIEW could load a library that is linked with them. */
#ifndef CAPI_LABVIEW_MEMORY_H
#define CAPI_LABVIEW_MEMORY_H

#include <stdint.h>

/* What the functions return in addition to LabVIEW's error codes, which are positive. */
#define LV_OK 0
#define LV_NOT_LABVIEW (-1) /* this program is not LabVIEW */

/* handle is the address of a LabVIEW handle, which may be NULL: an empty string or array.
 * On success the content is replaced. On failure it is unchanged. */
int lv_put_string(uintptr_t handle, const void *bytes, int32_t size);
int lv_put_doubles(uintptr_t handle, const double *values, int32_t count);
int lv_put_matrix(uintptr_t handle, const double *values, int32_t rows, int32_t cols);

#endif
