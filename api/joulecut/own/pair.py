"""Both agents with a network of one's own, on emulated devices of this machine, for as long as a block lasts.

with joulecut.emulate(network, uplink_bps=20e6, latency_s=0.1) as edge:
    answer = edge.infer(picture)

Real computation, paced and metered as the named devices would be; every figure is emulated.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from joulecut.connections.connection import Connection, connect
from joulecut.demo.agents import running_agents
from joulecut.demo.scenario import Scenario
from joulecut.demo.slowdown import needed_slowdown, wall_clock
from joulecut.demo.workplace import Workplace
from joulecut.own.network import Network, load
from joulecut.own.profile import profile
from joulecut.own.progress import Progress
from joulecut_core.argument_types import expect_numbers, expect_type
from joulecut_core.errors import ConfigError, ProfileError
from joulecut_core.problems import Objective
from joulecut_core.profiles import Profile, ProfileKey
from joulecut_core.timing import ManualClock
from joulecut_core.wires import WireTable, save_wires
from joulecut_proto.local_messages import ReplanRequest
from joulecut_runtime.devices.opening import is_real, open_device
from joulecut_runtime.networks.network import Network as RuntimeNetwork
from joulecut_runtime.profiling.profiler import Side, profile_key
from joulecut_runtime.profiling.store import ProfileStore, default_profile_folder

_EMULATED = "emulated:"
_CALL_S = 120.0
"""Wall seconds that a request may take: emulated ones last several times as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWorkplace(Workplace):
    """The folders of one run with a network of the user's: its bundle, and profiles that outlive the run."""

    bundle_folder: Path
    profile_folder: Path

    @property
    def bundle(self) -> Path:
        """The packed network."""
        return self.bundle_folder

    @property
    def profiles(self) -> Path:
        """Where both agents look for profiles."""
        return self.profile_folder

    @property
    def shipped_wires(self) -> Path:
        """The table of this network's wires."""
        return self.run_folder / "wires.json"

    def network(self) -> RuntimeNetwork:
        """The bundle's network."""
        return RuntimeNetwork.load(self.bundle)


def emulated_name(device: str) -> str:
    """An emulated device by its full name, "emulated:t4", or by "t4" alone.

    Raises ConfigError for a real device, DeviceError for an unknown one.
    """
    if is_real(device):
        raise ConfigError(f"{device!r} is a real device; expected an emulated one: real ones have agents of their own")
    name = device if device.startswith(_EMULATED) else f"{_EMULATED}{device}"
    open_device(name, clock=ManualClock()).close()
    return name


def furnish(
    network: Network,
    scenario: Scenario,
    wires: WireTable,
    *,
    run_folder: Path,
    profile_folder: Path | None = None,
    progress: Progress | None = None,
) -> OwnWorkplace:
    """A workplace with all that both agents need, so that they start at once.

    Profiles are made where `profile_folder` (the user's cache if left out) has none of this network on these devices.
    """
    workplace = OwnWorkplace(
        folder=run_folder,
        run_folder=run_folder,
        bundle_folder=network.save(run_folder / "bundle"),
        profile_folder=default_profile_folder() if profile_folder is None else profile_folder,
    )
    save_wires(wires, workplace.shipped_wires)
    store = ProfileStore(workplace.profiles)
    for side, name in _sides(scenario):
        if store.get(_key(network, side, name)) is None:
            rates_hz = (scenario.rate_hz,) if side == "edge" else ()
            store.put(profile(network, device=name, side=side, rates_hz=rates_hz, progress=progress))
    return workplace


def profiles_of(network: Network, scenario: Scenario, workplace: OwnWorkplace) -> tuple[Profile, Profile]:
    """The edge's and the server's profile in a furnished workplace. Raises ProfileError where one is gone."""
    store = ProfileStore(workplace.profiles)
    edge, server = (store.get(_key(network, side, name)) for side, name in _sides(scenario))
    if edge is None or server is None:
        raise ProfileError(f"{workplace.profiles}: a profile that was just kept is gone; give another folder")
    return edge, server


def _sides(scenario: Scenario) -> tuple[tuple[Side, str], tuple[Side, str]]:
    return ("edge", scenario.edge_device), ("server", scenario.server_device)


def _key(network: Network, side: Side, device_name: str) -> ProfileKey:
    with closing(open_device(device_name, clock=ManualClock())) as device:
        return profile_key(network.runtime, device, side=side)


@contextmanager
def emulate(
    network: Network | str | Path,
    *,
    uplink_bps: float,
    latency_s: float,
    edge: str = "orin-nano-15w",
    server: str = "t4",
    downlink_bps: float | None = None,
    rtt_s: float = 0.004,
    uplink_w: float = 0.8,
    downlink_w: float = 0.6,
    rate_hz: float = 10.0,
    quantile: float = 0.99,
    wires: WireTable | None = None,
    max_accuracy_loss: float = 0.0,
    objective: Objective | None = None,
    slowdown: float | None = None,
    seed: int = 0,
    profiles: str | Path | None = None,
    progress: Progress | None = None,
) -> Iterator[Connection]:
    """An edge-agent and a server-agent as processes on this machine, and a connection to the edge's.

    `network`: captured, or the folder of its bundle. `edge`, `server`: emulated devices (`joulecut device list`).
    `uplink_bps`, `downlink_bps`: the link's bandwidths in bit/s, the latter the former's if left out; `rtt_s`: its
    round trip in s; `uplink_w`, `downlink_w`: the radio's draw in W while it sends or receives. `latency_s`: the
    deadline of the share `quantile` of all requests, in s; `rate_hz`: requests a second that the plan is for.
    `wires`: `Network.wires`, lossless ones only if left out; `max_accuracy_loss`: the share of answers that they may
    change. `objective`: whose joules count, both sides' if left out. `slowdown`: wall seconds per emulated second;
    measured if left out. `profiles`: where profiles are kept, the user's cache if left out. `progress` is called
    while there is something to profile, with steps done, steps in all, and what was done.

    Both agents are stopped and the folder with their logs is removed when the block is left, in whatever way.
    Raises BundleError for a folder without a bundle, DeviceError for an unknown device, LinkError where an agent
    does not come up, with the end of its log, TypeError for an argument of another type.
    """
    expect_type("network", network, (Network, str, Path), "make one with joulecut.capture, or name a bundle's folder")
    expect_numbers(
        uplink_bps=uplink_bps,
        latency_s=latency_s,
        downlink_bps=downlink_bps,
        rtt_s=rtt_s,
        uplink_w=uplink_w,
        downlink_w=downlink_w,
        rate_hz=rate_hz,
        quantile=quantile,
        max_accuracy_loss=max_accuracy_loss,
        slowdown=slowdown,
    )
    for name, each in (("edge", edge), ("server", server)):
        expect_type(name, each, str, "name a device, such as 't4' (`joulecut device list` shows them)")
    own = network if isinstance(network, Network) else load(network)
    scenario = Scenario(
        edge_device=emulated_name(edge),
        server_device=emulated_name(server),
        uplink_bps=uplink_bps,
        downlink_bps=uplink_bps if downlink_bps is None else downlink_bps,
        delay_s=rtt_s / 2,
        jitter_s=0.0,
        uplink_w=uplink_w,
        downlink_w=downlink_w,
        rate_hz=rate_hz,
        slo_s=latency_s,
        quantile=quantile,
        max_accuracy_loss=max_accuracy_loss,
        seed=seed,
    )
    with tempfile.TemporaryDirectory(prefix="joulecut-") as folder:
        workplace = furnish(
            own,
            scenario,
            own.wires() if wires is None else wires,
            run_folder=Path(folder),
            profile_folder=None if profiles is None else Path(profiles),
            progress=progress,
        )
        devices = (scenario.edge_device, scenario.server_device)
        factor = needed_slowdown(own.runtime, devices) if slowdown is None else slowdown
        with (
            running_agents(scenario, workplace, clock=wall_clock(factor), slowdown=factor, reprofile=False) as agents,
            connect(agents.edge_address, timeout_s=_CALL_S) as connection,
        ):
            if objective is not None:
                connection.replan(ReplanRequest(objective=objective))
            yield connection
