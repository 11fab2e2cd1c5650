#ifndef LABVIEW_MANAGER_H
#define LABVIEW_MANAGER_H

#include <stddef.h>
#include <stdint.h>

extern int32_t manager_failure; /* what it returns instead of memory; 0: it has some */
extern int32_t manager_packing; /* to what data is aligned at most: 8, or 1 as on 32-bit Windows */

extern int manager_frugal;      /* nothing has no handle */

int32_t NumericArrayResize(int32_t type, int32_t dims, void *handle, size_t total);

/* The size of what a handle holds, -1 if something was written beyond it. */
int64_t manager_check(void *handle);
void manager_free(void *handle);

#endif
