#ifndef LABVIEW_MANAGER_H
#define LABVIEW_MANAGER_H

#include <stddef.h>
#include <stdint.h>

extern int32_t manager_error;     /* the error that it returns; 0: none */
extern int32_t manager_alignment; /* the largest alignment of data: 8, or 1 as on 32-bit Windows */
extern int manager_null_if_empty; /* an empty array has a NULL handle */

int32_t NumericArrayResize(int32_t type, int32_t dims, void *handle, size_t total);

/* 0 if a handle is one of this manager. */
int32_t DSCheckHandle(void *handle);

/* Counts the event, and keeps its reference and its data, a 32-bit integer. */
int32_t PostLVUserEvent(uint32_t event, void *data);

extern int32_t manager_posts;  /* how many events were posted */
extern uint32_t manager_event; /* the reference and the data of the last one */
extern int32_t manager_event_data;
extern int32_t manager_post_error; /* the error that PostLVUserEvent returns; 0: none */

/* The size of the block of a handle, -1 if something was written beyond it. */
int64_t manager_check(void *handle);
void manager_free(void *handle);

#endif
