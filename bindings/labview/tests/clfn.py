"""A simulation of LabVIEW's Call Library Function Nodes, configured from the headers as the import wizard would.

A `Diagram` calls a function by the names of its terminals. An unwired input is 0 or empty, as in LabVIEW. A buffer has
the minimum size of its terminal and is full of garbage before the call. Guard bytes on both sides are checked after
each call. Consecutive calls run on different threads.
"""

from __future__ import annotations

import ctypes
import itertools
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

GUARD = 64
GARBAGE = 0xA5
THREADS = 3
TIMEOUT_MS = 25_000  # no test waits longer


@dataclass(frozen=True)
class Terminal:
    name: str
    kind: str
    size: str = ""  # of a buffer: the terminal that is its minimum size


# How the wizard configures a parameter, by its C type.
KINDS = {
    "int": "int",
    "double": "double",
    "int *": "int out",
    "double *": "double out",
    "const char *": "text",
    "char []": "text out",
    "double []": "doubles",
}
EXTRA_KINDS = {**KINDS, "void *": "labview handle", "void **": "instance"}
C_TYPES = {
    "int": ctypes.c_int,
    "double": ctypes.c_double,
    "int out": ctypes.POINTER(ctypes.c_int),
    "double out": ctypes.POINTER(ctypes.c_double),
    "text": ctypes.c_char_p,
    "text out": ctypes.c_void_p,
    "doubles in": ctypes.c_void_p,
    "doubles out": ctypes.c_void_p,
    "labview handle": ctypes.c_void_p,
    "instance": ctypes.POINTER(ctypes.c_void_p),
}


class Header:
    """The declarations of a header: the terminals of its functions, and its constants."""

    def __init__(self, path: Path, kinds: dict[str, str]) -> None:
        text = re.sub(r"/\*.*?\*/", "", path.read_text("ascii"), flags=re.DOTALL)
        self.constants = {
            name: int(value) for name, value in re.findall(r"^#define (OBE_\w+)\s+\(?(-?\d+)\)?", text, re.MULTILINE)
        }
        self.functions = {
            name: list(self._terminals(parameters, kinds))
            for name, parameters in re.findall(r"^int (obe_lv_\w+)\(([^)]*)\);", text, re.MULTILINE)
        }

    @staticmethod
    def _terminals(parameters: str, kinds: dict[str, str]) -> Iterator[Terminal]:
        if parameters.strip() == "void":
            return
        parsed = []
        for parameter in parameters.split(","):
            match = re.fullmatch(r"\s*((?:const )?(?:int|double|char|void)(?: \*\*?)?) ?(\w+)(\[\])?\s*", parameter)
            assert match, f"the wizard cannot read this parameter: {parameter!r}"
            kind, name, array = match.groups()
            parsed.append((kinds[f"{kind} []" if array else kind], name))
        for (kind, name), (_, after) in itertools.zip_longest(parsed, parsed[1:], fillvalue=("", "")):
            if kind == "text out":
                yield Terminal(name, kind, f"{name}_cap")
            elif kind == "doubles":
                out = after == f"{name}_cap"
                yield Terminal(name, "doubles out" if out else "doubles in", f"{name}_cap" if out else "")
            else:
                yield Terminal(name, kind)


class Buffer:
    """Memory for an output, with guard bytes on both sides."""

    def __init__(self, size: int) -> None:
        self._memory = ctypes.create_string_buffer(bytes([GARBAGE]) * (size + 2 * GUARD), size + 2 * GUARD)
        self._size = size
        self.address = ctypes.addressof(self._memory) + GUARD

    def bytes(self) -> bytes:
        """The content. Checks the guard bytes."""
        guard = bytes([GARBAGE]) * GUARD
        raw = self._memory.raw
        assert raw[:GUARD] == guard, "written before the buffer"
        assert raw[GUARD + self._size :] == guard, "written after the buffer"
        return raw[GUARD : GUARD + self._size]

    def untouched(self) -> bool:
        return self.bytes() == bytes([GARBAGE]) * self._size


class Null:
    """The type of NULL."""


NULL = Null()


class Result:
    """The result of a node: its status, and its outputs as attributes."""

    def __init__(self, call: str, handle: int, status: int, outputs: dict[str, Any]) -> None:
        self.call = call
        self.handle_in = handle
        self.status = status
        self.outputs = outputs

    def __getattr__(self, name: str) -> Any:
        try:
            return self.outputs[name]
        except KeyError:
            raise AttributeError(f"{self.call} has no output {name}") from None

    def buffer(self, name: str) -> Buffer:
        found = self.outputs[f"{name} buffer"]
        assert isinstance(found, Buffer)
        return found


class NodeError(AssertionError):
    """A node returned a status other than 0."""


class Diagram:
    def __init__(self, library: Path, *headers: Header) -> None:
        self._library = ctypes.CDLL(str(library))
        self.functions = {name: terminals for h in headers for name, terminals in h.functions.items()}
        self.constants = {name: value for h in headers for name, value in h.constants.items()}
        self._names = {value: name for name, value in self.constants.items() if name.startswith("OBE_E_")}
        self._threads = [ThreadPoolExecutor(1, f"labview {i}") for i in range(THREADS)]
        self._next_thread = itertools.cycle(self._threads)
        self.called: list[tuple[str, int]] = []  # functions and native thread ids
        for name, terminals in self.functions.items():
            function = getattr(self._library, name)
            function.restype = ctypes.c_int
            function.argtypes = [C_TYPES[t.kind] for t in terminals]

    def close(self) -> None:
        self.run("obe_lv_free_all")
        for thread in self._threads:
            thread.shutdown()

    def __getattr__(self, name: str) -> int:
        """A constant of the header, by its name without OBE_."""
        try:
            return self.constants[f"OBE_{name}"]
        except KeyError:
            raise AttributeError(name) from None

    def run(self, name: str, /, **wires: Any) -> Result:
        """Run a node, which may fail, on the next thread."""
        return next(self._next_thread).submit(self.here, name, **wires).result(2 * TIMEOUT_MS / 1000)

    def ok(self, name: str, /, **wires: Any) -> Result:
        """Run a node that must succeed."""
        result = self.run(name, **wires)
        if result.status:
            self.fail(result)
        return result

    def fail(self, result: Result) -> NoReturn:
        name = self._names.get(result.status, str(result.status))
        raise NodeError(f"{result.call}: {name}: {self.last_error(result.handle_in)!r}")

    def text(self, name: str, /, terminal: str = "text", **wires: Any) -> bytes:
        """A text as a VI reads it: it queries the size, then reads the text."""
        size = self.ok(name, **wires).outputs[f"{terminal}_size"]
        result = self.ok(name, **wires, **{f"{terminal}_cap": size})
        found = result.outputs[terminal]
        assert isinstance(found, bytes)
        return found

    def last_error(self, handle: int) -> str:
        return self.text("obe_lv_last_error", handle=handle).decode("utf-8", "replace")

    def here(self, name: str, /, **wires: Any) -> Result:
        """Run a node on the calling thread."""
        terminals = self.functions[name]
        unknown = wires.keys() - {t.name for t in terminals}
        assert not unknown, f"{name} has no terminal {unknown}"
        arguments: list[Any] = []
        memory: dict[str, Any] = {}
        for t in terminals:
            value, keep = argument(t, wires)
            arguments.append(value)
            memory[t.name] = keep
        self.called.append((name, threading.get_native_id()))
        status: int = getattr(self._library, name)(*arguments)
        return Result(name, wires.get("handle") or 0, status, dict(outputs(terminals, memory)))


def argument(t: Terminal, wires: dict[str, Any]) -> tuple[Any, Any]:
    """The argument of a terminal, and the object that owns its memory."""
    wired = wires.get(t.name)
    if wired is NULL:
        return None, None
    if t.kind == "int":
        return wired or 0, None
    if t.kind == "double":
        return wired or 0.0, None
    if t.kind == "text":
        return wired or b"", None
    if t.kind in ("int out", "double out"):
        number = (ctypes.c_int if t.kind == "int out" else ctypes.c_double)(GARBAGE)
        return ctypes.byref(number), number
    if t.kind == "doubles in":
        array = (ctypes.c_double * len(wired or ()))(*(wired or ()))
        return ctypes.addressof(array), array
    if t.kind in ("text out", "doubles out"):
        size = max(wires.get(t.size, 0), 0) * (8 if t.kind == "doubles out" else 1)
        buffer = Buffer(size)
        return buffer.address, buffer
    return wired, None  # a handle or instance data: the test owns the memory


def outputs(terminals: list[Terminal], memory: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for t in terminals:
        output = memory[t.name]
        if t.kind in ("int out", "double out") and output is not None:
            yield t.name, output.value
        elif isinstance(output, Buffer):
            raw = output.bytes()
            yield f"{t.name} buffer", output
            if t.kind == "text out":
                yield t.name, raw.split(b"\0")[0]  # LabVIEW reads to the first NUL
            else:
                yield t.name, list((ctypes.c_double * (len(raw) // 8)).from_buffer_copy(raw))


class Blocked:
    """A call on a separate thread. The constructor returns when it blocks."""

    STILL = 12  # checks, one millisecond apart, of a thread that does not wake

    def __init__(self, lv: Diagram, name: str, /, **wires: Any) -> None:
        self.returned: float | None = None
        self.status: int | None = None
        self._thread = threading.Thread(target=self._run, args=(lv, name, wires), daemon=True)
        self._thread.start()
        self._wait()

    def _run(self, lv: Diagram, name: str, wires: dict[str, Any]) -> None:
        status = lv.here(name, **wires).status
        self.returned = time.monotonic()
        self.status = status

    def _wait(self) -> None:
        limit = time.monotonic() + TIMEOUT_MS / 1000
        still, before = 0, None
        while still < self.STILL and self._thread.is_alive():
            assert time.monotonic() < limit, "the call does not block"
            now = self._sleeps()
            still = still + 1 if now is not None and now == before else 0
            before = now
            time.sleep(0.001)

    def _sleeps(self) -> int | None:
        """How often the thread has slept; None while it is awake."""
        try:
            state = Path(f"/proc/self/task/{self._thread.native_id}/status").read_text()
        except OSError:
            return None
        times = state.split("voluntary_ctxt_switches:")[1].split()[0]
        return int(times) if "State:\tS" in state else None

    def blocked(self) -> bool:
        """Whether the call is still in flight after a while."""
        self._wait()
        return self._thread.is_alive()

    def join(self) -> int:
        self._thread.join(TIMEOUT_MS / 1000)
        assert self.status is not None, "the call does not return"
        return self.status
