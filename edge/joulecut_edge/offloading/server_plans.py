"""A server's plan as this edge carries it out, where it can."""

from __future__ import annotations

import logging

from joulecut_core.decoding import show
from joulecut_core.errors import ContractError, JoulecutError
from joulecut_core.plans import Assignment, Plan
from joulecut_core.problems import Slo
from joulecut_edge.offloading.edge_identity import EdgeIdentity
from joulecut_edge.offloading.experience import PlanBasis
from joulecut_edge.plans.active_plan import ActivePlan
from joulecut_edge.plans.local_tail import LocalTail, local_tail
from joulecut_edge.plans.waiting import waiting_w
from joulecut_proto.planning_messages import StageFactors

_LOG = logging.getLogger(__name__)


def server_plan(identity: EdgeIdentity, assignment: Assignment, plan: Plan, basis: PlanBasis) -> ActivePlan:
    """What this edge does under a server's assignment.

    What this edge knows by itself is not taken from the server's problem: a wrong number in it would stand in every
    answer, or in place of it.

    Raises ContractError where this edge cannot carry it out: every request would fail under it.
    """
    _check_runnable(identity, assignment)
    slo = basis.slo
    return ActivePlan(
        assignment=assignment,
        plan=plan,
        offloads=assignment.cut < identity.network.table.last,
        wait_w=waiting_w(identity.profile, assignment.edge_clock),
        period_s=None if slo.rate_hz is None else 1.0 / slo.rate_hz,
        link=basis.link,
        server=basis.server,
        factors=basis.factors,
        deadline_s=slo.latency_s,
        local_tail=_tail(identity, assignment, slo, basis.factors),
    )


def _check_runnable(identity: EdgeIdentity, assignment: Assignment) -> None:
    table, cut = identity.network.table, assignment.cut
    if assignment.network_digest != table.digest or not 0 <= cut <= table.last:
        raise ContractError(f"assigned cut {cut} of {assignment.network_digest}; this edge runs {table.digest}")
    codecs = [wire.codec for wire in identity.wires.at(cut)]
    if cut < table.last and assignment.codec not in codecs:
        expected = ", ".join(codecs) or "none"
        raise ContractError(f"assigned codec {show(assignment.codec)} at cut {cut}; this edge offered {expected}")


def _tail(identity: EdgeIdentity, assignment: Assignment, slo: Slo, factors: StageFactors) -> LocalTail | None:
    try:
        return local_tail(
            identity.profile,
            assignment.cut,
            assignment.edge_clock,
            quantile=slo.quantile,
            factor=max(1.0, factors.head),
        )
    except JoulecutError as error:
        _LOG.warning("no time is kept for finishing here: %s", error)
        return None
