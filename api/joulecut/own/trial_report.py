"""A trial's findings for people and for programs."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

from joulecut.commands.whole_tables import print_whole
from joulecut.demo.page import demo_report
from joulecut.demo.planned import PlannedPolicy
from joulecut.demo.report import alone_sentence, saving_sentence
from joulecut.demo.tables import policy_table
from joulecut.own.trial import Trial
from joulecut.reports.document import Report
from joulecut_core.carbon import CarbonTerms
from joulecut_core.decoding import encode
from joulecut_planner import Policy, plan_document

TRIAL_SCHEMA = "joulecut.trial/1"


def print_trial(trial: Trial, console: Console) -> None:
    """The case in a sentence, the table of predicted beside metered, what the joint plan saves, what figures mean."""
    console.print(escape(trial_story(trial)))
    print_whole(console, policy_table(trial.result))
    for each in trial.left_out:
        console.print(escape(_left_out(each)))
    for sentence in _savings(trial):
        console.print(escape(sentence))
    if trial.fallbacks:
        console.print(alone_sentence(trial.fallbacks))
    console.print(escape(f"Sent: {trial.samples}. Wires: {trial.wires}."))
    console.print(escape(f"Joules of both sides contain: {trial.result.labels['energy_scope']}; and the radio."))
    console.print("Energies and latencies are emulated; those in brackets are predictions, estimated beforehand.")


def trial_document(trial: Trial) -> dict[str, Any]:
    """The same as programs read it."""
    return {
        "schema": TRIAL_SCHEMA,
        "network": trial.network,
        "samples": trial.samples,
        "wires": trial.wires,
        "left_out": [{"policy": each.policy.value, "plan": plan_document(each.plan)} for each in trial.left_out],
        "fallbacks": trial.fallbacks,
        **encode(trial.result),
    }


def report_of(trial: Trial, *, carbon: CarbonTerms | None = None) -> Report:
    """The trial's report, for a page and pictures."""
    return demo_report(
        [trial.result],
        title=f"{trial.network} on two devices",
        story=f"{trial_story(trial)} Sent: {trial.samples}. Wires: {trial.wires}.",
        sentences=[*_savings(trial), *map(_left_out, trial.left_out)],
        pairs=trial.pairs,
        carbon=carbon,
    )


def _savings(trial: Trial) -> list[str]:
    """What the joint plan saves; nothing where the board's own governor, which it is compared with, did not run."""
    if any(each.policy is Policy.GOVERNOR for each in trial.left_out):
        return []
    return [saving_sentence(trial.result)]


def _left_out(planned: PlannedPolicy) -> str:
    plan = planned.plan
    bound = "" if plan.latency_bound_s is None else f", its answers within {plan.latency_bound_s * 1e3:.1f} ms"
    return (
        f"Not run: {planned.policy.value}; by its plan it breaks {', '.join(plan.binding) or 'the constraints'}{bound}."
    )


def trial_story(trial: Trial) -> str:
    """The case in a sentence."""
    scenario = trial.scenario
    return (
        f"{trial.network}: {scenario.rate_hz:g} requests a second on {scenario.edge_device}, which may use "
        f"{scenario.server_device} over a {scenario.uplink_bps / 1e6:g} Mbit/s link with {2e3 * scenario.delay_s:g} ms "
        f"round trip; {scenario.quantile:.0%} of the answers are due within {scenario.slo_s * 1e3:.1f} ms."
    )
