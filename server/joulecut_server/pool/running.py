"""A pool from its start to the signal that ends it, and the end of one that somebody else has started."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from joulecut_core.decoding import encode
from joulecut_core.errors import LinkError
from joulecut_core.signal_flag import SignalFlag
from joulecut_core.timing import SystemClock, is_set_within
from joulecut_server.config import ServerConfig
from joulecut_server.pool.cluster import cluster
from joulecut_server.pool.holding import end_keeper, held, keeper_of
from joulecut_server.pool.keeper import LEAVING_S, Keeper
from joulecut_server.pool.options import PoolConfig
from joulecut_server.pool.publishing import Publishing
from joulecut_server.pool.seats import check_seats, config_digest, name_of, seat_of
from joulecut_server.pool.standing import PoolStanding

_LOG = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CLOSING_S = 0.2
_RAY_ENDS_S = 30.0


def run_pool(config: PoolConfig, told: Callable[[PoolStanding], None] | None = None) -> None:
    """Keep a pool until a signal or its terminal's end, then let all servers drain. To be called in the main thread.

    `told`: hears how it stands after each look, until nobody is left. Raises ConfigError where it cannot start or is
    kept already, LinkError where Ray does not answer, or where a cluster of its own ends under it.
    """
    check_seats(config)
    stopping = SignalFlag()

    def stop(number: int, frame: object) -> None:
        del frame
        # First: a line that is being written right now refuses another one.
        stopping.set()
        _LOG.info("stopping on %s", signal.Signals(number).name)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    if before[signal.SIGHUP] is signal.SIG_IGN:  # as under nohup
        del before[signal.SIGHUP]
    try:
        with held(Path(config.pool.folder)), cluster(config.pool) as check_cluster:
            # After Ray, which sets handlers of its own.
            for number in before:
                signal.signal(number, stop)
            with kept(config, told) as keeper:
                while not stopping.is_set():
                    check_cluster()
                    keeper.look()
                    stopping.wait(config.pool.look_s)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_pool(config: PoolConfig) -> bool:
    """End a pool on this host by asking its keeper, or in its place where servers have outlived it on a cluster.

    Returns once all its servers have drained; whether there was a keeper, or a server. Raises LinkError where
    that takes too long or Ray does not answer, ConfigError where its keeper is another user's or host's.
    """
    folder = Path(config.pool.folder)
    keeper_pid = keeper_of(folder)
    if keeper_pid is None:
        if not config.pool.address:
            return False
        with held(folder), cluster(config.pool), kept(config) as keeper:
            if was_there := keeper.has_servers:
                _LOG.info("ending the servers that have outlived their keeper")
        return was_there
    end_keeper(folder, keeper_pid)
    clock = SystemClock()
    until_s, waiting = clock.now_s() + config.server.drain_s + LEAVING_S + _RAY_ENDS_S, threading.Event()
    while keeper_of(folder) == keeper_pid:
        if clock.now_s() >= until_s:
            raise LinkError(f"the keeper, process {keeper_pid}, has not ended; its log says what it waits for")
        is_set_within(waiting, _CLOSING_S)
    return True


@contextmanager
def kept(config: PoolConfig, told: Callable[[PoolStanding], None] | None = None) -> Iterator[Keeper]:
    """A pool's keeper on the cluster that this process is connected to; leaving lets all servers drain.

    Raises ConfigError where servers of that name are another pool's.
    """
    from joulecut_server.pool.ray_crew import RayCrew  # noqa: PLC0415 - needs the extra

    def config_of(number: int) -> ServerConfig:
        return seat_of(config, number).config

    crew = RayCrew(config.pool, config_of)
    keeper = Keeper(
        config.pool,
        crew,
        Publishing(Path(config.pool.folder), config.pool.name, told, goes_on=bool(crew.present())),
        SystemClock(),
        name_of=lambda number: name_of(config, number),
        digest_of=lambda number: config_digest(encode(config_of(number))),
        drain_s=config.server.drain_s,
    )
    try:
        yield keeper
    finally:
        waiting = threading.Event()
        while not keeper.close():
            is_set_within(waiting, _CLOSING_S)
