"""Texts that are not UTF-8: LabVIEW's strings are in the Windows code page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import peer
from clfn import TIMEOUT_MS, Diagram

# A text for each code page.
TEXTS = {
    "874": "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "932": "\u6e29\u5ea6 \u8868",  # the second byte of the last character is a backslash
    "936": "\u6e29\u5ea6",
    "949": "\uc628\ub3c4",
    "950": "\u6eab\u5ea6 \u529f",  # the same
    "1250": "\u0159\u00e1d",
    "1251": "\u0442\u043e\u043a",
    "1252": "\u00b5m \u00b0C \u20ac",
    "1253": "\u03a9",
    "1254": "\u015f",
    "1255": "\u05d0\u05d1",
    "1256": "\u0627\u0628",
    "1257": "\u0161",
    "1258": "\u20ab",
}


def set_code_page(lv: Diagram, handle: int, page: str) -> None:
    lv.ok("obe_lv_set_option", handle=handle, name=b"codepage", value=page.encode())


def test_error_without_the_option(lv: Diagram, client: int, server: peer.Server) -> None:
    lv.ok("obe_lv_command_new", handle=client, command=b"c")
    attempts: dict[str, dict[str, Any]] = {
        "obe_lv_tcmd": {"json": b'"5 \xb5m"'},
        "obe_lv_send": {"json": b'"5 \xb5m"'},
        "obe_lv_newrun": {"fields": b'{"unit": "\xb5m"}'},
        "obe_lv_command_new": {"command": b"\xb5m"},
        "obe_lv_set_string": {"key": b"unit", "text": b"\xb5m"},
        "obe_lv_set_int": {"key": b"\xb5m", "value": 1},
        "obe_lv_set_json": {"key": b"unit", "json": b'"\xb5m"'},
        "obe_lv_set_option": {"name": b"trace", "value": b"/tmp/\xb5m"},
        "obe_lv_get_int": {"pointer": b"/\xb5m"},
        "obe_lv_get_string": {"pointer": b"/\xb5m"},
        "obe_lv_get_doubles": {"pointer": b"/\xb5m"},
        "obe_lv_get_matrix": {"pointer": b"/\xb5m"},
    }
    for name, wires in attempts.items():
        assert lv.run(name, handle=client, **wires).status == lv.E_JSON, name
        error = lv.last_error(client)
        assert "UTF-8" in error
        assert "set the option codepage" in error, name
    assert server.requests == []


@pytest.mark.parametrize("page", TEXTS)
def test_round_trip(lv: Diagram, client: int, server: peer.Server, page: str) -> None:
    text = TEXTS[page]
    coded = text.encode(f"cp{page}")
    set_code_page(lv, client, page)
    lv.ok("obe_lv_tcmd", handle=client, json=b'{"s": "' + coded + b'"}', timeout_ms=TIMEOUT_MS)
    assert json.loads(server.requests[-1]) == {"s": text}
    assert lv.text("obe_lv_get_string", handle=client, pointer=b"/s") == coded
    lv.ok("obe_lv_command_new", handle=client, command=coded)
    lv.ok("obe_lv_set_string", handle=client, key=coded, text=coded)
    lv.ok("obe_lv_set_json", handle=client, key=b"j", json=b'["' + coded + b'"]')
    lv.ok("obe_lv_tcmd_message", handle=client, timeout_ms=TIMEOUT_MS)
    assert json.loads(server.requests[-1]) == {"command": text, text: text, "j": [text]}
    assert lv.text("obe_lv_get_string", handle=client, pointer=b"/" + coded) == coded
    # JSON is ASCII, so it is the same in every encoding.
    whole = lv.text("obe_lv_get_text", handle=client)
    assert json.loads(whole.decode("ascii")) == {"command": text, text: text, "j": [text]}
    assert json.loads(lv.text("obe_lv_get_json", handle=client, pointer=b"/j").decode("ascii")) == [text]
    assert lv.text("obe_lv_get_key", "key", handle=client, index=1) == coded


# What Flatten To JSON makes of strings of several languages: UTF-8, without escapes.
FLATTENED = '{"\u00b5m": ["20 \u00b0C", "\u0442\u043e\u043a", "\u6e29\u5ea6 \u8868", "\\\\ \\" \U0001f600"]}'.encode()


@pytest.mark.parametrize("page", [*TEXTS, "utf-8", "system"])
def test_flattened_json_arrives_unchanged(lv: Diagram, client: int, server: peer.Server, page: str) -> None:
    set_code_page(lv, client, page)
    lv.ok("obe_lv_tcmd", handle=client, json=FLATTENED, timeout_ms=TIMEOUT_MS)
    assert server.requests[-1] == FLATTENED
    assert json.loads(lv.text("obe_lv_get_text", handle=client)) == json.loads(FLATTENED)
    lv.ok("obe_lv_command_new", handle=client)
    lv.ok("obe_lv_set_json", handle=client, key=b"j", json=FLATTENED)
    lv.ok("obe_lv_tcmd_message", handle=client, timeout_ms=TIMEOUT_MS)
    assert server.requests[-1] == b'{"j": ' + FLATTENED + b"}"
    assert json.loads(lv.text("obe_lv_get_json", handle=client, pointer=b"/j")) == json.loads(FLATTENED)
    lv.ok("obe_lv_newrun", handle=client, fields=FLATTENED, timeout_ms=TIMEOUT_MS)
    assert server.requests[-1] == b'{"command": "newrun", ' + FLATTENED[1:]
    lv.ok("obe_lv_set_option", handle=client, name=b"fields", value=FLATTENED)
    lv.ok("obe_lv_ready", handle=client, timeout_ms=TIMEOUT_MS)
    assert server.requests[-1] == b'{"command": "ready", ' + FLATTENED[1:]
    lv.ok("obe_lv_send", handle=client, json=FLATTENED, timeout_ms=TIMEOUT_MS)
    lv.ok("obe_lv_receive", handle=client, timeout_ms=TIMEOUT_MS)
    assert server.requests[-1] == FLATTENED


@pytest.mark.parametrize("page", TEXTS)
def test_flattened_and_typed_texts_in_one(lv: Diagram, client: int, server: peer.Server, page: str) -> None:
    """A diagram puts a typed text and the result of Flatten To JSON together."""
    text = TEXTS[page]
    coded = text.encode(f"cp{page}")
    set_code_page(lv, client, page)
    both = b'{"' + coded + b'": ' + FLATTENED + b', "b": "' + coded + b'"}'
    lv.ok("obe_lv_tcmd", handle=client, json=both, timeout_ms=TIMEOUT_MS)
    assert json.loads(server.requests[-1]) == {text: json.loads(FLATTENED), "b": text}


def test_option_value_is_converted(lv: Diagram, client: int, tmp_path: Path) -> None:
    """A file name with a character that is not ASCII, as in a user's name."""
    set_code_page(lv, client, "1252")
    trace = tmp_path / "J\u00fcrgen.jsonl"
    lv.ok("obe_lv_set_option", handle=client, name=b"trace", value=str(trace).encode("cp1252"))
    lv.ok("obe_lv_tcmd", handle=client, json=b"1", timeout_ms=TIMEOUT_MS)
    assert [path.name for path in tmp_path.iterdir()] == [trace.name]


def test_character_that_the_code_page_lacks(lv: Diagram, client: int) -> None:
    lv.ok("obe_lv_tcmd", handle=client, json='{"s": "\u00b5 \u2713 \U0001f600"}'.encode(), timeout_ms=TIMEOUT_MS)
    set_code_page(lv, client, "1252")
    whole = lv.text("obe_lv_get_text", handle=client)
    assert whole == b'{"s": "\\u00b5 \\u2713 \\ud83d\\ude00"}'
    result = lv.run("obe_lv_get_string", handle=client, pointer=b"/s", text_cap=64)
    assert (result.status, result.text_size) == (lv.E_RANGE, 0)
    assert result.buffer("text").untouched()
    assert "U+2713, which code page 1252 lacks" in lv.last_error(client)
    set_code_page(lv, client, "utf-8")
    assert lv.text("obe_lv_get_string", handle=client, pointer=b"/s") == "\u00b5 \u2713 \U0001f600".encode()


def test_sizes_are_of_the_converted_text(lv: Diagram, client: int) -> None:
    set_code_page(lv, client, "1252")
    size = lv.ok("obe_lv_tcmd", handle=client, json=b'"\xb5\xb5"', timeout_ms=TIMEOUT_MS).reply_size
    assert size == 15
    assert lv.ok("obe_lv_get_text", handle=client, text_cap=15).text == b'"\\u00b5\\u00b5"'


def test_byte_that_is_not_a_character(lv: Diagram, client: int, server: peer.Server) -> None:
    set_code_page(lv, client, "932")
    assert lv.run("obe_lv_tcmd", handle=client, json=b'"ab\xff"', timeout_ms=TIMEOUT_MS).status == lv.E_JSON
    assert "character 4 of json does not exist in code page 932" in lv.last_error(client)
    assert server.requests == []


def test_last_error_is_in_the_code_page(lv: Diagram, client: int) -> None:
    set_code_page(lv, client, "1252")
    lv.ok("obe_lv_tcmd", handle=client, json=b'{"\xb5": "\xb5"}', timeout_ms=TIMEOUT_MS)
    assert lv.run("obe_lv_get_int", handle=client, pointer=b"/\xb5").status == lv.E_TYPE
    assert b'the value at "/\xb5" is a string, not an integer' in lv.text("obe_lv_last_error", handle=client)
    set_code_page(lv, client, "1251")  # which has a different character for this byte
    assert b'the value at "/\xb5" is a string, not an integer' in lv.text("obe_lv_last_error", handle=client)
    set_code_page(lv, client, "1250")
    lv.ok("obe_lv_tcmd", handle=client, json=b'"\\u2713"', timeout_ms=TIMEOUT_MS)
    assert lv.run("obe_lv_ready", handle=client, timeout_ms=TIMEOUT_MS).status == 0


@pytest.mark.parametrize("page", ["utf-8", "932", "1252"])
def test_truncated_last_error_has_whole_characters(lv: Diagram, client: int, page: str) -> None:
    codec = page if page == "utf-8" else f"cp{page}"
    key = {"utf-8": "\u00e4\u20ac\U0001f600", "932": "\u8868\u3042b", "1252": "\u00e4\u20acb"}[page]
    set_code_page(lv, client, page)
    lv.ok("obe_lv_tcmd", handle=client, json=b"{}", timeout_ms=TIMEOUT_MS)
    assert lv.run("obe_lv_get_int", handle=client, pointer=f"/{key}".encode(codec)).status == lv.E_NOT_FOUND
    whole = lv.text("obe_lv_last_error", handle=client).decode(codec)
    assert key in whole
    starts = [whole[:n].encode(codec) for n in range(len(whole) + 1)]
    for cap in range(1, len(starts[-1]) + 1):
        result = lv.run("obe_lv_last_error", handle=client, text_cap=cap)
        assert (result.status, result.text_size) == (lv.E_BUFFER, len(starts[-1]) + 1)
        assert result.buffer("text").bytes().split(b"\0")[0] == max((s for s in starts if len(s) < cap), key=len)


def test_unknown_code_page(lv: Diagram, client: int) -> None:
    for page in ("437", "", "UTF-8", "cp1252"):
        assert lv.run("obe_lv_set_option", handle=client, name=b"codepage", value=page.encode()).status == lv.E_ARGUMENT
        assert "1250 to 1258" in lv.last_error(client)
    for page in ("system", "65001", "utf-8", "1252"):
        set_code_page(lv, client, page)
