"""What callers and the planning server say besides problems and plans: sessions of one edge and one network, sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

from joulecut_core.errors import ContractError
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Assignment, Plan
from joulecut_core.problems import Objective, Problem, Slo
from joulecut_core.profiles import Profile
from joulecut_core.wires import WireTable


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFactors:
    """Measured over predicted seconds of each stage, as live requests show; raises ContractError for none above 0."""

    head: float = 1.0
    encode: float = 1.0
    decode: float = 1.0
    tail: float = 1.0

    def __post_init__(self) -> None:
        for stage in fields(self):
            factor = getattr(self, stage.name)
            if not 0.0 < factor < math.inf:
                raise ContractError(f"factors.{stage.name}: {factor!r}; expected a finite factor above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """All that the planner needs of an edge.

    `envelope_bytes`: what framing adds to each message. `preview`: plan only, raise no epoch. `tail_method`: how
    quantiles are taken from the profiles' single runs; None for means and standard deviations. `factors`: by
    what the tables' seconds are off; the link's are in `link` already.
    """

    session_id: str
    network_digest: str
    edge: Profile
    wires: WireTable
    link: LinkEstimate
    slo: Slo
    objective: Objective
    max_accuracy_loss: float
    policy: str
    envelope_bytes: int = 0
    preview: bool = False
    tail_method: str | None = None
    factors: StageFactors = field(default_factory=StageFactors)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReply:
    """A session's plan and the problem behind it; `assignment` is None for a preview or an infeasible plan."""

    assignment: Assignment | None
    plan: Plan
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSize:
    """What a request has, or the most that it may have, over all of its problems together.

    `edges`: of a fleet, 0 for a single problem. `objects`: operating points, cuts, wires, variants and
    rows of tables. `table_entries`: the numbers in tables. `clock_pairs`: edge points times server
    points, of the problem that has most of them. `choices`: those of the contract.
    """

    edges: int = 0
    objects: int = 0
    table_entries: int = 0
    clock_pairs: int = 0
    choices: int = 0
