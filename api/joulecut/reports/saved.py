"""Reports of results that a command's `--json` saved: what a file holds is told by its schema or its form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from joulecut.demo.page import demo_report
from joulecut.demo.report import demo_objectives, saving_sentences
from joulecut.reports.document import Report
from joulecut.reports.fleet_facts import facts_of_fleet, facts_of_pool
from joulecut.reports.fleet_report import fleet_report
from joulecut.reports.plan_pages import saved_front_report, saved_plan_report
from joulecut.reports.plan_report import plan_report
from joulecut.reports.run_report import AnsweredRequest, run_report
from joulecut.simulation.output import SCHEMA as SIMULATION_SCHEMA
from joulecut.simulation.output import from_document as simulation_from
from joulecut.simulation.page import simulation_report
from joulecut.study.output import SCHEMA as STUDY_SCHEMA
from joulecut.study.output import from_document as study_from
from joulecut.study.page import study_report
from joulecut_core.carbon import CarbonTerms
from joulecut_core.decoding import decode, keyed_object, listed, show
from joulecut_core.documents import parse_json, read_text
from joulecut_core.errors import ConfigError
from joulecut_core.fleets import FLEET_PLAN_SCHEMA, FLEET_SCHEMA, FleetPlan
from joulecut_core.ledgers import RequestLedger
from joulecut_core.plans import PLAN_SCHEMA, Plan
from joulecut_core.pool_plans import POOL_PLAN_SCHEMA, PoolPlan
from joulecut_core.pools import POOL_SCHEMA
from joulecut_core.problems import PROBLEM_SCHEMA
from joulecut_planner import parse_problem
from joulecut_planner.explanations.alternatives import Alternative
from joulecut_planner.explanations.explanation import EXPLANATION_SCHEMA
from joulecut_planner.fleet import FleetPlanner
from joulecut_planner.fleet_file import parse_fleet
from joulecut_planner.fronts.pareto import PARETO_SCHEMA
from joulecut_planner.pool import PoolPlanner
from joulecut_planner.pool_file import parse_pool

_TRIAL_SCHEMA = "joulecut.trial/1"
_ANSWER_KEYS = ("picture", "answer", "ledger")
_STORY = "A saved result of the demo: every policy on one network and two emulated devices, predicted and metered."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Saved:
    """A parsed document, the name of its file, and what carbon is counted with, if at all."""

    document: Mapping[str, object]
    name: str
    carbon: CarbonTerms | None


def saved_report(path: Path, *, carbon: CarbonTerms | None = None) -> Report:
    """The report of a file that `--json` of demo, plan, run, simulate or study wrote, of a planning problem or a fleet.

    Raises ConfigError or ProblemError where it is none of them, or damaged.
    """
    text = read_text(path, ConfigError)
    document = _parsed(text, path)
    if isinstance(document, list) and all(isinstance(each, Mapping) and "ledger" in each for each in document):
        return run_report(_answers(document), carbon=carbon)
    if isinstance(document, list):
        results = demo_objectives(document)
        return demo_report(results, story=_STORY, sentences=saving_sentences(results), carbon=carbon)
    schema = document.get("schema") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or not isinstance(schema, str) or schema not in _MAKERS:
        raise ConfigError(
            f"{path}: {f'schema {show(schema)}' if schema is not None else 'no schema'}; expected what --json of demo, "
            f"run, plan, simulate or study prints, or one of {', '.join(_MAKERS)}"
        )
    return _MAKERS[schema](_Saved(document=document, name=path.name, carbon=carbon))


def _parsed(text: str, path: Path) -> object:
    """The document; of several lines that are each one, a list: `run --json` prints an object a line."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise ConfigError(f"{path}: empty; expected a result that --json printed")
    if len(lines) > 1 and lines[0].rstrip().endswith("}") and lines[0].lstrip().startswith("{"):
        return [parse_json(line, ConfigError, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]
    document: object = parse_json(text, ConfigError, str(path))
    return [document] if isinstance(document, Mapping) and "ledger" in document else document


def _answers(document: list[object]) -> tuple[AnsweredRequest, ...]:
    answers = []
    for number, each in enumerate(document, start=1):
        path = f"line {number}"
        found = keyed_object(each, _ANSWER_KEYS, required=_ANSWER_KEYS, error=ConfigError, path=path)
        answer, name = found["answer"], found["picture"]
        if not isinstance(answer, int) or not isinstance(name, str):
            raise ConfigError(
                f"{path}: picture {show(name)}, answer {show(answer)}; expected a name and a whole number"
            )
        ledger = decode(RequestLedger, found["ledger"], error=ConfigError, path=f"{path}.ledger")
        answers.append(AnsweredRequest(sample=name, answer=answer, ledger=ledger))
    return tuple(answers)


def _problem(saved: _Saved) -> Report:
    return plan_report(parse_problem(saved.document), name=saved.name, carbon=saved.carbon)


def _plan(saved: _Saved) -> Report:
    return saved_plan_report(decode(Plan, saved.document, error=ConfigError), carbon=saved.carbon)


def _front(saved: _Saved) -> Report:
    plans = listed(saved.document.get("plans"), error=ConfigError, path="plans")
    front = [decode(Plan, each, error=ConfigError, path=f"plans[{index}]") for index, each in enumerate(plans)]
    return saved_front_report(front, carbon=saved.carbon)


def _explanation(saved: _Saved) -> Report:
    plan = decode(Plan, saved.document.get("plan"), error=ConfigError, path="plan")
    found = listed(saved.document.get("alternatives"), error=ConfigError, path="alternatives")
    others = [
        decode(Alternative, each, error=ConfigError, path=f"alternatives[{index}]") for index, each in enumerate(found)
    ]
    named = {f"another {other.aspect.value}": other.plan for other in others if other.plan is not None}
    return saved_plan_report(plan, named, carbon=saved.carbon)


def _fleet(saved: _Saved) -> Report:
    fleet, planner = parse_fleet(saved.document), FleetPlanner()
    facts = facts_of_fleet(fleet, planner.plan(fleet), planner.prices)
    return fleet_report(facts, name=saved.name, carbon=saved.carbon)


def _pool(saved: _Saved) -> Report:
    pool, planner = parse_pool(saved.document), PoolPlanner()
    facts = facts_of_pool(pool, planner.plan(pool), planner.prices)
    return fleet_report(facts, name=saved.name, carbon=saved.carbon)


def _fleet_plan(saved: _Saved) -> Report:
    facts = facts_of_fleet(None, decode(FleetPlan, saved.document, error=ConfigError))
    return fleet_report(facts, name=saved.name, carbon=saved.carbon)


def _pool_plan(saved: _Saved) -> Report:
    facts = facts_of_pool(None, decode(PoolPlan, saved.document, error=ConfigError))
    return fleet_report(facts, name=saved.name, carbon=saved.carbon)


def _trial(saved: _Saved) -> Report:
    beside = {"schema", "samples", "wires", "fallbacks", "network"}
    results = demo_objectives([{key: value for key, value in saved.document.items() if key not in beside}])
    story = f"A saved trial of {saved.document.get('network')}. Sent: {saved.document.get('samples')}."
    return demo_report(
        results,
        title=f"{saved.document.get('network')} on two devices",
        story=story,
        sentences=saving_sentences(results),
        carbon=saved.carbon,
    )


def _simulation(saved: _Saved) -> Report:
    return simulation_report(simulation_from(saved.document), carbon=saved.carbon)


def _study(saved: _Saved) -> Report:
    return study_report(study_from(saved.document), carbon=saved.carbon)


_MAKERS: Mapping[str, Callable[[_Saved], Report]] = {
    PROBLEM_SCHEMA: _problem,
    PLAN_SCHEMA: _plan,
    PARETO_SCHEMA: _front,
    EXPLANATION_SCHEMA: _explanation,
    FLEET_SCHEMA: _fleet,
    FLEET_PLAN_SCHEMA: _fleet_plan,
    POOL_SCHEMA: _pool,
    POOL_PLAN_SCHEMA: _pool_plan,
    SIMULATION_SCHEMA: _simulation,
    STUDY_SCHEMA: _study,
    _TRIAL_SCHEMA: _trial,
}
