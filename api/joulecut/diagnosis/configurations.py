"""Whether an agent would start with its configuration file: it is read as that agent reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from joulecut.diagnosis.agent_settings import role_of
from joulecut.diagnosis.finding import Area, Finding, Status
from joulecut_core.configuration import Sources, read_configuration
from joulecut_core.documents import read_toml
from joulecut_core.errors import ConfigError
from joulecut_edge.cli import VARIABLES as EDGE_VARIABLES
from joulecut_edge.config import EdgeConfig
from joulecut_proto.security.identity import Role
from joulecut_server.cli import VARIABLES as SERVER_VARIABLES
from joulecut_server.config import ServerConfig
from joulecut_server.pool.options import load_pool

_POOL = "pool"


def examine_configurations(configs: Sequence[Path]) -> Iterator[Finding]:
    """A finding about each agent's file; one that says so where there is none.

    Variables of this process count as the agent's would: what it is not told by its file may stand there.
    """
    if not configs:
        what = "no agent's configuration is here to look at"
        yield Finding(area=Area.CONFIG, name="files", status=Status.NOTE, what=what, remedy="give one with --config")
    for path in configs:
        yield _of_file(path)


def agent_configuration(path: Path) -> EdgeConfig | ServerConfig | None:
    """What an agent would be told by its file; None for a pool's. Raises ConfigError where no agent starts with it."""
    document = read_toml(path, ConfigError)
    return None if _POOL in document else _read(path, role_of(document))


def _of_file(path: Path) -> Finding:
    program = "agent"
    try:
        document = read_toml(path, ConfigError)
        if _POOL in document:
            program = "pool"
            load_pool(path)
        else:
            role = role_of(document)
            program = f"{role.value}-agent"
            _read(path, role)
    except ConfigError as error:
        return Finding(
            area=Area.CONFIG,
            name=path.name,
            status=Status.PROBLEM,
            what=f"no {program} starts with this: {error}",
            remedy="mend the file; a key that the agent gets as a flag instead, give the doctor as a variable",
            facts={"config": str(path), "program": program},
        )
    return Finding(
        area=Area.CONFIG,
        name=path.name,
        status=Status.OK,
        what=f"the {program}'s: every key is known, and every value possible",
        facts={"config": str(path), "program": program},
    )


def _read(path: Path, role: Role) -> EdgeConfig | ServerConfig:
    if role is Role.EDGE:
        return read_configuration(EdgeConfig, Sources(file=path, prefix=EDGE_VARIABLES)).values
    return read_configuration(ServerConfig, Sources(file=path, prefix=SERVER_VARIABLES)).values
