/* A program for Windows as Microsoft's compiler would build it. It uses only the library and ExitProcess, because
 * Microsoft's C library does not exist on other systems. */
#include "obe.h"

__declspec(dllimport) __declspec(noreturn) void __stdcall ExitProcess(unsigned int status);

void start(void)
{
    obe_socket server = 0;
    int32_t port = 0;
    const char *version = obe_version();

    if (version[0] != OBE_VERSION[0] || obe_server_new(NULL, 0, &server) != OBE_OK ||
        obe_port(server, &port) != OBE_OK || port == 0 || obe_free(server) != OBE_OK ||
        obe_free(server) != OBE_E_HANDLE)
        ExitProcess(1);
    ExitProcess(42);
}
