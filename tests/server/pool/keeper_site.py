"""A pool's keeper over a crew in memory, on virtual time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock
from joulecut_proto.server_list import read_server_list
from joulecut_server.pool.keeper import Keeper
from joulecut_server.pool.options import PoolOptions
from joulecut_server.pool.publishing import Publishing
from joulecut_server.pool.reports import ReplicaReport, ReplicaState
from joulecut_server.pool.standing import ServerStanding, read_standing
from joulecut_server.reporting.load import LoadReading

IDLE = LoadReading(time_s=0.0, busy_s=0.0, waiting=0, sessions=0, streams=0, power_w=30.0, energy_j=1.0, is_well=True)
OPTIONS = PoolOptions(
    folder="/unused",
    min_servers=2,
    max_servers=4,
    target_waiting=2.0,
    grow_after_s=3.0,
    shrink_after_s=20.0,
    cool_down_s=5.0,
    replace_after_s=10.0,
)


@dataclass
class FakeServer:
    """One server as a crew sees it. `silent`: it does not answer; `rules`: with which it was started."""

    pid: int
    rules: str = "these"
    load: LoadReading = IDLE
    state: ReplicaState = ReplicaState.STARTING
    silent: bool = False
    complaint: str = ""


@dataclass
class FakeCrew:
    """Implements `Crew` in memory; `refuses`: it starts nobody for now. Keeps what it was told.

    `drained`: who has gone, which it finds out when it is asked for reports, as Ray's does.
    """

    clock: ManualClock
    servers: dict[int, FakeServer] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    refuses: bool = False
    drained: set[int] = field(default_factory=set)
    rules: str = "these"
    pids: Iterator[int] = field(default_factory=lambda: iter(range(100, 10_000)))

    def present(self) -> frozenset[int]:
        return frozenset(self.servers)

    def start(self, number: int) -> None:
        if self.refuses:
            raise DeviceError("no host has room")
        self.told.append(f"start {number}")
        self.servers[number] = FakeServer(next(self.pids), self.rules)

    def reports(self) -> Mapping[int, ReplicaReport]:
        for number in self.drained & self.servers.keys():
            del self.servers[number]
        self.drained.clear()
        return {number: self._report(number, each) for number, each in self.servers.items() if not each.silent}

    def leave(self, number: int) -> None:
        self.told.append(f"leave {number}")
        self.servers[number].state = ReplicaState.DRAINING

    def end(self, number: int) -> None:
        self.told.append(f"end {number}")
        del self.servers[number]

    def _report(self, number: int, server: FakeServer) -> ReplicaReport:
        load = None if server.state is ReplicaState.STARTING else replace(server.load, time_s=self.clock.now_s())
        return ReplicaReport(
            state=server.state,
            pid=server.pid,
            config_digest=server.rules,
            address="" if server.state is ReplicaState.STARTING else f"10.0.0.{number}:7000",
            complaint=server.complaint,
            load=load,
        )


class Site:
    """A keeper, its crew, and what it has published."""

    def __init__(self, folder: Path, options: PoolOptions = OPTIONS) -> None:
        self.folder = folder
        self.options = options
        self.clock = ManualClock()
        self.crew = FakeCrew(self.clock)
        self.keeper = self.another_keeper()

    def another_keeper(self) -> Keeper:
        """One that knows nothing of what was before."""
        return Keeper(
            self.options,
            self.crew,
            Publishing(self.folder, "pool", goes_on=bool(self.crew.present())),
            self.clock,
            name_of=lambda number: f"gpu-{number}",
            digest_of=lambda _: self.crew.rules,
            drain_s=5.0,
        )

    def look(self, seconds: int = 1) -> None:
        """Let time pass, with a look each second."""
        for _ in range(seconds):
            self.clock.advance_s(1.0)
            self.keeper.look()

    def close(self, seconds: int) -> bool:
        """Let time pass while the pool closes, with a look each second; whether nobody is left."""
        is_over = False
        for _ in range(seconds):
            self.clock.advance_s(1.0)
            is_over = self.keeper.close()
        return is_over

    def serve(self) -> None:
        """Whoever starts has started."""
        for server in self.crew.servers.values():
            if server.state is ReplicaState.STARTING:
                server.state = ReplicaState.SERVING
        self.look()

    def press(self, waiting: int) -> None:
        """So many requests wait for each server."""
        for server in self.crew.servers.values():
            server.load = replace(server.load, waiting=waiting)

    @property
    def listed(self) -> list[str]:
        """What edges read."""
        return [each.name for each in read_server_list(self.folder / "servers.json").servers]

    def standing(self, name: str) -> ServerStanding:
        """What people read of one server."""
        [found] = [each for each in read_standing(self.folder).servers if each.name == name]
        return found
