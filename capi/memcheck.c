#include "memcheck.h"

#include <stdint.h>

/* The numbers and the instructions are the interface of valgrind that valgrind.h and
 * memcheck.h define. The instructions have no effect on a processor. */
void capi_check_addressable(const void *address, size_t size)
{
#if defined __linux__ && defined __x86_64__
    enum { CHECK_MEM_IS_ADDRESSABLE = 0x4d430004 };
    volatile uint64_t request[6] = {CHECK_MEM_IS_ADDRESSABLE, (uint64_t)(uintptr_t)address, size, 0, 0, 0};
    uint64_t result = 0;

    __asm__ volatile("rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi; xchgq %%rbx, %%rbx"
                     : "=d"(result)
                     : "a"(&request[0]), "0"(result)
                     : "cc", "memory");
#else
    (void)address, (void)size;
#endif
}
