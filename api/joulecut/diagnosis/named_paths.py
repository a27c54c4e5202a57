"""What agents' files name: packed networks that have to be there, folders that the agents keep things in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from joulecut.diagnosis.configurations import agent_configuration
from joulecut.diagnosis.finding import Area, Fact, Finding, Status
from joulecut.diagnosis.folders import folder_facts, is_nearly_full
from joulecut_core.errors import ConfigError
from joulecut_edge.config import EdgeConfig

_MANIFEST = "manifest.json"
"""A packed network's cover sheet; the module that reads it loads torch."""
_AS_AGENT = "look again as the agent's user, or as root"


def examine_named_paths(configs: Sequence[Path]) -> Iterator[Finding]:
    """A finding about each path that an agent's file names. Relative ones count from here, as in a shell.

    Nothing of a file that no agent starts with, nor of a pool's, whose members get folders of their own.
    """
    for config in configs:
        try:
            agent = agent_configuration(config)
        except ConfigError:
            continue
        if agent is None:
            continue
        if isinstance(agent, EdgeConfig):
            yield _bundle(config, "bundle", agent.bundle, fetched=bool(agent.digest))
        else:
            for bundle in agent.bundles:
                yield _bundle(config, "bundles", bundle, fetched=False)
            if agent.state:
                yield _kept(config, "state", Path(agent.state))
        if agent.profiles:
            yield _kept(config, "profiles", Path(agent.profiles))
        for shipped in agent.shipped_profiles:
            yield _shipped(config, Path(shipped))


def _bundle(config: Path, key: str, bundle: str, *, fetched: bool) -> Finding:
    """`fetched`: the agent gets it by its digest where it is not there."""
    folder = Path(bundle)
    facts = _facts(config, key, folder)
    try:
        (folder / _MANIFEST).stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        what = f"{folder} cannot be looked into by this user: {error.strerror}"
        return _finding(config, key, Status.NOTE, what, facts, _AS_AGENT)
    else:
        return _finding(config, key, Status.OK, f"{folder} holds a packed network", facts)
    if fetched:
        what = f"{folder} holds no packed network yet: the agent fetches it from a server by its digest"
        return _finding(config, key, Status.NOTE, what, facts)
    remedy = "run `joulecut pack` and put its folder there, or name the folder where it is"
    return _finding(config, key, Status.PROBLEM, f"{folder} holds no packed network", facts, remedy)


def _kept(config: Path, key: str, folder: Path) -> Finding:
    facts = _facts(config, key, folder)
    if not facts["writable"]:
        what = f"{folder} cannot be written by this user; the agent's has to be able to"
        return _finding(config, key, Status.NOTE, what, facts, _AS_AGENT)
    if is_nearly_full(folder):
        what = f"little is free on the disk of {folder}"
        remedy = f"free some space, or name a folder of another disk as `{key}`"
        return _finding(config, key, Status.WARNING, what, facts, remedy)
    return _finding(config, key, Status.OK, f"{folder} can be written", facts)


def _shipped(config: Path, folder: Path) -> Finding:
    key = "shipped_profiles"
    facts = _facts(config, key, folder)
    if facts["exists"]:
        return _finding(config, key, Status.OK, f"{folder} is there", facts)
    what = f"{folder} is not there: what it should hold is measured anew"
    return _finding(config, key, Status.WARNING, what, facts, f"put the profiles there, or leave it out of `{key}`")


def _facts(config: Path, key: str, folder: Path) -> dict[str, Fact]:
    return {"config": str(config), "key": key, **folder_facts(folder)}


def _finding(
    config: Path, key: str, status: Status, what: str, facts: dict[str, Fact], remedy: str | None = None
) -> Finding:
    name = f"{config.name}: {key}"
    return Finding(area=Area.FOLDERS, name=name, status=status, what=what, remedy=remedy, facts=facts)
