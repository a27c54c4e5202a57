"""The installed agents as processes, as the demo starts them, in a case whose plan is a lossless split."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from joulecut.connections.connection import Connection, connect
from joulecut.demo.agents import RunningAgents, common_arguments, running_agents, start_server
from joulecut.demo.processes import AgentProcess
from joulecut.demo.scenario import Scenario
from joulecut.demo.workplace import SHIPPED, Workplace
from joulecut.networks.pictures import Picture, sample_pictures
from joulecut_core.problems import Objective
from joulecut_core.profiles import PointMeasurement, load_profile, save_profile
from joulecut_core.timing import ScaledClock
from joulecut_core.wires import load_wires, save_wires
from joulecut_proto.local_messages import ReplanRequest
from joulecut_runtime.networks.bundle import write_bundle
from joulecut_runtime.networks.network import Network
from tests.kept import kept
from tests.networks.zoo import captured_lite0

SLOWDOWN = 2.0
SCENARIO = replace(
    Scenario(), uplink_bps=50e6, downlink_bps=50e6, uplink_w=12.0, downlink_w=2.0, slo_s=10.0, max_accuracy_loss=0.0
)
"""The demo's pair with a deadline that a busy host keeps, on a link that is too dear for whole pictures.

Were it taken for half as fast or ten times as fast, this would still be so.
"""
SPLIT = ReplanRequest(policy="joint", objective=Objective(server_weight=0.0))
"""The battery's objective, under which this scenario is split."""
_LOSSLESS = ("raw", "fp16", "none")
_SLOW_FROM, _SLOWER = 6, 6.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyWorkplace(Workplace):
    """A demo's workplace whose joint plan is a split that loses nothing, however busy the host is.

    The link is measured at start, so on a busy host its estimate scatters; the demo's own choice between split
    and no split is too close for that.
    """

    @property
    def shipped_wires(self) -> Path:
        """The wires that keep every answer."""
        return self.run_folder / "wires.json"

    def furnish(self) -> None:
        """Write that table, and a profile of an edge whose later blocks take several times as long."""
        table = load_wires(SHIPPED / "wires.json")
        kept = tuple(wire for wire in table.wires if wire.codec in _LOSSLESS)
        save_wires(replace(table, wires=kept), self.shipped_wires)
        (shipped,) = SHIPPED.glob("*-edge-*.json")
        profile = load_profile(shipped)
        points = tuple(_slower(point) for point in profile.points)
        save_profile(replace(profile, points=points, parts=()), self.profiles / shipped.name)


def _slower(point: PointMeasurement) -> PointMeasurement:
    block_s = (*point.block_s[:_SLOW_FROM], *(_SLOWER * time_s for time_s in point.block_s[_SLOW_FROM:]))
    return replace(point, block_s=block_s, whole_s=sum(block_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """The trained network: its bundle's folder, itself unsplit, and its answers to the sample pictures."""

    folder: Path
    network: Network
    pictures: tuple[Picture, ...]
    answers: tuple[int, ...]

    @property
    def bundle(self) -> Path:
        """The bundle's folder."""
        return Workplace(folder=self.folder, run_folder=self.folder).bundle

    def workplace(self, run_folder: Path) -> SteadyWorkplace:
        """A furnished workplace for one run with this bundle."""
        made = SteadyWorkplace(folder=self.folder, run_folder=run_folder)
        made.furnish()
        return made


def write_trained(folder: Path) -> None:
    """The trained network as the demo packs it into its folder, captured once for all tests."""
    bundle = Workplace(folder=folder, run_folder=folder).bundle
    write_bundle(replace(captured_lite0(), name=bundle.name), bundle)


def pack_network(folder: Path) -> Packed:
    """The trained network, packed into `folder` unless another process has packed it."""

    def packed() -> Path:
        write_trained(folder)
        return folder

    place = kept("trained", packed, write=shutil.copytree, read=lambda place: place)
    network = Workplace(folder=place, run_folder=place).network()
    pictures = sample_pictures()
    answers = tuple(int(network.whole((picture.pixels,))[0].argmax()) for picture in pictures)
    return Packed(folder=place, network=network, pictures=pictures, answers=answers)


@contextmanager
def running_pair(packed: Packed, run_folder: Path) -> Iterator[tuple[RunningAgents, Connection]]:
    """Both agents, connected over the emulated link, and an application's connection to the edge."""
    workplace = packed.workplace(run_folder)
    with (
        running_agents(SCENARIO, workplace, clock=ScaledClock(SLOWDOWN), slowdown=SLOWDOWN, reprofile=False) as agents,
        connect(agents.edge_address) as edge,
    ):
        yield agents, edge


def restarted_server(agents: RunningAgents, address: str) -> AgentProcess:
    """A new server-agent at the address of the one before, with its state; not waited for."""
    workplace = agents.workplace
    common = common_arguments(SCENARIO, workplace, slowdown=SLOWDOWN, reprofile=False)
    return start_server(SCENARIO, workplace, common, listen=address)


def announced_address(run_folder: Path, program: str) -> str:
    """The address that an agent serves on."""
    return str(json.loads((run_folder / f"{program}.ready.json").read_text())["address"])


def log_of(run_folder: Path, program: str) -> str:
    """Everything an agent has logged."""
    return (run_folder / f"{program}.log").read_text()


def seconds_until(condition: Callable[[], bool], *, deadline_s: float) -> float:
    """Wall seconds until `condition` holds; fails where it does not within `deadline_s`."""
    start_s = time.monotonic()
    while not condition():
        elapsed_s = time.monotonic() - start_s
        assert elapsed_s < deadline_s, f"not within {deadline_s} s"
        time.sleep(_POLL_S)
    return time.monotonic() - start_s
