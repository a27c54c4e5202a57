"""The demo's result for people and for programs: tables and a sentence, one JSON document, one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from joulecut.commands.whole_tables import print_whole
from joulecut.demo.page import demo_report
from joulecut.demo.results import ObjectiveResult, PolicyResult
from joulecut.demo.tables import policy_table, sweep_table
from joulecut.reports.document import Report
from joulecut_core.carbon import CarbonTerms
from joulecut_core.decoding import decode, encode, listed
from joulecut_core.errors import ConfigError

if TYPE_CHECKING:
    from joulecut.demo.course import DemoResult
    from joulecut.demo.scenario import Scenario

_JOINT = "joint"
_TODAY = "governor"


def print_report(scenario: Scenario, result: DemoResult, console: Console) -> None:
    """Tables of both objectives, the sweep, and one sentence with the saving of each objective."""
    console.print(scenario.story)
    for objective in result.objectives:
        print_whole(console, policy_table(objective))
    print_whole(console, sweep_table(result.sweep))
    for objective in result.objectives:
        console.print(saving_sentence(objective))
    if result.fallbacks:
        console.print(alone_sentence(result.fallbacks))
    for scope in sorted({objective.labels["energy_scope"] for objective in result.objectives}):
        console.print(f"Joules of both sides contain: {scope}; and the radio.")
    console.print(
        "Energies and latencies are emulated; predictions are estimated; the radio's joules are its emulated airtime "
        "times its assumed draw and part of the edge's."
    )


def alone_sentence(fallbacks: int) -> str:
    """Of so many requests that the edge answered against its plan, those before the metered ones among them."""
    what = "1 request was" if fallbacks == 1 else f"{fallbacks} requests were"
    return f"{what} finished by the edge alone: an answer came too late, or the server was lost meanwhile."


def demo_document(result: DemoResult) -> list[dict[str, Any]]:
    """One object per objective, as programs read it."""
    return [encode(objective) for objective in result.objectives]


def demo_objectives(document: object) -> tuple[ObjectiveResult, ...]:
    """What `demo_document` made of a result, read back. Raises ConfigError where it is something else."""
    found = listed(document, error=ConfigError, path="demo")
    return tuple(
        decode(ObjectiveResult, each, error=ConfigError, path=f"[{index}]") for index, each in enumerate(found)
    )


def report_of(scenario: Scenario, result: DemoResult, *, carbon: CarbonTerms | None = None) -> Report:
    """The demo's report, for a page and pictures."""
    return demo_report(
        result.objectives,
        result.sweep,
        story=scenario.story,
        sentences=saving_sentences(result.objectives),
        pairs=result.pairs,
        carbon=carbon,
    )


def saving_sentences(results: Sequence[ObjectiveResult]) -> tuple[str, ...]:
    """One sentence for each objective under which both the joint plan and the stock governor ran."""
    wanted = {_JOINT, _TODAY}
    return tuple(saving_sentence(result) for result in results if wanted <= {each.policy for each in result.policies})


def saving_sentence(result: ObjectiveResult) -> str:
    """What the joint plan saves against what people run today, and against the best of the others."""
    joint, today = result.find(_JOINT), result.find(_TODAY)
    others = [each for each in result.policies if each.keeps_slo and each.choice != joint.choice]
    text = (
        f"Objective {result.objective}: the joint plan ({_where(joint)}) takes {joint.metered.energy_j * 1e3:.1f} mJ a "
        f"request, {_less(joint, today)} than the stock governor"
    )
    if others:
        best = min(others, key=lambda each: each.metered.energy_j)
        text += f" and {_less(joint, best)} than the best other configuration that keeps the deadline ({best.policy})"
    return f"{text}."


def _less(joint: PolicyResult, other: PolicyResult) -> str:
    share = 1 - joint.metered.energy_j / other.metered.energy_j
    return f"{share:.1%} less" if share >= 0 else f"{-share:.1%} more"


def _where(result: PolicyResult) -> str:
    if result.cut == 0:
        return "all on the server"
    return "all on the edge" if result.server_clock is None else f"cut after {result.cut_name}"
