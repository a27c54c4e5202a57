"""What an edge carries out without a server, under the terms of its plans."""

from __future__ import annotations

from joulecut_core.plans import Assignment
from joulecut_core.profiles import Profile
from joulecut_edge.plans.active_plan import LOCAL_EPOCH, ActivePlan
from joulecut_edge.plans.local_tail import local_tail
from joulecut_edge.plans.waiting import waiting_w
from joulecut_edge.plans.wishes import Wishes
from joulecut_planner.local import local_plan
from joulecut_planner.tails import pair_tails


def local_active_plan(profile: Profile, wishes: Wishes) -> ActivePlan:
    """What the edge does without a server: the whole network at the clock that costs the fewest joules in time.

    Raises FitError where the profile does not carry the quantile, ProfileError where it carries no model.
    """
    tails = pair_tails(wishes.tail_method, wishes.slo, edge=profile)
    plan = local_plan(profile, wishes.slo, wishes.objective, tails=tails)
    return ActivePlan(
        assignment=Assignment(
            epoch=LOCAL_EPOCH,
            network_digest=profile.key.network_digest,
            policy="local",
            cut=profile.last_cut,
            codec=plan.codec or "none",
            variant=plan.variant or "",
            edge_clock=plan.edge_clock,
            server_clock=None,
        ),
        plan=plan,
        offloads=False,
        wait_w=waiting_w(profile, plan.edge_clock),
        period_s=None if wishes.slo.rate_hz is None else 1.0 / wishes.slo.rate_hz,
        link=None,
        deadline_s=wishes.slo.latency_s,
        local_tail=local_tail(profile, 0, plan.edge_clock, quantile=wishes.slo.quantile),
    )
