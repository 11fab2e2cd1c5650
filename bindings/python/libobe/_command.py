"""Commands of a server: functions whose arguments are the members of a message."""

from __future__ import annotations

import functools
import json
import logging
import sys
import types
import unicodedata
from typing import TYPE_CHECKING, Annotated, Any, Callable, TypeVar, Union, get_args, get_origin, overload

from . import errors
from ._json import decode, encode
from ._message import Message, numpy_module
from ._socket import Request

if TYPE_CHECKING:
    import inspect  # imported when the first command is defined, since clients do not need it

# An application that configures logging sees what a server logs. Without that, nothing is printed.
logger = logging.getLogger("libobe.server")
logger.addHandler(logging.NullHandler())

Function = TypeVar("Function", bound=Callable[..., Any])
Converter = Callable[[Any], Any]

_MARK = "_obe_commands"  # the attribute of a decorated function: the names of its commands
_UNIONS = (Union, getattr(types, "UnionType", Union))
_MOST_IGNORED = 100  # unknown members that are compared and logged: a client may send any number
_LONGEST = 64  # characters of a client's name or text that an error message repeats


class RefusedError(Exception):
    """A message that no command accepts. Its text is the error message for the client."""


class _MismatchError(Exception):
    def __init__(self, expected: str, value: Any, where: str = "") -> None:
        super().__init__(expected, value, where)
        self.expected, self.value, self.where = expected, value, where


# -- decorators --------------------------------------------------------------------------------------------------------


@overload
def command(name: Function, /) -> Function: ...
@overload
def command(name: str | None = None, /) -> Callable[[Function], Function]: ...
def command(name: Any = None, /) -> Any:
    """Decorate a method of a `libobe.Server` subclass as a command with the method's name, or another one.

    For example:

        class Magnetometer(Server):
            @command
            def optset(self) -> list[float]: ...

            @command("newdat")
            def record(self, x: list[float], y: float, s: float) -> None: ...
    """

    def mark(function: Any, command_name: str) -> None:
        setattr(function, _MARK, (*names_of(function), command_name))

    return decorate(name, mark)


def decorate(argument: Any, register: Callable[[Any, str], None]) -> Any:
    """Apply a decorator that may be used with a name, without one, or without parentheses."""

    def decorator(function: Function) -> Function:
        # A classmethod has no name of its own before Python 3.10.
        name = getattr(getattr(function, "__func__", function), "__name__", None) if argument is None else argument
        if not callable(function) and not isinstance(function, (staticmethod, classmethod)):
            raise TypeError(f"a command is a function, not {function!r}")
        if not isinstance(name, str):
            raise TypeError(f'{function!r} has no name; write command("its name")')
        register(function, name)
        return function

    if argument is None or isinstance(argument, str):
        return decorator
    function, argument = argument, None
    return decorator(function)


def names_of(function: Any) -> tuple[str, ...]:
    """The names of the commands that a function was made by `command`."""
    names = getattr(function, _MARK, None) or getattr(getattr(function, "__func__", None), _MARK, ())
    return names if isinstance(names, tuple) else ()


def methods_of(cls: type) -> dict[str, tuple[str, ...]]:
    """The names of the commands by method. A method keeps the commands of the one that it overrides."""
    methods: dict[str, tuple[str, ...]] = {}
    for base in reversed(cls.__mro__):
        methods.update({key: names_of(value) for key, value in vars(base).items() if names_of(value)})
    return methods


# -- arguments ---------------------------------------------------------------------------------------------------------


class Parameters:
    """The parameters of a command's function, and how they are read from a message."""

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        import inspect

        if inspect.iscoroutinefunction(function):
            raise TypeError(f"the command {name} is a coroutine; a server calls plain functions")
        self._command = name
        self._positional: list[str] = []
        self._required: list[str] = []
        self._converters: dict[str, Converter] = {}
        self._arrays: set[str] = set()
        self._request = ""  # the parameter that receives the request
        self._rest: Converter | None = None  # for the members that **fields receives
        self._ignored: set[tuple[str, tuple[str, ...]]] = set()  # members, and what was missing: logged already
        try:
            parameters = inspect.signature(function).parameters.values()
        except ValueError:
            raise TypeError(f"the parameters of {function!r} are not known; write a function around it") from None
        for parameter in parameters:
            self._add(parameter, _annotation(parameter, function, name))

    def _add(self, parameter: inspect.Parameter, annotation: Any) -> None:
        if parameter.kind is parameter.VAR_POSITIONAL:
            return  # members have names, so that it is always empty
        convert = _converter(annotation, argument=True)
        if parameter.kind is parameter.VAR_KEYWORD:
            self._rest = convert
            return
        if parameter.kind is parameter.POSITIONAL_ONLY:
            self._positional.append(parameter.name)
        if annotation is Request or (parameter.name == "request" and annotation is parameter.empty):
            self._request = parameter.name
            return
        if parameter.default is parameter.empty:
            self._required.append(parameter.name)
        elif parameter.default is None:
            convert = _optional(convert)  # as in `pickiness: float = None`
        self._converters[parameter.name] = convert
        if _is_array(convert):
            self._arrays.add(parameter.name)

    @property
    def has_request(self) -> bool:
        return bool(self._request)

    def read(self, request: Request, message: Message) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a call, or RefusedError if the message does not have the right members."""
        members = _members_with_arrays(message, self._arrays) if self._arrays else request.value
        if "command" not in self._converters:
            del members["command"]
        arguments, unknown = {}, []
        for member, value in members.items():
            name = self._parameter(member)
            convert = self._converters.get(name, self._rest)
            if convert is None or name == self._request:
                unknown.append(name)
                continue
            try:
                arguments[name] = convert(value)
            except _MismatchError as error:
                where = f"{error.where}the member {_quoted(name)}"
                raise RefusedError(
                    f"{self._command}: {where} must be {error.expected}, not {_described(error.value)}"
                ) from None
        for name in unknown[:_MOST_IGNORED]:
            self._ignore(name, arguments)
        for name in self._required:
            if name not in arguments:
                raise RefusedError(f'{self._command}: the member "{name}" is missing')
        if self._request:
            arguments[self._request] = request
        return [arguments.pop(name) for name in self._positional if name in arguments], arguments

    def _parameter(self, member: str) -> str:
        """The parameter that receives a member. Python itself replaces compatibility characters in identifiers, such as
        the micro sign of keyboards by the Greek letter."""
        if member.isascii() or member in self._converters:
            return member
        name = unicodedata.normalize("NFKC", member)
        return name if name in self._converters else member

    def _ignore(self, name: str, arguments: dict[str, Any]) -> None:
        """Ignores a member without a parameter, so that clients can add some.

        RefusedError is for a name like that of a parameter without an argument: a misspelled member must not become a
        default.
        """
        missing = tuple(known for known in self._converters if known not in arguments and known != "command")
        key = (shortened(name), missing)
        if key in self._ignored:
            return
        close = _similar(name, list(missing))
        if close:
            raise RefusedError(f'{self._command}: unknown member {_quoted(name)}; did you mean "{close}"?')
        if len(self._ignored) < _MOST_IGNORED:
            self._ignored.add(key)
            logger.warning("%s: the member %s has no parameter, and is ignored", self._command, _quoted(name))


def _members_with_arrays(message: Message, arrays: set[str]) -> dict[str, Any]:
    """The members of a message, those in arrays as numpy arrays, if they are arrays of numbers."""
    numpy = numpy_module()
    members = {}
    for key in message.member_names():
        pointer = b"/" + key.replace(b"~", b"~0").replace(b"/", b"~1")
        name = key.decode()
        array = message.array(numpy, pointer) if name in arrays else None
        members[name] = decode(message.json(pointer).decode()) if array is None else array
    return members


def command_name(message: Message) -> str:
    """The name of the command in a message."""
    try:
        name = decode(message.json(b"/command").decode())
    except errors.Error:
        raise RefusedError('a message must be an object with a member "command"') from None
    if not isinstance(name, str):
        raise RefusedError(f'the member "command" must be a string, not {_described(name)}')
    return name


def unknown_command(name: str, known: list[str]) -> RefusedError:
    """The error for a command that a server does not have."""
    close = _similar(name, known)
    hint = f"did you mean '{close}'?" if close else f"the commands are {', '.join(sorted(known))}"
    return RefusedError(f"unknown command '{_quoted(name)[1:-1]}'; {hint}")


def _similar(name: str, known: list[str]) -> str:
    if len(name) > _LONGEST:
        return ""  # its time grows faster than the length
    import difflib

    return next(iter(difflib.get_close_matches(name, known, 1)), "")


def shortened(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else text[:longest] + "..."


def _quoted(text: str) -> str:
    return json.dumps(shortened(text))  # no control characters, which could forge lines of a log


def _described(value: Any) -> str:
    """A value from a client, in the words of JSON and not longer than a line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, (int, float)):
        return shortened(repr(value))
    if isinstance(value, dict):
        return "an object"
    return f"an array of {len(value)}" if isinstance(value, list) else "an array"


# -- types -------------------------------------------------------------------------------------------------------------


def _annotation(parameter: inspect.Parameter, function: Callable[..., Any], name: str) -> Any:
    annotation = parameter.annotation
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, _globals(function))
    except Exception as error:
        if parameter.name == "request" and annotation.rpartition(".")[2] == "Request":
            return Request  # imported for type checkers only
        raise TypeError(
            f"the annotation {annotation!r} of {parameter.name} in the command {name} cannot be evaluated "
            f"({type(error).__name__}: {error}); import its names at the top of the module"
        ) from None


def _globals(function: Any) -> dict[str, Any]:
    """The global names of the module where a function is defined."""
    import inspect

    function = inspect.unwrap(function)
    while isinstance(function, functools.partial):
        function = function.func
    if not hasattr(function, "__globals__"):
        function = getattr(function, "__func__", None) or getattr(type(function).__call__, "__func__", function)
    return getattr(function, "__globals__", None) or vars(sys.modules[type(function).__module__])


def _converter(annotation: Any, *, argument: bool = False) -> Converter:
    """The function that checks and converts a JSON value for an annotation, of a whole argument or a part of one."""
    annotation = _meaning(annotation)
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in _UNIONS:
        others = [part for part in parts if part is not type(None)]
        if len(others) == 1:
            return _optional(_converter(others[0], argument=argument))
        any_of = functools.partial(_any_of, [_converter(other) for other in others])
        return any_of if len(others) == len(parts) else _optional(any_of)
    if origin is list and parts:
        return functools.partial(_list_of, _converter(parts[0]))
    if origin is dict and parts:
        return functools.partial(_dict_of, _converter(parts[1]))
    numpy = sys.modules.get("numpy")  # imported if an annotation is one of its types
    if numpy is not None and numpy.ndarray in (annotation, origin):
        return _array
    number: dict[Any, Converter] = {float: _float, int: _int}
    simple: dict[Any, Converter] = {**number, str: _str, bool: _bool, list: _list, dict: _dict}
    try:
        convert = simple.get(origin or annotation, _unchanged)  # typing.List is one of list
    except TypeError:  # not hashable
        return _unchanged
    return functools.partial(_only, convert) if argument and annotation in number else convert


def _meaning(annotation: Any) -> Any:
    """The type that an Annotated, a NewType or an alias stands for."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):  # a NewType
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":  # of Python 3.12 and later
            annotation = annotation.__value__
        elif type(get_origin(annotation)).__name__ == "TypeAliasType":  # such as numpy's NDArray[...]
            annotation = get_origin(annotation).__value__[get_args(annotation)]
        else:
            return annotation


def _unchanged(value: Any) -> Any:
    return value


def _optional(convert: Converter) -> Converter:
    return convert if convert is _unchanged else functools.partial(_none_or, convert)


def _is_array(convert: Converter) -> bool:
    while isinstance(convert, functools.partial) and convert.func is _none_or:
        (convert,) = convert.args
    return convert is _array


def _none_or(convert: Converter, value: Any) -> Any:
    return None if value is None else convert(value)


def _any_of(converters: list[Converter], value: Any) -> Any:
    mismatches = []
    for convert in converters:
        try:
            return convert(value)
        except _MismatchError as error:
            mismatches.append(error)
    # Those of an element say more: the value itself is of that type.
    best = [mismatch for mismatch in mismatches if mismatch.where] or mismatches
    expected = " or ".join(dict.fromkeys(mismatch.expected for mismatch in best))
    raise _MismatchError(expected, best[0].value, best[0].where)


def _only(convert: Converter, value: Any) -> Any:
    """Convert a number or a list of one number. LabVIEW and C send y and s as a list, Python the number itself."""
    return convert(value[0] if type(value) is list and len(value) == 1 else value)


def _float(value: Any) -> float:
    if type(value) not in (int, float):
        raise _MismatchError("a number", value)
    try:
        return float(value)
    except OverflowError:
        raise _MismatchError("a number within the range of double precision", value) from None


def _int(value: Any) -> int:
    if type(value) is int or (type(value) is float and value.is_integer()):  # 25.0 as LabVIEW sends it
        return int(value)
    raise _MismatchError("an integer", value)


def _str(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise _MismatchError("a string", value)


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _MismatchError("true or false", value)


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if type(value) in (int, float):
        return [value]  # a setting of one knob
    raise _MismatchError("an array", value)


def _list_of(convert: Converter, value: Any) -> list[Any]:
    values = _list(value)
    if convert is _float and set(map(type, values)) <= {float}:
        return values
    return [_element(convert, item, f"element {i} of ") for i, item in enumerate(values)]


def _element(convert: Converter, value: Any, where: str) -> Any:
    try:
        return convert(value)
    except _MismatchError as error:
        raise _MismatchError(error.expected, error.value, error.where + where) from None


def _dict(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise _MismatchError("an object", value)


def _dict_of(convert: Converter, value: Any) -> dict[str, Any]:
    return {key: _element(convert, item, f"{_quoted(key)} of ") for key, item in _dict(value).items()}


def _array(value: Any) -> Any:
    numpy = numpy_module()
    if isinstance(value, numpy.ndarray):
        return value
    if type(value) in (int, float):
        return numpy.array([_float(value)])
    if isinstance(value, list):  # one inside a list, a dict or a union: the library reads only whole members as arrays
        message = Message.from_text(encode(value))
        array = message.array(numpy)
        message.release()
        if array is not None:
            return array
    raise _MismatchError("an array of numbers, or of equally long arrays of numbers", value)
