"""Why a session runs what it runs, in sentences that stand beside the figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from joulecut_core.plans import OPTIMAL, Plan
from joulecut_core.problems import Objective
from joulecut_planner import Policy
from joulecut_planner.choices.constraints import ACCURACY, LATENCY
from joulecut_planner.explanations.alternatives import Alternative, Aspect
from joulecut_planner.explanations.explanation import Slack, UplinkRange
from joulecut_server.dashboard.comparison import Comparison
from joulecut_server.dashboard.deciding import Study
from joulecut_server.dashboard.kept_plans import ShownPlan
from joulecut_server.dashboard.wording import bandwidth, choice, clock, joules, percent, seconds

_NAMED_RIVALS = ("all-edge", "edge-clock", "governor", "all-server", "energy-cut")
_DIFFERENT = {
    Aspect.CUT: "another cut",
    Aspect.CODEC: "another codec at this cut",
    Aspect.EDGE_CLOCK: "another clock of the edge",
    Aspect.SERVER_CLOCK: "another clock of the server",
    Aspect.VARIANT: "another variant",
}
_SAME = 1e-9
"""Differences of joules below this share are rounding."""


class Topic(str, Enum):
    """What a sentence is about."""

    CHOICE = "choice"
    COST = "cost"
    LEVEL = "level"
    ALTERNATIVES = "alternatives"
    LINK = "link"
    BASELINES = "baselines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One sentence."""

    topic: Topic
    text: str


def reasons(shown: ShownPlan, study: Study, compared: Comparison | None) -> tuple[Reason, ...]:
    """Why a session runs this plan. `study`: of the problem that the plan was made from."""
    explanation = study.explanation
    best = explanation.plan
    said = [(Topic.CHOICE, text) for text in (*_chosen(shown), *_own_policy(shown, best))]
    said += [(Topic.COST, text) for text in (*_cost(shown.plan, shown.kept.request.objective), *_promise(shown))]
    if best.cut is not None:
        said += [(Topic.LEVEL, text) for text in (*_of_whom(shown), *_level(study, shown))]
        said += [(Topic.ALTERNATIVES, text) for text in map(_alternative, explanation.alternatives) if text]
        said += [(Topic.LINK, text) for text in _link(explanation.uplink, shown)]
    if compared is not None:
        said += [(Topic.BASELINES, text) for text in _baselines(compared)]
    return tuple(Reason(topic=topic, text=text) for topic, text in said)


def _chosen(shown: ShownPlan) -> Iterator[str]:
    plan, problem = shown.plan, shown.kept.problem
    last = len(problem.cuts) - 1
    assignment = None if shown.epoch is None else shown.kept.plans[shown.epoch][0]
    edge = clock(plan.edge_clock if assignment is None else assignment.edge_clock)
    if plan.cut is None:
        yield "No choice of cut, codec and clocks keeps what is asked, not even approximately."
        return
    if plan.server_clock is None:
        yield f"The whole network, {last} blocks, runs on the edge at {edge}; nothing is sent."
    elif plan.cut == 0:
        yield (
            f"The whole network, {last} blocks, runs on the server at {plan.server_clock}; "
            f"the edge sends its input ({plan.codec}) and idles at {edge}."
        )
    else:
        yield (
            f"The first {plan.cut} of {last} blocks, up to {plan.cut_name}, run on the edge at {edge}; what they "
            f"give is sent ({plan.codec}), and the server computes the rest at {plan.server_clock}."
        )
    if plan.status != OPTIMAL:
        broken = " and ".join(plan.binding)
        if shown.promised is not None and shown.promised.status == OPTIMAL:
            yield f"It breaks {broken}, which this policy's own model does not see."
        else:
            yield f"It is the nearest there is: nothing keeps every bound, and this breaks {broken}."
    if shown.follows_link:
        yield "The edge has changed to this plan by itself, as its link changed."


def _own_policy(shown: ShownPlan, best: Plan) -> Iterator[str]:
    """What joulecut would do where the edge has asked for something else."""
    policy, plan = shown.kept.request.policy, shown.plan
    if _is_joint(shown):
        return
    yield f"This is what the policy {policy} does, which the edge asked for; it is not joulecut's joint plan."
    if best.status != OPTIMAL or best.energy_j is None or plan.energy_j is None:
        return
    more_j = plan.energy_j - best.energy_j
    if plan.status != OPTIMAL:
        yield f"The joint plan keeps every bound, for {joules(best.energy_j)} a request: {choice(best)}."
    elif more_j > _SAME * plan.energy_j:
        share = percent(more_j / plan.energy_j)
        yield f"The joint plan would take {joules(more_j)} less a request ({share}): {choice(best)}."
    else:
        yield "The joint plan would cost just as much."


def _is_joint(shown: ShownPlan) -> bool:
    return shown.kept.request.policy == Policy.JOINT.value


def _of_whom(shown: ShownPlan) -> Iterator[str]:
    if not _is_joint(shown):
        yield "What follows, up to the comparison with others, is about the joint plan."
    elif shown.follows_link:
        yield "What follows is about the plan for the link as it was when the edge asked."


def _cost(plan: Plan, objective: Objective) -> Iterator[str]:
    parts = plan.breakdown
    if parts is None or plan.energy_j is None or plan.edge_energy_j is None or plan.server_energy_j is None:
        return
    counts = plan.server_clock is not None and objective.server_weight > 0.0
    contents = plan.power_scopes.of_sum(server=counts)
    weighed = (objective.edge_weight, objective.server_weight) != (1.0, 1.0)
    weights = (
        f"; its joules weighed {objective.edge_weight:g} on the edge and {objective.server_weight:g} on the server"
    )
    server = f", and {joules(plan.server_energy_j)} on the server" if plan.server_clock is not None else ""
    yield (
        f"A request is predicted to cost {joules(plan.energy_j)} ({contents}{weights if weighed else ''}): "
        f"{joules(plan.edge_energy_j)} on the edge, of which {joules(parts.edge_busy_j)} computing, "
        f"{joules(parts.edge_wait_j)} waiting and {joules(parts.radio_j)} by the radio{server}."
    )
    if plan.latency_s is None:
        return
    if plan.server_clock is None:
        yield f"It is predicted to take {seconds(plan.latency_s)} on average, all of it on the edge."
        return
    link_s = parts.t_up + parts.rtt_s + parts.t_down
    yield (
        f"It is predicted to take {seconds(plan.latency_s)} on average: {seconds(parts.t_edge + parts.encode_s)} "
        f"on the edge, {seconds(link_s)} on the link, {seconds(parts.decode_s + parts.t_server)} on the server."
    )


def _promise(shown: ShownPlan) -> Iterator[str]:
    promised = shown.promised
    if promised is None or promised.energy_j is None or promised.latency_s is None:
        return
    yield (
        f"What this policy's own model promises is {joules(promised.energy_j)} and {seconds(promised.latency_s)}; "
        "it knows neither waiting nor static power."
    )


def _level(study: Study, shown: ShownPlan) -> Iterator[str]:
    explanation = study.explanation
    for slack in explanation.slacks:
        decides = slack.constraint in study.deciding
        # Nothing may be lost and nothing is: true of every lossless plan, and no reason for one.
        if decides or (slack.used, slack.bound) != (0.0, 0.0):
            yield _bound(slack, shown.kept.request.slo.quantile, decides=decides)
    price, plan = explanation.deadline_price, explanation.plan
    if price.later is None or plan.energy_j is None:
        yield f"On the deadline: {price.reason}."
        return
    yield (
        f"The deadline has a price: one of {seconds(price.later.latency_bound_s)} would save "
        f"{joules(plan.energy_j - price.later.energy_j)} a request."
    )
    if price.earlier is not None:
        yield (
            f"An answer within {seconds(price.earlier.latency_bound_s)} would cost "
            f"{joules(price.earlier.energy_j - plan.energy_j)} more."
        )


def _bound(slack: Slack, quantile: float | None, *, decides: bool) -> str:
    if slack.constraint == ACCURACY:
        used, bound, left = (percent(value) for value in (slack.used, slack.bound, slack.left))
        what = f"The answers may lose {bound} of accuracy; the choice loses {used}"
    else:
        used, bound, left = (seconds(value) for value in (slack.used, slack.bound, slack.left))
        if slack.constraint == LATENCY:
            who = "Answers" if quantile is None else f"{percent(quantile)} of the answers"
            what = f"{who} are due within {bound}; predicted are {used}"
        else:
            what = f"A request comes every {bound}; the slowest stage, {slack.stage}, takes {used}"
    if slack.left < 0.0 and slack.binds:
        return f"{what}: that is broken."
    if decides and slack.binds:
        return f"{what}: that decides, something cheaper would break it."
    return f"{what}: {left} to spare." if slack.left > 0.0 else f"{what}: nothing to spare."


def _alternative(other: Alternative) -> str:
    """Nothing where there is no such alternative, which explains nothing."""
    if other.plan is None or other.energy_difference_j is None or other.latency_bound_difference_s is None:
        return ""
    later_s = other.latency_bound_difference_s
    when = f"{seconds(abs(later_s))} {'later' if later_s > 0 else 'earlier'}" if later_s else "just as late"
    more_j = other.energy_difference_j
    # Wherever the server's joules do not count, its clock changes none.
    cost = f"{joules(more_j)} more" if more_j > _SAME * (other.plan.energy_j or 0.0) else "just as much"
    what = f"{_DIFFERENT[other.aspect]}, {_difference(other.aspect, other.plan)}"
    return f"The best with {what}, would cost {cost} and answer {when}."


def _difference(aspect: Aspect, plan: Plan) -> str:
    """An alternative by what is different; all of it where everything else may differ too."""
    if aspect is Aspect.EDGE_CLOCK:
        return clock(plan.edge_clock)
    if aspect is Aspect.SERVER_CLOCK:
        return clock(plan.server_clock)
    return choice(plan)


def _link(uplink: UplinkRange, shown: ShownPlan) -> Iterator[str]:
    stays, link = uplink.stays, shown.kept.request.link
    yield (
        f"The edge estimates an uplink of {bandwidth(link.uplink_bps)}; the joint plan stays the same from "
        f"{bandwidth(stays.from_bps)} to {bandwidth(stays.to_bps)}."
    )
    if uplink.slower is not None:
        yield f"On a slower uplink it would be {choice(uplink.slower)}."
    if uplink.faster is not None:
        yield f"On a faster one it would be {choice(uplink.faster)}."


def _baselines(compared: Comparison) -> Iterator[str]:
    for name in _NAMED_RIVALS:
        rival = compared.rival(name)
        if rival is None or rival.energy_j is None or rival.saved_share is None:
            continue
        who = name if rival.kept else f"{name}, which does not keep what is asked,"
        cost = f"{who} would cost {joules(rival.energy_j)}"
        if abs(rival.saved_share) < _SAME:
            yield f"{cost}, just as much."
        elif rival.saved_share > 0:
            yield f"{cost}: this plan saves {percent(rival.saved_share)} of it."
        else:
            yield f"{cost}: this plan costs {percent(-rival.saved_share)} more."
