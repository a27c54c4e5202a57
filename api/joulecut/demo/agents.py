"""Both agents of the demo as processes, with the emulated link between them."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from joulecut.connections.connection import connect
from joulecut.demo.processes import AgentProcess
from joulecut.demo.scenario import Scenario
from joulecut.demo.slowdown import HostTooSlowError
from joulecut.demo.workplace import SHIPPED, Workplace
from joulecut_core.documents import write_bytes
from joulecut_core.errors import ProfileError
from joulecut_core.links import LinkEstimate
from joulecut_core.profiles import Profile
from joulecut_core.timing import Clock, ManualClock
from joulecut_core.wires import load_wires
from joulecut_edge.plans.active_plan import LOCAL_EPOCH
from joulecut_planner import PlanningInputs
from joulecut_proto.addresses import parse_address
from joulecut_proto.framing import ENVELOPE_BYTES
from joulecut_proto.local_messages import LocalStatus
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.links.emulated_link import EmulatedLink
from joulecut_runtime.links.shape import LinkShape
from joulecut_runtime.networks.network import Network
from joulecut_runtime.profiling.profiler import Side, profile_key
from joulecut_runtime.profiling.store import ProfileStore

_START_S = 180.0
"""For an agent to serve: on a host with much other work, loading torch alone takes a minute."""
_CONNECTED_S = 60.0
_JOINING_S = 6.0
"""Of the agents' own time, for an edge to measure its link and get a plan."""
_PROFILE_S = 900.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningAgents:
    """What is needed to talk to the pair, and to break it."""

    edge_address: str
    server: AgentProcess
    edge: AgentProcess
    link: EmulatedLink
    scenario: Scenario
    workplace: Workplace

    def planning_inputs(self, network: Network, link: LinkEstimate) -> PlanningInputs:
        """What the agents plan with: their profiles, the wires and their estimate of the link.

        Raises ProfileError where an agent kept no profile.
        """
        return PlanningInputs(
            edge=self._profile(network, self.scenario.edge_device, "edge"),
            server=self._profile(network, self.scenario.server_device, "server"),
            wires=load_wires(self.workplace.shipped_wires),
            link=link,
            slo=self.scenario.slo,
            max_accuracy_loss=self.scenario.max_accuracy_loss,
            envelope_bytes=ENVELOPE_BYTES,
        )

    def _profile(self, network: Network, device_name: str, side: Side) -> Profile:
        store = ProfileStore(self.workplace.profiles, shipped=(SHIPPED,))
        with closing(open_device(device_name, clock=ManualClock())) as device:
            found = store.get(profile_key(network, device, side=side))
        if found is None:
            raise ProfileError(f"the {side}-agent kept no profile of {device_name}; see its log")
        return found


@contextmanager
def running_agents(
    scenario: Scenario, workplace: Workplace, *, clock: Clock, slowdown: float, reprofile: bool
) -> Iterator[RunningAgents]:
    """Both agents, connected; leaving stops them. Raises LinkError where one does not come up."""
    folder = workplace.run_folder
    patience_s = _PROFILE_S if reprofile else _START_S
    common = common_arguments(scenario, workplace, slowdown=slowdown, reprofile=reprofile)
    with ExitStack() as stack:
        listen = stack.enter_context(kept_address())
        server = stack.enter_context(start_server(scenario, workplace, common, listen=listen))
        config = folder / "edge.toml"
        write_bytes(config, _edge_config(scenario).encode())
        place = parse_address(server.wait_ready(patience_s))
        link = stack.enter_context(
            EmulatedLink(
                host=place.host,
                port=place.port,
                uplink=_shape(scenario, scenario.uplink_bps),
                downlink=_shape(scenario, scenario.downlink_bps),
                clock=clock,
                seed=scenario.seed,
            )
        )
        edge_arguments = [
            "--config", str(config),
            "--device", scenario.edge_device,
            "--server", f"127.0.0.1:{link.port}",
            "--listen", f"unix:{folder / 'edge.sock'}",
            "--wires", str(workplace.shipped_wires),
            *common,
        ]  # fmt: skip
        edge = stack.enter_context(AgentProcess("edge-agent", edge_arguments, folder=folder, name="edge-agent"))
        edge_address = edge.wait_ready(patience_s)
        wait_connected(edge_address, _CONNECTED_S + _JOINING_S * slowdown)
        yield RunningAgents(
            edge_address=edge_address,
            server=server,
            edge=edge,
            link=link,
            scenario=scenario,
            workplace=workplace,
        )


def common_arguments(scenario: Scenario, workplace: Workplace, *, slowdown: float, reprofile: bool) -> list[str]:
    """The options that both agents are started with; with `reprofile` they find no shipped profiles."""
    shipped = [] if reprofile else ["--shipped-profiles", str(SHIPPED)]
    return [
        "--bundle", str(workplace.bundle),
        "--profiles", str(workplace.profiles),
        "--slowdown", str(slowdown),
        "--seed", str(scenario.seed),
        *shipped,
    ]  # fmt: skip


@contextmanager
def kept_address() -> Iterator[str]:
    """An address for a server that is found there again after a restart; no other program is given its port."""
    with socket.socket() as keeper:
        # The server sets this as well: it may listen where this is only bound.
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{keeper.getsockname()[1]}"


def start_server(scenario: Scenario, workplace: Workplace, common: list[str], *, listen: str) -> AgentProcess:
    """A server-agent of the scenario; not waited for."""
    folder = workplace.run_folder
    arguments = [
        "--device", scenario.server_device,
        "--listen", listen,
        "--state", str(folder),
        "--no-advertise",
        *common,
    ]  # fmt: skip
    if workplace.dashboard:
        config = folder / "server.toml"
        write_bytes(config, f'[dashboard]\nlisten = "{workplace.dashboard}"\n'.encode())
        arguments += ["--config", str(config)]
    return AgentProcess("server-agent", arguments, folder=folder, name="server-agent")


def wait_connected(edge_address: str, timeout_s: float) -> None:
    """Return once a plan made with the server is in force; raises HostTooSlowError where none is within `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    with connect(edge_address) as edge:
        while not _planned_together(edge.status()):
            if time.monotonic() > deadline_s:
                raise HostTooSlowError(f"no plan with the server came within {timeout_s:.0f} s")
            time.sleep(_POLL_S)


def _planned_together(status: LocalStatus) -> bool:
    assignment = status.assignment
    return status.server_connected and assignment is not None and assignment.epoch != LOCAL_EPOCH


def _shape(scenario: Scenario, bandwidth_bps: float) -> LinkShape:
    return LinkShape(bandwidth_bps=bandwidth_bps, delay_s=scenario.delay_s, jitter_s=scenario.jitter_s)


def _edge_config(scenario: Scenario) -> str:
    slo = scenario.slo
    return "\n".join(
        (
            'name = "demo-edge"',
            "discover = false",
            f"max_accuracy_loss = {scenario.max_accuracy_loss}",
            "[slo]",
            f"latency_s = {slo.latency_s}",
            f"quantile = {slo.quantile}",
            f"rate_hz = {slo.rate_hz}",
            "[radio]",
            f"uplink_w = {scenario.uplink_w}",
            f"downlink_w = {scenario.downlink_w}",
            # Each policy is metered under the plan it made, not under what its link makes of it.
            "[planning]",
            "follow_link = false",
            "",
        )
    )
