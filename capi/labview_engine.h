/* The run-time engine of LabVIEW in this process. Its functions are looked up when they are
 * first needed, because only LabVIEW could load a library that is linked with them. */
#ifndef CAPI_LABVIEW_ENGINE_H
#define CAPI_LABVIEW_ENGINE_H

#include <stddef.h>
#include <stdint.h>

/* What the functions return in addition to LabVIEW's error codes, which are positive. */
#define LV_OK 0
#define LV_NOT_LABVIEW (-1) /* this program is not LabVIEW */
#define LV_SEVERAL (-2)     /* there are several engines, and it is unclear which one is meant */

/* int32 NumericArrayResize(type, number of dimensions, pointer to a handle, number of
 * elements): resizes the block of a handle, and allocates the handle if it is NULL. It
 * does not write the sizes of the dimensions. */
typedef int32_t (*lv_resize)(int32_t type, int32_t dims, void *handle, size_t total);

/* Finds the engine whose memory the block of a handle is. The handle may be NULL. */
int lv_find_memory(void *handle, lv_resize *resize);

/* Finds the function of the engine that posts user events. */
int lv_find_post(uintptr_t *post);

/* Posts a user event whose data is a 32-bit integer, with the function that was found. */
int lv_post(uintptr_t post, uint32_t event, int32_t data);

#endif
