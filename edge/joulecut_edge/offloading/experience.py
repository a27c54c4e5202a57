"""What the plans in force were made of, and what requests showed of it since: the ground of the next plan."""

from __future__ import annotations

from dataclasses import dataclass, replace

from joulecut_core.links import LinkEstimate
from joulecut_core.problems import Problem, Slo
from joulecut_edge.plans.refits import compounded, rescaled
from joulecut_edge.requests.session import EdgeSession
from joulecut_planner import Policy
from joulecut_proto.planning_messages import StageFactors


@dataclass(frozen=True, slots=True)
class PlanBasis:
    """What plans of a server were made of."""

    problem: Problem
    link: LinkEstimate
    factors: StageFactors
    """What the tables were corrected by."""
    slo: Slo
    server: str


class Experience:
    """Corrects link and tables from plan to plan. Used from the event loop only."""

    def __init__(self, session: EdgeSession, *, refit: bool) -> None:
        """`refit`: correct by what the requests before took; else all is taken as it was measured."""
        self._session = session
        self._refits = refit
        self.basis: PlanBasis | None = None
        """Of the plans in force; None before the first."""
        self.link_is_rescaled = False
        """Whether the link is planned for as requests showed it, and not as it was measured."""

    @property
    def factors(self) -> StageFactors:
        """What the tables behind the plans in force were corrected by."""
        return StageFactors() if self.basis is None else self.basis.factors

    def applied_to(self, link: LinkEstimate, server: str) -> tuple[LinkEstimate, StageFactors]:
        """Link and factors of the next plan: those of the plan in force, corrected by what its requests showed.

        A link other than that plan's, measured since or another server's, is taken as it is. For another server the
        corrections of decoding and tail are dropped, be it at the same address: it has tables of its own.
        """
        active, planned = self._session.active, self._session.active.link
        factors, basis = self.factors, self.basis
        # What was measured under the board's governor is no table to correct.
        governed = active.assignment.policy == Policy.GOVERNOR.value
        if self._refits and planned is not None and not governed:
            found = self._session.drift.corrections_of(active)
            factors = compounded(active.factors, found)
            if basis is not None and link is basis.link:
                self.link_is_rescaled = self.link_is_rescaled or found.link != 1.0
                link = planned if found.link == 1.0 else rescaled(planned, found.link)
        if basis is not None and server != basis.server:
            factors = replace(factors, decode=1.0, tail=1.0)
        return link, factors
