/* The library in a Windows process that loads it at run time: it is freed and loaded again, the program handles its own
 * exceptions, starts child processes, and exits during a call. On other systems these are tests of dlopen.c and
 * process.c.
 *
 *     windows LIBRARY            the tests
 *     windows LIBRARY ROLE ...   a process that the tests start */
#include "load_library.h"

static const char *self;

/* ---- processes ---- */

/* Starts this program in a role. It inherits every inheritable handle. */
static HANDLE start_self(const char *role)
{
    STARTUPINFOA startup;
    PROCESS_INFORMATION started;
    char command[1024];

    memset(&startup, 0, sizeof startup);
    startup.cb = sizeof startup;
    snprintf(command, sizeof command, "\"%s\" \"%s\" %s", self, path, role);
    CHECK(CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &started));
    CloseHandle(started.hThread);
    return started.hProcess;
}

static DWORD wait_for(HANDLE process)
{
    DWORD status = 0;

    CHECK(WaitForSingleObject(process, TEST_TIMEOUT) == WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(process, &status));
    CloseHandle(process);
    return status;
}

static DWORD run_self(const char *role) { return wait_for(start_self(role)); }

/* ---- loading ---- */

/* The library is freed before Go's runtime has had time to start. This is the first test: the library is not loaded
 * yet. */
static void freed_at_once(void)
{
    void *library = library_open(path);

    CHECK(library != NULL);
    CHECK(library_close(library));
    CHECK(GetModuleHandleA(path) == library);
    CHECK(load() == library);
    exchange();
}

/* The same in many processes, because each has only one first load. */
static void freed_at_once_in_processes(void)
{
    enum { PROCESSES = 10 };
    int i;

    for (i = 0; i < PROCESSES; i++)
        CHECK_EQUAL(0, run_self("load"));
}

/* ---- access violations of the program ---- */

static char *forbidden;      /* an inaccessible page */
static volatile int handled; /* volatile: the compiler does not know that handle is called */

/* Makes the page accessible and continues the program. */
static LONG CALLBACK handle(EXCEPTION_POINTERS *exception)
{
    DWORD before;

    if (exception->ExceptionRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION ||
        exception->ExceptionRecord->ExceptionInformation[1] != (ULONG_PTR)forbidden)
        return EXCEPTION_CONTINUE_SEARCH;
    handled++;
    CHECK(VirtualProtect(forbidden, 1, PAGE_READWRITE, &before));
    return EXCEPTION_CONTINUE_EXECUTION;
}

/* The program handles its own access violations, whether its handler is called first or last. */
static void crashes_are_handled(void)
{
    enum { ROUNDS = 10 };
    void *handler;
    int i;

    forbidden = memory_edge();
    for (i = 0; i < ROUNDS; i++) {
        handler = AddVectoredExceptionHandler(i % 2, handle);
        CHECK(handler != NULL);
        exchange();
        *(volatile char *)forbidden = 1;
        CHECK_EQUAL(i + 1, handled);
        CHECK(memory_forbid(forbidden, 1));
        CHECK(RemoveVectoredExceptionHandler(handler));
    }
}

static LONG CALLBACK end(EXCEPTION_POINTERS *exception)
{
    (void)exception;
    return EXCEPTION_EXECUTE_HANDLER; /* ends the process without starting a debugger */
}

/* An unhandled one ends the process as it does without the library. */
static int crash(void)
{
    SetUnhandledExceptionFilter(end);
    load();
    exchange();
    *(volatile char *)memory_edge() = 1;
    return 97;
}

static void crashes_end_the_process(void) { CHECK_EQUAL((int64_t)EXCEPTION_ACCESS_VIOLATION, run_self("crash")); }

/* ---- child processes ---- */

static HANDLE inherited_event(void)
{
    SECURITY_ATTRIBUTES inherited;
    HANDLE event;

    inherited.nLength = sizeof inherited;
    inherited.lpSecurityDescriptor = NULL;
    inherited.bInheritHandle = TRUE;
    event = CreateEventA(&inherited, TRUE, FALSE, NULL);
    CHECK(event != NULL);
    return event;
}

/* Signals the first event and waits for the second. */
static int stay(char **events)
{
    SetEvent((HANDLE)(uintptr_t)strtoul(events[0], NULL, 10));
    return WaitForSingleObject((HANDLE)(uintptr_t)strtoul(events[1], NULL, 10), TEST_TIMEOUT) != WAIT_OBJECT_0;
}

/* A child process inherits no connection and no port. */
static void nothing_is_inherited(void)
{
    HANDLE there = inherited_event(), leave = inherited_event(), child;
    obe_socket server = 0, client = 0;
    int32_t server_port = 0, port;
    int listener = raw_listen(&port, 1), accepted, guest;
    char role[64], text[16];
    int64_t length;

    CHECK_EQUAL(OBE_OK, obe.server_new(NULL, 0, &server));
    CHECK_EQUAL(OBE_OK, obe.port(server, &server_port));
    guest = raw_connect(server_port);
    raw_write_text(guest, "0000000003[1]");
    CHECK_EQUAL(OBE_OK, obe.receive(server, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK_EQUAL(OBE_OK, obe.client_new(NULL, port, &client));
    CHECK_EQUAL(OBE_OK, obe.send(client, "[1]", -1, TEST_TIMEOUT));
    accepted = raw_accept(listener);

    snprintf(role, sizeof role, "stay %lu %lu", (unsigned long)(uintptr_t)there, (unsigned long)(uintptr_t)leave);
    child = start_self(role);
    CHECK(WaitForSingleObject(there, TEST_TIMEOUT) == WAIT_OBJECT_0);
    CHECK_EQUAL(OBE_OK, obe.free(server));
    CHECK(raw_ended(guest));
    CHECK_EQUAL(OBE_OK, obe.server_new(NULL, server_port, &server));
    CHECK_EQUAL(OBE_OK, obe.free(server));
    CHECK_EQUAL(OBE_OK, obe.free(client));
    CHECK_EQUAL(13, (int64_t)raw_read(accepted, text, sizeof text));
    CHECK(WaitForSingleObject(child, 0) == WAIT_TIMEOUT); /* it is still running */

    CHECK(SetEvent(leave));
    CHECK_EQUAL(0, wait_for(child));
    CloseHandle(there);
    CloseHandle(leave);
    socket_close(guest);
    socket_close(accepted);
    socket_close(listener);
}

/* ---- the end of the process ---- */

static obe_status receive_forever(void *h)
{
    char buffer[64];
    int64_t size;

    return obe.receive(h, buffer, sizeof buffer, &size, OBE_FOREVER);
}

static struct caller blocked;

/* Exits during a blocked call, by exit or by returning from main. */
static int exit_during_call(int by_exit)
{
    obe_socket server = 0;

    load();
    CHECK_EQUAL(OBE_OK, obe.server_new(NULL, 0, &server));
    caller_start(&blocked, receive_forever, server);
    if (by_exit)
        exit(7);
    return 7;
}

static void exit_while_blocked(void)
{
    CHECK_EQUAL(7, run_self("exit"));
    CHECK_EQUAL(7, run_self("return"));
}

int main(int argc, char **argv)
{
    const char *role = argc > 2 ? argv[2] : "";

    CHECK(argc > 1);
    self = argv[0];
    path = argv[1];
    if (strcmp(role, "load") == 0) {
        freed_at_once();
        return 0;
    }
    if (strcmp(role, "crash") == 0)
        return crash();
    if (strcmp(role, "stay") == 0 && argc == 5)
        return stay(argv + 3);
    if (strcmp(role, "exit") == 0 || strcmp(role, "return") == 0)
        return exit_during_call(role[0] == 'e');
    RUN(freed_at_once);
    RUN(load_and_unload);
    RUN(freed_at_once_in_processes);
    RUN(crashes_are_handled);
    RUN(crashes_end_the_process);
    RUN(nothing_is_inherited);
    RUN(exit_while_blocked);
    return 0;
}
