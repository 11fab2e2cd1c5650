/* obe_labview.h - the OBE socket protocol for LabVIEW
 *
 * These functions are in the same library as those of obe.h: obe64.dll, obe32.dll
 * or libobe.so. This header is made for LabVIEW's Import Shared Library Wizard, and
 * for who configures a Call Library Function Node by hand; bindings/labview has
 * both recipes. A C program has the better interface in obe.h.
 *
 *   obe_lv_client_new("", 61981, &handle);
 *   obe_lv_wait_ready(handle, 10000);
 *   obe_lv_goodset(handle, 4, setting, 8, &setting_count, -2);
 *   obe_lv_newdat(handle, setting, setting_count, y, 1, s, 1, -2);
 *   obe_lv_free(handle);
 *
 * What every caller must know:
 *
 * Status.    Every function returns 0, or a negative code that is one of
 *            LabVIEW's user-defined error codes and goes into an error cluster as
 *            it is. obe_lv_last_error has the sentence that explains a failure.
 * Results.   They leave through pointers and arrays. After a failure the numbers
 *            are 0, but for the size after OBE_E_BUFFER; texts are untouched, and
 *            arrays have nothing that counts. A place for a number may be NULL.
 * Handles.   A handle is a number; 0 is none. It holds a socket, the command being
 *            built and the last message received: there is nothing else to close.
 *            A closed handle, or any other number, is OBE_E_HANDLE. No number is
 *            used twice.
 * Texts.     An input text is NUL-terminated; LabVIEW sees to that. An output text
 *            is a buffer of name_cap bytes. name_size is the room that the text
 *            needs, with the NUL at its end. A name_cap of 0 asks for that size
 *            and is no failure. Other buffers that are too small are OBE_E_BUFFER.
 *            In both cases nothing is copied and nothing lost: call again.
 * Arrays.    The same with numbers: name_cap is the room, and name_count, or rows
 *            times cols, what is needed. An input array has name_count numbers.
 * Language.  Texts are UTF-8, in which ASCII is contained. LabVIEW's own are in
 *            the code page of Windows; with the option codepage they are converted.
 * Timeouts.  In milliseconds, one limit for the whole call: -1 is for ever, 0 takes
 *            what is there, -2 is the handle's option timeout_ms.
 * Threads.   Any function may be called on any handle from any thread, so every
 *            node is set to "Run in any thread"; in the UI thread a call that waits
 *            freezes LabVIEW. Consecutive calls may come from different threads. A
 *            handle is for one sequence of calls: loops that run in parallel open
 *            one each.
 *
 * Generated from capi/ by "make generate"; do not edit.
 */
#ifndef OBE_LABVIEW_H
#define OBE_LABVIEW_H

#ifdef __cplusplus
extern "C" {
#endif

/* What functions return. The numbers are fixed for ever, and new ones are only
 * added. */
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

/* The types of JSON values, for obe_lv_get_type. */
#define OBE_OBJECT  1
#define OBE_ARRAY   2
#define OBE_STRING  3
#define OBE_INTEGER 4
#define OBE_REAL    5
#define OBE_BOOL    6
#define OBE_NULL    7


/* ---- Open and close ---- */

/* obe_lv_client_new makes a client of the server at address and port, and gives its
 * handle.
 *
 * Nothing is connected until something is sent. address is an IPv4 or IPv6
 * address or a host name; an empty one is this computer, 127.0.0.1. The server's
 * port is 61981 unless it was told otherwise. Close the handle with
 * obe_lv_free.
 */
int obe_lv_client_new(const char *address, int port, int *handle);

/* obe_lv_server_new makes a server that listens at address and port, and gives its
 * handle.
 *
 * Clients can connect from then on; their messages wait until the first
 * obe_lv_receive. An empty address is this computer only, 127.0.0.1; "0.0.0.0" is
 * every network, where strangers can reach the server. Port 0 lets the system
 * choose one, which obe_lv_port tells. A host name is looked up, for at most 10 s,
 * which no abort ends. Close the handle with obe_lv_free.
 */
int obe_lv_server_new(const char *address, int port, int *handle);

/* obe_lv_free closes a handle and whatever it holds; 0 is nothing. Calls that
 * are blocked on the handle return OBE_E_CLOSED at once. A handle is closed once;
 * its number is never used again.
 */
int obe_lv_free(int handle);

/* obe_lv_free_all closes every handle there is in LabVIEW's process: those that an
 * aborted VI has left open, of which nobody knows the numbers any more, and those of
 * all other VIs, also of programs that are running beside. Call it first in a
 * program that was aborted before and runs alone.
 */
int obe_lv_free_all(void);

/* obe_lv_cancel wakes the calls that are blocked on the handle; they return
 * OBE_E_CANCELLED. Later calls are not affected, and without a blocked call it
 * does nothing. It is for a Stop button in a loop of its own.
 */
int obe_lv_cancel(int handle);

/* obe_lv_set_option sets an option by its name; the list of options is at the end.
 * value is a text, such as a whole number, or 1 and 0 for on and off. It holds for
 * calls and connections that begin later.
 */
int obe_lv_set_option(int handle, const char *name, const char *value);

/* obe_lv_port gives the port that a server listens at; for port 0 at
 * obe_lv_server_new it is the one that the system chose.
 */
int obe_lv_port(int handle, int *port);


/* ---- Talk ----
 *
 * What these receive is kept in the handle, in the place of the message before,
 * which is given up at the beginning: after a failure there is none.
 */

/* obe_lv_send sends one message, a JSON text.
 *
 * The text is checked first: nothing is connected for what is not JSON. A client
 * opens a connection for each message, unless the option persistent is set. A
 * server answers the message that obe_lv_receive gave this handle last, on whatever
 * threads the calls are made. One loop receives and answers with a handle: where two
 * loops receive at the same time, the status is OBE_E_STATE, and nothing is sent.
 */
int obe_lv_send(int handle, const char *json, int timeout_ms);

/* obe_lv_receive receives one message and keeps it. message_size is the room that
 * obe_lv_get_text needs for it.
 *
 * A client reads from the connection that its last obe_lv_send opened. A server
 * takes the next complete message of any of its clients, and remembers whose it
 * is. If the message before was not answered, and this one comes from another
 * client, the connection of the one before is closed (option one_way). A timeout
 * or cancel loses nothing: a message that has begun goes on at the next call.
 */
int obe_lv_receive(int handle, int *message_size, int timeout_ms);

/* obe_lv_tcmd sends a command, a JSON text, receives the reply and keeps it.
 * reply_size is the room that obe_lv_get_text needs for it. For clients.
 *
 * The timeout is for all of it. After OBE_E_TIMEOUT it is open whether the server
 * carries the command out; a Python optbayesexpt server never answers a command
 * that it does not know.
 */
int obe_lv_tcmd(int handle, const char *json, int *reply_size, int timeout_ms);

/* obe_lv_get_text copies the kept message, as JSON text, to text. See "Texts" above
 * for text_cap and text_size. The message stays.
 */
int obe_lv_get_text(int handle, char text[], int text_cap, int *text_size);

/* obe_lv_wait_ready asks {"command": "ready"} until the server answers, whatever
 * it says. While nobody listens it tries again: so a program can start its server
 * and go on as soon as that is up. For clients.
 */
int obe_lv_wait_ready(int handle, int timeout_ms);


/* ---- Build a command ----
 *
 * obe_lv_command_new begins a command, the functions that follow set its fields, and
 * obe_lv_tcmd_message or obe_lv_send_message sends it. It stays in the handle, so that
 * it can be changed and sent again, until the next obe_lv_command_new. A field that
 * exists keeps its place and gets the new value.
 */

/* obe_lv_command_new begins a command with a name. Without a name, which is an empty
 * text, it begins an object without a command, such as a server's answer.
 */
int obe_lv_command_new(int handle, const char *command);

/* obe_lv_set_double sets the field key to a number. 25 is written 25.0, which a
 * server can tell from the integer 25.
 */
int obe_lv_set_double(int handle, const char *key, double value);

/* obe_lv_set_int sets the field key to an integer.
 */
int obe_lv_set_int(int handle, const char *key, int value);

/* obe_lv_set_bool sets the field key to true, or to false if value is 0.
 */
int obe_lv_set_bool(int handle, const char *key, int value);

/* obe_lv_set_string sets the field key to a text.
 */
int obe_lv_set_string(int handle, const char *key, const char *text);

/* obe_lv_set_doubles sets the field key to an array of numbers.
 */
int obe_lv_set_doubles(int handle, const char *key, double values[],
                       int values_count);

/* obe_lv_set_matrix sets the field key to an array of rows, each an array of cols
 * numbers; values is a 2-D array.
 */
int obe_lv_set_matrix(int handle, const char *key, double values[], int rows,
                      int cols);

/* obe_lv_set_json sets the field key to a JSON text as it is.
 */
int obe_lv_set_json(int handle, const char *key, const char *json);

/* obe_lv_tcmd_message is obe_lv_tcmd with the command that was built.
 */
int obe_lv_tcmd_message(int handle, int *reply_size, int timeout_ms);

/* obe_lv_send_message is obe_lv_send with the command that was built.
 */
int obe_lv_send_message(int handle, int timeout_ms);


/* ---- Read the kept message ----
 *
 * pointer says where in the message: it is a JSON pointer (RFC 6901), so "/x/0" is
 * the first element of the field x, and "" the whole message. "~1" in it stands
 * for "/" and "~0" for "~". These return OBE_E_NOT_FOUND if there is nothing, and
 * OBE_E_TYPE if it is of another type.
 */

/* obe_lv_get_double gives the number at pointer, also an integer.
 */
int obe_lv_get_double(int handle, const char *pointer, double *value);

/* obe_lv_get_int gives the integer at pointer. One of more than 32 bits is
 * OBE_E_RANGE; obe_lv_get_double reads it.
 */
int obe_lv_get_int(int handle, const char *pointer, int *value);

/* obe_lv_get_bool gives 1 or 0 for the true or false at pointer.
 */
int obe_lv_get_bool(int handle, const char *pointer, int *value);

/* obe_lv_get_string copies the string at pointer, without quotes and escapes, to
 * text. See "Texts" above for text_cap and text_size. LabVIEW ends a text at a
 * NUL; a string that holds one is longer, as text_size tells.
 */
int obe_lv_get_string(int handle, const char *pointer, char text[],
                      int text_cap, int *text_size);

/* obe_lv_get_doubles copies the array of numbers at pointer to values. See
 * "Arrays" above for values_cap and values_count.
 */
int obe_lv_get_doubles(int handle, const char *pointer, double values[],
                       int values_cap, int *values_count);

/* obe_lv_get_matrix copies the array of rows at pointer to values, row by row, and
 * gives the number of rows and columns. See "Arrays" above for values_cap. Rows
 * of different lengths are OBE_E_TYPE.
 */
int obe_lv_get_matrix(int handle, const char *pointer, double values[],
                      int values_cap, int *rows, int *cols);

/* obe_lv_get_count gives the number of elements of the array, or of fields of the
 * object, at pointer.
 */
int obe_lv_get_count(int handle, const char *pointer, int *count);

/* obe_lv_get_type gives the type of the value at pointer, one of OBE_OBJECT,
 * OBE_ARRAY, OBE_STRING, OBE_INTEGER, OBE_REAL, OBE_BOOL and OBE_NULL. A number
 * without point and exponent is an integer; all others, and NaN and the
 * infinities, are real.
 */
int obe_lv_get_type(int handle, const char *pointer, int *type);


/* ---- Commands ----
 *
 * The commands of the protocol's servers, one call each, for clients: no JSON is
 * needed. Each sends its command and receives the reply under one timeout. A reply
 * that is not the command's answer is OBE_E_REPLY, and the sentence of the failure
 * carries it. Nothing is sent twice: the reply is kept, whatever came of it, and can
 * be read as every kept message.
 */

/* obe_lv_ready asks whether the server is there, once; obe_lv_wait_ready waits for
 * it.
 */
int obe_lv_ready(int handle, int timeout_ms);

/* obe_lv_newrun begins a new run. What it needs is up to the server: fields is the
 * JSON text of an object whose fields are sent along, or an empty text.
 */
int obe_lv_newrun(int handle, const char *fields, int timeout_ms);

/* obe_lv_optset asks for the best setting to measure at next, a number for each
 * knob. See "Arrays" above for setting_cap and setting_count.
 */
int obe_lv_optset(int handle, double setting[], int setting_cap,
                  int *setting_count, int timeout_ms);

/* obe_lv_goodset asks for a good setting, drawn by chance: the larger pickiness,
 * the nearer to the best one. A negative pickiness is left to the server. See
 * obe_lv_optset.
 */
int obe_lv_goodset(int handle, double pickiness, double setting[],
                   int setting_cap, int *setting_count, int timeout_ms);

/* obe_lv_newdat reports a measurement: the setting x, the values y that were
 * measured there, and their uncertainties s, one standard deviation each. A single
 * number is an array of one.
 */
int obe_lv_newdat(int handle, double x[], int x_count, double y[], int y_count,
                  double s[], int s_count, int timeout_ms);

/* obe_lv_getmean asks for the mean of each parameter; see obe_lv_optset.
 */
int obe_lv_getmean(int handle, double mean[], int mean_cap, int *mean_count,
                   int timeout_ms);

/* obe_lv_getstd asks for the standard deviation of each parameter; see
 * obe_lv_optset.
 */
int obe_lv_getstd(int handle, double deviation[], int deviation_cap,
                  int *deviation_count, int timeout_ms);

/* obe_lv_getcov asks for the covariance matrix of the parameters, row by row; rows
 * and cols are both the number of parameters. See "Arrays" above for
 * covariance_cap.
 */
int obe_lv_getcov(int handle, double covariance[], int covariance_cap,
                  int *rows, int *cols, int timeout_ms);

/* obe_lv_getpar asks for the samples of the parameters' distribution: a row for
 * each parameter, a column for each sample. See obe_lv_getcov.
 */
int obe_lv_getpar(int handle, double parameters[], int parameters_cap,
                  int *rows, int *cols, int timeout_ms);

/* obe_lv_getwgt asks for the weight of each sample of obe_lv_getpar; see
 * obe_lv_optset.
 */
int obe_lv_getwgt(int handle, double weights[], int weights_cap,
                  int *weights_count, int timeout_ms);

/* obe_lv_getset asks for all possible settings: a row for each knob, a column for
 * each setting. See obe_lv_getcov.
 */
int obe_lv_getset(int handle, double settings[], int settings_cap, int *rows,
                  int *cols, int timeout_ms);

/* obe_lv_getcon asks for the constants of the model; see obe_lv_optset.
 */
int obe_lv_getcon(int handle, double constants[], int constants_cap,
                  int *constants_count, int timeout_ms);

/* obe_lv_done asks the server to end.
 */
int obe_lv_done(int handle, int timeout_ms);


/* ---- Facts ---- */

/* obe_lv_strerror copies the general sentence for a status to text; for the
 * particular one see obe_lv_last_error. See "Texts" above for text_cap and
 * text_size.
 */
int obe_lv_strerror(int code, char text[], int text_cap, int *text_size);

/* obe_lv_last_error copies the sentence of the last failure on the handle to
 * text, for instance "tcmd 127.0.0.1:61981: connect: connection refused". Handle 0
 * has the last failure that had no handle, such as that of obe_lv_client_new, or of a
 * handle that was closed. It is empty if there was none; a success does not clear
 * it. See "Texts" above for text_cap and text_size; of a sentence that does not fit,
 * text holds as much as there is room for, with a NUL at its end.
 */
int obe_lv_last_error(int handle, char text[], int text_cap, int *text_size);

/* obe_lv_version gives the version of the library, such as 1, 4 and 2 for 1.4.2.
 */
int obe_lv_version(int *major, int *minor, int *patch);

/* obe_lv_pointer_size gives 4 or 8, for the 32-bit and the 64-bit library.
 */
int obe_lv_pointer_size(int *size);


/* ---- Options, for obe_lv_set_option ----
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
 *   codepage           The code page of the texts of this handle, which are
 *                      converted from and to UTF-8: 874, 932, 936, 949, 950,
 *                      1250 to 1258, system (the one of this Windows; UTF-8
 *                      elsewhere), or utf-8. In the text of a message, a
 *                      character that the code page lacks is written as an
 *                      escape of JSON; in a single string it is an error.
 *                      Default: utf-8.
 */

#ifdef __cplusplus
}
#endif

#endif /* OBE_LABVIEW_H */
