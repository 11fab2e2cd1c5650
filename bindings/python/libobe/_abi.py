"""The C ABI as tables: signatures, types, statuses and counters.

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
    "obe_message_peer": (c_int32, (c_size_t, c_void_p, c_int64, POINTER(c_int64), )),
    "obe_query": (c_int32, (c_size_t, c_char_p, c_size_t, POINTER(c_size_t), c_int64, )),
    "obe_check_reply": (c_int32, (c_size_t, c_char_p, )),
    "obe_goodset_ask": (c_int32, (c_size_t, c_double, c_int64, )),
    "obe_goodset_fetch": (c_int32, (c_size_t, POINTER(c_double), c_int64, POINTER(c_int64), c_int64, )),
    "obe_set_option": (c_int32, (c_size_t, c_char_p, c_char_p, )),
    "obe_get_option": (c_int32, (c_size_t, c_char_p, c_void_p, c_int64, POINTER(c_int64), )),
    "obe_get_stat": (c_int32, (c_size_t, c_char_p, POINTER(c_int64), )),
    "obe_last_error": (c_int32, (c_size_t, c_void_p, c_int64, POINTER(c_int64), )),
    "obe_version": (c_char_p, ()),
}

# The types of JSON values that obe_get_type returns.
OBE_OBJECT = 1
OBE_ARRAY = 2

# (Code, name, built-in exception of the same family or "", meaning).
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

# The names of a socket's counters.
COUNTERS: tuple[str, ...] = (
    "connections_opened",
    "connections_open",
    "messages_sent",
    "messages_received",
    "bytes_sent",
    "bytes_received",
    "dropped_malformed",
    "dropped_json",
    "dropped_too_large",
    "dropped_memory",
    "dropped_incomplete",
    "dropped_timeout",
    "dropped_unanswered",
    "dropped_reset",
    "dropped_not_allowed",
    "dropped_tls",
    "dropped_unread",
    "outgoing_bytes",
    "evicted",
    "trace_failed",
)
