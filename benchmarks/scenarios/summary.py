"""The published summary of a sweep, in Markdown."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.scenarios.cases import FRUGAL_SERVERS, Goal
from benchmarks.scenarios.outcomes import Contest, Outcome, Verdict
from benchmarks.scenarios.shares import PolicyGap, Spread, Tally, rank
from benchmarks.scenarios.variations import SENSITIVITY, Variation
from joulecut_planner import Policy

_DIMENSIONS: tuple[tuple[str, Callable[[Outcome], str]], ...] = (
    ("board", lambda outcome: outcome.setting.board),
    ("server", lambda outcome: outcome.setting.server),
    ("uplink", lambda outcome: f"{outcome.setting.uplink_bps / 1e6:g} Mbit/s"),
    ("access", lambda outcome: outcome.setting.access.name),
    ("rate", lambda outcome: f"{outcome.demand.rate_hz:g} Hz"),
    ("deadline", lambda outcome: f"{outcome.demand.deadline_s * 1e3:g} ms"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a summary has to name: when, with which software, from which data."""

    date: str
    versions: str
    network_digest: str
    wires: str
    seed: int


def summary_text(outcomes: Sequence[Outcome], demo: Sequence[Outcome], provenance: Provenance) -> str:
    """The whole summary; `demo` holds the demo's case under each objective."""
    sections = (
        _head(outcomes, provenance),
        _verdicts(outcomes),
        _policies(outcomes),
        _places(outcomes),
        _sensitivity(outcomes),
        _choices(outcomes),
        _demo(outcomes, demo),
    )
    return "\n".join(line for section in sections for line in section)


def _head(outcomes: Sequence[Outcome], provenance: Provenance) -> Iterator[str]:
    yield "# Scenario sweep: results"
    yield ""
    yield "**Scope: planned on profiles of emulated devices; every figure is estimated, nothing here was metered.**"
    yield ""
    yield f"- {len(outcomes)} scenarios, planned {provenance.date}, profiles of seed {provenance.seed}"
    yield f"- {provenance.versions}"
    yield f"- network EfficientNet-Lite0, batch 1, FP32, `{provenance.network_digest}`"
    yield f"- wires: {provenance.wires}"
    yield "- joules are per request, in the objective's weights; *saves* is against the best plan that does not split,"
    yield "  at its own best clocks; p90 is over scenarios"
    yield "- a split that saves less than 1 % is within the noise of a profile: another seed may not find it"
    yield "- under `battery` the server's joules do not count, so the rows of different servers are nearly the same"
    yield ""


def _verdicts(outcomes: Sequence[Outcome]) -> Iterator[str]:
    frugal = [outcome for outcome in outcomes if outcome.setting.server in FRUGAL_SERVERS]
    groups = [(goal.value, _with_goal(outcomes, goal)) for goal in Goal]
    groups.append((f"total, frugal servers ({', '.join(FRUGAL_SERVERS)})", _with_goal(frugal, Goal.TOTAL)))
    yield "## Where the joint plan computes"
    yield ""
    yield from _tally_table("objective", [(name, _contests(group)) for name, group in groups])


def _policies(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "## Against each policy"
    yield ""
    yield "Over the scenarios in which both keep the SLO; *breaks SLO*: of those in which the joint plan keeps it."
    yield "`cpu-dvfs` chooses by its own model and is priced like the others. `governor` is not among the joint"
    yield "plan's choices (it changes its clock within a period), so it may cost less: *cheaper* counts that."
    for goal in Goal:
        of_goal = _with_goal(outcomes, goal)
        splits = [outcome for outcome in of_goal if outcome.verdict is Verdict.SPLIT]
        yield ""
        yield f"### {goal.value}"
        yield ""
        yield "| policy | saves, median | p90 | breaks SLO | cheaper | where joint splits: median | p90 | breaks SLO |"
        yield "|---|---|---|---|---|---|---|---|"
        for policy in Policy:
            if policy is Policy.JOINT:
                continue
            every, split = PolicyGap.of(policy, of_goal), PolicyGap.of(policy, splits)
            yield _row(
                policy.value,
                _percent(every.saving.median),
                _percent(every.saving.p90),
                _percent(every.broken),
                str(every.worse),
                _percent(split.saving.median),
                _percent(split.saving.p90),
                _percent(split.broken),
            )
    yield ""


def _places(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "## Where splits pay"
    yield ""
    yield "| | | total: split | saves, median | p90 | battery: split | saves, median | p90 | all-server |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for title, value_of in _DIMENSIONS:
        for value in dict.fromkeys(map(value_of, outcomes)):
            here = [outcome for outcome in outcomes if value_of(outcome) == value]
            total, battery = (Tally.of(_contests(_with_goal(here, goal))) for goal in Goal)
            yield _row(
                title,
                value,
                _percent(total.share(Verdict.SPLIT)),
                *_spread(total.saving),
                _percent(battery.share(Verdict.SPLIT)),
                *_spread(battery.saving),
                _percent(battery.share(Verdict.ALL_SERVER)),
            )
    yield ""


def _sensitivity(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "## If the opponent were weaker or stronger"
    yield ""
    yield "`no-jpeg` leaves the picture raw, `jpeg90` offers quality 90 in place of 98 under a budget that admits what"
    yield "it costs, `gaussian` takes the margin of a normal distribution (2.3 instead of 9.9 standard deviations at"
    yield "0.99), `even-jpeg` pretends that every JPEG has the mean size."
    yield ""
    for goal in Goal:
        of_goal = _with_goal(outcomes, goal)
        yield f"### {goal.value}"
        yield ""
        varied = [(Variation.AS_OFFERED.value, _contests(of_goal))]
        varied += [(each.value, [outcome.sensitivity[each] for outcome in of_goal]) for each in SENSITIVITY]
        yield from _tally_table("planned", varied)
    yield from _spread_on_raw(outcomes)


def _spread_on_raw(outcomes: Sequence[Outcome]) -> Iterator[str]:
    splits = [outcome for outcome in outcomes if outcome.verdict is Verdict.SPLIT]
    raw = sum(outcome.sensitivity[Variation.NO_JPEG].verdict is Verdict.ALL_SERVER for outcome in splits)
    yield "A problem has one spread per cut, so beside a JPEG a raw picture carries the JPEG's spread too. In"
    yield f"{raw} of the {len(splits)} splits as offered, the raw picture without it would be the better plan."
    yield ""


def _choices(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "## Which splits"
    yield ""
    for goal in Goal:
        splits = [outcome.contest for outcome in _with_goal(outcomes, goal) if outcome.verdict is Verdict.SPLIT]
        chosen = Counter((contest.cut, contest.codec) for contest in splits).most_common()
        text = ", ".join(f"cut {cut} {codec} ({count})" for (cut, codec), count in chosen)
        yield f"- {goal.value}: {text or 'none'}"
    yield ""


def _demo(outcomes: Sequence[Outcome], demo: Sequence[Outcome]) -> Iterator[str]:
    yield "## The demo's case"
    for each in demo:
        setting, demand, contest = each.setting, each.demand, each.contest
        yield ""
        yield (
            f"**{demand.goal.value}**: {setting.board} and {setting.server}, {setting.uplink_bps / 1e6:g} Mbit/s "
            f"{setting.access.name}, {demand.rate_hz:g} Hz, {demand.deadline_s * 1e3:g} ms: {_plan(contest)}."
        )
        others = {policy.value: each.saving_against(policy) for policy in Policy if policy is not Policy.JOINT}
        against = ", ".join(f"{name} {_percent(saved)}" for name, saved in others.items() if saved is not None)
        broken = [name for name, saved in others.items() if saved is None]
        yield f"Saves against {against}; {', '.join(broken) or 'no policy'} breaks the SLO."
        varied = ", ".join(f"{variation.value}: {_plan(each.sensitivity[variation])}" for variation in SENSITIVITY)
        yield f"Planned otherwise: {varied}."
        yield from _demo_rank(each, _with_goal(outcomes, demand.goal))
    yield ""


def _demo_rank(demo: Outcome, outcomes: Sequence[Outcome]) -> Iterator[str]:
    saved = demo.contest.saving
    if demo.verdict is not Verdict.SPLIT or saved is None:
        return
    splits = [outcome.contest.saving for outcome in outcomes if outcome.verdict is Verdict.SPLIT]
    place, of_splits = rank(saved, splits)
    yield (
        f"Its saving ranks {place} of {of_splits} true splits ({_percent(place / of_splits)} from the top; their "
        f"median saves {_percent(Spread.of(splits).median)}), in {len(outcomes)} scenarios of this objective."
    )


def _tally_table(title: str, groups: Sequence[tuple[str, Sequence[Contest]]]) -> Iterator[str]:
    yield (
        f"| {title} | scenarios | split | all-edge | all-server | infeasible "
        "| splits save, median | p90 | largest | at least 1 % | at least 5 % | only a split keeps the SLO |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|"
    for name, contests in groups:
        tally = Tally.of(contests)
        yield _row(
            name,
            str(tally.scenarios),
            *(f"{tally.verdicts[verdict]} ({_percent(tally.share(verdict))})" for verdict in Verdict),
            *_spread(tally.saving),
            _percent(tally.saving.largest),
            str(tally.saving_at_least(0.01)),
            str(tally.saving_at_least(0.05)),
            str(tally.only_split),
        )
    yield ""


def _plan(contest: Contest) -> str:
    verdict = contest.verdict
    if verdict is not Verdict.SPLIT:
        return str(verdict.value)
    saved = "no unsplit plan keeps the SLO" if contest.saving is None else f"saves {_percent(contest.saving)}"
    return f"split at {contest.cut} with {contest.codec}, {saved}"


def _with_goal(outcomes: Sequence[Outcome], goal: Goal) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.demand.goal is goal]


def _contests(outcomes: Sequence[Outcome]) -> list[Contest]:
    return [outcome.contest for outcome in outcomes]


def _spread(spread: Spread) -> tuple[str, str]:
    return _percent(spread.median), _percent(spread.p90)


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{share:.1%}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
