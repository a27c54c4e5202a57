"""What an agent may be called."""

from __future__ import annotations

import re

from joulecut_core.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
"""Part of a file's name, of an announcement over multicast DNS and of the ids of an edge's sessions."""


def check_agent_name(name: str) -> None:
    """Raise ConfigError where no agent could be called so."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"name: {name[:80]!r}; expected 1 to 40 letters, digits, dots, dashes, underscores, "
            "the first a letter or digit"
        )
