"""Files that the documents show are taken by the code that reads such files."""

from __future__ import annotations

import configparser
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from joulecut.simulation.trace_files import read_trace
from joulecut_core.decoding import decode
from joulecut_core.documents import read_toml
from joulecut_core.errors import ConfigError
from joulecut_edge.config import EdgeConfig
from joulecut_planner.serving.service_file import load_service_table
from joulecut_runtime.clockd.allow_list import load_rules
from joulecut_runtime.links.shape import load_trace
from joulecut_server.config import ServerConfig
from joulecut_server.pool.options import load_pool
from tests.docs.pages.blocks import Block, all_blocks

_TLS = {"authority": "a.pem", "certificate": "c.pem", "key": "k.pem"}
_REST: Mapping[type, Mapping[str, object]] = {
    EdgeConfig: {"device": "emulated:l4", "bundle": "b", "tls": _TLS},
    ServerConfig: {"device": "emulated:l4", "bundles": ["b"], "tls": _TLS, "access": {}},
}
"""What a fragment leaves out; its own tables are laid over these."""
_NAMED: Mapping[str, tuple[type, ...]] = {"edge.toml": (EdgeConfig,), "server.toml": (ServerConfig,)}
"""Files that the first line of a block may name; a block without takes what either agent takes."""


def _shown(language: str) -> list[Any]:
    return [pytest.param(block, id=block.place) for block in all_blocks() if block.language == language]


def _take_agents(file: Path, named: str) -> None:
    """Decode a fragment as the agent's that it names, or else as that of either."""
    said = []
    agents = _NAMED.get(named, tuple(_REST))
    for agent in agents:
        values = dict(_REST[agent])
        for key, value in read_toml(file, ConfigError).items():
            below = values.get(key)
            values[key] = {**below, **value} if isinstance(below, dict) and isinstance(value, dict) else value
        try:
            decode(agent, values, error=ConfigError)
        except ConfigError as error:
            said.append(str(error))
    assert len(said) < len(agents), said


@pytest.mark.parametrize("block", _shown("toml"))
def test_configurations_are_taken(block: Block, tmp_path: Path) -> None:
    """Keys and values are the agents' own, by the reader that refuses unknown ones."""
    file = tmp_path / "shown.toml"
    file.write_text(block.body, encoding="utf-8")
    first = block.body.partition("\n")[0]
    named = Path(first.lstrip("# ").partition(":")[0]).name if first.startswith("#") else ""
    if named == "pool.toml":
        load_pool(file)
    else:
        _take_agents(file, named)


@pytest.mark.parametrize("block", _shown("json"))
def test_documents_in_json_are_json(block: Block, tmp_path: Path) -> None:
    """One document each; a service table is read by its reader."""
    document = json.loads(block.body)
    if document.get("schema") == "joulecut.service/1":
        file = tmp_path / "shown.json"
        file.write_text(block.body, encoding="utf-8")
        load_service_table(file)


@pytest.mark.parametrize("block", _shown("csv"))
def test_tables_are_taken(block: Block, tmp_path: Path) -> None:
    """Traces of arrivals and of links, by their readers; measurements, which a page's command fits, have whole rows."""
    file = tmp_path / "shown.csv"
    file.write_text(block.body, encoding="utf-8")
    first, *rows = (line.split(",") for line in block.body.splitlines())
    readers: dict[str, Callable[[Path], object]] = {"network": read_trace, "bandwidth_bps": load_trace}
    for column, reader in readers.items():
        if column in first:
            reader(file)
    assert rows
    assert all(len(row) == len(first) for row in rows)


@pytest.mark.parametrize("block", _shown("ini"))
def test_rules_and_units_are_taken(block: Block, tmp_path: Path) -> None:
    """The clock daemon's rules by its own reader, for users that this host has; drop-ins of units as INI."""
    file = tmp_path / "shown.ini"
    file.write_text(block.body.replace("users = joulecut", "users = 0"), encoding="utf-8")
    file.chmod(0o600)
    if "boards" in block.body:
        assert len(load_rules(file, needed=True)) > 1
    else:
        assert configparser.ConfigParser().read(file)


@pytest.mark.parametrize("block", _shown("yaml"))
def test_yaml_is_yaml(block: Block) -> None:
    """A mapping, as every file of that kind here is."""
    assert isinstance(yaml.safe_load(block.body), dict)
