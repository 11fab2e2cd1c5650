/* What -fstack-protector needs. The one of MinGW's libssp loads a provider of random numbers while the loader of
 * Windows holds its lock. This is done as in Microsoft's own start-up code. */
#include <stdint.h>
#include <windows.h>

uintptr_t __stack_chk_guard = (uintptr_t)0x2b992ddfa23249d6;

/* No thread of the library runs yet, and no caller of this is protected. */
__attribute__((constructor, no_stack_protector)) static void make_guard(void)
{
    FILETIME now;
    LARGE_INTEGER counter;
    uint64_t mixed;

    GetSystemTimeAsFileTime(&now);
    QueryPerformanceCounter(&counter);
    mixed = ((uint64_t)now.dwHighDateTime << 32 | now.dwLowDateTime) ^ (uint64_t)counter.QuadPart << 16;
    mixed ^= (uint64_t)GetCurrentProcessId() << 32 ^ (uint64_t)GetCurrentThreadId() ^ (uintptr_t)&now;
    mixed *= 0x9e3779b97f4a7c15; /* spreads the low bits */
    __stack_chk_guard ^= (uintptr_t)(mixed >> 8);
}

/* Ends the process at once, with STATUS_STACK_BUFFER_OVERRUN and no handler, as the stack is not to be trusted. */
__attribute__((noreturn)) void __stack_chk_fail(void)
{
    enum { FAILED_COOKIE_CHECK = 2 };

    __asm__ volatile("int $0x29" : : "c"(FAILED_COOKIE_CHECK));
    __builtin_unreachable();
}
