"""Folders that joulecut writes to: whether this user may, and how much room there is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from joulecut.diagnosis.finding import Area, Fact, Finding, Status
from joulecut_core.errors import ConfigError

_LEAST_FREE_BYTES = 64 << 20
"""Below this a journal or a bundle may not fit."""

SERVICE_FOLDERS: Mapping[str, Path] = {
    "runtime": Path("/run/joulecut"),
    "state": Path("/var/lib/joulecut"),
}
"""What the systemd units write to, under names of this report."""


def profile_cache() -> Path | None:
    """The user's folder of profiles; None where the package that knows it is not installed."""
    from joulecut_runtime.profiling.store import default_profile_folder  # noqa: PLC0415 - its module needs numpy

    try:
        return default_profile_folder()
    except ConfigError:
        return None


def examine_folders(cache: Path | None, services: Mapping[str, Path] = SERVICE_FOLDERS) -> Iterator[Finding]:
    """The user's profile cache, which has to be writable, and the services' folders, which belong to services."""
    if cache is not None:
        yield _cache(cache)
    for name, folder in services.items():
        yield _service_folder(name, folder)


def _cache(folder: Path) -> Finding:
    place = _nearest_existing(folder)
    facts = folder_facts(folder)
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding(
            area=Area.FOLDERS,
            name="profiles",
            status=Status.PROBLEM,
            what=f"profiles cannot be kept in {folder}: {place} is not writable",
            remedy=f"make {place} writable, or set XDG_CACHE_HOME (agents: `profiles`) to a folder that is",
            facts=facts,
        )
    free_bytes = shutil.disk_usage(place).free
    facts["free_bytes"] = free_bytes
    if free_bytes < _LEAST_FREE_BYTES:
        return Finding(
            area=Area.FOLDERS,
            name="profiles",
            status=Status.WARNING,
            what=f"only {free_bytes / 1e6:.0f} MB are free where profiles are kept: {folder}",
            remedy="free some space, or set XDG_CACHE_HOME (agents: `profiles`) to another disk",
            facts=facts,
        )
    what = f"profiles are kept in {folder}"
    return Finding(area=Area.FOLDERS, name="profiles", status=Status.OK, what=what, facts=facts)


def is_nearly_full(folder: Path) -> bool:
    """Whether a journal or a bundle may not fit on the disk where a folder is, or will be."""
    return shutil.disk_usage(_nearest_existing(folder)).free < _LEAST_FREE_BYTES


def _service_folder(name: str, folder: Path) -> Finding:
    facts = folder_facts(folder)
    if facts["exists"]:
        may = "writable" if facts["writable"] else "not writable for this user"
        return Finding(area=Area.FOLDERS, name=name, status=Status.OK, what=f"{folder} is {may}", facts=facts)
    return Finding(
        area=Area.FOLDERS,
        name=name,
        status=Status.NOTE,
        what=f"{folder} is not there: agents started by hand need other paths",
        remedy="the systemd units make it; by hand give --listen, --profiles and the like paths of your own",
        facts=facts,
    )


def folder_facts(folder: Path) -> dict[str, Fact]:
    """Whether a folder is there, and whether this user can write it, or make it."""
    place = _nearest_existing(folder)
    return {
        "path": str(folder),
        "exists": place == folder,
        "writable": os.access(place, os.W_OK | os.X_OK),
    }


def _nearest_existing(folder: Path) -> Path:
    return next((place for place in (folder, *folder.parents) if _is_there(place)), Path("/"))


def _is_there(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:  # below a folder that this user may not enter
        return False
