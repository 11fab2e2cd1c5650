/* LabVIEW's own memory: strings and arrays that only LabVIEW can resize. */
#ifndef CAPI_LABVIEW_MEMORY_H
#define CAPI_LABVIEW_MEMORY_H

#include "labview_engine.h"

/* handle is the address of a LabVIEW handle, which may be NULL: an empty string or array.
 * On success the content is replaced. On failure it is unchanged. What they return is in
 * labview_engine.h. */
int lv_put_string(uintptr_t handle, const void *bytes, int32_t size);
int lv_put_doubles(uintptr_t handle, const double *values, int32_t count);
int lv_put_matrix(uintptr_t handle, const double *values, int32_t rows, int32_t cols);

#endif
