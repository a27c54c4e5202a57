"""An explanation as a person reads it: what it costs where, what binds, what else there was, when it changes."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from joulecut.commands.plan_tables import (
    SHARES,
    STAGES,
    choice_table,
    choice_text,
    choices_table,
    mbit,
    milli,
)
from joulecut.commands.whole_tables import print_whole
from joulecut_core.plans import OPTIMAL
from joulecut_core.problems import Problem
from joulecut_planner.explanations.explanation import Explanation, Slack, UplinkRange


def show_explanation(problem: Problem, explanation: Explanation, console: Console) -> None:
    """The plan and the reasons for it."""
    plan = explanation.plan
    if plan.breakdown is None:
        console.print("[bold]infeasible[/bold]: no allowed choice keeps the accuracy budget")
        return
    print_whole(console, choice_table(plan))
    print_whole(console, _where(explanation))
    if plan.status != OPTIMAL:
        console.print(f"infeasible; the nearest choice violates: {', '.join(plan.binding)}")
    for line in reasons(problem, explanation):
        console.print(line, highlight=False, soft_wrap=True)
    others = [
        (
            (other.aspect.value, _signed(other.energy_difference_j), _signed(other.latency_bound_difference_s)),
            other.plan,
        )
        for other in explanation.alternatives
        if other.plan is not None
    ]
    if others:
        print_whole(console, choices_table("the best with another", ("", "mJ more", "ms more"), others))
    for other in explanation.alternatives:
        if other.plan is None:
            console.print(f"{other.aspect.value}: {other.reason}", highlight=False, soft_wrap=True)


def reasons(problem: Problem, explanation: Explanation) -> tuple[str, ...]:
    """What binds, what the deadline costs, and over which uplinks the decision stays; sentences in rich's markup."""
    return (
        *(_slack(slack) for slack in explanation.slacks),
        *_price(explanation),
        *_uplink(explanation.uplink, problem.link.uplink_bps),
    )


def _where(explanation: Explanation) -> Table:
    breakdown, shares = explanation.plan.breakdown, explanation.shares
    table = Table(title="what it costs where", box=SIMPLE_HEAD)
    for header, is_number in (("seconds", False), ("", True), ("", True), ("energy", False), ("", True), ("", True)):
        table.add_column(header, justify="right" if is_number else "left")
    for (stage, seconds), (share, joules) in zip(STAGES, SHARES, strict=True):
        table.add_row(
            stage,
            milli(getattr(breakdown, seconds), "ms"),
            _percent(shares[seconds]),
            share,
            milli(getattr(breakdown, joules), "mJ"),
            _percent(shares[joules]),
        )
    return table


def _slack(slack: Slack) -> str:
    if slack.constraint == "accuracy":
        used, bound, left = (f"{value:.4g}" for value in (slack.used, slack.bound, slack.left))
    else:
        used, bound, left = (milli(value, "ms") for value in (slack.used, slack.bound, slack.left))
    stage = "" if slack.stage is None else f" ({slack.stage})"
    verdict = "broken" if slack.left < 0.0 and slack.binds else "binds" if slack.binds else f"{left} left"
    return f"{slack.constraint}: {used} of {bound}{stage}: [bold]{verdict}[/bold]"


def _price(explanation: Explanation) -> Iterator[str]:
    price, energy_j = explanation.deadline_price, explanation.plan.energy_j or 0.0
    if price.later is None:
        yield f"deadline: no price: {price.reason}"
        return
    yield (
        f"deadline: one of {milli(price.later.latency_bound_s, 'ms')} would save "
        f"{milli(energy_j - price.later.energy_j, 'mJ')}: {milli(price.later.price_j_per_ms, 'mJ')} per ms"
    )
    if price.earlier is not None:
        yield (
            f"an answer within {milli(price.earlier.latency_bound_s, 'ms')} would cost "
            f"{milli(price.earlier.energy_j - energy_j, 'mJ')} more: {milli(price.earlier.price_j_per_ms, 'mJ')} per ms"
        )


def _uplink(uplink: UplinkRange, uplink_bps: float) -> Iterator[str]:
    stays = uplink.stays
    yield f"uplink: {mbit(uplink_bps)}; the decision stays from {mbit(stays.from_bps)} to {mbit(stays.to_bps)}"
    looked = f"looked at {mbit(uplink.lowest_bps)} to {mbit(uplink.highest_bps)}"
    if uplink.slower is None and uplink.faster is None:
        yield f"it does not change: {looked}"
        return
    if uplink.slower is not None:
        yield f"below {mbit(uplink.slower.to_bps)}: {choice_text(uplink.slower)}"
    if uplink.slower_cut is not None and uplink.slower_cut != uplink.slower:
        yield f"below {mbit(uplink.slower_cut.to_bps)}: {choice_text(uplink.slower_cut)}"
    if uplink.faster is not None:
        yield f"from {mbit(uplink.faster.from_bps)}: {choice_text(uplink.faster)}"
    if uplink.faster_cut is not None and uplink.faster_cut != uplink.faster:
        yield f"from {mbit(uplink.faster_cut.from_bps)}: {choice_text(uplink.faster_cut)}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{1e3 * value:+.3f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
