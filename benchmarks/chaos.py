"""Is anything lost, answered twice or wrong while things break? `python -m benchmarks.chaos`.

Real agents on emulated devices and a small network: several edges send steadily to one server, each over a TCP proxy
that breaks its connections, while agents are killed and paused, one fault every few seconds, drawn from a seed. Every
request, its answer and its ledger are kept and held against what joulecut promises (tests/chaos). Then servers are
killed at random moments of requests.

    lost      no answer, though its edge lived          wrong    not the unsplit network's answer
    twice     more than one answer                      stale    under a plan that was not in force
    untrue    a ledger that contradicts itself          grave    under way at an edge that was killed
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path

import numpy as np
from tests.chaos.agent_nursery import AgentNursery
from tests.chaos.faults import Fault, Fleet
from tests.chaos.history import Answer, Operation
from tests.chaos.history_checks import Kind, Violation, violations
from tests.chaos.server_kills import Kill, server_kills
from tests.chaos.site import Launch, chaos_site, expected_answers, furnish
from tests.chaos.storm import Load, Spell, Storm, drive, fleet
from tests.integration.tiny_network import tiny_network

from joulecut_core.documents import write_bytes

_RESULTS = Path(__file__).parent / "results" / "chaos.md"
_REQUESTS = 100_000
_CALM_REQUESTS = 4_000
_KILLS = 200
_PAUSE_S = (1.5, 5.0)
_RECOVERED_S = 1.5
"""After a fault has ended, what counts as fault-free again."""
_LANES = 2
_LAUNCH = Launch(edge_s=2e-3, server_s=0.5e-3)
_SETTLE_S = 60.0
_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The server's seconds (queue, decode, tail) of requests in one stretch of time, sorted."""

    name: str
    times_s: np.ndarray

    def quantile_ms(self, quantile: float) -> float:
        """A quantile in milliseconds."""
        return 1e3 * float(np.quantile(self.times_s, quantile)) if self.times_s.size else float("nan")

    @property
    def mean_ms(self) -> float:
        """The mean in milliseconds."""
        return 1e3 * float(self.times_s.mean()) if self.times_s.size else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a storm left behind."""

    answered: Sequence[tuple[Operation, Answer]]
    sent: int
    violations: Sequence[Violation]
    excused: int
    spells: Sequence[Spell]
    services: Sequence[Service]
    load: Load
    wall_s: float

    def late(self) -> int:
        """Answered after the deadline."""
        return sum(answer.at_s - one.sent_s > self.load.deadline_s for one, answer in self.answered)


def main() -> None:
    """Run storm and kills, write the table; ends with status 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description="Break everything around requests and check their history.")
    parser.add_argument("--requests", type=int, default=_REQUESTS)
    parser.add_argument("--calm-requests", type=int, default=_CALM_REQUESTS)
    parser.add_argument("--kills", type=int, default=_KILLS)
    parser.add_argument("--edges", type=int, default=Load().edges)
    parser.add_argument("--rate", type=float, default=1 / Load().period_s, help="requests per second of each edge")
    parser.add_argument("--tls", action="store_true", help="mutual TLS between edges and server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=_RESULTS)
    parser.add_argument("--logs", type=Path, default=None, help="folder to keep the agents' logs in")
    options = parser.parse_args()
    load = Load(edges=options.edges, period_s=1.0 / options.rate, tls=options.tls)
    with tempfile.TemporaryDirectory() as scratch, AgentNursery() as nursery:
        folder = options.logs or Path(scratch) / "agents"
        shared = Path(scratch) / "shared"
        shared.mkdir()
        furnish(shared)
        storm = asyncio.run(
            storm_outcome(
                folder, shared, nursery, load, options.requests, calm=options.calm_requests, seed=options.seed
            )
        )
        # The storm takes long: what it found is on disk before anything else can go wrong.
        write_bytes(options.out, document(storm, (), options.seed).encode())
        kills = asyncio.run(kill_outcome(folder, shared, nursery, load, options.kills, seed=options.seed))
    write_bytes(options.out, document(storm, kills, options.seed).encode())
    print(f"wrote {options.out}")
    for violation in storm.violations[:_SHOWN]:
        print(violation)
    raise SystemExit(1 if storm.violations else 0)


async def storm_outcome(
    folder: Path, shared: Path, nursery: AgentNursery, load: Load, requests: int, *, calm: int, seed: int
) -> Outcome:
    """So many requests through a storm, between two calm stretches."""
    agents = folder / "storm"
    agents.mkdir(parents=True, exist_ok=True)
    begin_s = time.monotonic()
    async with (
        chaos_site(agents, shared, nursery, launch=_LAUNCH) as site,
        fleet(site, load, seed=seed) as made,
    ):
        await drive(made, load, calm)
        storm_begins = len(site.history.operations)
        storm = Storm(made, _PAUSE_S)
        raging = asyncio.create_task(storm.rage())
        await drive(made, load, requests)
        storm.stopping.set()
        await raging
        await _all_offloading(made)
        storm_ends = len(site.history.operations)
        await drive(made, load, calm)
        site.read_plans()
        history, excused = site.history, made.excused
    answered = [(one, history.answers[one.number][0]) for one in history.operations if one.number in history.answers]
    calm_spans = _calm_spans(storm.spells)
    return Outcome(
        answered=answered,
        sent=len(history.operations),
        violations=violations(
            history, expected_answers(), last_cut=tiny_network().table.last, excused=lambda one: one.number in excused
        ),
        excused=len(excused),
        spells=storm.spells,
        services=(
            _service("before the storm", answered, lambda one, _: one.number < storm_begins),
            _service(
                "in it, fault-free stretches",
                answered,
                lambda one, answer: (
                    storm_begins <= one.number < storm_ends
                    and any(begin < one.sent_s and answer.at_s < end for begin, end in calm_spans)
                ),
            ),
            _service("after it", answered, lambda one, _: one.number >= storm_ends),
        ),
        load=load,
        wall_s=time.monotonic() - begin_s,
    )


async def kill_outcome(
    folder: Path, shared: Path, nursery: AgentNursery, load: Load, kills: int, *, seed: int
) -> list[Kill]:
    """So many kills, on pairs of their own side by side."""
    alone = replace(load, edges=1)

    async def lane(index: int) -> list[Kill]:
        agents = folder / f"kills{index}"
        agents.mkdir(parents=True, exist_ok=True)
        count = kills // _LANES + (index < kills % _LANES)
        async with chaos_site(agents, shared, nursery, launch=_LAUNCH) as site:
            return await server_kills(site, alone, kills=count, seed=seed + 1000 * (index + 1))

    return [kill for found in await asyncio.gather(*map(lane, range(_LANES))) for kill in found]


def document(storm: Outcome, kills: Sequence[Kill], seed: int) -> str:
    """The page of results."""
    broken = Counter(violation.kind for violation in storm.violations)
    served = Counter(answer.ledger.served_by for _, answer in storm.answered)
    reasons = Counter(
        answer.ledger.fallback_reason.value for _, answer in storm.answered if answer.ledger.fallback_reason is not None
    )
    twice_sent = sum(answer.ledger.attempts > 1 for _, answer in storm.answered)
    faults = Counter(spell.fault for spell in storm.spells)
    host = f"{datetime.now(timezone.utc):%Y-%m-%d}, Python {platform.python_version()}"
    lines = [
        "# chaos: requests while things break",
        "",
        (
            f"{host}, Linux {platform.release().split('-')[0]}, seed {seed}. Real agents as processes on one host, "
            f"emulated devices, a small network, {storm.load.edges} edges at {1 / storm.load.period_s:.0f} requests/s "
            f"each over {'mutual TLS' if storm.load.tls else 'plain connections'}, "
            f"deadline {1e3 * storm.load.deadline_s:.0f} ms, {storm.wall_s:.0f} s in all."
        ),
        "",
        "| requests | answered | lost | twice | wrong | stale | untrue | grave | late | by the server | sent twice |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        f"| {storm.sent} | {len(storm.answered)} | "
        + " | ".join(str(broken[kind]) for kind in Kind)
        + f" | {storm.excused} | {storm.late()} | {served['split'] + served['server']} | {twice_sent} |",
        "",
        (
            "*grave*: under way at an edge when that was killed. *late*: after the deadline, the edge's own pauses "
            f"included. Fallbacks: {', '.join(f'{reason} {count}' for reason, count in sorted(reasons.items()))}."
        ),
        "",
        f"{len(storm.spells)} faults:",
        "",
        "| fault | times |",
        "|---|---|",
        *(f"| {fault.value} | {faults[fault]} |" for fault in Fault),
        "",
        "The server's time for a request (queue, decode, tail; emulated device):",
        "",
        "| when | requests | p50, ms | p90, ms | mean, ms |",
        "|---|---|---|---|---|",
        *(
            f"| {service.name} | {service.times_s.size} | {service.quantile_ms(0.5):.3f} "
            f"| {service.quantile_ms(0.9):.3f} | {service.mean_ms:.3f} |"
            for service in storm.services
        ),
        "",
        *_kill_lines(kills, storm.load.deadline_s),
        "",
    ]
    return "\n".join(lines)


def _kill_lines(kills: Sequence[Kill], deadline_s: float) -> list[str]:
    latencies_s = [latency_s for kill in kills for latency_s in kill.latencies_s]
    hit_s = [latency_s for kill in kills if kill.under_way for latency_s in kill.latencies_s]
    backs_s = [kill.back_s for kill in kills] or [float("nan")]
    in_time = sum(latency_s <= deadline_s for latency_s in hit_s)
    return [
        (
            f"The server killed at a random moment, {len(kills)} times, with one to three requests under way; "
            f"{sum(bool(kill.under_way) for kill in kills)} kills took requests from it:"
        ),
        "",
        "| requests then under way | in time | share | slowest, ms | offloading back, p50 s | p99 s | most s |",
        "|---|---|---|---|---|---|---|",
        (
            f"| {len(hit_s)} of {len(latencies_s)} | {in_time} | {in_time / max(1, len(hit_s)):.4f} "
            f"| {1e3 * max(hit_s, default=float('nan')):.0f} | {np.median(backs_s):.2f} "
            f"| {np.quantile(backs_s, 0.99):.2f} | {max(backs_s):.2f} |"
        ),
        "",
        "Seconds until offloading is back count from the moment at which the restarted server serves.",
    ]


def _calm_spans(spells: Sequence[Spell]) -> list[tuple[float, float]]:
    return [
        (before.end_s + _RECOVERED_S, after.begin_s)
        for before, after in pairwise(spells)
        if after.begin_s - before.end_s > _RECOVERED_S
    ]


def _service(
    name: str, answered: Sequence[tuple[Operation, Answer]], belongs: Callable[[Operation, Answer], bool]
) -> Service:
    times_s = [
        seconds.server_queue + seconds.decode + seconds.tail
        for one, answer in answered
        if (seconds := answer.ledger.seconds).tail > 0.0 and not answer.ledger.fallback and belongs(one, answer)
    ]
    return Service(name=name, times_s=np.asarray(times_s))


async def _all_offloading(made: Fleet) -> None:
    for node in made.nodes:
        await node.app.offloading(_SETTLE_S)


if __name__ == "__main__":
    main()
