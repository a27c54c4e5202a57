"""A program's configuration from a file and flags alone, as its tests give it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from joulecut_core.configuration import Sources, read_configuration

T = TypeVar("T")


def load_config(cls: type[T], path: Path | None, flags: Mapping[str, Any]) -> T:
    """The dataclass `cls` from a TOML file and the flags that were given; None for what was not."""
    return read_configuration(cls, Sources(file=path, flags=flags)).values
