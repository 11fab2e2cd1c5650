"""python -m libobe ready and call: the verbs of the tool obe, for a machine that has only the Python package.

They are for people and scripts in a shell. A Python program uses `Client`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import unicodedata
from collections.abc import Sequence
from typing import TextIO

from . import errors
from ._abi import DEFAULT_PORT
from ._client import Client
from ._deadline import limit_of
from ._message import Message

# The exit statuses of the tool obe.
ANSWER, USAGE, NO_ANSWER, INTERRUPT, CLOSED_PIPE = 1, 2, 3, 130, 141

_NO_MESSAGE = (errors.FrameError, errors.TooLargeError, errors.JsonError)
_READY = b'{"command": "ready"}'
_SPACE = " \t\r\n"
_DURATION = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ms|s|m|h)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_ADDRESS_HELP = (
    f"ADDRESS is host:port, :port on this machine, or unix:/path; 127.0.0.1:{DEFAULT_PORT} if it is missing. "
    f"An IPv6 address has brackets: [::1]:{DEFAULT_PORT}."
)


class PlaceError(ValueError):
    """A text that is not valid, and the place in it. The message shows both."""

    def __init__(self, text: str, at: int, problem: str) -> None:
        start, end = max(0, at - 40), min(len(text), at + 30)
        left = ("…" if start else "") + _printable(text[start:at])
        right = _printable(text[at:end]) + ("…" if end < len(text) else "")
        columns = sum(2 if unicodedata.east_asian_width(c) in "WF" else not unicodedata.combining(c) for c in left)
        super().__init__(f"{problem}\n  {left}{right}\n  {' ' * columns}^")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def _address(text: str) -> tuple[str, int]:
    """The address and port of an ADDRESS."""
    if text.startswith("unix:"):
        return text, 0
    host, colon, port = text.rpartition(":")
    if text.isdecimal():
        raise PlaceError(text, 0, f"an address has a colon before its port: write :{text}")
    if not colon or text.endswith("]"):
        raise PlaceError(text, len(text), f"an address has a port: write {text}:{DEFAULT_PORT}")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise PlaceError(text, 0, f"an IPv6 address needs brackets and a port: [{text}]:{DEFAULT_PORT}")
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise PlaceError(text, len(text) - len(port), "the port is a number from 0 to 65535")
    return host, int(port)


def _is_address(argument: str) -> bool:
    """Whether the first argument is an ADDRESS. JSON has a colon only after a string."""
    if argument.startswith("unix:"):
        return True
    before, colon, _ = argument.partition(":")
    if argument.startswith("["):
        return bool(colon) and '"' not in before and "=" not in before
    return bool(colon) and "=" not in before and not _starts_json(argument)


def _starts_json(text: str) -> bool:
    """Whether a text is meant to be JSON, so that it is an error if it is not."""
    return text.lstrip(_SPACE)[:1] in ("{", "[", '"')


def _loads(text: str) -> object:
    """The value of a JSON text. Python refuses to convert an integer of more than 4300 digits."""
    return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 1000 else float(digits))


def _check_json(text: str, start: int = 0) -> None:
    """Raise a PlaceError unless text[start:] is JSON."""
    try:
        _loads(text[start:])
    except json.JSONDecodeError as error:
        at, problem = start + error.pos, f"invalid JSON: {error.msg}"
    except RecursionError:
        at, problem = start, "invalid JSON: nested too deep"
    else:
        return
    if "\n" in text:  # the line that has the place
        line, begin = text.count("\n", 0, at), text.rfind("\n", 0, at) + 1
        text, at, problem = text[begin:].partition("\n")[0], at - begin, f"{problem} (line {line + 1})"
    raise PlaceError(text, at, problem)


def _member(text: str) -> tuple[str, str]:
    """The key of key=value, and the JSON text of the value."""
    key, found, value = text.partition("=")
    if not found:
        raise PlaceError(text, len(text), "a member is written as key=value, and an address has a port")
    if not key:
        raise PlaceError(text, 0, "the key is missing before =")
    try:
        _loads(value)
    except (ValueError, RecursionError):
        if _starts_json(value):
            _check_json(text, len(key) + 1)
        return key, json.dumps(value, ensure_ascii=False)
    return key, value.strip(_SPACE)


def _message(arguments: Sequence[str]) -> str:
    """The JSON text of COMMAND key=value..., of a JSON text, or of - for the standard input."""
    first, *rest = arguments
    if first == "-" or _starts_json(first):
        if rest:
            raise PlaceError(rest[0], 0, "nothing may follow a JSON text: write this as one of its members")
        text = _standard_input() if first == "-" else first
        _check_utf8(text)
        _check_json(text)
        return text
    if not first:
        raise PlaceError(first, 0, "COMMAND is empty")
    if "=" in first:
        raise PlaceError(first, 0, "COMMAND is missing: the name of a command comes before its members")
    members = {"command": json.dumps(first, ensure_ascii=False)}
    for argument in arguments:
        _check_utf8(argument)
    for argument in rest:
        key, value = _member(argument)
        if key in members:
            raise PlaceError(argument, 0, f'there is a member "{key}" already')
        members[key] = value
    return "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {value}" for key, value in members.items()) + "}"


def _standard_input() -> str:
    if sys.stdin is None:  # it is closed
        return ""
    try:
        return sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise ValueError(f"cannot read the standard input: {error.strerror}") from None


def _check_utf8(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PlaceError(text, error.start, "the text is not UTF-8") from None


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if not match:
        raise argparse.ArgumentTypeError("a duration is 500ms, 30s, 2m or a number of seconds, and not negative")
    return float(match[1]) * _UNITS[match[2] or "s"]


def _client(address: tuple[str, int]) -> Client:
    return Client(address[0], address[1])


def _ready(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m libobe ready",
        description="Ask whether a server answers: exit status 0 if there is any reply, 3 if there is none.",
        epilog=_ADDRESS_HELP,
    )
    parser.add_argument("address", nargs="?", metavar="ADDRESS")
    parser.add_argument("--wait", type=_seconds, metavar="S", help="how long to try again while no server answers")
    parser.add_argument(
        "--timeout", type=_seconds, default=5.0, metavar="S", help="how long to wait without --wait (5s)"
    )
    options = parser.parse_args(arguments)
    with _client(("", DEFAULT_PORT) if options.address is None else _address(options.address)) as client:
        if options.wait:
            client.wait_ready(options.wait)
        else:
            client._obe.tcmd_text(_READY, limit_of(options.timeout))
    return 0


def _call(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m libobe call",
        usage="%(prog)s [-h] [--timeout S] [ADDRESS] COMMAND|JSON|- [key=value ...]",
        description="Send a command, or any JSON text, to a server and print its reply. A value is JSON, such as 4, "
        "[2.5] or NaN, and otherwise a string; with - the message is the standard input. The exit status is 1 if the "
        'reply has a member "error", and 3 if there is no server or no reply in time.',
        epilog=_ADDRESS_HELP + " The first argument is an ADDRESS if it has a colon before any equals sign and is "
        "not JSON.",
    )
    parser.add_argument("arguments", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--timeout", type=_seconds, default=60.0, metavar="S", help="how long to wait (60s)")
    options = parser.parse_intermixed_args(arguments)
    address, words = ("", DEFAULT_PORT), options.arguments
    if _is_address(words[0]):
        address, words = _address(words[0]), words[1:]
    if not words:
        raise ValueError("COMMAND is missing: what to send, such as goodset pickiness=4")
    text = _message(words)
    try:
        Message.from_text(text.encode()).release()
    except errors.JsonError as error:  # the library limits how deep arrays nest
        raise ValueError(str(error)) from None
    with _client(address) as client:
        reply = client._obe.tcmd_text(text.encode(), limit_of(options.timeout))
    # Outside of strings a line break is white space, and inside it is written \n.
    if sys.stdout is not None:  # it is closed
        sys.stdout.buffer.write(re.sub("[\r\n]", " ", reply).strip(_SPACE).encode() + b"\n")
        sys.stdout.flush()
    value = _loads(reply)
    if isinstance(value, dict) and value.get("error") is not None:
        why = value["error"]
        why = why if isinstance(why, str) else json.dumps(why, ensure_ascii=False)
        _tell(f"libobe call: the server answered with an error: {_printable(why[:200])}")
        return ANSWER
    return 0


def _help(_: Sequence[str]) -> int:
    text = "usage: python -m libobe [ready|call ...]\n\nWithout arguments: versions and paths for a problem report."
    print(text, flush=sys.stdout is not None)
    return 0


def _tell(sentence: str) -> None:
    """Print a sentence for people. The exit status says the same if they cannot get it."""
    if sys.stderr is None:  # it is closed, and print would use the standard output
        return
    try:
        print(sentence, file=sys.stderr, flush=True)
    except OSError:
        _drop(sys.stderr)


def _drop(stream: TextIO) -> None:
    """What was not written is dropped. Python would write it again at its end, and fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def main(arguments: Sequence[str]) -> int:
    """Run ready or call, and return the exit status."""
    verbs = {"ready": _ready, "call": _call, "help": _help}
    verb = arguments[0]
    if verb in ("-h", "--help"):
        verb = "help"
    if verb not in verbs:
        _tell(f"libobe: {_printable(verb)!r} is neither ready nor call")
        return USAGE
    # A signal ends a call at once, with the status of a shell.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    why: Exception
    try:
        return verbs[verb](arguments[1:])
    except KeyboardInterrupt:
        return INTERRUPT
    except BrokenPipeError:
        _drop(sys.stdout)
        return CLOSED_PIPE
    except errors.ArgumentError as error:
        why, status = error, USAGE
    except _NO_MESSAGE as error:
        why, status = error, ANSWER
    except errors.Error as error:
        why, status = error, NO_ANSWER
    except OSError as error:
        _drop(sys.stdout)
        why, status = ValueError(f"cannot write the result: {error.strerror}"), ANSWER
    except (ValueError, ImportError, NotImplementedError) as error:  # the command line, or no library for this system
        why, status = error, USAGE
    text = str(why).replace("use wait_ready to wait", "ready --wait 30s waits")
    _tell(f"libobe {verb}: {text}")
    return status
