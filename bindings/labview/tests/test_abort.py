"""The callbacks of a node, Reserve, Unreserve and Abort, with a slot for instance data as LabVIEW passes it."""

from __future__ import annotations

import ctypes
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import peer
from clfn import TIMEOUT_MS, Blocked, Diagram
from conftest import EXTRA, HEADER

PROMPT = 0.050  # s: the median time for a call to return after an abort, if this machine is not late
ROUNDS = 15


class Slot:
    """The slot for instance data of one node, and LabVIEW's calls with it."""

    def __init__(self, lv: Diagram, content: int = 0) -> None:
        self._lv = lv
        self._memory = ctypes.c_void_p(content)

    @property
    def data(self) -> Any:
        return ctypes.byref(self._memory)

    @property
    def content(self) -> int:
        return self._memory.value or 0

    def callback(self, name: str) -> None:
        self._lv.ok(f"obe_lv_{name}", instance=self.data)


@pytest.fixture
def node(lv: Diagram) -> Iterator[Slot]:
    slot = Slot(lv)
    slot.callback("reserve")
    yield slot
    slot.callback("unreserve")


def test_every_blocking_call_is_abortable() -> None:
    """Each function with a timeout, and each that creates a handle, exists with instance data too."""
    for name, terminals in HEADER.functions.items():
        kinds = [(t.name, t.kind) for t in terminals]
        if ("timeout_ms", "int") in kinds or ("handle", "int out") in kinds:
            abortable = [(t.name, t.kind) for t in EXTRA.functions[f"{name}_i"]]
            assert abortable == [*kinds, ("instance", "instance")], name


def blocking(handle: int) -> dict[str, dict[str, Any]]:
    """Every call that waits for a reply, with its inputs."""
    array = {"x": [1.0], "x_count": 1, "y": [1.0], "y_count": 1, "s": [1.0], "s_count": 1}
    wires: dict[str, dict[str, Any]] = {
        name: {"handle": handle, "timeout_ms": -1}
        for name, terminals in EXTRA.functions.items()
        if name.endswith("_i") and any(t.name == "timeout_ms" for t in terminals)
    }
    wires["obe_lv_tcmd_i"]["json"] = b"1"
    wires["obe_lv_newdat_i"].update(array)
    # These return when the system has buffered the message.
    del wires["obe_lv_send_i"], wires["obe_lv_send_message_i"], wires["obe_lv_goodset_ask_i"]
    return wires


def test_abort_ends_every_call(lv: Diagram, waiting: int, node: Slot) -> None:
    lv.ok("obe_lv_command_new", handle=waiting, command=b"c")
    for name, wires in blocking(waiting).items():
        if name == "obe_lv_receive_i":
            lv.ok("obe_lv_send", handle=waiting, json=b"1", timeout_ms=TIMEOUT_MS)
        if name == "obe_lv_goodset_fetch_i":
            lv.ok("obe_lv_goodset_ask", handle=waiting, timeout_ms=TIMEOUT_MS)
        call = Blocked(lv, name, **wires, instance=node.data)
        node.callback("abort")
        assert call.join() == lv.E_CANCELLED, name


def test_abort_ends_a_send(lv: Diagram, node: Slot) -> None:
    """To a server that never reads, with more data than the system buffers."""
    server = lv.ok("obe_lv_server_new", port=0).handle
    h = lv.ok("obe_lv_client_new", port=lv.ok("obe_lv_port", handle=server).port).handle
    text = b'"' + b"x" * 20_000_000 + b'"'
    call = Blocked(lv, "obe_lv_send_i", handle=h, json=text, timeout_ms=-1, instance=node.data)
    node.callback("abort")
    assert call.join() == lv.E_CANCELLED
    lv.ok("obe_lv_command_new", handle=h, command=b"c")
    lv.ok("obe_lv_set_json", handle=h, key=b"big", json=text)
    call = Blocked(lv, "obe_lv_send_message_i", handle=h, timeout_ms=-1, instance=node.data)
    node.callback("abort")
    assert call.join() == lv.E_CANCELLED
    for handle in (h, server):
        lv.ok("obe_lv_free", handle=handle)


def test_abort_wakes_promptly(lv: Diagram, waiting: int, node: Slot) -> None:
    """The call returns within the bound, and Abort itself does not wait for it.

    On a busy machine the thread that was woken waits for a CPU. Therefore the bound applies to the median of many
    rounds, and grows by what Python's own threads need to wake each other. No round may take as long as a call that was
    not woken.
    """
    took, abort, late = [], [], []
    for _ in range(ROUNDS):
        late.append(lateness())
        call = Blocked(lv, "obe_lv_tcmd_i", handle=waiting, json=b"1", timeout_ms=-1, instance=node.data)
        began = time.monotonic()
        assert lv.here("obe_lv_abort", instance=node.data).status == 0
        abort.append(time.monotonic() - began)
        assert call.join() == lv.E_CANCELLED
        assert call.returned is not None
        took.append(call.returned - began)
    prompt = PROMPT + 2 * statistics.median(late)
    assert statistics.median(took) < prompt, took
    assert statistics.median(abort) < prompt, abort
    assert max(took) < peer.SOON, took


def lateness() -> float:
    """How long this machine now takes to wake a thread."""
    begin, woken = threading.Event(), []
    thread = threading.Thread(target=lambda: begin.wait() and woken.append(time.monotonic()))
    thread.start()
    began = time.monotonic()
    begin.set()
    thread.join()
    return woken[0] - began


def test_abort_before_the_call_blocks(lv: Diagram, waiting: int, node: Slot) -> None:
    """The abort may reach the call at any point before it blocks, or come before the call and be repeated. LabVIEW
    aborts only calls in progress."""
    for _ in range(200):
        status: list[int] = []
        wires = {"handle": waiting, "json": b"1", "timeout_ms": -1, "instance": node.data}
        thread = threading.Thread(target=lambda w=wires, s=status: s.append(lv.here("obe_lv_tcmd_i", **w).status))
        thread.start()
        limit = time.monotonic() + TIMEOUT_MS / 1000
        while thread.is_alive():
            assert time.monotonic() < limit
            assert lv.here("obe_lv_abort", instance=node.data).status == 0
        thread.join()
        assert status == [lv.E_CANCELLED]


def test_created_while_the_program_stops(lv: Diagram) -> None:
    """A handle that a node creates during its Unreserve is freed too."""
    node = Slot(lv)
    created: list[int] = []
    enough = threading.Event()

    def create() -> None:
        while not enough.is_set():
            result = lv.here("obe_lv_client_new_i", port=1, instance=node.data)
            assert result.status in (0, lv.E_CANCELLED)
            created.append(result.handle)

    threads = [threading.Thread(target=create) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(2000):
        assert lv.here("obe_lv_unreserve", instance=node.data).status == 0
    enough.set()
    for thread in threads:
        thread.join()
    node.callback("unreserve")
    left = [h for h in created if h and lv.here("obe_lv_cancel", handle=h).status != lv.E_HANDLE]
    assert left == []
    assert any(created)


def test_abort_is_for_one_node(lv: Diagram, silent: int, waiting: int, node: Slot) -> None:
    other = Slot(lv)
    other.callback("reserve")
    assert other.content != node.content
    elsewhere = lv.ok("obe_lv_client_new", port=silent).handle
    call = Blocked(lv, "obe_lv_tcmd_i", handle=waiting, json=b"1", timeout_ms=-1, instance=node.data)
    bystander = Blocked(lv, "obe_lv_tcmd", handle=elsewhere, json=b"1", timeout_ms=-1)
    other.callback("abort")
    assert call.blocked()
    node.callback("abort")
    assert call.join() == lv.E_CANCELLED
    assert bystander.blocked()
    lv.ok("obe_lv_free", handle=elsewhere)
    assert bystander.join() == lv.E_CLOSED
    other.callback("unreserve")


def test_abort_spares_later_calls(lv: Diagram, client: int, node: Slot) -> None:
    node.callback("abort")
    node.callback("abort")
    assert lv.ok("obe_lv_tcmd_i", handle=client, json=b"[1]", timeout_ms=TIMEOUT_MS, instance=node.data).reply_size == 4


def test_unreserve_frees_the_handles_of_the_node(lv: Diagram, silent: int) -> None:
    mine, other = Slot(lv), Slot(lv)
    mine.callback("reserve")
    other.callback("reserve")
    handles = [lv.ok("obe_lv_client_new_i", port=silent, instance=mine.data).handle for _ in range(3)]
    handles.append(lv.ok("obe_lv_server_new_i", port=0, instance=mine.data).handle)
    port = lv.ok("obe_lv_port", handle=handles[-1]).port
    others = [
        lv.ok("obe_lv_client_new_i", port=silent, instance=other.data).handle,
        lv.ok("obe_lv_client_new", port=silent).handle,
    ]
    lv.ok("obe_lv_free", handle=handles.pop(0))
    call = Blocked(lv, "obe_lv_tcmd", handle=handles[0], json=b"1", timeout_ms=-1)
    mine.callback("unreserve")
    assert call.join() == lv.E_CLOSED
    assert mine.content == 0
    for handle in handles:
        assert lv.run("obe_lv_free", handle=handle).status == lv.E_HANDLE
    again = lv.ok("obe_lv_server_new", port=port).handle  # the next run of the program can use the port
    for handle in [*others, again]:
        lv.ok("obe_lv_free", handle=handle)
    other.callback("unreserve")


def test_unreserve_ends_the_call_in_flight(lv: Diagram, waiting: int) -> None:
    node = Slot(lv)
    node.callback("reserve")
    call = Blocked(lv, "obe_lv_tcmd_i", handle=waiting, json=b"1", timeout_ms=-1, instance=node.data)
    node.callback("unreserve")
    assert call.join() == lv.E_CANCELLED


def test_node_without_reserve(lv: Diagram, waiting: int) -> None:
    """The initial content of the slot is never used as an address or mistaken for another node."""
    reserved = Slot(lv)
    reserved.callback("reserve")
    for content in (0, 1, 4095, id(reserved), 2**63 + 1, 2**32 + reserved.content, 2**64 - 1):
        node = Slot(lv, content)
        node.callback("abort")
        call = Blocked(lv, "obe_lv_tcmd_i", handle=waiting, json=b"1", timeout_ms=-1, instance=node.data)
        assert node.content not in (0, content, reserved.content)
        reserved.callback("abort")
        assert call.blocked()
        node.callback("abort")
        assert call.join() == lv.E_CANCELLED
        node.callback("unreserve")
        node.callback("unreserve")
    reserved.callback("unreserve")


def test_reserve_twice_is_one_node(lv: Diagram) -> None:
    node = Slot(lv)
    node.callback("reserve")
    content = node.content
    node.callback("reserve")
    assert node.content == content
    node.callback("unreserve")


def test_without_a_slot(lv: Diagram, client: int) -> None:
    for name in ("reserve", "unreserve", "abort"):
        assert lv.run(f"obe_lv_{name}").status == lv.E_ARGUMENT
    assert lv.ok("obe_lv_tcmd_i", handle=client, json=b"[1]", timeout_ms=TIMEOUT_MS).reply_size == 4


def test_eight_threads_through_one_node(lv: Diagram, silent: int) -> None:
    node = Slot(lv)
    handles = [lv.ok("obe_lv_client_new", port=silent).handle for _ in range(8)]
    calls = [Blocked(lv, "obe_lv_tcmd_i", handle=h, json=b"1", timeout_ms=-1, instance=node.data) for h in handles]
    node.callback("abort")
    assert [call.join() for call in calls] == [lv.E_CANCELLED] * 8
    for handle in handles:
        lv.ok("obe_lv_free", handle=handle)
    node.callback("unreserve")
