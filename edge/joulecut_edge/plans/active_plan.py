"""The plan an edge carries out now, with what its ledger needs to price a request, and its deadline to keep it."""

from __future__ import annotations

from dataclasses import dataclass, field

from joulecut_core.errors import ContractError
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Assignment, Breakdown, Plan
from joulecut_edge.plans.local_tail import LocalTail
from joulecut_proto.planning_messages import StageFactors

_SLOW = 1.2
"""Over the planned seconds: software between the stages is in no plan."""
_MOST = 1e12
"""Of a plan's seconds, joules and watts: far above any real one, and low enough that no sum of a request overflows."""
_BELIEVED = 6.0
"""Deadlines that a plan's latency counts for at most: plans of other policies may be late, and a server may lie."""
LOCAL_EPOCH = 0
"""The epoch of the plan an edge makes for itself; servers hand out higher ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivePlan:
    """An assignment in force. `wait_w`: the edge's draw when not computing. `period_s`: None without a rate.

    `server`: whose tables are behind the plan; empty for the edge's alone. `factors`: those they were corrected by.
    `deadline_s`: what a request may take in all; None without one. `local_tail`: what the edge needs to finish from the
    cut on by itself; None where not known.
    Raises ContractError for seconds, joules or watts that no request takes: its ledger is made with them.
    """

    assignment: Assignment
    plan: Plan
    offloads: bool
    wait_w: float
    period_s: float | None
    link: LinkEstimate | None
    server: str = ""
    factors: StageFactors = field(default_factory=StageFactors)
    deadline_s: float | None = None
    local_tail: LocalTail | None = None

    def __post_init__(self) -> None:
        if self.plan.breakdown is not None:
            _check_figures(self.plan.breakdown)
        for name in ("energy_j", "edge_energy_j", "server_energy_j"):
            _check_sum(name, getattr(self.plan, name))

    @property
    def rate_hz(self) -> float | None:
        """Requests a second that it was made for; None where they come one after the other."""
        return None if self.period_s is None else 1.0 / self.period_s

    @property
    def expected_remote_s(self) -> float:
        """Planned seconds from the last byte encoded to the answer; 0 where the plan does not tell."""
        planned = self.plan.breakdown
        if planned is None:
            return 0.0
        return planned.t_up + planned.rtt_s + planned.decode_s + planned.t_server + planned.t_down

    @property
    def bound_s(self) -> float:
        """What the plan allows a request in all, as far as it is believed; 0 where the plan does not tell."""
        bound_s = self.plan.latency_bound_s or 0.0
        return bound_s if self.deadline_s is None else min(bound_s, _BELIEVED * self.deadline_s)

    @property
    def slow_remote_s(self) -> float:
        """Of the same seconds, what a request takes that is as slow as the plan allows for, or somewhat more."""
        margin_s = max(self.bound_s - (self.plan.latency_s or 0.0), 0.0)
        return max(self.expected_remote_s + margin_s, _SLOW * self.expected_remote_s)

    def continues(self, other: ActivePlan) -> bool:
        """Whether what was encoded under `other` can be sent under this plan as it is."""
        mine, its = self.assignment, other.assignment
        return self.offloads and (mine.network_digest, mine.cut, mine.codec, mine.variant) == (
            its.network_digest,
            its.cut,
            its.codec,
            its.variant,
        )


def _check_figures(planned: Breakdown) -> None:
    for seconds, joules in (
        ("t_edge", "edge_busy_j"),
        ("encode_s", "encode_j"),
        ("decode_s", "decode_j"),
        ("t_server", "server_busy_j"),
        ("t_up", ""),
        ("rtt_s", ""),
        ("t_down", ""),
    ):
        time_s = _checked(seconds, getattr(planned, seconds))
        energy_j = _checked(joules, getattr(planned, joules)) if joules else 0.0
        if time_s > 0.0:
            _checked(f"{joules} / {seconds}", energy_j / time_s)


def _check_sum(name: str, energy_j: float | None) -> None:
    # Below 0 where the nearest choice outlasts its period: there is less than no waiting then.
    if energy_j is not None and not -_MOST <= energy_j <= _MOST:
        raise ContractError(f"plan.{name}: {energy_j:g}; expected {-_MOST:g} to {_MOST:g}: check who made the plan")


def _checked(name: str, value: float) -> float:
    if not 0.0 <= value <= _MOST:
        raise ContractError(f"plan.breakdown.{name}: {value:g}; expected 0 to {_MOST:g}: check who made the plan")
    return value
