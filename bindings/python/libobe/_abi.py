"""The C ABI as tables: signatures, statuses and options.

Generated from capi/ by "make generate"; do not edit.
"""

from __future__ import annotations

from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_void_p
from typing import Any

VERSION = "0.1.0"
DEFAULT_PORT = 61981

# Name: (type of the result, types of the arguments).
FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "obe_client_new": (c_int32, (c_char_p, c_int32, POINTER(c_size_t), )),
    "obe_server_new": (c_int32, (c_char_p, c_int32, POINTER(c_size_t), )),
    "obe_free": (c_int32, (c_size_t, )),
    "obe_send": (c_int32, (c_size_t, c_char_p, c_int64, c_int64, )),
    "obe_receive": (c_int32, (c_size_t, c_void_p, c_int64, POINTER(c_int64), c_int64, )),
    "obe_tcmd": (c_int32, (c_size_t, c_char_p, c_int64, c_void_p, c_int64, POINTER(c_int64), c_int64, )),
    "obe_close": (c_int32, (c_size_t, )),
    "obe_cancel": (c_int32, (c_size_t, )),
    "obe_wait_ready": (c_int32, (c_size_t, c_int64, )),
    "obe_port": (c_int32, (c_size_t, POINTER(c_int32), )),
    "obe_message_new": (c_int32, (c_char_p, c_int64, POINTER(c_size_t), )),
    "obe_message_free": (c_int32, (c_size_t, )),
    "obe_set_doubles": (c_int32, (c_size_t, c_char_p, POINTER(c_double), c_int64, )),
    "obe_set_matrix": (c_int32, (c_size_t, c_char_p, POINTER(c_double), c_int64, c_int64, )),
    "obe_get_json": (c_int32, (c_size_t, c_char_p, c_void_p, c_int64, POINTER(c_int64), )),
    "obe_get_key": (c_int32, (c_size_t, c_char_p, c_int64, c_void_p, c_int64, POINTER(c_int64), )),
    "obe_get_doubles": (c_int32, (c_size_t, c_char_p, POINTER(c_double), c_int64, POINTER(c_int64), )),
    "obe_get_matrix": (c_int32, (c_size_t, c_char_p, POINTER(c_double), c_int64, POINTER(c_int64), POINTER(c_int64), )),
    "obe_get_type": (c_int32, (c_size_t, c_char_p, POINTER(c_int32), )),
    "obe_get_count": (c_int32, (c_size_t, c_char_p, POINTER(c_int64), )),
    "obe_receive_message": (c_int32, (c_size_t, POINTER(c_size_t), c_int64, )),
    "obe_tcmd_message": (c_int32, (c_size_t, c_size_t, POINTER(c_size_t), c_int64, )),
    "obe_reply": (c_int32, (c_size_t, c_char_p, c_int64, c_int64, )),
    "obe_query": (c_int32, (c_size_t, c_char_p, c_size_t, POINTER(c_size_t), c_int64, )),
    "obe_check_reply": (c_int32, (c_size_t, c_char_p, )),
    "obe_ready": (c_int32, (c_size_t, c_int64, )),
    "obe_newrun": (c_int32, (c_size_t, c_size_t, c_int64, )),
    "obe_newdat": (c_int32, (c_size_t, POINTER(c_double), c_int64, POINTER(c_double), c_int64, POINTER(c_double), c_int64, c_int64, )),
    "obe_done": (c_int32, (c_size_t, c_int64, )),
    "obe_set_option": (c_int32, (c_size_t, c_char_p, c_char_p, )),
    "obe_get_option": (c_int32, (c_size_t, c_char_p, c_void_p, c_int64, POINTER(c_int64), )),
    "obe_get_stat": (c_int32, (c_size_t, c_char_p, POINTER(c_int64), )),
    "obe_last_error": (c_int32, (c_size_t, c_void_p, c_int64, POINTER(c_int64), )),
}

# The types of JSON values, as obe_get_type gives them.
OBE_OBJECT = 1
OBE_ARRAY = 2
OBE_STRING = 3
OBE_INTEGER = 4
OBE_REAL = 5
OBE_BOOL = 6
OBE_NULL = 7

# (Code, name, built-in exception of the same family or "", what it means).
STATUSES: tuple[tuple[int, str, str, str], ...] = (
    (0, "OBE_OK", "", "Success."),
    (-8001, "OBE_E_ARGUMENT", "ValueError", "Invalid argument."),
    (-8002, "OBE_E_HANDLE", "ValueError", "Invalid handle: wrong kind, or already freed."),
    (-8003, "OBE_E_STATE", "RuntimeError", "Operation not valid in this role or state."),
    (-8004, "OBE_E_TIMEOUT", "TimeoutError", "Operation timed out."),
    (-8005, "OBE_E_CANCELLED", "", "Operation cancelled."),
    (-8006, "OBE_E_CLOSED", "RuntimeError", "Connection or handle closed locally."),
    (-8007, "OBE_E_PEER_CLOSED", "RuntimeError", "Peer closed the connection before the message was complete."),
    (-8008, "OBE_E_RESET", "ConnectionResetError", "Connection reset by the peer, or lost."),
    (-8009, "OBE_E_REFUSED", "ConnectionRefusedError", "Connection refused: no server is listening there."),
    (-8010, "OBE_E_UNREACHABLE", "OSError", "Host unreachable, or name resolution failed."),
    (-8011, "OBE_E_IN_USE", "OSError", "Address and port in use by another server."),
    (-8012, "OBE_E_PERMISSION", "PermissionError", "Permission denied."),
    (-8013, "OBE_E_FRAME", "ValueError", "Malformed frame: the peer does not speak the OBE protocol."),
    (-8014, "OBE_E_TOO_LARGE", "ValueError", "Message larger than max_message."),
    (-8015, "OBE_E_JSON", "ValueError", "Invalid JSON, or invalid UTF-8."),
    (-8016, "OBE_E_BUFFER", "BufferError", "Buffer too small; no data was lost."),
    (-8017, "OBE_E_NOT_FOUND", "LookupError", "No value at that JSON pointer."),
    (-8018, "OBE_E_TYPE", "TypeError", "Value has a different type."),
    (-8019, "OBE_E_RANGE", "OverflowError", "Number out of range for the requested type."),
    (-8020, "OBE_E_BUSY", "", "Busy: another call on the handle did not finish in time."),
    (-8021, "OBE_E_TLS", "OSError", "TLS handshake or certificate verification failed."),
    (-8022, "OBE_E_FORKED", "RuntimeError", "Not usable in a forked child; start a new process instead."),
    (-8023, "OBE_E_UNSUPPORTED", "NotImplementedError", "Not supported on this platform or by this build."),
    (-8024, "OBE_E_IO", "OSError", "I/O error."),
    (-8025, "OBE_E_MEMORY", "MemoryError", "Out of memory."),
    (-8026, "OBE_E_INTERNAL", "RuntimeError", "Internal error; please report it."),
    (-8027, "OBE_E_REPLY", "RuntimeError", "Unexpected reply to the command."),
)

# (Name, default, what it means).
OPTIONS: tuple[tuple[str, str, str], ...] = (
    (
        "timeout_ms",
        "60000 (client), -1 (server)",
        "The timeout in milliseconds of a call that requests the handle's default; -1 is forever.",
    ),
    (
        "persistent",
        "0",
        "Client: 1 keeps the connection open from one message to the next. Only for servers built on libobe: a Python optbayesexpt server reads one message from each connection.",
    ),
    (
        "max_message",
        "67108864",
        "The largest message that is sent or accepted, in bytes; at most 9999999999, and 2147483583 in a 32-bit process.",
    ),
    (
        "max_connections",
        "1024",
        "Server: the largest number of open connections. A new connection beyond it evicts the one that has been idle longest.",
    ),
    (
        "message_timeout_ms",
        "30000",
        "Server: the longest time in milliseconds from the first byte of a message to its last, and for sending a reply; a slower connection is closed. -1 means no limit.",
    ),
    (
        "outgoing_limit",
        "67108864",
        "Server: how many bytes of replies the library may hold, for all clients that read slowly together, while other clients need the server. A call that sends more than that waits; with 0 every call waits.",
    ),
    (
        "one_way",
        "0",
        "Server: 1 keeps a connection open whose message was received and not answered, and reads its next one at once, for clients that only report. A reply is still possible but not required: such a connection can be evicted.",
    ),
    (
        "keepalive",
        "60",
        "Seconds without traffic after which the system probes whether the peer is still there (TCP keepalive); four unanswered probes, a quarter of this time apart, end the connection. So a waiting call fails after twice this time if a cable was cut, and 13 s later if its own message was not acknowledged (Linux before 6.15: after 15 minutes). 0 sends no probes.",
    ),
    (
        "tls",
        "0",
        "1 encrypts with TLS 1.3, and so does any other tls_ option that is set. A client then accepts servers whose certificate the system trusts, unless tls_ca is set. The tls options and allow must be set before the first message.",
    ),
    (
        "tls_cert",
        "none",
        "Path of a PEM file with this side's certificate and any intermediate certificates. A server with TLS needs one; a client needs one if the server sets tls_ca.",
    ),
    (
        "tls_key",
        "none",
        "Path of a PEM file with the unencrypted private key of tls_cert.",
    ),
    (
        "tls_ca",
        "none",
        "Path of a PEM file with the certificates of the authorities that sign the peers' certificates. A client then trusts these instead of the system's; a server then accepts only clients with such a certificate. A file with a damaged block is an error.",
    ),
    (
        "tls_server_name",
        "the address",
        "Client: the name or IP address that the server's certificate must be valid for; by default the address that the client was created with.",
    ),
    (
        "allow",
        "any address",
        "Server: the IP addresses and ranges, such as 127.0.0.1, 192.168.1.0/24, fd00::/8, from which connections are accepted; others are closed at once and counted. Empty allows any address. Unix-domain sockets are not affected.",
    ),
    (
        "trace",
        "OBE_TRACE of the environment, or empty",
        "The path of a file to which every message is written, as a line of JSON; empty turns the trace off. The file is opened at once, and created if it is missing. One that cannot be opened, or that another user owns or can write to, is an error; with OBE_TRACE, trace_error is set to that error.",
    ),
    (
        "trace_limit",
        "OBE_TRACE_LIMIT of the environment, or 104857600",
        "The size in bytes at which the trace file is renamed, with .1 appended to its name, and a new one is started; at least 4194304.",
    ),
    (
        "trace_error",
        "",
        "Why a message was last missing from the trace; empty if none was.",
    ),
    (
        "local",
        "",
        "This side's address: that of the server's listener or of the client's connection; empty if there is none.",
    ),
    (
        "peer",
        "",
        "The other side's address: that of the client's connection, or of the connection of the server's last message; empty if there is none.",
    ),
)

# (Name, what it counts).
COUNTERS: tuple[tuple[str, str], ...] = (
    ("connections_opened", "Connections opened or accepted."),
    ("connections_open", "Connections open now."),
    ("messages_sent", "Complete messages sent."),
    ("messages_received", "Complete and valid messages received."),
    ("bytes_sent", "Bytes sent, headers included."),
    ("bytes_received", "Bytes received, headers included."),
    ("dropped_malformed", "Server: connections closed for a header that is not ten digits."),
    ("dropped_json", "Server: connections closed for a body that is not JSON."),
    ("dropped_too_large", "Server: connections closed for a message beyond max_message."),
    ("dropped_memory", "Server: connections closed because there was not enough memory for their message."),
    ("dropped_incomplete", "Server: connections that the peer closed inside a message."),
    ("dropped_timeout", "Server: connections closed for a message slower than message_timeout_ms."),
    ("dropped_unanswered", "Server: connections closed because their message was received and not answered."),
    ("dropped_reset", "Server: connections that broke between messages."),
    ("dropped_not_allowed", "Server: connections closed because of their address; see the option allow."),
    ("dropped_tls", "Server: connections closed because the client does not speak TLS, or its certificate is not accepted."),
    ("dropped_unread", "Server: connections closed because the client did not read a whole reply: it closed the connection, or was slower than message_timeout_ms, or the call that sent the reply ended early."),
    ("outgoing_bytes", "Server: bytes of replies that the library currently holds for clients that read slowly; see outgoing_limit."),
    ("evicted", "Server: idle connections closed to make room for new ones."),
    ("trace_failed", "Messages that could not be written to the trace; the property trace_error contains the reason."),
)
