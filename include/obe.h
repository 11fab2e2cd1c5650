/* obe.h - the OBE socket protocol for C and C++
 *
 * libobe lets instrument software talk to experiment-design servers, and be
 * one, over the OBE socket protocol: TCP messages of ten decimal digits, which
 * give the length in bytes, and that many bytes of JSON. obe.h is the whole
 * interface; what is not in it is private.
 *
 *   obe_socket client;
 *   char reply[1024];
 *   int64_t length;
 *   obe_client_new(NULL, OBE_DEFAULT_PORT, &client);
 *   if (obe_tcmd(client, "{\"command\": \"optset\"}", -1, reply, sizeof reply,
 *                &length, 5000) == OBE_OK)
 *       printf("measure at %s\n", reply);
 *   obe_free(client);
 *
 * What every caller must know:
 *
 * Status.    Every function returns an obe_status, 0 or a negative code, but for
 *            the few that return a constant text. Results leave through
 *            pointers; on failure what they point to is untouched, unless the
 *            function's comment says otherwise. obe_last_error has the sentence
 *            that explains a failure, and obe_strerror a general one.
 * Handles.   obe_socket and obe_message are opaque pointers; NULL is none. Each is
 *            freed once, with obe_free or obe_message_free. A freed handle, one of
 *            the other kind or any other value is OBE_E_HANDLE.
 * Memory.    All buffers are the caller's. Nothing of the caller's is kept after
 *            a function returns, and nothing that it must free is handed out but
 *            handles. A pointer passed with a size of 0 is not dereferenced and may have
 *            any value, such as that of an empty slice of Rust; but an input text
 *            is not NULL. Elsewhere an address in the first or the last 4096 bytes
 *            of the address space is OBE_E_ARGUMENT.
 * Lengths.   Lengths and counts are int64_t and in bytes or elements. A length
 *            of -1 for an input text says that it is NUL-terminated.
 * Timeouts.  In milliseconds, one limit for the whole call: OBE_FOREVER (-1),
 *            OBE_NO_WAIT (0, take what is there), OBE_DEFAULT_TIMEOUT (-2, the
 *            handle's option timeout_ms).
 * Threads.   Any function may be called on any handle from any thread. Calls on
 *            one handle that cannot run together wait for each other, within
 *            their timeouts. obe_free and obe_close wake whoever is blocked on
 *            the handle with OBE_E_CLOSED, and obe_cancel with OBE_E_CANCELLED.
 *            Which message of a server obe_send answers depends on the thread.
 * JSON.      A message is what Python's json.loads takes, in UTF-8: that
 *            includes NaN, Infinity and -Infinity. Arrays and objects nest at
 *            most 512 deep. The bytes are passed on as they are.
 * Processes. The first call needs two free file descriptors, which stay open.
 *            Without them every function except obe_last_error returns OBE_E_IO,
 *            and a later call tries again. A program that closes descriptors
 *            which it did not open does so before its first call.
 *            The library cannot be used in a child of fork that does not exec;
 *            calls there return OBE_E_FORKED. (On macOS a call may not return, if
 *            another thread was in one at the moment of the fork.) It cannot
 *            be unloaded: dlclose leaves it in place. It must not be called from
 *            DllMain or from a constructor that runs before main. It prints
 *            nothing. Go's runtime, which is part of it, installs handlers for
 *            some signals and passes those on that are not its own. A handler
 *            that the program installs later must have SA_ONSTACK: it may run on
 *            a thread of Go, whose stack is small. No function may be called in
 *            a signal handler, obe_cancel neither: it ends the process. To end
 *            a server by Ctrl-C, let the handler set a flag, and receive with a
 *            timeout, in a loop that looks at it.
 * Faults.    A fault inside the library ends the call with OBE_E_INTERNAL, and
 *            obe_last_error says where it was. What the call was to do may be
 *            done in part. Later calls go on, on that handle as on others; to be
 *            safe, free it and make another.
 *
 * Generated from capi/ by "make generate"; do not edit.
 */
#ifndef OBE_H
#define OBE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; obe_version() is that of the library. */
#define OBE_VERSION_MAJOR 0
#define OBE_VERSION_MINOR 1
#define OBE_VERSION_PATCH 0
#define OBE_VERSION "0.1.0"
#define OBE_VERSION_AT_LEAST(major, minor, patch) \
    (OBE_VERSION_MAJOR > (major) || \
     (OBE_VERSION_MAJOR == (major) && \
      (OBE_VERSION_MINOR > (minor) || \
       (OBE_VERSION_MINOR == (minor) && OBE_VERSION_PATCH >= (patch)))))

/* The port of the protocol. */
#define OBE_DEFAULT_PORT 61981

/* Timeouts with a meaning of their own. */
#define OBE_FOREVER         (-1)
#define OBE_NO_WAIT         0
#define OBE_DEFAULT_TIMEOUT (-2)

/* Handles are opaque: two pointer types, so that the compiler tells them apart, and
 * NULL is none. What they point to is never defined. */
#ifdef OBE_HANDLES_ARE_INTEGERS /* the library's own build */
typedef uintptr_t obe_socket;
typedef uintptr_t obe_message;
#else
typedef struct obe_socket_handle *obe_socket;
typedef struct obe_message_handle *obe_message;
#endif

/* What functions return. The numbers are fixed for ever, and new ones are only
 * added. They lie in LabVIEW's range of user-defined codes. */
typedef int32_t obe_status;

#define OBE_OK            0 /* Success. */
#define OBE_E_ARGUMENT    (-8001) /* An argument is not valid. */
#define OBE_E_HANDLE      (-8002) /* The handle is not one of this kind, or was freed. */
#define OBE_E_STATE       (-8003) /* The call does not fit the socket's role or state. */
#define OBE_E_TIMEOUT     (-8004) /* The call did not end within its timeout. */
#define OBE_E_CANCELLED   (-8005) /* The call was ended by a cancel. */
#define OBE_E_CLOSED      (-8006) /* This side closed the connection or the handle. */
#define OBE_E_PEER_CLOSED (-8007) /* The peer closed the connection before the message was complete. */
#define OBE_E_RESET       (-8008) /* The connection broke: the peer reset it, or is gone. */
#define OBE_E_REFUSED     (-8009) /* Nobody listens at that address and port. */
#define OBE_E_UNREACHABLE (-8010) /* The address cannot be reached, or the name not be resolved. */
#define OBE_E_IN_USE      (-8011) /* The address and port are in use by another server. */
#define OBE_E_PERMISSION  (-8012) /* The system does not permit it. */
#define OBE_E_FRAME       (-8013) /* The peer sent something that is not a frame of this protocol. */
#define OBE_E_TOO_LARGE   (-8014) /* The message is larger than max_message. */
#define OBE_E_JSON        (-8015) /* The text is not valid JSON in UTF-8. */
#define OBE_E_BUFFER      (-8016) /* The buffer is too small; nothing was lost. */
#define OBE_E_NOT_FOUND   (-8017) /* The document has nothing at that pointer. */
#define OBE_E_TYPE        (-8018) /* The value has another type than asked for. */
#define OBE_E_RANGE       (-8019) /* The number does not fit the type asked for. */
#define OBE_E_BUSY        (-8020) /* Another call uses the handle and did not end in time. */
#define OBE_E_TLS         (-8021) /* The peer's identity or encryption is not as required. */
#define OBE_E_FORKED      (-8022) /* The library cannot be used in a forked child; start a new process instead. */
#define OBE_E_UNSUPPORTED (-8023) /* This platform or build does not support it. */
#define OBE_E_IO          (-8024) /* The system reported another input or output failure. */
#define OBE_E_MEMORY      (-8025) /* Out of memory. */
#define OBE_E_INTERNAL    (-8026) /* A fault inside the library; please report it. */
#define OBE_E_REPLY       (-8027) /* The server's reply is not what the command has as its answer. */

/* The types of JSON values, for obe_get_type. */
#define OBE_OBJECT  1
#define OBE_ARRAY   2
#define OBE_STRING  3
#define OBE_INTEGER 4
#define OBE_REAL    5
#define OBE_BOOL    6
#define OBE_NULL    7

/* A function of the program's that obe_serve calls for each message. */
typedef obe_status (*obe_handler)(obe_message request, void *user);


/* ---- Make and free ---- */

/* obe_client_new makes a client of the server at address and port, and gives
 * its handle in *client.
 *
 * There is no I/O: nothing is connected until something is sent. address is an
 * IPv4 or IPv6 literal or a host name; NULL or "" is the loopback address
 * 127.0.0.1. port is 1 to 65535; servers listen at OBE_DEFAULT_PORT unless told
 * otherwise. "unix:/path" is the Unix-domain socket at an absolute path, and port
 * then means nothing; Windows has none. An IPv6 link-local address needs its
 * network interface: "fe80::1%eth0", on Windows "fe80::1%12". Free the handle with
 * obe_free.
 *
 * A name may stand for several addresses. A call tries them in turn, IPv4 first and
 * one at a time: the next one after 250 ms without an answer (sooner if timeout_ms is
 * short), then again from the first, for twice as long each round. The error lists the
 * outcome for each address.
 *
 * Returns OBE_OK; OBE_E_ARGUMENT for an address or port that cannot be one, or
 * a NULL client.
 */
obe_status obe_client_new(const char *address, int32_t port,
                          obe_socket *client);

/* obe_server_new makes a server that listens at address and port, and gives its
 * handle in *server.
 *
 * Clients can connect from then on; their messages wait until the first
 * obe_receive. address is as in obe_client_new: NULL or "" is the loopback
 * address, and "0.0.0.0" or "::" every interface, where strangers can reach the
 * server: the options tls_cert, tls_key, tls_ca and allow say who may. port 0 lets
 * the system choose one, which obe_port tells. Free the handle with obe_free.
 *
 * "unix:/path" listens at a Unix-domain socket with an absolute path, for this
 * user alone (mode 0600); port means nothing, and obe_port gives 0. The file of a
 * server that did not end in order is replaced, and obe_free removes its own.
 *
 * A host name is looked up, for at most 10 s; otherwise it does not block.
 *
 * Returns OBE_OK; OBE_E_ARGUMENT; OBE_E_IN_USE if another server uses the port (the
 * error message says so if it is a server of this program);
 * OBE_E_PERMISSION; OBE_E_UNREACHABLE if the address is not one of this machine
 * or its name unknown; OBE_E_TIMEOUT if it was not found in time;
 * OBE_E_UNSUPPORTED for "unix:/path" on Windows; OBE_E_IO.
 */
obe_status obe_server_new(const char *address, int32_t port,
                          obe_socket *server);

/* obe_free closes and frees a client or a server; freeing NULL does nothing.
 *
 * Calls that are blocked on the handle return OBE_E_CLOSED at once. obe_free
 * does not wait for the network. What is left of a server's replies is sent in the
 * background, for message_timeout_ms and 30 s at most; a program that ends before
 * loses it. The handle's value is not used again soon, so
 * that a second obe_free, or another use of it, is an error and not an accident.
 *
 * Returns OBE_OK; OBE_E_HANDLE if socket was freed already or is not a socket.
 */
obe_status obe_free(obe_socket socket);


/* ---- Talk ---- */

/* obe_send sends one message, the JSON text of length bytes (-1:
 * NUL-terminated).
 *
 * The text is checked first: nothing is connected for what is not JSON. A
 * client then opens a connection, closing the one that is open, and sends; with
 * the option persistent it uses the one that is open. The call returns when the
 * system has taken the whole message, and blocks until then, at most timeout_ms.
 *
 * A server answers the message that obe_receive returned last on this thread. If this
 * thread has no message to answer, it answers the only unanswered one; where the
 * message may be that of another loop, it returns OBE_E_STATE and sends nothing. So one
 * loop may make its calls on any threads, and several loops may share a server if each
 * stays on its thread. Several loops that change threads, as in a thread pool, use
 * obe_receive_message with obe_reply, or obe_serve.
 *
 * A client that reads its reply slowly delays no other one. As soon as another
 * client needs the server, or at once with timeout_ms 0, the call returns OBE_OK
 * and leaves the rest to the library, within the option outgoing_limit: the
 * calls that receive or serve send it on, in order, before the next message of
 * that client is taken. So a program with several clients soon receives again.
 * Only the counter dropped_unread then reports a reply that its client did not read.
 *
 * Returns OBE_OK; OBE_E_JSON with the byte offset in the text of the error;
 * OBE_E_TOO_LARGE; OBE_E_STATE if a server has no message to answer,
 * or it may be that of another loop;
 * OBE_E_REFUSED, OBE_E_UNREACHABLE or OBE_E_TIMEOUT if no connection came about;
 * OBE_E_RESET or OBE_E_PEER_CLOSED if the peer is gone; OBE_E_BUSY;
 * OBE_E_CANCELLED; OBE_E_CLOSED; OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_send(obe_socket socket, const char *json, int64_t length,
                    int64_t timeout_ms);

/* obe_receive receives one message into buffer, which has room for capacity
 * bytes, and gives its size in *length.
 *
 * A client reads from the connection that its last obe_send opened. A server
 * takes the next complete message of any of its clients, which obe_send on this
 * thread answers. A client that stalls, sends garbage or disappears never makes it
 * fail. The message that this thread received before, or one of a thread that has
 * ended, is dropped if it was not answered: its connection is closed, unless this
 * message comes from the same connection (option one_way). Once a loop was seen to
 * change threads, this applies to the messages of all threads. The next message of a
 * connection is received when the one before is answered or dropped, so that replies
 * leave in the order of their commands; the system's buffers hold it until then.
 *
 * A message that does not fit is kept: the return is OBE_E_BUFFER, *length the
 * needed size, and the next obe_receive gives it again; capacity 0 (buffer may
 * then be NULL) asks for the size. Where there is room, a NUL follows the
 * message. After any other failure *length is untouched and the contents of
 * buffer are undefined. A timeout or cancel loses nothing: a message that has
 * begun goes on at the next obe_receive.
 *
 * Blocks at most timeout_ms. Returns OBE_OK; OBE_E_BUFFER; OBE_E_TIMEOUT;
 * OBE_E_CANCELLED; OBE_E_CLOSED; OBE_E_BUSY; OBE_E_ARGUMENT; OBE_E_HANDLE; for a
 * client also OBE_E_STATE (no connection is open), OBE_E_PEER_CLOSED,
 * OBE_E_RESET, OBE_E_FRAME, OBE_E_TOO_LARGE and OBE_E_JSON, after which the
 * connection is closed.
 */
obe_status obe_receive(obe_socket socket, char *buffer, int64_t capacity,
                       int64_t *length, int64_t timeout_ms);

/* obe_tcmd sends a command and receives its reply: obe_send, obe_receive and
 * obe_close under one timeout. For clients.
 *
 * The reply goes into reply, which has room for capacity bytes, and its size
 * into *reply_length. If it does not fit, the return is OBE_E_BUFFER,
 * *reply_length the needed size, and the reply is kept: read it with obe_receive
 * and timeout 0. The command is never sent twice. After any other failure with the
 * command sent the connection is closed, so that a late reply cannot answer a
 * later command. With the option persistent the connection otherwise stays open. With the option
 * late_reply it also stays open after a timeout in which the command was sent, and
 * obe_receive goes on waiting for the reply; it returns OBE_E_STATE if nothing was
 * sent.
 *
 * Blocks at most timeout_ms. Returns OBE_OK, and what obe_send and obe_receive
 * return. OBE_E_TIMEOUT leaves open whether the server carries the command out;
 * a Python optbayesexpt server never answers a command that it does not know.
 */
obe_status obe_tcmd(obe_socket client, const char *json, int64_t length,
                    char *reply, int64_t capacity, int64_t *reply_length,
                    int64_t timeout_ms);

/* obe_close closes the connection, not the handle: a client's, or that of a
 * server's last message, which is the one that obe_send would answer. A server keeps
 * listening, and its other connections stay. What is left of a server's reply is sent
 * before its connection closes; see obe_send.
 *
 * Calls that are blocked on the handle return OBE_E_CLOSED at once. A reply that
 * was kept for a larger buffer is gone. To close where nothing is open is no
 * error.
 *
 * Returns OBE_OK; OBE_E_HANDLE.
 */
obe_status obe_close(obe_socket socket);

/* obe_cancel wakes the calls that are in flight on the handle; they return
 * OBE_E_CANCELLED. Calls that begin later are not affected, and without a call
 * in flight it does nothing.
 *
 * Nothing is lost by it, and the connection stays, unless half of a frame was
 * sent, or obe_tcmd was waiting for its reply. To be called from any thread, and as
 * every function not in a signal handler.
 *
 * Returns OBE_OK; OBE_E_HANDLE.
 */
obe_status obe_cancel(obe_socket socket);

/* obe_wait_ready sends {"command": "ready"} until the server answers, whatever
 * it says. While nobody listens it tries again, with a pause that grows to 0.1 s,
 * so that a program can start its server and go on as soon as that is up.
 *
 * Blocks at most timeout_ms. Returns OBE_OK; OBE_E_TIMEOUT, with the last
 * attempt's failure in the text of the error; OBE_E_CANCELLED; OBE_E_CLOSED;
 * OBE_E_STATE for a server; OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_wait_ready(obe_socket client, int64_t timeout_ms);

/* obe_port gives the port that a server listens at in *port; for port 0 at
 * obe_server_new it is the one that the system chose.
 *
 * Returns OBE_OK; OBE_E_STATE for a client; OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_port(obe_socket server, int32_t *port);


/* ---- Documents ----
 *
 * A document is one JSON value: a message to send, or one that was received. It
 * is read by JSON pointers (RFC 6901): "/x/0" is the first element of the member
 * x, and "" the whole document; "~1" in a pointer stands for "/" and "~0" for
 * "~". Of equal keys the last one counts. Values that are set are members of the
 * outermost object. A document may be used from many threads at once.
 *
 * What the functions cost, for a text of T bytes and a value of V:
 *
 *   obe_message_new                     T
 *   obe_get_*, obe_get_type, obe_get_count      T for the first ones, then V
 *   obe_get_key                         T for the first ones, then the key's length
 *   obe_set_*                           V, and T if the text was asked for before
 *   obe_get_*, obe_get_type, obe_get_count and
 *   obe_get_key at "", and sending      T, if a member was set since; else as above
 *
 * So setting n members, walking over n keys, and reading n elements by pointer, in any
 * order and of several arrays in turn, take time in proportion to the text together:
 * under a microsecond each where the text fits into the CPU's cache, and some
 * microseconds where it is a large one. A loop that sets a member and asks for the text
 * or sends it each time copies the text each time. Depth counts: a pointer of n parts
 * takes n such steps.
 *
 * A document takes at most 8 times the memory of its text, as a rule 3 while it is read,
 * what is remembered of places in it included, and 5 while members are set. A function
 * for which there is no memory returns OBE_E_MEMORY, and the document is as it was.
 * Keys and pointers that the text of an error repeats are cut to 80 bytes.
 */

/* obe_message_free frees a message; freeing NULL does nothing. A request that was not
 * answered is dropped; see obe_receive_message.
 *
 * Returns OBE_OK; OBE_E_HANDLE if message was freed already or is not a message.
 */
obe_status obe_message_free(obe_message message);

/* obe_message_new makes a document of the JSON text of length bytes (-1:
 * NUL-terminated), which is copied, and gives its handle in *message. Free it
 * with obe_free.
 *
 * Returns OBE_OK; OBE_E_JSON with the byte offset in the text of the error;
 * OBE_E_ARGUMENT.
 */
obe_status obe_message_new(const char *json, int64_t length,
                           obe_message *message);

/* obe_command_new makes the document {"command": command} and gives its handle
 * in *message; more members are set with obe_set_double and so on. Free it with
 * obe_free.
 *
 * Returns OBE_OK; OBE_E_JSON if command is not UTF-8; OBE_E_ARGUMENT.
 */
obe_status obe_command_new(const char *command, obe_message *message);

/* obe_set_double sets the member key to a number, written as a float with as few
 * digits as read back to the same double: 25 is written 25.0, and NaN and the
 * infinities as NaN, Infinity and -Infinity.
 *
 * In this and the functions that follow, a member that exists keeps its place and
 * a new one comes last. Returns OBE_OK; OBE_E_TYPE if the document is not an
 * object; OBE_E_JSON if a text is not UTF-8; OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_set_double(obe_message message, const char *key, double value);

/* obe_set_int sets the member key to an integer.
 */
obe_status obe_set_int(obe_message message, const char *key, int64_t value);

/* obe_set_bool sets the member key to true, or to false if value is 0.
 */
obe_status obe_set_bool(obe_message message, const char *key, int32_t value);

/* obe_set_null sets the member key to null.
 */
obe_status obe_set_null(obe_message message, const char *key);

/* obe_set_string sets the member key to a text of length bytes of UTF-8 (-1:
 * NUL-terminated).
 */
obe_status obe_set_string(obe_message message, const char *key,
                          const char *text, int64_t length);

/* obe_set_doubles sets the member key to an array of count numbers, each written
 * as obe_set_double does. A large array is formatted on several processors.
 */
obe_status obe_set_doubles(obe_message message, const char *key,
                           const double *values, int64_t count);

/* obe_set_matrix sets the member key to an array of rows arrays of cols numbers
 * each; values holds them row by row.
 */
obe_status obe_set_matrix(obe_message message, const char *key,
                          const double *values, int64_t rows, int64_t cols);

/* obe_set_json sets the member key to the JSON text of length bytes (-1:
 * NUL-terminated) as it is.
 */
obe_status obe_set_json(obe_message message, const char *key, const char *json,
                        int64_t length);

/* obe_get_double gives the number at pointer in *value, correctly rounded if it
 * is an integer; NaN and the infinities too. The time is linear in its digits.
 *
 * This and the functions that follow return OBE_OK; OBE_E_NOT_FOUND if there is
 * nothing at pointer; OBE_E_TYPE if it is of another type; OBE_E_RANGE if the
 * type asked for cannot hold it; OBE_E_ARGUMENT, also for a pointer that is none;
 * OBE_E_HANDLE.
 */
obe_status obe_get_double(obe_message message, const char *pointer,
                          double *value);

/* obe_get_int gives the integer at pointer in *value. A number with a point or an
 * exponent is of another type, whatever its value.
 */
obe_status obe_get_int(obe_message message, const char *pointer,
                       int64_t *value);

/* obe_get_bool gives 1 or 0 in *value for the true or false at pointer.
 */
obe_status obe_get_bool(obe_message message, const char *pointer,
                        int32_t *value);

/* obe_get_string gives the string at pointer, without quotes and escapes, in
 * UTF-8, and its length in *length. The text may hold NULs. A lone surrogate,
 * which UTF-8 cannot express, becomes U+FFFD.
 *
 * buffer has room for capacity bytes. A text that does not fit is not copied:
 * the return is OBE_E_BUFFER and *length the needed size; capacity 0 (buffer may
 * then be NULL) asks for it. Where there is room, a NUL follows.
 */
obe_status obe_get_string(obe_message message, const char *pointer,
                          char *buffer, int64_t capacity, int64_t *length);

/* obe_get_json gives the JSON text at pointer as it came, and its length in
 * *length; for "" that is the whole document, byte for byte. See obe_get_string
 * for buffer and capacity.
 */
obe_status obe_get_json(obe_message message, const char *pointer, char *buffer,
                        int64_t capacity, int64_t *length);

/* obe_get_key gives the key of the member number index, from 0, of the object at
 * pointer, and its length in *length. See obe_get_string for buffer and capacity.
 */
obe_status obe_get_key(obe_message message, const char *pointer, int64_t index,
                       char *buffer, int64_t capacity, int64_t *length);

/* obe_get_doubles reads the array of numbers at pointer into values, which has
 * room for capacity numbers, and gives their count in *count.
 *
 * If they do not fit, values is untouched, the return is OBE_E_BUFFER and *count
 * the number needed; capacity 0 (values may then be NULL) asks for it. After
 * OBE_E_TYPE or OBE_E_RANGE values may be written in part. The time is linear in the
 * text, whatever the numbers are, and no memory is taken. A large array is read on
 * several processors.
 */
obe_status obe_get_doubles(obe_message message, const char *pointer,
                           double *values, int64_t capacity, int64_t *count);

/* obe_get_matrix reads the array of rows at pointer into values, row by row, and
 * gives the number of rows and columns in *rows and *cols. values has room for
 * capacity numbers.
 *
 * Rows of different lengths are OBE_E_TYPE, and the text of the error says which
 * row; after that and OBE_E_RANGE values may be written in part. If the numbers do
 * not fit, values is untouched, the return is OBE_E_BUFFER and *rows times *cols the
 * number needed.
 */
obe_status obe_get_matrix(obe_message message, const char *pointer,
                          double *values, int64_t capacity, int64_t *rows,
                          int64_t *cols);

/* obe_get_type gives the type of the value at pointer in *type, one of OBE_OBJECT,
 * OBE_ARRAY, OBE_STRING, OBE_INTEGER, OBE_REAL, OBE_BOOL and OBE_NULL. A number
 * without point and exponent is an integer; all others, and NaN and the
 * infinities, are real.
 */
obe_status obe_get_type(obe_message message, const char *pointer,
                        int32_t *type);

/* obe_get_count gives the number of members of the object, or of elements of the
 * array, at pointer in *count.
 */
obe_status obe_get_count(obe_message message, const char *pointer,
                         int64_t *count);


/* ---- Talk in documents ---- */

/* obe_send_message sends a document; see obe_send. The document stays the
 * caller's.
 */
obe_status obe_send_message(obe_socket socket, obe_message message,
                            int64_t timeout_ms);

/* obe_receive_message receives one message as a document, whose handle it gives
 * in *message; free it with obe_free. See obe_receive.
 *
 * A document that a server received carries its client: it is answered with
 * obe_reply, at any time and from any thread, also while other documents are
 * outstanding. If it is freed without an answer, its client's connection is
 * closed when a message of another one is received (option one_way), so that no
 * client waits for an answer that will not come. obe_send does not answer it. The
 * next message of the same connection is received when this one is answered or freed,
 * so that replies leave in the order of their commands (option one_way: at once).
 */
obe_status obe_receive_message(obe_socket socket, obe_message *message,
                               int64_t timeout_ms);

/* obe_tcmd_message sends the document command and receives the reply as a
 * document, whose handle it gives in *reply; free it with obe_free. See obe_tcmd.
 */
obe_status obe_tcmd_message(obe_socket client, obe_message command,
                            obe_message *reply, int64_t timeout_ms);

/* obe_reply answers the client that sent request, a document that a server
 * received, with the JSON text of length bytes (-1: NUL-terminated). A document
 * is answered once; the caller still frees it. OBE_OK means that the system has the
 * whole reply, or the library; see obe_send.
 *
 * Blocks at most timeout_ms, -2 being the server's default. Returns OBE_OK;
 * OBE_E_PEER_CLOSED or OBE_E_RESET if the client is gone; OBE_E_CLOSED if this
 * side closed its connection, or the server was freed; OBE_E_STATE if the
 * document was answered, or came from no server; OBE_E_JSON; OBE_E_TOO_LARGE;
 * OBE_E_TIMEOUT; OBE_E_CANCELLED; OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_reply(obe_message request, const char *json, int64_t length,
                     int64_t timeout_ms);

/* obe_reply_message answers the client that sent request with a document; see
 * obe_reply.
 */
obe_status obe_reply_message(obe_message request, obe_message message,
                             int64_t timeout_ms);

/* obe_serve receives messages and calls handler with each, as a document and
 * with user, until handler returns something else than OBE_OK, which obe_serve
 * then returns.
 *
 * handler runs on the calling thread, with no lock held: it may call any
 * function. It answers with obe_reply; a request that it leaves unanswered is
 * treated as one that is freed. What obe_reply returned is not to be returned: a
 * client that has left would end the server. The request is freed when handler
 * returns. Several threads may serve one server. handler must not leave by longjmp or
 * by a C++ exception.
 *
 * Returns what handler returned; OBE_E_CANCELLED after obe_cancel; OBE_E_CLOSED
 * after obe_free or obe_close; OBE_E_STATE for a client; OBE_E_ARGUMENT;
 * OBE_E_HANDLE.
 */
obe_status obe_serve(obe_socket server, obe_handler handler, void *user);


/* ---- Commands ----
 *
 * The commands of the protocol's servers, one call each, for clients: no JSON is
 * needed. Each sends its command and reads the reply, within timeout_ms, as
 * obe_tcmd does, and returns what that returns. A reply that is not the command's
 * answer is OBE_E_REPLY, and the text of the error carries it. Numbers that do
 * not fit into the caller's array are OBE_E_BUFFER, with the count needed, and
 * nothing is sent twice: the reply is kept, for obe_receive_message with
 * OBE_NO_WAIT.
 *
 * What they send besides "command", and what a server has to answer (K knobs, P
 * parameters, N samples of their distribution, M settings):
 *
 *   ready, done                  "OK"
 *   newrun     what it needs     "OK"
 *   newdat     x, y, s: lists    "OK"
 *   optset                       [K numbers], the best setting
 *   goodset    pickiness         [K numbers], a good one
 *   getmean, getstd              [P numbers]
 *   getcov                       [P rows of P numbers]
 *   getpar                       [P rows of N numbers]
 *   getwgt                       [N numbers]
 *   getset                       [K rows of M numbers]
 *   getcon                       [numbers], the model's constants
 */

/* obe_query sends the command with that name, one of those above, and stores its
 * reply as a message in *reply, for numbers whose count is not known beforehand; free it
 * with obe_message_free. The reply belongs to the caller, so several threads may query
 * one client. fields is an object whose members are sent along, or NULL.
 *
 * The reply is checked as far as that needs no numbers: OBE_E_REPLY for an error, or
 * anything else than "OK" or an array. A function that reads its numbers returns
 * OBE_E_TYPE for other elements; see obe_check_reply.
 */
obe_status obe_query(obe_socket client, const char *command,
                     obe_message fields, obe_message *reply,
                     int64_t timeout_ms);

/* obe_check_reply reports whether reply, a message, is the answer to the command with
 * that name, one of those above. It reads the whole reply, for a program that sent
 * the command with obe_send and waited in its own way. Use it too for the reason when a number
 * of a reply of obe_query cannot be read.
 *
 * Returns OBE_OK; OBE_E_REPLY, with the reply in the text of the error; OBE_E_ARGUMENT;
 * OBE_E_MEMORY; OBE_E_HANDLE.
 */
obe_status obe_check_reply(obe_message reply, const char *command);

/* obe_ready asks whether the server is there, once; obe_wait_ready waits for it.
 */
obe_status obe_ready(obe_socket client, int64_t timeout_ms);

/* obe_newrun begins a new run. What it needs is up to the server: fields is an
 * object whose members are sent along, or 0.
 */
obe_status obe_newrun(obe_socket client, obe_message fields,
                      int64_t timeout_ms);

/* obe_optset asks for the best setting to measure at next, a number for each
 * knob, in setting, which has room for capacity numbers; *count is how many there
 * are.
 */
obe_status obe_optset(obe_socket client, double *setting, int64_t capacity,
                      int64_t *count, int64_t timeout_ms);

/* obe_goodset asks for a good setting, drawn by chance: the larger pickiness, the
 * nearer to the best one. A negative pickiness is left to the server. See
 * obe_optset.
 */
obe_status obe_goodset(obe_socket client, double pickiness, double *setting,
                       int64_t capacity, int64_t *count, int64_t timeout_ms);

/* obe_newdat reports a measurement: the setting x, of x_count knobs, the y_count
 * values y that were measured there, and their s_count uncertainties s (one
 * standard deviation each).
 */
obe_status obe_newdat(obe_socket client, const double *x, int64_t x_count,
                      const double *y, int64_t y_count, const double *s,
                      int64_t s_count, int64_t timeout_ms);

/* obe_getmean asks for the mean of each parameter, into mean; see obe_optset.
 */
obe_status obe_getmean(obe_socket client, double *mean, int64_t capacity,
                       int64_t *count, int64_t timeout_ms);

/* obe_getstd asks for the standard deviation of each parameter, into deviation;
 * see obe_optset.
 */
obe_status obe_getstd(obe_socket client, double *deviation, int64_t capacity,
                      int64_t *count, int64_t timeout_ms);

/* obe_getcov asks for the covariance matrix of the parameters, into covariance,
 * row by row; *rows and *cols are both the number of parameters.
 */
obe_status obe_getcov(obe_socket client, double *covariance, int64_t capacity,
                      int64_t *rows, int64_t *cols, int64_t timeout_ms);

/* obe_getpar asks for the samples of the parameters' distribution, into
 * parameters: a row for each parameter, a column for each sample.
 */
obe_status obe_getpar(obe_socket client, double *parameters, int64_t capacity,
                      int64_t *rows, int64_t *cols, int64_t timeout_ms);

/* obe_getset asks for all possible settings, into settings: a row for each knob,
 * a column for each setting.
 */
obe_status obe_getset(obe_socket client, double *settings, int64_t capacity,
                      int64_t *rows, int64_t *cols, int64_t timeout_ms);

/* obe_getwgt asks for the weight of each sample of obe_getpar, into weights; see
 * obe_optset.
 */
obe_status obe_getwgt(obe_socket client, double *weights, int64_t capacity,
                      int64_t *count, int64_t timeout_ms);

/* obe_getcon asks for the constants of the model, into constants; see obe_optset.
 */
obe_status obe_getcon(obe_socket client, double *constants, int64_t capacity,
                      int64_t *count, int64_t timeout_ms);

/* obe_done asks the server to end.
 */
obe_status obe_done(obe_socket client, int64_t timeout_ms);


/* ---- Settings and facts ---- */

/* obe_set_option sets an option by its name; the list of options is at the end
 * of obe.h and in libobe(7). value is a text: a whole number, or 1 and 0 for on
 * and off.
 *
 * It holds for calls and connections that begin later.
 *
 * Returns OBE_OK; OBE_E_ARGUMENT for an unknown name or a value that the option
 * cannot have, such as a file that cannot be read; OBE_E_STATE for an option of
 * TLS, or allow, once the socket was used; OBE_E_PERMISSION or OBE_E_IO for a trace
 * that cannot be opened, and the one before stays; OBE_E_HANDLE.
 */
obe_status obe_set_option(obe_socket socket, const char *name,
                          const char *value);

/* obe_get_option gives the value of an option, or a fact, as text in buffer, and
 * its length in *length. See obe_receive for buffer and capacity.
 *
 * Returns OBE_OK; OBE_E_BUFFER with the needed size in *length; OBE_E_ARGUMENT;
 * OBE_E_HANDLE.
 */
obe_status obe_get_option(obe_socket socket, const char *name, char *buffer,
                          int64_t capacity, int64_t *length);

/* obe_get_stat gives one of the handle's counters in *value, by its name; the list
 * of counters is at the end of obe.h and in libobe(7).
 *
 * Returns OBE_OK; OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_get_stat(obe_socket socket, const char *name, int64_t *value);

/* obe_last_error gives the sentence of the last failure on handle, for instance
 * "tcmd 127.0.0.1:61981: connect: connection refused", and its length in
 * *length. Handle 0 has the last failure that had no handle, such as that of
 * obe_client_new, or of a handle that was freed. It is empty if there was none;
 * a success does not clear it.
 *
 * buffer has room for capacity bytes. Of a sentence that does not fit, buffer holds
 * as much as there is room for, in whole characters and with a NUL at its end; the
 * return is OBE_E_BUFFER and *length the needed size. capacity 0 (buffer may then
 * be NULL) asks for it. Where there is room, a NUL follows a sentence that fits.
 * length may be NULL; then the NUL must fit too.
 *
 * The sentence belongs to the handle and not to the thread, so that a program
 * whose calls run on changing threads can read it.
 *
 * Returns OBE_OK; OBE_E_BUFFER; OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_last_error(const void *handle, char *buffer, int64_t capacity,
                          int64_t *length);

/* obe_strerror returns a sentence for a status; never NULL. The text is the
 * library's and stays valid.
 */
const char *obe_strerror(obe_status status);

/* obe_version returns the version of the library, such as "0.1.0". The text is
 * the library's and stays valid. OBE_VERSION is that of the header.
 */
const char *obe_version(void);


/* ---- Options, for obe_set_option and obe_get_option ----
 *
 *   timeout_ms         The timeout in milliseconds of a call that requests the
 *                      handle's default; -1 is forever.
 *                      Default: 60000 (client), -1 (server).
 *   persistent         Client: 1 keeps the connection open from one message to
 *                      the next. Only for servers built on libobe: a Python
 *                      optbayesexpt server reads one message from each
 *                      connection.
 *                      Default: 0.
 *   max_message        The largest message that is sent or accepted, in bytes;
 *                      at most 9999999999, and 2147483583 in a 32-bit process.
 *                      Default: 67108864.
 *   max_connections    Server: the largest number of open connections. A new
 *                      connection beyond it evicts the one that has been idle
 *                      longest.
 *                      Default: 1024.
 *   message_timeout_ms Server: the longest time in milliseconds from the first
 *                      byte of a message to its last, and for sending a reply;
 *                      a slower connection is closed. -1 means no limit.
 *                      Default: 30000.
 *   outgoing_limit     Server: how many bytes of replies the library may hold,
 *                      for all clients that read slowly together, while other
 *                      clients need the server. A call that sends more than
 *                      that waits; with 0 every call waits.
 *                      Default: 67108864.
 *   one_way            Server: 1 keeps a connection open whose message was
 *                      received and not answered, and reads its next one at
 *                      once, for clients that only report. A reply is still
 *                      possible but not required: such a connection can be
 *                      evicted.
 *                      Default: 0.
 *   keepalive          Seconds without traffic after which the system probes
 *                      whether the peer is still there (TCP keepalive); four
 *                      unanswered probes, a quarter of this time apart, end
 *                      the connection. So a waiting call fails after twice
 *                      this time if a cable was cut, and 13 s later if its own
 *                      message was not acknowledged (Linux before 6.15: after
 *                      15 minutes). 0 sends no probes.
 *                      Default: 60.
 *   tls                1 encrypts with TLS 1.3, and so does any other tls_
 *                      option that is set. A client then accepts servers whose
 *                      certificate the system trusts, unless tls_ca is set.
 *                      The tls options and allow must be set before the first
 *                      message.
 *                      Default: 0.
 *   tls_cert           Path of a PEM file with this side's certificate and any
 *                      intermediate certificates. A server with TLS needs one;
 *                      a client needs one if the server sets tls_ca.
 *                      Default: none.
 *   tls_key            Path of a PEM file with the unencrypted private key of
 *                      tls_cert.
 *                      Default: none.
 *   tls_ca             Path of a PEM file with the certificates of the
 *                      authorities that sign the peers' certificates. A client
 *                      then trusts these instead of the system's; a server
 *                      then accepts only clients with such a certificate. A
 *                      file with a damaged block is an error.
 *                      Default: none.
 *   tls_server_name    Client: the name or IP address that the server's
 *                      certificate must be valid for; by default the address
 *                      that the client was created with.
 *                      Default: the address.
 *   allow              Server: the IP addresses and ranges, such as 127.0.0.1,
 *                      192.168.1.0/24, fd00::/8, from which connections are
 *                      accepted; others are closed at once and counted. Empty
 *                      allows any address. Unix-domain sockets are not
 *                      affected.
 *                      Default: any address.
 *   trace              The path of a file to which every message is written,
 *                      as a line of JSON; empty turns the trace off. The file
 *                      is opened at once, and created if it is missing. One
 *                      that cannot be opened, or that another user owns or can
 *                      write to, is an error; with OBE_TRACE, trace_error is
 *                      set to that error.
 *                      Default: OBE_TRACE of the environment, or empty.
 *   trace_limit        The size in bytes at which the trace file is renamed,
 *                      with .1 appended to its name, and a new one is started;
 *                      at least 4194304.
 *                      Default: OBE_TRACE_LIMIT of the environment, or
 *                      104857600.
 *   trace_error        Why a message was last missing from the trace; empty if
 *                      none was.
 *                      Read-only.
 *   local              This side's address: that of the server's listener or
 *                      of the client's connection; empty if there is none.
 *                      Read-only.
 *   peer               The other side's address: that of the client's
 *                      connection, or of the connection of the server's last
 *                      message; empty if there is none.
 *                      Read-only.
 *
 * ---- Counters, for obe_get_stat ----
 *
 *   connections_opened Connections opened or accepted.
 *   connections_open   Connections open now.
 *   messages_sent      Complete messages sent.
 *   messages_received  Complete and valid messages received.
 *   bytes_sent         Bytes sent, headers included.
 *   bytes_received     Bytes received, headers included.
 *   dropped_malformed  Server: connections closed for a header that is not ten
 *                      digits.
 *   dropped_json       Server: connections closed for a body that is not JSON.
 *   dropped_too_large  Server: connections closed for a message beyond
 *                      max_message.
 *   dropped_memory     Server: connections closed because there was not enough
 *                      memory for their message.
 *   dropped_incomplete Server: connections that the peer closed inside a
 *                      message.
 *   dropped_timeout    Server: connections closed for a message slower than
 *                      message_timeout_ms.
 *   dropped_unanswered Server: connections closed because their message was
 *                      received and not answered.
 *   dropped_reset      Server: connections that broke between messages.
 *   dropped_not_allowed Server: connections closed because of their address;
 *                      see the option allow.
 *   dropped_tls        Server: connections closed because the client does not
 *                      speak TLS, or its certificate is not accepted.
 *   dropped_unread     Server: connections closed because the client did not
 *                      read a whole reply: it closed the connection, or was
 *                      slower than message_timeout_ms, or the call that sent
 *                      the reply ended early.
 *   outgoing_bytes     Server: bytes of replies that the library currently
 *                      holds for clients that read slowly; see outgoing_limit.
 *   evicted            Server: idle connections closed to make room for new
 *                      ones.
 *   trace_failed       Messages that could not be written to the trace; the
 *                      property trace_error contains the reason.
 */

#define OBE_OPT_TIMEOUT_MS         "timeout_ms"
#define OBE_OPT_PERSISTENT         "persistent"
#define OBE_OPT_MAX_MESSAGE        "max_message"
#define OBE_OPT_MAX_CONNECTIONS    "max_connections"
#define OBE_OPT_MESSAGE_TIMEOUT_MS "message_timeout_ms"
#define OBE_OPT_OUTGOING_LIMIT     "outgoing_limit"
#define OBE_OPT_ONE_WAY            "one_way"
#define OBE_OPT_KEEPALIVE          "keepalive"
#define OBE_OPT_TLS                "tls"
#define OBE_OPT_TLS_CERT           "tls_cert"
#define OBE_OPT_TLS_KEY            "tls_key"
#define OBE_OPT_TLS_CA             "tls_ca"
#define OBE_OPT_TLS_SERVER_NAME    "tls_server_name"
#define OBE_OPT_ALLOW              "allow"
#define OBE_OPT_TRACE              "trace"
#define OBE_OPT_TRACE_LIMIT        "trace_limit"
#define OBE_OPT_TRACE_ERROR        "trace_error"
#define OBE_OPT_LOCAL              "local"
#define OBE_OPT_PEER               "peer"

#define OBE_STAT_CONNECTIONS_OPENED  "connections_opened"
#define OBE_STAT_CONNECTIONS_OPEN    "connections_open"
#define OBE_STAT_MESSAGES_SENT       "messages_sent"
#define OBE_STAT_MESSAGES_RECEIVED   "messages_received"
#define OBE_STAT_BYTES_SENT          "bytes_sent"
#define OBE_STAT_BYTES_RECEIVED      "bytes_received"
#define OBE_STAT_DROPPED_MALFORMED   "dropped_malformed"
#define OBE_STAT_DROPPED_JSON        "dropped_json"
#define OBE_STAT_DROPPED_TOO_LARGE   "dropped_too_large"
#define OBE_STAT_DROPPED_MEMORY      "dropped_memory"
#define OBE_STAT_DROPPED_INCOMPLETE  "dropped_incomplete"
#define OBE_STAT_DROPPED_TIMEOUT     "dropped_timeout"
#define OBE_STAT_DROPPED_UNANSWERED  "dropped_unanswered"
#define OBE_STAT_DROPPED_RESET       "dropped_reset"
#define OBE_STAT_DROPPED_NOT_ALLOWED "dropped_not_allowed"
#define OBE_STAT_DROPPED_TLS         "dropped_tls"
#define OBE_STAT_DROPPED_UNREAD      "dropped_unread"
#define OBE_STAT_OUTGOING_BYTES      "outgoing_bytes"
#define OBE_STAT_EVICTED             "evicted"
#define OBE_STAT_TRACE_FAILED        "trace_failed"

#ifdef __cplusplus
}
#endif

#endif /* OBE_H */
