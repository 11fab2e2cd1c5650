"""LabVIEW's own strings and arrays, with a replacement for its memory manager."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import peer
from clfn import TIMEOUT_MS, Diagram
from conftest import LIBRARY, ROOT

TEXT = b'{"s": "a\\u0000b", "e": "", "x": [1.5, NaN, -3], "n": [], "m": [[1, 2, 3], [4, 5, 6]], "bad": [1, "2"]}'


class Manager:
    """The replacement, where the library looks for LabVIEW's: among the symbols of the program."""

    def __init__(self, path: Path, mode: int = ctypes.RTLD_GLOBAL) -> None:
        self._library = ctypes.CDLL(str(path), mode=mode)
        self._library.manager_check.restype = ctypes.c_int64
        self._library.manager_check.argtypes = [ctypes.c_void_p]
        self._library.manager_free.argtypes = [ctypes.c_void_p]
        self.error = ctypes.c_int32.in_dll(self._library, "manager_error")

    def content(self, handle: ctypes.c_void_p) -> bytes:
        """The bytes in the block of a handle. Checks that nothing was written beyond it."""
        size = self._library.manager_check(handle)
        assert size >= 0, "written beyond the block"
        if not handle:
            return b""
        data = ctypes.cast(handle, ctypes.POINTER(ctypes.c_void_p))[0]
        assert data is not None
        return ctypes.string_at(data, size)

    def free(self, handle: ctypes.c_void_p) -> None:
        self._library.manager_free(handle)

    def allocate(self) -> ctypes.c_void_p:
        """A new handle of this manager, with a string."""
        handle = ctypes.c_void_p()
        assert self._library.NumericArrayResize(5, 1, ctypes.byref(handle), ctypes.c_size_t(1)) == 0
        return handle

    def foreign(self) -> ctypes.c_void_p:
        """A handle that no manager owns."""
        self._memory = (ctypes.c_void_p * 8)()
        return ctypes.c_void_p(ctypes.addressof(self._memory))


def build_manager(path: Path) -> Path:
    source = ROOT / "test" / "c" / "labview_manager.c"
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-std=c99", "-Wall", "-Werror", "-shared", "-fPIC", "-o", path, source], check=True)
    return path


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Manager:
    return Manager(build_manager(tmp_path_factory.mktemp("labview") / "manager.so"))


@pytest.fixture
def handle(manager: Manager) -> Iterator[ctypes.c_void_p]:
    """A LabVIEW handle: an empty string or array."""
    handle = ctypes.c_void_p()
    yield handle
    manager.free(handle)


@pytest.fixture
def message(lv: Diagram, client: int) -> int:
    lv.ok("obe_lv_tcmd", handle=client, json=TEXT, timeout_ms=TIMEOUT_MS)
    return client


def string(text: bytes) -> bytes:
    return struct.pack("=i", len(text)) + text


def doubles(*dims: int, values: bytes) -> bytes:
    """An array as LabVIEW lays it out in a 64-bit process: doubles begin at multiples of 8."""
    head = struct.pack(f"={len(dims)}i", *dims)
    return head + b"\xa5" * (-len(head) % 8) + values


def test_strings(lv: Diagram, message: int, manager: Manager, handle: ctypes.c_void_p) -> None:
    for pointer, text in ((b"/s", b"a\0b"), (b"/e", b""), (b"/s", b"a\0b")):
        lv.ok("obe_lv_get_string_h", handle=message, pointer=pointer, text=ctypes.byref(handle))
        assert manager.content(handle) == string(text)
    lv.ok("obe_lv_get_text_h", handle=message, text=ctypes.byref(handle))
    assert manager.content(handle) == string(TEXT)
    lv.ok("obe_lv_get_json_h", handle=message, pointer=b"/m", text=ctypes.byref(handle))
    assert manager.content(handle) == string(b"[[1, 2, 3], [4, 5, 6]]")
    lv.ok("obe_lv_get_key_h", handle=message, index=5, text=ctypes.byref(handle))
    assert manager.content(handle) == string(b"bad")
    assert lv.run("obe_lv_get_int", handle=message, pointer=b"/x").status == lv.E_TYPE
    lv.ok("obe_lv_last_error_h", handle=message, text=ctypes.byref(handle))
    assert manager.content(handle) == string(lv.text("obe_lv_last_error", handle=message))


def test_arrays(lv: Diagram, message: int, manager: Manager, handle: ctypes.c_void_p) -> None:
    nan = float("nan")
    for pointer, values in ((b"/x", (1.5, nan, -3.0)), (b"/n", ()), (b"/x", (1.5, nan, -3.0))):
        lv.ok("obe_lv_get_doubles_h", handle=message, pointer=pointer, values=ctypes.byref(handle))
        packed = struct.pack(f"={len(values)}d", *values)
        assert manager.content(handle) == doubles(len(values), values=packed)


def test_tables(lv: Diagram, message: int, manager: Manager, handle: ctypes.c_void_p) -> None:
    lv.ok("obe_lv_get_matrix_h", handle=message, pointer=b"/m", values=ctypes.byref(handle))
    assert manager.content(handle) == doubles(2, 3, values=struct.pack("=6d", 1, 2, 3, 4, 5, 6))
    lv.ok("obe_lv_get_matrix_h", handle=message, pointer=b"/n", values=ctypes.byref(handle))
    assert manager.content(handle) == doubles(0, 0, values=b"")


def test_code_page(lv: Diagram, client: int, manager: Manager, handle: ctypes.c_void_p) -> None:
    lv.ok("obe_lv_set_option", handle=client, name=b"codepage", value=b"1252")
    lv.ok("obe_lv_tcmd", handle=client, json=b'"\xb5 \\u2713"', timeout_ms=TIMEOUT_MS)
    lv.ok("obe_lv_get_text_h", handle=client, text=ctypes.byref(handle))
    assert manager.content(handle) == string(b'"\\u00b5 \\u2713"')
    lv.ok("obe_lv_get_json_h", handle=client, text=ctypes.byref(handle))
    assert manager.content(handle) == string(b'"\\u00b5 \\u2713"')
    before = manager.content(handle)
    assert lv.run("obe_lv_get_string_h", handle=client, text=ctypes.byref(handle)).status == lv.E_RANGE
    assert manager.content(handle) == before


def test_failure_does_not_change_the_handle(
    lv: Diagram, message: int, manager: Manager, handle: ctypes.c_void_p
) -> None:
    lv.ok("obe_lv_get_doubles_h", handle=message, pointer=b"/x", values=ctypes.byref(handle))
    before = manager.content(handle)
    reads = {"/none": lv.E_NOT_FOUND, "/s": lv.E_TYPE, "/bad": lv.E_TYPE, "": lv.E_TYPE}
    for function in ("obe_lv_get_doubles_h", "obe_lv_get_matrix_h"):
        for pointer, status in reads.items():
            result = lv.run(function, handle=message, pointer=pointer.encode(), values=ctypes.byref(handle))
            assert result.status == status, (function, pointer)
    manager.error.value = 2
    try:
        result = lv.run("obe_lv_get_doubles_h", handle=message, pointer=b"/n", values=ctypes.byref(handle))
        assert result.status == lv.E_MEMORY
        assert "LabVIEW has no memory left (its error 2)" in lv.last_error(message)
    finally:
        manager.error.value = 0
    assert manager.content(handle) == before


def test_null(lv: Diagram, message: int) -> None:
    for name, terminal, pointer in (
        ("get_string", "text", b"/s"),
        ("get_json", "text", b"/s"),
        ("get_key", "text", b""),
        ("get_doubles", "values", b"/x"),
        ("get_matrix", "values", b"/m"),
    ):
        result = lv.run(f"obe_lv_{name}_h", handle=message, pointer=pointer, **{terminal: None})
        assert result.status == lv.E_ARGUMENT
    for name in ("get_text", "last_error"):
        assert lv.run(f"obe_lv_{name}_h", handle=message, text=None).status == lv.E_ARGUMENT


OTHER_PROGRAM = """
import ctypes, sys
from clfn import Diagram
from conftest import EXTRA, HEADER, LIBRARY
import peer

lv = Diagram(LIBRARY, HEADER, EXTRA)
with peer.Server(answer=lambda body: body) as server:
    h = lv.ok("obe_lv_client_new", port=server.port).handle
    lv.ok("obe_lv_tcmd", handle=h, json=b'{"s": "text", "x": [1], "m": [[1]]}', timeout_ms=20000)
    target = ctypes.c_void_p()
    for name, wires in {
        "get_text_h": {"text": ctypes.byref(target)},
        "last_error_h": {"text": ctypes.byref(target)},
        "get_json_h": {"pointer": b"/s", "text": ctypes.byref(target)},
        "get_key_h": {"text": ctypes.byref(target)},
        "get_string_h": {"pointer": b"/s", "text": ctypes.byref(target)},
        "get_doubles_h": {"pointer": b"/x", "values": ctypes.byref(target)},
        "get_matrix_h": {"pointer": b"/m", "values": ctypes.byref(target)},
    }.items():
        assert lv.run("obe_lv_" + name, handle=h, **wires).status == lv.E_UNSUPPORTED, name
        assert not target
    assert "this program is not LabVIEW" in lv.last_error(h), lv.last_error(h)
    s = lv.ok("obe_lv_server_new").handle
    assert lv.run("obe_lv_notify", handle=s, user_event=1).status == lv.E_UNSUPPORTED
    assert "this program is not LabVIEW" in lv.last_error(s), lv.last_error(s)
lv.close()
"""


def test_other_program() -> None:
    """A program without LabVIEW's memory manager: another process, because this one has the replacement."""
    path = os.pathsep.join([str(Path(__file__).parent), str(ROOT / "test")])
    environment = dict(os.environ, PYTHONPATH=path, OBE_LIBRARY=str(LIBRARY))
    subprocess.run([sys.executable, "-c", OTHER_PROGRAM], check=True, env=environment, timeout=peer.HANGS)


TWO_ENGINES = """
import ctypes, sys
from pathlib import Path
from clfn import Diagram
from conftest import EXTRA, HEADER, LIBRARY
import peer
import test_memory

lv = Diagram(LIBRARY, HEADER, EXTRA)
# Loaded privately, under other names, as a program that uses DLLs of two versions of LabVIEW does.
engines = [test_memory.Manager(Path(path), ctypes.RTLD_LOCAL) for path in sys.argv[1:]]
with peer.Server(answer=lambda body: body) as server:
    h = lv.ok("obe_lv_client_new", port=server.port).handle
    lv.ok("obe_lv_tcmd", handle=h, json=b'{"s": "text", "x": [1]}', timeout_ms=20000)
    strings = [engine.allocate() for engine in engines]
    for _ in range(3):
        for engine, target in zip(engines, strings):
            lv.ok("obe_lv_get_string_h", handle=h, pointer=b"/s", text=ctypes.byref(target))
            assert engine.content(target) == test_memory.string(b"text")
    def refused(target):
        for name, pointer, terminal in (("get_string_h", b"/s", "text"), ("get_doubles_h", b"/x", "values")):
            result = lv.run("obe_lv_" + name, handle=h, pointer=pointer, **{terminal: target})
            assert result.status == lv.E_UNSUPPORTED, name
            assert "several run-time engines" in lv.last_error(h)
    empty = ctypes.c_void_p()
    refused(ctypes.byref(empty))
    assert not empty
    # A handle of none of them, which both deny.
    foreign = engines[0].foreign()
    before = foreign.value
    refused(ctypes.byref(foreign))
    assert foreign.value == before
    s = lv.ok("obe_lv_server_new").handle
    assert lv.run("obe_lv_notify", handle=s, user_event=1).status == lv.E_UNSUPPORTED
    assert "several run-time engines" in lv.last_error(s)
lv.close()
"""


def test_two_engines(tmp_path: Path) -> None:
    """A process with two run-time engines: each handle is resized by its own."""
    engines = [build_manager(tmp_path / name) for name in ("lvrt.so", "other.so")]
    path = os.pathsep.join([str(Path(__file__).parent), str(ROOT / "test")])
    environment = dict(os.environ, PYTHONPATH=path, OBE_LIBRARY=str(LIBRARY))
    subprocess.run([sys.executable, "-c", TWO_ENGINES, *engines], check=True, env=environment, timeout=peer.HANGS)
