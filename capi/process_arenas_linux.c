/* Threads that Go's runtime starts, without a separate heap in the C library.
 *
 * Such a thread begins by freeing the block that it was started with, and glibc then
 * reserves 64 MB of addresses for a heap of this thread. Where addresses are limited, large
 * messages need them. So these threads leave their blocks to a thread of the program, which
 * frees them with the next block that it frees. Only threads that start others still have a
 * heap. On two cores that saves 256 MB of addresses when the library is loaded, and 64 MB
 * for each later thread. The linker replaces both functions in this library
 * (threads_linux.go). */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

void __real_free(void *block);
void __wrap_free(void *block);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);

/* A block that waits to be freed. Go's are large enough for it. */
struct left {
    struct left *next;
};

static __thread int of_go __attribute__((tls_model("initial-exec"))); /* this thread is one of Go's runtime */
static _Atomic(struct left *) blocks;
static void *(*_Atomic start_of_go)(void *); /* all threads of Go's runtime start with the same function */

static void *begin(void *argument)
{
    of_go = 1;
    return atomic_load(&start_of_go)(argument);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    atomic_store(&start_of_go, start);
    return __real_pthread_create(thread, attributes, begin, argument);
}

static void leave(struct left *block)
{
    block->next = atomic_load(&blocks);
    while (!atomic_compare_exchange_weak(&blocks, &block->next, block))
        ;
}

static void free_left(void)
{
    struct left *block = atomic_exchange(&blocks, NULL), *next;

    for (; block; block = next) {
        next = block->next;
        __real_free(block);
    }
}

void __wrap_free(void *block)
{
    if (of_go && block) {
        leave(block);
        return;
    }
    if (atomic_load_explicit(&blocks, memory_order_relaxed))
        free_left();
    __real_free(block);
}
