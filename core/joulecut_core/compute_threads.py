"""How many threads an agent may compute with."""

from __future__ import annotations

from joulecut_core.errors import ConfigError

_MOST = 1024
"""More than any board or server has cores; each takes a stack, and a host without room for one more fails elsewhere."""


def check_compute_threads(threads: int) -> None:
    """Raise ConfigError where nothing could compute with so many."""
    if not 1 <= threads <= _MOST:
        raise ConfigError(f"threads: {threads}; expected 1 to {_MOST}, at most as many as the host has cores")
