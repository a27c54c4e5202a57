"""Plans, runs and results of a demo that never ran, on the planner's synthetic pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from joulecut.demo.metering import MeteredRun, ServedRequest
from joulecut.demo.planned import PlannedPolicy
from joulecut.demo.results import Metered, ObjectiveResult, PolicyResult, Predicted, SweepRow
from joulecut.demo.scenario import NamedObjective
from joulecut_core.clocks import OperatingPoint
from joulecut_core.problems import Objective
from joulecut_planner import Policy
from joulecut_planner import plan_policy as plan_offline
from tests.api.fake_edge import LEDGER
from tests.planner.synthetic_profiles import planning_inputs

TOTAL = NamedObjective(name="total", objective=Objective())
EDGE_CLOCK = OperatingPoint(core_mhz=306.0, memory_mhz=665.6)
SERVER_CLOCK = OperatingPoint(core_mhz=1590.0, memory_mhz=5001.0)


def planned(policy: Policy, objective: NamedObjective = TOTAL) -> PlannedPolicy:
    """A policy's plan for the synthetic pair."""
    inputs = replace(planning_inputs(), objective=objective.objective)
    made = plan_offline(policy, inputs)
    return PlannedPolicy(objective=objective, policy=policy, plan=made.plan, problem=made.problem)


def metered_run(latencies_s: Sequence[float], *, top1: Sequence[int] | None = None) -> MeteredRun:
    """A run with these latencies; request i is of sample i and answered `top1[i]`, or i."""
    return MeteredRun(
        requests=tuple(
            ServedRequest(
                latency_s=latency_s,
                top1=(index if top1 is None else top1[index],),
                sample=index,
                ledger=LEDGER,
            )
            for index, latency_s in enumerate(latencies_s)
        ),
        edge_device_j=0.30,
        radio_j=0.02,
        server_busy_j=0.50,
        server_idle_j=0.40,
    )


def policy_result(policy: str, *, energy_j: float = 0.1, cut: int = 2, keeps_slo: bool = True) -> PolicyResult:
    """A row with recognisable figures; cut 4 is the last."""
    return PolicyResult(
        policy=policy,
        cut=cut,
        cut_name=("input", "stem", "middle", "head", "output")[cut],
        edge_clock=None if policy == "governor" else EDGE_CLOCK,
        server_clock=None if cut == 4 else SERVER_CLOCK,
        codec="none" if cut == 4 else "fp16",
        predicted=Predicted(latency_s=0.0211, energy_j=0.99 * energy_j),
        metered=Metered(
            latency_p50_s=0.0222,
            latency_p99_s=0.0333,
            energy_j=energy_j,
            edge_energy_j=0.0855,
            server_energy_j=0.0144,
            radio_j=0.0055,
        ),
        requests=40,
        deadline_misses=0 if keeps_slo else 7,
        top1_agreement=0.975,
        keeps_slo=keeps_slo,
    )


def objective_result(*policies: PolicyResult, objective: str = "total") -> ObjectiveResult:
    """These rows under one objective."""
    labels = {"energy": "emulated", "energy_scope": "module input + GPU board, without the server's host"}
    return ObjectiveResult(objective=objective, slo_s=0.03, policies=policies, labels=labels)


SPLIT_ROW = SweepRow(
    objective="battery",
    bandwidth_bps=25e6,
    cut=2,
    cut_name="middle",
    codec="fp16",
    edge_clock=EDGE_CLOCK,
    server_clock=SERVER_CLOCK,
    energy_j=0.080,
    all_edge_j=0.100,
    all_server_j=0.160,
    verdict="split",
)
INFEASIBLE_ROW = SweepRow(
    objective="battery",
    bandwidth_bps=1e6,
    cut=None,
    cut_name=None,
    codec=None,
    edge_clock=None,
    server_clock=None,
    energy_j=None,
    all_edge_j=None,
    all_server_j=None,
    verdict="infeasible",
)
EVERY_POLICY = objective_result(
    *(policy_result(policy.value, energy_j=0.1 + 0.01 * index) for index, policy in enumerate(Policy))
)
