"""Configuration of the programs: flags over environment over file over defaults, and where each value comes from."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from joulecut_core.configuration_keys import ConfigKey, config_keys
from joulecut_core.decoding import decode, encode
from joulecut_core.documents import read_text, read_toml
from joulecut_core.environment import CONFIG, read_environment, variable_of
from joulecut_core.errors import ConfigError

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

DEFAULT = "default"
FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where a program's configuration comes from.

    `file`: TOML; None for the one that the environment names, or none. `flags`: values by their keys; None for a flag
    that was not given. `prefix`: what the program's variables begin with, `JOULECUT_EDGE`; empty where it has none.
    """

    file: Path | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def chosen_file(self) -> Path | None:
        """The file of the flag, or else of the environment."""
        named = self.environment.get(f"{self.prefix}_{CONFIG}", "") if self.prefix else ""
        return self.file if self.file is not None or not named else Path(named)


@dataclass(frozen=True, slots=True)
class Configuration(Generic[T]):
    """What a program runs with. `origins`: by the name of a key, who gave its value; what is not there is a default."""

    values: T
    origins: Mapping[str, str]

    def log(self) -> None:
        """Say what it is; values are settings and paths, never secrets."""
        _LOG.info("configuration: %s", json.dumps(encode(self.values)))


def read_configuration(cls: type[T], sources: Sources) -> Configuration[T]:
    """The dataclass `cls` from all sources: flags count more than the environment, that more than the file.

    Raises ConfigError naming the file or variable, the key, the value and what was expected; an unknown key or
    variable comes with the nearest known one.
    """
    file = sources.chosen_file
    keys = tuple(config_keys(cls))
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if file is not None:
        values = _copied(read_toml(file, ConfigError))
        text = read_text(file, ConfigError)
        origins = {key.name: _in_file(file, text, key.path) for key in keys if _holds(values, key.path)}
    if sources.prefix:
        variables = {variable_of(key, sources.prefix): key for key in keys}
        for path, value in read_environment(variables, sources.prefix, sources.environment).items():
            if _put(values, path, value):
                key = ConfigKey(path=path, kind=None, default=None)
                origins[key.name] = variable_of(key, sources.prefix)
    for name, value in sources.flags.items():
        if value is not None:
            values[name] = value
            origins[name] = FLAG
    try:
        return Configuration(decode(cls, values, error=ConfigError), origins)
    except ConfigError as error:
        raise ConfigError(_complaint(str(error), origins, sources, keys)) from error


def _complaint(said: str, origins: Mapping[str, str], sources: Sources, keys: Sequence[ConfigKey]) -> str:
    """What is wrong, behind who said so."""
    name = re.split(r"[:\[]", said, maxsplit=1)[0]
    if all(key.name != name for key in keys):
        # Options that commands have too name their key alone; here it stands in a table.
        name = next((key for key in origins if key.endswith(f".{name}")), name)
    origin = origins.get(name, "")
    variable = origin if sources.prefix and origin.startswith(f"{sources.prefix}_") else ""
    where = variable or ("options" if origin == FLAG else sources.chosen_file or _givers(name, origins))
    way = ""
    if sources.prefix and f"{name}: missing" in said:
        way = "".join(
            f"; give it as a flag, as {variable_of(key, sources.prefix)} or in a file"
            for key in keys
            if key.name == name
        )
    return f"{where}: {said}{way}"


def _givers(name: str, origins: Mapping[str, str]) -> str:
    """Who gave the keys of the table `name`, where no single one is wrong."""
    return (
        " and ".join(dict.fromkeys(giver for key, giver in origins.items() if key.startswith(f"{name}."))) or "options"
    )


def _in_file(file: Path, text: str, path: tuple[str, ...]) -> str:
    line = _line_of(text, path)
    return f"{file}" if line is None else f"{file}:{line}"


def _line_of(text: str, path: tuple[str, ...]) -> int | None:
    """The line on which a key stands by itself or below its table's header; None where it is written another way."""
    table: tuple[str, ...] = ()
    if '"""' in text or "'''" in text:
        return None
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[([\w.\s-]+)\]", line):
            table = tuple(part.strip() for part in header[1].split("."))
        elif (key := re.match(r"\s*([\w.-]+)\s*=", line)) and (*table, *key[1].split(".")) == path:
            return number
    return None


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _copied(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def _holds(values: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    inner: Any = values
    for name in path:
        if not isinstance(inner, Mapping) or name not in inner:
            return False
        inner = inner[name]
    return True


def _put(values: dict[str, Any], path: tuple[str, ...], value: object) -> bool:
    """Set a value in its table; not where the file has something else than a table there, which is complained of."""
    for name in path[:-1]:
        table = values.setdefault(name, {})
        if not isinstance(table, dict):
            return False
        values = table
    values[path[-1]] = value
    return True
