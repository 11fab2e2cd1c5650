/* Two files of the library in one process.
 *
 *     copies FIRST SECOND        two copies: the calls of the second one fail
 *     copies FIRST SECOND race   both are called for the first time at the same moment: one of them works
 *     copies FIRST SECOND same   two names of one file, which is loaded once */
#include "load_library.h"

static const char *paths[2];

static struct copy {
    void *library;
    obe_status (*client_new)(const char *, int32_t, obe_socket *);
    obe_status (*free)(obe_socket);
    obe_status (*last_error)(const void *, char *, int64_t, int64_t *);
    int (*lv_server_new)(const char *, int, int *);
    int (*lv_version)(int *, int *, int *);
    const char *(*version)(void);
    obe_status status;
    volatile int *start;
} copies[2];

static void open_copy(int i)
{
    struct copy *c = &copies[i];

    c->library = library_open(paths[i]);
    if (!c->library)
        check_failed(__FILE__, __LINE__, "%s cannot be loaded: %s", paths[i], library_error());
    find(c->library, "obe_client_new", &c->client_new);
    find(c->library, "obe_free", &c->free);
    find(c->library, "obe_last_error", &c->last_error);
    find(c->library, "obe_lv_server_new", &c->lv_server_new);
    find(c->library, "obe_lv_version", &c->lv_version);
    find(c->library, "obe_version", &c->version);
}

static obe_status new_client_of(const struct copy *c)
{
    obe_socket client = 0;
    obe_status status = c->client_new(NULL, OBE_DEFAULT_PORT, &client);

    CHECK((status == OBE_OK) == (client != 0));
    if (client)
        CHECK_EQUAL(OBE_OK, c->free(client));
    return status;
}

/* The file name in a path, which Windows may spell in another way. */
static const char *file_name(const char *of)
{
    const char *name = of;

    for (; *of; of++)
        if (*of == '/' || *of == '\\')
            name = of + 1;
    return name;
}

static void check_refused(const struct copy *c)
{
    char text[16384];
    const char *first, *second;
    int handle = -1, major = -1;

    CHECK_EQUAL(OBE_E_STATE, new_client_of(c));
    CHECK_EQUAL(OBE_OK, c->last_error(NULL, text, sizeof text, NULL));
    first = strstr(text, file_name(paths[0]));
    second = first ? strstr(first + 1, file_name(paths[1])) : NULL;
    if (!first || !second || !strstr(text, "two copies of libobe"))
        check_failed(__FILE__, __LINE__, "the error message is \"%s\"", text);
    CHECK_EQUAL(OBE_E_STATE, c->lv_server_new("", 0, &handle));
    CHECK_EQUAL(0, handle);
    /* What needs no handle works, so that a program can see what it has loaded. */
    CHECK_EQUAL(OBE_OK, c->lv_version(&major, NULL, NULL));
    CHECK(major >= 0 && strcmp(c->version(), OBE_VERSION) == 0);
}

static void second_copy(void)
{
    int i;

    open_copy(0);
    CHECK_EQUAL(OBE_OK, new_client_of(&copies[0]));
    open_copy(1);
    CHECK(copies[0].client_new != copies[1].client_new);
    for (i = 0; i < 3; i++) {
        check_refused(&copies[1]);
        path = paths[0];
        load();
        exchange();
    }
}

static void *first_call(void *argument)
{
    struct copy *c = argument;

    while (!*c->start)
        ;
    c->status = new_client_of(c);
    return NULL;
}

static void race(void)
{
    volatile int start = 0;
    pthread_t threads[2];
    obe_status again;
    int i;

    for (i = 0; i < 2; i++) {
        open_copy(i);
        copies[i].start = &start;
        threads[i] = start_thread(first_call, &copies[i]);
    }
    start = 1;
    for (i = 0; i < 2; i++)
        join_thread(threads[i]);
    for (i = 0; i < 2; i++)
        CHECK(copies[i].status == OBE_OK || copies[i].status == OBE_E_STATE);
    CHECK(copies[0].status != OBE_OK || copies[1].status != OBE_OK);
    /* If both found the other one, the next call decides. A decision stays. */
    again = new_client_of(&copies[0]);
    if (copies[0].status == copies[1].status)
        CHECK_EQUAL(OBE_OK, again);
    else
        CHECK_EQUAL(copies[0].status, again);
    CHECK_EQUAL(again == OBE_OK ? OBE_E_STATE : OBE_OK, new_client_of(&copies[1]));
}

static void same_file(void)
{
    open_copy(0);
    CHECK_EQUAL(OBE_OK, new_client_of(&copies[0]));
    open_copy(1);
    CHECK_EQUAL(OBE_OK, new_client_of(&copies[1]));
    CHECK(copies[0].client_new == copies[1].client_new);
}

int main(int argc, char **argv)
{
    CHECK(argc >= 3);
    paths[0] = argv[1];
    paths[1] = argv[2];
    if (argc > 3 && strcmp(argv[3], "race") == 0)
        RUN(race);
    else if (argc > 3)
        RUN(same_file);
    else
        RUN(second_copy);
    return 0;
}
