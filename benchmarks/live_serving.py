"""The server under load, live: the scheduler over gRPC beside the simulator, many edges at once, a request alone.

    .venv/bin/python -m benchmarks.live_serving agree    the same arrivals simulated and served: joules and p95
    .venv/bin/python -m benchmarks.live_serving crowd    32 edges for a while: each answer once, ledgers = counter
    .venv/bin/python -m benchmarks.live_serving alone    what the scheduler adds to a lone request

One process, an emulated V100, emulated seconds that last `--slowdown` on the wall. Everything but `alone` is in
emulated seconds and joules.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.live_gate import timed_gate
from benchmarks.live_workplace import PICTURE, REDUCED_LOSS, SERVER, Workplace, workplace
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Assignment
from joulecut_core.problems import Objective, Slo
from joulecut_core.serving import QueuedRequest, RejectReason
from joulecut_core.timing import ScaledClock
from joulecut_planner.serving.simulation.event_loop import Span, simulate
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient, PlannerClient
from joulecut_proto.inference_messages import Reply, ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.planning_messages import SessionRequest
from joulecut_proto.streaming.streams import InferenceClientStream
from joulecut_runtime.wires.codecs import codec
from joulecut_runtime.wires.measurement import lossless_wires
from joulecut_server import agent as server_agent
from joulecut_server.config import ServerConfig
from joulecut_server.serving.options import ServingOptions
from joulecut_server.serving.tables import make_policy

RAW = codec("raw")
_FLUSHES = (-2, -1)
_PAUSE_S = 0.02
"""Of the wall: in it the server reads its meter."""


@dataclass(slots=True)
class Answers:
    """What came back, by request."""

    replies: list[Reply] = field(default_factory=list)
    round_trips_s: list[float] = field(default_factory=list)
    twice: int = 0


class Edge:
    """One edge's stream, as an edge-agent would use it."""

    def __init__(self, name: str, stream: InferenceClientStream, assignment: Assignment, clock: ScaledClock) -> None:
        self.name = name
        self.answers = Answers()
        self._stream = stream
        self._assignment = assignment
        self._clock = clock
        self._sent: dict[str, asyncio.Future[Reply]] = {}
        self._reading = asyncio.create_task(self._read())

    async def ask(self, picture: Tensor, number: int) -> Reply:
        """Send one request and wait for whatever comes back."""
        assignment = self._assignment
        header = RequestHeader(
            session_id=self.name,
            request_id=str(number),
            epoch=assignment.epoch,
            network_digest=assignment.network_digest,
            cut=assignment.cut,
            codec=assignment.codec,
            variant=assignment.variant,
        )
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._sent[header.request_id] = answer
        start_s = self._clock.now_s()
        await self._stream.send(header, RAW.encode((picture,)))
        reply = await answer
        self.answers.round_trips_s.append(self._clock.now_s() - start_s)
        return reply

    async def _read(self) -> None:
        async for reply in self._stream.replies():
            answer = self._sent[reply.header.request_id]
            self.answers.twice += answer.done()
            self.answers.replies.append(reply)
            if not answer.done():
                answer.set_result(reply)

    async def close(self) -> None:
        """End the stream."""
        self._stream.cancel()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)


@asynccontextmanager
async def serving(
    place: Workplace, options: ServingOptions | None, *, slowdown: float, edges: int
) -> AsyncIterator[tuple[list[Edge], AgentClient, ScaledClock]]:
    """A server-agent, and edges that have planned with it to send pictures whole."""
    config = ServerConfig(
        device=SERVER,
        bundles=(str(place.folder / "net"),),
        profiles=str(place.folder / "profiles"),
        state=str(place.folder),
        slowdown=slowdown,
        advertise=False,
        serving=options,
    )
    clock = ScaledClock(slowdown)
    async with server_agent.serving(config) as address, open_channel(address, security=None) as channel:
        planner = PlannerClient(channel, peer="server")
        members = []
        for number in range(edges):
            name = f"edge-{number}"
            reply = await planner.plan_session(_session(place, name), timeout_s=60.0)
            assert reply.assignment is not None
            await planner.activate(name, reply.assignment.epoch, timeout_s=60.0)
            stream = InferenceClientStream(channel, peer="server", session_id=name)
            members.append(Edge(name, stream, reply.assignment, clock))
        try:
            yield members, AgentClient(channel, peer="server"), clock
        finally:
            for member in members:
                await member.close()


def _session(place: Workplace, name: str) -> SessionRequest:
    return SessionRequest(
        session_id=name,
        network_digest=place.network.table.digest,
        edge=place.edge,
        wires=lossless_wires(place.network.table),
        link=LinkEstimate(uplink_bps=1e9, downlink_bps=1e9, rtt_s=1e-4),
        slo=Slo(),
        objective=Objective(server_weight=0.0),
        max_accuracy_loss=REDUCED_LOSS,
        policy="all-server",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a live run came to."""

    answers: list[Answers]
    power_w: float
    seconds: float
    ledger_s: float
    """What the requests' ledgers cover."""
    sent_s: tuple[float, ...]
    """When each request was sent, those before and after the run included; from the scheduler's start on."""
    metered_s: tuple[float, float]
    """Between which times the watts were."""

    @property
    def replies(self) -> list[Reply]:
        """All replies."""
        return [reply for answers in self.answers for reply in answers.replies]

    @property
    def computed(self) -> list[ReplyHeader]:
        """Of the requests of the run, the answers that were computed."""
        run = set(map(str, range(len(self.sent_s) - 2 * len(_FLUSHES))))
        headers = [reply.header for reply in self.replies]
        return [each for each in headers if each.status is ReplyStatus.OK and each.request_id in run]

    @property
    def responses_s(self) -> list[float]:
        """From arrival to answer, by the server."""
        return [header.queue_s + header.decode_s + header.tail_s for header in self.computed]

    @property
    def reduced(self) -> int:
        """Requests that ran in another precision than the captured one."""
        return sum(header.variant != "" for header in self.computed)

    @property
    def ledger_j(self) -> tuple[float, float]:
        """Joules in the requests' ledgers: of their batches, and of what lay between them."""
        headers = [reply.header for reply in self.replies if reply.header.request_id not in map(str, _FLUSHES)]
        return sum(h.server_energy_j or 0.0 for h in headers), sum(h.server_wait_j or 0.0 for h in headers)


async def drive(members: Sequence[Edge], agent: AgentClient, clock: ScaledClock, arrivals_s: Sequence[float]) -> Served:
    """Send a picture at each arrival, edges in turn; wait for all answers."""
    picture = torch.rand(PICTURE)
    sent_s: list[float] = []

    async def send(member: Edge, number: int) -> None:
        sent_s.append(clock.now_s())
        await member.ask(picture, number)

    # These answer for what the server drew before, and the last ones below for what it drew until then.
    for flush in _FLUSHES:
        await send(members[0], flush)
        await asyncio.sleep(_PAUSE_S)
    flushed_s = clock.now_s() - _PAUSE_S / clock.slowdown
    before = await agent.read_meter(None, timeout_s=600.0)
    start_s = clock.now_s()
    tasks = []
    for number, arrival_s in enumerate(arrivals_s):
        await asyncio.sleep(max(clock.wall_s(start_s + arrival_s - clock.now_s()), 0.0))
        tasks.append(asyncio.create_task(send(members[number % len(members)], number)))
    await asyncio.gather(*tasks)
    end_s = clock.now_s()
    for number in range(len(_FLUSHES)):
        await asyncio.sleep(_PAUSE_S)
        await send(members[0], len(arrivals_s) + number)
    last_s = clock.now_s()
    after = await agent.read_meter(None, timeout_s=600.0)
    # Watts of a window between two ticks, over the time of the run.
    watts = (after.energy_j - before.energy_j) / (after.time_s - before.time_s)
    return Served(
        answers=[member.answers for member in members],
        power_w=watts,
        seconds=end_s - start_s,
        ledger_s=last_s - flushed_s,
        sent_s=tuple(each - sent_s[0] for each in sent_s),
        metered_s=(start_s - sent_s[0], last_s - sent_s[0]),
    )


def arrivals(place: Workplace, count: int, utilisation: float, *, seed: int, trace: Path | None) -> list[float]:
    """Arrivals at a share of what batches of one could do: of a trace, or Poisson."""
    rate_hz = utilisation / place.alone_s
    if trace is None:
        rng = random.Random(seed)  # noqa: S311 - arrivals, not secrets
        gaps = [rng.expovariate(rate_hz) for _ in range(count)]
    else:
        times_s = np.loadtxt(trace, delimiter=",", skiprows=1, usecols=0, max_rows=count + 1)
        gaps = (np.diff(times_s) / np.diff(times_s).mean() / rate_hz).tolist()
    times: list[float] = np.cumsum(gaps).tolist()
    return times


class Window:
    """An observer: joules between two times, and the responses of the requests of the run."""

    def __init__(self, start_s: float, end_s: float, run: range) -> None:
        self.responses_s: list[float] = []
        self.away = 0
        self.reduced = 0
        self._start_s = start_s
        self._end_s = end_s
        self._run = run
        self._energy_j = 0.0
        self._drawn_s = 0.0

    @property
    def power_w(self) -> float:
        """Mean watts."""
        return self._energy_j / self._drawn_s

    def passed(self, span: Span) -> None:
        """Book the part of it between the times."""
        within_s = min(span.end_s, self._end_s) - max(span.start_s, self._start_s)
        self._energy_j += span.power_w * max(within_s, 0.0)
        self._drawn_s += max(within_s, 0.0)

    def answered(self, request: QueuedRequest, end_s: float, variant: int) -> None:
        """Note how long it took."""
        if request.id in self._run:
            self.responses_s.append(end_s - request.arrival_s)
            self.reduced += variant != 0

    def turned_away(self, request: QueuedRequest, now_s: float, reason: RejectReason) -> None:
        """Count it."""
        del now_s, reason
        self.away += request.id in self._run


def simulated(place: Workplace, options: ServingOptions, live: Served) -> Window:
    """The same arrivals, those before and after the run too; the same policy, clock at the start, and virtual time."""
    policy = make_policy(options, place.table)
    requests = [
        QueuedRequest(id=number, arrival_s=at_s, deadline_s=at_s + options.slo_s)
        for number, at_s in enumerate(live.sent_s)
    ]
    window = Window(*live.metered_s, range(len(_FLUSHES), len(requests) - len(_FLUSHES)))
    simulate(policy, requests, most_waiting=options.waiting, observer=window)
    return window


async def agree(place: Workplace, arguments: argparse.Namespace) -> None:
    """Simulator and live server side by side."""
    for policy in arguments.policies:
        options = ServingOptions(
            policy=policy, slo_s=3.0 * place.alone_s, tables=(str(place.folder / "table.json"),), waiting_per_edge=256
        )
        times_s = arrivals(place, arguments.requests, arguments.utilisation, seed=1, trace=arguments.trace)
        async with serving(place, options, slowdown=arguments.slowdown, edges=4) as (members, agent, clock):
            live = await drive(members, agent, clock, times_s)
        report = simulated(place, options, live)
        responses_s = live.responses_s
        live_s, simulated_s = (float(np.quantile(each, 0.95)) for each in (responses_s, report.responses_s))
        refused = len(times_s) - len(responses_s)
        print(
            f"{policy:14} {live.seconds:.2f} s | simulated {report.power_w:6.2f} W p95 {simulated_s * 1e3:6.3f} ms "
            f"refused {report.away} in int8 {report.reduced / max(len(report.responses_s), 1):.1%} | "
            f"live {live.power_w:6.2f} W p95 {live_s * 1e3:6.3f} ms refused {refused} "
            f"in int8 {live.reduced / max(len(responses_s), 1):.1%} "
            f"| energy {live.power_w / report.power_w - 1:+.1%} p95 {live_s / simulated_s - 1:+.1%}",
            flush=True,
        )


async def crowd(place: Workplace, arguments: argparse.Namespace) -> None:
    """Many edges: every request answered once, and ledgers that add up."""
    for policy in arguments.policies:
        options = ServingOptions(policy=policy, slo_s=3.0 * place.alone_s, tables=(str(place.folder / "table.json"),))
        times_s = arrivals(place, arguments.requests, arguments.utilisation, seed=2, trace=arguments.trace)
        async with serving(place, options, slowdown=arguments.slowdown, edges=32) as (members, agent, clock):
            live = await drive(members, agent, clock, times_s)
        busy_j, wait_j = live.ledger_j
        counter_j = live.power_w * live.ledger_s
        replies, twice = len(live.replies), sum(answers.twice for answers in live.answers)
        statuses = {status.value: 0 for status in ReplyStatus}
        for reply in live.replies:
            statuses[reply.header.status.value] += 1
        print(
            f"{policy:14} sent {len(times_s) + 4} answered {replies} twice {twice} "
            f"{ {name: count for name, count in statuses.items() if count} } over {live.seconds:.2f} s | ledgers "
            f"{busy_j:.2f} J busy + {wait_j:.2f} J between = {busy_j + wait_j:.2f} J, counter {counter_j:.2f} J "
            f"({(busy_j + wait_j) / counter_j - 1:+.2%})",
            flush=True,
        )


async def alone(place: Workplace, arguments: argparse.Namespace) -> None:
    """Lone requests with and without the scheduler, and refused ones, in turns: there and back, on the wall."""
    picture = torch.rand(PICTURE)
    trips: dict[str, list[float]] = {"as they come": [], "scheduled": [], "refused": []}
    options = ServingOptions(policy="fixed", slo_s=1.0, tables=(str(place.folder / "table.json"),))
    async with (
        serving(place, None, slowdown=1.0, edges=1) as (plain, _, _),
        serving(place, options, slowdown=1.0, edges=1) as (scheduled, _, _),
        serving(place, replace(options, slo_s=1e-6), slowdown=1.0, edges=1) as (refused, _, _),
    ):
        kinds = (("as they come", plain[0]), ("scheduled", scheduled[0]), ("refused", refused[0]))
        gate_s: list[float] = []
        with timed_gate(gate_s):
            for number in range(arguments.requests):
                for name, member in kinds:
                    await member.ask(picture, number)
                    trips[name].append(member.answers.round_trips_s[-1])
    for name, seconds in trips.items():
        print(f"{name:13} p50 {statistics.median(seconds) * 1e3:.3f} ms of {len(seconds)} requests alone")
    p50_s, p99_s = (float(np.quantile(gate_s, share)) for share in (0.5, 0.99))
    print(
        f"refusing took the gate p50 {p50_s * 1e6:.0f} us, p99 {p99_s * 1e6:.0f} us of CPU time, {len(gate_s)} refused"
    )
    added_s = [late_s - early_s for early_s, late_s in zip(trips["as they come"], trips["scheduled"], strict=True)]
    ratio = statistics.median(trips["scheduled"]) / statistics.median(trips["as they come"])
    print(f"added p50 {statistics.median(added_s) * 1e3:+.3f} ms by pairs; ratio of the medians {ratio:.3f}")


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("agree", "crowd", "alone"))
    parser.add_argument("--policies", nargs="+", default=["fixed", "batching-only", "eali", "joulecut"])
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--utilisation", type=float, default=0.5)
    parser.add_argument("--slowdown", type=float, default=100.0)
    parser.add_argument("--trace", type=Path, help="arrivals of a CSV file whose first column is seconds")
    parser.add_argument("--int8", action="store_true", help="with an INT8 variant, assumed twice as fast")
    parser.add_argument("--folder", type=Path, help="where bundle, tables and profiles are kept")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder = arguments.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    place = workplace(folder, reduced=arguments.int8)
    asyncio.run({"agree": agree, "crowd": crowd, "alone": alone}[arguments.what](place, arguments))


if __name__ == "__main__":
    main()
