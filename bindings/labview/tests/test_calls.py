"""Invalid arguments of every function of the headers: handles, NULL, numbers, and every size of buffer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import peer
from clfn import NULL, TIMEOUT_MS, Buffer, Diagram, Result, Terminal
from conftest import EXTRA, HEADER, LISTS, REPLIES, TABLES

FUNCTIONS = {**HEADER.functions, **EXTRA.functions}
MESSAGE = {"command": "none", "n": 5, "b": True, "s": "text", "x": [1.5, 2.5], "m": [[1, 2], [3, 4]]}


def terminals_of_kind(*kinds: str) -> list[tuple[str, Terminal]]:
    return [(name, t) for name, terminals in FUNCTIONS.items() for t in terminals if t.kind in kinds]


def label(value: object) -> str:
    return value.name if isinstance(value, Terminal) else str(value)


def takes_handle(name: str) -> bool:
    return any(t.name == "handle" and t.kind == "int" for t in FUNCTIONS[name])


def valid_inputs(name: str, handle: int) -> dict[str, Any]:
    """Inputs with which a call on a client that holds a message succeeds."""
    wires: dict[str, Any] = {}
    pointers = {"doubles": b"/x", "double": b"/n", "int": b"/n", "bool": b"/b", "string": b"/s", "matrix": b"/m"}
    for t in FUNCTIONS[name]:
        if t.name == "handle" and t.kind == "int":
            wires["handle"] = handle
        elif t.name == "port" and t.kind == "int":
            wires["port"] = 61981 if "client" in name else 0
        elif t.name == "timeout_ms":
            wires["timeout_ms"] = TIMEOUT_MS
        elif t.name == "pointer":
            wires["pointer"] = next((p for part, p in pointers.items() if part in name), b"")
        elif t.name in ("json", "command"):
            wires[t.name] = json.dumps(MESSAGE).encode() if "set" not in name else b"[1]"
        elif t.kind == "text" and name in ("obe_lv_set_option", "obe_lv_get_option"):
            wires[t.name] = b"persistent" if t.name == "name" else b"1"
        elif t.kind == "text" and t.name in ("key", "text"):
            wires[t.name] = b"k"
        elif t.name.endswith("_cap"):
            wires[t.name] = 1024
        elif t.kind == "doubles in":
            wires[t.name] = [1.0, 2.0, 3.0, 4.0]
        elif t.kind == "int" and t.name.endswith("_count"):
            wires[t.name] = 4
        elif t.kind == "int" and t.name in ("rows", "cols"):
            wires[t.name] = 2
    return wires


def ask_if_fetched(lv: Diagram, name: str, handle: int) -> None:
    """The question whose reply a function fetches."""
    if "fetch" in name:
        lv.ok("obe_lv_goodset_ask", handle=handle, pickiness=4.0, timeout_ms=TIMEOUT_MS)


def is_zero(result: Result) -> bool:
    """Whether all outputs are as after a failure."""
    return all(
        value.untouched() if isinstance(value, Buffer) else value == 0
        for name, value in result.outputs.items()
        if isinstance(value, (int, float, Buffer))
    )


@pytest.fixture
def ready(lv: Diagram, client: int) -> int:
    """A client with a message and a command, on which every call with `valid_inputs` succeeds."""
    lv.ok("obe_lv_tcmd", handle=client, json=json.dumps(MESSAGE).encode(), timeout_ms=TIMEOUT_MS)
    lv.ok("obe_lv_command_new", handle=client, command=b"none")
    return client


# -- handles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if takes_handle(name)])
def test_invalid_handles(lv: Diagram, ready: int, name: str) -> None:
    closed = lv.ok("obe_lv_client_new", port=61981).handle
    lv.ok("obe_lv_free", handle=closed)
    wrong = [1, -1, 61981, 2**31 - 1, -(2**31), ready + 10_000, -ready, closed]
    if name not in ("obe_lv_free", "obe_lv_last_error", "obe_lv_last_error_h"):  # for which 0 is right
        wrong.append(0)
    for handle in wrong:
        result = lv.run(name, **valid_inputs(name, handle))
        assert result.status == lv.E_HANDLE, handle
        assert is_zero(result)
    result = lv.run("obe_lv_get_int", handle=ready, pointer=b"/n")
    assert (result.status, result.value) == (0, 5), "the live handle was changed"


def test_handle_numbers_are_never_used_again(lv: Diagram) -> None:
    seen = set()
    for _ in range(10_000):
        handle = lv.here("obe_lv_client_new", port=61981).handle
        assert handle > 0
        assert handle not in seen
        seen.add(handle)
        assert lv.here("obe_lv_free", handle=handle).status == 0
    assert lv.run("obe_lv_free", handle=min(seen)).status == lv.E_HANDLE


def test_free(lv: Diagram) -> None:
    handle = lv.ok("obe_lv_client_new", port=61981).handle
    lv.ok("obe_lv_free", handle=handle)
    assert lv.run("obe_lv_free", handle=handle).status == lv.E_HANDLE
    assert f"free: invalid handle: {handle} was freed, or is not a handle" in lv.last_error(0)
    lv.ok("obe_lv_free", handle=0)


def test_free_all(lv: Diagram) -> None:
    handles = [lv.ok("obe_lv_client_new", port=61981).handle for _ in range(20)]
    server = lv.ok("obe_lv_server_new", port=0).handle
    port = lv.ok("obe_lv_port", handle=server).port
    lv.ok("obe_lv_free_all")
    for handle in [*handles, server]:
        assert lv.run("obe_lv_free", handle=handle).status == lv.E_HANDLE
    again = lv.ok("obe_lv_server_new", port=port).handle  # the port is free immediately
    lv.ok("obe_lv_free", handle=again)
    lv.ok("obe_lv_free_all")


@pytest.mark.parametrize(
    "name", ["tcmd", "wait_ready", "tcmd_message", "ready", "optset", "getcov", "newdat", "newrun"]
)
def test_only_for_clients(lv: Diagram, name: str) -> None:
    server = lv.ok("obe_lv_server_new", port=0).handle
    lv.ok("obe_lv_command_new", handle=server, command=b"x")
    result = lv.run(f"obe_lv_{name}", **valid_inputs(f"obe_lv_{name}", server))
    assert result.status == lv.E_STATE
    assert is_zero(result)
    assert "not for a server" in lv.last_error(server)
    lv.ok("obe_lv_free", handle=server)


def test_only_for_servers(lv: Diagram, client: int) -> None:
    assert lv.run("obe_lv_port", handle=client).status == lv.E_STATE
    assert "not for a client" in lv.last_error(client)


# -- arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "terminal"), terminals_of_kind("int out", "double out"), ids=label)
def test_address_of_a_number_may_be_null(lv: Diagram, ready: int, name: str, terminal: Terminal) -> None:
    wires = valid_inputs(name, ready)
    ask_if_fetched(lv, name, ready)
    result = lv.run(name, **{**wires, terminal.name: NULL})
    if terminal.name == "handle":
        assert result.status == lv.E_ARGUMENT
        assert "handle is NULL" in lv.last_error(0)
    elif name == "obe_lv_port":
        assert result.status == lv.E_STATE  # it is a client
    elif "receive" in name:
        assert result.status == lv.E_STATE  # there is no connection
    else:
        assert result.status == 0, lv.last_error(ready)


@pytest.mark.parametrize(("name", "terminal"), terminals_of_kind("text out", "doubles out"), ids=label)
def test_buffer_may_be_null_with_capacity_0_only(lv: Diagram, ready: int, name: str, terminal: Terminal) -> None:
    wires = valid_inputs(name, ready)
    ask_if_fetched(lv, name, ready)
    result = lv.run(name, **{**wires, terminal.name: NULL})
    assert result.status == lv.E_ARGUMENT
    assert is_zero(result)
    if name != "obe_lv_last_error":
        error = lv.last_error(0 if name == "obe_lv_strerror" else ready)
        assert f"{terminal.name} is NULL, and {terminal.size} is 1024" in error
    result = lv.run(name, **{**wires, terminal.name: NULL, terminal.size: 0})
    assert result.status == 0, lv.last_error(ready)


@pytest.mark.parametrize(("name", "terminal"), terminals_of_kind("text"), ids=label)
def test_text_may_be_null(lv: Diagram, ready: int, name: str, terminal: Terminal) -> None:
    """LabVIEW may pass NULL for an empty string."""
    wires = {**valid_inputs(name, ready), "timeout_ms": TIMEOUT_MS}
    if "timeout_ms" not in {t.name for t in FUNCTIONS[name]}:
        del wires["timeout_ms"]
    empty, null = (lv.run(name, **{**wires, terminal.name: what}) for what in (b"", NULL))
    assert null.status == empty.status
    for handle in (empty, null):
        if "handle" in handle.outputs:
            lv.ok("obe_lv_free", handle=handle.handle)


@pytest.mark.parametrize(("name", "terminal"), terminals_of_kind("doubles in"), ids=label)
def test_input_array_is_null(lv: Diagram, ready: int, name: str, terminal: Terminal) -> None:
    result = lv.run(name, **{**valid_inputs(name, ready), terminal.name: NULL})
    assert result.status == lv.E_ARGUMENT
    assert f"{terminal.name} is NULL" in lv.last_error(ready)


def counts() -> list[tuple[str, str]]:
    found = [(name, t.name) for name, t in terminals_of_kind("int")]
    return [(name, t) for name, t in found if t.endswith(("_cap", "_count")) or t in ("rows", "cols")]


@pytest.mark.parametrize(("name", "terminal"), counts())
@pytest.mark.parametrize("count", [-1, -(2**31)])
def test_negative_count(lv: Diagram, ready: int, server: peer.Server, name: str, terminal: str, count: int) -> None:
    before = len(server.requests)
    result = lv.run(name, **{**valid_inputs(name, ready), terminal: count})
    assert result.status == lv.E_ARGUMENT
    assert is_zero(result)
    if name != "obe_lv_last_error":  # whose own failure does not replace the message that it returns
        assert f"{terminal} is negative" in lv.last_error(0 if name == "obe_lv_strerror" else ready)
    assert len(server.requests) == before, "a command was sent"


@pytest.mark.parametrize("name", [name for name, t in terminals_of_kind("int") if t.name == "timeout_ms"])
def test_invalid_timeout(lv: Diagram, ready: int, server: peer.Server, name: str) -> None:
    before = len(server.requests)
    for timeout in (-3, -(2**31)):
        result = lv.run(name, **{**valid_inputs(name, ready), "timeout_ms": timeout})
        assert result.status == lv.E_ARGUMENT
        assert "timeout_ms is" in lv.last_error(ready)
    assert len(server.requests) == before


def test_newdat_needs_numbers(lv: Diagram, client: int, server: peer.Server) -> None:
    for empty in ("x_count", "y_count", "s_count"):
        wires = {**valid_inputs("obe_lv_newdat", client), empty: 0}
        assert lv.run("obe_lv_newdat", **wires).status == lv.E_ARGUMENT
        assert f"{empty} is 0" in lv.last_error(client)
    assert server.requests == []


def test_matrix_larger_than_memory(lv: Diagram, ready: int) -> None:
    wires = {**valid_inputs("obe_lv_set_matrix", ready), "rows": 2**31 - 1, "cols": 2**31 - 1}
    assert lv.run("obe_lv_set_matrix", **wires).status == lv.E_ARGUMENT


def test_ports(lv: Diagram) -> None:
    for port in (0, -1, 65536, 2**31 - 1):
        result = lv.run("obe_lv_client_new", port=port)
        assert (result.status, result.handle) == (lv.E_ARGUMENT, 0)
    for port in (-1, 65536):
        result = lv.run("obe_lv_server_new", port=port)
        assert (result.status, result.handle) == (lv.E_ARGUMENT, 0)


# -- texts, at every size of buffer ------------------------------------------------------------------------------------

TEXT = '{"s": "a text \u00e4", "empty": ""}'.encode()


def texts(lv: Diagram, client: int) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    lv.ok("obe_lv_tcmd", handle=client, json=TEXT, timeout_ms=TIMEOUT_MS)
    yield "obe_lv_get_text", {"handle": client}, TEXT
    yield "obe_lv_get_string", {"handle": client, "pointer": b"/s"}, "a text \u00e4".encode()
    yield "obe_lv_get_string", {"handle": client, "pointer": b"/empty"}, b""
    yield "obe_lv_strerror", {"code": 0}, b"OBE_OK: Success."
    assert lv.run("obe_lv_tcmd", handle=client, json=b"{", timeout_ms=TIMEOUT_MS).status == lv.E_JSON
    lv.run("obe_lv_get_int", handle=client)
    yield (
        "obe_lv_last_error",
        {"handle": client},
        b"get_int: not possible now: there is no message; receive one first",
    )


def test_texts_at_every_size(lv: Diagram, client: int) -> None:
    for name, wires, text in texts(lv, client):
        need = len(text) + 1
        assert lv.text(name, **wires) == text
        for cap in range(need + 3):
            result = lv.run(name, **wires, text_cap=cap)
            assert result.text_size == need, (name, cap)
            if cap >= need:
                assert result.status == 0
                assert result.buffer("text").bytes()[:need] == text + b"\0"
            else:
                assert result.status == (0 if cap == 0 else lv.E_BUFFER), (name, cap)
                if name == "obe_lv_last_error" and cap > 0:
                    assert result.buffer("text").bytes()[:cap] == text[: cap - 1] + b"\0"
                else:
                    assert result.buffer("text").untouched()
        assert lv.ok(name, **wires, text_cap=need).text == text, "the text is lost"


def test_failure_of_last_error_keeps_the_message(lv: Diagram, client: int) -> None:
    lv.run("obe_lv_port", handle=client)
    before = lv.last_error(client)
    assert lv.run("obe_lv_last_error", handle=client, text_cap=3).status == lv.E_BUFFER
    assert lv.run("obe_lv_last_error", handle=client, text_cap=-3).status == lv.E_ARGUMENT
    assert lv.last_error(client) == before
    assert "port" in before
    lv.run("obe_lv_free", handle=1)
    before = lv.last_error(0)
    for handle in (0, client, 1):  # the last one is not a handle
        assert lv.run("obe_lv_last_error", handle=handle, text_cap=-3).status in (lv.E_ARGUMENT, lv.E_HANDLE)
    assert lv.last_error(0) == before
    assert "1 was freed" in before


# -- numbers, at every size of buffer ----------------------------------------------------------------------------------


def lists(lv: Diagram, client: int) -> Iterator[tuple[str, str, dict[str, Any], list[float]]]:
    lv.ok("obe_lv_tcmd", handle=client, json=b'{"x": [1, 2.5, -3], "none": []}', timeout_ms=TIMEOUT_MS)
    yield "obe_lv_get_doubles", "values", {"handle": client, "pointer": b"/x"}, [1.0, 2.5, -3.0]
    yield "obe_lv_get_doubles", "values", {"handle": client, "pointer": b"/none"}, []
    for command in ("goodset", *LISTS):
        array = next(t.name for t in FUNCTIONS[f"obe_lv_{command}"] if t.kind == "doubles out")
        yield f"obe_lv_{command}", array, {"handle": client, "timeout_ms": TIMEOUT_MS}, REPLIES[command]


def test_lists_at_every_size(lv: Diagram, client: int) -> None:
    for name, array, wires, numbers in lists(lv, client):
        for cap in range(len(numbers) + 3):
            result = lv.run(name, **wires, **{f"{array}_cap": cap})
            assert result.outputs[f"{array}_count"] == len(numbers)
            if cap >= len(numbers):
                assert result.status == 0
                assert result.outputs[array][: len(numbers)] == numbers
            else:
                assert result.status == (0 if cap == 0 else lv.E_BUFFER), (name, cap)
                assert result.buffer(array).untouched()
                if "pointer" not in wires:  # the handle holds the reply, and the command was sent once
                    stored = lv.ok("obe_lv_get_doubles", handle=client, values_cap=8)
                    assert stored.values[: stored.values_count] == numbers


def tables(lv: Diagram, client: int) -> Iterator[tuple[str, str, dict[str, Any], list[list[float]]]]:
    lv.ok("obe_lv_tcmd", handle=client, json=b'{"m": [[1, 2, 3], [4, 5, 6]], "none": []}', timeout_ms=TIMEOUT_MS)
    yield "obe_lv_get_matrix", "values", {"handle": client, "pointer": b"/m"}, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    yield "obe_lv_get_matrix", "values", {"handle": client, "pointer": b"/none"}, []
    for command in TABLES:
        array = next(t.name for t in FUNCTIONS[f"obe_lv_{command}"] if t.kind == "doubles out")
        yield f"obe_lv_{command}", array, {"handle": client, "timeout_ms": TIMEOUT_MS}, REPLIES[command]


def test_tables_at_every_size(lv: Diagram, client: int) -> None:
    for name, array, wires, rows in tables(lv, client):
        numbers = [number for row in rows for number in row]
        for cap in range(len(numbers) + 3):
            result = lv.run(name, **wires, **{f"{array}_cap": cap})
            assert (result.rows, result.cols) == (len(rows), len(rows[0]) if rows else 0)
            if cap >= len(numbers):
                assert result.status == 0
                assert result.outputs[array][: len(numbers)] == numbers
            else:
                assert result.status == (0 if cap == 0 else lv.E_BUFFER), (name, cap)
                assert result.buffer(array).untouched()
                if "pointer" not in wires:
                    stored = lv.ok("obe_lv_get_matrix", handle=client, values_cap=8)
                    assert stored.values[: stored.rows * stored.cols] == numbers


def test_nothing_is_sent_twice_if_the_array_is_too_small(lv: Diagram, client: int, server: peer.Server) -> None:
    assert lv.run("obe_lv_getmean", handle=client, mean_cap=1, timeout_ms=TIMEOUT_MS).status == lv.E_BUFFER
    assert "3 x 1 numbers" in lv.last_error(client)
    stored = lv.ok("obe_lv_get_doubles", handle=client, values_cap=3)
    assert stored.values == REPLIES["getmean"]
    assert len(server.requests) == 1
    # The reply cannot be received again.
    assert lv.run("obe_lv_receive", handle=client).status == lv.E_STATE
