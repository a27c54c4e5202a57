"""What a pool's servers are called on their cluster: by pool and seat, and by the folder that tells pools apart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from joulecut_core.errors import ConfigError
from joulecut_server.pool.options import PoolOptions


def actor_name(options: PoolOptions, number: int) -> str:
    """Of the server in a seat."""
    return f"{options.name}-{number} of {Path(options.folder).resolve()}"


def seats_taken(names: Iterable[str], options: PoolOptions, *, name_before: str = "") -> frozenset[int]:
    """The seats of this pool among the names on a cluster; some may be beyond its most.

    `name_before`: of the pool that was last kept from this folder. Raises ConfigError where a pool of the same name is
    kept from another folder, and where servers of that name before are there: they must be neither taken on nor left
    to run beside this pool under rules that nobody keeps any more.
    """
    taken = set()
    folder = str(Path(options.folder).resolve())
    for name in names:
        if _seat_in(name, name_before, folder) is not None and name_before != options.name:
            raise ConfigError(
                f"pool.name: {options.name!r}: servers of the pool {name_before!r}, which this folder was of before, "
                "are on this cluster; end them with `joulecut pool down` and that name, then take the new one"
            )
        found = re.fullmatch(rf"{re.escape(options.name)}-\d+ of (.+)", name)
        if found is not None and found[1] != folder:
            raise ConfigError(
                f"pool.name: {options.name!r}: servers of a pool with that name and the folder {found[1]} are on this "
                "cluster; end them with `joulecut pool down` and that folder, or give this pool another name"
            )
        number = _seat_in(name, options.name, folder)
        if number is not None:
            taken.add(number)
    return frozenset(taken)


def _seat_in(name: str, pool: str, folder: str) -> int | None:
    found = re.fullmatch(rf"{re.escape(pool)}-(\d+) of {re.escape(folder)}", name)
    return None if found is None else int(found[1])
