"""Reads texts with Python's json module, for the tests of package jsondoc.

A request is a line: a word and its arguments, in base64 or as decimal numbers. The reply is a line of JSON.

    read TEXT        every value in the text, or why it is not JSON
    document SEED    a random text, every value in it, and pointers, some of them to no value
    mutated SEED     the same, of a text with some of its bytes changed
    numbers SEED N   an array of N numbers in every spelling, and their values as doubles
    dumps DOUBLES    the doubles as json.dumps writes them
    dumps DOUBLES N  the same as rows of N
"""
import base64
import decimal
import json
import math
import random
import re
import struct
import sys

if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
decimal.getcontext().prec = 2000


def bits(value):
    return struct.pack(">d", value).hex()


def encode(data):
    return base64.b64encode(data).decode("ascii")


# ---- reading ----


class Number:
    """A number as it is spelled."""

    def __init__(self, spelling, real):
        self.spelling = spelling
        self.real = real

    def double(self):
        """The bits of its value as a double, or "overflow" for an integer that is too large."""
        if self.real:
            return bits(float(self.spelling))
        if self.spelling == "-0":  # a Python int has no negative zero
            return bits(-0.0)
        try:
            return bits(float(int(self.spelling)))
        except OverflowError:
            return "overflow"


class Pairs(list):
    """The members of an object, including those with equal keys."""


def utf8(text):
    """A text with U+FFFD instead of lone surrogates, which UTF-8 cannot encode."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def loads(data):
    return json.loads(
        data.decode("utf-8"),
        object_pairs_hook=Pairs,
        parse_int=lambda s: Number(s, False),
        parse_float=lambda s: Number(s, True),
        parse_constant=lambda s: Number(s, True),
    )


def escape(key):
    return key.replace("~", "~0").replace("/", "~1")


def doubles(values):
    """The bits of the values, or None unless all of them are numbers."""
    if not all(isinstance(v, Number) for v in values):
        return None
    return [v.double() for v in values]


def too_large(values):
    """Whether one of the values is an integer that is larger than any double."""
    return any(isinstance(v, Number) and v.double() == "overflow" for v in values)


def matrix(rows):
    if any(isinstance(r, Pairs) or not isinstance(r, list) or doubles(r) is None for r in rows):
        return None
    if len({len(r) for r in rows}) > 1:
        return None
    return [d for r in rows for d in doubles(r)]


def walk(value, pointer, nodes):
    node = {"pointer": pointer}
    nodes.append(node)
    if isinstance(value, Pairs):
        keys = [utf8(k) for k, _ in value]
        node.update(type="object", count=len(value), keys=keys)
        for key, member in {utf8(k): v for k, v in value}.items():  # of equal keys the last one counts
            walk(member, f"{pointer}/{escape(key)}", nodes)
    elif isinstance(value, list):
        rows = [v for row in value if type(row) is list for v in row]
        node.update(type="array", count=len(value), doubles=doubles(value), matrix=matrix(value), range=too_large(value + rows))
        if value and node["matrix"] is not None:
            node["cols"] = len(value[0])
        if node["doubles"] is None or len(value) < 100:
            for i, element in enumerate(value):
                walk(element, f"{pointer}/{i}", nodes)
    elif isinstance(value, Number):
        node.update(type="real" if value.real else "integer", spelling=value.spelling, double=value.double())
    elif isinstance(value, str):
        node.update(type="string", text=utf8(value))
    elif value is None:
        node.update(type="null")
    else:
        node.update(type="bool", truth=value)


def read(data):
    try:
        value = loads(data)
    except (ValueError, RecursionError) as e:
        return {"error": f"{type(e).__name__}: {e}"}
    nodes = []
    walk(value, "", nodes)
    return {"nodes": nodes}


# ---- pointers ----


def resolve(value, pointer):
    """The type at a pointer, "missing", or "invalid": RFC 6901."""
    if pointer and pointer[0] != "/" or re.search("~(?![01])", pointer):
        return "invalid"
    for token in pointer.split("/")[1:]:
        token = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Pairs):
            members = {utf8(k): v for k, v in value}
            if token not in members:
                return "missing"
            value = members[token]
        elif isinstance(value, list):
            if not re.fullmatch("0|[1-9][0-9]*", token, re.ASCII) or int(token) >= len(value):
                return "missing"
            value = value[int(token)]
        else:
            return "missing"
    nodes = []
    walk(value, "", nodes)
    return nodes[0]["type"]


def probes(r, data, nodes):
    value = loads(data)
    found = []
    for _ in range(6):
        p = r.choice(nodes)["pointer"]
        tail = ["/0", "/", "/-", "/00", "/+1", "/1", "/-1", "/99999999999999999999999", "~", "~2", "/a", "/~1", "/\u0661", "0"]
        p = r.choice([p + r.choice(tail), p[1:], p[:-1], p.replace("~1", "/"), p.replace("~0", "~"), p.swapcase()])
        found.append([p, resolve(value, p)])
    return found


# ---- generating ----

PLANES = [(0x10000 * p + 0x20, 0x10000 * p + 0xFFFF) for p in range(17)]
SPECIAL = '~/"\\\x00\x01\x1f\x7f\b\f\n\r\t\x85\u2028\ufeff\ufffd\uffff\U0010ffff'


def random_text(r):
    kind = r.random()
    if kind < 0.3:
        return r.choice(["", "a", "x", "command", "~", "/", "~1", "~0", "~01", "a/b", "m~n", "0", "1", "-", '"', "\\", "\\u0041"])
    if kind < 0.6:
        return "".join(r.choice("abcdefgh~/\"\\'[]{},: ") for _ in range(r.randrange(20)))
    chars = []
    for _ in range(r.randrange(12)):
        if r.random() < 0.3:
            chars.append(r.choice(SPECIAL))
        elif r.random() < 0.1:
            chars.append(chr(r.randrange(0xD800, 0xE000)))
        else:
            chars.append(chr(r.randrange(*r.choice(PLANES))))
    return "".join(chars)


def random_double(r):
    kind = r.randrange(12)
    if kind == 0:  # random bits
        return struct.unpack("<d", r.randbytes(8))[0]
    if kind == 1:  # subnormal
        return struct.unpack("<d", struct.pack("<Q", r.getrandbits(52)))[0]
    if kind == 2:
        return r.choice([0.0, -0.0, 5e-324, -5e-324, 2.2250738585072011e-308, 2.2250738585072014e-308, sys.float_info.max, -sys.float_info.max])
    if kind == 3:
        return r.choice([math.nan, math.inf, -math.inf])
    if kind == 4:  # an integer
        return float(r.randrange(-1000, 1000))
    if kind == 5:
        return float(r.getrandbits(r.randrange(1, 90)))
    if kind == 6:  # a power of two and its neighbours
        v = math.ldexp(1.0, r.randrange(-1074, 1024))
        return r.choice([v, math.nextafter(v, 0), math.nextafter(v, math.inf)]) * r.choice([1, -1])
    if kind == 7:
        return float(f"1e{r.randrange(-330, 309)}")
    if kind == 8:  # few digits
        return r.randrange(10**r.randrange(1, 7)) / 10**r.randrange(7)
    return r.uniform(-10, 10)


def halfway(r):
    """The exact decimal of the midpoint of two doubles, or a number one digit away from it."""
    v = abs(random_double(r))
    while not math.isfinite(v) or math.nextafter(v, math.inf) == math.inf:
        v = abs(random_double(r))
    middle = (decimal.Decimal(v) + decimal.Decimal(math.nextafter(v, math.inf))) / 2
    text = format(middle, r.choice("fe"))
    mantissa, e, exponent = text.partition("e")
    kind = r.randrange(3)
    if kind and "." not in mantissa:
        mantissa += ".0"
    if kind == 1:
        mantissa += "0" * r.randrange(30) + "1"
    elif kind == 2:
        mantissa = mantissa.rstrip("0")
        mantissa = mantissa[:-1] + str(int(mantissa[-1]) - 1) + "9" * r.randrange(1, 30) if mantissa[-1] != "." else mantissa + "0"
    return mantissa + e + exponent


def spelling(r):
    """A number as text."""
    kind = r.randrange(10)
    if kind == 0:
        return r.choice(["0", "-0", "1", "-1", "25", "9007199254740993", "9223372036854775807", "-9223372036854775808",
                         "9223372036854775808", "-9223372036854775809", "18446744073709551616"])
    if kind == 1 and r.random() < 0.1:
        return r.choice(["1" + "0" * 308, "1" + "0" * 309, str(r.getrandbits(1024)), "-" + str(r.getrandbits(1025))])
    if kind == 1:
        return str(r.getrandbits(r.choice([8, 53, 63, 64, 70, 200])) * r.choice([1, -1]))
    if kind == 2:
        return r.choice(["1e999", "-1e999", "1e-999", "1E5", "1e+5", "0e0", "-0.0", "0E-0", "1.0e00005", "12345678901234567890.5",
                         "0." + "0" * 40 + "1234567890123456789012", "9" * 30 + "e-10", "1e" + "9" * 30, "-0e-" + "9" * 25])
    if kind == 3:
        return r.choice(["", "-"]) + halfway(r)
    v = random_double(r)
    if math.isnan(v):
        return "NaN"
    if math.isinf(v):
        return "Infinity" if v > 0 else "-Infinity"
    if kind == 4:
        return "%.17g" % v
    if kind == 5:
        return "%.*E" % (r.randrange(40), v)
    if kind == 6 and 1e-40 < abs(v) < 1e40:
        return "%.*f" % (r.randrange(50), v)
    return repr(v)


def write_string(r, text):
    out = ['"']
    for c in text:
        short = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
        if c in short and (c != "/" or r.random() < 0.3):
            out.append(short[c] if r.random() < 0.8 else "\\u%04x" % ord(c))
        elif ord(c) < 0x20 or 0xD800 <= ord(c) < 0xE000:
            out.append("\\u%04X" % ord(c))
        elif r.random() < 0.2:
            code = c.encode("utf-16-be")
            out += ["\\u" + r.choice([str.lower, str.upper])(code[i : i + 2].hex()) for i in range(0, len(code), 2)]
        else:
            out.append(c)
    return "".join(out) + '"'


def write(r, depth, gap):
    kind = r.random()
    if depth > 0 and kind < 0.25:
        members = [(write_string(r, random_text(r)), write(r, depth - 1, gap)) for _ in range(r.randrange(8))]
        if members and r.random() < 0.2:
            members.append((r.choice(members)[0], write(r, depth - 1, gap)))
        return "{" + gap() + ",".join(f"{gap()}{k}{gap()}:{gap()}{v}{gap()}" for k, v in members) + "}"
    if depth > 0 and kind < 0.4:
        return "[" + gap() + ",".join(f"{gap()}{write(r, depth - 1, gap)}{gap()}" for _ in range(r.randrange(8))) + "]"
    if depth > 0 and kind < 0.5:
        count = r.choice([0, 1, 2, 5, 10, 30] if r.random() < 0.97 else [500])
        return "[" + ",".join(f"{gap()}{spelling(r)}{gap()}" for _ in range(count)) + gap() + "]"
    if depth > 0 and kind < 0.56:
        cols = r.randrange(4)
        rows = ["[" + ",".join(f"{gap()}{spelling(r)}" for _ in range(cols if r.random() < 0.97 else cols + 1)) + gap() + "]"
                for _ in range(r.randrange(6))]
        return "[" + gap() + ",".join(f"{gap()}{row}{gap()}" for row in rows) + "]"
    if kind < 0.8:
        return spelling(r)
    if kind < 0.9:
        return write_string(r, random_text(r))
    return r.choice(["true", "false", "null"])


def random_document(r):
    dense = r.random() < 0.5
    large = 4 if r.random() < 0.1 else 2

    def gap():
        return "" if dense or r.random() < 0.7 else r.choice([" ", "\n", "\t", "\r\n ", "   "])

    if r.random() < 0.7:  # an object with members, as messages are
        members = [f"{write_string(r, random_text(r))}{gap()}:{gap()}{write(r, r.randrange(large), gap)}" for _ in range(r.randrange(1, 4 * large))]
        text = "{" + f"{gap()},{gap()}".join(members) + "}"
    else:
        text = write(r, large + 1, gap)
    return f"{gap()}{text}{gap()}".encode("utf-8")


def mutate(r, data):
    data = bytearray(data)
    for _ in range(r.randrange(1, 3)):
        at = r.randrange(len(data) + 1)
        kind = r.randrange(4)
        if kind == 0:
            del data[at : at + r.choice([1, 1, 2, 8])]
        elif kind == 1:
            data[at:at] = r.choice([b",", b'"', b"\\", b"[", b"]", b"{", b"}", b":", b"0", b"-", b".", b"e", b"\x00", b"\xff", b"\xed\xa0\x80", b"NaN", b" "])
        elif kind == 2 and data:
            data[at % len(data)] = r.randrange(256)
        else:
            data[at:at] = data[: r.randrange(20)]
    return bytes(data)


# ---- requests ----


def document(seed, change):
    r = random.Random(seed)
    data = random_document(r)
    if change:
        data = mutate(r, data)
    answer = read(data)
    answer["text"] = encode(data)
    if "nodes" in answer:
        answer["probes"] = probes(r, data, answer["nodes"])
    return answer


def numbers(seed, count):
    r = random.Random(seed)
    spellings = [spelling(r) for _ in range(count)]
    spellings = [s for s in spellings if loads(s.encode()).double() != "overflow"]
    values = [loads(s.encode()).double() for s in spellings]
    return {"text": encode(f"[{', '.join(spellings)}]".encode()), "doubles": values}


def dumps(data, cols):
    values = list(struct.unpack(f"<{len(data) // 8}d", data))
    reprs = [float.__repr__(v) for v in values]
    if cols:
        values = [values[i : i + cols] for i in range(0, len(values), cols)]
    return {"text": encode(json.dumps(values).encode()), "reprs": reprs}


for line in sys.stdin:
    word, *arguments = line.split(" ")
    arguments[-1] = arguments[-1].rstrip("\n")
    if word == "read":
        answer = read(base64.b64decode(arguments[0]))
    elif word in ("document", "mutated"):
        answer = document(int(arguments[0]), word == "mutated")
    elif word == "numbers":
        answer = numbers(int(arguments[0]), int(arguments[1]))
    elif word == "dumps":
        answer = dumps(base64.b64decode(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 0)
    else:
        raise SystemExit(f"what is {word!r}?")
    print(json.dumps(answer), flush=True)
