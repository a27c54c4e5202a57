"""Many edges and one server (contracts `joulecut.fleet/1` and `joulecut.fleet_plan/1`).

Every quantity is SI; clocks are MHz. Field names are the same words in JSON and protobuf.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import cast

from joulecut_core.decoding import show
from joulecut_core.errors import PlanError, ProblemError
from joulecut_core.plans import INFEASIBLE, OPTIMAL, Plan
from joulecut_core.problem_rules import NOT_NEGATIVE, POSITIVE, SHARE, check_number, check_text, take_own_numbers
from joulecut_core.problems import Problem

FLEET_SCHEMA = "joulecut.fleet/1"
FLEET_PLAN_SCHEMA = "joulecut.fleet_plan/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all edges of a fleet share.

    `uplink_bps` is what the access point carries in all, None without a limit. `server_wait_s` is the
    queueing allowance in every offloaded plan's latency. With `server_idle_w_counts` the server's
    idle draw outside its work counts once, with weight 1.
    """

    uplink_bps: float | None = None
    server_utilisation: float = 0.8
    server_wait_s: float = 0.0
    server_idle_w_counts: bool = False

    def __post_init__(self) -> None:
        take_own_numbers(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetEdge:
    """One edge with a planning problem of its own; its `link.uplink_bps` is the most that it can get."""

    name: str
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A whole fleet problem. Raises ProblemError with the JSON path where a value does not fit.

    Every edge has a rate, names are unique, and all edges know the same operating points of the server.
    """

    edges: tuple[FleetEdge, ...]
    shared: Shared = field(default_factory=Shared)
    schema: str = FLEET_SCHEMA

    def __post_init__(self) -> None:
        if self.schema != FLEET_SCHEMA:
            raise ProblemError(f"schema: {show(self.schema)}; expected {FLEET_SCHEMA!r}")
        if isinstance(self.edges, list):
            object.__setattr__(self, "edges", tuple(self.edges))
        _check_shared(self.shared)
        _check_edges(self.edges)


def _check_shared(shared: object) -> None:
    if not isinstance(shared, Shared):
        raise ProblemError(f"shared: {show(shared)}; expected Shared")
    if shared.uplink_bps is not None:
        check_number("shared.uplink_bps", shared.uplink_bps, POSITIVE)
    check_number("shared.server_utilisation", shared.server_utilisation, SHARE)
    check_number("shared.server_wait_s", shared.server_wait_s, NOT_NEGATIVE)
    if not isinstance(cast(object, shared.server_idle_w_counts), bool):
        raise ProblemError(f"shared.server_idle_w_counts: {show(shared.server_idle_w_counts)}; expected true or false")


def _check_edges(edges: object) -> None:
    if not isinstance(edges, tuple) or not edges:
        raise ProblemError(f"edges: {show(edges)}; expected a list of at least one edge")
    for index, edge in enumerate(cast("tuple[object, ...]", edges)):
        path = f"edges[{index}]"
        if not isinstance(edge, FleetEdge) or not isinstance(cast(object, edge.problem), Problem):
            raise ProblemError(f"{path}: {show(edge)}; expected a name and a problem")
        check_text(f"{path}.name", edge.name)
        if edge.problem.slo.rate_hz is None:
            raise ProblemError(f"{path}.problem.slo.rate_hz: None; expected a number above 0: every edge has a rate")
        points, first = edge.problem.server.points, edges[0].problem.server.points
        if points is not first and points != first:
            raise ProblemError(
                f"{path}.problem.server.points: not those of edges[0]; expected the same for all edges: "
                "they share one server"
            )
    name, count = Counter(edge.name for edge in edges).most_common(1)[0]
    if count > 1:
        again = [index for index, edge in enumerate(edges) if edge.name == name][1]
        raise ProblemError(f"edges[{again}].name: {show(name)} again; expected unique names")


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetEdgePlan:
    """What one edge does: its plan at its share of the uplink, in bits per second; 0 where it does not offload."""

    name: str
    plan: Plan
    uplink_bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedEdge:
    """An edge without a feasible plan even alone, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlan:
    """The answer to a fleet problem, in watts.

    `server_point` is None where no edge offloads and the server's idle draw does not count.
    `lower_bound_w` is proved: no feasible plan of the fleet draws less. `gap` is
    (power_w - lower_bound_w) / power_w, 0 where power_w is. Where `status` is "infeasible" the edges
    that are feasible alone cannot be served together: `edges` is empty and the numbers are None.
    """

    status: str
    server_point: int | None
    edges: tuple[FleetEdgePlan, ...]
    power_w: float | None
    lower_bound_w: float | None
    gap: float | None
    rejected: tuple[RejectedEdge, ...]
    schema: str = FLEET_PLAN_SCHEMA

    def __post_init__(self) -> None:
        if self.schema != FLEET_PLAN_SCHEMA:
            raise PlanError(f"schema: {show(self.schema)}; expected {FLEET_PLAN_SCHEMA!r}: make the plan again")
        if self.status not in (OPTIMAL, INFEASIBLE):
            raise PlanError(f"status: {show(self.status)}; expected {OPTIMAL!r} or {INFEASIBLE!r}")
        numbers = (self.power_w, self.lower_bound_w, self.gap)
        if any((number is None) != (self.status == INFEASIBLE) for number in numbers):
            raise PlanError(
                f"power_w, lower_bound_w, gap: {numbers}; expected numbers where, and only where, it is optimal"
            )
