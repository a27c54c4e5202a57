"""A program's configuration from environment variables, one for each key.

    JOULECUT_SERVER_LISTEN             the key `listen` of server-agent
    JOULECUT_SERVER_LIMITS__STREAMS    the key `streams` of its table [limits]: two underscores between table and key

Strings stand as they are, without quotes; lists of strings with commas between; everything else as TOML has it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, get_args, get_origin

from joulecut_core.configuration_keys import ConfigKey
from joulecut_core.documents import parse_toml
from joulecut_core.errors import ConfigError

CONFIG = "CONFIG"
"""Names the configuration's file, as the flag --config does."""

_ORCHESTRATOR = re.compile(r"(.*_)?SERVICE_(HOST|PORT(_.*)?)")
_ORCHESTRATOR_VALUE = re.compile(r"(tcp|udp|sctp)://.*")
_ORCHESTRATOR_PART = re.compile(r"(.*_)?PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?")


def variable_of(key: ConfigKey, prefix: str) -> str:
    """The variable of a key."""
    return f"{prefix}_{'__'.join(key.path).upper()}"


def read_environment(
    keys: Mapping[str, ConfigKey], prefix: str, environment: Mapping[str, str]
) -> Mapping[tuple[str, ...], Any]:
    """Values, not yet checked, by the path of their key. `keys`: by their variables.

    Raises ConfigError for a variable with the prefix that is nobody's, with the one that was probably meant.
    What Kubernetes puts into every container for a service of the same name is not one of those.
    """
    values: dict[tuple[str, ...], Any] = {}
    for name, text in environment.items():
        if not name.startswith(f"{prefix}_") or name == f"{prefix}_{CONFIG}":
            continue
        if name in keys:
            values[keys[name].path] = _value(keys[name].kind, text)
        elif not _is_orchestrators(name.removeprefix(f"{prefix}_"), text):
            raise ConfigError(f"{name}: unknown variable; {_suggestion(name, prefix, tuple(keys))}")
    return values


def _value(kind: Any, text: str) -> Any:
    if kind is str or (isinstance(kind, type) and issubclass(kind, Enum)):
        return text
    if get_origin(kind) is tuple and get_args(kind)[0] is str and not text.lstrip().startswith("["):
        return [word.strip() for word in text.split(",") if word.strip()]
    if "\n" in text or "\r" in text:
        return text
    try:
        return parse_toml(f"value = {text}", ConfigError, "")["value"]
    except ConfigError:
        return text


def _is_orchestrators(suffix: str, text: str) -> bool:
    return bool(
        _ORCHESTRATOR.fullmatch(suffix) or _ORCHESTRATOR_PART.fullmatch(suffix) or _ORCHESTRATOR_VALUE.fullmatch(text)
    )


def _suggestion(name: str, prefix: str, known: tuple[str, ...]) -> str:
    # The prefix is the same in all of them and would make any two look alike.
    suffixes = {each.removeprefix(f"{prefix}_"): each for each in (*known, f"{prefix}_{CONFIG}")}
    close = difflib.get_close_matches(name.removeprefix(f"{prefix}_"), suffixes, n=1)
    return f"did you mean {suffixes[close[0]]}?" if close else "--print-config lists the keys; unset it"
