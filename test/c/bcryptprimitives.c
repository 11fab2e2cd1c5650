/* A replacement for bcryptprimitives.dll, from which Go's runtime gets random numbers. Older versions of Wine lack it; the
 * tests install this one. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG size);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T size)
{
    return SystemFunction036(buffer, (ULONG)size);
}
