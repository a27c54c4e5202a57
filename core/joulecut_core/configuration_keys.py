"""What can be configured: every key of a program's configuration, its tables' keys included."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from joulecut_core.errors import ConfigError

REQUIRED = dataclasses.MISSING
"""The default of a key without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigKey:
    """One key. `path`: its tables' names and its own. `kind`: what its value is decoded as. `default`: or REQUIRED."""

    path: tuple[str, ...]
    kind: Any
    default: Any

    @property
    def name(self) -> str:
        """As a complaint names it: `limits.streams`."""
        return ".".join(self.path)


def config_keys(cls: type[Any], tables: Sequence[str] = ()) -> Iterator[ConfigKey]:
    """The keys of a configuration's dataclass in the order of its fields; tables are gone into, be they optional."""
    hints = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        kind = without_none(hints[field.name])
        path = (*tables, field.name)
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            yield from config_keys(kind, path)
        elif field.default_factory is not dataclasses.MISSING:
            yield ConfigKey(path=path, kind=kind, default=field.default_factory())
        else:
            yield ConfigKey(path=path, kind=kind, default=field.default)


@contextmanager
def of_key(name: str) -> Iterator[None]:
    """Put a key's name before what is wrong with its value, so that it is told who gave it."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error


def without_none(kind: Any) -> Any:
    """The type itself where `kind` is that type or None."""
    if get_origin(kind) in (Union, types.UnionType):
        members = [member for member in get_args(kind) if member is not type(None)]
        if len(members) == 1:
            return members[0]
    return kind


def kind_text(kind: Any) -> str:
    """A key's type in the words of TOML."""
    kind = without_none(kind)
    if get_origin(kind) is tuple:
        return f"list of {_PLURALS.get(get_args(kind)[0], 'tables')}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(member.value for member in kind)
    return _WORDS.get(kind, "table")


_WORDS = {str: "string", int: "whole number", float: "number", bool: "true or false"}
_PLURALS = {str: "strings", int: "whole numbers", float: "numbers", bool: "true or false"}
