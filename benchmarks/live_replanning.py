"""Recorded links with real agents beside the replay of the same: `python -m benchmarks.live_replanning`.

    application ─ 2 requests a second ─▶ edge-agent ─▶ emulated link with the recording's bandwidth ─▶ server-agent
    the same problem, recording, seconds ─▶ benchmarks.link_replay

Real agents, sockets, estimates and plans; devices and link are emulated, joules are theirs. A network of this
benchmark's own and devices with slow launches, so that a busy host computes quicker than they would.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import torch

import joulecut_runtime.devices
from benchmarks.link_deciders import Joulecut, Offers
from benchmarks.link_replay import Outcome, RecordedLink, Replay
from benchmarks.live_workplace import small
from benchmarks.replanning import LINKS
from joulecut_core.documents import write_bytes
from joulecut_core.ledgers import RequestLedger
from joulecut_core.links import LinkEstimate
from joulecut_core.problems import Objective, Problem, Slo
from joulecut_core.tensor_frames import RAW
from joulecut_core.timing import ManualClock, ScaledClock
from joulecut_core.wires import save_wires
from joulecut_edge import agent as edge_agent
from joulecut_edge.config import EdgeConfig, Radio
from joulecut_planner import PlanningInputs, build_problem
from joulecut_proto.addresses import parse_address
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import LocalClient
from joulecut_proto.framing import ENVELOPE_BYTES
from joulecut_proto.local_messages import InferRequest
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.links.emulated_link import EmulatedLink
from joulecut_runtime.links.shape import LinkShape, load_trace
from joulecut_runtime.networks.bundle import write_bundle
from joulecut_runtime.networks.network import Network
from joulecut_runtime.profiling.profiler import Side
from joulecut_runtime.profiling.provision import provide_profile
from joulecut_runtime.profiling.store import ProfileStore
from joulecut_runtime.wires.codecs import codec
from joulecut_runtime.wires.measurement import lossless_wires
from joulecut_server import agent as server_agent
from joulecut_server.config import ServerConfig

RESULTS = Path(__file__).parent / "results" / "live_replanning.md"
RECORDINGS = (("wifi_campus_231115-193217", 160), ("wifi_office_231115-143724", 160), ("slow_hsdpa_bus", 48))
"""A recording, and the side of the square picture that crosses it whole."""
SLO = Slo(latency_s=0.4, rate_hz=2.0)
OBJECTIVE = Objective(server_weight=0.0)
RADIO = Radio(uplink_w=0.8, downlink_w=0.6)
_DEVICES: tuple[tuple[Side, str, float], ...] = (("edge", "orin-nano-super", 5e-3), ("server", "t4", 1e-3))
_DOWNLINK_BPS, _DELAY_S = 50e6, 0.002
_WAIT_S = 120.0
_PREFACE = """\
# Recorded links with real agents, beside their replay

{date}, load {load:.1f} on {cores} cores before the run; {slowdown:g} wall seconds to a second of the agents. Made by
`python -m benchmarks.live_replanning`. Devices and the link are emulated, and so are the joules of *live*; those of
*replayed* are estimated. Agents, sockets, estimates of the link and plans of *live* are real.

{rate_hz:g} requests a second, {deadline_ms:.0f} ms each, `joint`, for the edge's joules. *Misses*: answered after the
deadline as the application saw it, a busy host's delays included. *Changes*: requests under another plan than the one
before, to a second; at most 0.2 are asked for. *Joules*: the edge's, of one request. *Offloaded*: answered by the
server. The live recording runs while the edge starts: both see the same link, some seconds apart.
"""
_FILES = Path(joulecut_runtime.devices.__file__).parent / "files"
_SLOW = """extends = "{base}"
name = "slow-{base}"

[launch]
basis = "assumed"
source = "slow on purpose: a busy host computes quicker than this device"
launch_s = {launch_s}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the application saw: seconds of the agents' clock and ledgers, in order of arrival."""

    taken_s: tuple[float, ...]
    ledgers: tuple[RequestLedger, ...]
    duration_s: float

    @property
    def miss_share(self) -> float:
        """Answered after the deadline."""
        return sum(taken_s > (SLO.latency_s or 0.0) for taken_s in self.taken_s) / len(self.taken_s)

    @property
    def changes_per_s(self) -> float:
        """Changes of the plan from one request to the next, to a second."""
        changes = sum(
            one.epoch != next_one.epoch for one, next_one in zip(self.ledgers, self.ledgers[1:], strict=False)
        )
        return changes / self.duration_s

    @property
    def energy_j(self) -> float:
        """The edge's, mean of a request."""
        return sum(_edge_j(each) for each in self.ledgers) / len(self.ledgers)

    @property
    def offloaded(self) -> float:
        """The share answered by the server."""
        return sum(each.served_by != "edge" for each in self.ledgers) / len(self.ledgers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One recording, live and replayed."""

    recording: str
    mean_bps: float
    live: Seen
    replayed: Outcome


class Bench:
    """Bundle, devices and profiles of one picture size in a folder."""

    def __init__(self, folder: Path, side: int, slowdown: float) -> None:
        self.folder = folder
        self.slowdown = slowdown
        self.picture = torch.rand((1, 3, side, side), generator=torch.Generator().manual_seed(1))
        self.network = Network(capture(small(), (self.picture,), name=f"small-{side}"))
        write_bundle(self.network.graph, folder / "net")
        self.wires = lossless_wires(self.network.table)
        save_wires(self.wires, folder / "wires.json")
        store = ProfileStore(folder / "profiles")
        self._profiles = {}
        for which, base, launch_s in _DEVICES:
            shutil.copy(_FILES / f"{base}.toml", folder)
            text = _SLOW.format(base=base, launch_s=launch_s)
            (folder / f"slow-{base}.toml").write_text(text, encoding="utf-8")
            clock = ManualClock()
            self._profiles[which] = provide_profile(
                self.network,
                open_device(self.device(base), clock=clock),
                device_name=self.device(base),
                seed=0,
                side=which,
                clock=clock,
                store=store,
            )

    def device(self, base: str) -> str:
        """Its slow kind."""
        return f"emulated:{self.folder / f'slow-{base}.toml'}"

    def problem(self, uplink_bps: float) -> Problem:
        """What the agents plan, but for what they measure of the link."""
        link = LinkEstimate(
            uplink_bps=uplink_bps,
            downlink_bps=_DOWNLINK_BPS,
            rtt_s=2.0 * _DELAY_S,
            uplink_w=RADIO.uplink_w,
            downlink_w=RADIO.downlink_w,
        )
        return build_problem(
            PlanningInputs(
                edge=self._profiles["edge"],
                server=self._profiles["server"],
                wires=self.wires,
                link=link,
                slo=SLO,
                objective=OBJECTIVE,
                envelope_bytes=ENVELOPE_BYTES,
            )
        )

    def server(self) -> ServerConfig:
        """The server-agent."""
        return ServerConfig(
            device=self.device("t4"),
            bundles=(str(self.folder / "net"),),
            profiles=str(self.folder / "profiles"),
            state=str(self.folder),
            slowdown=self.slowdown,
            advertise=False,
        )

    def edge(self, server: str) -> EdgeConfig:
        """The edge-agent, which follows its link."""
        return EdgeConfig(
            device=self.device("orin-nano-super"),
            bundle=str(self.folder / "net"),
            server=server,
            listen=f"unix:{self.folder}/edge.sock",
            profiles=str(self.folder / "profiles"),
            wires=str(self.folder / "wires.json"),
            slowdown=self.slowdown,
            slo=SLO,
            objective=OBJECTIVE,
            radio=RADIO,
        )


async def live(bench: Bench, rows: Sequence[tuple[float, float]], duration_s: float) -> Seen:
    """The agents over the recording for so many seconds of their clock."""
    clock = ScaledClock(bench.slowdown)
    request = InferRequest(request_id="r", tensors=codec(RAW).encode((bench.picture,)))
    async with AsyncExitStack() as stack:
        place = parse_address(await stack.enter_async_context(server_agent.serving(bench.server())))
        link = EmulatedLink(
            host=place.host,
            port=place.port,
            uplink=LinkShape(trace=tuple(rows), delay_s=_DELAY_S),
            downlink=LinkShape(bandwidth_bps=_DOWNLINK_BPS, delay_s=_DELAY_S),
            clock=clock,
        )
        port = await asyncio.to_thread(link.start)
        stack.callback(link.close)
        address = await stack.enter_async_context(edge_agent.serving(bench.edge(f"127.0.0.1:{port}")))
        client = LocalClient(await stack.enter_async_context(open_channel(address, security=None)), peer="edge")
        until_s = time.monotonic() + _WAIT_S
        while (assignment := (await client.status(timeout_s=_WAIT_S)).assignment) is None or not assignment.epoch:
            if time.monotonic() > until_s:
                raise SystemExit("no plan with the server came; wait until this host has less to do")
            await asyncio.sleep(0.1)

        async def ask(at_s: float) -> tuple[float, RequestLedger]:
            await asyncio.sleep(clock.wall_s(max(0.0, at_s - clock.now_s())))
            ledger = (await client.infer(request, timeout_s=_WAIT_S)).ledger
            return clock.now_s() - at_s, ledger

        start_s, period_s = clock.now_s(), 1.0 / (SLO.rate_hz or 1.0)
        asking = [asyncio.create_task(ask(start_s + period_s * each)) for each in range(int(duration_s / period_s))]
        answered = await asyncio.gather(*asking)
    taken_s, ledgers = zip(*answered, strict=True)
    return Seen(taken_s=taken_s, ledgers=ledgers, duration_s=duration_s)


def compared(name: str, side: int, *, links: Path, duration_s: float, slowdown: float) -> Compared:
    """One recording, live and replayed."""
    rows = load_trace(links / f"{name}.csv")
    recorded = RecordedLink(rows)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), side, slowdown)
        offers = Offers.of(bench.problem(recorded.mean_bps))
        replay = Replay(offers.problem, recorded, Joulecut(offers, recorded), duration_s=duration_s)
        seen = asyncio.run(live(bench, rows, duration_s))
    return Compared(recording=name, mean_bps=recorded.mean_bps, live=seen, replayed=replay.run())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all recordings and write the page."""
    parser = argparse.ArgumentParser(description="Recorded links with real agents.")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--links", type=Path, default=LINKS)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each recording, by the agents' clock")
    parser.add_argument("--slowdown", type=float, default=2.0, help="wall seconds of one of these")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    found = [
        compared(name, side, links=options.links, duration_s=options.seconds, slowdown=options.slowdown)
        for name, side in RECORDINGS
    ]
    page = document(found, slowdown=options.slowdown, load=load)
    write_bytes(options.out, page.encode())
    print(page)


def document(found: Sequence[Compared], *, slowdown: float, load: float) -> str:
    """The table and what it says."""
    lines = [
        _PREFACE.format(
            date=f"{datetime.now(timezone.utc):%Y-%m-%d}",
            load=load,
            cores=os.cpu_count(),
            slowdown=slowdown,
            rate_hz=SLO.rate_hz,
            deadline_ms=(SLO.latency_s or 0.0) * 1e3,
        ),
        "| recording | mean Mbit/s | | requests | misses | changes/s | joules | offloaded |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in found:
        seen, replay = each.live, each.replayed
        by_server = (replay.offloaded - replay.finished_alone) / replay.requests
        rows = (
            ("live", len(seen.ledgers), seen.miss_share, seen.changes_per_s, seen.energy_j, seen.offloaded),
            (
                "replayed",
                replay.requests,
                replay.miss_share,
                replay.switches / replay.duration_s,
                replay.energy_j,
                by_server,
            ),
        )
        for how, requests, misses, changes_per_s, energy_j, offloaded in rows:
            lines.append(
                f"| {each.recording} | {each.mean_bps / 1e6:.1f} | {how} | {requests} | {misses:.1%} "
                f"| {changes_per_s:.3f} | {energy_j:.3f} | {offloaded:.0%} |"
            )
    return "\n".join([*lines, ""])


def _edge_j(ledger: RequestLedger) -> float:
    joules = ledger.joules
    return joules.edge_busy + joules.edge_wait + joules.encode + joules.radio


if __name__ == "__main__":
    main()
