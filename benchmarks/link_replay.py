r"""Replays a recorded link on virtual time: one edge, one server, a policy that picks the plan of each request.

    arrival -> head and encoding on the edge -> the link, one transfer after the other -> server -> answer
                                                      \-> too late: the edge finishes by itself

Computing takes the problem's mean seconds, spread by its standard deviations, the same draws under each policy. What
is given up stays on the link until it is through. An edge gives a request up when its deadline leaves just the time
to finish it, if the plan's own answer was due by then, else after its patience. It looks at the link as the edge-agent
does: after each answer, when a request is overdue, and every tenth of a second. So a change of clocks mostly falls
between two requests.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from joulecut_core.problems import Problem
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.links import Transfer
from joulecut_planner.switching import Contender, contender_of

SEED = 7
"""Of the draws that spread computing and the round trip, unless told."""
_TAIL_MARGIN, _PATIENCE, _LEAST_PATIENCE_S = 1.1, 5.0, 1.0
"""As the edge-agent has them."""
_LOOK_S, _LONGER = 0.1, 2.0
"""Likewise: between two looks at most; and what is given up would have taken this many times as long in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A choice of a problem, priced over any uplink, with the stages that a replay times."""

    contender: Contender
    head_s: float
    head_std_s: float
    server_s: float
    server_std_s: float
    down_s: float

    @classmethod
    def of(cls, problem: Problem, choice: Choice) -> Candidate:
        """The candidate for a choice."""
        tables, wire = problem.variants[choice.variant], problem.cuts[choice.cut].wires[choice.wire]
        offloads, spread = choice.server_point is not None, tables.edge.time_std_s
        head_s = tables.edge.time_s[choice.cut][choice.edge_point]
        server_s = server_std_s = 0.0
        if choice.server_point is not None:
            server_s = tables.server.time_s[choice.cut][choice.server_point] + wire.decode_s
            server_spread = tables.server.time_std_s
            server_std_s = 0.0 if server_spread is None else server_spread[choice.cut][choice.server_point]
        return cls(
            contender=contender_of(problem, choice),
            head_s=head_s + (wire.encode_s if offloads else 0.0),
            head_std_s=0.0 if spread is None else spread[choice.cut][choice.edge_point],
            server_s=server_s,
            server_std_s=server_std_s,
            down_s=8.0 * wire.downlink_bytes / problem.link.downlink_bps if offloads else 0.0,
        )


class RecordedLink:
    """Bandwidth over time, in a loop; transfers go one after the other."""

    def __init__(self, rows: Sequence[tuple[float, float]]) -> None:
        times_s = np.array([time_s for time_s, _ in rows]) - rows[0][0]
        self._bps = [bandwidth_bps for _, bandwidth_bps in rows]
        self.period_s = float(2.0 * times_s[-1] - times_s[-2])
        steps_s = np.diff(np.append(times_s, self.period_s))
        self._times_s: list[float] = times_s.tolist()
        self._bits: list[float] = np.concatenate(([0.0], np.cumsum(steps_s * self._bps))).tolist()
        alive_s = np.where(np.array(self._bps) > 0.0, steps_s, 0.0)
        self._alive_s: list[float] = np.concatenate(([0.0], np.cumsum(alive_s))).tolist()
        self.mean_bps = float(self._bits[-1]) / self.period_s

    def bps_at(self, time_s: float) -> float:
        """Bandwidth at an instant."""
        return self._bps[bisect_right(self._times_s, time_s % self.period_s) - 1]

    def sent(self, start_s: float, size_bytes: float) -> tuple[float, float]:
        """When so many bytes are through, and for how long bits were leaving."""
        rounds, within_s = divmod(start_s, self.period_s)
        step = bisect_right(self._times_s, within_s) - 1
        bits = rounds * self._bits[-1] + self._bits[step] + (within_s - self._times_s[step]) * self._bps[step]
        rounds, bits_within = divmod(bits + 8.0 * size_bytes, self._bits[-1])
        last = bisect_right(self._bits, bits_within) - 1
        end_s = rounds * self.period_s + self._times_s[last]
        end_s += (bits_within - self._bits[last]) / self._bps[last] if self._bps[last] > 0.0 else 0.0
        end_s = max(start_s, end_s)
        return end_s, self._alive(end_s) - self._alive(start_s)

    def _alive(self, time_s: float) -> float:
        rounds, within_s = divmod(time_s, self.period_s)
        step = bisect_right(self._times_s, within_s) - 1
        inside_s = within_s - self._times_s[step] if self._bps[step] > 0.0 else 0.0
        return rounds * self._alive_s[-1] + self._alive_s[step] + inside_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """What a policy wants for a request, and how fast it takes the link to be."""

    candidate: Candidate
    uplink_bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What changing clocks takes the edge, and costs."""

    time_s: float = 0.0
    energy_j: float = 0.0


class Decider(Protocol):
    """Picks the plan of each request; told of transfers as the edge sees them."""

    switches: int

    def pick(self, now_s: float) -> Pick:
        """The plan of the request that arrives now."""
        ...

    def look(self, now_s: float) -> Settling:
        """Change the plan of the requests to come, if it is time to."""
        ...

    def observe(self, transfer: Transfer) -> None:
        """A transfer ended, or is under way for longer than it should be."""
        ...

    def probe_bytes(self, now_s: float) -> int | None:
        """What to send up to learn about the link; asked where nothing is under way."""
        ...

    def probed(self, now_s: float, took_s: float) -> None:
        """That has ended."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One policy on one recording. `energy_j`: per request. `finished_alone`: offloaded, then answered by the edge."""

    requests: int
    misses: int
    finished_alone: int
    offloaded: int
    switches: int
    duration_s: float
    energy_j: float

    @property
    def miss_share(self) -> float:
        """Of all requests, those answered after the deadline."""
        return self.misses / self.requests


@dataclass(slots=True)
class _UnderWay:
    """An offloaded request. `transfer`: as its reply will tell it."""

    arrived_s: float
    sent_s: float
    candidate: Candidate
    transfer: Transfer


class Replay:
    """One run; use once."""

    def __init__(
        self, problem: Problem, link: RecordedLink, decider: Decider, *, duration_s: float, seed: int = SEED
    ) -> None:
        rate_hz, latest_s = problem.slo.rate_hz, problem.slo.latency_s
        if rate_hz is None or latest_s is None:
            raise ValueError("a replay needs a rate and a deadline")
        self._rtt_s, self._link_std_s = problem.link.rtt_s, problem.link.latency_std_s
        self._radio_w = problem.objective.edge_weight * problem.link.uplink_w
        self._down_bps = problem.link.downlink_bps
        self._latest_s, self._period_s = latest_s, 1.0 / rate_hz
        self._link, self._decider, self._duration_s, self._seed = link, decider, duration_s, seed
        self._edge_free_s = self._link_free_s = 0.0
        self._under_way: dict[int, _UnderWay] = {}
        self._events: list[tuple[float, int, int, str]] = []
        self._misses = self._alone = self._offloaded = 0
        self._energy_j = 0.0
        self._looked_s = 0.0
        self._probe: Transfer | None = None

    def run(self) -> Outcome:
        """The outcome of all requests that arrive within the duration."""
        count = int(self._duration_s / self._period_s)
        draws = np.random.default_rng(self._seed).standard_normal((count, 3))
        self._events = [(number * self._period_s, 2, number, "arrive") for number in range(count)]
        self._look(0.0)
        while self._events:
            now_s, _, number, kind = heapq.heappop(self._events)
            if kind == "arrive":
                self._arrive(now_s, number, draws[number].tolist())
            elif kind == "reply":
                self._reply(now_s, number)
            elif kind == "give up":
                self._give_up(now_s, number)
            elif kind == "probed":
                self._probed(now_s)
            elif number in self._under_way if kind == "overdue" else now_s >= self._looked_s + _LOOK_S:
                self._look(now_s)
        return Outcome(
            requests=count,
            misses=self._misses,
            finished_alone=self._alone,
            offloaded=self._offloaded,
            switches=self._decider.switches,
            duration_s=self._duration_s,
            energy_j=self._energy_j / count,
        )

    def _look(self, now_s: float) -> None:
        self._looked_s = now_s
        if now_s < self._duration_s:
            self._push(now_s + _LOOK_S, 3, -1, "look")
        self._note_overdue(now_s)
        settling = self._decider.look(now_s)
        self._energy_j += settling.energy_j
        if settling.time_s > 0.0:
            self._edge_free_s = max(now_s, self._edge_free_s) + settling.time_s
        self._probe_if_due(now_s)

    def _push(self, time_s: float, order: int, number: int, kind: str) -> None:
        heapq.heappush(self._events, (time_s, order, number, kind))

    def _arrive(self, now_s: float, number: int, draws: list[float]) -> None:
        pick = self._decider.pick(now_s)
        candidate, contender = pick.candidate, pick.candidate.contender
        self._energy_j += contender.fixed_j
        head_s = max(0.2 * candidate.head_s, candidate.head_s + draws[0] * candidate.head_std_s)
        self._edge_free_s = head_end_s = max(now_s, self._edge_free_s) + head_s
        if contender.uplink_bytes == 0.0:
            self._misses += head_end_s - now_s > self._latest_s * (1.0 + 1e-9)
            return
        self._offloaded += 1
        up_end_s, airtime_s = self._link.sent(max(head_end_s, self._link_free_s), contender.uplink_bytes)
        self._link_free_s = up_end_s
        self._energy_j += self._radio_w * airtime_s
        spread_s = draws[1] * self._link_std_s
        link_s = max(up_end_s - head_end_s, up_end_s - head_end_s + self._rtt_s + candidate.down_s + spread_s)
        server_s = max(0.2 * candidate.server_s, candidate.server_s + draws[2] * candidate.server_std_s)
        reply_s = head_end_s + link_s + server_s
        down_bytes = candidate.down_s * self._down_bps / 8.0
        self._under_way[number] = _UnderWay(
            arrived_s=now_s,
            sent_s=head_end_s,
            candidate=candidate,
            transfer=Transfer(time_s=reply_s, up_bytes=contender.uplink_bytes, down_bytes=down_bytes, link_s=link_s),
        )
        expected_s = candidate.server_s + candidate.down_s + self._rtt_s + contender.way_up_s(pick.uplink_bps)
        spare_s = now_s + self._latest_s - head_end_s - _TAIL_MARGIN * contender.tail_s
        patience_s = max(_LEAST_PATIENCE_S, _PATIENCE * contender.bound_s(pick.uplink_bps))
        self._push(reply_s, 0, number, "reply")
        self._push(head_end_s + (spare_s if spare_s > expected_s else patience_s), 1, number, "give up")
        self._push(head_end_s + self._latest_s, 1, number, "overdue")

    def _reply(self, now_s: float, number: int) -> None:
        known = self._under_way.pop(number, None)
        if known is None:
            return  # given up before: the edge drops it
        self._misses += now_s - known.arrived_s > self._latest_s * (1.0 + 1e-9)
        self._decider.observe(known.transfer)
        self._look(now_s)

    def _give_up(self, now_s: float, number: int) -> None:
        known = self._under_way.pop(number, None)
        if known is None:
            return
        contender = known.candidate.contender
        self._alone += 1
        self._energy_j += contender.tail_j
        self._edge_free_s = max(now_s, self._edge_free_s) + contender.tail_s
        self._misses += self._edge_free_s - known.arrived_s > self._latest_s * (1.0 + 1e-9)
        link_s = max(_LONGER * (now_s - known.sent_s), self._latest_s)
        self._decider.observe(Transfer(time_s=now_s, up_bytes=contender.uplink_bytes, down_bytes=0.0, link_s=link_s))
        self._look(now_s)

    def _note_overdue(self, now_s: float) -> None:
        """The one that is under way for longest, where it should have been answered."""
        oldest = next(iter(self._under_way.values()), None)
        if oldest is None or now_s - oldest.sent_s < self._latest_s * (1.0 - 1e-9):
            return
        up_bytes = oldest.candidate.contender.uplink_bytes
        waiting = Transfer(time_s=now_s, up_bytes=up_bytes, down_bytes=0.0, link_s=now_s - oldest.sent_s, is_over=False)
        self._decider.observe(waiting)

    def _probe_if_due(self, now_s: float) -> None:
        if self._under_way or self._probe is not None or self._link_free_s > now_s:
            return
        size_bytes = self._decider.probe_bytes(now_s)
        if size_bytes is None:
            return
        end_s, airtime_s = self._link.sent(now_s, float(size_bytes))
        self._link_free_s = end_s
        self._energy_j += self._radio_w * airtime_s
        link_s = end_s - now_s + self._rtt_s
        self._probe = Transfer(time_s=now_s + link_s, up_bytes=float(size_bytes), down_bytes=0.0, link_s=link_s)
        self._push(self._probe.time_s, 0, -1, "probed")

    def _probed(self, now_s: float) -> None:
        probe, self._probe = self._probe, None
        if probe is not None:
            self._decider.observe(probe)
            self._decider.probed(now_s, probe.link_s)
        self._look(now_s)
