"""One session as the page shows it: its plan as predicted, its answers as metered, and what follows from both."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.clocks import OperatingPoint
from joulecut_core.figures import FigureKind
from joulecut_core.plans import OPTIMAL, Breakdown, Plan
from joulecut_core.problems import Objective
from joulecut_server.dashboard.comparison import Comparison
from joulecut_server.dashboard.kept_plans import ShownPlan
from joulecut_server.dashboard.tallies import Served
from joulecut_server.served_network import ServedNetwork

_ALWAYS = frozenset(("joint", "governor", "all-edge", "all-server", "edge-clock", "energy-cut"))
"""Baselines that are published each second; a session's explanation has all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelView:
    """What the session's requests must keep; None for what is not asked for."""

    latency_s: float | None
    quantile: float | None
    rate_hz: float | None
    max_accuracy_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """The link as the edge estimated it when it asked for the plan."""

    uplink_bps: float
    downlink_bps: float
    rtt_s: float
    latency_std_s: float
    samples: int
    figures: FigureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseView:
    """What a policy's own model says of its choice; `kept`: that it keeps deadline, rate and accuracy."""

    kept: bool
    latency_s: float | None
    latency_bound_s: float | None
    energy_j: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedView:
    """What the planner predicts of one request, from profiles of the kinds in `profiles`, and what watts contain.

    `promised`: of the same choice, where the session's policy has planned with a model of its own.
    """

    latency_s: float | None
    latency_bound_s: float | None
    energy_j: float | None
    edge_energy_j: float | None
    server_energy_j: float | None
    breakdown: Breakdown | None
    profiles: tuple[FigureKind, FigureKind]
    scope: str
    promised: PromiseView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedView:
    """What this server has metered; means over the latest answers under the plan in force."""

    answered: int
    refused: int
    server_s: float | None
    server_energy_j: float | None
    figures: FigureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatedView:
    """A whole request: what the planner predicts of edge and link, and what this server metered of its own part.

    None where no request has been answered under the plan in force.
    """

    latency_s: float | None
    energy_j: float | None
    figures: FigureKind = FigureKind.ESTIMATED


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingView:
    """A baseline's predicted joules of one request, and how much of them the plan saves."""

    name: str
    kept: bool
    energy_j: float | None
    latency_bound_s: float | None
    saved_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session now. `savings` are those beside the main baselines, None until they have been worked out."""

    session: str
    network: str
    policy: str
    in_force: bool
    feasible: bool
    follows_link: bool
    epoch: int | None
    cut: int | None
    cut_name: str | None
    last_cut: int
    codec: str | None
    variant: str | None
    edge_clock: OperatingPoint | None
    server_clock: OperatingPoint | None
    objective: Objective
    level: LevelView
    link: LinkView
    predicted: PredictedView
    served: ServedView
    estimated: EstimatedView
    savings: tuple[SavingView, ...] | None


def session_view(shown: ShownPlan, served: Served, compared: Comparison | None, network: ServedNetwork) -> SessionView:
    """The view of a session of one of this server's networks."""
    request, problem, plan = shown.kept.request, shown.kept.problem, shown.plan
    assignment = None if shown.epoch is None else shown.kept.plans[shown.epoch][0]
    offloaded = plan.server_clock is not None
    return SessionView(
        session=request.session_id,
        network=network.name,
        policy=request.policy,
        in_force=shown.in_force,
        feasible=plan.status == OPTIMAL,
        follows_link=shown.follows_link,
        epoch=shown.epoch,
        cut=plan.cut,
        cut_name=plan.cut_name,
        last_cut=len(problem.cuts) - 1,
        codec=plan.codec,
        variant=plan.variant,
        edge_clock=plan.edge_clock if assignment is None else assignment.edge_clock,
        server_clock=plan.server_clock,
        objective=request.objective,
        level=LevelView(
            latency_s=request.slo.latency_s,
            quantile=request.slo.quantile,
            rate_hz=request.slo.rate_hz,
            max_accuracy_loss=request.max_accuracy_loss,
        ),
        link=LinkView(
            uplink_bps=request.link.uplink_bps,
            downlink_bps=request.link.downlink_bps,
            rtt_s=request.link.rtt_s,
            latency_std_s=request.link.latency_std_s,
            samples=request.link.samples,
            figures=request.link.figures,
        ),
        predicted=PredictedView(
            latency_s=plan.latency_s,
            latency_bound_s=plan.latency_bound_s,
            energy_j=plan.energy_j,
            edge_energy_j=plan.edge_energy_j,
            server_energy_j=plan.server_energy_j,
            breakdown=plan.breakdown,
            profiles=(request.edge.figures, network.profile.figures),
            scope=plan.power_scopes.of_sum(server=offloaded),
            promised=None if shown.promised is None else _promise(shown.promised),
        ),
        served=ServedView(
            answered=served.answered,
            refused=served.refused,
            server_s=served.server_s,
            server_energy_j=served.server_energy_j,
            figures=served.figures,
        ),
        estimated=estimate(shown, served),
        savings=None if compared is None else tuple(_saving(compared)),
    )


def estimate(shown: ShownPlan, served: Served) -> EstimatedView:
    """The plan's figures with the server's own part replaced by what was metered of it."""
    plan, objective = shown.plan, shown.kept.request.objective
    parts = plan.breakdown
    if parts is None or plan.latency_s is None or plan.energy_j is None:
        return EstimatedView(latency_s=None, energy_j=None)
    latency_s = energy_j = None
    if served.server_s is not None:
        latency_s = plan.latency_s - parts.decode_s - parts.t_server + served.server_s
    if served.server_energy_j is not None:
        own_j = served.server_energy_j - parts.server_busy_j - parts.decode_j
        energy_j = plan.energy_j + objective.server_weight * own_j
    return EstimatedView(latency_s=latency_s, energy_j=energy_j)


def _promise(plan: Plan) -> PromiseView:
    return PromiseView(
        kept=plan.status == OPTIMAL,
        latency_s=plan.latency_s,
        latency_bound_s=plan.latency_bound_s,
        energy_j=plan.energy_j,
    )


def _saving(compared: Comparison) -> list[SavingView]:
    return [
        SavingView(
            name=each.name,
            kept=each.kept,
            energy_j=each.energy_j,
            latency_bound_s=each.latency_bound_s,
            saved_share=each.saved_share,
        )
        for each in compared.rivals
        if each.name in _ALWAYS
    ]
