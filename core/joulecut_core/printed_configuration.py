"""A configuration as TOML that says where each value comes from, and loads to the same configuration again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from joulecut_core.configuration import DEFAULT, Configuration
from joulecut_core.decoding import encode


def printed_configuration(configuration: Configuration[Any], program: str) -> str:
    """TOML of everything that `program` runs with, a line for each key, its origin behind it."""
    lines = [f"# What {program} runs with: flags count more than the environment, that more than the file.", ""]
    lines += _table(configuration.values, (), configuration.origins)
    return "\n".join(lines) + "\n"


def _table(values: Any, path: tuple[str, ...], origins: Mapping[str, str]) -> Iterator[str]:
    if path:
        yield ""
        yield f"[{'.'.join(path)}]"
    fields = {field.name: getattr(values, field.name) for field in dataclasses.fields(values)}
    # Keys first: below a table's header they would be the table's.
    for name, value in fields.items():
        if not dataclasses.is_dataclass(value):
            origin = origins.get(".".join((*path, name)), DEFAULT)
            said = f"# {name} is not set" if value is None else f"{name} = {_toml(encode(value))}"
            yield f"{said}  # {origin}"
    for name, value in fields.items():
        if dataclasses.is_dataclass(value):
            yield from _table(value, (*path, name), origins)


def _toml(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        items = (f"{_text(str(key))} = {_toml(item)}" for key, item in value.items() if item is not None)
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value)


def _text(text: str) -> str:
    # JSON's escapes are among TOML's, but JSON leaves the control character 127 as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
