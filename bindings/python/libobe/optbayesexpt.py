"""The package `optbayesexpt` with libobe's sockets: its `OBE_Server`, rebuilt on `libobe.Socket`.

    import libobe.optbayesexpt as obe  # instead of: import optbayesexpt as obe

All public names of the original are here. `OBE_Server` and `Socket` are libobe's, the others are the original objects.
The original package is not changed, so that other code of the process that imports it gets what it has always got.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import types
from typing import TYPE_CHECKING, Any

from . import errors
from ._deadline import SLICE, deadline_after, remaining
from ._server import exception_text
from ._socket import Socket
from ._status import CANCELLED, CLOSED, FORKED, LOCALLY_CLOSED

URL = "https://github.com/usnistgov/optbayesexpt"

try:
    _package = importlib.import_module("optbayesexpt")
    _original: Any = importlib.import_module("optbayesexpt.obe_server").OBE_Server
    _original_socket: Any = importlib.import_module("optbayesexpt.obe_socket").Socket
except ModuleNotFoundError as error:
    if error.name != "optbayesexpt":
        raise  # it is installed, but a package that it needs is not
    raise ImportError(
        f"libobe.optbayesexpt needs the package optbayesexpt, which is not installed; install it with: "
        f"pip install git+{URL}",
        name="optbayesexpt",
    ) from None

logger = logging.getLogger("libobe.server")


class _State:
    """What `_ServerSocket` adds, as one attribute, so that the classes above it may use any other name."""

    def __init__(self) -> None:
        self.in_run = False
        self.cancelled = False  # since run was entered
        self.received = False  # a message, since run was entered
        self.unanswered = False  # a message was received, and nothing was sent since
        self.command: object = None  # of that message
        self.failure: errors.Error | None = None  # of the socket itself, which ends run


class _ServerSocket(Socket):
    """A socket for the original's `run`, which replies to some messages only and cannot handle all of them."""

    _obe_run: _State

    def __new__(cls, *_: Any, **__: Any) -> Any:
        # Not in __init__: a class that calls obe.Socket.__init__ instead of OBE_Server.__init__ skips it.
        self = super().__new__(cls)
        self._obe_run = _State()
        return self

    def receive(self, **options: Any) -> Any:
        """Wait for the next message. The last one, if it has had no reply, is answered with an error first."""
        state = self._obe_run
        while True:
            if state.unanswered:
                self._answer_error("no reply; the server does not know this command")
            try:
                message = self._receive_in_run() if state.in_run else super().receive(**options)
            except errors.Error as error:
                state.failure = error
                raise
            except (ValueError, RecursionError) as error:  # Python cannot hold it, such as an integer of 5000 digits
                state.command, state.unanswered, message = None, True, error
            else:
                state.command = message.get("command") if isinstance(message, dict) else None
                state.received = state.unanswered = True
            if isinstance(message, Exception):
                self._answer_error(str(message))
            elif state.in_run and not isinstance(state.command, str):
                self._answer_error('a message must be an object with a member "command" that is a string')
            else:
                return _with_x_as_list(message) if state.in_run else message

    def _receive_in_run(self) -> Any:
        """Receive a message, unless a cancel or free has come since run was entered, even between two calls."""
        deadline = deadline_after(self._obe.timeout_ms)
        while not self._obe_run.cancelled:
            left = remaining(deadline)
            last = 0 <= left <= SLICE
            try:
                return super().receive(timeout=(left if last else SLICE) / 1000)
            except (errors.TimeoutError, errors.CancelledError):
                if last:
                    raise
            except errors.HandleError:
                raise errors.make(CLOSED) from None
        raise errors.make(CANCELLED)

    def cancel(self) -> None:
        """End `run`, or the calls in flight on other threads."""
        self._obe_run.cancelled = True
        super().cancel()

    def send(self, value: Any, **options: Any) -> None:
        """Answer the last message."""
        try:
            super().send(value, **options)
        except errors.Error as error:
            if error.code in LOCALLY_CLOSED or error.code == FORKED:
                self._obe_run.failure = error
            raise
        self._obe_run.unanswered = False

    def _answer_error(self, text: str) -> None:
        state = self._obe_run
        state.unanswered = False
        logger.warning("answered the command %r with an error: %s", state.command, text)
        with contextlib.suppress(errors.StateError):  # the connection was closed
            self.send({"error": text, "command": state.command})


def _with_x_as_list(message: dict[str, Any]) -> dict[str, Any]:
    """The message as the original can handle it: it accepts the setting of a single knob only as a list."""
    is_number = isinstance(message.get("x"), (int, float))
    return {**message, "x": [message["x"]]} if is_number and "newdat" in message["command"] else message


def _rebased(original: type, socket: type) -> type:
    """A subclass of a class whose methods are copies of the original's that find another socket class.

    A mere subclass would not be enough, because the original's constructor names the socket class whose constructor it
    calls.
    """
    cell = types.CellType()  # the class, for a super() without arguments
    members: dict[str, Any] = {"__module__": __name__, "__doc__": original.__doc__}
    for name, function in vars(original).items():
        if not isinstance(function, types.FunctionType):
            continue  # inherited
        names = {key: socket if value is _original_socket else value for key, value in function.__globals__.items()}
        free = zip(function.__code__.co_freevars, function.__closure__ or ())
        closure = tuple(cell if key == "__class__" else content for key, content in free)
        copy = types.FunctionType(function.__code__, names, name, function.__defaults__, closure)
        copy.__kwdefaults__, copy.__doc__ = function.__kwdefaults__, function.__doc__
        copy.__dict__.update(function.__dict__)
        members[name] = copy
    cell.cell_contents = type(original.__name__, (socket, original), members)
    return cell.cell_contents  # type: ignore[no-any-return]


if TYPE_CHECKING:

    class _Rebased(_ServerSocket):
        initial_args: tuple[Any, ...]
        initial_kwargs: dict[str, Any] | None
        obe_engine: Any

        def __init__(
            self, initial_args: tuple[Any, ...] = ..., ip_address: str = ..., port: int = ..., **kwargs: Any
        ) -> None: ...
        def make_obe(self, obe_class: Any, class_args: tuple[Any, ...], **kwargs: Any) -> None: ...
        def newrun(self, message: Any) -> Any: ...
        def run(self) -> None: ...

else:
    _Rebased = _rebased(_original, _ServerSocket)


class OBE_Server(_Rebased):  # noqa: N801, its name in the original
    """The original's class on a `libobe.Socket`. Its methods are the original's own.

    Its socket differs from the original's: it serves many clients at a time, and no client ends it. A command that the
    original does not know is answered with {"error": ..., "command": ...} instead of not at all. So is a message that
    is not a command, and one for which the original raises an exception, whose traceback the logger "libobe.server"
    gets. A number as the `x` of newdat is taken as a list of one.
    """

    def run(self) -> None:
        """Serve until the command 'done' or `cancel`, which both return, or until `free`, which raises ClosedError."""
        state = self._obe_run
        state.in_run, state.cancelled = True, False
        try:
            while True:
                state.received = False
                try:
                    return super().run()
                except Exception as error:
                    if error is state.failure and state.failure.code == CANCELLED:
                        return None
                    if error is state.failure or not state.received:
                        raise
                    logger.exception("the command %r failed", state.command)
                    if state.unanswered:
                        self._answer_error(exception_text(error))
        finally:
            state.in_run = False
            state.failure = None  # which refers to this frame


def __getattr__(name: str) -> Any:
    if name.startswith("__"):  # __path__ would make this module a package
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_package, name)


def __dir__() -> list[str]:
    return __all__


__all__ = sorted({name for name in dir(_package) if not name.startswith("_")} | {"OBE_Server", "Socket"})
