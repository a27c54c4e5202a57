"""Edges that ask again once they are answered, on a server in virtual time: what one edge's flood costs the others."""

from __future__ import annotations

import heapq
import random
import statistics
from collections.abc import Mapping, Sequence
from itertools import count

from joulecut_core.serving import BatchOutcome, Launch, QueuedRequest, Rest, ServerView, ServingPolicy
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.waiting_line import WaitingLine


def waits_s(
    policy: ServingPolicy,
    in_flight: Mapping[str, int],
    *,
    slo_s: float,
    think_s: float,
    until_s: float,
    shared: bool = True,
    seed: int = 1,
) -> dict[str, list[float]]:
    """Each edge's seconds in the line. An edge has so many in flight, and asks again some `think_s` after an answer.

    `shared`: whether edges are held to their shares.
    """
    costs = ServiceCosts(policy.table)
    line = WaitingLine(1024, batch_s=costs.batch_s())
    rng = random.Random(seed)  # noqa: S311 - a test's choice
    ids = count()
    coming = [(rng.uniform(0.0, think_s), number, edge) for number, edge in enumerate(_slots(in_flight))]
    heapq.heapify(coming)
    waited: dict[str, list[float]] = {edge: [] for edge in in_flight}
    now_s, point = 0.0, costs.top

    def again(edge: str) -> None:
        heapq.heappush(coming, (now_s + rng.uniform(0.5, 1.5) * think_s, next(ids) + 1000, edge))

    seen = 0
    while now_s < until_s:
        seen = _admit(line, coming, seen, now_s=now_s, slo_s=slo_s)
        gone = line.without_a_chance(now_s) if shared else []
        for request in line.newcomers():
            policy.arrived(request)
        decision = policy.decide(ServerView(now_s, line.shown() if shared else line, point, seen))
        turned_away = line.with_ids(rejection.id for rejection in decision.rejected)
        line.remove(turned_away)
        for request in (*gone, *turned_away):
            again(request.edge)
        if isinstance(decision, Launch):
            members = _members(line, decision)
            start_s, launch_point = now_s, decision.points[0]
            for request in members:
                waited[request.edge].append(start_s - request.arrival_s)
            unit_s = costs.unit_s[decision.variant][len(members) - 1]
            now_s += sum(unit[clock] for unit, clock in zip(unit_s, decision.points, strict=True))
            if launch_point != point:
                now_s += policy.table.switch_s
            point = decision.points[-1]
            policy.completed(_outcome(decision, members, start_s, now_s))
            for request in members:
                again(request.edge)
        elif not (shared and line.has_newcomers()):
            point = decision.point
            now_s = max(min(_ends_s(decision, coming)), now_s + 1e-9)
    return waited


def _admit(line: WaitingLine, coming: list[tuple[float, int, str]], seen: int, *, now_s: float, slo_s: float) -> int:
    """Let in all that have come by now; how many have come so far."""
    while coming and coming[0][0] <= now_s:
        at_s, _, edge = heapq.heappop(coming)
        line.add(QueuedRequest(seen, at_s, at_s + slo_s, edge=edge))
        seen += 1
    return seen


def _ends_s(rest: Rest, coming: Sequence[tuple[float, int, str]]) -> list[float]:
    return [at_s for at_s, _, _ in coming[:1]] + ([] if rest.until_s is None else [rest.until_s])


def _outcome(launch: Launch, members: list[QueuedRequest], start_s: float, end_s: float) -> BatchOutcome:
    mean_s = statistics.fmean(end_s - request.arrival_s for request in members)
    late = sum(end_s > request.deadline_s for request in members)
    return BatchOutcome(start_s, end_s, len(members), launch.variant, launch.points[0], 1.0, mean_s, late)


def _members(line: WaitingLine, launch: Launch) -> list[QueuedRequest]:
    if not launch.ids:
        return line.take_first(launch.batch)
    members = line.with_ids(launch.ids)
    line.take(members)
    return members


def _slots(in_flight: Mapping[str, int]) -> list[str]:
    return [edge for edge, number in in_flight.items() for _ in range(number)]
