"""optbayesexpt's OBE_Server on libobe's socket: with a stand-in always, and with the real package where it exists."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_server import RAW, background

import libobe
import peer
from conftest import ROOT
from libobe import Client, errors

STAND_IN = Path(__file__).parent / "stand_in"
URL = "https://github.com/usnistgov/optbayesexpt"


def forget() -> dict[str, Any]:
    names = [name for name in sys.modules if re.fullmatch(r"(libobe\.)?optbayesexpt(\..*)?", name)]
    return {name: sys.modules.pop(name) for name in names}


@contextlib.contextmanager
def package_in(directory: Path | None) -> Iterator[Any]:
    """The module libobe.optbayesexpt with the package in a directory, or with the installed one."""
    before = forget()
    path = sys.path[:]
    sys.path[:0] = [str(directory)] if directory else []
    try:
        yield importlib.import_module("libobe.optbayesexpt")
    finally:
        sys.path[:] = path
        forget()
        sys.modules.update(before)
        vars(libobe).pop("optbayesexpt", None)


@pytest.fixture
def obe() -> Iterator[Any]:
    with package_in(STAND_IN) as module:
        yield module


def custom_server(obe: Any) -> Any:
    """A subclass like those of users, with other arguments and additional attributes."""

    class CustomServer(obe.OBE_Server):  # type: ignore[misc]
        def __init__(
            self, noise: float, initial_args: Any = (), ip_address: str = "127.0.0.1", port: int = 0, **kwargs: Any
        ) -> None:
            obe.OBE_Server.__init__(self, initial_args=initial_args, ip_address=ip_address, port=port, **kwargs)
            self._noise = noise
            self.runs: list[Any] = []

        def newrun(self, message: Any) -> None:
            self.runs.append(message)
            model, _, parameters, constants = self.initial_args
            self.make_obe(obe.OptBayesExpt, (model, [[message["setting"]]], parameters, constants))

    return CustomServer(0.5, (None, [[0.0]], [[1.0]], (2.0,)), scale=False)


def client_of(server: Any) -> Client:
    return Client(port=server.port, timeout=peer.TIMEOUT)


def test_the_protocol(obe: Any, capsys: pytest.CaptureFixture[str]) -> None:
    server = custom_server(obe)
    with server, background(server.run) as failures:
        client = client_of(server)
        client.wait_ready()
        client.newrun(setting=2.5)
        assert list(client.getcon()) == [2.0]
        assert client.tcmd({"command": "getset"}) == [[2.5]]
        assert list(client.optset()) == [2.5]
        assert list(client.goodset(3)) == [2.5, 9]
        assert client.tcmd({"command": "newdat", "x": [2.5], "y": 1.0, "s": 0.5}) == "OK"
        assert list(client.getmean()) == [1.0]
        client.done()
    assert failures == []
    assert capsys.readouterr().out == "SERVER READY\n"
    assert server.runs == [{"command": "newrun", "setting": 2.5}]
    assert server.initial_kwargs == {"scale": False}
    assert server._noise == 0.5
    assert (server.role, server.ip_address) == ("server", "127.0.0.1")


def test_it_is_their_class_on_our_socket(obe: Any) -> None:
    original = importlib.import_module("optbayesexpt")
    with obe.OBE_Server(port=0) as server:
        assert isinstance(server, libobe.Socket)
        assert isinstance(server, original.OBE_Server)
        assert type(server.server) is libobe._socket.Listener
        assert server.port != 0
    assert obe.OBE_Server.__init__.__code__ is original.OBE_Server.__init__.__code__
    assert obe.OBE_Server.newrun.__code__ is original.OBE_Server.newrun.__code__
    assert obe.OBE_Server.__name__ == "OBE_Server"
    assert obe.Socket is libobe.Socket
    assert obe.OptBayesExpt is original.OptBayesExpt
    assert {"OBE_Server", "OptBayesExpt", "Socket"} <= set(dir(obe))
    for name in ("no_such_name", "__path__", "__file_"):
        with pytest.raises(AttributeError, match=name):
            getattr(obe, name)


def test_the_original_is_not_changed() -> None:
    before = forget()
    sys.path.insert(0, str(STAND_IN))
    try:
        original = importlib.import_module("optbayesexpt")
        modules = [importlib.import_module(f"optbayesexpt.{name}") for name in ("obe_server", "obe_socket")]
        state = [dict(vars(item)) for item in (original, *modules, original.OBE_Server, original.Socket)]
        importlib.import_module("libobe.optbayesexpt")
        assert [dict(vars(item)) for item in (original, *modules, original.OBE_Server, original.Socket)] == state
        theirs = original.OBE_Server(port=0)
        assert type(theirs.server) is socket.socket
        assert not isinstance(theirs, libobe.Socket)
        theirs.server.close()
    finally:
        sys.path.remove(str(STAND_IN))
        forget()
        sys.modules.update(before)


def test_a_constructor_that_calls_super(obe: Any) -> None:
    """As a later release of the original may do."""
    original = importlib.import_module("optbayesexpt")

    class Later(original.Socket):  # type: ignore[misc,name-defined]
        def __init__(self, *, port: int = 0) -> None:
            super().__init__("server", port=port)

    class Mine(obe._rebased(Later, obe._ServerSocket)):  # type: ignore[misc]
        pass

    with Mine() as server:
        assert type(server.server) is libobe._socket.Listener


def test_a_constructor_that_calls_the_sockets(obe: Any) -> None:
    """As a class does that makes its engine itself."""

    class Own(obe.OBE_Server):  # type: ignore[misc]
        def __init__(self) -> None:
            obe.Socket.__init__(self, "server", port=0)
            self.make_obe(obe.OptBayesExpt, (None, [[3.0]], [[1.0]], (2.0,)))

    with Own() as server, background(server.run) as failures:
        client = client_of(server)
        assert list(client.optset()) == [3.0]
        assert "does not know" in client.tcmd({"command": "measure"})["error"]
        server.cancel()
    assert failures == []


REFUSED: list[tuple[Any, str, Any]] = [
    (5, "a message must be an object", None),
    (None, "a message must be an object", None),
    ([1], "a message must be an object", None),
    ("ready", "a message must be an object", None),
    ({}, "a message must be an object", None),
    ({"command": 3}, "a message must be an object", 3),
    ({"command": None}, "a message must be an object", None),
    ({"command": ["ready"]}, "a message must be an object", ["ready"]),
    ({"command": ""}, "does not know this command", ""),
    ({"command": "READY"}, "does not know this command", "READY"),
    ({"command": "newdat"}, "KeyError: 'x'", "newdat"),
    ({"command": "newdat", "x": [1, 2], "y": 1, "s": 1}, "ValueError: too many values", "newdat"),
    ({"command": "newdat", "x": [1], "y": "a", "s": 1}, "ValueError: could not convert", "newdat"),
    ({"command": "newrun"}, "KeyError: 'setting'", "newrun"),
    ({"command": "goodset", "pickiness": "a"}, "TypeError: ", "goodset"),
    ({"command": "getmean"}, "ZeroDivisionError", "getmean"),
]


def test_no_message_ends_it(obe: Any, caplog: pytest.LogCaptureFixture) -> None:
    server = custom_server(obe)
    with server, background(server.run) as failures, caplog.at_level(logging.WARNING, "libobe.server"):
        client = client_of(server)
        assert "AttributeError" in client.tcmd({"command": "optset"})["error"]  # before the first newrun
        client.newrun(setting=1)
        for message, text, command in REFUSED:
            reply = client.tcmd(message)
            assert list(reply) == ["error", "command"]
            assert text in reply["error"], reply
            assert reply["command"] == command
            client.ready()
        assert client.tcmd({"command": "newdat", "x": 2.5, "y": 1, "s": 1}) == "OK"  # a scalar x
        assert server.obe_engine.data == [(2.5, 1.0, 1.0)]
        assert any(record.exc_info and "'newdat'" in record.getMessage() for record in caplog.records)
        for body in RAW:
            json.loads(peer.exchange(server.port, body))
        with contextlib.ExitStack() as stack:
            for mode in (*peer.LEAVING, *peer.WRONG, *peer.STALLING) * 3:
                mode(stack.enter_context(peer.connect(server.port)), b'{"command": "getset"}')
            client.ready()
        client.done()
    assert failures == []


def test_the_values_that_their_socket_cannot_send(obe: Any) -> None:
    numpy = pytest.importorskip("numpy")
    server = custom_server(obe)
    server.make_obe(obe.OptBayesExpt, (None, [numpy.array([3, 4])], [[1.0]], numpy.array([1.0])))
    with server, background(server.run):
        client = client_of(server)
        assert list(client.optset()) == [3]  # a numpy.int64
        assert list(client.getcon()) == [1.0]
        server.obe_engine.cons = object()
        assert client.tcmd({"command": "getcon"})["error"].startswith("TypeError")
        client.done()


def test_cancel_and_free(obe: Any) -> None:
    for end, expected in (("cancel", []), ("free", [errors.ClosedError])):
        server = custom_server(obe)
        with background(server.run) as failures:
            client_of(server).ready()
            getattr(server, end)()
        assert [type(failure) for failure in failures] == expected
        server.free()


def test_a_cancel_between_two_messages_ends_it(obe: Any) -> None:
    class Cancelled(obe.OBE_Server):  # type: ignore[misc]
        def newrun(self, message: Any) -> None:
            self.cancel()

    with Cancelled(port=0) as server:
        for _ in range(2):
            with background(server.run) as failures:
                client_of(server).newrun()
            assert failures == []


def test_its_timeout(obe: Any) -> None:
    with obe.OBE_Server(port=0) as server:
        server.timeout = 0.25
        with pytest.raises(TimeoutError):
            server.run()


def test_an_exception_that_no_message_caused_is_raised(obe: Any) -> None:
    class Broken(obe.OBE_Server):  # type: ignore[misc]
        @property
        def greeting(self) -> str:
            raise ZeroDivisionError

    with Broken(port=0) as server, pytest.raises(ZeroDivisionError):
        server.run()


def test_what_is_not_an_exception_ends_it(obe: Any) -> None:
    class Leaving(obe.OBE_Server):  # type: ignore[misc]
        def newrun(self, message: Any) -> None:
            raise SystemExit(3)

    server = Leaving(port=0)
    with background(server.run) as failures:
        client = client_of(server)
        client.send({"command": "newrun"})
    assert [type(failure) for failure in failures] == [SystemExit]
    server.free()


def test_a_run_of_ones_own(obe: Any) -> None:
    """It receives every message. One that it does not answer is answered with an error by its next receive."""

    class Own(obe.OBE_Server):  # type: ignore[misc]
        def run(self) -> None:
            for expected in (3, {"command": 1, "x": 2.5}, "leave", "end"):
                assert self.receive() == expected
                if expected != "leave":
                    self.send("yes")

    server = Own(port=0)
    with server, background(server.run) as failures:
        client = client_of(server)
        assert [client.tcmd(message) for message in (3, {"command": 1, "x": 2.5})] == ["yes"] * 2
        assert "no reply" in client.tcmd("leave")["error"]
        assert client.tcmd("end") == "yes"
    assert failures == []


def test_many_clients(obe: Any) -> None:
    server = custom_server(obe)
    with server, background(server.run):
        client_of(server).newrun(setting=1)

        def ask(number: int) -> None:
            client = client_of(server)
            for i in range(100):
                assert list(client.goodset(number + i)) == [1, (number + i) ** 2]

        threads = [threading.Thread(target=ask, args=(1000 * number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(peer.TIMEOUT)
        client_of(server).done()


def python(*arguments: str, path: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
    paths = [str(ROOT / "bindings" / "python"), *filter(None, [path])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **options.pop("environment", {})}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=peer.HANGS, **options
    )


@pytest.mark.slow
def test_without_the_package(tmp_path: Path) -> None:
    """libobe does not need it, and the error says where to get it. -S hides the packages that are installed here."""
    done = python("-S", "-c", "import libobe, sys; print('optbayesexpt' in sys.modules)")
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
    done = python("-S", "-c", "from libobe.optbayesexpt import OBE_Server")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: libobe.optbayesexpt needs the package optbayesexpt, which is not installed")
    assert f"pip install git+{URL}" in last
    assert "During handling" not in done.stderr
    broken = tmp_path / "optbayesexpt"  # it is installed, but what it needs is not
    broken.mkdir()
    (broken / "__init__.py").write_text("import no_such_module_of_theirs\n")
    done = python("-S", "-c", "import libobe.optbayesexpt", path=str(tmp_path))
    assert done.stderr.strip().splitlines()[-1] == "ModuleNotFoundError: No module named 'no_such_module_of_theirs'"


# -- the real package --------------------------------------------------------------------------------------------------


@pytest.fixture
def checkout() -> Path | None:
    """The directory with the real package; None if it is installed."""
    named = os.environ.get("OPTBAYESEXPT")
    if named:
        assert Path(named, "optbayesexpt", "obe_server.py").exists(), f"OPTBAYESEXPT is not a checkout: {named}"
        return Path(named)
    if importlib.util.find_spec("optbayesexpt") is None:
        pytest.skip(f"optbayesexpt is not installed: clone {URL} and set OPTBAYESEXPT to the directory")
    return None


def test_the_real_class(checkout: Path | None) -> None:
    numpy = pytest.importorskip("numpy")
    with package_in(checkout) as obe:

        class Line(obe.OBE_Server):  # type: ignore[misc,name-defined]
            def newrun(self, message: Any) -> None:
                self.make_obe(obe.OptBayesExpt, self.initial_args)

        def model(settings: Any, parameters: Any, constants: Any) -> Any:
            (x,), (a, b) = settings, parameters
            return a + b * x

        parameters = (numpy.array([0.0, 1.0, 2.0, 3.0]), numpy.array([1.0, 3.0, 2.0, 4.0]))
        server = Line((model, (numpy.array([0, 1, 2]),), parameters, ()), port=0)
        with server, background(server.run) as failures:
            client = client_of(server)
            client.ready()
            assert "AttributeError" in client.tcmd({"command": "getmean"})["error"]
            client.newrun()
            assert client.getset().tolist() == [[0, 1, 2]]
            assert client.getpar().tolist() == [[0, 1, 2, 3], [1, 3, 2, 4]]
            assert client.getcon().tolist() == []
            assert client.getwgt().tolist() == [0.25] * 4
            assert client.getmean().tolist() == [1.5, 2.5]
            assert client.getcov().shape == (2, 2)
            assert client.optset()[0] in (0, 1, 2)  # integers, which end the original
            assert client.goodset(4)[0] in (0, 1, 2)
            client.newdat(1, 5.0, 1.0)
            for x in (1, 1.5, [1], [1.0]):
                assert client.tcmd({"command": "newdat", "x": x, "y": 5.0, "s": 1.0}) == "OK"
            assert "too many values" in client.tcmd({"command": "newdat", "x": [1, 2], "y": 5.0, "s": 1.0})["error"]
            assert "KeyError" in client.tcmd({"command": "newdat"})["error"]
            assert "does not know" in client.tcmd({"command": "measure"})["error"]
            message: Any
            for message in ([], 1, {}, {"command": 3}):
                assert "must be an object" in client.tcmd(message)["error"]
            assert len(client.getstd()) == 2
            client.done()
        assert failures == []


def test_the_originals_demo(checkout: Path | None, tmp_path: Path) -> None:
    """Its instrument starts its server and runs three experiments. Only the server's import and the port differ."""
    if checkout is None:
        pytest.skip(f"the demos are not installed: clone {URL} and set OPTBAYESEXPT to the directory")
    pytest.importorskip("matplotlib")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    for name in ("server_script.py", "instrument_controller.py"):
        text = (checkout / "demos" / "server" / name).read_text(encoding="utf-8")
        changed = text.replace("import optbayesexpt as obe", "import libobe.optbayesexpt as obe")
        assert (changed != text) is (name == "server_script.py")
        assert "61981" in changed
        (tmp_path / name).write_text(changed.replace("61981", port), encoding="utf-8")
    programs = tmp_path / "bin"  # the instrument starts "python3"
    programs.mkdir()
    (programs / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / "python3").chmod(0o755)
    environment = {"MPLBACKEND": "agg", "PATH": os.pathsep.join([str(programs), os.environ["PATH"]])}
    done = python("instrument_controller.py", path=str(checkout), cwd=tmp_path, environment=environment)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.count("SERVER READY") == 1
    assert done.stdout.count("proceed") == 3
