"""The library in a process: finding it, loading it once, forks, threads and exit."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Callable

import pytest

import libobe
import peer
from conftest import python

pytestmark = pytest.mark.slow

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def in_child(call: Callable[[], str]) -> str:
    """What a call returns in a forked child."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            text = call()
        except BaseException as error:
            text = repr(error)
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        if not select.select([pipe], [], [], peer.TIMEOUT)[0]:
            os.kill(child, signal.SIGKILL)
        text = pipe.read()
    assert os.waitpid(child, 0)[1] == 0, "the child was hanging"
    return text


@needs_fork
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_child_is_refused(echo: peer.Server, server: libobe.Socket) -> None:
    client = libobe.Socket("client", port=echo.port)
    # The child has neither the helper thread that this starts nor the thread that holds the lock of the client.
    assert client.tcmd("x" * 100_000)
    client._obe._tcmd_lock.acquire()

    def use(call: Callable[[], object]) -> str:
        try:
            return f"{call()!r}\n"
        except RuntimeError as error:
            return f"{error}\n" if isinstance(error, libobe.errors.ForkedError) else f"wrong: {error!r}\n"

    def every_call() -> str:
        outcomes = [
            use(call)
            for call in (
                lambda: client.send(1),
                lambda: client.send("x" * 100_000),
                lambda: client.tcmd(1),
                lambda: server.receive(),
                lambda: server.send(1),
                lambda: client.wait_ready(1),
                lambda: client.close(),
                lambda: client.cancel(),
                lambda: client.get_option("peer"),
                lambda: client.set_option("persistent", 1),
                lambda: client.stats(),
                lambda: client.connection,
                lambda: libobe.Socket("client"),
                lambda: libobe.Socket("server", port=0),
            )
        ]
        server.free()
        return "".join(outcomes)

    outcomes: list[str] = []
    holder = threading.Thread(target=lambda: outcomes.extend(in_child(every_call).splitlines()))
    holder.start()
    holder.join()
    client._obe._tcmd_lock.release()
    assert len(outcomes) == 14
    for outcome in outcomes:
        assert "OBE_E_FORKED" in outcome
        assert "spawn" in outcome
    # The child's free did nothing to the parent's server.
    with peer.connect(server.port) as conn:
        peer.whole(conn, b"1")
        assert server.receive() == 1
    assert client.tcmd("still works") == "still works"


@needs_fork
def test_fork_before_the_first_socket() -> None:
    done = python(
        "import libobe, os\n"
        "child = os.fork()\n"
        "server = libobe.Socket('server', port=0)\n"
        "os.write(1, b'%d\\n' % (server.port > 0))\n"
        "child and os.waitpid(child, 0)\n"
    )
    assert done.stdout == "1\n1\n"
    assert done.stderr == ""


@needs_fork
def test_forked_child_ends_quietly() -> None:
    done = python(
        "import libobe, os, sys\n"
        "server = libobe.Socket('server', port=0)\n"
        "child = os.fork()\n"
        "if child: print(os.waitpid(child, 0)[1], server.stats()['evicted'])\n"
        "sys.exit()\n"
    )
    assert done.stdout == "0 0\n"
    assert done.stderr == ""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_signals_stay_with_pythons_threads() -> None:
    """Every thread that is not Python's blocks SIGINT, so that SIGINT interrupts the main thread's system calls."""
    done = python(
        "import libobe, os, signal\n"
        "server = libobe.Socket('server', port=0, timeout=0.1)\n"
        "try: server.receive()\n"
        "except TimeoutError: pass\n"
        "for task in os.listdir('/proc/self/task'):\n"
        "    status = dict(line.split(':', 1) for line in open(f'/proc/self/task/{task}/status'))\n"
        "    blocked = int(status['SigBlk'], 16) >> signal.SIGINT - 1 & 1\n"
        "    print('main' if int(task) == os.getpid() else 'other', blocked)\n"
    )
    lines = done.stdout.splitlines()
    assert lines.count("main 0") == 1
    assert len(lines) > 1
    assert set(lines) == {"main 0", "other 1"}


def test_exit_while_threads_are_blocked() -> None:
    done = python(
        "import libobe, threading\n"
        "server = libobe.Socket('server', port=0)\n"
        "threading.Thread(target=server.receive, daemon=True).start()\n"
        "client = libobe.Socket('client', port=server.port)\n"
        "print('end')\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_a_large_message_at_exit() -> None:
    """Python starts no more threads while it shuts down, when programs may still send a last message."""
    with peer.Server() as server:
        done = python(
            "import atexit, libobe\n"
            f"client = libobe.Socket('client', port={server.port})\n"
            "atexit.register(lambda: print(client.tcmd(' ' * 100_000)))\n"
        )
    assert (done.stdout, done.stderr) == ("OK\n", "")


def test_import_loads_nothing() -> None:
    done = python("import libobe; print(libobe.Error.__name__)", OBE_LIBRARY="/nowhere/libobe.so")
    assert (done.stdout, done.stderr) == ("Error\n", "")


def test_library_not_found(tmp_path: Path) -> None:
    """The message says what OBE_LIBRARY is, and what is wrong with it, once."""
    text = tmp_path / "text.so"
    text.write_text("not a library")
    directory = str(tmp_path.resolve())
    for path, why in [
        ("/nowhere/libobe.so", "no such file"),
        ("build/libobe.so", f"no such file in {directory} (the working directory)"),
        (directory, "this is a directory; name the file in it"),
        (str(text), ""),
        ("no-such-library.so", ""),
    ]:
        code = f"import os, libobe; os.chdir({directory!r}); libobe.Socket('client')"
        done = python(code, OBE_LIBRARY=path)
        error, tried = done.stderr.splitlines()[-2:]
        assert error.startswith("ImportError: ")
        assert "set OBE_LIBRARY to its path" in error
        assert tried.startswith(f"  OBE_LIBRARY={path}: {why}")
        assert not why or tried.endswith(why)
        assert tried.count(path) == 1 or sys.platform != "linux"


def test_lookup_order(tmp_path: Path) -> None:
    """Without OBE_LIBRARY: the file in the package, then the system's."""
    done = python(
        "from libobe import _library; import os\n"
        "assert os.environ.pop('OBE_LIBRARY')\n"
        "bundled, system = _library._candidates()\n"
        "print(os.path.dirname(bundled) == os.path.dirname(_library.__file__), system)\n"
    )
    assert done.stdout == "True libobe.so.0\n"
    (tmp_path / "libobe.so.0").symlink_to(Path(os.environ["OBE_LIBRARY"]).resolve())
    found = python(
        "import libobe; print(libobe.Socket('server', port=0).port > 0)", OBE_LIBRARY="", LD_LIBRARY_PATH=str(tmp_path)
    )
    assert found.stdout == "True\n"
    missing = python(
        "import libobe; from libobe import _library\n"
        "_library.NAME = _library.SYSTEM = 'no-such-library.so'\n"
        "libobe.Socket('client')\n",
        OBE_LIBRARY="",
    )
    bundled, system = missing.stderr.splitlines()[-2:]
    assert bundled.endswith("no-such-library.so: no such file")
    assert system.startswith("  no-such-library.so: ")


def test_a_missing_function_is_reported_when_called() -> None:
    done = python(
        "import libobe; from libobe import _abi\n"
        "_abi.FUNCTIONS['obe_of_the_future'] = (None, ())\n"
        "libobe.Socket('client')\n"
        "try: libobe._library.library().obe_of_the_future()\n"
        "except NotImplementedError as error: print(error)\n"
    )
    assert "has no function obe_of_the_future" in done.stdout
    assert "OBE_E_UNSUPPORTED" in done.stdout


def test_another_library_at_that_path() -> None:
    done = python("import libobe; libobe.Socket('client')", OBE_LIBRARY="libm.so.6")
    assert "the library libm.so.6 has no function obe_client_new" in done.stderr


def test_many_sockets_leave_no_descriptors_or_threads(echo: peer.Server) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    libobe.Socket("client", port=echo.port).tcmd(0)
    with pytest.raises(TimeoutError):
        libobe.Socket("client", port=1).wait_ready(timeout=0.05)  # Go keeps what it opens for its first timer
    before, threads = descriptors(), threading.active_count()
    client = libobe.Socket("client", port=echo.port)
    for i in range(1000):
        client.tcmd(i)
        libobe.Socket("client", port=echo.port).tcmd(i) if i % 10 == 0 else None
        libobe.Socket("server", port=0)
    end = time.monotonic() + peer.TIMEOUT
    while (descriptors() > before + 1 or threading.active_count() > threads) and time.monotonic() < end:
        time.sleep(0.01)  # threads of servers may still be closing descriptors
    assert descriptors() <= before + 1
    assert threading.active_count() <= threads


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_the_limit_of_open_descriptors_stays() -> None:
    program = """
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (soft // 2, hard))
import libobe
with libobe.Socket("server", port=0):
    print(resource.getrlimit(resource.RLIMIT_NOFILE) == (soft // 2, hard))
"""
    done = python(program)
    assert done.stdout == "True\n", done.stderr
