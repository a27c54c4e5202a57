"""Where an agent listens: `host:port` or `unix:/path`, and whether that place is free."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joulecut_core.decoding import show
from joulecut_core.errors import ConfigError, LinkError
from joulecut_core.host_ports import MAX_PORT, cannot_listen, host_and_port

_MAX_SOCKET_PATH_BYTES = 107
"""sizeof(sun_path) - 1 on Linux."""

_Place = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
_EXPECTED = "expected host:port, [ipv6]:port or unix:/path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A parsed address: `path` for a Unix socket, else `host` and `port` (0: the system chooses)."""

    host: str = ""
    port: int = 0
    path: Path | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """The address in `text`; raises ConfigError where it is not one."""
    if text.startswith("unix:"):
        return _unix_address(text)
    found = host_and_port(text)
    if found is None:
        raise ConfigError(f"address {show(text)}: {_EXPECTED}")
    host, port = found
    if port > MAX_PORT:
        raise ConfigError(f"address {show(text)}: port {port}; expected at most {MAX_PORT}")
    return Address(host=host, port=port)


def check_apart(places: Mapping[str, str]) -> None:
    """Raise ConfigError where two of an agent's own `places`, by their keys, are one: it would be in its own way."""
    listened = [(key, parse_address(text)) for key, text in places.items() if text]
    for index, (key, address) in enumerate(listened):
        for earlier, taken in listened[:index]:
            if _is_same(address, taken):
                raise ConfigError(f"{key}: {address}, where {earlier}: {taken} listens; give each a place of its own")


def _is_same(one: Address, other: Address) -> bool:
    if one.path is not None or other.path is not None:
        return one.path == other.path
    if one.port == 0 or one.port != other.port:
        return False
    return one.host == other.host or _covers(one.host, other.host) or _covers(other.host, one.host)


def _covers(every: str, host: str) -> bool:
    """Whether `every` stands for all IPv4 addresses of this machine and `host` is one."""
    return every == "0.0.0.0" and host.replace(".", "").isdigit()  # noqa: S104 - compared, not listened at


def listening_places(address: Address) -> Sequence[_Place]:
    """Where it would be listened at, of a host with a port.

    Raises ConfigError where nobody could be called so, LinkError where the name cannot be resolved now.
    """
    try:
        return socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise cannot_listen(error)(
            f"address {address}: unknown host: {error}; choose an address of this machine, or 0.0.0.0"
        ) from error


def check_free(address: Address) -> None:
    """Raise ConfigError, with the remedy, where nobody could listen at `address`; LinkError where not now."""
    if address.path is None:
        _check_port_free(address)
    else:
        _check_socket_free(address.path)


def _unix_address(text: str) -> Address:
    place = text.removeprefix("unix:")
    # gRPC knows both unix:/path and unix:///path.
    path = Path(f"/{place.lstrip('/')}" if place.startswith("//") else place)
    if not path.name or "\0" in text:
        raise ConfigError(f"address {show(text)}: {_EXPECTED}")
    try:
        length = len(str(path).encode())
    except UnicodeEncodeError as error:
        # Bytes of an argument that this program's locale does not know come as signs that nothing can write.
        raise ConfigError(
            f"address {show(text)}: no UTF-8; choose another path, or run it in a UTF-8 locale"
        ) from error
    if length > _MAX_SOCKET_PATH_BYTES:
        raise ConfigError(
            f"address {show(text)}: the path is longer than {_MAX_SOCKET_PATH_BYTES} bytes; choose another"
        )
    return Address(path=path)


def _check_port_free(address: Address) -> None:
    family, kind, protocol, _, place = listening_places(address)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
            probe.listen(1)
        except OSError as error:
            raise cannot_listen(error)(f"address {address}: {_reason(error)}") from error


def _check_socket_free(path: Path) -> None:
    if not path.parent.is_dir():
        raise ConfigError(f"address unix:{path}: no folder {path.parent}; make it or choose another path")
    # gRPC would find out after all else was made ready, and not say why.
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigError(f"address unix:{path}: not allowed in this folder; choose a path this user may write to")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"address unix:{path}: {_reason(error)}") from error
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"address unix:{path}: a file that is no socket is there; remove it or choose another path")
    # gRPC would take the path over from a living listener without a word.
    if not _is_taken(path):
        return
    raise LinkError(f"address unix:{path}: in use; stop the program that listens there or choose another path")


def _is_taken(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # One that accepts nobody would have this program wait for ever.
        probe.settimeout(0.0)
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True
        except PermissionError:
            # Another user's, alive or left behind.
            return _is_open(path)
        except OSError:
            return False
    return True


def _is_open(path: Path) -> bool:
    """Whether some process of this host has a socket of that path open, as far as the kernel says."""
    try:
        sockets = Path("/proc/net/unix").read_bytes()
    except OSError:
        return False
    return any(line.endswith(b" " + os.fsencode(path)) for line in sockets.splitlines())


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "in use; stop the program that listens there, choose another port, or port 0 for a free one"
    if error.errno == errno.EADDRNOTAVAIL:
        return "not an address of this machine now; choose one that is, or 0.0.0.0"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "not allowed; choose a port above 1023 or a path this user may write to"
    return f"{error.strerror}; choose another address"
