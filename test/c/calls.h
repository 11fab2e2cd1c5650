/* calls.h - a table of calls of every function with a handle parameter. All arguments but the handle h are valid. */
#ifndef CALLS_H
#define CALLS_H

#include "check.h"
#include "commands.h"

/* The handles that a parameter accepts. ANY_SOCKET is a client or a server. */
enum handle_kind { ANY_SOCKET, CLIENT, SERVER, MESSAGE, ANY_HANDLE };

/* The results of the calls. calls_begin fills them with a pattern. */
static struct outputs {
    char text[64];
    double numbers[8];
    int64_t length, cols;
    obe_socket socket;
    obe_message message;
    int32_t number;
    int32_t padding;
} out, untouched;

/* Live handles for functions with two handle parameters. */
static obe_socket calls_client;
static obe_message calls_message;

static inline void calls_handler(obe_message request, void *user)
{
    (void)request;
    (void)user;
}

#define ROOM (int64_t)sizeof out.text
#define OK_CALL(X, name) X(obe_##name, CLIENT, obe_##name(h, 0))
#define NUMBERS_CALL(X, name, array) X(obe_##name, CLIENT, obe_##name(h, out.numbers, 8, &out.length, 0))
#define ROWS_CALL(X, name, array) X(obe_##name, CLIENT, obe_##name(h, out.numbers, 8, &out.length, &out.cols, 0))
#define EACH_CALL(X) \
    X(obe_free, ANY_SOCKET, obe_free(h)) \
    X(obe_message_free, MESSAGE, obe_message_free(h)) \
    X(obe_last_error, ANY_HANDLE, obe_last_error(h, out.text, ROOM, &out.length)) \
    X(obe_send, ANY_SOCKET, obe_send(h, "1", -1, 0)) \
    X(obe_receive, ANY_SOCKET, obe_receive(h, out.text, ROOM, &out.length, 0)) \
    X(obe_tcmd, CLIENT, obe_tcmd(h, "1", -1, out.text, ROOM, &out.length, 0)) \
    X(obe_close, ANY_SOCKET, obe_close(h)) \
    X(obe_cancel, ANY_SOCKET, obe_cancel(h)) \
    X(obe_wait_ready, CLIENT, obe_wait_ready(h, 0)) \
    X(obe_port, SERVER, obe_port(h, &out.number)) \
    X(obe_set_double, MESSAGE, obe_set_double(h, "k", 1)) \
    X(obe_set_int, MESSAGE, obe_set_int(h, "k", 1)) \
    X(obe_set_bool, MESSAGE, obe_set_bool(h, "k", 1)) \
    X(obe_set_null, MESSAGE, obe_set_null(h, "k")) \
    X(obe_set_string, MESSAGE, obe_set_string(h, "k", "v", -1)) \
    X(obe_set_doubles, MESSAGE, obe_set_doubles(h, "k", untouched.numbers, 2)) \
    X(obe_set_matrix, MESSAGE, obe_set_matrix(h, "k", untouched.numbers, 2, 2)) \
    X(obe_set_json, MESSAGE, obe_set_json(h, "k", "[]", -1)) \
    X(obe_get_double, MESSAGE, obe_get_double(h, "/n", out.numbers)) \
    X(obe_get_int, MESSAGE, obe_get_int(h, "/n", &out.length)) \
    X(obe_get_bool, MESSAGE, obe_get_bool(h, "/b", &out.number)) \
    X(obe_get_string, MESSAGE, obe_get_string(h, "/command", out.text, ROOM, &out.length)) \
    X(obe_get_json, MESSAGE, obe_get_json(h, "", out.text, ROOM, &out.length)) \
    X(obe_get_key, MESSAGE, obe_get_key(h, "", 0, out.text, ROOM, &out.length)) \
    X(obe_get_doubles, MESSAGE, obe_get_doubles(h, "/x", out.numbers, 8, &out.length)) \
    X(obe_get_matrix, MESSAGE, obe_get_matrix(h, "/x", out.numbers, 8, &out.length, &out.cols)) \
    X(obe_get_type, MESSAGE, obe_get_type(h, "", &out.number)) \
    X(obe_get_count, MESSAGE, obe_get_count(h, "", &out.length)) \
    X(obe_send_message, ANY_SOCKET, obe_send_message(h, calls_message, 0)) \
    X(obe_send_message_2, MESSAGE, obe_send_message(calls_client, h, 0)) \
    X(obe_receive_message, ANY_SOCKET, obe_receive_message(h, &out.message, 0)) \
    X(obe_tcmd_message, CLIENT, obe_tcmd_message(h, calls_message, &out.message, 0)) \
    X(obe_tcmd_message_2, MESSAGE, obe_tcmd_message(calls_client, h, &out.message, 0)) \
    X(obe_reply, MESSAGE, obe_reply(h, "1", -1, 0)) \
    X(obe_reply_message, MESSAGE, obe_reply_message(h, calls_message, 0)) \
    X(obe_message_peer, MESSAGE, obe_message_peer(h, out.text, ROOM, &out.length)) \
    X(obe_serve, SERVER, obe_serve(h, calls_handler, NULL, NULL)) \
    X(obe_query, CLIENT, obe_query(h, "optset", NULL, &out.message, 0)) \
    X(obe_query_2, MESSAGE, obe_query(calls_client, "newrun", h, &out.message, 0)) \
    X(obe_check_reply, MESSAGE, obe_check_reply(h, "optset")) \
    EACH_OK_COMMAND(OK_CALL, X) \
    EACH_NUMBERS_COMMAND(NUMBERS_CALL, X) \
    EACH_ROWS_COMMAND(ROWS_CALL, X) \
    X(obe_newrun, CLIENT, obe_newrun(h, NULL, 0)) \
    X(obe_newrun_2, MESSAGE, obe_newrun(calls_client, h, 0)) \
    X(obe_goodset, CLIENT, obe_goodset(h, 1, out.numbers, 8, &out.length, 0)) \
    X(obe_goodset_ask, CLIENT, obe_goodset_ask(h, 1, 0)) \
    X(obe_goodset_fetch, CLIENT, obe_goodset_fetch(h, out.numbers, 8, &out.length, 0)) \
    X(obe_newdat, CLIENT, obe_newdat(h, untouched.numbers, 1, untouched.numbers, 1, untouched.numbers, 1, 0)) \
    X(obe_set_option, ANY_SOCKET, obe_set_option(h, OBE_OPT_TIMEOUT_MS, "5")) \
    X(obe_get_option, ANY_SOCKET, obe_get_option(h, OBE_OPT_TIMEOUT_MS, out.text, ROOM, &out.length)) \
    X(obe_get_stat, ANY_SOCKET, obe_get_stat(h, OBE_STAT_EVICTED, &out.length))

#define DEFINE_CALL(name, kind, call) \
    static inline obe_status call_##name(void *h) { return call; }
EACH_CALL(DEFINE_CALL)
#undef DEFINE_CALL

#define CALL_ROW(name, kind, call) {#name, call_##name, kind},
static const struct {
    const char *name;
    obe_status (*call)(void *);
    enum handle_kind kind;
} calls[] = {EACH_CALL(CALL_ROW)};
#undef CALL_ROW
#undef ROOM

static inline void calls_begin(void)
{
    enum { PATTERN = 0x5A };

    memset(&untouched, PATTERN, sizeof untouched);
    out = untouched;
}

/* Whether call number i accepts NULL as h. */
static inline int accepts_null(int i)
{
    return calls[i].call == call_obe_free || calls[i].call == call_obe_message_free ||
           calls[i].call == call_obe_last_error || calls[i].call == call_obe_query_2 ||
           calls[i].call == call_obe_newrun_2;
}

/* Call number i with handle h returns wanted and writes nothing. */
static inline void check_call(int i, void *h, obe_status wanted, const char *what)
{
    obe_status status;

    calls_begin();
    status = calls[i].call(h);
    if (status != wanted)
        check_failed(__FILE__, __LINE__, "%s with %s (%p) returned %d (%s), wanted %d (%s)", calls[i].name, what, h,
                     (int)status, obe_strerror(status), (int)wanted, obe_strerror(wanted));
    if (memcmp(&out, &untouched, sizeof out) != 0)
        check_failed(__FILE__, __LINE__, "%s with %s wrote something", calls[i].name, what);
}

#endif
