"""Joules of stages that were too short for a meter: their measured seconds times the watts their plan was made with.

Whoever uses one of these labels the ledger as estimated. Without a plan's breakdown there are no watts, and no joules.
"""

from __future__ import annotations

from joulecut_edge.plans.active_plan import ActivePlan


def edge_busy_j(active: ActivePlan, time_s: float) -> float:
    """Computing on the edge for so long."""
    planned = active.plan.breakdown
    return 0.0 if planned is None else _at_watts(planned.edge_busy_j, planned.t_edge, time_s)


def encode_j(active: ActivePlan, time_s: float) -> float:
    """Encoding for so long."""
    planned = active.plan.breakdown
    return 0.0 if planned is None else _at_watts(planned.encode_j, planned.encode_s, time_s)


def server_j(active: ActivePlan, *, decode_s: float, tail_s: float) -> float:
    """Decoding and computing on the server for so long."""
    planned = active.plan.breakdown
    if planned is None:
        return 0.0
    decoding_j = _at_watts(planned.decode_j, planned.decode_s, decode_s)
    return decoding_j + _at_watts(planned.server_busy_j, planned.t_server, tail_s)


def _at_watts(planned_j: float, planned_s: float, time_s: float) -> float:
    return planned_j / planned_s * time_s if planned_s > 0 else 0.0
