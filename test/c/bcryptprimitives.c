/* bcryptprimitives.dll, which Go's runtime asks for random numbers, and which Wine has from version 8.x on only: this is
 * put in its place by the tests. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG size);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T size)
{
    return SystemFunction036(buffer, (ULONG)size);
}
