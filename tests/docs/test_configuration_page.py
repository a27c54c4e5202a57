"""The configuration's page lists every key of both agents as it is: type, default, variable, and a meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import pytest

from joulecut_core.configuration_keys import REQUIRED, ConfigKey, config_keys, kind_text
from joulecut_edge.config import EdgeConfig
from joulecut_server.config import ServerConfig

PAGE = Path(__file__).parents[2] / "docs" / "reference-configuration.md"
EDGE = {key.name: key for key in config_keys(EdgeConfig)}
SERVER = {key.name: key for key in config_keys(ServerConfig)}


def rows() -> Mapping[str, list[str]]:
    """The cells of each row by the name of its key."""
    found: dict[str, list[str]] = {}
    table = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if header := re.fullmatch(r"## \[?(.+?)\]?", line):
            table = "" if header[1] == "The agents" else f"{header[1]}."
        elif line.startswith("| `"):
            key, *cells = (cell.strip() for cell in line.strip("|").split(" | "))
            found[table + key.strip("`")] = cells
    return found


def default_text(key: ConfigKey) -> str:
    """A default as the page has it."""
    value = key.default.value if isinstance(key.default, Enum) else key.default
    if value is REQUIRED:
        return "required"
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, tuple)):
        words = value if isinstance(value, str) else ", ".join(value)
        return f"`{words}`" if words else "empty"
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_every_key_and_no_other() -> None:
    """A key that an agent gains is described; one that it loses goes."""
    assert rows().keys() == EDGE.keys() | SERVER.keys()


@pytest.mark.parametrize("name", list(dict.fromkeys([*EDGE, *SERVER])))
def test_a_row_says_what_the_code_says(name: str) -> None:
    """Whose key it is, its type, its default (the edge's, where they differ), its variable; and a sentence."""
    key = EDGE.get(name) or SERVER[name]
    of, kind, default, variable, meaning = rows()[name]
    assert of == ", ".join(agent for agent, keys in (("edge", EDGE), ("server", SERVER)) if name in keys)
    assert kind == kind_text(key.kind)
    assert default == default_text(key)
    assert variable == f"`{'__'.join(key.path).upper()}`"
    assert meaning.endswith(".")
    if name in EDGE and name in SERVER and EDGE[name].default != SERVER[name].default:
        assert f"by default {default_text(SERVER[name])}" in meaning
