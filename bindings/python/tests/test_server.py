"""Servers: Socket.serve, and libobe.Server with a function for each command."""

from __future__ import annotations

import concurrent.futures
import contextlib
import copy
import gc
import json
import logging
import math
import os
import pickle
import random
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Callable, Dict, List, NewType, Optional, Union  # noqa: UP035, what users of Python 3.9 write

import pytest

import libobe
import peer
from conftest import ROOT
from libobe import Client, Request, Server, Socket, command, errors

MAIN = threading.main_thread()


@contextlib.contextmanager
def background(run: Callable[[], object]) -> Iterator[list[BaseException]]:
    """Make a call on a thread. Afterwards, wait until it has returned. The list receives its exception."""
    failures: list[BaseException] = []

    def call() -> None:
        try:
            run()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    yield failures
    thread.join(peer.TIMEOUT)
    assert not thread.is_alive(), "the server does not end"


@contextlib.contextmanager
def serving(server: Server, threads: int = 1) -> Iterator[Client]:
    """A client of a server that runs on another thread."""
    with server, background(lambda: server.run(threads)) as failures:
        yield Client(port=server.port, timeout=peer.TIMEOUT)
        server.stop()
    assert failures == []


# -- Socket.serve ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [True, 1, "yes", object(), None, False])
def test_no_return_value_of_a_handler_ends_serve(server: Socket, result: object) -> None:
    def answer(request: Request) -> object:
        assert request.reply(request.value) is True
        return result

    with background(lambda: server.serve(answer)) as failures:
        client = Client(port=server.port, timeout=peer.TIMEOUT)
        assert [client.tcmd(i) for i in range(5)] == [0, 1, 2, 3, 4]
        server.cancel()
    assert failures == []


def test_the_handler_ends_serve_by_cancel(server: Socket) -> None:
    values: list[Any] = []

    def answer(request: Request) -> None:
        values.append(request.value)
        if request.value == 2:
            server.cancel()
        request.reply("OK")

    returned: list[Any] = []
    for _ in range(3):  # the server can be used again
        with background(lambda: returned.append(server.serve(answer))):  # type: ignore[func-returns-value]
            client = Client(port=server.port, timeout=peer.TIMEOUT)
            assert [client.tcmd(i) for i in range(3)] == ["OK"] * 3
    assert values == [0, 1, 2] * 3
    assert returned == [None] * 3


def test_cancel_ends_serve_on_all_threads(server: Socket) -> None:
    begun = threading.Barrier(4)

    def answer(request: Request) -> None:
        begun.wait(peer.TIMEOUT)
        request.reply("OK")

    with contextlib.ExitStack() as stack:
        failures = [stack.enter_context(background(lambda: server.serve(answer))) for _ in range(4)]
        clients = [Client(port=server.port, timeout=peer.TIMEOUT) for _ in range(4)]
        for client in clients:
            client.send(1)
        assert [client.receive() for client in clients] == ["OK"] * 4
        server.cancel()
    assert failures == [[]] * 4


@pytest.mark.parametrize("end", ["free", "close"])
def test_serve_raises_when_the_server_is_freed_or_closed(end: str) -> None:
    server = Socket("server", port=0)

    def answer(request: Request) -> None:
        request.reply("OK")
        getattr(server, end)()

    with background(lambda: server.serve(answer)) as failures:
        assert Client(port=server.port, timeout=peer.TIMEOUT).tcmd(1) == "OK"
    assert [type(failure) for failure in failures] == [errors.ClosedError]


def test_a_cancelled_call_in_the_handler_is_its_own_exception(server: Socket) -> None:
    def answer(request: Request) -> None:
        raise errors.CancelledError("of another socket")

    with background(lambda: server.serve(answer)) as failures:
        Client(port=server.port, timeout=peer.TIMEOUT).send(1)
    assert [str(failure) for failure in failures] == ["of another socket"]


def test_stop_iteration_in_the_handler_is_raised(server: Socket) -> None:
    def answer(request: Request) -> None:
        next(iter(()))

    with background(lambda: server.serve(answer)) as failures:
        Client(port=server.port, timeout=peer.TIMEOUT).send(1)
    assert [type(failure) for failure in failures] == [StopIteration]


def test_a_request_that_the_handler_leaves_is_dropped_while_serve_waits(server: Socket) -> None:
    seen = threading.Event()

    def answer(request: Request) -> None:
        if request.value == "leave":
            seen.set()
        else:
            request.reply("OK")

    with background(lambda: server.serve(answer)), peer.connect(server.port) as left:
        peer.whole(left, b'"leave"')
        assert seen.wait(peer.TIMEOUT)
        assert Client(port=server.port, timeout=peer.TIMEOUT).tcmd(1) == "OK"
        assert peer.ended(left)
        server.cancel()


# -- commands ----------------------------------------------------------------------------------------------------------


def test_the_functions_of_a_server() -> None:
    server = Server(port=0)
    data: list[Any] = []

    @server.command
    def optset() -> list[float]:
        return [2.5]

    @server.command("newdat")
    def record(x: list[float], y: float, s: float) -> None:
        data.append((x, y, s))

    @server.command()
    def goodset(pickiness: int = 4) -> list[int]:
        return [pickiness]

    with serving(server) as client:
        client.wait_ready()
        assert list(client.optset()) == [2.5]
        assert list(client.goodset()) == [4]
        assert list(client.goodset(9.0)) == [9]
        client.newdat([2.5], 1, [0.25])  # as the clients of all languages send them: lists
        assert client.tcmd({"command": "newdat", "x": 3, "y": 1.5, "s": 0.5}) == "OK"
        client.done()
    assert data == [([2.5], 1.0, 0.25), ([3.0], 1.5, 0.5)]
    assert all(type(number) is float for x, y, s in data for number in (*x, y, s))
    record([1.0], 2.0, 3.0)  # still a plain function
    assert len(data) == 3


class Peak(Server):
    """A subclass whose constructor has other arguments."""

    def __init__(self, centre: float, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.centre = centre
        self.command_count = 0

    @command
    def getmean(self) -> list[float]:
        self.command_count += 1
        return [self.centre]

    @command("newrun")
    @command("restart")
    def begin(self, centre: float = 0.0) -> None:
        self.centre = centre

    @staticmethod
    @command
    def getcon() -> list[float]:
        return [1.0]

    @command
    @classmethod
    def getname(cls) -> str:
        return cls.__name__

    def helper(self) -> str:
        return "not a command"


class Wide(Peak):
    def getmean(self) -> list[float]:  # replaces the method, and so the command
        return [2 * self.centre]

    begin = None  # type: ignore[assignment]  # no command any longer


def test_a_server_as_a_class() -> None:
    with serving(Peak(2.0)) as client:
        assert list(client.getmean()) == [2.0]
        client.newrun(centre=3)
        assert client.tcmd({"command": "restart", "centre": 5}) == "OK"
        assert list(client.getmean()) == [5.0]
        assert list(client.getcon()) == [1.0]
        assert client.tcmd({"command": "getname"}) == "Peak"
        assert "unknown command" in client.tcmd({"command": "helper"})["error"]
        assert "unknown command" in client.tcmd({"command": "run"})["error"]


def test_a_subclass_overrides_and_removes_commands() -> None:
    with serving(Wide(2.0)) as client:
        assert list(client.getmean()) == [4.0]
        assert "unknown command" in client.tcmd({"command": "newrun"})["error"]


def test_a_command_cannot_replace_a_method_of_the_server() -> None:
    with pytest.raises(TypeError, match=r'Bad\.stop would replace libobe\.Server\.stop.*@command\("stop"\)'):

        class Bad(Server):
            @command
            def stop(self) -> None: ...

    class Good(Server):
        @command("stop")
        def stop_motor(self) -> str:
            return "stopped"

    with serving(Good(port=0)) as client:
        assert client.tcmd({"command": "stop"}) == "stopped"


@pytest.mark.parametrize("wrong", [3, None, b"x", object()])
def test_what_is_not_a_function_is_not_a_command(wrong: Any) -> None:
    with Server(port=0) as server:
        with pytest.raises(TypeError, match="a command is a function"):
            server.command("x")(wrong)
        with pytest.raises(TypeError, match="a command is a function"):
            command("x")(wrong)


def test_functions_that_cannot_be_commands() -> None:
    async def slow() -> None: ...

    def unknown(x: NoSuchType) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with Server(port=0) as server:
        with pytest.raises(TypeError, match="coroutine"):
            server.command(slow)
        with pytest.raises(TypeError, match=r"NoSuchType.*of x in the command unknown"):
            server.command(unknown)
        with pytest.raises(TypeError, match="not known"):
            server.command("next")(next)  # a built-in function


def test_bound_methods_lambdas_and_later_functions() -> None:
    server = Server(port=0)
    values = [1.0]
    server.command("push")(values.append)
    server.command("count")(values.__len__)
    server.command("two")(lambda: 1)
    server.command("two")(lambda: 2)  # as in a notebook, where a cell runs again
    with serving(server) as client:
        assert client.tcmd({"command": "count"}) == 1
        assert client.tcmd({"command": "two"}) == 2
        server.command("late")(lambda: "while it runs")
        assert client.tcmd({"command": "late"}) == "while it runs"


# -- arguments ---------------------------------------------------------------------------------------------------------


def new_aliases() -> list[tuple[Any, Any, Any]]:
    if sys.version_info < (3, 12):
        return []
    names: dict[str, Any] = {}
    exec("type Volt = float; type Row[T] = list[T]; type Rows[T] = list[Row[T]]", names)
    return [(names["Volt"], 1, 1.0), (names["Row"][float], [1], [1.0]), (names["Rows"][float], [[1]], [[1.0]])]


CONVERSIONS: list[tuple[Any, Any, Any]] = [
    (float, 1, 1.0),
    (float, 1.5, 1.5),
    (float, [1.5], 1.5),
    (float, math.inf, math.inf),
    (float, -0.0, -0.0),
    (int, 25, 25),
    (int, 25.0, 25),
    (int, [3], 3),
    (int, 10**30, 10**30),
    (str, "a", "a"),
    (str, "\ud800", "\ud800"),
    (bool, True, True),
    (list, [1, "a", None], [1, "a", None]),
    (list, 3, [3]),
    (List, [1], [1]),  # noqa: UP006
    (list[float], [1, 2.5], [1.0, 2.5]),
    (List[float], [1], [1.0]),  # noqa: UP006
    (list[float], [], []),
    (list[float], 2, [2.0]),
    (list[int], [1.0, 2], [1, 2]),
    (list[str], ["a"], ["a"]),
    (list[list[float]], [[1], [2]], [[1.0], [2.0]]),
    (dict, {"a": 1}, {"a": 1}),
    (Dict[str, float], {"a": 1}, {"a": 1.0}),  # noqa: UP006
    (dict[str, list[float]], {"a": [1]}, {"a": [1.0]}),
    (Optional[float], None, None),
    (Optional[float], [1], 1.0),
    (Union[float, str], "a", "a"),
    (Union[float, list[float]], [1], [1.0]),
    (Union[float, list[float]], 1, 1.0),
    (Any, {"a": [1]}, {"a": [1]}),
    (tuple[float, float], [1, 2], [1, 2]),  # unknown to the server
    (Annotated[float, "V"], [1], 1.0),
    (Annotated[Optional[float], "V"], 1, 1.0),
    (list[Annotated[float, "V"]], [1], [1.0]),
    (NewType("Volt", float), 1, 1.0),
    *new_aliases(),
    (Union[list[float], list[str]], ["a"], ["a"]),
    (List, 3, [3]),  # noqa: UP006
    ("float", 1, 1.0),
    ("Optional[list[float]]", [1], [1.0]),
    ("'float'", "x", "x"),  # a string in a string
]


@pytest.mark.parametrize(("annotation", "value", "expected"), CONVERSIONS)
def test_conversion(annotation: Any, value: Any, expected: Any) -> None:
    received: list[Any] = []

    def take(value) -> None:  # type: ignore[no-untyped-def]
        received.append(value)

    take.__annotations__["value"] = annotation
    server = Server(port=0)
    server.command(take)
    with serving(server) as client:
        assert client.tcmd({"command": "take", "value": value}) == "OK"
    assert repr(received) == repr([expected])


MISMATCHES: list[tuple[Any, Any, str]] = [
    (float, "1", 'the member "value" must be a number, not "1"'),
    (float, True, 'the member "value" must be a number, not true'),
    (float, None, 'the member "value" must be a number, not null'),
    (float, [1, 2], 'the member "value" must be a number, not an array of 2'),
    (float, [[1]], 'the member "value" must be a number, not an array of 1'),
    (float, {}, 'the member "value" must be a number, not an object'),
    (float, 10**400, "must be a number within the range of double precision"),
    (int, 2.5, 'the member "value" must be an integer, not 2.5'),
    (int, math.nan, "must be an integer, not nan"),
    (int, math.inf, "must be an integer, not inf"),
    (int, False, "must be an integer, not false"),
    (str, 1, 'the member "value" must be a string, not 1'),
    (bool, 1, 'the member "value" must be true or false, not 1'),
    (list, "abc", 'the member "value" must be an array, not "abc"'),
    (list, True, "must be an array, not true"),
    (list[float], [1, None], 'element 1 of the member "value" must be a number, not null'),
    (list[float], [1, [2]], 'element 1 of the member "value" must be a number, not an array of 1'),
    (list[list[int]], [[1], [2, 0.5]], 'element 1 of element 1 of the member "value" must be an integer, not 0.5'),
    (dict, [1], 'the member "value" must be an object, not an array of 1'),
    (dict[str, float], {"a": "b"}, '"a" of the member "value" must be a number, not "b"'),
    (Optional[int], "x", "must be an integer"),
    (Union[float, list[float]], "x", 'the member "value" must be a number or an array, not "x"'),
    (Union[float, list[float]], [1, "a"], 'element 1 of the member "value" must be a number, not "a"'),
    (Union[list[int], list[str]], [0.5], 'element 0 of the member "value" must be an integer or a string, not 0.5'),
    (Union[list[int], Dict[str, int]], 1.5, "element 0 of"),  # noqa: UP006
    (Union[int, Annotated[int, "Hz"]], "x", 'must be an integer, not "x"'),
    (List, "a", "must be an array"),  # noqa: UP006
    (Dict, [1], "must be an object"),  # noqa: UP006
    (float, "x\n" + "y" * 1000, 'not "x\\n' + "y" * 62 + '..."'),
]


@pytest.mark.parametrize(("annotation", "value", "text"), MISMATCHES)
def test_a_value_of_another_type_is_an_error_that_names_the_member(annotation: Any, value: Any, text: str) -> None:
    def take(value) -> None:  # type: ignore[no-untyped-def]
        raise AssertionError

    take.__annotations__["value"] = annotation
    server = Server(port=0)
    server.command(take)
    with serving(server) as client:
        reply = client.tcmd({"command": "take", "value": value})
    assert list(reply) == ["error", "command"]
    assert reply["command"] == "take"
    assert text in reply["error"]
    assert len(reply["error"]) < 300


def test_ignored_members_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(port=0)

    @server.command
    def record(y: float, sigma: float = 1.0) -> None: ...

    with serving(server) as client:
        for name in ["instrument"] * 3 + [f"member {i}" for i in range(1000)]:
            assert client.tcmd({"command": "record", "y": 1, name: 0}) == "OK"
    logged = [record.getMessage() for record in caplog.records if "is ignored" in record.getMessage()]
    assert logged[0] == 'record: the member "instrument" has no parameter, and is ignored'
    assert len(set(logged)) == len(logged) == 100  # whatever a client sends


def test_missing_unknown_and_other_members() -> None:
    server = Server(port=0)

    @server.command
    def record(x: list[float], y: float, sigma: float = 1.0) -> list[Any]:
        return [x, y, sigma]

    @server.command
    def everything(y: float, **fields: float) -> dict[str, float]:
        return {"y": y, **fields}

    @server.command
    def nothing() -> None: ...

    @server.command
    def named(command: str, pickiness: float = None) -> list[Any]:  # type: ignore[assignment]  # noqa: RUF013
        return [command, pickiness]

    @server.command
    def positional(a: int, /, b: int, *others: int, c: int = 3) -> list[int]:
        return [a, b, c, *others]

    def ask(name: str, **members: Any) -> Any:
        reply = client.tcmd({"command": name, **members})
        return reply["error"] if isinstance(reply, dict) and "error" in reply else reply

    with serving(server) as client:
        assert ask("record", x=[1], y=2) == [[1.0], 2.0, 1.0]
        assert ask("record", x=[1]) == 'record: the member "y" is missing'
        assert ask("record", x=[1], y=2, sigm=3) == 'record: unknown member "sigm"; did you mean "sigma"?'
        assert ask("record", x=[1], yy=2) == 'record: unknown member "yy"; did you mean "y"?'
        # A member is ignored if its name is like that of no parameter, or like that of one whose member is there.
        assert ask("record", x=[1], y=2, instrument="lab 3") == [[1.0], 2.0, 1.0]
        assert ask("record", x=[1], y=2, sigma=3, sigm=4) == [[1.0], 2.0, 3.0]
        assert ask("everything", y=1, instrument=3) == {"y": 1.0, "instrument": 3.0}
        assert ask("everything", y=1, instrument="a") == 'everything: the member "instrument" must be a number, not "a"'
        assert ask("everything", instrument=3) == 'everything: the member "y" is missing'
        assert ask("nothing") == "OK"
        assert ask("nothing", a=1) == "OK"
        assert ask("named") == ["named", None]
        assert ask("named", pickiness=None) == ["named", None]
        assert ask("positional", a=1, b=2) == [1, 2, 3]
        assert ask("positional", b=2) == 'positional: the member "a" is missing'
        assert client.tcmd({"command": "ready", "self": 1}) == "OK"
        assert ask("ready", instrument=3) == "OK"
        assert ask("done", instrument=3) == "OK"


def test_arrays() -> None:
    numpy = pytest.importorskip("numpy")
    server = Server(port=0)
    received: list[Any] = []

    def record(x, weights=None, **others) -> Any:  # type: ignore[no-untyped-def]
        received.append((x, weights, others))
        return x * 2

    record.__annotations__.update(x=numpy.ndarray, weights=Optional[numpy.typing.NDArray[numpy.float64]])
    server.command(record)
    with serving(server) as client:
        for x in ([1.0, 2.0], [[1, 2], [3, 4]], [], list(range(100_000))):
            assert client.tcmd({"command": "record", "x": x}) == (numpy.array(x) * 2).tolist()
            got = received.pop()[0]
            assert (type(got), got.dtype, got.tolist()) == (numpy.ndarray, numpy.float64, x)
        assert client.tcmd({"command": "record", "x": 3}) == [6.0]
        members = {"weights": [1, 2], "~/ ": [1, 2], "é": {"a": [0.5]}, "instrument": 3}
        assert client.tcmd({"command": "record", "x": [1], **members}) == [2.0]
        _, weights, others = received.pop()
        assert weights.tolist() == [1.0, 2.0]
        assert others == {"~/ ": [1, 2], "é": {"a": [0.5]}, "instrument": 3}  # these remain lists
        wrong: Any
        for wrong in ("a", None, True, ["a"], [1, None], [[1], [2, 3]], [[[1]]], {}):
            error = client.tcmd({"command": "record", "x": wrong})["error"]
            assert error.startswith('record: the member "x" must be an array of numbers'), wrong
        assert "missing" in client.tcmd({"command": "record"})["error"]


def test_arrays_inside_of_other_types() -> None:
    numpy = pytest.importorskip("numpy")
    server = Server(port=0)
    received: list[Any] = []

    def record(x=None, rows=None, named=None, µ=None) -> None:  # type: ignore[no-untyped-def]
        received.append(next(value for value in (x, rows, named, µ) if value is not None))

    record.__annotations__.update(
        x=Union[str, numpy.ndarray], rows=list[numpy.ndarray], named=dict[str, numpy.ndarray], µ=numpy.ndarray
    )
    server.command(record)
    with serving(server) as client:
        for x in ([1], [1, 2.5], [[1, 2], [3, 4]], []):
            assert client.tcmd({"command": "record", "x": x}) == "OK"
            assert client.tcmd({"command": "record", "rows": [x, x]}) == "OK"
            assert client.tcmd({"command": "record", "named": {"a": x}}) == "OK"
            assert client.tcmd({"command": "record", "\u00b5": x}) == "OK"  # the micro sign
            whole, (first, second), named, micro = received
            for got in (whole, first, second, named["a"], micro):
                assert (type(got), got.dtype, got.tolist()) == (numpy.ndarray, numpy.float64, x)
            received.clear()
        assert client.tcmd({"command": "record", "x": "a"}) == "OK"
        error = client.tcmd({"command": "record", "x": [True]})["error"]
        assert "must be a string or an array of numbers" in error
        error = client.tcmd({"command": "record", "rows": [[1], ["a"]]})["error"]
        assert error.startswith('record: element 1 of the member "rows" must be an array of numbers')


def test_a_member_is_found_as_python_finds_a_name() -> None:
    """Python reads the micro sign in an identifier as the Greek letter, and the Ohm sign as Omega."""
    server = Server(port=0)

    @server.command
    def record(µ: float, **others: float) -> list[Any]:
        return [µ, others]

    with serving(server) as client:
        for name in ("\u00b5", "\u03bc"):
            assert client.tcmd({"command": "record", name: 1, "\u2126": 2}) == [1.0, {"\u2126": 2.0}]
        assert "missing" in client.tcmd({"command": "record", "u": 1})["error"]


def test_arrays_in_the_reply() -> None:
    numpy = pytest.importorskip("numpy")
    server = Server(port=0)
    server.command("getcov")(lambda: numpy.eye(20))
    server.command("optset")(lambda: (numpy.int64(3), numpy.float32(0.5)))
    with serving(server) as client:
        assert client.getcov().shape == (20, 20)
        assert list(client.optset()) == [3, 0.5]


# -- requests ----------------------------------------------------------------------------------------------------------


def test_a_function_can_have_the_request() -> None:
    server = Server(port=0)
    later: list[Request] = []

    @server.command
    def whole(request: Request) -> Any:
        return request.value

    @server.command
    def other_name(a: int, r: libobe.Request) -> Any:
        return [a, r.value["a"]]

    @server.command
    def untyped(request) -> Any:  # type: ignore[no-untyped-def]
        return type(request).__name__

    @server.command
    def member(request: str) -> str:  # a member of the message with this name
        return request

    @server.command
    def itself(request: Request) -> None:
        request.reply("its own reply")

    @server.command
    def twice(request: Request) -> int:
        request.reply("first")
        return 2

    @server.command
    def measure(request: Request) -> Request:
        later.append(request)
        return request

    with serving(server) as client:
        # The parameter is for the request, and not for a member of that name.
        assert client.tcmd({"command": "whole", "request": 1}) == {"command": "whole", "request": 1}
        assert client.tcmd({"command": "whole"}) == {"command": "whole"}
        assert client.tcmd({"command": "other_name", "a": 3}) == [3, 3]
        assert client.tcmd({"command": "untyped"}) == "Request"
        assert client.tcmd({"command": "member", "request": "a"}) == "a"
        assert client.tcmd({"command": "itself"}) == "its own reply"
        assert client.tcmd({"command": "twice"}) == "first"
        client.send({"command": "measure"})
        assert Client(port=server.port, timeout=peer.TIMEOUT).tcmd({"command": "untyped"}) == "Request"
        later.pop().reply([1, 2])
        assert client.receive() == [1, 2]


# -- errors ------------------------------------------------------------------------------------------------------------


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.slow
def test_an_exception_becomes_a_reply_and_the_serving_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(port=0)

    @server.command
    def scan(kind: int) -> object:
        if kind < 6:
            raise [
                ValueError("the range is empty"),
                KeyError("x"),
                ZeroDivisionError(),
                UnprintableError(),
                errors.TimeoutError("of another socket"),
                errors.CancelledError("of another socket"),
            ][kind]
        circular: list[Any] = []
        circular.append(circular)
        return [{1, 2}, circular, object(), {(1, 2): 3}, "x" * 70_000_000][kind - 6]

    expected = [
        "ValueError: the range is empty",
        "KeyError: 'x'",
        "ZeroDivisionError",
        "UnprintableError",
        "TimeoutError: of another socket",
        "CancelledError: of another socket",
        "TypeError: Object of type set is not JSON serializable",
        "ValueError: Circular reference",
        "TypeError: Object of type object is not JSON",
        "TypeError: keys must be str",
        "TooLargeError",
    ]
    with serving(server) as client, caplog.at_level(logging.DEBUG, "libobe.server"):
        for kind, text in enumerate(expected):
            reply = client.tcmd({"command": "scan", "kind": kind})
            assert reply["command"] == "scan"
            assert reply["error"].startswith(text), reply
            (record,) = caplog.records
            assert (record.name, record.levelname) == ("libobe.server", "ERROR")
            assert record.exc_info is not None
            assert "'scan'" in record.getMessage()
            caplog.clear()
        assert client.tcmd({"command": "ready"}) == "OK"


@pytest.mark.slow
def test_nothing_is_printed_without_a_log() -> None:
    code = """if 1:
        import libobe, threading
        server = libobe.Server(port=0)
        server.command("fail")(lambda: 1 / 0)
        threading.Thread(target=server.run).start()
        client = libobe.Client(port=server.port)
        print(client.tcmd({"command": "fail"}), client.tcmd({"command": "other"}))
        client.done()
        server.run  # the thread ends by itself
    """
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=peer.HANGS, env=environment()
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "ZeroDivisionError: division by zero" in done.stdout


def environment() -> dict[str, str]:
    paths = [str(ROOT / "bindings" / "python"), str(ROOT / "test")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


UNKNOWN: list[tuple[Any, str, Any]] = [
    ({"command": "scna"}, "unknown command 'scna'; did you mean 'scan'?", "scna"),
    ({"command": "zzz"}, "unknown command 'zzz'; the commands are done, ready, scan", "zzz"),
    ({"command": ""}, "unknown command ''", ""),
    ({"command": "SCAN"}, "unknown command 'SCAN'", "SCAN"),
    ({"command": "__init__"}, "unknown command '__init__'", "__init__"),
    ({"command": "a\nb\ud800"}, "unknown command 'a\\nb\\ud800'", "a\nb\ud800"),
    ({"command": "x" * 100_000}, "unknown command '" + "x" * 64 + "...'", "x" * 64 + "..."),
    ({"command": 3}, 'the member "command" must be a string, not 3', None),
    ({"command": None}, 'the member "command" must be a string, not null', None),
    ({"command": ["scan"]}, 'the member "command" must be a string, not an array of 1', None),
    ({"comand": "scan"}, 'a message must be an object with a member "command"', None),
    ({}, 'a message must be an object with a member "command"', None),
    ([], 'a message must be an object with a member "command"', None),
    ([{"command": "scan"}], 'a message must be an object with a member "command"', None),
    ("scan", 'a message must be an object with a member "command"', None),
    (3, 'a message must be an object with a member "command"', None),
    (None, 'a message must be an object with a member "command"', None),
    (math.nan, 'a message must be an object with a member "command"', None),
]


def test_an_unknown_command_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(port=0)
    server.command("scan")(lambda: "OK")
    with serving(server) as client, caplog.at_level(logging.WARNING, "libobe.server"):
        for message, text, name in UNKNOWN:
            reply = client.tcmd(message)
            assert list(reply) == ["error", "command"]
            assert text in reply["error"]
            assert reply["command"] == name
        assert len(caplog.records) == len(UNKNOWN)
        assert all(record.exc_info is None and "\n" not in record.getMessage() for record in caplog.records)


RAW = [
    b'{"command": "scan", "a": ' + b"9" * 5000 + b"}",  # Python refuses to convert it
    b'{"command": "scan", "a": ' + b"[" * 500 + b"]" * 500 + b"}",
    b'{"a": 1, "command": "scan", "command": "ready"}',
    b'{"command": "ready", "a": 1, "a": 2}',
    b'{"command": "\\ud800"}',
    b'{"command": "scan", "\\ud800": 1}',
    b'{"command": "scan", "": 1}',
    b' \t{ "command" : "ready" }\n',
    b"NaN",
    b"-0",
    b'""',
]


@pytest.mark.parametrize("numpy", [False, True])
def test_rubbish_does_not_end_a_server(numpy: bool) -> None:
    """Every message is answered; other bytes end their connection."""
    server = Server(port=0)

    def scan(a: Any = None) -> str:
        return "OK"

    if numpy:
        scan.__annotations__["a"] = pytest.importorskip("numpy").ndarray
    server.command(scan)
    with serving(server) as client:
        for body in RAW:
            json.loads(peer.exchange(server.port, body))
        assert json.loads(peer.exchange(server.port, RAW[2])) == "OK"  # the last member counts
        with contextlib.ExitStack() as stack:
            for mode in (*peer.LEAVING, *peer.WRONG, *peer.STALLING) * 5:
                mode(stack.enter_context(peer.connect(server.port)), b'{"command": "scan"}')
            assert client.tcmd({"command": "scan"}) == "OK"
        chance = random.Random(1)
        for _ in range(300):
            with peer.connect(server.port) as conn:
                peer.whole(conn, bytes(chance.randrange(256) for _ in range(chance.randrange(60))))
        assert client.tcmd({"command": "ready"}) == "OK"


@pytest.mark.slow
def test_a_client_that_leaves_does_not_end_a_server() -> None:
    server = Server(port=0)
    left = threading.Event()

    @server.command
    def large() -> str:
        assert left.wait(peer.TIMEOUT)
        return "x" * 10_000_000

    with serving(server) as client:
        for leave in (socket.socket.close, peer.reset):
            conn = peer.connect(server.port)
            peer.whole(conn, b'{"command": "large"}')
            leave(conn)
        left.set()
        assert client.tcmd({"command": "ready"}) == "OK"


# -- ready and done ----------------------------------------------------------------------------------------------------


def test_done_ends_run_after_the_answer_and_can_be_replaced() -> None:
    class Careful(Server):
        saved = False

        @command
        def done(self, *, save: bool = True) -> str:
            if not save:
                raise ValueError("save first")
            self.saved = True
            reply: str = super().done()
            return reply

        def ready(self, /, **fields: Any) -> str:
            return "warming up"

    server = Careful(port=0)
    with server, background(server.run):
        client = Client(port=server.port, timeout=peer.TIMEOUT)
        assert client.tcmd({"command": "ready"}) == "warming up"
        assert client.tcmd({"command": "done", "save": False})["error"] == "ValueError: save first"
        assert client.tcmd({"command": "done", "safe": 1})["error"].startswith("done: unknown member")
        assert client.tcmd({"command": "done"}) == "OK"
    assert server.saved


def test_done_as_a_function() -> None:
    server = Server(port=0)
    server.command("done")(lambda: "bye")
    with server, background(server.run):
        assert Client(port=server.port, timeout=peer.TIMEOUT).tcmd({"command": "done"}) == "bye"


# -- running, stopping -------------------------------------------------------------------------------------------------


def test_stop_by_a_command_by_another_thread_and_run_again() -> None:
    server = Server(port=0)
    server.command("halt")(server.stop)
    for _ in range(3):
        with background(server.run) as failures:
            assert Client(port=server.port, timeout=peer.TIMEOUT).tcmd({"command": "halt"}) == "OK"
        with background(server.run):
            assert Client(port=server.port, timeout=peer.TIMEOUT).tcmd({"command": "ready"}) == "OK"
            server.stop()
            server.stop()
        assert failures == []
    server.free()
    socket.create_server(("127.0.0.1", server.port)).close()


def test_a_stop_before_run_begins_is_not_lost() -> None:
    server = Server(port=0)
    server.stop()
    server.run()
    server.stop()
    server.run(3)
    server.free()


def test_messages_that_wait_are_answered_by_the_next_run() -> None:
    server = Server(port=0)
    client = Client(port=server.port, timeout=peer.TIMEOUT)
    client.send({"command": "ready"})
    server.stop()
    server.run()
    with background(server.run):
        assert client.receive() == "OK"
        server.stop()


def test_run_is_called_once_at_a_time() -> None:
    server = Server(port=0)
    server.command("again")(server.run)
    with serving(server) as client:
        assert "stop()" in client.tcmd({"command": "again"})["error"]
        with pytest.raises(errors.StateError, match="is running already"):
            server.run()


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", None])
def test_a_wrong_number_of_threads(threads: Any) -> None:
    with Server(port=0) as server, pytest.raises((ValueError, TypeError)):
        server.run(threads)


@pytest.mark.parametrize("threads", [1, 4])
def test_one_thread_runs_one_command_at_a_time_and_more_run_more(threads: int) -> None:
    server = Server(port=0)
    together = threading.Barrier(threads)
    busy: list[int] = []
    most: list[int] = []

    @server.command
    def work() -> None:
        busy.append(1)
        together.wait(peer.TIMEOUT)
        most.append(len(busy))
        together.wait(peer.TIMEOUT)
        busy.pop()

    with serving(server, threads), concurrent.futures.ThreadPoolExecutor(8) as pool:
        clients = [Client(port=server.port, timeout=peer.TIMEOUT) for _ in range(8)]
        replies = pool.map(lambda client: client.tcmd({"command": "work"}), clients)
        assert list(replies) == ["OK"] * 8
    assert max(most) == threads


@pytest.mark.slow
def test_a_flood_on_many_threads() -> None:
    """Every client gets its own replies, while other clients leave and send rubbish."""
    server = Server(port=0)

    @server.command
    def echo(who: int, i: int, pad: str = "") -> list[Any]:
        if i % 7 == 3:
            raise ValueError(f"{who} {i}")
        return [who, i, pad]

    def ask(who: int) -> None:
        client = Client(port=server.port, timeout=peer.TIMEOUT)
        client.set_option("persistent", bool(who % 2))
        pad = "x" * 200_000 if who % 3 == 0 else ""
        for i in range(60):
            reply = client.tcmd({"command": "echo", "who": who, "i": i, "pad": pad})
            if i % 7 == 3:
                assert reply["error"] == f"ValueError: {who} {i}"
            else:
                assert reply == [who, i, pad]

    def disturb() -> None:
        for mode in (*peer.LEAVING, *peer.WRONG) * 4:
            with contextlib.suppress(OSError), peer.connect(server.port) as conn:
                mode(conn, b'{"command": "echo"}')

    with serving(server, 8), concurrent.futures.ThreadPoolExecutor(10) as pool:
        asking = [pool.submit(ask, who) for who in range(8)] + [pool.submit(disturb) for _ in range(2)]
        for one in asking:
            one.result()


def test_stop_waits_for_the_commands_of_all_threads() -> None:
    server = Server(port=0)
    begun, release = threading.Barrier(3), threading.Event()

    @server.command
    def measure() -> str:
        begun.wait(peer.TIMEOUT)
        assert release.wait(peer.TIMEOUT)
        return "x" * 1_000_000

    clients = [Client(port=server.port, timeout=peer.TIMEOUT) for _ in range(2)]
    with server, background(lambda: server.run(4)):
        for client in clients:
            client.send({"command": "measure"})
        begun.wait(peer.TIMEOUT)
        server.stop()
        release.set()
        assert [len(client.receive()) for client in clients] == [1_000_000] * 2


def test_free_during_run_raises() -> None:
    for threads in (1, 3):
        server = Server(port=0)
        server.command("free")(server.free)
        with background(lambda: server.run(threads)) as failures:  # noqa: B023, ends within the loop
            client = Client(port=server.port, timeout=peer.TIMEOUT)
            assert client.tcmd({"command": "ready"}) == "OK"
            server.free()
        assert [type(failure) for failure in failures] == [errors.ClosedError]
        server.free()
        with pytest.raises(errors.ClosedError):
            server.run()
        server.stop()

    server = Server(port=0)
    server.command("free")(server.free)
    with background(server.run) as failures, contextlib.suppress(errors.Error):
        Client(port=server.port, timeout=peer.TIMEOUT).tcmd({"command": "free"})
    assert [type(failure) for failure in failures] == [errors.ClosedError]


def test_cancel_of_the_socket_ends_run() -> None:
    server = Server(port=0)
    with server, background(lambda: server.run(3)) as failures:
        assert Client(port=server.port, timeout=peer.TIMEOUT).tcmd({"command": "ready"}) == "OK"
        server.socket.cancel()
    assert failures == []


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_is_not_an_exception_ends_run_and_is_raised(kind: type[BaseException], threads: int) -> None:
    server = Server(port=0)

    @server.command
    def leave() -> None:
        raise kind(3)

    with server, background(lambda: server.run(threads)) as failures:
        reply = Client(port=server.port, timeout=peer.TIMEOUT).tcmd({"command": "leave"})
        assert reply == {"error": f"the server ends ({kind.__name__})", "command": "leave"}
    assert [type(failure) for failure in failures] == [kind]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer")
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("where", ["waiting", "in a command", "in a reply"])
def test_ctrl_c_ends_run_on_the_main_thread(where: str, threads: int) -> None:
    """A separate program, so that the signal reaches its main thread only. The command takes ten minutes, and the
    server waits half a minute for a client that does not read its reply: longer than peer.TIMEOUT."""
    code = f"""if 1:
        import sys, time, libobe
        server = libobe.Server(port=0)
        @server.command
        def measure():
            print("busy", flush=True)
            for _ in range(60000):
                time.sleep(0.01)  # short: a signal just before a sleep does not end it
        @server.command
        def large():
            print("busy", flush=True)
            return "x" * 60_000_000
        server.set_option("outgoing_limit", 0)
        print(server.port, flush=True)
        try:
            server.run({threads})
        except KeyboardInterrupt:
            print("interrupted")
        server.free()
    """
    if threads > 1 and where != "waiting":
        code = code.replace("range(60000)", "range(50)")  # another thread may have it, and is waited for
    program = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    try:
        assert program.stdout is not None
        client = Client(port=int(program.stdout.readline()), timeout=peer.TIMEOUT)
        client.ready()
        with peer.connect(client.port) as conn:
            if where != "waiting":
                name = b"measure" if where == "in a command" else b"large"
                peer.whole(conn, b'{"command": "%b"}' % name)
                assert program.stdout.readline() == "busy\n"
            program.send_signal(signal.SIGINT)
            if where == "in a command" and threads == 1:
                assert json.loads(peer.read_message(conn))["error"] == "the server ends (KeyboardInterrupt)"
            if where == "in a reply" and threads > 1:
                with contextlib.suppress(EOFError):  # the main thread may have it, whose reply ends
                    peer.read_message(conn)
            output, trouble = program.communicate(timeout=peer.TIMEOUT)
        assert (program.returncode, trouble) == (0, "")
        assert "interrupted\n" in output
    finally:
        program.kill()
        program.communicate()


def test_stop_in_a_signal_handler() -> None:
    server = Server(port=0)
    previous = signal.signal(signal.SIGTERM, lambda number, frame: server.stop())
    try:

        def interrupt() -> None:
            Client(port=server.port, timeout=peer.TIMEOUT).ready()
            signal.pthread_kill(MAIN.ident or 0, signal.SIGTERM)

        sender = threading.Thread(target=interrupt)
        sender.start()
        with server:
            server.run()
        sender.join()
    finally:
        signal.signal(signal.SIGTERM, previous)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer")
def test_no_interrupt_is_lost_while_a_request_is_freed() -> None:
    """Python ignores what a signal handler raises during a finalizer that is written in Python."""

    class Interrupted(Exception):  # noqa: N818
        pass

    fired: list[int] = []

    def interrupt(number: int, frame: object) -> None:
        fired.append(number)
        raise Interrupted

    def free_messages() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.0003)
        while not fired:
            libobe._message.Message.from_text(b"1")

    libobe._message.Message.from_text(b"1")  # loads the library, which takes longer than the timer
    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(200):
            fired.clear()
            with pytest.raises(Interrupted):
                free_messages()
    finally:
        signal.signal(signal.SIGALRM, previous)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("threads", [1, 3])
def test_a_fork_in_a_command_ends_run_in_the_child_only(threads: int) -> None:
    code = f"""if 1:
        import os, sys, libobe
        server = libobe.Server(port=0)
        child = []
        @server.command
        def fork():
            child.append(os.fork())
            return len(child)
        print(server.port, flush=True)
        try:
            server.run({threads})
        except libobe.errors.ForkedError:
            print("forked", flush=True)
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child[0], 0)[1]), flush=True)
    """
    program = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code], stdout=subprocess.PIPE, text=True, env=environment()
    )
    try:
        assert program.stdout is not None
        client = Client(port=int(program.stdout.readline()), timeout=peer.TIMEOUT)
        assert client.tcmd({"command": "fork"}) == 1
        assert client.tcmd({"command": "ready"}) == "OK"
        client.done()
        output, _ = program.communicate(timeout=peer.TIMEOUT)
        if threads == 1:
            assert output == "forked\n7\n"
        assert program.returncode == 0
    finally:
        program.kill()
        program.communicate()


# -- the object --------------------------------------------------------------------------------------------------------


def test_attributes_and_options() -> None:
    with Server("127.0.0.1", 0, timeout=2) as server:
        assert server.ip_address == "127.0.0.1"
        assert server.port == server.socket.port > 0
        assert server.socket.role == "server"
        assert server.get_option("timeout_ms") == "2000"
        assert server.timeout == 2
        server.timeout = timedelta(seconds=3)
        assert server.get_option("timeout_ms") == "3000"
        with pytest.raises(TypeError, match="write timeout=5"):
            server.timeout = "5"  # type: ignore[assignment]
        server.set_option("message_timeout_ms", 500)
        assert server.socket.get_option("message_timeout_ms") == "500"
        assert server.stats() == server.socket.stats()
        assert repr(server) == f"<libobe.Server 127.0.0.1:{server.port}>"
        for copied in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot be copied"):
                copied(server)
        with pytest.raises(OSError, match="IN_USE"):
            Server(port=server.port)
    with Peak(1.0) as peak:
        assert repr(peak) == f"<test_server.Peak 127.0.0.1:{peak.port}>"
    assert repr(Peak.__new__(Peak)) == "<test_server.Peak without a socket, as __init__ was not called>"


def test_a_collected_server_releases_its_port() -> None:
    gc.disable()
    try:
        for cls, arguments in ((Server, {"port": 0}), (Peak, {"centre": 1.0})):
            server = cls(**arguments)
            with background(server.run):
                Client(port=server.port, timeout=peer.TIMEOUT).done()
            port = server.port
            del server
            socket.create_server(("127.0.0.1", port)).close()
    finally:
        gc.enable()


@pytest.mark.slow
def test_a_server_thread_does_not_disturb_the_end_of_the_program() -> None:
    code = """if 1:
        import threading, libobe
        server = libobe.Server(port=0)
        threading.Thread(target=server.run, args=(4,), daemon=True).start()
        libobe.Client(port=server.port).wait_ready()
    """
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=peer.HANGS, env=environment()
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_types(tmp_path: Path) -> None:
    """The decorators keep the type of a function, for programs that are checked with mypy --strict."""
    pytest.importorskip("mypy")
    program = tmp_path / "program.py"
    program.write_text(
        "from libobe import Request, Server, command\n"
        "server = Server(port=0)\n"
        "@server.command\n"
        "def optset() -> list[float]: return [1.0]\n"
        '@server.command("newdat")\n'
        "def record(x: list[float], y: float) -> None: ...\n"
        "class Mine(Server):\n"
        "    @command\n"
        "    def getmean(self, a: int) -> list[float]: return [1.0]\n"
        '    @command("x")\n'
        "    def later(self, request: Request) -> Request: return request\n"
        "    @command\n"
        '    def done(self, **fields: object) -> str: return "OK"\n'
        "reveal_type(optset)\n"
        "reveal_type(record)\n"
        "reveal_type(Mine().getmean)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(program)],
        capture_output=True,
        text=True,
        env={**environment(), "MYPYPATH": str(ROOT / "bindings" / "python")},
        timeout=peer.HANGS,
    )
    assert done.returncode == 0, done.stdout
    revealed = [line.partition('"')[2].rstrip('"') for line in done.stdout.splitlines() if "Revealed" in line]
    assert len(revealed) == 3
    assert revealed[0].startswith("def () -> ")
    assert revealed[1].startswith("def (x: ")
    assert revealed[2].startswith("def (a: ")


def test_fields_of_a_client_reach_the_functions_that_have_them() -> None:
    """Several instruments share a server."""
    server = Server(port=0)
    data: list[Any] = []

    @server.command
    def newdat(instrument: int, x: list[float], y: float, s: float, request: Request) -> None:
        data.append((instrument, request.peer))

    @server.command
    def getmean(instrument: int) -> list[int]:
        return [instrument]

    @server.command
    def getstd() -> list[int]:
        return [0]

    with serving(server) as client:
        client.fields = {"instrument": 3}
        client.wait_ready()
        client.newdat(1, 2, 3)
        assert list(client.getmean()) == [3]
        assert list(client.getstd()) == [0]
        client.done()
    ((instrument, address),) = data
    assert instrument == 3
    assert re.fullmatch(r"127\.0\.0\.1:\d+", address)


def test_an_error_after_the_server_was_freed(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(port=0)

    @server.command
    def vanish() -> None:
        server.free()
        raise ValueError("gone")

    with background(server.run) as failures, contextlib.suppress(errors.Error):
        Client(port=server.port, timeout=peer.TIMEOUT).tcmd({"command": "vanish"})
    assert [type(failure) for failure in failures] == [errors.ClosedError]
    assert "'vanish'" in caplog.text


def test_a_thread_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def limited(thread: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    with Server(port=0) as server:
        monkeypatch.setattr(threading.Thread, "start", limited)
        with pytest.raises(RuntimeError, match="new thread"):
            server.run(4)
        monkeypatch.undo()
        assert [thread.is_alive() for thread in started] == [False, False]
        server.stop()
        server.run(4)


@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix-domain sockets")
def test_a_unix_domain_socket(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/s"
    with Server(address) as server, background(server.run):
        client = Client(address, timeout=peer.TIMEOUT)
        assert client.tcmd({"command": "no"})["command"] == "no"
        client.done()


def test_a_message_that_an_interrupted_receive_left(caplog: pytest.LogCaptureFixture) -> None:
    """It has no client any longer, and must not end the server."""
    with Server(port=0) as server:
        client = Client(port=server.port, timeout=peer.TIMEOUT)
        client.send({"command": "left"})
        buffer = libobe._buffer.Buffer(100)
        text = json.dumps(server.socket.receive()).encode()
        buffer.memory[: len(text)] = text
        buffer.length.value = len(text)
        server.socket._obe._inbox.pending = [buffer]
        with background(server.run) as failures:
            Client(port=server.port, timeout=peer.TIMEOUT).done()
        assert failures == []
        assert "unknown client" in caplog.text


def readme_code(beginning: str) -> str:
    """A program of the README."""
    text = (ROOT / "bindings" / "python" / "README.md").read_text(encoding="utf-8")
    (code,) = (code for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if code.startswith(beginning))
    assert "port=61981" in code or "port: int = 61981" in code
    return str(code)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.mark.slow
def test_the_server_in_the_readme() -> None:
    port = free_port()
    code = readme_code("from libobe import Server\n").replace("61981", str(port))
    program = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, env=environment())
    try:
        client = Client(port=port, timeout=peer.TIMEOUT)
        client.wait_ready()
        for _ in range(5):
            setting = client.optset()
            client.newdat(setting, abs(setting[0] - 2.3), 0.02)
        assert list(client.getmean()) == [2.25]
        reply = client.tcmd({"command": "newdat", "x": 2, "y": 1, "s": 0})
        assert reply == {"error": "ValueError: s must be positive", "command": "newdat"}
        client.done()
        _, trouble = program.communicate(timeout=peer.TIMEOUT)
        assert (program.returncode, trouble) == (0, "")
    finally:
        program.kill()
        program.communicate()


def test_the_class_in_the_readme() -> None:
    names: dict[str, Any] = {"__name__": "readme"}
    exec(readme_code("from libobe import Server, command\n"), names)
    with serving(names["Counter"](3, port=0)) as client:
        assert list(client.getmean()) == [4]
        client.newrun(start=7.0)
        assert list(client.getmean()) == [8]


def test_serve_in_the_readme() -> None:
    port = free_port()
    code = readme_code("from libobe import Socket\n\nSocket").replace("61981", str(port))
    program = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL, env=environment())
    try:
        client = Client(port=port, timeout=peer.TIMEOUT)

        def is_up() -> bool:
            with contextlib.suppress(errors.RefusedError):
                return bool(client.tcmd("first"))
            return False

        assert peer.eventually(is_up)
        assert [client.tcmd(i) for i in range(3)] == [{"echo": i} for i in range(3)]
    finally:
        program.kill()
        program.communicate()
