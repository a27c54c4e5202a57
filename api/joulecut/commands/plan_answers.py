"""Answers to planning questions, from this process or a server-agent: a document for programs, tables for people."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from rich.console import Console

from joulecut.commands.plan_explanation import show_explanation
from joulecut.commands.plan_fleets import show_fleet_plan
from joulecut.commands.plan_pools import show_pool_plan
from joulecut.commands.plan_tables import show_front, show_plan, show_policy_table
from joulecut_core.decoding import show
from joulecut_core.documents import read_text
from joulecut_core.errors import ConfigError, ProblemError
from joulecut_core.fleets import FLEET_SCHEMA, Fleet, FleetPlan
from joulecut_core.plans import OPTIMAL, Plan
from joulecut_core.pool_plans import PoolPlan
from joulecut_core.pools import POOL_SCHEMA, Pool
from joulecut_core.problems import PROBLEM_SCHEMA, Problem
from joulecut_core.profiles import PROFILE_SCHEMA
from joulecut_core.strict_json import parse_strictly
from joulecut_planner import parse_problem, plan_document, solve
from joulecut_planner.choices.variations import Downlink
from joulecut_planner.explanations.explain import explain
from joulecut_planner.explanations.explanation import explanation_document
from joulecut_planner.fleet import FleetPlanner
from joulecut_planner.fleet.price_list import PriceList
from joulecut_planner.fleet_file import fleet_plan_document, parse_fleet
from joulecut_planner.fronts.pareto import pareto, pareto_document
from joulecut_planner.pool import PoolPlanner
from joulecut_planner.pool_file import parse_pool, pool_plan_document
from joulecut_planner.uplinks.break_points import break_points
from joulecut_planner.uplinks.policy_table import policy_table_document

if TYPE_CHECKING:
    from joulecut.reports.document import Report
    from joulecut_core.carbon import CarbonTerms

_SCHEMAS = (PROBLEM_SCHEMA, FLEET_SCHEMA, POOL_SCHEMA)
"""Of what is planned for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanQuestion:
    """What is asked about a file; see the options of `joulecut plan`."""

    problem: Path
    front: bool = False
    why: bool = False
    policy_table: str | None = None
    downlink: str = Downlink.FIXED.value
    server: str | None = None
    tls: Path | None = None
    insecure: bool = False

    @property
    def asked(self) -> list[str]:
        """The flags that ask for something else than a plan."""
        modes = {"--pareto": self.front, "--explain": self.why, "--policy-table": self.policy_table is not None}
        return [flag for flag, is_given in modes.items() if is_given]


_Report: TypeAlias = "Callable[[CarbonTerms | None], Report]"


@dataclass(frozen=True, slots=True)
class PlanAnswer:
    """An answer. `document`: as JSON has it; `show`: as a person reads it; `report`: with pictures."""

    is_feasible: bool
    document: Callable[[], dict[str, object]]
    show: Callable[[Console], None]
    report: _Report


def answer(question: PlanQuestion) -> PlanAnswer:
    """The answer. Raises ConfigError for flags that do not go together, ProblemError naming a malformed file."""
    asked = question.asked
    if len(asked) > 1:
        raise ConfigError(f"{', '.join(asked)}: {len(asked)} of them; expected one at a time")
    server, tls, insecure = question.server, question.tls, question.insecure
    if server is not None and (question.why or question.policy_table is not None):
        raise ConfigError(f"--server: given with {asked[0]}; expected it with --pareto or alone: explained here only")
    if server is None and (tls is not None or insecure):
        raise ConfigError("--tls and --insecure: given without --server; expected them with it")
    planner = _LIBRARY if server is None else _planner_at(server, tls, insecure=insecure)
    loaded = _load(question.problem)
    if asked and isinstance(loaded, (Fleet, Pool)):
        raise ConfigError(f"{asked[0]}: {question.problem} is a {loaded.schema}; expected the problem of one pair")
    try:
        return _answered(planner, question, loaded)
    except ProblemError as error:
        raise ProblemError(f"{question.problem}: {error}") from error


def _answered(planner: _Planner, question: PlanQuestion, loaded: Problem | Fleet | Pool) -> PlanAnswer:
    if isinstance(loaded, (Fleet, Pool)):
        name = question.problem.name
        return _fleet_plan(planner, loaded, name) if isinstance(loaded, Fleet) else _pool_plan(planner, loaded, name)
    report = partial(_problem_report, loaded, question.problem.name)
    if question.policy_table is not None:
        return _policy_table(loaded, question.policy_table, Downlink(question.downlink), report)
    if question.why:
        return _explanation(loaded, report)
    return _front(planner, loaded, report) if question.front else _plan(planner, loaded, report)


@dataclass(frozen=True, slots=True)
class _Planner:
    """Whoever answers: this process or a server-agent, which does not tell the prices."""

    plan: Callable[[Problem], Plan]
    pareto: Callable[[Problem], list[Plan]]
    plan_fleet: Callable[[Fleet], tuple[FleetPlan, PriceList | None]]
    plan_pool: Callable[[Pool], tuple[PoolPlan, PriceList | None]]


def _plan_fleet(fleet: Fleet) -> tuple[FleetPlan, PriceList | None]:
    planner = FleetPlanner()
    return planner.plan(fleet), planner.prices


def _plan_pool(pool: Pool) -> tuple[PoolPlan, PriceList | None]:
    planner = PoolPlanner()
    return planner.plan(pool), planner.prices


_LIBRARY = _Planner(solve, pareto, _plan_fleet, _plan_pool)


def _planner_at(server: str, tls: Path | None, *, insecure: bool) -> _Planner:
    try:
        from joulecut.connections import remote_planning as remote  # noqa: PLC0415 - grpc is not part of a planner-only install
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"--server: needs {error.name}, which is not installed; install it with `pip install 'joulecut[agents]'`"
        ) from error
    security = remote.security_for(server, tls, insecure=insecure)
    return _Planner(
        lambda problem: remote.plan_remotely(problem, server, security=security),
        lambda problem: remote.pareto_remotely(problem, server, security=security),
        lambda fleet: (remote.plan_fleet_remotely(fleet, server, security=security), None),
        lambda pool: (remote.plan_fleet_remotely(pool, server, security=security), None),
    )


def _load(path: Path) -> Problem | Fleet | Pool:
    # Once: what comes through a pipe can be read no second time.
    document = parse_strictly(read_text(path, ProblemError), ProblemError, str(path))
    if not isinstance(document, Mapping):
        raise ProblemError(f"{path}: top level: {show(document)} is not an object; expected a problem or a fleet")
    schema = document.get("schema")
    if schema == PROFILE_SCHEMA:
        raise ProblemError(
            f"{path}: a profile of one device; `joulecut problem` makes a problem of an edge's and a server's"
        )
    if "schema" in document and schema not in _SCHEMAS:
        expected = f"{', '.join(map(repr, _SCHEMAS[:-1]))} or {_SCHEMAS[-1]!r}"
        raise ProblemError(f"{path}: schema: {show(schema)}; expected {expected}")
    try:
        if schema == POOL_SCHEMA:
            return parse_pool(document)
        return parse_fleet(document) if schema == FLEET_SCHEMA else parse_problem(document)
    except ProblemError as error:
        raise ProblemError(f"{path}: {error}") from error


def _problem_report(problem: Problem, name: str, carbon: CarbonTerms | None) -> Report:
    from joulecut.reports.plan_report import plan_report  # noqa: PLC0415 - only where a page is wanted

    return plan_report(problem, name=name, carbon=carbon)


def _plan(planner: _Planner, problem: Problem, report: _Report) -> PlanAnswer:
    made = planner.plan(problem)
    return PlanAnswer(
        made.status == OPTIMAL, lambda: plan_document(made), lambda console: show_plan(made, console), report
    )


def _front(planner: _Planner, problem: Problem, report: _Report) -> PlanAnswer:
    plans = planner.pareto(problem)
    return PlanAnswer(bool(plans), lambda: pareto_document(plans), lambda console: show_front(plans, console), report)


def _explanation(problem: Problem, report: _Report) -> PlanAnswer:
    explanation = explain(problem)
    return PlanAnswer(
        explanation.plan.status == OPTIMAL,
        lambda: explanation_document(explanation),
        lambda console: show_explanation(problem, explanation, console),
        report,
    )


def _policy_table(problem: Problem, text: str, downlink: Downlink, report: _Report) -> PlanAnswer:
    lowest_bps, highest_bps = _range_bps(text)
    table = break_points(problem, lowest_bps, highest_bps, downlink)
    return PlanAnswer(
        any(row.status == OPTIMAL for row in table.rows),
        lambda: policy_table_document(table),
        lambda console: show_policy_table(table, console),
        report,
    )


def _fleet_plan(planner: _Planner, fleet: Fleet, name: str) -> PlanAnswer:
    made, prices = planner.plan_fleet(fleet)

    def report(carbon: CarbonTerms | None) -> Report:
        from joulecut.reports.fleet_facts import facts_of_fleet  # noqa: PLC0415 - only where a page is wanted
        from joulecut.reports.fleet_report import fleet_report  # noqa: PLC0415

        return fleet_report(facts_of_fleet(fleet, made, prices), name=name, carbon=carbon)

    return PlanAnswer(
        made.status == OPTIMAL,
        lambda: fleet_plan_document(made),
        lambda console: show_fleet_plan(fleet, made, console),
        report,
    )


def _pool_plan(planner: _Planner, pool: Pool, name: str) -> PlanAnswer:
    made, prices = planner.plan_pool(pool)

    def report(carbon: CarbonTerms | None) -> Report:
        from joulecut.reports.fleet_facts import facts_of_pool  # noqa: PLC0415 - only where a page is wanted
        from joulecut.reports.fleet_report import fleet_report  # noqa: PLC0415

        return fleet_report(facts_of_pool(pool, made, prices), name=name, carbon=carbon)

    return PlanAnswer(
        made.status == OPTIMAL,
        lambda: pool_plan_document(made),
        lambda console: show_pool_plan(made, console),
        report,
    )


def _range_bps(text: str) -> tuple[float, float]:
    low, separator, high = text.partition(":")
    try:
        lowest, highest = float(low), float(high)
    except ValueError:
        lowest = highest = math.nan
    if not (separator and 0.0 < lowest <= highest < math.inf):
        raise ConfigError(f"--policy-table: {text!r}; expected LOW:HIGH in Mbit/s, such as 1:100")
    return 1e6 * lowest, 1e6 * highest
