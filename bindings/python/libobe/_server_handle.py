"""The handle of a server."""

from __future__ import annotations

import ctypes

from ._deadline import Limit, Timeout
from ._handle import Handle, text_length
from ._status import PEER_GONE


class ServerHandle(Handle):
    """A server of the library; `port` is the one that it listens on."""

    role = "server"

    def __init__(self, address: str | None, port: int, timeout: Timeout) -> None:
        super().__init__(address, port)
        self._open(self._lib.obe_server_new, timeout)
        number = ctypes.c_int32()
        self._check(self._lib.obe_port(self._id, ctypes.byref(number)))
        self.port = number.value

    def send(self, body: bytes, limit: Limit | None = None) -> None:
        """Answer the last message. A client that is gone or stalls is not an error."""
        inbox, send, handle = self._inbox, self._lib.untyped_send, self._id
        if inbox.pending or inbox.pending_messages:
            inbox.discard()  # what is pending is what this answers
        limit = limit or self._waiter.limit
        if inbox.several_receivers:
            # It answers the message that this thread received, so no other thread may make the call.
            status = send(handle, body, text_length(body), limit.argument)
        else:
            status = self._send_reply(body, send, handle, limit)
        if status and status not in PEER_GONE:
            self._check(status)
