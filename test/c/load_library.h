/* load_library.h - loads the library at run time, in a program that is not linked with it. */
#ifndef LOAD_LIBRARY_H
#define LOAD_LIBRARY_H

#include "check.h"

#ifdef _WIN32

static inline void *library_open(const char *path) { return (void *)LoadLibraryA(path); }
static inline int library_close(void *library) { return FreeLibrary(library) != 0; }
static inline void *library_find(void *library, const char *name)
{
    FARPROC found = GetProcAddress(library, name);
    void *function;

    memcpy(&function, &found, sizeof function);
    return function;
}

static inline const char *library_error(void)
{
    static char text[32];

    snprintf(text, sizeof text, "error %lu", (unsigned long)GetLastError());
    return text;
}

#else

#include <dlfcn.h>

static inline void *library_open(const char *path) { return dlopen(path, RTLD_NOW | RTLD_LOCAL); }
static inline int library_close(void *library) { return dlclose(library) == 0; }
static inline void *library_find(void *library, const char *name) { return dlsym(library, name); }
static inline const char *library_error(void) { return dlerror(); }

#endif

/* The functions of the library that the program calls. ISO C cannot convert a pointer to an object to a pointer to a
 * function, so find copies it. */
static struct {
    obe_status (*client_new)(const char *, int32_t, obe_socket *);
    obe_status (*server_new)(const char *, int32_t, obe_socket *);
    obe_status (*free)(obe_socket);
    obe_status (*send)(obe_socket, const char *, int64_t, int64_t);
    obe_status (*receive)(obe_socket, char *, int64_t, int64_t *, int64_t);
    obe_status (*port)(obe_socket, int32_t *);
    const char *(*version)(void);
} obe;

static const char *path;

static inline void find(void *library, const char *name, void *function)
{
    void *found = library_find(library, name);

    CHECK(found != NULL);
    memcpy(function, &found, sizeof found);
}

static inline void *load(void)
{
    void *library = library_open(path);

    if (!library)
        check_failed(__FILE__, __LINE__, "%s cannot be loaded: %s", path, library_error());
    find(library, "obe_client_new", &obe.client_new);
    find(library, "obe_server_new", &obe.server_new);
    find(library, "obe_free", &obe.free);
    find(library, "obe_send", &obe.send);
    find(library, "obe_receive", &obe.receive);
    find(library, "obe_port", &obe.port);
    find(library, "obe_version", &obe.version);
    return library;
}

static inline void exchange(void)
{
    obe_socket server = 0, client = 0;
    int32_t port = 0;
    char text[16];
    int64_t length;

    CHECK(strcmp(obe.version(), OBE_VERSION) == 0);
    CHECK_EQUAL(OBE_OK, obe.server_new(NULL, 0, &server));
    CHECK_EQUAL(OBE_OK, obe.port(server, &port));
    CHECK_EQUAL(OBE_OK, obe.client_new(NULL, port, &client));
    CHECK_EQUAL(OBE_OK, obe.send(client, "[1]", -1, TEST_TIMEOUT));
    CHECK_EQUAL(OBE_OK, obe.receive(server, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK(strcmp(text, "[1]") == 0);
    CHECK_EQUAL(OBE_OK, obe.send(server, "[2]", -1, TEST_TIMEOUT));
    CHECK_EQUAL(OBE_OK, obe.receive(client, text, sizeof text, &length, TEST_TIMEOUT));
    CHECK(strcmp(text, "[2]") == 0);
    CHECK_EQUAL(OBE_OK, obe.free(client));
    CHECK_EQUAL(OBE_OK, obe.free(server));
}

static inline void load_and_unload(void)
{
    enum { ROUNDS = 50 };
    int i;

    for (i = 0; i < ROUNDS; i++) {
        void *library = load();

        exchange();
        CHECK(library_close(library));
        /* The library cannot be unloaded: its functions stay callable. */
        CHECK(strcmp(obe.version(), OBE_VERSION) == 0);
    }
}

#endif
