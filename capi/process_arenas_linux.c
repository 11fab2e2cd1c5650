/* Threads of Go's runtime that need no malloc arena.
 *
 * A thread that Go's runtime starts begins by freeing the block that it was started with.
 * glibc then reserves 64 MB of address space for an arena of this thread. Where address
 * space is limited, large messages need it. So these threads leave their blocks to a thread
 * of the program, which frees them along with the next block that it frees. Only a thread
 * that starts other threads still has an arena. On two cores this saves 256 MB of address
 * space when the library is loaded, and 64 MB for each later thread. The linker replaces
 * both functions within this library only (process_arenas_linux.go). */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

void __real_free(void *block);
void __wrap_free(void *block);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);

/* A block that is yet to be freed. Go's blocks are large enough for it. */
struct deferred {
    struct deferred *next;
};

static __thread int is_go_thread __attribute__((tls_model("initial-exec"))); /* Go's runtime started this thread */
static _Atomic(struct deferred *) deferred_blocks;
static void *(*_Atomic go_thread_start)(void *); /* all threads of Go's runtime start with the same function */

static void *begin_go_thread(void *argument)
{
    is_go_thread = 1;
    return atomic_load(&go_thread_start)(argument);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    atomic_store(&go_thread_start, start);
    return __real_pthread_create(thread, attributes, begin_go_thread, argument);
}

static void defer_free(struct deferred *block)
{
    block->next = atomic_load(&deferred_blocks);
    while (!atomic_compare_exchange_weak(&deferred_blocks, &block->next, block))
        ;
}

static void free_deferred(void)
{
    struct deferred *block = atomic_exchange(&deferred_blocks, NULL), *next;

    for (; block; block = next) {
        next = block->next;
        __real_free(block);
    }
}

void __wrap_free(void *block)
{
    if (is_go_thread && block) {
        defer_free(block);
        return;
    }
    if (atomic_load_explicit(&deferred_blocks, memory_order_relaxed))
        free_deferred();
    __real_free(block);
}
