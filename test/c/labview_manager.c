/* A replacement for LabVIEW's run-time engine: the functions that the library uses. Its blocks move at each call and
 * have guard bytes on both sides. A test program is linked with it, and the library finds it there as it would in
 * LabVIEW. */
#include "labview_manager.h"

#include <stdlib.h>
#include <string.h>

enum { GUARD = 64, GARBAGE = 0xA5, U8 = 5, DOUBLE = 10 };

int32_t manager_error;
int32_t manager_alignment = 8;
int manager_null_if_empty;
int32_t manager_posts, manager_event_data, manager_post_error;
uint32_t manager_event;

/* What a handle points to. In LabVIEW too it begins with the address of the data. */
struct block {
    unsigned char *data;
    size_t size;
    const void *owner; /* the engine: a process may have two */
};

static unsigned char *allocate(size_t size)
{
    unsigned char *memory = malloc(size + 2 * GUARD);

    if (!memory)
        abort();
    memset(memory, GARBAGE, size + 2 * GUARD);
    return memory + GUARD;
}

static void deallocate(unsigned char *data, size_t size)
{
    memset(data - GUARD, 0xDD, size + 2 * GUARD);
    free(data - GUARD);
}

int32_t NumericArrayResize(int32_t type, int32_t dims, void *handle, size_t total)
{
    struct block **block = handle;
    size_t element = type == DOUBLE ? 8 : 1;
    size_t alignment = element < (size_t)manager_alignment ? element : (size_t)manager_alignment;
    size_t head = ((size_t)dims * 4 + alignment - 1) / alignment * alignment, size = head + total * element;
    unsigned char *data;

    if ((type != DOUBLE && type != U8) || dims < 1 || dims > 2)
        return 1; /* mgArgErr */
    if (manager_error)
        return manager_error;
    if (manager_null_if_empty && !total) {
        manager_free(*block);
        *block = NULL;
        return 0;
    }
    data = allocate(size);
    if (!*block) {
        *block = calloc(1, sizeof **block);
        if (!*block)
            abort();
        (*block)->owner = &manager_error;
    } else {
        memcpy(data, (*block)->data, size < (*block)->size ? size : (*block)->size);
        deallocate((*block)->data, (*block)->size);
    }
    (*block)->data = data;
    (*block)->size = size;
    return 0;
}

int32_t DSCheckHandle(void *handle) { return ((struct block *)handle)->owner == &manager_error ? 0 : 3; }

int32_t PostLVUserEvent(uint32_t event, void *data)
{
    manager_event = event;
    memcpy(&manager_event_data, data, sizeof manager_event_data);
    __atomic_fetch_add(&manager_posts, 1, __ATOMIC_SEQ_CST);
    return manager_post_error;
}

int64_t manager_check(void *handle)
{
    struct block *block = handle;
    int i;

    if (!block)
        return 0;
    for (i = 0; i < GUARD; i++)
        if (block->data[-1 - i] != GARBAGE || block->data[block->size + (size_t)i] != GARBAGE)
            return -1;
    return (int64_t)block->size;
}

void manager_free(void *handle)
{
    struct block *block = handle;

    if (block) {
        deallocate(block->data, block->size);
        free(block);
    }
}
