"""The end of an interpreter: daemon threads in a call end silently, and a subinterpreter can end."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import peer
from conftest import python
from tools import missing, path

pytestmark = pytest.mark.slow

# Calls on a server, and on a client of a server that never answers.
CALLS = {
    "serve": "server.serve(lambda request: None)",
    "receive": "server.receive()",
    "receive with numbers": "server.receive(timeout=1000)",
    "receive_request": "server.receive_request()",
    "send": "client.send('x' * 50_000_000)",
    "receive of a client": "own = libobe.Client(port=client.port); own.send(1); own.receive()",
    "tcmd": "client.tcmd(1)",
    "tcmd with a timeout": "client.tcmd(1, timeout=1000)",
    "wait_ready": "client.wait_ready(None)",
    "ready": "client.ready()",
    "newdat": "client.newdat(1, 2, 3)",
    "getmean": "client.getmean()",
}

PROGRAM = """
import atexit, socket, sys, threading, libobe

mute = socket.create_server(("127.0.0.1", 0))
{before}
server = libobe.Socket("server", port=0)
client = libobe.Client(port=mute.getsockname()[1])

def call():
    {call}

threads = [threading.Thread(target=call, daemon=True) for _ in range(3)]
"""


@pytest.mark.parametrize("call", CALLS)
def test_daemon_threads_in_a_call_end_silently(call: str) -> None:
    done = python(
        PROGRAM.format(before="", call=CALLS[call])
        + "for thread in threads: thread.start()\n"
        + "threads[0].join(0.05)\n"  # most are in the call by then
        + "print('end')\n"
    )
    assert (done.stdout, done.stderr, done.returncode) == ("end\n", "", 0)


@pytest.mark.parametrize("call", ["serve", "receive", "receive_request", "tcmd", "wait_ready", "ready", "getmean"])
def test_calls_that_begin_after_all_handles_were_freed(call: str) -> None:
    """They end their daemon thread silently, and an exit hook may wait for it."""
    done = python(
        PROGRAM.format(
            # Exit hooks run in reverse, so this one runs after libobe's.
            before="atexit.register(lambda: (begin.set(), [thread.join(60) for thread in threads],"
            " print([thread.is_alive() for thread in threads])))\nbegin = threading.Event()",
            call=f"begin.wait(); {CALLS[call]}",
        )
        + "for thread in threads: thread.start()\n"
    )
    assert (done.stdout, done.stderr, done.returncode) == ("[False, False, False]\n", "", 0)


SUBINTERPRETER = """
import libobe, threading
server = libobe.Socket("server", port=0)

def answer():
    try:
        while True:
            server.send(server.receive())
    except libobe.Error:
        pass

thread = threading.Thread(target=answer)
thread.start()
client = libobe.Client(port=server.port)
# Too large to be sent without a helper thread where signals are handled.
assert len(client.tcmd("x" * 100_000)) == 100_000
assert client.tcmd(1, timeout=60) == 1
server.free()
thread.join()
"""


def test_a_subinterpreter_can_end() -> None:
    """The end of a subinterpreter aborts the process while the subinterpreter has other threads."""
    code = f"""
try:
    import _interpreters
    create, run = lambda: _interpreters.create("legacy"), _interpreters.exec
except ImportError:
    import _xxsubinterpreters as _interpreters
    create, run = lambda: _interpreters.create(isolated=False), _interpreters.run_string
import libobe
for _ in range(2):
    interpreter = create()
    print(run(interpreter, {SUBINTERPRETER!r}))
    _interpreters.destroy(interpreter)
print(libobe.Socket("server", port=0).port > 0)
"""
    done = python(code)
    assert (done.stdout, done.stderr, done.returncode) == ("None\nNone\nTrue\n", "", 0)


EMBEDDING = r"""
#include <Python.h>

int main(int argc, char **argv)
{
    PyThreadState *host, *inner;
    int failed = argc != 2;

    Py_Initialize();
    host = PyThreadState_Get();
    for (int i = 0; i < 2 && !failed; i++) {
        inner = Py_NewInterpreter();
        failed = PyRun_SimpleString(argv[1]);
        Py_EndInterpreter(inner);
        PyThreadState_Swap(host);
    }
    failed |= PyRun_SimpleString(argv[1]);
    return Py_FinalizeEx() || failed;
}
"""


@pytest.mark.skipif(sys.platform == "win32", reason="builds with a Unix compiler")
def test_a_program_that_embeds_interpreters(tmp_path: Path) -> None:
    compiler = path("cc")
    include, library = sysconfig.get_path("include"), sysconfig.get_config_var("LIBDIR")
    if not Path(include, "Python.h").exists() or not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        missing("Python's shared library with its headers is not installed")
    source, program = tmp_path / "embedding.c", tmp_path / "embedding"
    source.write_text(EMBEDDING)
    name = f"python{sysconfig.get_config_var('LDVERSION')}"
    link = [f"-L{library}", f"-l{name}", f"-Wl,-rpath,{library}"]
    subprocess.run([compiler, str(source), "-o", str(program), f"-I{include}", *link], check=True)
    done = python(
        "import subprocess, sys\n"
        f"done = subprocess.run([{str(program)!r}, {SUBINTERPRETER!r}], timeout={peer.HANGS})\n"
        "sys.exit(done.returncode)\n",
        PYTHONHOME=sys.base_prefix,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
