"""The client with the protocol's commands as methods."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from ._abi import DEFAULT_PORT
from ._client_handle import ClientHandle
from ._deadline import DEFAULT, Timeout
from ._json import decode
from ._message import Message, json_text
from ._socket import Socket


class Client(Socket):
    """A `Socket` in the client role that knows the commands of experiment-design servers.

    Numbers are returned as numpy arrays where numpy is installed, and as lists elsewhere. Both are also accepted. A
    reply that is not the answer to the command raises `libobe.errors.ReplyError`, whose text contains the reply.
    """

    _obe: ClientHandle

    def __init__(self, ip_address: str | None = "", port: int = DEFAULT_PORT, *, timeout: Timeout = DEFAULT) -> None:
        super().__init__("client", ip_address, port, timeout=timeout)
        self._has_numpy = importlib.util.find_spec("numpy") is not None

    def _expect_ok(self, command: str, **fields: Any) -> None:
        self._obe.expect_ok(command.encode(), json_text({"command": command, **fields}))

    def _array(self, command: bytes, dimensions: int, **fields: Any) -> Any:
        if self._has_numpy or fields:
            reply = self._obe.query(command, json_text(fields) if fields else b"")
            array = reply.array(importlib.import_module("numpy")) if self._has_numpy else None
            if array is None:
                array = decode(reply.json().decode())
        else:
            # The text is all that is needed. Without a message of the library, this takes less time.
            reply = None
            array = self._obe.tcmd(b'{"command": "%s"}' % command)
        if not _is_array(array, dimensions):
            self._obe.check_reply(reply or Message.from_text(json_text(array)), command)
        if reply is not None:
            reply.release()
        return array

    def ready(self) -> None:
        """Ask once whether the server is ready; `wait_ready` waits until it is."""
        self._expect_ok("ready")

    def newrun(self, **fields: Any) -> None:
        """Begin a new run. Which fields it needs depends on the server."""
        self._expect_ok("newrun", **fields)

    def optset(self) -> Any:
        """The best setting to measure at next, a number for each knob."""
        return self._array(b"optset", 1)

    def goodset(self, pickiness: float | None = None) -> Any:
        """A good setting, drawn at random: a larger pickiness prefers better settings. None is the server's default."""
        return self._array(b"goodset", 1, **({} if pickiness is None else {"pickiness": pickiness}))

    def newdat(self, x: Any, y: Any, s: Any) -> None:
        """Report a measurement: the setting x, the values y measured there, and their standard deviation s.

        Each is a number or a list of numbers, and is sent as a list: a Python server does not survive a scalar x.
        """
        self._expect_ok("newdat", x=_list(x), y=_list(y), s=_list(s))

    def getmean(self) -> Any:
        """The mean of each parameter."""
        return self._array(b"getmean", 1)

    def getstd(self) -> Any:
        """The standard deviation of each parameter."""
        return self._array(b"getstd", 1)

    def getcov(self) -> Any:
        """The covariance matrix of the parameters."""
        return self._array(b"getcov", 2)

    def getpar(self) -> Any:
        """Samples of the parameters' distribution: a row for each parameter."""
        return self._array(b"getpar", 2)

    def getset(self) -> Any:
        """All possible settings: a row for each knob."""
        return self._array(b"getset", 2)

    def getwgt(self) -> Any:
        """The weight of each sample of `getpar`."""
        return self._array(b"getwgt", 1)

    def getcon(self) -> Any:
        """The constants of the model."""
        return self._array(b"getcon", 1)

    def done(self) -> None:
        """Ask the server to exit."""
        self._expect_ok("done")


def _is_array(value: Any, dimensions: int) -> bool:
    """Whether a value is an array of numbers of so many dimensions. An empty numpy array is one of any."""
    if dimensions == 0:
        return type(value) in (int, float)
    if hasattr(value, "ndim"):
        return not value.size or int(value.ndim) == dimensions
    return isinstance(value, list) and all(_is_array(item, dimensions - 1) for item in value)


def _list(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return value
    plain = value.tolist() if hasattr(value, "tolist") else value  # numpy's arrays and scalars, array.array
    return value if isinstance(plain, list) else [plain]
