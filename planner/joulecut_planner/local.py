"""The plan an edge makes for itself while it knows no server: everything on the edge, at its best clock."""

from __future__ import annotations

from joulecut_core.plans import Plan
from joulecut_core.problems import (
    Edge,
    EdgePoint,
    Link,
    Objective,
    Problem,
    ProblemCut,
    Server,
    ServerPoint,
    SideTables,
    Slo,
    Variant,
    Wire,
)
from joulecut_core.profiles import Profile
from joulecut_planner.exact.solver import solve
from joulecut_planner.side_models import side_model
from joulecut_planner.tables import variant_name
from joulecut_planner.tails import TailEstimates

_NO_WIRE = Wire(codec="none", uplink_bytes=0.0, downlink_bytes=0.0)
_NO_LINK = Link(uplink_bps=1.0, downlink_bps=1.0, rtt_s=0.0)


def local_plan(edge: Profile, slo: Slo, objective: Objective, *, tails: TailEstimates | None = None) -> Plan:
    """The clock of least energy at which the edge alone keeps the SLO; the fastest, "infeasible", where none does.

    `tails`: what takes the place of standard deviations where the SLO has a quantile. Raises FitError or
    ProfileError where the profile cannot carry a model, FitError where a tail does not carry the quantile.
    """
    model = side_model(edge)
    spread = (tails or TailEstimates()).edge_spread(slo)
    nothing = tuple(0.0 for _ in model.points)
    whole = edge.last_cut
    std_s = model.std_s[whole] if spread is None else model.time_s[whole] * spread
    return solve(
        Problem(
            slo=slo,
            objective=objective,
            link=_NO_LINK,
            edge=Edge(
                points=tuple(
                    EdgePoint(core_mhz=point.core_mhz, memory_mhz=point.memory_mhz, wait_w=wait_w)
                    for point, wait_w in zip(model.points, model.wait_w.tolist(), strict=True)
                ),
                power_scope=edge.key.power_scope,
            ),
            server=Server(points=(ServerPoint(core_mhz=1.0, memory_mhz=None),)),
            cuts=(
                ProblemCut(name=edge.cut_names[0], wires=(_NO_WIRE,), allowed=False),
                ProblemCut(name=edge.cut_names[-1], wires=(_NO_WIRE,)),
            ),
            variants=(
                Variant(
                    name=variant_name(edge),
                    edge=SideTables(
                        time_s=(nothing, tuple(model.time_s[whole].tolist())),
                        busy_w=(nothing, tuple(model.busy_w[whole].tolist())),
                        time_std_s=(nothing, tuple(std_s.tolist())),
                    ),
                    server=SideTables(time_s=((0.0,), (0.0,)), busy_w=((0.0,), (0.0,))),
                ),
            ),
        )
    )
