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


def seats_taken(names: Iterable[str], options: PoolOptions) -> frozenset[int]:
    """The seats of this pool among the names on a cluster; some may be beyond its most.

    Raises ConfigError where a pool of the same name is kept from another folder: its servers must be neither taken on
    nor left to run beside this one under rules that nobody keeps any more.
    """
    taken = set()
    folder = str(Path(options.folder).resolve())
    for name in names:
        found = re.fullmatch(rf"{re.escape(options.name)}-(\d+) of (.+)", name)
        if found is None:
            continue
        if found[2] != folder:
            raise ConfigError(
                f"pool.name: {options.name!r}: servers of a pool with that name and the folder {found[2]} are on this "
                "cluster; end them with `joulecut pool down` and that folder, or give this pool another name"
            )
        taken.add(int(found[1]))
    return frozenset(taken)
