/* Keeps the DLL loaded. A Go runtime cannot be unloaded, but LabVIEW frees a library
 * together with the last VI that uses it. The DLL pins itself while it is being loaded,
 * since FreeLibrary may be called before Go has started. The call needs no lock other than
 * the loader's, which this thread holds already. */
#include <windows.h>

static void __attribute__((constructor)) pin(void)
{
    HMODULE self;

    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, (LPCWSTR)(void *)pin,
                       &self);
}
