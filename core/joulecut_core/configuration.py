"""Configuration of the programs: flags override the file, the file overrides defaults; the result is logged."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from joulecut_core.decoding import decode, encode
from joulecut_core.documents import read_toml
from joulecut_core.errors import ConfigError

T = TypeVar("T")

_LOG = logging.getLogger(__name__)


def load_config(cls: type[T], path: Path | None, flags: Mapping[str, Any]) -> T:
    """The dataclass `cls` from a TOML file and the flags that were given (None means not given).

    Raises ConfigError naming the file, the key, the value and what was expected; an unknown key
    comes with the nearest known one.
    """
    values: dict[str, Any] = dict(read_toml(path, ConfigError)) if path is not None else {}
    values.update({name: value for name, value in flags.items() if value is not None})
    try:
        config = decode(cls, values, error=ConfigError)
    except ConfigError as error:
        raise ConfigError(f"{path or 'options'}: {error}") from error
    _LOG.info("configuration: %s", json.dumps(encode(config)))
    return config
