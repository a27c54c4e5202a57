"""Who stands in front of an agent's services: says who calls, and what of a service that caller gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from joulecut_proto.security.callers import Caller, Callers
from joulecut_proto.services import AgentService, InferenceService, PlannerService, SolverService


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """Asked with each call: `callers` who it is from, the others for the service as that caller may use it.

    Any of them raises AccessError where there is nothing for this caller; the call then ends PERMISSION_DENIED.
    """

    callers: Callers
    agent: Callable[[AgentService, Caller], AgentService]
    planner: Callable[[PlannerService, Caller], PlannerService]
    solver: Callable[[SolverService, Caller], SolverService]
    inference: Callable[[InferenceService, Caller], InferenceService]
