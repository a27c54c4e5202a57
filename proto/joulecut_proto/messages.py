"""One mechanism between the project's dataclasses and protobuf messages of the same field names.

A `Converter` pairs a dataclass with a message. Field names are the same words on both sides, so it
follows the dataclass's type hints and the message's descriptor:

    float, int, bool, str, bytes   scalars; floats must be finite
    X | None                       a field with presence; absent is None
    a field with a default         a field with presence; absent is the default
    an Enum, or a str              an enum: POWER_CAP of ThrottleReason is "power-cap"
    a dataclass                    a message
    tuple[X, ...], frozenset[X]    a repeated field
    tuple[tuple[float, ...], ...]  a Table
    Mapping[str, str]              a map

What is missing, unknown or not finite raises ContractError naming the path and the value. Documents
that people write (problems, fleets) have an error and checks of their own, which then stand in their
place: the same complaint, word for word, wherever such a document comes from.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Hashable, Iterable, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, Generic, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from joulecut_core.decoding import join, show
from joulecut_core.errors import ContractError, JoulecutError, ProblemError

T = TypeVar("T")
M = TypeVar("M", bound=Message)

_FLOATS = (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT)
_TABLE = "joulecut.v1.Table"


@dataclasses.dataclass(frozen=True, slots=True)
class _Rules:
    """What a message that cannot be read raises, and whether its numbers are checked here or by the dataclass."""

    error: type[JoulecutError]
    finite: bool


_TRUSTS_NOTHING = _Rules(ContractError, finite=True)
_CHECKS_ITSELF = _Rules(ProblemError, finite=False)


class Converter(Generic[T, M]):
    """Turns dataclass `kind` into message `message` and back.

    `checks_itself`: the dataclass refuses what is not finite by itself, with ProblemError, which then
    is also what a missing or unknown field raises.
    """

    def __init__(self, kind: type[T], message: type[M], *, checks_itself: bool = False) -> None:
        self.kind = kind
        self.message = message
        self._rules = _CHECKS_ITSELF if checks_itself else _TRUSTS_NOTHING

    def to_wire(self, value: T) -> M:
        """The message of `value`; raises ContractError where a field cannot be sent."""
        message = self.message()
        _fill(message, value, "")
        return message

    def from_wire(self, message: M) -> T:
        """The dataclass in `message`.

        Raises ContractError (ProblemError where the dataclass checks itself) where a field is missing,
        unknown or not finite, and whatever the dataclass itself raises where its values do not fit together.
        """
        return cast(T, _read(self.kind, message, "", self._rules))


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    """How one dataclass field meets its protobuf field; `item` is the type without None and container."""

    name: str
    item: Any
    container: type | None
    nullable: bool
    has_default: bool


@cache
def _fields(kind: Hashable) -> tuple[_Field, ...]:
    hints = get_type_hints(cast(type, kind))
    return tuple(_field(field, hints[field.name]) for field in dataclasses.fields(cast(type, kind)))


def _descriptors(message: Message) -> Mapping[str, FieldDescriptor]:
    return cast(Mapping[str, FieldDescriptor], message.DESCRIPTOR.fields_by_name)


def _field(field: dataclasses.Field[Any], hint: Any) -> _Field:
    nullable = False
    if get_origin(hint) in (Union, types.UnionType):
        members = [member for member in get_args(hint) if member is not type(None)]
        nullable = len(members) < len(get_args(hint))
        hint = members[0]
    origin = get_origin(hint)
    container = origin if origin in (tuple, frozenset) else None
    return _Field(
        name=field.name,
        item=hint if container is None else get_args(hint)[0],
        container=container,
        nullable=nullable,
        has_default=field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING,
    )


@cache
def _words(enum: EnumDescriptor) -> Mapping[int, str]:
    """The words of an enum by number, without the prefix that all of its values carry."""
    names = {value.number: value.name for value in enum.values}
    prefix = names[0].removesuffix("UNSPECIFIED")
    return {
        number: name.removeprefix(prefix).lower().replace("_", "-") for number, name in names.items() if number != 0
    }


@cache
def _numbers(enum: EnumDescriptor) -> Mapping[str, int]:
    return {word: number for number, word in _words(enum).items()}


def _read(kind: type, message: Message, path: str, rules: _Rules) -> Any:
    arguments: dict[str, Any] = {}
    descriptors = _descriptors(message)
    for field in _fields(kind):
        descriptor = descriptors[field.name]
        where = join(path, field.name)
        if _is_absent(message, descriptor):
            if field.has_default:
                continue
            if not field.nullable:
                raise rules.error(f"{where}: missing; expected {_expected(field.item)}")
            arguments[field.name] = None
        else:
            arguments[field.name] = _read_value(field, descriptor, getattr(message, field.name), where, rules)
    try:
        return kind(**arguments)
    except ProblemError as error:
        # Its message starts with a path inside `kind`.
        raise ProblemError(join(path, str(error))) from error
    except (TypeError, ValueError) as error:
        raise rules.error(f"{path or kind.__name__}: {error}; expected values that fit together") from error


def _expected(item: Any) -> str:
    return f"an object ({item.__name__})" if dataclasses.is_dataclass(item) and isinstance(item, type) else "a value"


def _is_absent(message: Message, descriptor: FieldDescriptor) -> bool:
    if descriptor.has_presence:
        return not message.HasField(descriptor.name)
    return descriptor.enum_type is not None and not descriptor.is_repeated and not getattr(message, descriptor.name)


def _read_value(field: _Field, descriptor: FieldDescriptor, value: Any, path: str, rules: _Rules) -> Any:
    if descriptor.message_type is not None and descriptor.message_type.full_name == _TABLE:
        rows = tuple(tuple(row.values) for row in value.rows)
        return _checked_rows(rows, path) if rules.finite else rows
    if field.container is None:
        if descriptor.is_repeated:
            return dict(value)
        return _read_item(field, descriptor, value, path, rules)
    if descriptor.message_type is None and descriptor.enum_type is None:
        return field.container(_finite(value, path) if descriptor.type in _FLOATS and rules.finite else value)
    return field.container(
        _read_item(field, descriptor, item, f"{path}[{index}]", rules) for index, item in enumerate(value)
    )


def _read_item(field: _Field, descriptor: FieldDescriptor, value: Any, path: str, rules: _Rules) -> Any:
    if descriptor.message_type is not None:
        return _read(field.item, value, path, rules)
    if descriptor.enum_type is not None:
        word = _words(descriptor.enum_type).get(value)
        if word is None:
            raise rules.error(
                f"{path}: {descriptor.enum_type.name} {value} is unknown; "
                f"expected one of {', '.join(_numbers(descriptor.enum_type))}"
            )
        return field.item(word) if issubclass(field.item, Enum) else word
    if rules.finite and descriptor.type in _FLOATS and not math.isfinite(value):
        raise rules.error(f"{path}: {value}; expected a finite number")
    return value


def _checked_rows(rows: tuple[tuple[float, ...], ...], path: str) -> tuple[tuple[float, ...], ...]:
    for index, row in enumerate(rows):
        _finite(row, f"{path}[{index}]")
    return rows


def _finite(values: Sequence[float], path: str) -> Sequence[float]:
    if not all(map(math.isfinite, values)):
        index, value = next((index, value) for index, value in enumerate(values) if not math.isfinite(value))
        raise ContractError(f"{path}[{index}]: {value}; expected a finite number")
    return values


def _fill(message: Message, value: Any, path: str) -> None:
    descriptors = _descriptors(message)
    for field in _fields(cast(Hashable, type(value))):
        content = getattr(value, field.name)
        if content is None:
            continue
        where = join(path, field.name)
        try:
            _fill_field(message, field, descriptors[field.name], content, where)
        except (TypeError, ValueError) as error:
            raise ContractError(f"{where}: {show(content)} cannot be sent: {error}") from error


def _fill_field(message: Message, field: _Field, descriptor: FieldDescriptor, content: Any, path: str) -> None:
    target = getattr(message, field.name)
    if descriptor.message_type is not None and descriptor.message_type.full_name == _TABLE:
        target.SetInParent()
        for index, row in enumerate(content):
            target.rows.add(values=_finite(row, f"{path}[{index}]"))
    elif field.container is not None:
        _fill_repeated(target, descriptor, content, path)
    elif descriptor.is_repeated:
        target.update(content)
    elif descriptor.message_type is not None:
        target.SetInParent()
        _fill(target, content, path)
    else:
        setattr(message, field.name, _scalar(descriptor, content, path))


def _fill_repeated(target: Any, descriptor: FieldDescriptor, content: Iterable[Any], path: str) -> None:
    if descriptor.message_type is not None:
        for index, item in enumerate(content):
            _fill(target.add(), item, f"{path}[{index}]")
    else:
        items = sorted(content) if isinstance(content, frozenset) else content
        target.extend(_scalar(descriptor, item, f"{path}[{index}]") for index, item in enumerate(items))


def _scalar(descriptor: FieldDescriptor, value: Any, path: str) -> Any:
    if descriptor.enum_type is not None:
        word = value.value if isinstance(value, Enum) else value
        number = _numbers(descriptor.enum_type).get(word)
        if number is None:
            raise ContractError(f"{path}: {show(word)}; expected one of {', '.join(_numbers(descriptor.enum_type))}")
        return number
    if descriptor.type in _FLOATS and not math.isfinite(value):
        raise ContractError(f"{path}: {value}; expected a finite number")
    return value
