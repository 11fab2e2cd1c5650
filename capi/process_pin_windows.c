/* A Go runtime cannot be unloaded, and LabVIEW frees a library with the last VI
 * that uses it; so the library stays. It says so while it is being loaded: a
 * FreeLibrary may follow before Go has begun to run. The call takes nothing but
 * the loader's lock, which this thread has then. */
#include <windows.h>

static void __attribute__((constructor)) pin(void)
{
    HMODULE self;

    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, (LPCWSTR)(void *)pin,
                       &self);
}
