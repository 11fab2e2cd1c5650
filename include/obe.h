/* obe.h - the OBE socket protocol for C and C++
 *
 * With libobe, instrument software can be a client of experiment-design
 * servers, or a server itself, over the OBE socket protocol: TCP messages of
 * ten decimal digits, which are a length in bytes, and that many bytes of
 * JSON. obe.h is the complete interface.
 *
 *   obe_socket client;
 *   char reply[1024];
 *   int64_t length;
 *   if (obe_client_new(NULL, OBE_DEFAULT_PORT, &client) == OBE_OK) {
 *       if (obe_tcmd(client, "{\"command\": \"optset\"}", -1, reply,
 *                    sizeof reply, &length, 5000) == OBE_OK)
 *           printf("measure at %s\n", reply);
 *       obe_free(client);
 *   }
 *
 * Conventions:
 *
 * Status.   Every function returns an obe_status, 0 or a negative code, except
 *           those that return a constant text. Results are stored through
 *           pointers. On failure they are unchanged, unless the function's
 *           comment says otherwise. obe_last_error returns the message of an
 *           error, and obe_strerror the general text for a status.
 * Handles.  obe_socket and obe_message are opaque pointers. Each is freed once,
 *           with obe_free or obe_message_free; freeing NULL is a no-op. Any
 *           other use of NULL is refused with OBE_E_HANDLE, and so is a handle
 *           that was freed, has the other kind or is not the library's.
 * Memory.   The caller owns all buffers. The library does not use the caller's
 *           memory after a function has returned, and the caller frees nothing
 *           but handles. A pointer with a size of 0 is not dereferenced and
 *           may have any value, such as that of an empty slice of Rust; but an
 *           input text must not be NULL. An address in the first or the last
 *           4096 bytes of the address space is refused with
 *           OBE_E_ARGUMENT.
 * Lengths.  Lengths and counts are int64_t, in bytes or elements. The length
 *           -1 means that an input text is NUL-terminated.
 * Checks.   gcc and clang warn about a call that ignores the status of a
 *           function that stores a result, or whose status is the answer
 *           (obe_check_reply, obe_ready), but not of obe_last_error nor of the
 *           functions whose result can have a default (obe_get_double,
 *           obe_get_int, obe_get_bool). They also warn about a text, result or
 *           callback that is NULL, if it must not be, and about a buffer,
 *           array or result that is too small. gcc does not warn about NULL in
 *           optimized code, where its check would remove comparisons with NULL
 *           from the program, nor about the size of a matrix. The compiler
 *           assumes nothing: what it does not see, the library refuses, and a
 *           NULL handle too.
 * Timeouts. Milliseconds for the whole call, or OBE_FOREVER (-1), OBE_NO_WAIT
 *           (0, non-blocking), or OBE_DEFAULT_TIMEOUT (-2, the option
 *           timeout_ms of the handle).
 * Threads.  Any thread may call any function on any handle. Calls on one
 *           handle that cannot run at the same time wait for each other,
 *           within their timeouts. obe_free and obe_close wake the calls that
 *           are blocked on the handle with OBE_E_CLOSED, and obe_cancel with
 *           OBE_E_CANCELLED. Which message a server's obe_send answers depends
 *           on the thread.
 * JSON.     A message is JSON as Python's json.loads accepts it, in UTF-8,
 *           including NaN, Infinity and -Infinity. Arrays and objects may be
 *           nested 512 deep. The bytes are passed on unchanged.
 * Process.  The first call needs two free file descriptors, which stay open.
 *           Without them every function except obe_last_error returns
 *           OBE_E_IO, and a later call tries again. A program that closes
 *           descriptors which it did not open has to do so before its first
 *           call. The library prints nothing. It must not be called from
 *           DllMain or from a constructor that runs before main. It cannot be
 *           unloaded: dlclose leaves it in memory.
 * Fork.     A child of fork that does not exec cannot use the library: its
 *           calls return OBE_E_FORKED. (On macOS such a call may not return,
 *           if another thread was in a call at the moment of the fork.)
 * Signals.  No function may be called in a signal handler, not even
 *           obe_cancel: that ends the process. To end a server on Ctrl-C, let
 *           the handler set a volatile sig_atomic_t, and pass its address to
 *           obe_serve. Go's runtime, which is part of the library, installs
 *           handlers for some signals and forwards those that are not its own.
 *           A handler that the program installs later must have SA_ONSTACK,
 *           and a small stack must be enough for it: it may run on one of Go's
 *           threads.
 * Bugs.     An internal error ends the call with OBE_E_INTERNAL, and the error
 *           message has a stack trace. The call may have been executed in
 *           part. Later calls work, on this handle too; to be safe, free it
 *           and create another one.
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

/* The version of this header. obe_version() returns that of the library. Until
 * 1.0 build and run a program with the same minor version. */
#define OBE_VERSION_MAJOR 0
#define OBE_VERSION_MINOR 1
#define OBE_VERSION_PATCH 0
#define OBE_VERSION "0.1.0"
#define OBE_VERSION_AT_LEAST(major, minor, patch) \
    (OBE_VERSION_MAJOR > (major) || \
     (OBE_VERSION_MAJOR == (major) && \
      (OBE_VERSION_MINOR > (minor) || \
       (OBE_VERSION_MINOR == (minor) && OBE_VERSION_PATCH >= (patch)))))

/* The port that servers of the protocol listen on by default. */
#define OBE_DEFAULT_PORT 61981

/* Special timeouts. */
#define OBE_FOREVER         (-1)
#define OBE_NO_WAIT         0
#define OBE_DEFAULT_TIMEOUT (-2)

/* Handles are two opaque pointer types, so that the compiler can tell them
 * apart. The structures are never defined. */
#ifdef OBE_HANDLES_ARE_INTEGERS /* the library's own build */
typedef uintptr_t obe_socket;
typedef uintptr_t obe_message;
#else
typedef struct obe_socket_handle *obe_socket;
typedef struct obe_message_handle *obe_message;
#endif

/* What functions return: 0, or a code in LabVIEW's range of user-defined
 * errors. Codes are only added; they never change. */
typedef int32_t obe_status;

#define OBE_OK            0 /* Success. */
#define OBE_E_ARGUMENT    (-8001) /* Invalid argument. */
#define OBE_E_HANDLE      (-8002) /* Invalid handle: wrong kind, or already
                                   * freed. */
#define OBE_E_STATE       (-8003) /* Operation not valid in this role or
                                   * state. */
#define OBE_E_TIMEOUT     (-8004) /* Operation timed out. */
#define OBE_E_CANCELLED   (-8005) /* Operation cancelled. */
#define OBE_E_CLOSED      (-8006) /* Connection or handle closed locally. */
#define OBE_E_PEER_CLOSED (-8007) /* Peer closed the connection before the
                                   * message was complete. */
#define OBE_E_RESET       (-8008) /* Connection reset by the peer, or lost. */
#define OBE_E_REFUSED     (-8009) /* Connection refused: no server is
                                   * listening there. */
#define OBE_E_UNREACHABLE (-8010) /* Host unreachable, or name resolution
                                   * failed. */
#define OBE_E_IN_USE      (-8011) /* Address and port in use by another
                                   * server. */
#define OBE_E_PERMISSION  (-8012) /* Permission denied. */
#define OBE_E_FRAME       (-8013) /* Malformed frame: the peer does not
                                   * speak the OBE protocol. */
#define OBE_E_TOO_LARGE   (-8014) /* Message larger than max_message. */
#define OBE_E_JSON        (-8015) /* Invalid JSON, or invalid UTF-8. */
#define OBE_E_BUFFER      (-8016) /* Buffer too small; no data was lost. */
#define OBE_E_NOT_FOUND   (-8017) /* No value at that JSON pointer. */
#define OBE_E_TYPE        (-8018) /* Value has a different type. */
#define OBE_E_RANGE       (-8019) /* Number out of range for the requested
                                   * type. */
#define OBE_E_BUSY        (-8020) /* Busy: another call on the handle did
                                   * not finish in time. */
#define OBE_E_TLS         (-8021) /* TLS handshake or certificate
                                   * verification failed. */
#define OBE_E_FORKED      (-8022) /* Not usable in a forked child; start a
                                   * new process instead. */
#define OBE_E_UNSUPPORTED (-8023) /* Not supported on this platform or by
                                   * this build. */
#define OBE_E_IO          (-8024) /* I/O error. */
#define OBE_E_MEMORY      (-8025) /* Out of memory. */
#define OBE_E_INTERNAL    (-8026) /* Internal error; please report it. */
#define OBE_E_REPLY       (-8027) /* Unexpected reply to the command. */

/* The types of JSON values, for obe_get_type. */
#define OBE_OBJECT  1
#define OBE_ARRAY   2
#define OBE_STRING  3
#define OBE_INTEGER 4
#define OBE_REAL    5
#define OBE_BOOL    6
#define OBE_NULL    7

/* The callback that obe_serve calls for each message. It returns nothing: a
 * handler ends obe_serve by its flag or by obe_cancel. */
typedef void (*obe_handler)(obe_message request, void *user);

/* What the compiler checks in calls; see Checks above. p is parameter number i,
 * an input, result or buffer, and n is parameter number k, its size. None of
 * this changes the generated code. */
#if defined __has_attribute && !defined OBE_HANDLES_ARE_INTEGERS
#if __has_attribute(__warn_unused_result__)
#define OBE_USE_STATUS __attribute__((__warn_unused_result__))
#endif
#if __has_attribute(__diagnose_if__) /* clang */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wgcc-compat" /* gcc lacks diagnose_if */
#pragma clang diagnostic ignored "-Wold-style-cast" /* C has no other */
#define OBE_REFUSE(condition, text) \
    __attribute__((__diagnose_if__(condition, text, "warning")))
#define OBE_INPUT(i, p) OBE_REFUSE(!(p), #p " is NULL")
#define OBE_RESULT(i, p) \
    OBE_REFUSE(!(p), #p " is NULL") \
    OBE_REFUSE(__builtin_object_size(p, 0) < sizeof *(p), #p " is too small")
#define OBE_MATRIX(p, n) \
    OBE_REFUSE((n) != 0 && !(p), #p " is NULL") \
    OBE_REFUSE((n) < 0, #n " is negative") \
    OBE_REFUSE((n) > 0 && (p) && \
               __builtin_object_size(p, 0) / sizeof *(p) < (uint64_t)(n), \
               #p " is smaller than " #n)
#define OBE_INPUTS(i, p, k, n) OBE_MATRIX(p, n)
#define OBE_BUFFER(i, p, k, n) OBE_MATRIX(p, n)
#else
#if __has_attribute(__nonnull__) && !defined __OPTIMIZE__
#define OBE_INPUT(i, p) __attribute__((__nonnull__(i)))
#endif
#if __has_attribute(__access__) /* gcc 10 */
#define OBE_RESULT(i, p) \
    OBE_INPUT(i, p) __attribute__((__access__(__write_only__, i)))
#define OBE_INPUTS(i, p, k, n) __attribute__((__access__(__read_only__, i, k)))
#define OBE_BUFFER(i, p, k, n) __attribute__((__access__(__write_only__, i, k)))
#endif
#endif
#endif
#ifndef OBE_USE_STATUS
#define OBE_USE_STATUS
#endif
#ifndef OBE_INPUT
#define OBE_INPUT(i, p)
#endif
#ifndef OBE_RESULT
#define OBE_RESULT(i, p) OBE_INPUT(i, p)
#endif
#ifndef OBE_MATRIX /* gcc believes that &m[0][0] is a single row */
#define OBE_MATRIX(p, n)
#endif
#ifndef OBE_BUFFER
#define OBE_INPUTS(i, p, k, n)
#define OBE_BUFFER(i, p, k, n)
#endif


/* ---- Create and free ---- */

/* obe_client_new creates a client for the server at address and port, and
 * stores its handle in *client. Free the handle with obe_free.
 *
 * It performs no I/O: the client connects when it first sends. address is an
 * IPv4 or IPv6 literal or a host name. NULL or "" is the loopback address
 * 127.0.0.1. An IPv6 link-local address needs its network interface:
 * "fe80::1%eth0", on Windows "fe80::1%12". port is 1 to 65535;
 * OBE_DEFAULT_PORT is the port of the protocol. "unix:/path" is the
 * Unix-domain socket at an absolute path. port is then ignored. Windows does
 * not support it.
 *
 * A name may resolve to several addresses. A call tries them in turn, IPv4
 * first: it tries the next one after 250 ms without an answer (sooner if
 * timeout_ms is short), and starts again with the first, with twice the time
 * in each round. The error message lists the outcome for each address.
 *
 * Returns OBE_OK; OBE_E_ARGUMENT for an invalid address or port, or if client
 * is NULL.
 */
obe_status obe_client_new(const char *address, int32_t port,
                          obe_socket *client)
    OBE_USE_STATUS OBE_RESULT(3, client);

/* obe_server_new creates a server that listens on address and port, and stores
 * its handle in *server. Free the handle with obe_free.
 *
 * Clients can connect as soon as it returns. Their messages wait until the
 * first obe_receive. address is as in obe_client_new: NULL or "" is the
 * loopback address. "0.0.0.0" or "::" listens on all interfaces, so that the
 * server is reachable from the network; the options tls_cert, tls_key, tls_ca
 * and allow restrict access. With port 0 the system chooses a port, which
 * obe_port returns.
 *
 * "unix:/path" listens on a Unix-domain socket with an absolute path, which
 * only this user can connect to (mode 0600). port is ignored, and obe_port
 * stores 0. The stale socket file of a server that crashed is replaced.
 * obe_free removes the file.
 *
 * Resolving a host name blocks for at most 10 s. Otherwise the function does
 * not block.
 *
 * Returns OBE_OK; OBE_E_ARGUMENT; OBE_E_IN_USE if another server uses the port
 * (the error message states it if that is a server of this program);
 * OBE_E_PERMISSION; OBE_E_UNREACHABLE if the address is not one of this
 * machine or the name is unknown; OBE_E_TIMEOUT if the name could not be
 * resolved in time; OBE_E_UNSUPPORTED for "unix:/path" on Windows; OBE_E_IO.
 */
obe_status obe_server_new(const char *address, int32_t port,
                          obe_socket *server)
    OBE_USE_STATUS OBE_RESULT(3, server);

/* obe_free closes and frees a client or a server. Freeing NULL is a no-op.
 *
 * Calls that are blocked on the handle return OBE_E_CLOSED at once. obe_free
 * does not wait for the network. The unsent rest of a server's replies is sent
 * in the background, for at most 30 s, or message_timeout_ms if that is
 * shorter. If the program ends earlier, the rest is lost. The value of a
 * handle is not reused soon, so that a second obe_free, or another use of a
 * freed handle, is detected.
 *
 * Returns OBE_OK; OBE_E_HANDLE if socket was already freed or is not a socket.
 */
obe_status obe_free(obe_socket socket);


/* ---- Send and receive ---- */

/* obe_send sends one message, the JSON text of length bytes (-1:
 * NUL-terminated).
 *
 * The text is validated before any connection is made. A client then closes
 * the connection that is open and opens a new one. With the option persistent
 * it uses the one that is open. The call returns when the system has accepted
 * the whole message.
 *
 * A server answers the message that obe_receive last returned on this thread.
 * If this thread has no message to answer, it answers the only unanswered one.
 * If that message may belong to another loop, it returns OBE_E_STATE and sends
 * nothing. So one loop may make its calls on any threads, and several loops
 * may share a server if each stays on its thread. Several loops that change
 * threads, as in a thread pool, use obe_receive_message with obe_reply, or
 * obe_serve.
 *
 * A client that reads its reply slowly does not delay the other clients. As
 * soon as another client needs the server, or at once with timeout_ms 0, the
 * call returns OBE_OK and leaves the rest to the library, up to the option
 * outgoing_limit. Calls that receive or serve send the rest, in order, before
 * they receive the next message of that client. Only the counter
 * dropped_unread then reports a reply that its client did not read.
 *
 * Blocks for at most timeout_ms. Returns OBE_OK; OBE_E_JSON, with the byte
 * offset in the error message; OBE_E_TOO_LARGE; OBE_E_STATE if a server has no
 * message to answer, or the only one may belong to another loop;
 * OBE_E_REFUSED, OBE_E_UNREACHABLE or OBE_E_TIMEOUT if no connection could be
 * established; OBE_E_TLS; OBE_E_RESET or OBE_E_PEER_CLOSED if the peer has
 * closed the connection; OBE_E_BUSY; OBE_E_CANCELLED; OBE_E_CLOSED;
 * OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_send(obe_socket socket, const char *json, int64_t length,
                    int64_t timeout_ms)
    OBE_INPUT(2, json);

/* obe_receive receives one message into buffer, which has room for capacity
 * bytes, and stores its size in *length.
 *
 * A client reads from the connection that its last obe_send opened. A server
 * returns the next complete message of any client, which obe_send on this
 * thread answers. A client that stalls, sends malformed data or disappears
 * does not make the call fail.
 *
 * The message that this thread received before, or one of a thread that has
 * ended, is dropped if it was not answered: its connection is closed, unless
 * this message comes from the same connection or the option one_way is set.
 * Once a loop has been seen to change threads, this applies to the messages of
 * all threads. The next message of a connection is received when the previous
 * one is answered or dropped, so that replies leave in the order of their
 * commands. Until then it stays in the system's buffers.
 *
 * If the message does not fit, the call returns OBE_E_BUFFER, stores the
 * needed size in *length and keeps the message for the next obe_receive.
 * capacity 0 (buffer may then be NULL) queries the size. If there is room, a
 * NUL follows the message. After any other error *length is unchanged and the
 * contents of buffer are undefined. A timeout or cancel loses nothing: the
 * next obe_receive continues a partially received message.
 *
 * Blocks for at most timeout_ms. Returns OBE_OK; OBE_E_BUFFER; OBE_E_TIMEOUT;
 * OBE_E_CANCELLED; OBE_E_CLOSED; OBE_E_BUSY; OBE_E_ARGUMENT; OBE_E_HANDLE; for
 * a client also OBE_E_STATE (not connected), and OBE_E_PEER_CLOSED,
 * OBE_E_RESET, OBE_E_FRAME, OBE_E_TOO_LARGE and OBE_E_JSON, after which the
 * connection is closed.
 */
obe_status obe_receive(obe_socket socket, char *buffer, int64_t capacity,
                       int64_t *length, int64_t timeout_ms)
    OBE_USE_STATUS OBE_BUFFER(2, buffer, 3, capacity) OBE_RESULT(4, length);

/* obe_tcmd sends a command and receives its reply: obe_send, obe_receive and
 * obe_close under one timeout. For clients.
 *
 * The reply is stored in reply, which has room for capacity bytes, and its
 * size in *reply_length. If it does not fit, the call returns OBE_E_BUFFER,
 * stores the needed size in *reply_length and keeps the reply: read it with
 * obe_receive and OBE_NO_WAIT. The command is never sent twice. After any
 * other error, if the command was sent, the connection is closed, so that a
 * late reply is not mistaken for the reply to a later command. After a success
 * it is closed unless the option persistent is set.
 *
 * Blocks for at most timeout_ms. Returns OBE_OK, and the errors of obe_send
 * and obe_receive. After OBE_E_TIMEOUT the server may still execute the
 * command. A Python optbayesexpt server never replies to a command that it
 * does not know.
 */
obe_status obe_tcmd(obe_socket client, const char *json, int64_t length,
                    char *reply, int64_t capacity, int64_t *reply_length,
                    int64_t timeout_ms)
    OBE_USE_STATUS OBE_INPUT(2, json) OBE_BUFFER(4, reply, 5, capacity)
    OBE_RESULT(6, reply_length);

/* obe_close closes a connection but keeps the handle: a client's connection,
 * or that of the message that a server's obe_send would answer. A server keeps
 * listening, and its other connections stay open. The unsent rest of a
 * server's reply is sent before the connection closes; see obe_send.
 *
 * Calls that are blocked on the handle return OBE_E_CLOSED at once. A reply
 * that was kept for a larger buffer is discarded. Closing with no open
 * connection is a no-op.
 *
 * Returns OBE_OK; OBE_E_HANDLE.
 */
obe_status obe_close(obe_socket socket);

/* obe_cancel wakes the calls that are in progress on the handle. They return
 * OBE_E_CANCELLED. Later calls are not affected. With no call in progress it
 * is a no-op.
 *
 * No message is lost, and the connection stays open, unless a frame was sent
 * in part or obe_tcmd was waiting for its reply. Any thread may call it, but,
 * as with every function, not a signal handler.
 *
 * Returns OBE_OK; OBE_E_HANDLE.
 */
obe_status obe_cancel(obe_socket socket);

/* obe_wait_ready sends {"command": "ready"} until the server replies, whatever
 * the reply is. While no server is listening it retries, with a pause that
 * grows to 0.1 s, so that a program can start its server and continue as soon
 * as the server is up. For clients.
 *
 * Blocks for at most timeout_ms. Returns OBE_OK; OBE_E_TIMEOUT, with the error
 * of the last attempt in the error message; OBE_E_CANCELLED; OBE_E_CLOSED;
 * OBE_E_STATE for a server; OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_wait_ready(obe_socket client, int64_t timeout_ms);

/* obe_port stores the port that a server listens on in *port. If
 * obe_server_new was called with port 0, it is the port that the system chose.
 *
 * Returns OBE_OK; OBE_E_STATE for a client; OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_port(obe_socket server, int32_t *port)
    OBE_USE_STATUS OBE_RESULT(2, port);


/* ---- Build messages ----
 *
 * A message is one JSON value, to be sent or received. obe_message_new and
 * obe_command_new create one, the obe_set functions set what is in it, and
 * obe_message_free frees it. Several threads may use one message at the same
 * time.
 *
 * The obe_set functions use the same JSON pointers as the obe_get functions. A
 * key that begins with "/" is a pointer: "/scan/from" is the member from of
 * the member scan, and "/x/0" the first element of x. Missing objects are
 * created. In an array, an existing element is replaced, and the index that is
 * the count of elements, or "-", appends one. An array is not created: set it
 * first, with obe_set_json to "[]" for example. Any other key is the name of a
 * member of the outermost object, as it is: "a/b", and also "". The name "/x"
 * is written as the pointer "/~1x".
 *
 * Cost, for a text of T bytes and a value of V bytes:
 *
 *   obe_message_new           T
 *   obe_set_*                 V, plus T if the text was read in between
 *   obe_get_*                 T for the first few, then V or the key's length
 *   obe_get_* at "", sending  T if a member was set in between
 *
 * So the total time to set n members, to walk over n keys, or to read n
 * elements by pointer, in any order and from several arrays in turn, is
 * proportional to the size of the text: less than a microsecond each if the
 * text fits into the CPU's cache, and a few microseconds if it is large. A
 * loop that sets a member and then reads or sends the whole text copies the
 * text each time, and so does one that sets something in an object or array
 * and then reads all of that; obe_get_type and obe_get_count do not. A pointer
 * of n parts costs n such steps.
 *
 * A message needs at most 8 times the memory of its text, including an index
 * of positions in it: usually 3 times while it is read, and 5 times while
 * members are set. A function that cannot allocate memory returns OBE_E_MEMORY
 * and leaves the message unchanged. Error messages repeat at most 80 bytes of
 * a key or pointer.
 */

/* obe_message_new creates a message from the JSON text of length bytes (-1:
 * NUL-terminated), which is copied, and stores its handle in *message. Free it
 * with obe_message_free.
 *
 * Returns OBE_OK; OBE_E_JSON, with the byte offset in the error message;
 * OBE_E_ARGUMENT; OBE_E_MEMORY.
 */
obe_status obe_message_new(const char *json, int64_t length,
                           obe_message *message)
    OBE_USE_STATUS OBE_INPUT(1, json) OBE_RESULT(3, message);

/* obe_command_new creates the message {"command": command} and stores its
 * handle in *message. The obe_set functions add members. Free it with
 * obe_message_free.
 *
 * Returns OBE_OK; OBE_E_JSON if command is not UTF-8; OBE_E_ARGUMENT;
 * OBE_E_MEMORY.
 */
obe_status obe_command_new(const char *command, obe_message *message)
    OBE_USE_STATUS OBE_INPUT(1, command) OBE_RESULT(2, message);

/* obe_message_free frees a message. Freeing NULL is a no-op. A request that
 * was not answered is dropped; see obe_receive_message.
 *
 * Returns OBE_OK; OBE_E_HANDLE if message was already freed or is not a
 * message.
 */
obe_status obe_message_free(obe_message message);

/* obe_set_double sets the member key, or what the pointer key selects, to a
 * number. It is written as a float with the fewest digits that read back as
 * the same double: 25 is written as 25.0, and NaN and the infinities as NaN,
 * Infinity and -Infinity.
 *
 * In this and the following functions, an existing member keeps its position
 * and a new one is added at the end. A function that fails leaves the message
 * unchanged. Returns OBE_OK; OBE_E_TYPE if a pointer leads into a value that
 * is not an object or array, or if the message is not an object and key is not
 * a pointer; OBE_E_NOT_FOUND if an array has no such index, or there is no
 * array to append to; OBE_E_JSON if a text is not UTF-8, or the message would
 * be nested too deep; OBE_E_ARGUMENT, also for a malformed pointer;
 * OBE_E_MEMORY; OBE_E_HANDLE.
 */
obe_status obe_set_double(obe_message message, const char *key, double value)
    OBE_INPUT(2, key);

/* obe_set_int sets the member key to an integer. */
obe_status obe_set_int(obe_message message, const char *key, int64_t value)
    OBE_INPUT(2, key);

/* obe_set_bool sets the member key to true, or to false if value is 0. */
obe_status obe_set_bool(obe_message message, const char *key, int32_t value)
    OBE_INPUT(2, key);

/* obe_set_null sets the member key to null. */
obe_status obe_set_null(obe_message message, const char *key)
    OBE_INPUT(2, key);

/* obe_set_string sets the member key to a text of length bytes of UTF-8 (-1:
 * NUL-terminated).
 */
obe_status obe_set_string(obe_message message, const char *key,
                          const char *text, int64_t length)
    OBE_INPUT(2, key) OBE_INPUT(3, text);

/* obe_set_doubles sets the member key to an array of count numbers, each
 * written as in obe_set_double. A large array is formatted on several CPU
 * cores.
 */
obe_status obe_set_doubles(obe_message message, const char *key,
                           const double *values, int64_t count)
    OBE_INPUT(2, key) OBE_INPUTS(3, values, 4, count);

/* obe_set_matrix sets the member key to an array of rows arrays of cols
 * numbers each. values contains them row by row.
 */
obe_status obe_set_matrix(obe_message message, const char *key,
                          const double *values, int64_t rows, int64_t cols)
    OBE_INPUT(2, key);

/* obe_set_json sets the member key to the JSON text of length bytes (-1:
 * NUL-terminated), byte for byte.
 */
obe_status obe_set_json(obe_message message, const char *key, const char *json,
                        int64_t length)
    OBE_INPUT(2, key) OBE_INPUT(3, json);


/* ---- Read messages ----
 *
 * A JSON pointer (RFC 6901) selects a value of a message: "/x/0" is the first
 * element of the member x, and "" is the whole message. In a pointer, "~1"
 * stands for "/" and "~0" for "~". If a key is repeated, the last member wins.
 * The obe_set functions use the same pointers.
 *
 * If the message is an object with a member "error", which is how a server
 * reports what went wrong, the error message of OBE_E_NOT_FOUND and OBE_E_TYPE
 * quotes the message, up to 200 bytes of it.
 */

/* obe_get_double stores the number at pointer, an integer too, in *value,
 * rounded to the nearest double. NaN and the infinities are accepted. The time
 * is proportional to the number of digits. As obe_get_int and obe_get_bool do,
 * it leaves *value unchanged if it fails, so that a member that may be missing
 * can have a default.
 *
 * This and the following functions return OBE_OK; OBE_E_NOT_FOUND if there is
 * no value at pointer; OBE_E_TYPE if it has a different type; OBE_E_RANGE if
 * it does not fit into the requested type; OBE_E_ARGUMENT, also for a
 * malformed pointer; OBE_E_MEMORY; OBE_E_HANDLE.
 */
obe_status obe_get_double(obe_message message, const char *pointer,
                          double *value)
    OBE_INPUT(2, pointer) OBE_RESULT(3, value);

/* obe_get_int stores the integer at pointer in *value. A number with a decimal
 * point or an exponent has a different type, even if its value is integral.
 */
obe_status obe_get_int(obe_message message, const char *pointer,
                       int64_t *value)
    OBE_INPUT(2, pointer) OBE_RESULT(3, value);

/* obe_get_bool stores 1 or 0 in *value for the true or false at pointer. */
obe_status obe_get_bool(obe_message message, const char *pointer,
                        int32_t *value)
    OBE_INPUT(2, pointer) OBE_RESULT(3, value);

/* obe_get_string copies the string at pointer into buffer, unescaped and
 * without its quotes, in UTF-8, and stores its length in *length. The text may
 * contain NULs. A lone surrogate, which UTF-8 cannot encode, becomes U+FFFD.
 *
 * buffer has room for capacity bytes. A text that does not fit is not copied:
 * the call returns OBE_E_BUFFER and stores the needed size in *length.
 * capacity 0 (buffer may then be NULL) queries the size. If there is room, a
 * NUL follows the text.
 */
obe_status obe_get_string(obe_message message, const char *pointer,
                          char *buffer, int64_t capacity, int64_t *length)
    OBE_USE_STATUS OBE_INPUT(2, pointer) OBE_BUFFER(3, buffer, 4, capacity)
    OBE_RESULT(5, length);

/* obe_get_json copies the JSON text of the value at pointer into buffer, byte
 * for byte, and stores its length in *length. The pointer "" is the whole
 * message. See obe_get_string for buffer and capacity.
 */
obe_status obe_get_json(obe_message message, const char *pointer, char *buffer,
                        int64_t capacity, int64_t *length)
    OBE_USE_STATUS OBE_INPUT(2, pointer) OBE_BUFFER(3, buffer, 4, capacity)
    OBE_RESULT(5, length);

/* obe_get_key copies the key of member number index (from 0) of the object at
 * pointer into buffer, and stores its length in *length. See obe_get_string
 * for buffer and capacity.
 */
obe_status obe_get_key(obe_message message, const char *pointer, int64_t index,
                       char *buffer, int64_t capacity, int64_t *length)
    OBE_USE_STATUS OBE_INPUT(2, pointer) OBE_BUFFER(4, buffer, 5, capacity)
    OBE_RESULT(6, length);

/* obe_get_doubles copies the array of numbers at pointer into values, which
 * has room for capacity numbers, and stores their count in *count.
 *
 * If they do not fit, values is unchanged, the call returns OBE_E_BUFFER, and
 * *count is the needed capacity. capacity 0 (values may then be NULL) queries
 * it. After OBE_E_TYPE or OBE_E_RANGE values may be partially written. The
 * time is proportional to the size of the text. No memory is allocated. A
 * large array is parsed on several CPU cores.
 */
obe_status obe_get_doubles(obe_message message, const char *pointer,
                           double *values, int64_t capacity, int64_t *count)
    OBE_USE_STATUS OBE_INPUT(2, pointer) OBE_BUFFER(3, values, 4, capacity)
    OBE_RESULT(5, count);

/* obe_get_matrix copies the array of rows at pointer into values, row by row,
 * and stores the number of rows and columns in *rows and *cols. values has
 * room for capacity numbers.
 *
 * If the rows have different lengths, the call returns OBE_E_TYPE, and the
 * error message names the row. After that and after OBE_E_RANGE values may be
 * partially written. If the numbers do not fit, values is unchanged, the call
 * returns OBE_E_BUFFER, and the needed capacity is *rows times *cols.
 */
obe_status obe_get_matrix(obe_message message, const char *pointer,
                          double *values, int64_t capacity, int64_t *rows,
                          int64_t *cols)
    OBE_USE_STATUS OBE_INPUT(2, pointer) OBE_MATRIX(values, capacity)
    OBE_RESULT(5, rows) OBE_RESULT(6, cols);

/* obe_get_type stores the type of the value at pointer in *type: OBE_OBJECT,
 * OBE_ARRAY, OBE_STRING, OBE_INTEGER, OBE_REAL, OBE_BOOL or OBE_NULL. A number
 * without decimal point and exponent is an integer. All others, and NaN and
 * the infinities, are real.
 */
obe_status obe_get_type(obe_message message, const char *pointer,
                        int32_t *type)
    OBE_USE_STATUS OBE_INPUT(2, pointer) OBE_RESULT(3, type);

/* obe_get_count stores the number of members of the object, or of elements of
 * the array, at pointer in *count.
 */
obe_status obe_get_count(obe_message message, const char *pointer,
                         int64_t *count)
    OBE_USE_STATUS OBE_INPUT(2, pointer) OBE_RESULT(3, count);


/* ---- Send and receive messages ---- */

/* obe_send_message sends a message; see obe_send. The caller keeps the message
 * and still frees it.
 */
obe_status obe_send_message(obe_socket socket, obe_message message,
                            int64_t timeout_ms);

/* obe_receive_message receives one message and stores its handle in *message;
 * free it with obe_message_free. See obe_receive.
 *
 * A message that a server received refers to its client, whose address
 * obe_message_peer returns. obe_reply answers it, at any time and from any
 * thread, even while other messages are not answered yet. obe_send does not
 * answer it. If it is freed without an answer, the connection of its client is
 * closed when a message of another client is received, unless the option
 * one_way is set, so that no client waits for a reply that will not come. The
 * next message of the same connection is received when this one is answered or
 * freed, so that replies leave in the order of their commands (or at once,
 * with the option one_way).
 */
obe_status obe_receive_message(obe_socket socket, obe_message *message,
                               int64_t timeout_ms)
    OBE_USE_STATUS OBE_RESULT(2, message);

/* obe_tcmd_message sends the message command, receives the reply and stores
 * its handle in *reply; free it with obe_message_free. See obe_tcmd.
 */
obe_status obe_tcmd_message(obe_socket client, obe_message command,
                            obe_message *reply, int64_t timeout_ms)
    OBE_USE_STATUS OBE_RESULT(3, reply);

/* obe_reply answers the client that sent request, a message that a server
 * received, with the JSON text of length bytes (-1: NUL-terminated). A message
 * is answered once. The caller still frees it. OBE_OK means that the system
 * has accepted the whole reply, or that the library will send it; see
 * obe_send.
 *
 * Blocks for at most timeout_ms; OBE_DEFAULT_TIMEOUT is the server's default.
 * Returns OBE_OK; OBE_E_PEER_CLOSED or OBE_E_RESET if the client has closed
 * the connection; OBE_E_CLOSED if this side closed it, or the server was
 * freed; OBE_E_STATE if request was already answered, or was not received by a
 * server; OBE_E_JSON; OBE_E_TOO_LARGE; OBE_E_TIMEOUT; OBE_E_CANCELLED;
 * OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_reply(obe_message request, const char *json, int64_t length,
                     int64_t timeout_ms)
    OBE_INPUT(2, json);

/* obe_reply_message answers the client that sent request with a message; see
 * obe_reply.
 */
obe_status obe_reply_message(obe_message request, obe_message message,
                             int64_t timeout_ms);

/* obe_message_peer copies the address of the client that sent message, one
 * that a server received, into buffer, and stores its length in *length:
 * "127.0.0.1:50312", or "[::1]:50312". The clients of a Unix-domain socket
 * have no addresses, so the text is then that of the socket. The address is
 * valid as long as the message, even after the client has disconnected or the
 * server was freed. See obe_get_string for buffer and capacity; 80 bytes are
 * enough for an IP address and its port.
 *
 * Returns OBE_OK; OBE_E_STATE if message was not received by a server;
 * OBE_E_BUFFER, with the needed size in *length; OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_message_peer(obe_message message, char *buffer,
                            int64_t capacity, int64_t *length)
    OBE_USE_STATUS OBE_BUFFER(2, buffer, 3, capacity) OBE_RESULT(4, length);

/* obe_serve receives messages and calls handler with each message and with
 * user, until *stop is not 0, or until obe_cancel, obe_close or obe_free.
 *
 * handler runs on the calling thread, with no lock held, and may call any
 * function. It answers with obe_reply. The request is freed when handler
 * returns, and one that was not answered is then dropped. Several threads may
 * serve one server, with the same stop too. handler must not leave by longjmp
 * or by a C++ exception.
 *
 * stop may be NULL. Otherwise *stop is read every 100 ms and after each
 * message, so that it must exist until obe_serve returns. It may be a volatile
 * sig_atomic_t that a signal handler sets; handler itself and other threads
 * may set it, too. A message that was not received stays for the next call.
 *
 * Blocks until *stop is not 0, or until obe_cancel, obe_close or obe_free, and
 * while handler runs. Returns OBE_OK because of *stop; OBE_E_CANCELLED after
 * obe_cancel, also if handler called it; OBE_E_CLOSED after obe_close or
 * obe_free; OBE_E_STATE for a client; OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_serve(obe_socket server, obe_handler handler, void *user,
                     const volatile int *stop)
    OBE_INPUT(2, handler);


/* ---- Commands ----
 *
 * The commands that servers of the protocol understand, for clients. A program
 * that uses them needs no JSON. Each function sends its command and reads the
 * reply within timeout_ms, as obe_tcmd does, and returns the same statuses. In
 * addition it returns OBE_E_REPLY if the reply is not one that the command
 * expects. The error message quotes the reply.
 *
 * The functions with an array return OBE_E_BUFFER if the numbers do not fit,
 * and store the needed size. The command is not sent twice: the client keeps
 * the reply, for obe_receive or obe_receive_message with OBE_NO_WAIT, until
 * its next command. If several threads send commands on one client, another
 * thread's command may discard the reply. Such threads use obe_query, which
 * returns the reply as a message.
 *
 * What the commands send in addition to "command" and to the members of the
 * option fields, and the expected reply (K knobs, P parameters, N samples of
 * their distribution, M settings):
 *
 *   ready                "OK"
 *   newrun    any        "OK"
 *   optset               [K numbers]
 *   goodset   pickiness  [K numbers]
 *   newdat    x, y, s    "OK"
 *   getmean              [P numbers]
 *   getstd               [P numbers]
 *   getcov               [P rows of P numbers]
 *   getpar               [P rows of N numbers]
 *   getwgt               [N numbers]
 *   getset               [K rows of M numbers]
 *   getcon               [numbers]
 *   done                 "OK"
 */

/* obe_query sends the command of that name, one of the list above, and stores
 * its reply as a message in *reply; free it with obe_message_free. It is for
 * replies whose size is not known in advance, and for several threads that use
 * one client. fields is an object whose members are sent too, or NULL.
 *
 * The reply has to be "OK" or an array, as the command expects. Otherwise the
 * call returns OBE_E_REPLY, and the error message quotes the reply. The
 * elements of an array are not checked: obe_get_doubles and obe_get_matrix
 * return OBE_E_TYPE if one is not a number, and obe_check_reply then explains
 * what the command expects.
 *
 * Blocks for at most timeout_ms. Returns OBE_OK; OBE_E_REPLY; OBE_E_ARGUMENT,
 * also for an unknown command; OBE_E_TYPE if fields is not an object; and the
 * errors of obe_tcmd except OBE_E_BUFFER.
 */
obe_status obe_query(obe_socket client, const char *command,
                     obe_message fields, obe_message *reply,
                     int64_t timeout_ms)
    OBE_USE_STATUS OBE_INPUT(2, command) OBE_RESULT(4, reply);

/* obe_check_reply checks whether the message reply is one that the command of
 * that name expects, including its numbers. It is for programs that send the
 * command with obe_send and wait for the reply in their own way, and for the
 * error message if a reply of obe_query cannot be read as numbers.
 *
 * Returns OBE_OK; OBE_E_REPLY, and the error message quotes the reply;
 * OBE_E_ARGUMENT, also for an unknown command; OBE_E_MEMORY; OBE_E_HANDLE.
 */
obe_status obe_check_reply(obe_message reply, const char *command)
    OBE_USE_STATUS OBE_INPUT(2, command);

/* obe_goodset_ask asks for a good setting and returns as soon as the question
 * is sent, so that the server chooses the next setting while the instrument
 * moves and measures. obe_goodset_fetch returns the setting. Other commands
 * may be sent in between. pickiness is that of obe_goodset.
 *
 * The reply is never given to another call. Without the option persistent, the
 * question has its own connection until it is fetched. On a kept connection,
 * the next command first waits for the reply, which is stored for
 * obe_goodset_fetch, and sends nothing if that takes longer than its
 * timeout_ms. The server answers the question from what it knows when it gets
 * it: from the data before the measurement in progress.
 *
 * obe_close and obe_free discard the question. Blocks for at most timeout_ms.
 * Returns OBE_OK; OBE_E_STATE if the last question was not fetched, then
 * nothing is sent; and the errors of obe_send, after which there is no
 * question.
 */
obe_status obe_goodset_ask(obe_socket client, double pickiness,
                           int64_t timeout_ms);

/* obe_goodset_fetch waits for the setting that obe_goodset_ask asked for.
 *
 * OBE_E_TIMEOUT and OBE_E_CANCELLED lose nothing: the next call continues, and
 * with OBE_NO_WAIT a loop can look whether the setting is there. Nor does
 * OBE_E_BUFFER: *count is the needed capacity, and the next call returns the
 * same setting. After any other error the question is over: the server has
 * closed the connection (OBE_E_PEER_CLOSED, OBE_E_RESET), or replied something
 * else (OBE_E_REPLY). Returns OBE_E_STATE if nothing was asked.
 */
obe_status obe_goodset_fetch(obe_socket client, double *setting,
                             int64_t capacity, int64_t *count,
                             int64_t timeout_ms)
    OBE_USE_STATUS OBE_BUFFER(2, setting, 3, capacity) OBE_RESULT(4, count);

/* obe_ready asks once whether the server is ready; obe_wait_ready waits until
 * it is.
 */
obe_status obe_ready(obe_socket client, int64_t timeout_ms)
    OBE_USE_STATUS;

/* obe_newrun starts a new run. fields is an object whose members are sent too,
 * or NULL. Which members are needed depends on the server.
 */
obe_status obe_newrun(obe_socket client, obe_message fields,
                      int64_t timeout_ms);

/* obe_optset asks for the best setting for the next measurement, one number
 * for each knob, and stores the numbers in setting, which has room for
 * capacity numbers, and their count in *count.
 */
obe_status obe_optset(obe_socket client, double *setting, int64_t capacity,
                      int64_t *count, int64_t timeout_ms)
    OBE_USE_STATUS OBE_BUFFER(2, setting, 3, capacity) OBE_RESULT(4, count);

/* obe_goodset asks for a good setting, which the server draws at random: the
 * larger pickiness is, the closer to the best setting. With a negative
 * pickiness the server uses its own. See obe_optset.
 */
obe_status obe_goodset(obe_socket client, double pickiness, double *setting,
                       int64_t capacity, int64_t *count, int64_t timeout_ms)
    OBE_USE_STATUS OBE_BUFFER(3, setting, 4, capacity) OBE_RESULT(5, count);

/* obe_newdat reports a measurement: the setting x of x_count knobs, the
 * y_count values y that were measured at it, and their s_count uncertainties s
 * (standard deviations).
 */
obe_status obe_newdat(obe_socket client, const double *x, int64_t x_count,
                      const double *y, int64_t y_count, const double *s,
                      int64_t s_count, int64_t timeout_ms)
    OBE_INPUTS(2, x, 3, x_count) OBE_INPUTS(4, y, 5, y_count)
    OBE_INPUTS(6, s, 7, s_count);

/* obe_getmean asks for the mean of each parameter, and stores the numbers in
 * mean, which has room for capacity numbers, and their count in *count.
 */
obe_status obe_getmean(obe_socket client, double *mean, int64_t capacity,
                       int64_t *count, int64_t timeout_ms)
    OBE_USE_STATUS OBE_BUFFER(2, mean, 3, capacity) OBE_RESULT(4, count);

/* obe_getstd asks for the standard deviation of each parameter, and stores the
 * numbers in deviation, which has room for capacity numbers, and their count
 * in *count.
 */
obe_status obe_getstd(obe_socket client, double *deviation, int64_t capacity,
                      int64_t *count, int64_t timeout_ms)
    OBE_USE_STATUS OBE_BUFFER(2, deviation, 3, capacity) OBE_RESULT(4, count);

/* obe_getcov asks for the covariance matrix of the parameters, and stores the
 * rows one after the other in covariance, which has room for capacity numbers,
 * and their sizes in *rows and *cols: one row and one column for each
 * parameter.
 */
obe_status obe_getcov(obe_socket client, double *covariance, int64_t capacity,
                      int64_t *rows, int64_t *cols, int64_t timeout_ms)
    OBE_USE_STATUS OBE_MATRIX(covariance, capacity) OBE_RESULT(4, rows)
    OBE_RESULT(5, cols);

/* obe_getpar asks for the samples of the parameters' distribution, and stores
 * the rows one after the other in parameters, which has room for capacity
 * numbers, and their sizes in *rows and *cols: one row for each parameter and
 * one column for each sample.
 */
obe_status obe_getpar(obe_socket client, double *parameters, int64_t capacity,
                      int64_t *rows, int64_t *cols, int64_t timeout_ms)
    OBE_USE_STATUS OBE_MATRIX(parameters, capacity) OBE_RESULT(4, rows)
    OBE_RESULT(5, cols);

/* obe_getwgt asks for the weight of each sample of obe_getpar, and stores the
 * numbers in weights, which has room for capacity numbers, and their count in
 * *count.
 */
obe_status obe_getwgt(obe_socket client, double *weights, int64_t capacity,
                      int64_t *count, int64_t timeout_ms)
    OBE_USE_STATUS OBE_BUFFER(2, weights, 3, capacity) OBE_RESULT(4, count);

/* obe_getset asks for all possible settings, and stores the rows one after the
 * other in settings, which has room for capacity numbers, and their sizes in
 * *rows and *cols: one row for each knob and one column for each setting.
 */
obe_status obe_getset(obe_socket client, double *settings, int64_t capacity,
                      int64_t *rows, int64_t *cols, int64_t timeout_ms)
    OBE_USE_STATUS OBE_MATRIX(settings, capacity) OBE_RESULT(4, rows)
    OBE_RESULT(5, cols);

/* obe_getcon asks for the constants of the model, and stores the numbers in
 * constants, which has room for capacity numbers, and their count in *count.
 */
obe_status obe_getcon(obe_socket client, double *constants, int64_t capacity,
                      int64_t *count, int64_t timeout_ms)
    OBE_USE_STATUS OBE_BUFFER(2, constants, 3, capacity) OBE_RESULT(4, count);

/* obe_done asks the server to exit. */
obe_status obe_done(obe_socket client, int64_t timeout_ms);


/* ---- Options and counters ---- */

/* obe_set_option sets an option by its name. The list of options is at the end
 * of obe.h and in libobe(7). value is a text: a whole number, 1 or 0 for on
 * and off, or what the list describes.
 *
 * It applies to calls and connections that start later.
 *
 * Returns OBE_OK; OBE_E_ARGUMENT for an unknown name or an invalid value, such
 * as a file that cannot be read; OBE_E_STATE for an option of TLS or allow,
 * after the socket was first used; OBE_E_PERMISSION or OBE_E_IO for a trace
 * file that cannot be opened, and the previous one stays; OBE_E_HANDLE.
 */
obe_status obe_set_option(obe_socket socket, const char *name,
                          const char *value)
    OBE_INPUT(2, name) OBE_INPUT(3, value);

/* obe_get_option copies the value of an option or of a read-only property into
 * buffer, as text, and stores its length in *length. See obe_get_string for
 * buffer and capacity.
 *
 * Returns OBE_OK; OBE_E_BUFFER, with the needed size in *length;
 * OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_get_option(obe_socket socket, const char *name, char *buffer,
                          int64_t capacity, int64_t *length)
    OBE_USE_STATUS OBE_INPUT(2, name) OBE_BUFFER(3, buffer, 4, capacity)
    OBE_RESULT(5, length);

/* obe_get_stat stores a counter of the handle in *value. The list of counters
 * is at the end of obe.h and in libobe(7). For a counter of the process,
 * socket may be NULL.
 *
 * Returns OBE_OK; OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_get_stat(obe_socket socket, const char *name, int64_t *value)
    OBE_USE_STATUS OBE_INPUT(2, name) OBE_RESULT(3, value);


/* ---- Errors and version ---- */

/* obe_last_error copies the message of the last error on handle, a socket or a
 * message, into buffer, for instance "tcmd 127.0.0.1:61981: connect:
 * connection refused", and stores its length in *length. handle NULL is for
 * the last error without a valid handle, such as one of obe_client_new, or of
 * a freed handle. The message is empty if there was no error. A success does
 * not clear it.
 *
 * buffer has room for capacity bytes. If the message does not fit, buffer gets
 * as many whole characters of it as fit, followed by a NUL. The call then
 * returns OBE_E_BUFFER and stores the needed size in *length. capacity 0
 * (buffer may then be NULL) queries the size. If there is room, a NUL follows
 * a message that fits. length may be NULL; then the NUL has to fit too.
 *
 * The message belongs to the handle and not to the thread, so that a program
 * whose calls run on changing threads can read it.
 *
 * Returns OBE_OK; OBE_E_BUFFER; OBE_E_ARGUMENT; OBE_E_HANDLE.
 */
obe_status obe_last_error(const void *handle, char *buffer, int64_t capacity,
                          int64_t *length)
    OBE_BUFFER(2, buffer, 3, capacity);

/* obe_strerror returns the general text for a status, never NULL. The text
 * belongs to the library and stays valid.
 */
const char *obe_strerror(obe_status status);

/* obe_version returns the version of the library, such as "0.1.0". The text
 * belongs to the library and stays valid. OBE_VERSION is the version of the
 * header.
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
 *   fields             Client: a JSON object, such as {"instrument": "left"},
 *                      whose members are sent with each command of the
 *                      protocol: by the functions for the commands, by query
 *                      and by wait_ready. So several instruments can share a
 *                      server. The command's own members come first and have
 *                      precedence. Messages that the program builds are sent
 *                      unchanged. A member command is an error. Empty sends no
 *                      further members.
 *                      Default: none.
 *   max_message        The largest message that is sent or accepted, in bytes;
 *                      at most 9999999999, and 2147483583 in a 32-bit process.
 *                      Default: 67108864.
 *   max_connections    Server: the largest number of open connections. A new
 *                      connection beyond it evicts the one that has been idle
 *                      longest. A client that has closed and whose message
 *                      receive returned and send has not answered does not
 *                      count.
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
 *   one_way            Server: 1 keeps a connection open after its message was
 *                      received, even without a reply, and reads its next
 *                      message at once, for clients that only report. A reply
 *                      is still possible but not required: such a connection
 *                      can be evicted.
 *                      Default: 0.
 *   keepalive          Seconds without traffic after which the system probes
 *                      whether the peer is still there (TCP keepalive); four
 *                      unanswered probes, a quarter of this time apart, end
 *                      the connection. So a waiting call fails after twice
 *                      this time if a cable was cut, or 13 s after that if its
 *                      own message was not acknowledged (Linux before 6.15:
 *                      after 15 minutes). 0 sends no probes.
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
 *                      that cannot be opened, that another user owns or can
 *                      write to, or that has something else than a trace, is
 *                      an error. For a path from OBE_TRACE, that error is in
 *                      trace_error instead.
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
 *                      message, by whichever function it was received; empty
 *                      if there is none. If several threads receive from a
 *                      server, its last message is that of the calling thread.
 *                      Read-only.
 *
 * ---- Counters, for obe_get_stat ----
 *
 *   connections_opened Connections opened or accepted.
 *   connections_open   Connections that are currently open.
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
 *   dropped_not_allowed
 *                      Server: connections closed because of their address;
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
 *   live_sockets       Process: clients and servers that were created and not
 *                      freed. The handle may be NULL.
 *   live_messages      Process: messages that were created or received and not
 *                      freed, including requests that a handler is processing.
 *                      The handle may be NULL.
 */

#define OBE_OPT_TIMEOUT_MS         "timeout_ms"
#define OBE_OPT_PERSISTENT         "persistent"
#define OBE_OPT_FIELDS             "fields"
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
#define OBE_STAT_LIVE_SOCKETS        "live_sockets"
#define OBE_STAT_LIVE_MESSAGES       "live_messages"

#ifdef OBE_REFUSE
#pragma clang diagnostic pop
#undef OBE_REFUSE
#endif
#undef OBE_USE_STATUS
#undef OBE_INPUT
#undef OBE_RESULT
#undef OBE_MATRIX
#undef OBE_INPUTS
#undef OBE_BUFFER

#ifdef __cplusplus
}
#endif

#endif /* OBE_H */
