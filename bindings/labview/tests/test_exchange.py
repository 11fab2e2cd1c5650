"""Both roles, the command being built, the last message, and eight threads on one handle."""

from __future__ import annotations

import json
import math
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import peer
from clfn import NULL, TIMEOUT_MS, Blocked, Diagram
from conftest import HEADER, LISTS, REPLIES, TABLES


def option(lv: Diagram, handle: int, name: bytes) -> bytes:
    """The value of an option or a property."""
    return lv.text("obe_lv_get_option", terminal="value", handle=handle, name=name)


def test_every_function(lv: Diagram, server: peer.Server) -> None:
    """All functions that the wizard imports, in the order of an experiment, consecutive calls on different threads."""
    began = len(lv.called)
    timeout = {"timeout_ms": TIMEOUT_MS}

    version = lv.ok("obe_lv_version")
    assert (version.major, version.minor, version.patch) >= (0, 1, 0)
    assert lv.ok("obe_lv_pointer_size").size in (4, 8)
    assert lv.text("obe_lv_strerror", code=lv.E_REFUSED).startswith(
        b"OBE_E_REFUSED: Connection refused: no server is listening"
    )

    h = lv.ok("obe_lv_client_new", address=b"127.0.0.1", port=server.port).handle
    lv.ok("obe_lv_set_option", handle=h, name=b"timeout_ms", value=b"20000")
    assert option(lv, h, b"timeout_ms") == b"20000"
    lv.ok("obe_lv_wait_ready", handle=h, **timeout)
    lv.ok("obe_lv_ready", handle=h, **timeout)
    lv.ok("obe_lv_newrun", handle=h, fields=b'{"lolim": 1.5}', **timeout)
    assert json.loads(server.requests[-1]) == {"command": "newrun", "lolim": 1.5}
    assert lv.ok("obe_lv_goodset", handle=h, pickiness=4.0, setting_cap=1, **timeout).setting == REPLIES["goodset"]
    assert json.loads(server.requests[-1]) == {"command": "goodset", "pickiness": 4}
    lv.ok("obe_lv_newdat", handle=h, x=[1.5], x_count=1, y=[2.5], y_count=1, s=[0.5], s_count=1, **timeout)
    assert json.loads(server.requests[-1]) == {"command": "newdat", "x": [1.5], "y": [2.5], "s": [0.5]}
    for command, array in LISTS.items():
        got = lv.ok(f"obe_lv_{command}", handle=h, **{f"{array}_cap": 8}, **timeout)
        count = got.outputs[f"{array}_count"]
        assert got.outputs[array][:count] == REPLIES[command]
    for command, array in TABLES.items():
        got = lv.ok(f"obe_lv_{command}", handle=h, **{f"{array}_cap": 8}, **timeout)
        flat = got.outputs[array][: got.rows * got.cols]
        assert [flat[i * got.cols : (i + 1) * got.cols] for i in range(got.rows)] == REPLIES[command]

    lv.ok("obe_lv_command_new", handle=h, command=b"mine")
    lv.ok("obe_lv_set_double", handle=h, key=b"d", value=25.0)
    lv.ok("obe_lv_set_int", handle=h, key=b"i", value=-7)
    lv.ok("obe_lv_set_bool", handle=h, key=b"b", value=2)
    lv.ok("obe_lv_set_string", handle=h, key=b"s", text=b'a "text"')
    lv.ok("obe_lv_set_doubles", handle=h, key=b"x", values=[1.0, math.inf], values_count=2)
    lv.ok("obe_lv_set_matrix", handle=h, key=b"m", values=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], rows=2, cols=3)
    lv.ok("obe_lv_set_json", handle=h, key=b"j", json=b'{"deep": [null, 9]}')
    lv.ok("obe_lv_set_null", handle=h, key=b"z")
    size = lv.ok("obe_lv_tcmd_message", handle=h, **timeout).reply_size
    text = (
        b'{"command": "mine", "d": 25.0, "i": -7, "b": true, "s": "a \\"text\\"", "x": [1.0, Infinity], '
        b'"m": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "j": {"deep": [null, 9]}, "z": null}'
    )
    assert server.requests[-1] == text
    assert lv.ok("obe_lv_get_text", handle=h, text_cap=size).text == text
    assert size == len(text) + 1
    assert lv.ok("obe_lv_get_double", handle=h, pointer=b"/d").value == 25.0
    assert lv.ok("obe_lv_get_int", handle=h, pointer=b"/i").value == -7
    assert lv.ok("obe_lv_get_bool", handle=h, pointer=b"/b").value == 1
    assert lv.text("obe_lv_get_string", handle=h, pointer=b"/s") == b'a "text"'
    assert lv.ok("obe_lv_get_doubles", handle=h, pointer=b"/x", values_cap=2).values == [1.0, math.inf]
    matrix = lv.ok("obe_lv_get_matrix", handle=h, pointer=b"/m", values_cap=6)
    assert (matrix.values, matrix.rows, matrix.cols) == ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3)
    assert lv.ok("obe_lv_get_count", handle=h, pointer=b"/j/deep").count == 2
    assert lv.text("obe_lv_get_json", handle=h, pointer=b"/x") == b"[1.0, Infinity]"
    assert lv.text("obe_lv_get_key", "key", handle=h, index=1) == b"d"
    assert lv.ok("obe_lv_get_type", handle=h, pointer=b"/j/deep/0").type == lv.NULL
    lv.ok("obe_lv_send_message", handle=h, **timeout)
    assert lv.ok("obe_lv_receive", handle=h, **timeout).message_size == size
    lv.ok("obe_lv_send", handle=h, json=b"[1]", **timeout)
    lv.ok("obe_lv_receive", handle=h, **timeout)
    assert lv.ok("obe_lv_tcmd", handle=h, json=b"[2]", **timeout).reply_size == 4

    lv.ok("obe_lv_goodset_ask", handle=h, pickiness=4.0, **timeout)
    lv.ok("obe_lv_newdat1", handle=h, x=1.0, y=2.0, s=0.5, **timeout)
    assert lv.ok("obe_lv_goodset_fetch", handle=h, x_cap=1, **timeout).x == REPLIES["goodset"]
    assert lv.ok("obe_lv_goodset1", handle=h, pickiness=4.0, **timeout).x == REPLIES["goodset"][0]
    assert lv.ok("obe_lv_optset1", handle=h, **timeout).x == REPLIES["optset"][0]

    designer = lv.ok("obe_lv_server_new", port=0).handle
    assert lv.ok("obe_lv_port", handle=designer).port > 0
    lv.ok("obe_lv_cancel", handle=designer)
    assert lv.run("obe_lv_receive", handle=designer, timeout_ms=0).status == lv.E_TIMEOUT
    assert b"timed out" in lv.text("obe_lv_last_error", handle=designer)
    lv.ok("obe_lv_done", handle=h, **timeout)
    lv.ok("obe_lv_free", handle=h)
    lv.ok("obe_lv_free_all")
    assert server.deaths == []

    calls = lv.called[began:]
    assert {name for name, _ in calls} == set(HEADER.functions)
    assert all(one != next_ for (_, one), (_, next_) in zip(calls, calls[1:])), "two calls on one thread"


def test_one_knob_without_arrays(lv: Diagram, client: int, server: peer.Server) -> None:
    wires = {"handle": client, "timeout_ms": TIMEOUT_MS}
    assert lv.ok("obe_lv_goodset1", pickiness=4.0, **wires).x == REPLIES["goodset"][0]
    assert lv.ok("obe_lv_optset1", **wires).x == REPLIES["optset"][0]
    lv.ok("obe_lv_newdat1", x=1.5, y=-2.5, s=0.25, **wires)
    assert [json.loads(request) for request in server.requests] == [
        {"command": "goodset", "pickiness": 4},
        {"command": "optset"},
        {"command": "newdat", "x": [1.5], "y": [-2.5], "s": [0.25]},
    ]


@pytest.mark.parametrize(
    "reply", [b"[]", b"[1, 2]", b'["1"]', b"[[1]]", b"1", b'"OK"', b'{"error": "no"}', b"[1e999, 1]"]
)
def test_not_one_number(lv: Diagram, reply: bytes) -> None:
    with peer.Server(answer=lambda _: reply) as server:
        h = lv.ok("obe_lv_client_new", port=server.port).handle
        for name in ("goodset1", "optset1"):
            result = lv.run(f"obe_lv_{name}", handle=h, timeout_ms=TIMEOUT_MS)
            assert (result.status, result.x) == (lv.E_REPLY, 0)
            assert f"unexpected reply: {reply.decode()} instead of a list of one number" in lv.last_error(h)
            assert lv.text("obe_lv_get_text", handle=h) == reply
        lv.ok("obe_lv_free", handle=h)


def test_ask_ahead(lv: Diagram, client: int, server: peer.Server) -> None:
    """The next setting is computed while the instrument measures."""
    limit = {"timeout_ms": TIMEOUT_MS}
    lv.ok("obe_lv_tcmd", handle=client, json=b'"held"', **limit)
    for _ in range(3):
        lv.ok("obe_lv_goodset_ask", handle=client, pickiness=4.0, **limit)
        assert lv.run("obe_lv_goodset_ask", handle=client, pickiness=4.0, **limit).status == lv.E_STATE
        lv.ok("obe_lv_newdat1", handle=client, x=1.5, y=-2.5, s=0.25, **limit)
        got = lv.ok("obe_lv_goodset_fetch", handle=client, x_cap=4, **limit)
        assert got.x[: got.x_count] == REPLIES["goodset"]
        assert json.loads(lv.text("obe_lv_get_text", handle=client)) == REPLIES["goodset"]
    assert lv.run("obe_lv_goodset_fetch", handle=client, x_cap=4, **limit).status == lv.E_STATE
    # A list whose count is unknown: the count, then the numbers.
    lv.ok("obe_lv_goodset_ask", handle=client, pickiness=4.0, **limit)
    count = lv.ok("obe_lv_goodset_fetch", handle=client, **limit).x_count
    assert lv.ok("obe_lv_get_doubles", handle=client, values_cap=count).values == REPLIES["goodset"]
    sent = [json.loads(request)["command"] for request in server.requests[1:]]
    assert sent == ["goodset", "newdat"] * 3 + ["goodset"]


def test_ask_ahead_over_a_kept_connection(lv: Diagram) -> None:
    limit = {"timeout_ms": TIMEOUT_MS}
    server = lv.ok("obe_lv_server_new").handle
    client = lv.ok("obe_lv_client_new", port=lv.ok("obe_lv_port", handle=server).port).handle
    lv.ok("obe_lv_set_option", handle=client, name=b"persistent", value=b"1")
    for setting in (2.5, 3.5):
        lv.ok("obe_lv_goodset_ask", handle=client, pickiness=4.0, **limit)
        newdat = Blocked(lv, "obe_lv_newdat1", handle=client, **limit)
        for reply in (f"[{setting}]", '"OK"'):
            lv.ok("obe_lv_receive", handle=server, **limit)
            lv.ok("obe_lv_send", handle=server, json=reply.encode(), **limit)
        assert newdat.join() == 0
        assert lv.ok("obe_lv_goodset_fetch", handle=client, x_cap=1, **limit).x == [setting]
    lv.ok("obe_lv_free", handle=client)
    lv.ok("obe_lv_free", handle=server)


def test_fetch_waits_and_continues(lv: Diagram, waiting: int) -> None:
    lv.ok("obe_lv_goodset_ask", handle=waiting, pickiness=4.0, timeout_ms=TIMEOUT_MS)
    for _ in range(2):
        assert lv.run("obe_lv_goodset_fetch", handle=waiting, timeout_ms=0).status == lv.E_TIMEOUT
        call = Blocked(lv, "obe_lv_goodset_fetch", handle=waiting, timeout_ms=-1)
        lv.ok("obe_lv_cancel", handle=waiting)
        assert call.join() == lv.E_CANCELLED
    call = Blocked(lv, "obe_lv_goodset_fetch", handle=waiting, timeout_ms=-1)
    lv.ok("obe_lv_free", handle=waiting)
    assert call.join() == lv.E_CLOSED


def test_json_and_keys_of_a_message(lv: Diagram, client: int) -> None:
    text = b'{"a": {"b": [1, 2.50, "x\\u00b5"]}, "": NaN, "\\u2713": null}'
    lv.ok("obe_lv_tcmd", handle=client, json=text, timeout_ms=TIMEOUT_MS)
    for pointer, found in ((b"/a", b'{"b": [1, 2.50, "x\\u00b5"]}'), (b"/a/b/1", b"2.50"), (b"/", b"NaN"), (b"", text)):
        assert lv.text("obe_lv_get_json", handle=client, pointer=pointer) == found
    count = lv.ok("obe_lv_get_count", handle=client).count
    keys = [lv.text("obe_lv_get_key", "key", handle=client, index=i) for i in range(count)]
    assert keys == [b"a", b"", "\u2713".encode()]
    for index, status in ((-1, lv.E_ARGUMENT), (3, lv.E_NOT_FOUND), (2**31 - 1, lv.E_NOT_FOUND)):
        assert lv.run("obe_lv_get_key", handle=client, index=index, key_cap=8).status == status
    assert lv.run("obe_lv_get_key", handle=client, pointer=b"/a/b", key_cap=8).status == lv.E_TYPE
    assert lv.run("obe_lv_get_json", handle=client, pointer=b"/none", text_cap=8).status == lv.E_NOT_FOUND


def test_server(lv: Diagram) -> None:
    """A server in LabVIEW: receive in slices, look at the request, answer."""
    server = lv.ok("obe_lv_server_new", port=0).handle
    port = lv.ok("obe_lv_port", handle=server).port
    replies: list[bytes] = []

    def ask() -> None:
        for body in (b'{"command": "add", "a": 1.5, "b": 2}', b'"' + b"x" * 100_000 + b'"', b'{"command": "stop"}'):
            replies.append(peer.exchange(port, body))

    thread = threading.Thread(target=ask)
    thread.start()
    sizes: list[int] = []
    while len(sizes) < 3:
        got = lv.run("obe_lv_receive", handle=server, timeout_ms=100)
        if got.status == lv.E_TIMEOUT:
            continue
        assert got.status == 0
        sizes.append(got.message_size)
        command = lv.run("obe_lv_get_string", handle=server, pointer=b"/command", text_cap=64)
        if command.status == lv.E_NOT_FOUND or command.status == lv.E_TYPE:
            lv.ok("obe_lv_send", handle=server, json=lv.text("obe_lv_get_text", handle=server))
        elif command.text == b"add":
            a = lv.ok("obe_lv_get_double", handle=server, pointer=b"/a").value
            b = lv.ok("obe_lv_get_double", handle=server, pointer=b"/b").value
            lv.ok("obe_lv_command_new", handle=server, command=b"")
            lv.ok("obe_lv_set_double", handle=server, key=b"sum", value=a + b)
            lv.ok("obe_lv_send_message", handle=server, timeout_ms=TIMEOUT_MS)
        else:
            lv.ok("obe_lv_send", handle=server, json=b'"OK"', timeout_ms=TIMEOUT_MS)
    thread.join()
    assert replies == [b'{"sum": 3.5}', b'"' + b"x" * 100_000 + b'"', b'"OK"']
    assert sizes == [37, 100_003, 20]
    assert lv.run("obe_lv_send", handle=server, json=b"1").status in (lv.E_PEER_CLOSED, lv.E_RESET, 0)
    lv.ok("obe_lv_free", handle=server)


def test_client_without_a_reply_is_disconnected(lv: Diagram) -> None:
    server = lv.ok("obe_lv_server_new", port=0).handle
    port = lv.ok("obe_lv_port", handle=server).port
    with peer.connect(port) as first, peer.connect(port) as second:
        peer.whole(first, b"1")
        lv.ok("obe_lv_receive", handle=server, timeout_ms=TIMEOUT_MS)
        # A receive that times out does not affect the reply to the message before.
        assert lv.run("obe_lv_receive", handle=server, timeout_ms=20).status == lv.E_TIMEOUT
        peer.whole(second, b"2")
        lv.ok("obe_lv_receive", handle=server, timeout_ms=TIMEOUT_MS)
        assert peer.ended(first), "the first client waits for a reply that the server never sends"
        lv.ok("obe_lv_send", handle=server, json=b"3", timeout_ms=TIMEOUT_MS)
        assert peer.read_message(second) == b"3"
    lv.ok("obe_lv_free", handle=server)


def test_timeouts(lv: Diagram, waiting: int) -> None:
    for timeout, at_least in ((0, 0.0), (80, 0.08), (-2, 0.12)):
        lv.ok("obe_lv_set_option", handle=waiting, name=b"timeout_ms", value=b"120")
        began = time.monotonic()
        result = lv.run("obe_lv_tcmd", handle=waiting, json=b"1", timeout_ms=timeout)
        assert result.status == lv.E_TIMEOUT
        assert at_least <= time.monotonic() - began < at_least + peer.SOON


def test_short_receives_lose_nothing(lv: Diagram) -> None:
    """A message that arrives slowly is assembled over many receives."""
    server = lv.ok("obe_lv_server_new", port=0).handle
    port = lv.ok("obe_lv_port", handle=server).port
    body = b'{"command": "slowly"}'
    with peer.connect(port) as conn:
        for byte in peer.frame(body):
            assert lv.run("obe_lv_receive", handle=server, timeout_ms=1).status == lv.E_TIMEOUT
            conn.sendall(bytes([byte]))
        lv.ok("obe_lv_receive", handle=server, timeout_ms=TIMEOUT_MS)
        assert lv.text("obe_lv_get_text", handle=server) == body
    lv.ok("obe_lv_free", handle=server)


# Calls that fail before anything is sent, by their error.
FAILING: dict[str, tuple[str, dict[str, Any]]] = {
    "invalid JSON": ("tcmd", {"json": b'{"n": 2', "timeout_ms": TIMEOUT_MS}),
    "invalid UTF-8": ("tcmd", {"json": b'"\xff"', "timeout_ms": TIMEOUT_MS}),
    "invalid timeout": ("tcmd", {"json": b"3", "timeout_ms": -9}),
    "invalid timeout of receive": ("receive", {"timeout_ms": -9}),
    "no connection": ("receive", {"timeout_ms": 0}),
    "no array": ("optset", {"setting": NULL, "setting_cap": 4, "timeout_ms": TIMEOUT_MS}),
    "a negative size": ("getcov", {"covariance_cap": -1, "timeout_ms": TIMEOUT_MS}),
    "no numbers": ("newdat", {"timeout_ms": TIMEOUT_MS}),
    "no fields": ("newrun", {"fields": b"{", "timeout_ms": TIMEOUT_MS}),
    "no command": ("tcmd_message", {"timeout_ms": TIMEOUT_MS}),
}


@pytest.mark.parametrize("failing", FAILING)
def test_no_old_message_after_a_failure(lv: Diagram, client: int, failing: str) -> None:
    name, wires = FAILING[failing]
    lv.ok("obe_lv_tcmd", handle=client, json=b'{"n": 1}', timeout_ms=TIMEOUT_MS)
    assert lv.ok("obe_lv_get_int", handle=client, pointer=b"/n").value == 1
    assert lv.run(f"obe_lv_{name}", handle=client, **wires).status != 0
    for read in ("get_int", "get_count", "get_text"):
        assert lv.run(f"obe_lv_{read}", handle=client).status == lv.E_STATE
        assert "there is no message" in lv.last_error(client)


def test_sending_does_not_drop_the_message(lv: Diagram, client: int) -> None:
    lv.ok("obe_lv_tcmd", handle=client, json=b'{"n": 1}', timeout_ms=TIMEOUT_MS)
    lv.ok("obe_lv_wait_ready", handle=client, timeout_ms=TIMEOUT_MS)
    assert lv.run("obe_lv_send", handle=client, json=b"{", timeout_ms=TIMEOUT_MS).status == lv.E_JSON
    assert lv.run("obe_lv_send_message", handle=client, timeout_ms=TIMEOUT_MS).status == lv.E_STATE
    lv.ok("obe_lv_send", handle=client, json=b"2", timeout_ms=TIMEOUT_MS)
    assert lv.ok("obe_lv_get_int", handle=client, pointer=b"/n").value == 1


def test_unexpected_reply(lv: Diagram) -> None:
    with peer.Server(answer=lambda body: b'{"error": "no such command"}') as server:
        h = lv.ok("obe_lv_client_new", port=server.port).handle
        for command in ("ready", "newrun", "done"):
            assert lv.run(f"obe_lv_{command}", handle=h, timeout_ms=TIMEOUT_MS).status == lv.E_REPLY
        result = lv.run("obe_lv_optset", handle=h, setting_cap=3, timeout_ms=TIMEOUT_MS)
        assert (result.status, result.setting_count) == (lv.E_REPLY, 0)
        assert "no such command" in lv.last_error(h)
        assert lv.text("obe_lv_get_string", handle=h, pointer=b"/error") == b"no such command"
        lv.ok("obe_lv_free", handle=h)


def test_no_command_is_being_built(lv: Diagram, client: int, server: peer.Server) -> None:
    for name in ("set_double", "set_json", "tcmd_message", "send_message"):
        assert lv.run(f"obe_lv_{name}", handle=client).status == lv.E_STATE
        assert "begin one first" in lv.last_error(client)
    assert server.requests == []


def test_command_is_changed_and_sent_again(lv: Diagram, client: int, server: peer.Server) -> None:
    lv.ok("obe_lv_command_new", handle=client, command=b"again")
    for n in range(3):
        lv.ok("obe_lv_set_int", handle=client, key=b"n", value=n)
        lv.ok("obe_lv_tcmd_message", handle=client, timeout_ms=TIMEOUT_MS)
    lv.ok("obe_lv_command_new", handle=client, command=b"other")
    lv.ok("obe_lv_tcmd_message", handle=client, timeout_ms=TIMEOUT_MS)
    sent = [json.loads(request) for request in server.requests]
    assert sent == [{"command": "again", "n": n} for n in range(3)] + [{"command": "other"}]


@pytest.mark.parametrize(
    ("pointer", "status"),
    [
        (b"/big", "E_RANGE"),
        (b"/d", "E_TYPE"),
        (b"/none", "E_NOT_FOUND"),
        (b"no pointer", "E_ARGUMENT"),
    ],
)
def test_get_int_refuses(lv: Diagram, client: int, pointer: bytes, status: str) -> None:
    lv.ok("obe_lv_tcmd", handle=client, json=b'{"big": 3000000000, "d": 1.0}', timeout_ms=TIMEOUT_MS)
    result = lv.run("obe_lv_get_int", handle=client, pointer=pointer)
    assert (result.status, result.value) == (getattr(lv, status), 0)
    assert lv.ok("obe_lv_get_double", handle=client, pointer=b"/big").value == 3e9


def test_numbers_as_labview_writes_them(lv: Diagram, client: int) -> None:
    lv.ok("obe_lv_tcmd", handle=client, json=b"[NaN, Infinity, -Infinity, -0, 1e-320]", timeout_ms=TIMEOUT_MS)
    values = lv.ok("obe_lv_get_doubles", handle=client, values_cap=5).values
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf, 0.0, 1e-320]


def test_types(lv: Diagram, client: int) -> None:
    text = b'{"o": {}, "a": [], "s": "", "i": 1, "r": 1.0, "b": false, "n": null}'
    lv.ok("obe_lv_tcmd", handle=client, json=text, timeout_ms=TIMEOUT_MS)
    names = ["OBJECT", "ARRAY", "STRING", "INTEGER", "REAL", "BOOL", "NULL"]
    got = [lv.ok("obe_lv_get_type", handle=client, pointer=f"/{key}".encode()).type for key in "oasirbn"]
    assert got == [getattr(lv, name) for name in names]


def test_unknown_option(lv: Diagram, client: int) -> None:
    assert lv.run("obe_lv_set_option", handle=client, name=b"nonsense", value=b"1").status == lv.E_ARGUMENT
    assert 'there is no option "nonsense"' in lv.last_error(client)


def test_properties(lv: Diagram, client: int) -> None:
    assert option(lv, client, b"peer") == b""
    assert option(lv, client, b"codepage") == b"utf-8"
    lv.ok("obe_lv_set_option", handle=client, name=b"codepage", value=b"1252")
    assert option(lv, client, b"codepage") == b"1252"
    assert lv.run("obe_lv_set_option", handle=client, name=b"peer", value=b"1").status == lv.E_ARGUMENT
    for name in (b"", b"nonsense", b"peer "):
        got = lv.run("obe_lv_get_option", handle=client, name=name, value_cap=8)
        assert (got.status, got.value_size, got.buffer("value").untouched()) == (lv.E_ARGUMENT, 0, True)
        assert lv.last_error(client).startswith("get_option: invalid argument: there is no option")
    got = lv.run("obe_lv_get_option", handle=client, name=b"max_message", value_cap=8)
    assert (got.status, got.value_size, got.buffer("value").untouched()) == (lv.E_BUFFER, 9, True)


def test_fields(lv: Diagram, client: int, server: peer.Server) -> None:
    """Each command says which instrument sends it."""
    fields = b'{"instrument": "left", "pickiness": 2.0}'
    lv.ok("obe_lv_set_option", handle=client, name=b"fields", value=fields)
    assert option(lv, client, b"fields") == fields
    lv.ok("obe_lv_wait_ready", handle=client, timeout_ms=TIMEOUT_MS)
    lv.ok("obe_lv_goodset", handle=client, pickiness=4.0, setting_cap=1, timeout_ms=TIMEOUT_MS)
    lv.ok("obe_lv_goodset", handle=client, pickiness=-1.0, setting_cap=1, timeout_ms=TIMEOUT_MS)
    lv.ok("obe_lv_newrun", handle=client, fields=b'{"instrument": "both"}', timeout_ms=TIMEOUT_MS)
    lv.ok("obe_lv_getcov", handle=client, covariance_cap=8, timeout_ms=TIMEOUT_MS)
    lv.ok("obe_lv_tcmd", handle=client, json=b'{"command": "mine"}', timeout_ms=TIMEOUT_MS)
    lv.ok("obe_lv_command_new", handle=client, command=b"mine")
    lv.ok("obe_lv_tcmd_message", handle=client, timeout_ms=TIMEOUT_MS)
    assert server.requests == [
        b'{"command": "ready", "instrument": "left", "pickiness": 2.0}',
        b'{"command": "goodset", "pickiness": 4, "instrument": "left"}',
        b'{"command": "goodset", "instrument": "left", "pickiness": 2.0}',
        b'{"command": "newrun", "instrument": "both", "pickiness": 2.0}',
        b'{"command": "getcov", "instrument": "left", "pickiness": 2.0}',
        b'{"command": "mine"}',
        b'{"command": "mine"}',
    ]
    for value in (b"left", b"[]", b'{"command": "ready"}'):
        assert lv.run("obe_lv_set_option", handle=client, name=b"fields", value=value).status == lv.E_ARGUMENT
        assert "option fields: invalid argument: " in lv.last_error(client)
    assert option(lv, client, b"fields") == fields


def test_fields_in_a_code_page(lv: Diagram, client: int, server: peer.Server) -> None:
    lv.ok("obe_lv_set_option", handle=client, name=b"codepage", value=b"1252")
    lv.ok("obe_lv_set_option", handle=client, name=b"fields", value=b'{"unit": "\xb5m", "ok": "\\u2713"}')
    lv.ok("obe_lv_ready", handle=client, timeout_ms=TIMEOUT_MS)
    assert json.loads(server.requests[-1]) == {"command": "ready", "unit": "\u00b5m", "ok": "\u2713"}
    assert option(lv, client, b"fields") == b'{"unit": "\\u00b5m", "ok": "\\u2713"}'


def test_peer_of_a_request(lv: Diagram) -> None:
    """A server tells its clients apart, also while the next one is waiting, and after a client has left."""
    server = lv.ok("obe_lv_server_new", port=0).handle
    assert option(lv, server, b"peer") == b""
    address = ("127.0.0.1", lv.ok("obe_lv_port", handle=server).port)
    with socket.create_connection(address) as one, socket.create_connection(address) as other:
        names = [b"%s:%d" % (s.getsockname()[0].encode(), s.getsockname()[1]) for s in (one, other)]
        for sender, name in zip((one, other, one), (*names, names[0])):
            sender.sendall(peer.frame(b"1"))
            lv.ok("obe_lv_receive", handle=server, timeout_ms=TIMEOUT_MS)
            assert option(lv, server, b"peer") == name
            lv.ok("obe_lv_send", handle=server, json=b"2", timeout_ms=TIMEOUT_MS)
            assert option(lv, server, b"peer") == name
    assert lv.run("obe_lv_receive", handle=server, timeout_ms=100).status == lv.E_TIMEOUT
    assert option(lv, server, b"peer") == names[0]


def test_error_reply(lv: Diagram, client: int) -> None:
    """The error message of a failed read says what the server replied."""
    reply = b'{"error": "the laser is off"}'
    lv.ok("obe_lv_tcmd", handle=client, json=reply, timeout_ms=TIMEOUT_MS)
    for name in ("double", "int", "bool", "string", "doubles", "matrix", "count", "type"):
        result = lv.run(f"obe_lv_get_{name}", handle=client, pointer=b"/spectrum")
        assert result.status == lv.E_NOT_FOUND, name
        assert 'has no member "spectrum"' in lv.last_error(client)
        assert lv.last_error(client).endswith("; the message is " + reply.decode())


def test_persistent_with_a_python_server(lv: Diagram, client: int, server: peer.Server) -> None:
    """Such a server reads one message from each connection."""
    lv.ok("obe_lv_set_option", handle=client, name=b"persistent", value=b"1")
    lv.ok("obe_lv_ready", handle=client, timeout_ms=TIMEOUT_MS)
    assert lv.run("obe_lv_ready", handle=client, timeout_ms=200).status == lv.E_TIMEOUT
    assert "a Python optbayesexpt server reads one message from each connection" in lv.last_error(client)
    assert "set the option persistent to 0" in lv.last_error(client)
    lv.ok("obe_lv_set_option", handle=client, name=b"persistent", value=b"0")
    lv.ok("obe_lv_ready", handle=client, timeout_ms=TIMEOUT_MS)
    assert server.deaths == []


def test_refused(lv: Diagram, server: peer.Server) -> None:
    server.stop()
    h = lv.ok("obe_lv_client_new", port=server.port).handle
    assert lv.run("obe_lv_ready", handle=h, timeout_ms=TIMEOUT_MS).status == lv.E_REFUSED
    assert "no server is listening there" in lv.last_error(h)
    lv.ok("obe_lv_free", handle=h)


def test_cancel_and_free_wake_a_blocked_call(lv: Diagram, waiting: int) -> None:
    call = Blocked(lv, "obe_lv_tcmd", handle=waiting, json=b"1", timeout_ms=-1)
    lv.ok("obe_lv_cancel", handle=waiting)
    assert call.join() == lv.E_CANCELLED
    call = Blocked(lv, "obe_lv_tcmd", handle=waiting, json=b"1", timeout_ms=-1)
    lv.ok("obe_lv_free", handle=waiting)
    assert call.join() == lv.E_CLOSED


def test_large_message(lv: Diagram, client: int) -> None:
    text = json.dumps({"x": [float(i) for i in range(200_000)], "s": "y" * 1_000_000}).encode()
    size = lv.ok("obe_lv_tcmd", handle=client, json=text, timeout_ms=TIMEOUT_MS).reply_size
    assert lv.ok("obe_lv_get_text", handle=client, text_cap=size).text == text
    values = lv.ok("obe_lv_get_doubles", handle=client, pointer=b"/x", values_cap=200_000).values
    assert values == [float(i) for i in range(200_000)]


def test_eight_threads_on_one_handle(lv: Diagram) -> None:
    """All messages are complete, all statuses are expected, and all calls return when the handle is freed."""
    with peer.Server(answer=lambda body: body) as echo:
        h = lv.ok("obe_lv_client_new", port=echo.port).handle
        unexpected: list[tuple[str, int]] = []
        done = threading.Event()
        expected = {
            "obe_lv_tcmd": {0, lv.E_CANCELLED},
            "obe_lv_tcmd_message": {0, lv.E_STATE, lv.E_CANCELLED},
            "obe_lv_get_text": {0, lv.E_STATE, lv.E_BUFFER},
            "obe_lv_get_int": {0, lv.E_STATE, lv.E_NOT_FOUND},
            "obe_lv_get_doubles": {0, lv.E_STATE, lv.E_NOT_FOUND},
        }

        def call(name: str, /, **wires: Any) -> Any:
            result = lv.here(name, handle=h, **wires)
            allowed = expected.get(name, {0}) | ({lv.E_HANDLE, lv.E_CLOSED} if done.is_set() else set())
            if result.status not in allowed:
                unexpected.append((name, result.status))
            return result

        def work(number: int) -> None:
            sent = f'{{"n": {number}, "x": [{number}, {number}.5]}}'.encode()
            while not done.is_set():
                call("obe_lv_command_new", command=b"c")
                call("obe_lv_set_int", key=b"n", value=number)
                call("obe_lv_tcmd", json=sent, timeout_ms=TIMEOUT_MS)
                text = call("obe_lv_get_text", text_cap=64)
                if text.status == 0:
                    json.loads(text.text)
                call("obe_lv_tcmd_message", timeout_ms=TIMEOUT_MS)
                n = call("obe_lv_get_int", pointer=b"/n")
                if n.status == 0 and not 0 <= n.value < 8:
                    unexpected.append(("n", n.value))
                call("obe_lv_get_doubles", pointer=b"/x", values_cap=2)
                call("obe_lv_set_option", name=b"keepalive", value=b"1")
                if number == 0:
                    call("obe_lv_cancel")

        with ThreadPoolExecutor(8) as pool:
            loops = [pool.submit(work, number) for number in range(8)]
            while len(echo.requests) < 300 and not unexpected and not any(loop.done() for loop in loops):
                assert echo.got_request.acquire(timeout=TIMEOUT_MS / 1000)
            done.set()
            lv.ok("obe_lv_free", handle=h)
            for loop in loops:
                loop.result(TIMEOUT_MS / 1000)
        assert unexpected == []
