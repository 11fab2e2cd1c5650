/* Two run-time engines of LabVIEW in one process: a string is resized by the engine that it belongs to.
 *
 *     engines ENGINE ENGINE      builds of labview_manager.c */
#include "load_library.h"

#include "obe_labview.h"
#include "obe_labview_extra.h"

static struct engine {
    void *library;
    int32_t (*resize)(int32_t, int32_t, void *, size_t);
    int64_t (*check)(void *);
    void (*free)(void *);
} engines[2];

static int server, client;

static void open_engine(int i, const char *of)
{
    void *library = library_open(of);

    if (!library)
        check_failed(__FILE__, __LINE__, "%s cannot be loaded: %s", of, library_error());
    engines[i].library = library;
    find(library, "NumericArrayResize", &engines[i].resize);
    find(library, "manager_check", &engines[i].check);
    find(library, "manager_free", &engines[i].free);
}

static void check_status_of(int wanted, int got)
{
    char text[512] = "";

    obe_lv_last_error(server, text, sizeof text, NULL);
    if (got != wanted)
        check_failed(__FILE__, __LINE__, "status %d, wanted %d; the last error is \"%s\"", got, wanted, text);
    if (wanted)
        CHECK(strstr(text, "several run-time engines") != NULL);
}

static void owned_strings(void)
{
    void *strings[2] = {NULL, NULL};
    int i, round;

    for (i = 0; i < 2; i++)
        CHECK_EQUAL(0, engines[i].resize(5, 1, &strings[i], 1));
    for (round = 0; round < 6; round++) {
        check_status_of(OBE_OK, obe_lv_get_string_h(server, "/s", &strings[round % 2]));
        CHECK_EQUAL(4 + 4, engines[round % 2].check(strings[round % 2]));
        CHECK(memcmp(*(char **)strings[round % 2] + 4, "text", 4) == 0);
    }
    for (i = 0; i < 2; i++)
        engines[i].free(strings[i]);
}

static void string_of_no_engine(void)
{
    static void *nothing[8];
    void *empty = NULL, *foreign = nothing;

    check_status_of(OBE_E_UNSUPPORTED, obe_lv_get_string_h(server, "/s", &empty));
    check_status_of(OBE_E_UNSUPPORTED, obe_lv_get_string_h(server, "/s", &foreign));
    CHECK(empty == NULL && foreign == nothing);
}

static void user_events(void) { check_status_of(OBE_E_UNSUPPORTED, obe_lv_notify(server, 1)); }

/* The library does not call functions of an engine that it used before and that has been unloaded since. */
static void unloaded_engine(void)
{
    void *strings[2] = {NULL, NULL};
    int i;

    for (i = 0; i < 2; i++)
        CHECK_EQUAL(0, engines[i].resize(5, 1, &strings[i], 1));
    check_status_of(OBE_OK, obe_lv_get_string_h(server, "/s", &strings[0]));
    engines[0].free(strings[0]);
    CHECK(library_close(engines[0].library));
    check_status_of(OBE_OK, obe_lv_get_string_h(server, "/s", &strings[1]));
    CHECK_EQUAL(4 + 4, engines[1].check(strings[1]));
    engines[1].free(strings[1]);
}

int main(int argc, char **argv)
{
    int port = 0;

    (void)load; /* this program is linked with the library */
    CHECK(argc == 3);
    CHECK_EQUAL(OBE_OK, obe_lv_server_new("", 0, &server));
    CHECK_EQUAL(OBE_OK, obe_lv_port(server, &port));
    CHECK_EQUAL(OBE_OK, obe_lv_client_new("", port, &client));
    CHECK_EQUAL(OBE_OK, obe_lv_send(client, "{\"s\": \"text\"}", TEST_TIMEOUT));
    CHECK_EQUAL(OBE_OK, obe_lv_receive(server, NULL, TEST_TIMEOUT));
    open_engine(0, argv[1]);
    open_engine(1, argv[2]);
    RUN(owned_strings);
    RUN(string_of_no_engine);
    RUN(user_events);
    RUN(unloaded_engine);
    CHECK_EQUAL(OBE_OK, obe_lv_free_all());
    return 0;
}
