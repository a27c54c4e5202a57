"""What each policy plans to do, and which of those plans are the same configuration."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut.connections.connection import Connection
from joulecut.demo.scenario import NamedObjective
from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import PlanError
from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner import Policy
from joulecut_proto.local_messages import ReplanRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What distinguishes one run from another; objectives only price it differently."""

    cut: int
    cut_name: str
    codec: str
    edge_clock: OperatingPoint | None
    server_clock: OperatingPoint | None

    def __str__(self) -> str:
        edge = "stock governor" if self.edge_clock is None else str(self.edge_clock)
        server = "" if self.server_clock is None else f", server {self.server_clock}"
        return f"cut {self.cut} ({self.cut_name}), {self.codec}, edge {edge}{server}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPolicy:
    """A policy's plan under one objective, as the agents' planner made it."""

    objective: NamedObjective
    policy: Policy
    plan: Plan
    problem: Problem

    @property
    def configuration(self) -> Configuration:
        """The run this plan needs. Raises PlanError where the policy found no choice at all."""
        plan = self.plan
        if plan.cut is None or plan.codec is None:
            raise PlanError(f"policy {self.policy.value} has no choice at all under {self.objective.name}")
        return Configuration(
            cut=plan.cut,
            cut_name=plan.cut_name or "",
            codec=plan.codec,
            edge_clock=plan.edge_clock,
            server_clock=plan.server_clock,
        )

    @property
    def request(self) -> ReplanRequest:
        """What puts this plan in force."""
        return ReplanRequest(policy=self.policy.value, objective=self.objective.objective)


def plan_policy(edge: Connection, objective: NamedObjective, policy: Policy) -> PlannedPolicy:
    """Ask the agents what a policy would do; nothing changes. Raises LinkError without a server."""
    reply = edge.replan(ReplanRequest(policy=policy.value, objective=objective.objective, preview=True))
    return PlannedPolicy(objective=objective, policy=policy, plan=reply.plan, problem=reply.problem)
