"""The answer to a fleet problem of version 2 (contract `joulecut.fleet_plan/2`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from joulecut_core.clocks import OperatingPoint
from joulecut_core.decoding import show
from joulecut_core.errors import PlanError
from joulecut_core.fleets import RejectedEdge
from joulecut_core.plans import INFEASIBLE, OPTIMAL, Plan

POOL_PLAN_SCHEMA = "joulecut.fleet_plan/2"


class ServerState(str, Enum):
    """What a server of a pool does: it serves edges, idles at a clock with none, or is parked."""

    SERVING = "serving"
    IDLE = "idle"
    PARKED = "parked"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolServerPlan:
    """What one server does.

    `server_point` and `server_clock` are None where it is parked. `server_utilisation` is the share of its time
    that the placed edges take, `power_w` what it draws in all, unweighted, and `counted_idle_w` what the pool's
    `power_w` has of it besides the edges' plans: its draw outside work or parked, 0 where that does not count.
    """

    name: str
    state: ServerState
    server_point: int | None
    server_clock: OperatingPoint | None
    edges: int
    server_utilisation: float
    power_w: float
    counted_idle_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolEdgePlan:
    """What one edge does: where it is placed, its plan in the problem of that kind, its share of the uplink.

    `server` is None and `uplink_bps` 0 where it does not offload. `uplink_bps` is in bits per second.
    """

    name: str
    server: str | None
    kind: str
    plan: Plan
    uplink_bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPlan:
    """The answer to a pool's problem, in watts.

    `lower_bound_w` is proved: no feasible plan of the pool draws less. `gap` is
    (power_w - lower_bound_w) / power_w, 0 where power_w is. Where `status` is "infeasible" the edges
    that are feasible alone cannot be served together: `servers` and `edges` are empty and the numbers are None.
    """

    status: str
    servers: tuple[PoolServerPlan, ...]
    edges: tuple[PoolEdgePlan, ...]
    power_w: float | None
    lower_bound_w: float | None
    gap: float | None
    rejected: tuple[RejectedEdge, ...]
    schema: str = POOL_PLAN_SCHEMA

    def __post_init__(self) -> None:
        if self.schema != POOL_PLAN_SCHEMA:
            raise PlanError(f"schema: {show(self.schema)}; expected {POOL_PLAN_SCHEMA!r}: make the plan again")
        if self.status not in (OPTIMAL, INFEASIBLE):
            raise PlanError(f"status: {show(self.status)}; expected {OPTIMAL!r} or {INFEASIBLE!r}")
        numbers = (self.power_w, self.lower_bound_w, self.gap)
        if any((number is None) != (self.status == INFEASIBLE) for number in numbers):
            raise PlanError(
                f"power_w, lower_bound_w, gap: {numbers}; expected numbers where, and only where, it is optimal"
            )
