/* What -fstack-protector needs. MinGW's libssp would load a random number provider while the
 * loader of Windows holds its lock. This does what Microsoft's own start-up code does. */
#include <stdint.h>
#include <windows.h>

uintptr_t __stack_chk_guard = (uintptr_t)0x2b992ddfa23249d6;

/* No thread of the library runs yet, and the callers of this function are not protected, so
 * the value can change. */
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

/* Ends the process at once with STATUS_STACK_BUFFER_OVERRUN, and runs no handler, since the
 * stack cannot be trusted. */
__attribute__((noreturn)) void __stack_chk_fail(void)
{
    enum { FAILED_COOKIE_CHECK = 2 };

    __asm__ volatile("int $0x29" : : "c"(FAILED_COOKIE_CHECK));
    __builtin_unreachable();
}
