"""Where applications reach this host's edge-agent when nobody says otherwise: the service's place, or the user's own.

A service manager makes the first; the second is that of a user who starts an agent by hand and may not.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from joulecut_core.errors import ConfigError

_LOG = logging.getLogger(__name__)

EDGE_ADDRESS = "unix:/run/joulecut/edge.sock"


def place_to_listen(address: str, *, usual: str = EDGE_ADDRESS, environment: Mapping[str, str] | None = None) -> str:
    """`address`; for the usual one where this user may not listen there, the user's own, its folder made.

    `environment`: by default the process's. Raises ConfigError where that folder cannot be made.
    """
    own = _own_place(environment)
    if address != usual or own is None or _may_write(_path(usual).parent):
        return address
    try:
        own.parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"address unix:{own}: the folder cannot be made: {error.strerror}; choose another path with --listen"
        ) from error
    _LOG.info("listening at unix:%s: this user may not in %s", own, _path(usual).parent)
    return f"unix:{own}"


def place_to_reach(address: str, *, usual: str = EDGE_ADDRESS, environment: Mapping[str, str] | None = None) -> str:
    """`address`; for the usual one where nobody listens there, the user's own where somebody does."""
    own = _own_place(environment)
    if address != usual or own is None or _answers(_path(usual)) or not _answers(own):
        return address
    return f"unix:{own}"


def _own_place(environment: Mapping[str, str] | None) -> Path | None:
    """Only this user may use it; None where the session has no such folder."""
    folder = Path((os.environ if environment is None else environment).get("XDG_RUNTIME_DIR", ""))
    return folder / "joulecut" / "edge.sock" if folder.is_absolute() else None


def _may_write(folder: Path) -> bool:
    """Whether this user may make sockets in `folder`, or could once the folder was made, which is said then."""
    nearest = folder if folder.exists() else folder.parent
    return os.access(nearest, os.W_OK | os.X_OK)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        try:
            caller.connect(str(path))
        except OSError:
            return False
    return True


def _path(address: str) -> Path:
    return Path(address.removeprefix("unix:"))
