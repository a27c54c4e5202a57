"""Why a plan is what it is: what it costs where, what binds, what else there was, when it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from joulecut_core.decoding import encode
from joulecut_core.plans import Plan
from joulecut_planner.explanations.alternatives import Alternative
from joulecut_planner.plan_file import plan_document
from joulecut_planner.uplinks.policy_table import PolicyRow

EXPLANATION_SCHEMA = "joulecut.explanation/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """How much of a bound is left; negative where it is broken.

    Of "latency" T_q in seconds, of "rate" the seconds of the slowest stage (named by `stage`) against
    the period, of "accuracy" the loss. `binds`: the plan names it as binding, or as broken.
    """

    constraint: str
    used: float
    bound: float
    left: float
    binds: bool
    stage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineStep:
    """A neighbour of the plan on the energy-latency front, and joules per millisecond on the way there."""

    latency_bound_s: float
    energy_j: float
    price_j_per_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePrice:
    """What the deadline costs: one step of the front later, and one earlier.

    `later` is what a deadline at its T_q would save, `earlier` what one before the plan's T_q would cost,
    None where nothing is faster. Where no deadline binds, so that no later one would save anything,
    both are None and `reason` says why.
    """

    later: DeadlineStep | None
    earlier: DeadlineStep | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkRange:
    """The uplinks over which the decision stays, as rows of a policy table, and what follows on either side.

    Of the range looked at: `slower` and `faster` are None where the decision stays up to its end,
    `slower_cut` and `faster_cut` are the nearest rows with another cut or another status.
    """

    lowest_bps: float
    highest_bps: float
    stays: PolicyRow
    slower: PolicyRow | None
    faster: PolicyRow | None
    slower_cut: PolicyRow | None
    faster_cut: PolicyRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A plan and why.

    `shares` has a number from 0 to 1 for each field of the plan's breakdown: its part of T, or of both
    sides' joules together, unweighted. It is empty where there is no choice to describe, and
    `alternatives` is where the plan is infeasible.
    """

    plan: Plan
    shares: Mapping[str, float]
    slacks: tuple[Slack, ...]
    deadline_price: DeadlinePrice
    alternatives: tuple[Alternative, ...]
    uplink: UplinkRange
    schema: str = EXPLANATION_SCHEMA


def explanation_document(explanation: Explanation) -> dict[str, object]:
    """The explanation as a JSON object, joulecut.explanation/1, with plans of the contract inside."""
    document: dict[str, object] = encode(explanation)
    others: list[dict[str, object]] = [encode(each) for each in explanation.alternatives]
    for other, each in zip(others, explanation.alternatives, strict=True):
        other["plan"] = None if each.plan is None else plan_document(each.plan)
    inner = {"plan": plan_document(explanation.plan), "alternatives": others}
    return {"schema": explanation.schema} | document | inner
