"""A server with one function for each command."""

from __future__ import annotations

import operator
import threading
from types import TracebackType
from typing import Any, Callable, NoReturn, TypeVar, overload

from . import _command, errors
from ._abi import DEFAULT_PORT
from ._command import (
    Function,
    Parameters,
    RefusedError,
    command_name,
    decorate,
    logger,
    methods_of,
    names_of,
    shortened,
    unknown_command,
)
from ._deadline import DEFAULT, Seconds, Timeout
from ._handle import Handle
from ._message import Message
from ._socket import Request, Socket, class_name
from ._status import CLOSED, FORKED, STATE

LONGEST_ERROR = 1000  # characters of an exception's text in a reply

Self = TypeVar("Self", bound="Server")


class _Run:
    """One call of `run`, the one in progress or the next."""

    __slots__ = ("ended", "failures")

    def __init__(self) -> None:
        self.ended = False  # a plain attribute, so that a signal handler can set it
        self.failures: list[BaseException] = []


class _State:
    """What a Server consists of, as one attribute, so that a subclass may use any other name."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self.run = _Run()
        self.running = threading.Lock()
        # By name of the command: its parameters, and its function or the name of the server's method.
        self.commands: dict[str, tuple[Parameters, Callable[..., Any] | str]] = {}

    @property
    def handle(self) -> Handle:
        return self.socket._obe


class Server:
    """A server with one function for each command, whose arguments are the members of the command's message.

    For example:

        server = Server(port=61981)

        @server.command
        def optset() -> list[float]:
            return designer.opt_setting()

        @server.command("newdat")
        def record(x: list[float], y: float, s: float) -> None:
            designer.pdf_update((x, y, s))

        server.run()

    ip_address, port and timeout are those of a `Socket` in the server role. In a subclass, the decorator
    `libobe.command` marks the methods that are commands.

    Annotations such as float, int, str, bool, list[float], dict and Optional are checked, and numbers are converted. A
    number and a list of that one number are accepted for each other, since clients differ. numpy.ndarray receives
    doubles, which the library reads without a list in between. Other annotations receive what JSON has. A member that
    is missing or of another type is an error. `**fields` receives all members without a parameter of their own. Without
    it they are ignored, and logged once, so that clients can add some; but one that is spelled almost like a parameter
    that has no argument is an error. A parameter with the annotation `Request` receives the request.

    What a function returns is the reply, and None is the reply "OK". A function that returns its request answers that
    itself, at once or later. The reply to an unknown command, to a message that does not fit the function, or after an
    exception of the function is {"error": ..., "command": ...}, and the server continues. The logger "libobe.server"
    gets the traceback.
    """

    def __init__(self, ip_address: str | None = "", port: int = DEFAULT_PORT, *, timeout: Timeout = DEFAULT) -> None:
        self._obe = _State(Socket("server", ip_address, port, timeout=timeout))
        for method, names in methods_of(type(self)).items():
            function = getattr(self, method)
            for name in names if function is not None else ():
                self._obe.commands[name] = Parameters(function, name), method

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, value in vars(cls).items():
            if names_of(value) and hasattr(Server, name) and not names_of(vars(Server).get(name)):
                raise TypeError(
                    f"the command {cls.__name__}.{name} would replace libobe.Server.{name}; give the method another "
                    f'name, and decorate it with @command("{name}")'
                )

    # -- commands ------------------------------------------------------------------------------------------------------

    @overload
    def command(self, name: Function, /) -> Function: ...
    @overload
    def command(self, name: str | None = None, /) -> Callable[[Function], Function]: ...
    def command(self, name: Any = None, /) -> Any:
        """Decorate a function as a command with the function's name, or another one.

        It replaces an earlier function of the same command. `ready` and `done` can be replaced as well.
        """

        def register(function: Callable[..., Any], command_name: str) -> None:
            self._obe.commands[command_name] = Parameters(function, command_name), function

        return decorate(name, register)

    # Type checkers accept any parameters in a method that replaces one with these.
    @_command.command
    def ready(self, /, *_: Any, **fields: Any) -> Any:
        """Answer the command 'ready', by which a client waits for the server."""
        return "OK"

    @_command.command
    def done(self, /, *_: Any, **fields: Any) -> Any:
        """Answer the command 'done'. It ends `run` after the answer, unless its function raises an exception."""
        return "OK"

    # -- running -------------------------------------------------------------------------------------------------------

    def run(self, threads: int = 1) -> None:
        """Serve until the command 'done' or `stop`. The server can run again afterwards.

        threads  how many commands run at a time. With 1, no function needs a lock.

        On the main thread, Ctrl-C raises KeyboardInterrupt, in a command as well. This and any other exception that is
        not an Exception, such as SystemExit, end run, on whichever thread of the server it is raised, after the
        commands in progress on the other threads. Raises ClosedError if the server is freed.
        """
        if operator.index(threads) < 1:
            raise ValueError(f"run: threads is a number from 1 up, not {threads!r}")
        state = self._obe
        if not state.running.acquire(blocking=False):
            raise errors.make(STATE, "run: the server is running already; call stop() first")
        run = state.run
        try:
            self._run(run, threads)
        finally:
            run.ended = True
            state.run = _Run()
            state.running.release()

    def _run(self, run: _Run, threads: int) -> None:
        workers = [
            threading.Thread(target=self._work, args=(run,), name=f"libobe server thread {number}", daemon=True)
            for number in range(2, threads + 1)
        ]
        try:
            for worker in workers:
                worker.start()
            self._serve(run)
        finally:
            run.ended = True
            for worker in workers:
                while worker.is_alive():
                    worker.join(0.1)  # not longer, since Ctrl-C does not interrupt a join everywhere
        if run.failures:
            raise run.failures[0]

    def _work(self, run: _Run) -> None:
        try:
            self._serve(run)
        except BaseException as error:
            run.failures.append(error)
        finally:
            run.ended = True

    def _serve(self, run: _Run) -> None:
        handle = self._obe.handle
        try:
            for message in handle.requests(lambda: run.ended):
                self._answer(run, Request(handle, message), message)
                del message  # a request that is not answered is dropped at once
        except errors.HandleError:  # freed before this thread has begun
            raise errors.make(CLOSED) from None
        run.ended = True  # for the other threads, after a cancel of the socket

    def stop(self) -> None:
        """End `run` after the commands in progress, within about 0.1 s. May be called by a command, on any thread and
        by a signal handler. If `run` has not begun yet, it ends as soon as it begins."""
        self._obe.run.ended = True

    def _answer(self, run: _Run, request: Request, message: Message) -> None:
        name = None
        try:
            name = command_name(message)
            if name not in self._obe.commands:
                raise unknown_command(name, list(self._obe.commands))
            parameters, function = self._obe.commands[name]
            positional, named = parameters.read(request, message)
            if isinstance(function, str):
                function = getattr(self, function)
            value = function(*positional, **named)
            if value is not request:
                try:
                    request.reply("OK" if value is None else value)
                except errors.StateError:
                    if value is not None or not parameters.has_request:
                        raise  # otherwise the function has answered itself
            if name == "done":
                run.ended = True
        except RefusedError as error:
            logger.warning("%s: refused a message: %s", _peer(request), error)
            _reply_error(request, name, str(error))
        except Exception as error:
            logger.exception("%s: the command %r failed", _peer(request), name and shortened(name))
            _reply_error(request, name, exception_text(error))
        except BaseException as error:
            _reply_error(request, name, f"the server ends ({type(error).__name__})")
            raise

    # -- the socket ----------------------------------------------------------------------------------------------------

    @property
    def socket(self) -> Socket:
        """The `Socket` of the server."""
        return self._obe.socket

    @property
    def ip_address(self) -> str | None:
        """The address as given to the constructor."""
        return self.socket.ip_address

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return self.socket.port

    @property
    def timeout(self) -> float | None:
        """The longest time in seconds that a reply waits for its client; None waits forever."""
        return self.socket.timeout

    @timeout.setter
    def timeout(self, value: Seconds) -> None:
        self.socket.timeout = value

    def set_option(self, name: str, value: str | int) -> None:
        """Set an option of the socket; obe.h describes them."""
        self.socket.set_option(name, value)

    def get_option(self, name: str) -> str:
        """The value of an option or property of the socket as text."""
        return self.socket.get_option(name)

    def stats(self) -> dict[str, int]:
        """The counters of the socket by name; obe.h describes them."""
        return self.socket.stats()

    def free(self) -> None:
        """Close the connections and the listener, as leaving a `with` block and the garbage collector do."""
        self.socket.free()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.free()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Server cannot be copied or pickled")

    def __repr__(self) -> str:
        if "_obe" not in vars(self):
            return f"<{class_name(self)} without a socket, as __init__ was not called>"
        return repr(self.socket).replace("libobe.Socket server", class_name(self))


def exception_text(error: Exception) -> str:
    try:
        text = str(error)
    except Exception:
        text = ""
    name = type(error).__name__
    return shortened(f"{name}: {text}" if text else name, LONGEST_ERROR)


def _peer(request: Request) -> str:
    try:
        return request.peer
    except errors.Error:  # the message does not come from a client
        return "unknown client"


def _reply_error(request: Request, name: str | None, text: str) -> None:
    """Answer with an error, unless the request was answered or the client has left."""
    try:
        request.reply({"error": text, "command": name and shortened(name)})
    except errors.Error as error:
        if error.code == FORKED:
            raise
        logger.debug("%s: the error was not sent: %s", _peer(request), error)
