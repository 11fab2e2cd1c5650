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
    "obe_set_doubles": (c_int32, (c_size_t, c_char_p, POINTER(c_double), c_int64, )),
    "obe_set_matrix": (c_int32, (c_size_t, c_char_p, POINTER(c_double), c_int64, c_int64, )),
    "obe_get_json": (c_int32, (c_size_t, c_char_p, c_void_p, c_int64, POINTER(c_int64), )),
    "obe_get_key": (c_int32, (c_size_t, c_char_p, c_int64, c_void_p, c_int64, POINTER(c_int64), )),
    "obe_get_doubles": (c_int32, (c_size_t, c_char_p, POINTER(c_double), c_int64, POINTER(c_int64), )),
    "obe_get_matrix": (c_int32, (c_size_t, c_char_p, POINTER(c_double), c_int64, POINTER(c_int64), POINTER(c_int64), )),
    "obe_get_type": (c_int32, (c_size_t, c_char_p, POINTER(c_int32), )),
    "obe_get_count": (c_int32, (c_size_t, c_char_p, POINTER(c_int64), )),
    "obe_receive_message": (c_int32, (c_size_t, POINTER(c_size_t), c_int64, )),
    "obe_reply": (c_int32, (c_size_t, c_char_p, c_int64, c_int64, )),
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
        "The timeout in milliseconds of a call that asks for the handle's default; -1 is for ever.",
    ),
    (
        "persistent",
        "0",
        "Client: 1 keeps the connection open from one message to the next. Only for servers built on libobe: a Python optbayesexpt server reads one message from each connection.",
    ),
    (
        "max_message",
        "67108864",
        "The largest message sent or taken, in bytes; at most 9999999999, and 2147483583 in a 32-bit process.",
    ),
    (
        "max_connections",
        "1024",
        "Server: how many connections are open at once; when all are taken, the one idle longest gives way to a new one.",
    ),
    (
        "message_timeout_ms",
        "30000",
        "Server: the longest time in milliseconds from the first byte of a message to its last, and for sending a reply; a slower connection is closed. -1 is no limit.",
    ),
    (
        "outgoing_limit",
        "67108864",
        "Server: how many bytes of replies the library may hold for all clients together that read slowly while other clients need the server. A call that sends more than fits waits; with 0 every call waits.",
    ),
    (
        "one_way",
        "0",
        "Server: 1 keeps a connection open whose message was received and not answered, and takes its next one at once, for clients that only report. An answer is still possible but not required: such a connection can be evicted.",
    ),
    (
        "keepalive",
        "60",
        "Seconds of silence on a connection after which the system asks whether the peer is still there; four unanswered questions, a quarter of this time apart, end the connection. So a waiting call fails after twice this time where a cable was cut, and after 13 s more if its own message was not acknowledged (Linux before 6.15: 15 minutes). 0 never asks.",
    ),
    (
        "tls",
        "0",
        "1 encrypts with TLS 1.3, as does every other tls_ option that is set; a client then takes servers whose certificate the system trusts, unless tls_ca says otherwise. This option, the others of TLS and allow are set before the first message.",
    ),
    (
        "tls_cert",
        "none",
        "Path of a PEM file with this side's certificate, and those between it and its authority. A server with TLS needs one; a client needs one where the server has tls_ca.",
    ),
    (
        "tls_key",
        "none",
        "Path of a PEM file with the private key of tls_cert, not encrypted.",
    ),
    (
        "tls_ca",
        "none",
        "Path of a PEM file with the certificates of the authorities that sign the peers' certificates. A client trusts these and not the system's; a server then takes only clients with such a certificate. A file with a block that is damaged is refused.",
    ),
    (
        "tls_server_name",
        "the address",
        "Client: the name or IP address that the server's certificate must be for; without it the address that the client was made with.",
    ),
    (
        "allow",
        "everybody",
        "Server: the IP addresses and ranges, such as 127.0.0.1, 192.168.1.0/24, fd00::/8, whose connections are taken; others are closed at once and counted. Empty is everybody. Unix-domain sockets are not concerned.",
    ),
    (
        "trace",
        "OBE_TRACE of the environment, or empty",
        "The path of a file to which every message is written, as a line of JSON; empty is none. It is opened at once, and created if it is missing; one that cannot be opened, or that another user owns or can write to, is an error. With OBE_TRACE, trace_error has that error.",
    ),
    (
        "trace_limit",
        "OBE_TRACE_LIMIT of the environment, or 104857600",
        "The size in bytes at which the file of trace is renamed, .1 being added to its name, and begun anew; at least 4194304.",
    ),
    (
        "trace_error",
        "",
        "Why a message was last missing in the trace; empty if none was.",
    ),
    (
        "local",
        "",
        "This side's address: the server's listener, or the client's connection; empty when there is none.",
    ),
    (
        "peer",
        "",
        "The other side's address: of the client's connection, or of the connection of the server's last message; empty when there is none.",
    ),
)

# (Name, what it counts).
COUNTERS: tuple[tuple[str, str], ...] = (
    ("connections_opened", "Connections made or accepted."),
    ("connections_open", "Connections open now."),
    ("messages_sent", "Messages sent whole."),
    ("messages_received", "Messages received whole and valid."),
    ("bytes_sent", "Bytes sent, headers included."),
    ("bytes_received", "Bytes received, headers included."),
    ("dropped_malformed", "Server: connections closed for a header that is not ten digits."),
    ("dropped_json", "Server: connections closed for a body that is not JSON."),
    ("dropped_too_large", "Server: connections closed for a message beyond max_message."),
    ("dropped_memory", "Server: connections closed because the system had no memory for their message."),
    ("dropped_incomplete", "Server: connections that the peer ended inside a message."),
    ("dropped_timeout", "Server: connections closed for a message slower than message_timeout_ms."),
    ("dropped_unanswered", "Server: connections closed because their message was received and not answered."),
    ("dropped_reset", "Server: connections that broke between messages."),
    ("dropped_not_allowed", "Server: connections closed because of where they came from; see the option allow."),
    ("dropped_tls", "Server: connections closed because the client speaks no TLS, or is not who it must be."),
    ("dropped_unread", "Server: connections closed because the client did not take the whole of a reply: it left, or was slower than message_timeout_ms, or the call that sent the reply ended early."),
    ("outgoing_bytes", "Server: bytes of replies that the library holds now for clients that read slowly; see outgoing_limit."),
    ("evicted", "Server: idle connections closed to make room for new ones."),
    ("trace_failed", "Messages that could not be written to the trace; the option trace_error has the reason."),
)
