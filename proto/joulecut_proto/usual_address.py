"""Where applications reach this host's edge-agent when nobody says otherwise: the service's place, or the user's own.

A service manager makes the first; the second is for users who start an agent by hand and may not.
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
    """`address`; instead of the usual one, where this user may not listen there, the user's own place.

    `environment`: where XDG_RUNTIME_DIR is read, by default the process's.
    """
    own = _own_place(environment)
    if address != usual or own is None or _may_write(_path(usual).parent):
        return address
    return f"unix:{own}"


def prepared_place(address: str, *, usual: str = EDGE_ADDRESS, environment: Mapping[str, str] | None = None) -> str:
    """As `place_to_listen`, the folder of the user's own place made. Raises ConfigError where it cannot be."""
    place = place_to_listen(address, usual=usual, environment=environment)
    if place == address:
        return address
    folder = _path(place).parent
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"address {place}: {folder} cannot be made: {error.strerror}; choose another path with --listen"
        ) from error
    _LOG.info("applications connect at %s: this user may not listen in %s", place, _path(usual).parent)
    return place


def place_to_reach(address: str, *, usual: str = EDGE_ADDRESS, environment: Mapping[str, str] | None = None) -> str:
    """`address`; instead of the usual one, where nobody listens there, the user's own place if somebody does there."""
    own = _own_place(environment)
    if address != usual or own is None or _listens(_path(usual)) or not _listens(own):
        return address
    return f"unix:{own}"


def _own_place(environment: Mapping[str, str] | None) -> Path | None:
    """None where the login gave this user no folder."""
    folder = Path((os.environ if environment is None else environment).get("XDG_RUNTIME_DIR", ""))
    return folder / "joulecut" / "edge.sock" if folder.is_absolute() and folder.is_dir() else None


def _may_write(folder: Path) -> bool:
    """Whether this user may make sockets in `folder`, or may make the folder."""
    return os.access(folder if folder.exists() else folder.parent, os.W_OK | os.X_OK)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(0.0)
        try:
            caller.connect(str(path))
        except BlockingIOError:  # somebody, with more callers than it has room for
            return True
        except OSError:
            return False
    return True


def _path(address: str) -> Path:
    return Path(address.removeprefix("unix:"))
