"""Evaluates expressions with Python's math.

On the standard input is a JSON list of {"text", "names"}, where the text is Python's; on the standard output is a list
of [value, error]. The error bounds how far another correct evaluation may be. It is the sum of the rounding errors of
all operations, and of how much each changes when its operands are off by their errors. It is null if the value cannot
be compared: an operation is undefined, or its operands decide whether it is.

For a question with "direct" the output is the value of the text with Python's operators, or null if that is an error.
"""

import json
import math
import sys

ULPS = 16 * 2.0**-53


class Undefined(Exception):
    """The value is not comparable: an operation on the way to it is undefined, or almost."""


class Value:
    def __init__(self, value, error=0.0):
        self.value, self.error = value, error

    def __neg__(self):
        return Value(-self.value, self.error)


def operation(function):
    def apply(*operands):
        corners = [()]
        for o in operands:
            choices = {o.value} if o.error == 0 else {o.value, o.value - o.error, o.value + o.error}
            corners = [c + (v,) for c in corners for v in choices]
        try:
            value = float(function(*(o.value for o in operands)))
            error = max(abs(float(function(*c)) - value) for c in corners)
        except (ValueError, OverflowError, ZeroDivisionError) as e:
            raise Undefined(all(o.error == 0 for o in operands)) from e
        if not math.isfinite(value) or not math.isfinite(error) or 0 < abs(value) < 1e-290:
            raise Undefined(False)
        # Go's Pow and Gamma are less exact for very large and very small results.
        more = 1 + abs(math.log(abs(value))) / 32 if value else 1
        return Value(value, error + ULPS * more * abs(value))

    return apply


def sign(x):
    return (x > 0) - (x < 0)


FUNCTIONS = {
    "where": lambda c, a, b: a if c else b,
    "sign": sign,
    "abs": abs,
    "min": min,
    "max": max,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": math.pow,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
}
for name in "sin cos tan asin acos atan atan2 sinh cosh tanh exp log log10 sqrt cbrt floor erf gamma hypot".split():
    # math.cbrt is new in Python 3.11
    FUNCTIONS[name] = getattr(math, name, None) or (lambda x: math.copysign(abs(x) ** (1 / 3), x))
SCOPE = {name: operation(f) for name, f in FUNCTIONS.items()}
SCOPE["Value"] = Value
SCOPE["pi"] = Value(math.pi)


def evaluate(text, names):
    values = {name: Value(v) for name, v in names.items()}
    try:
        # The texts are those of the test.
        result = eval(text, SCOPE, values)
    except Undefined:
        return [0, None]
    return [result.value, result.error]


def direct(text, names):
    """The text with Python's own operators."""
    scope = {**vars(math), "pow": math.pow, "sign": sign, "where": FUNCTIONS["where"]}
    try:
        return float(eval(text, scope, names))
    except (ValueError, OverflowError, ZeroDivisionError):
        return None


json.dump(
    [direct(q["text"], q["names"]) if q.get("direct") else evaluate(q["text"], q["names"]) for q in json.load(sys.stdin)],
    sys.stdout,
)
