"""The answer to a batching problem: which edges offload, in which batches, at which clocks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from joulecut_core.clocks import OperatingPoint
from joulecut_core.decoding import show
from joulecut_core.errors import PlanError
from joulecut_core.fleets import RejectedEdge
from joulecut_core.plans import Breakdown

BATCHING_PLAN_SCHEMA = "joulecut.batching_plan/1"


class BatchingStatus(str, Enum):
    """What is known of a batching plan."""

    OPTIMAL = "optimal"
    """No plan costs less: searched exhaustively, or equal to the lower bound."""
    FEASIBLE = "feasible"
    """Every deadline is kept; `gap` says how far from the best it may be."""
    INFEASIBLE = "infeasible"
    """The policy found no way to keep all deadlines together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One run of the server: `members` (names) at one cut, in the tables of size `batch`, from `start_s` to `end_s`.

    `energy_j` is the server's draw over that time, unweighted.
    """

    cut: int
    cut_name: str
    server_point: int
    server_clock: OperatingPoint
    batch: int
    members: tuple[str, ...]
    start_s: float
    end_s: float
    energy_j: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeAnswer:
    """What one edge does with its request.

    `run` is an index into the plan's batches, None at home. `ready_s`: when its payload is decoded, on
    the clock that arrivals are on; `wait_s`: how long it then waits for the others and for the server.
    `latency_s` counts from its arrival. Joules are as in the planning contract with the batch's time
    as the server's and an equal share of the batch's joules; `energy_j` is in the objective's weights,
    the rest is unweighted. The wait is in `latency_s`, outside `breakdown`'s seconds.
    """

    name: str
    cut: int
    cut_name: str
    codec: str
    edge_point: int
    edge_clock: OperatingPoint
    run: int | None
    ready_s: float | None
    wait_s: float
    latency_s: float
    energy_j: float
    edge_energy_j: float
    server_energy_j: float
    breakdown: Breakdown


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchingPlan:
    """A schedule with its full cost, in joules per period (or for the one request of each edge).

    `lower_bound_j` is proved: no feasible plan costs less, in the objective's weights. `gap` is
    (energy_j - lower_bound_j) / energy_j, 0 where energy_j is. Infeasible: no edges, no numbers.
    `rejected` are edges without a feasible plan even alone; the others are planned without them.
    """

    status: BatchingStatus
    policy: str
    batches: tuple[Batch, ...]
    edges: tuple[EdgeAnswer, ...]
    energy_j: float | None
    lower_bound_j: float | None
    gap: float | None
    rejected: tuple[RejectedEdge, ...]
    solve_s: float
    schema: str = BATCHING_PLAN_SCHEMA

    def __post_init__(self) -> None:
        if self.schema != BATCHING_PLAN_SCHEMA:
            raise PlanError(f"schema: {show(self.schema)}; expected {BATCHING_PLAN_SCHEMA!r}: make the plan again")
        numbers = (self.energy_j, self.lower_bound_j, self.gap)
        if any((number is None) != (self.status is BatchingStatus.INFEASIBLE) for number in numbers):
            raise PlanError(
                f"energy_j, lower_bound_j, gap: {numbers}; expected numbers where, and only where, it is feasible"
            )
