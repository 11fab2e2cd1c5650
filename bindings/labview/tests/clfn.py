"""A stand-in for LabVIEW's Call Library Function Nodes, made from the headers as its import wizard would.

A `Diagram` calls a function by its terminals' names. An unwired input is 0 or empty, as in LabVIEW. A buffer is as
large as its minimum size says, has guard bytes on both sides, which are looked at after each call, and is full of
garbage before. Consecutive calls run on different threads of the system.
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
PATIENCE = 20_000  # ms: what takes longer never comes


@dataclass(frozen=True)
class Terminal:
    name: str
    kind: str
    size: str = ""  # the terminal that a buffer's minimum size names


# What the wizard makes of a parameter, by its spelling.
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
    """What a header declares: its functions' terminals and its constants."""

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
        spelled = []
        for parameter in parameters.split(","):
            match = re.fullmatch(r"\s*((?:const )?(?:int|double|char|void)(?: \*\*?)?) ?(\w+)(\[\])?\s*", parameter)
            assert match, f"not a parameter that the wizard takes: {parameter!r}"
            kind, name, array = match.groups()
            spelled.append((kinds[f"{kind} []" if array else kind], name))
        for (kind, name), (_, after) in itertools.zip_longest(spelled, spelled[1:], fillvalue=("", "")):
            if kind == "text out":
                yield Terminal(name, kind, f"{name}_cap")
            elif kind == "doubles":
                out = after == f"{name}_cap"
                yield Terminal(name, "doubles out" if out else "doubles in", f"{name}_cap" if out else "")
            else:
                yield Terminal(name, kind)


class Buffer:
    """Memory for an output, with guards on both sides."""

    def __init__(self, size: int) -> None:
        self._memory = ctypes.create_string_buffer(bytes([GARBAGE]) * (size + 2 * GUARD), size + 2 * GUARD)
        self._size = size
        self.address = ctypes.addressof(self._memory) + GUARD

    def bytes(self) -> bytes:
        """What is in it; the guards must be whole."""
        guard = bytes([GARBAGE]) * GUARD
        raw = self._memory.raw
        assert raw[:GUARD] == guard, "written in front of the buffer"
        assert raw[GUARD + self._size :] == guard, "written behind the buffer"
        return raw[GUARD : GUARD + self._size]

    def untouched(self) -> bool:
        return self.bytes() == bytes([GARBAGE]) * self._size


class Null:
    """An output that is not there: NULL."""


NULL = Null()


class Result:
    """What a node gives: its status, and its outputs as attributes."""

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
    """A node whose status is not 0."""


class Diagram:
    def __init__(self, library: Path, *headers: Header) -> None:
        self._library = ctypes.CDLL(str(library))
        self.functions = {name: terminals for h in headers for name, terminals in h.functions.items()}
        self.constants = {name: value for h in headers for name, value in h.constants.items()}
        self._names = {value: name for name, value in self.constants.items() if name.startswith("OBE_E_")}
        self._threads = [ThreadPoolExecutor(1, f"labview {i}") for i in range(THREADS)]
        self._turns = itertools.cycle(self._threads)
        self.called: list[tuple[str, int]] = []  # functions, and the system's number of the thread
        for name, terminals in self.functions.items():
            function = getattr(self._library, name)
            function.restype = ctypes.c_int
            function.argtypes = [C_TYPES[t.kind] for t in terminals]

    def close(self) -> None:
        self.run("obe_lv_free_all")
        for thread in self._threads:
            thread.shutdown()

    def __getattr__(self, name: str) -> int:
        """A constant of the header, without its OBE_."""
        try:
            return self.constants[f"OBE_{name}"]
        except KeyError:
            raise AttributeError(name) from None

    def run(self, name: str, /, **wires: Any) -> Result:
        """A node that may fail, on the next thread."""
        return next(self._turns).submit(self.here, name, **wires).result(2 * PATIENCE / 1000)

    def ok(self, name: str, /, **wires: Any) -> Result:
        """A node that succeeds."""
        result = self.run(name, **wires)
        if result.status:
            self.fail(result)
        return result

    def fail(self, result: Result) -> NoReturn:
        name = self._names.get(result.status, str(result.status))
        raise NodeError(f"{result.call}: {name}: {self.sentence(result.handle_in)!r}")

    def text(self, name: str, /, terminal: str = "text", **wires: Any) -> bytes:
        """A text as a VI gets it: the size is asked for, then the text."""
        size = self.ok(name, **wires).outputs[f"{terminal}_size"]
        result = self.ok(name, **wires, **{f"{terminal}_cap": size})
        found = result.outputs[terminal]
        assert isinstance(found, bytes)
        return found

    def sentence(self, handle: int) -> str:
        return self.text("obe_lv_last_error", handle=handle).decode("utf-8", "replace")

    def here(self, name: str, /, **wires: Any) -> Result:
        """A node on the calling thread."""
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
    """What a terminal passes to the function, and the memory behind it."""
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
    return wired, None  # a handle or instance data: the test has the memory


def outputs(terminals: list[Terminal], memory: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for t in terminals:
        kept = memory[t.name]
        if t.kind in ("int out", "double out") and kept is not None:
            yield t.name, kept.value
        elif isinstance(kept, Buffer):
            raw = kept.bytes()
            yield f"{t.name} buffer", kept
            if t.kind == "text out":
                yield t.name, raw.split(b"\0")[0]  # LabVIEW reads to the first NUL
            else:
                yield t.name, list((ctypes.c_double * (len(raw) // 8)).from_buffer_copy(raw))


class Blocked:
    """A call on a thread of its own, which is seen to block."""

    STILL = 12  # looks, a millisecond apart, at a thread that does not wake

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
        limit = time.monotonic() + PATIENCE / 1000
        still, before = 0, None
        while still < self.STILL and self._thread.is_alive():
            assert time.monotonic() < limit, "the call does not come to rest"
            now = self._sleeps()
            still = still + 1 if now is not None and now == before else 0
            before = now
            time.sleep(0.001)

    def _sleeps(self) -> int | None:
        """How often the thread has gone to sleep; None while it is awake."""
        try:
            state = Path(f"/proc/self/task/{self._thread.native_id}/status").read_text()
        except OSError:
            return None
        times = state.split("voluntary_ctxt_switches:")[1].split()[0]
        return int(times) if "State:\tS" in state else None

    def blocked(self) -> bool:
        """Whether the call is still in flight, some time later."""
        self._wait()
        return self._thread.is_alive()

    def join(self) -> int:
        self._thread.join(PATIENCE / 1000)
        assert self.status is not None, "the call does not end"
        return self.status
