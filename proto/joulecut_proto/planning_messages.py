"""What callers and the planning server say besides problems and plans: sessions of one edge and one network, sizes."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Assignment, Plan
from joulecut_core.problems import Objective, Problem, Slo
from joulecut_core.profiles import Profile
from joulecut_core.wires import WireTable


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """All that the planner needs of an edge.

    `envelope_bytes`: what framing adds to each message. `preview`: plan only, raise no epoch.
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
