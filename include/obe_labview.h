/* obe_labview.h - the OBE socket protocol for LabVIEW
 *
 * These functions are in the same library as those of obe.h: obe64.dll,
 * obe32.dll or libobe.so. This header is for LabVIEW's Import Shared Library
 * Wizard, and for configuring a Call Library Function Node by hand.
 * bindings/labview describes both. In a C program use obe.h.
 *
 *   obe_lv_client_new("", 61981, &handle);
 *   obe_lv_wait_ready(handle, 10000);
 *   obe_lv_goodset(handle, 4, setting, 8, &setting_count, -2);
 *   obe_lv_newdat(handle, setting, setting_count, y, 1, s, 1, -2);
 *   obe_lv_free(handle);
 *
 * Conventions:
 *
 * Status.    Every function returns 0 or a negative status. Statuses are
 *            user-defined error codes of LabVIEW, so that they can be the code
 *            of an error cluster. obe_lv_last_error has the error message.
 * Results.   They are returned through pointers and arrays. After a failure the
 *            numbers are 0, except for the size after OBE_E_BUFFER. Texts are
 *            unchanged, and the content of arrays is undefined. The pointer to
 *            a number may be NULL.
 * Handles.   A handle is a number; 0 is not a handle. It holds a socket, the
 *            command being built and the last message received, so there is
 *            nothing else to free. A freed handle or any other number is
 *            OBE_E_HANDLE. A number is never used again.
 * Texts.     An input text is NUL-terminated; LabVIEW adds the NUL. An output
 *            text is a buffer of name_cap bytes. name_size is the size that the
 *            text needs, including its NUL. A name_cap of 0 queries that size
 *            and is not a failure. Any other buffer that is too small is
 *            OBE_E_BUFFER. In both cases nothing is copied and nothing is lost:
 *            call again.
 * Arrays.    The same with numbers: name_cap is the capacity, and name_count,
 *            or rows times cols, is the count. An input array has name_count
 *            numbers.
 * Language.  Texts are UTF-8, of which ASCII is a part. LabVIEW's strings are
 *            in the Windows code page; the option codepage converts them. JSON
 *            texts may then be UTF-8 too, as Flatten To JSON writes them.
 * Timeouts.  In milliseconds, for the whole call: -1 waits forever, 0 does not
 *            wait, -2 is the handle's option timeout_ms.
 * Threads.   Any function may be called on any handle from any thread, so every
 *            node is set to "Run in any thread". In the UI thread a call that
 *            waits freezes LabVIEW. Consecutive calls may come from different
 *            threads. A handle is for one sequence of calls: each of several
 *            parallel loops creates its own.
 *
 * Generated from capi/ by "make generate"; do not edit.
 */
#ifndef OBE_LABVIEW_H
#define OBE_LABVIEW_H

#ifdef __cplusplus
extern "C" {
#endif

/* What functions return. The numbers never change, and new ones are only
 * added. */
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

/* The types of JSON values, for obe_lv_get_type. */
#define OBE_OBJECT  1
#define OBE_ARRAY   2
#define OBE_STRING  3
#define OBE_INTEGER 4
#define OBE_REAL    5
#define OBE_BOOL    6
#define OBE_NULL    7


/* ---- Create and free ---- */

/* obe_lv_client_new creates a client for the server at address and port, and
 * stores its handle in *handle.
 *
 * The client connects when something is sent. address is an IPv4 or IPv6
 * address or a host name. An empty address is this computer, 127.0.0.1. The
 * default port of servers is 61981. Free the handle with obe_lv_free.
 */
int obe_lv_client_new(const char *address, int port, int *handle);

/* obe_lv_server_new creates a server that listens on address and port, and
 * stores its handle in *handle.
 *
 * Clients can connect immediately. Their messages wait for obe_lv_receive. An
 * empty address accepts connections from this computer only, 127.0.0.1.
 * "0.0.0.0" accepts them from every network, so that the server is reachable
 * from outside. With port 0 the system chooses a port, which obe_lv_port
 * returns. The lookup of a host name takes at most 10 s, and an abort does not
 * end it. Free the handle with obe_lv_free.
 */
int obe_lv_server_new(const char *address, int port, int *handle);

/* obe_lv_free closes and frees a handle with everything that it holds. Freeing
 * 0 does nothing. Calls that are blocked on the handle return OBE_E_CLOSED
 * immediately. The number of a freed handle is never used again.
 */
int obe_lv_free(int handle);

/* obe_lv_free_all frees every handle in the LabVIEW process: those that an
 * aborted VI did not free, whose numbers are lost, and those of all other VIs
 * and running programs. Call it at the start of a program that runs alone and
 * may have been aborted before.
 */
int obe_lv_free_all(void);

/* obe_lv_cancel wakes the calls that are blocked on the handle, which return
 * OBE_E_CANCELLED. Later calls are not affected. If no call is blocked, it
 * does nothing. It is for a Stop button in a separate loop.
 */
int obe_lv_cancel(int handle);

/* obe_lv_set_option sets an option by its name. The options are listed at the
 * end. value is a text: a whole number, 1 or 0 for on or off, or another text.
 * With the option fields, the functions for commands send further members,
 * such as {"instrument": "left"}, so that a server can tell its clients apart.
 * It applies to calls and connections that begin later.
 */
int obe_lv_set_option(int handle, const char *name, const char *value);

/* obe_lv_get_option copies the value of an option or of a read-only property
 * to value. See "Texts" above for value_cap and value_size. On a server, peer
 * is the address of the client that sent the last message which obe_lv_receive
 * received on the handle, on any thread; it stays after that client has
 * disconnected.
 */
int obe_lv_get_option(int handle, const char *name, char value[],
                      int value_cap, int *value_size);

/* obe_lv_port stores the port on which a server listens in *port. If the
 * server was created with port 0, the system has chosen it.
 */
int obe_lv_port(int handle, int *port);


/* ---- Send and receive ----
 *
 * The handle holds the last message received. A function that receives first
 * drops that message, so that the handle holds no message after a failure.
 */

/* obe_lv_send sends one message, a JSON text.
 *
 * The text is validated before any connection is opened. A client opens a
 * connection for each message, unless the option persistent is set. A server
 * replies to the message that obe_lv_receive last received on this handle,
 * regardless of the threads on which the calls are made. One loop receives and
 * replies on a handle. If two loops receive at the same time, the status is
 * OBE_E_STATE, and nothing is sent.
 */
int obe_lv_send(int handle, const char *json, int timeout_ms);

/* obe_lv_receive receives one message, which the handle then holds. It stores
 * in *message_size the size of the buffer that obe_lv_get_text needs for it.
 *
 * A client receives from the connection that its last obe_lv_send opened. A
 * server receives the next complete message of any client. If it did not reply
 * to the message before, and the next one comes from another client, it closes
 * the connection of the earlier client, unless the option one_way is set. A
 * timeout or a cancel loses nothing: the next call continues with a message
 * that has partly arrived.
 */
int obe_lv_receive(int handle, int *message_size, int timeout_ms);

/* obe_lv_tcmd sends a command, a JSON text, and receives the reply, which the
 * handle then holds. It stores in *reply_size the size of the buffer that
 * obe_lv_get_text needs for it. For clients only.
 *
 * The timeout applies to the whole exchange. After OBE_E_TIMEOUT the server
 * may still execute the command. A Python optbayesexpt server never replies to
 * an unknown command.
 */
int obe_lv_tcmd(int handle, const char *json, int *reply_size, int timeout_ms);

/* obe_lv_get_text copies the last message, as JSON text, to text. See "Texts"
 * above for text_cap and text_size. The handle continues to hold the message.
 */
int obe_lv_get_text(int handle, char text[], int text_cap, int *text_size);

/* obe_lv_wait_ready sends {"command": "ready"} until the server replies; any
 * reply counts. While no server is listening, it tries again, so that a
 * program can start its server and continue as soon as the server is ready.
 * For clients only.
 */
int obe_lv_wait_ready(int handle, int timeout_ms);


/* ---- Build a command ----
 *
 * obe_lv_command_new begins a command, the functions that follow set its
 * members, and obe_lv_tcmd_message or obe_lv_send_message sends it. The handle
 * holds it until the next obe_lv_command_new, so that it can be changed and
 * sent again. Setting an existing member replaces its value and keeps its
 * position.
 *
 * A key that begins with "/" is a JSON pointer, as for the functions that read
 * the reply: "/scan/from" is the member from of the member scan. Missing
 * objects are created. In an array, the index that is the count of elements,
 * or "-", appends one.
 */

/* obe_lv_command_new begins a command with a name. If the name is empty, it
 * begins an object without a command, such as a server's reply.
 */
int obe_lv_command_new(int handle, const char *command);

/* obe_lv_set_double sets the member key to a number. 25 is written as 25.0,
 * which a server can distinguish from the integer 25.
 */
int obe_lv_set_double(int handle, const char *key, double value);

/* obe_lv_set_int sets the member key to an integer. */
int obe_lv_set_int(int handle, const char *key, int value);

/* obe_lv_set_bool sets the member key to true, or to false if value is 0. */
int obe_lv_set_bool(int handle, const char *key, int value);

/* obe_lv_set_null sets the member key to null. */
int obe_lv_set_null(int handle, const char *key);

/* obe_lv_set_string sets the member key to a text. */
int obe_lv_set_string(int handle, const char *key, const char *text);

/* obe_lv_set_doubles sets the member key to an array of numbers. */
int obe_lv_set_doubles(int handle, const char *key, double values[],
                       int values_count);

/* obe_lv_set_matrix sets the member key to an array of rows, each an array of
 * cols numbers. values is a 2-D array.
 */
int obe_lv_set_matrix(int handle, const char *key, double values[], int rows,
                      int cols);

/* obe_lv_set_json sets the member key to a JSON text, which is not
 * reformatted.
 */
int obe_lv_set_json(int handle, const char *key, const char *json);

/* obe_lv_tcmd_message is obe_lv_tcmd with the command that was built. */
int obe_lv_tcmd_message(int handle, int *reply_size, int timeout_ms);

/* obe_lv_send_message is obe_lv_send with the command that was built. */
int obe_lv_send_message(int handle, int timeout_ms);


/* ---- Read the last message ----
 *
 * pointer is a JSON pointer (RFC 6901) to a value in the message: "/x/0" is
 * the first element of the member x, and "" is the whole message. In a pointer
 * "~1" stands for "/", and "~0" for "~". These functions return
 * OBE_E_NOT_FOUND if there is no value at the pointer, and OBE_E_TYPE if the
 * value has a different type. If the message is an object with a member
 * "error", as a server reports what went wrong, the error message quotes it.
 */

/* obe_lv_get_double stores the number at pointer, which may be an integer, in
 * *value.
 */
int obe_lv_get_double(int handle, const char *pointer, double *value);

/* obe_lv_get_int stores the integer at pointer in *value. An integer of more
 * than 32 bits is OBE_E_RANGE; obe_lv_get_double reads it.
 */
int obe_lv_get_int(int handle, const char *pointer, int *value);

/* obe_lv_get_bool stores 1 or 0 for the true or false at pointer in *value. */
int obe_lv_get_bool(int handle, const char *pointer, int *value);

/* obe_lv_get_string copies the string at pointer, without quotes and escapes,
 * to text. See "Texts" above for text_cap and text_size. LabVIEW reads a text
 * up to its first NUL. If the string contains a NUL, text_size shows that it
 * is longer.
 */
int obe_lv_get_string(int handle, const char *pointer, char text[],
                      int text_cap, int *text_size);

/* obe_lv_get_json copies the value at pointer as JSON text to text, for
 * instance an object for Unflatten From JSON. See "Texts" above for text_cap
 * and text_size.
 */
int obe_lv_get_json(int handle, const char *pointer, char text[], int text_cap,
                    int *text_size);

/* obe_lv_get_key copies the key of member number index, from 0, of the object
 * at pointer to key. obe_lv_get_count returns how many members there are. See
 * "Texts" above for key_cap and key_size.
 */
int obe_lv_get_key(int handle, const char *pointer, int index, char key[],
                   int key_cap, int *key_size);

/* obe_lv_get_doubles copies the array of numbers at pointer to values. See
 * "Arrays" above for values_cap and values_count.
 */
int obe_lv_get_doubles(int handle, const char *pointer, double values[],
                       int values_cap, int *values_count);

/* obe_lv_get_matrix copies the array of rows at pointer to values, row by row,
 * and stores the number of rows and columns in *rows and *cols. See "Arrays"
 * above for values_cap. If the rows have different lengths, it returns
 * OBE_E_TYPE.
 */
int obe_lv_get_matrix(int handle, const char *pointer, double values[],
                      int values_cap, int *rows, int *cols);

/* obe_lv_get_count stores the number of elements of the array, or of members
 * of the object, at pointer in *count.
 */
int obe_lv_get_count(int handle, const char *pointer, int *count);

/* obe_lv_get_type stores the type of the value at pointer in *type:
 * OBE_OBJECT, OBE_ARRAY, OBE_STRING, OBE_INTEGER, OBE_REAL, OBE_BOOL or
 * OBE_NULL. A number without a decimal point and an exponent is an integer.
 * All other numbers, NaN and the infinities are real.
 */
int obe_lv_get_type(int handle, const char *pointer, int *type);


/* ---- Commands ----
 *
 * The commands of the protocol, one function each, for clients. They do not
 * need JSON. Each sends its command and receives the reply under one timeout.
 * An unexpected reply is OBE_E_REPLY, and the error message quotes it. Nothing
 * is sent twice: in any case the handle holds the reply as its last message.
 */

/* obe_lv_goodset1 is obe_lv_goodset for one knob: the setting is the number
 * *x. If the server's setting has another count of numbers, the status is
 * OBE_E_REPLY.
 */
int obe_lv_goodset1(int handle, double pickiness, double *x, int timeout_ms);

/* obe_lv_optset1 is obe_lv_optset for one knob: the setting is the number *x.
 * If the server's setting has another count of numbers, the status is
 * OBE_E_REPLY.
 */
int obe_lv_optset1(int handle, double *x, int timeout_ms);

/* obe_lv_goodset_ask asks for a good setting and returns as soon as the
 * question is sent, so that the server chooses the next setting while the
 * instrument moves and measures. obe_lv_goodset_fetch returns the setting.
 * Other commands may be sent in between, and the handle continues to hold its
 * last message.
 *
 * The reply is never given to another call. With the option persistent, the
 * next command first waits for it. The server answers from what it knows when
 * it gets the question: from the data before the measurement in progress. If
 * the last question was not fetched, the status is OBE_E_STATE, and nothing is
 * sent. obe_lv_free discards the question.
 */
int obe_lv_goodset_ask(int handle, double pickiness, int timeout_ms);

/* obe_lv_goodset_fetch waits for the setting that obe_lv_goodset_ask asked
 * for. See "Arrays" above for x_cap and x_count.
 *
 * A timeout or a cancel loses nothing: the next call continues. After any
 * other result the question is over, and the handle holds the reply, if there
 * is one, as its last message. obe_lv_get_doubles with an empty pointer reads
 * a setting that did not fit. If nothing was asked, the status is OBE_E_STATE.
 */
int obe_lv_goodset_fetch(int handle, double x[], int x_cap, int *x_count,
                         int timeout_ms);

/* obe_lv_newdat1 is obe_lv_newdat for one knob and one measured value: the
 * setting x, the value y and its uncertainty s are sent as lists of one
 * number, as a server expects them.
 */
int obe_lv_newdat1(int handle, double x, double y, double s, int timeout_ms);

/* obe_lv_ready asks once whether the server is ready; obe_lv_wait_ready waits
 * until it is.
 */
int obe_lv_ready(int handle, int timeout_ms);

/* obe_lv_newrun starts a new run. fields is the JSON text of an object whose
 * members are sent with the command, or an empty text. The server defines
 * which members it needs.
 */
int obe_lv_newrun(int handle, const char *fields, int timeout_ms);

/* obe_lv_optset requests the best setting for the next measurement, one number
 * for each knob. See "Arrays" above for setting_cap and setting_count.
 */
int obe_lv_optset(int handle, double setting[], int setting_cap,
                  int *setting_count, int timeout_ms);

/* obe_lv_goodset requests a good setting, drawn at random: the larger
 * pickiness is, the closer the setting is to the best one. With a negative
 * pickiness the server uses its own. See obe_lv_optset.
 */
int obe_lv_goodset(int handle, double pickiness, double setting[],
                   int setting_cap, int *setting_count, int timeout_ms);

/* obe_lv_newdat reports a measurement: the setting x, the values y that were
 * measured there, and their uncertainties s, one standard deviation each. A
 * single number is an array of one element.
 */
int obe_lv_newdat(int handle, double x[], int x_count, double y[], int y_count,
                  double s[], int s_count, int timeout_ms);

/* obe_lv_getmean requests the mean of each parameter. See "Arrays" above for
 * mean_cap and mean_count.
 */
int obe_lv_getmean(int handle, double mean[], int mean_cap, int *mean_count,
                   int timeout_ms);

/* obe_lv_getstd requests the standard deviation of each parameter. See
 * "Arrays" above for deviation_cap and deviation_count.
 */
int obe_lv_getstd(int handle, double deviation[], int deviation_cap,
                  int *deviation_count, int timeout_ms);

/* obe_lv_getcov requests the covariance matrix of the parameters: one row and
 * one column for each parameter. See "Arrays" above for covariance_cap.
 */
int obe_lv_getcov(int handle, double covariance[], int covariance_cap,
                  int *rows, int *cols, int timeout_ms);

/* obe_lv_getpar requests the samples of the parameters' distribution: one row
 * for each parameter and one column for each sample. See "Arrays" above for
 * parameters_cap.
 */
int obe_lv_getpar(int handle, double parameters[], int parameters_cap,
                  int *rows, int *cols, int timeout_ms);

/* obe_lv_getwgt requests the weight of each sample of obe_lv_getpar. See
 * "Arrays" above for weights_cap and weights_count.
 */
int obe_lv_getwgt(int handle, double weights[], int weights_cap,
                  int *weights_count, int timeout_ms);

/* obe_lv_getset requests all possible settings: one row for each knob and one
 * column for each setting. See "Arrays" above for settings_cap.
 */
int obe_lv_getset(int handle, double settings[], int settings_cap, int *rows,
                  int *cols, int timeout_ms);

/* obe_lv_getcon requests the constants of the model. See "Arrays" above for
 * constants_cap and constants_count.
 */
int obe_lv_getcon(int handle, double constants[], int constants_cap,
                  int *constants_count, int timeout_ms);

/* obe_lv_done asks the server to exit. */
int obe_lv_done(int handle, int timeout_ms);


/* ---- Errors and version ---- */

/* obe_lv_strerror copies the general text of a status to text.
 * obe_lv_last_error has the error message of a particular failure. See "Texts"
 * above for text_cap and text_size.
 */
int obe_lv_strerror(int code, char text[], int text_cap, int *text_size);

/* obe_lv_last_error copies the error message of the last failure on the handle
 * to text, for instance "tcmd 127.0.0.1:61981: connect: connection refused".
 * With handle 0 it copies that of the last failure without a valid handle,
 * such as one of obe_lv_client_new or of a call on a freed handle. The text is
 * empty if no call has failed. A call that succeeds does not clear it. See
 * "Texts" above for text_cap and text_size. If the message does not fit, text
 * contains as much of it as fits, with a NUL.
 */
int obe_lv_last_error(int handle, char text[], int text_cap, int *text_size);

/* obe_lv_version stores the version of the library, such as 1, 4 and 2 for
 * 1.4.2, in *major, *minor and *patch.
 */
int obe_lv_version(int *major, int *minor, int *patch);

/* obe_lv_pointer_size stores 4 or 8, for the 32-bit or the 64-bit library, in
 * *size.
 */
int obe_lv_pointer_size(int *size);


/* ---- Options, for obe_lv_set_option and obe_lv_get_option ----
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
 *   codepage           The code page of the texts of this handle, which are
 *                      converted from and to UTF-8: 874, 932, 936, 949, 950,
 *                      1250 to 1258, system (that of this Windows
 *                      installation; UTF-8 elsewhere), or utf-8. In a JSON
 *                      text that is passed in, each string is converted unless
 *                      it is valid UTF-8, as Flatten To JSON writes it. In a
 *                      JSON text that is passed out, each character beyond
 *                      ASCII is a JSON escape. In any other text, a character
 *                      that the code page lacks is an error.
 *                      Default: utf-8.
 */

#ifdef __cplusplus
}
#endif

#endif /* OBE_LABVIEW_H */
