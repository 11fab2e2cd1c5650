"""The instrument's side with the protocol's own commands as methods."""

from __future__ import annotations

import importlib.util
from typing import Any

from . import errors
from ._abi import DEFAULT_PORT
from ._handle import DEFAULT, Timeout
from ._socket import Arrays, Socket

REPLY = errors.CODES["OBE_E_REPLY"]


class Client(Socket):
    """A `Socket` in the client role that knows the commands of experiment-design servers.

    Lists of numbers come back as numpy arrays where numpy is installed, and as lists elsewhere; both are taken too.
    A reply that is not the command's answer raises `libobe.errors.ReplyError`, which carries it.
    """

    def __init__(self, ip_address: str | None = "", port: int = DEFAULT_PORT, *, timeout: Timeout = DEFAULT) -> None:
        super().__init__("client", ip_address, port, timeout=timeout)
        self._arrays: Arrays = "numpy" if importlib.util.find_spec("numpy") else None

    def _order(self, command: str, **fields: Any) -> None:
        reply = self.tcmd({"command": command, **fields})
        if reply != "OK":
            raise errors.make(REPLY, f'{command}: the server answered {_shown(reply)} instead of "OK"')

    def _ask(self, command: str, dimensions: int, **fields: Any) -> Any:
        reply = self.tcmd({"command": command, **fields}, arrays=self._arrays)
        if not _numbers(reply, dimensions):
            wanted = "a list of numbers" if dimensions == 1 else "a list of rows of numbers"
            raise errors.make(REPLY, f"{command}: the server answered {_shown(reply)} instead of {wanted}")
        return reply

    def ready(self) -> None:
        """Ask whether the server is there, once; `wait_ready` waits for it."""
        self._order("ready")

    def newrun(self, **fields: Any) -> None:
        """Begin a new run; what it needs is up to the server."""
        self._order("newrun", **fields)

    def optset(self) -> Any:
        """The best setting to measure at next, a number for each knob."""
        return self._ask("optset", 1)

    def goodset(self, pickiness: float | None = None) -> Any:
        """A good setting, drawn by chance; the larger the pickiness, the nearer to the best. None: the server's own."""
        return self._ask("goodset", 1, **({} if pickiness is None else {"pickiness": pickiness}))

    def newdat(self, x: Any, y: Any, s: Any) -> None:
        """Report a measurement: the setting x, what was measured there, y, and its standard deviation s.

        Each is a number or a list of them, and is sent as a list: a Python server does not survive a scalar x.
        """
        self._order("newdat", x=_list(x), y=_list(y), s=_list(s))

    def getmean(self) -> Any:
        """The mean of each parameter."""
        return self._ask("getmean", 1)

    def getstd(self) -> Any:
        """The standard deviation of each parameter."""
        return self._ask("getstd", 1)

    def getcov(self) -> Any:
        """The covariance matrix of the parameters."""
        return self._ask("getcov", 2)

    def getpar(self) -> Any:
        """Samples of the parameters' distribution: a row for each parameter."""
        return self._ask("getpar", 2)

    def getset(self) -> Any:
        """All possible settings: a row for each knob."""
        return self._ask("getset", 2)

    def getwgt(self) -> Any:
        """The weight of each sample of `getpar`."""
        return self._ask("getwgt", 1)

    def getcon(self) -> Any:
        """The constants of the model."""
        return self._ask("getcon", 1)

    def done(self) -> None:
        """Ask the server to end."""
        self._order("done")


def _numbers(value: Any, dimensions: int) -> bool:
    """Whether a value is an array of numbers, or a list of such, of so many dimensions. An empty one is of any."""
    if dimensions == 0:
        return type(value) in (int, float)
    if hasattr(value, "ndim"):
        return not value.size or int(value.ndim) == dimensions
    return isinstance(value, list) and all(_numbers(item, dimensions - 1) for item in value)


def _list(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return value
    plain = value.tolist() if hasattr(value, "tolist") else value  # numpy's arrays and scalars, array.array
    return value if isinstance(plain, list) else [plain]


def _shown(reply: Any) -> str:
    shown = repr(reply)
    return shown if len(shown) <= 200 else shown[:200] + "…"
