"""The client with the protocol's commands as methods."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ._abi import DEFAULT_PORT
from ._client_handle import ClientHandle
from ._deadline import DEFAULT, Timeout, limit_of
from ._json import decode, plain
from ._message import Message, json_text, numpy_module
from ._socket import Socket, _closed

if TYPE_CHECKING:
    from numpy import float64  # type: ignore[import-not-found,unused-ignore]  # Any where numpy is not installed
    from numpy.typing import NDArray  # type: ignore[import-not-found,unused-ignore]

_NO_FIELDS: Mapping[str, Any] = MappingProxyType({})


class Client(Socket):
    """A `Socket` in the client role that knows the commands of experiment-design servers.

    Numbers are returned as numpy arrays where numpy is installed, and as lists elsewhere, as are rows of different
    lengths. Both are also accepted. A reply that is not the answer to the command raises `libobe.errors.ReplyError`,
    whose text contains the reply.

    fields      members that go into every command that these methods send, such as the instrument that asks; a
                command's own member wins over one of the same name.

    Each command accepts its own timeout. Threads that share a Client take turns: a command begins, and its timeout with
    it, when the commands of other threads have ended. Each thread receives its own reply. For commands at the same
    time, create a Client for each thread.
    """

    _obe: ClientHandle

    def __init__(
        self,
        ip_address: str | None = "",
        port: int = DEFAULT_PORT,
        *,
        timeout: Timeout = DEFAULT,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__("client", ip_address, port, timeout=timeout)
        self._has_numpy = importlib.util.find_spec("numpy") is not None
        if fields is not None:
            self.fields = fields

    @property
    def fields(self) -> Mapping[str, Any]:
        """The members that go into every command. To change them, assign another mapping; {} or None removes them."""
        return MappingProxyType(decode(self._obe.option("fields") or "{}"))

    @fields.setter
    def fields(self, value: Mapping[str, Any] | None) -> None:
        if value is not None and not isinstance(value, Mapping):
            raise TypeError(f"fields is a dictionary such as {{'instrument': 3}}, not {value!r}")
        self._obe.set_option("fields", json_text(dict(value)).decode() if value else "")

    def _expect_ok(self, command: str, timeout: Timeout, fields: Mapping[str, Any] = _NO_FIELDS) -> None:
        text = json_text({"command": command, **self._obe.fields, **fields})
        self._obe.expect_ok(command.encode(), text, None if timeout is DEFAULT else limit_of(timeout))

    def _array(
        self, command: bytes, dimensions: int, timeout: Timeout, fields: Mapping[str, Any] = _NO_FIELDS
    ) -> NDArray[float64]:
        array: Any
        limit = None if timeout is DEFAULT else limit_of(timeout)
        if self._has_numpy or fields or self._obe.fields:
            reply = self._obe.query(command, json_text(dict(fields)) if fields else b"", limit)
            array = reply.array(numpy_module()) if self._has_numpy else None
            if array is None:
                array = decode(reply.json().decode())
        else:
            # The text is all that is needed. Without a message of the library, this takes less time.
            reply = None
            array = decode(self._obe.tcmd_text(b'{"command": "%s"}' % command, limit))
        if not _is_array(array, dimensions) or (command == b"getcov" and _is_ragged(array)):
            self._obe.check_reply(reply or Message.from_text(json_text(array)), command)
        if reply is not None:
            reply.release()
        numbers: NDArray[float64] = array
        return numbers

    def newrun(self, *, timeout: Timeout = DEFAULT, **fields: Any) -> None:
        """Begin a new run. Which fields it needs depends on the server.

        A field named timeout can only be one of `fields`, or sent by `tcmd`.
        """
        if "command" in fields:
            raise TypeError("newrun: a field cannot have the name 'command'")
        self._expect_ok("newrun", timeout, fields)

    def goodset(self, pickiness: float | None = None, *, timeout: Timeout = DEFAULT) -> NDArray[float64]:
        """A good setting, drawn at random: a larger pickiness prefers better settings. None is the server's default."""
        return self._array(b"goodset", 1, timeout, _NO_FIELDS if pickiness is None else {"pickiness": pickiness})

    def goodset_ask(self, pickiness: float | None = None, *, timeout: Timeout = DEFAULT) -> None:
        """Ask for a good setting without waiting for it, so that the server chooses it while the instrument measures.

        `goodset_fetch` returns the setting. Other commands may run in between; if one fails, the question is discarded.
        """
        limit = None if timeout is DEFAULT else limit_of(timeout)
        self._obe.ask_goodset(-1.0 if pickiness is None else float(pickiness), limit)

    def goodset_fetch(self, *, timeout: Timeout = DEFAULT) -> NDArray[float64]:
        """The setting that `goodset_ask` asked for. After a timeout, the next call continues to wait for it."""
        setting = self._obe.fetch_goodset(None if timeout is DEFAULT else limit_of(timeout))
        array: Any = numpy_module().array(setting) if self._has_numpy else setting
        numbers: NDArray[float64] = array
        return numbers

    def newdat(self, x: Any, y: Any, s: Any, *, timeout: Timeout = DEFAULT) -> None:
        """Report a measurement: the setting x, the values y measured there, and their standard deviation s.

        Each is a number or a list of numbers, and is sent as a list: a Python server does not survive a scalar x.
        """
        self._expect_ok("newdat", timeout, {"x": _list(x), "y": _list(y), "s": _list(s)})

    # -- generated from internal/command by "make generate" --

    def ready(self, *, timeout: Timeout = DEFAULT) -> None:
        """Asks once whether the server is ready; wait_ready waits until it is."""
        self._expect_ok("ready", timeout)

    def optset(self, *, timeout: Timeout = DEFAULT) -> NDArray[float64]:
        """The best setting for the next measurement, one number for each knob."""
        return self._array(b"optset", 1, timeout)

    def getmean(self, *, timeout: Timeout = DEFAULT) -> NDArray[float64]:
        """The mean of each parameter."""
        return self._array(b"getmean", 1, timeout)

    def getstd(self, *, timeout: Timeout = DEFAULT) -> NDArray[float64]:
        """The standard deviation of each parameter."""
        return self._array(b"getstd", 1, timeout)

    def getcov(self, *, timeout: Timeout = DEFAULT) -> NDArray[float64]:
        """The covariance matrix of the parameters: one row and one column for each parameter."""
        return self._array(b"getcov", 2, timeout)

    def getpar(self, *, timeout: Timeout = DEFAULT) -> NDArray[float64]:
        """The samples of the parameters' distribution: one row for each parameter and one column for each sample."""
        return self._array(b"getpar", 2, timeout)

    def getwgt(self, *, timeout: Timeout = DEFAULT) -> NDArray[float64]:
        """The weight of each sample of getpar."""
        return self._array(b"getwgt", 1, timeout)

    def getset(self, *, timeout: Timeout = DEFAULT) -> NDArray[float64]:
        """All possible settings: one row for each knob and one column for each setting."""
        return self._array(b"getset", 2, timeout)

    def getcon(self, *, timeout: Timeout = DEFAULT) -> NDArray[float64]:
        """The constants of the model."""
        return self._array(b"getcon", 1, timeout)

    def done(self, *, timeout: Timeout = DEFAULT) -> None:
        """Asks the server to exit."""
        self._expect_ok("done", timeout)

    # -- end of the generated part --


_closed.add(Client)


def _is_array(value: Any, dimensions: int) -> bool:
    """Whether a value is an array of numbers of so many dimensions. An empty numpy array is one of any."""
    if dimensions == 0:
        return type(value) in (int, float)
    if hasattr(value, "ndim"):
        return not value.size or int(value.ndim) == dimensions
    return isinstance(value, list) and all(_is_array(item, dimensions - 1) for item in value)


def _is_ragged(rows: Any) -> bool:
    """Whether rows have different lengths."""
    return isinstance(rows, list) and len({len(row) for row in rows}) > 1


def _list(value: Any) -> Any:
    """What is sent for a setting or measurement: a scalar becomes a list."""
    if isinstance(value, (list, tuple)):
        return value
    if value is None or isinstance(value, (int, float, str, dict)):
        return [value]
    try:
        # numpy's arrays and scalars, array.array and similar types
        return value if isinstance(plain(value), list) else [value]
    except TypeError:
        return value  # the encoder says what is wrong with it
