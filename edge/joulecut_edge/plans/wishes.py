"""What the edge wants of its plans: policy, objective, SLO, accuracy budget, tail; changed at run time by tools."""

from __future__ import annotations

from dataclasses import dataclass, replace

from joulecut_core.errors import ContractError
from joulecut_core.problems import Objective, Slo
from joulecut_edge.config import EdgeConfig
from joulecut_planner import Policy
from joulecut_planner.tails import TailMethod
from joulecut_proto.local_messages import ReplanRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The terms to plan under. `tail_method`: None for means and standard deviations."""

    policy: Policy
    objective: Objective
    slo: Slo
    max_accuracy_loss: float
    tail_method: TailMethod | None = None

    @classmethod
    def from_config(cls, config: EdgeConfig) -> Wishes:
        """The terms an edge starts with."""
        return cls(
            policy=Policy(config.policy),
            objective=config.objective,
            slo=config.slo,
            max_accuracy_loss=config.max_accuracy_loss,
            tail_method=TailMethod(config.planning.tail) if config.planning.tail else None,
        )

    def changed_by(self, request: ReplanRequest) -> Wishes:
        """These terms with what a request names replaced; raises ContractError for an unknown policy."""
        return replace(
            self,
            policy=self.policy if request.policy is None else _policy(request.policy),
            objective=request.objective or self.objective,
            slo=request.slo or self.slo,
            max_accuracy_loss=(
                self.max_accuracy_loss if request.max_accuracy_loss is None else request.max_accuracy_loss
            ),
        )


def _policy(name: str) -> Policy:
    try:
        return Policy(name)
    except ValueError as error:
        known = ", ".join(each.value for each in Policy)
        raise ContractError(f"policy: {name[:40]!r}; expected one of {known}") from error
