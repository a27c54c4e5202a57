"""Turn parsed JSON or TOML into frozen dataclasses, strictly, with the path in every complaint.

One mechanism for problems, profiles, device files, bundles' manifests and configuration: unknown
keys, missing keys, booleans for numbers, strings for numbers, NaN and infinities are refused, each
with the path (`edge.points[3].wait_w`), the value and what was expected.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
from collections.abc import Hashable, Iterable, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from joulecut_core.errors import JoulecutError

T = TypeVar("T")

WHOLE_NUMBERS = range(-(1 << 63), 1 << 64)
"""As messages and files hold them, with a sign or without: what is read once can be written and read again."""
_SHOWN = 60


def decode(cls: type[T], data: object, *, error: type[JoulecutError], path: str = "") -> T:
    """Build `cls`, a dataclass, from parsed JSON or TOML.

    Supports float, int, bool, str, None, enums of str, tuples of one type, string-keyed mappings and
    nested dataclasses. Raises `error` naming the path, the value and what was expected.
    """
    return cast(T, _dataclass(cls, data, error, path))


def check_schema(data: object, schema: str, error: type[JoulecutError]) -> None:
    """Raise `error` where `data` is an object of another schema, or of none."""
    if isinstance(data, Mapping) and data.get("schema") != schema:
        found = f"{show(data['schema'])}" if "schema" in data else "missing"
        raise error(f"schema: {found}; expected {schema!r}")


def keyed_object(
    data: object, known: Sequence[str], *, required: Sequence[str] = (), error: type[JoulecutError], path: str = ""
) -> Mapping[str, object]:
    """`data`, an object with no keys but the known ones and none of the required ones missing; raises `error` else."""
    if not isinstance(data, Mapping):
        raise error(f"{path or 'top level'}: {show(data)} is not an object; expected one")
    for key in data:
        if key not in known:
            raise error(f"{join(path, _short(str(key)))}: unknown key; {_suggest(str(key), known)}")
    for key in required:
        if key not in data:
            raise error(f"{join(path, key)}: missing; expected it beside {', '.join(data) or 'nothing'}")
    return data


def listed(data: object, *, error: type[JoulecutError], path: str) -> Sequence[object]:
    """`data`, a list; raises `error` else."""
    if not isinstance(data, Sequence) or isinstance(data, (str, bytes)):
        raise error(f"{path}: {show(data)}; expected a list of objects")
    return data


def encode(value: object) -> Any:
    """The reverse of `decode`: dataclasses to plain dictionaries, tuples to lists, enums to their values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    return value


def show(value: object) -> str:
    """A value as it stands in a message: short, on one line."""
    text = repr(value).replace("\n", " ")
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def join(path: str, name: str) -> str:
    """The path of a field inside the object at `path`, on one line whatever the name."""
    shown = name if name.isprintable() else repr(name)[1:-1]
    return f"{path}.{shown}" if path else shown


def _short(name: str) -> str:
    return name if len(name) <= _SHOWN else f"{name[: _SHOWN - 3]}..."


@cache
def _hints(cls: Hashable) -> Mapping[str, Any]:
    return get_type_hints(cast(type, cls))


def _dataclass(cls: type[Any], data: object, error: type[JoulecutError], path: str) -> Any:
    if not isinstance(data, Mapping):
        raise error(f"{path or 'top level'}: {show(data)} is not an object; expected {cls.__name__}")
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for key in data:
        if key not in fields:
            raise error(f"{join(path, _short(str(key)))}: unknown key; {_suggest(str(key), fields)}")
    hints = _hints(cast(Hashable, cls))
    arguments: dict[str, Any] = {}
    for name, field in fields.items():
        if name in data:
            arguments[name] = _value(hints[name], data[name], error, join(path, name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise error(f"{join(path, name)}: missing; expected {_describe(hints[name])}")
    return cls(**arguments)


def _suggest(key: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(known)}"


def _value(kind: Any, data: object, error: type[JoulecutError], path: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _optional(kind, data, error, path)
    if origin is tuple:
        return _tuple(kind, data, error, path)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(kind, data, error, path)
    if dataclasses.is_dataclass(kind):
        return _dataclass(cast(type, kind), data, error, path)
    if isinstance(kind, type) and issubclass(kind, Enum):
        values = [member.value for member in kind]
        if data not in values:
            raise error(f"{path}: {show(data)}; expected one of {', '.join(map(repr, values))}")
        return kind(data)
    return _scalar(kind, data, error, path)


def _optional(kind: Any, data: object, error: type[JoulecutError], path: str) -> Any:
    members = [member for member in get_args(kind) if member is not type(None)]
    if data is None:
        return None
    if len(members) != 1:
        raise TypeError(f"{kind} is not supported; use one type or None")
    return _value(members[0], data, error, path)


def _tuple(kind: Any, data: object, error: type[JoulecutError], path: str) -> tuple[Any, ...]:
    if not isinstance(data, Sequence) or isinstance(data, (str, bytes)):
        raise error(f"{path}: {show(data)}; expected {_describe(kind)}")
    item_kind = get_args(kind)[0]
    return tuple(_value(item_kind, item, error, f"{path}[{index}]") for index, item in enumerate(data))


def _mapping(kind: Any, data: object, error: type[JoulecutError], path: str) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise error(f"{path}: {show(data)}; expected {_describe(kind)}")
    item_kind = get_args(kind)[1]
    return {str(key): _value(item_kind, item, error, join(path, str(key))) for key, item in data.items()}


def _scalar(kind: Any, data: object, error: type[JoulecutError], path: str) -> Any:
    if kind is float and isinstance(data, (int, float)) and not isinstance(data, bool):
        try:
            number = float(data)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    elif kind is int and type(data) is int:
        if data in WHOLE_NUMBERS:
            return data
    elif kind is Any or (isinstance(kind, type) and type(data) is kind):
        return data
    raise error(f"{path}: {show(data)}; expected {_describe(kind)}")


def _describe(kind: Any) -> str:
    if kind is float:
        return "a finite number"
    if kind is int:
        return "a whole number of at most 64 bits"
    if kind is bool:
        return "true or false"
    if kind is str:
        return "a string"
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return " or ".join("null" if member is type(None) else _describe(member) for member in get_args(kind))
    if origin is tuple:
        return f"a list of {_describe(get_args(kind)[0])}"
    if origin is not None:
        return "an object"
    return f"an object ({getattr(kind, '__name__', kind)})"
