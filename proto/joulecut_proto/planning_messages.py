"""What an edge and the planning server say about a session: one edge, one network."""

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
