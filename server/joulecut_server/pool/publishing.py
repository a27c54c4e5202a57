"""Tells where a pool's servers are, in files that edges, proxies and people read."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from joulecut_proto.server_list import ListedServer, ServerList, write_envoy_endpoints, write_server_list
from joulecut_server.pool.standing import ENVOY_FILE, LIST_FILE, PoolStanding, ServerStanding, write_standing

_LOG = logging.getLogger(__name__)


class Publishing:
    """Writes a pool's list where it changes, and its standing at each look."""

    def __init__(
        self, folder: Path, name: str, told: Callable[[PoolStanding], None] | None = None, *, goes_on: bool = False
    ) -> None:
        """`name`: of the pool, and of its cluster to Envoy. `told`: hears each standing besides.

        `goes_on`: servers of the pool are there already, and the list may be true.
        """
        self._folder = folder
        self._name = name
        self._told = told
        self._goes_on = goes_on
        self._listed: tuple[ListedServer, ...] | None = None
        self._is_failing = False

    def publish(
        self,
        listed: tuple[ListedServer, ...],
        standings: Sequence[ServerStanding],
        *,
        wanted: int,
        closing: bool = False,
    ) -> None:
        """Write what has changed. A list with nobody replaces one with somebody only where the pool closes.

        Where all are silent at once, it is more likely the keeper that cannot hear than the edges that cannot ask.
        """
        standing = PoolStanding(name=self._name, keeper_pid=os.getpid(), wanted=wanted, servers=tuple(standings))
        if self._told is not None:
            self._told(standing)
        try:
            lists_somebody = bool(self._listed) or self._goes_on
            if listed != self._listed and (listed or closing or not lists_somebody):
                write_server_list(self._folder / LIST_FILE, ServerList(servers=listed))
                write_envoy_endpoints(self._folder / ENVOY_FILE, self._name, listed)
                self._listed = listed
                _LOG.info("servers: %s", ", ".join(each.address for each in listed) or "none")
            write_standing(self._folder, standing)
        except OSError as error:
            # A full disk must not end a pool.
            if not self._is_failing:
                _LOG.warning("%s cannot be written: %s", self._folder, error.strerror)
            self._is_failing = True
        else:
            self._is_failing = False
