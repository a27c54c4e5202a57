"""The servers in a file that somebody keeps up to date: read again when it has changed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from joulecut_core.errors import ConfigError
from joulecut_proto.server_list import ListedServer, read_server_list

_LOG = logging.getLogger(__name__)


class ListedServers:
    """One file. Where it cannot be read, or is no list, the last good one holds; the reason is logged once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._servers: Sequence[ListedServer] = ()
        self._complaint = ""

    def now(self) -> Sequence[ListedServer]:
        """Those in the file as it is. May take as long as the file system takes."""
        try:
            status = self._path.stat()
        except OSError as error:
            self._complain(f"{self._path}: {error.strerror}")
            return self._servers
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            self._seen = seen
            self._read()
        return self._servers

    def _read(self) -> None:
        try:
            self._servers = read_server_list(self._path).servers
        except ConfigError as error:
            self._complain(str(error))
        else:
            self._complaint = ""
            _LOG.info("%s: %s", self._path, ", ".join(each.address for each in self._servers) or "no servers")

    def _complain(self, complaint: str) -> None:
        self._seen = None
        if complaint != self._complaint:
            _LOG.warning("servers: %s; those it named last are used: %d", complaint, len(self._servers))
        self._complaint = complaint
