"""`joulecut plan`: the exact plan of a problem or fleet file, why it is the plan, and what it would be elsewhere."""

from __future__ import annotations

import json as json_format
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from joulecut.commands.plan_explanation import show_explanation
from joulecut.commands.plan_fleets import show_fleet_plan
from joulecut.commands.plan_tables import show_front, show_plan, show_policy_table
from joulecut_core.documents import read_text
from joulecut_core.errors import ConfigError, ProblemError
from joulecut_core.exits import ExitCode
from joulecut_core.fleets import FLEET_SCHEMA, Fleet, FleetPlan
from joulecut_core.plans import OPTIMAL, Plan
from joulecut_core.problems import Problem
from joulecut_core.strict_json import parse_strictly
from joulecut_planner import load_problem, parse_problem, plan_document, solve
from joulecut_planner.choices.variations import Downlink
from joulecut_planner.explanations.explain import explain
from joulecut_planner.explanations.explanation import explanation_document
from joulecut_planner.fleet import solve_fleet
from joulecut_planner.fleet_file import fleet_plan_document, parse_fleet
from joulecut_planner.fronts.pareto import pareto, pareto_document
from joulecut_planner.uplinks.break_points import break_points
from joulecut_planner.uplinks.policy_table import policy_table_document


def plan(
    problem: Annotated[
        Path, typer.Argument(help="A planning problem, joulecut.problem/1 or joulecut.fleet/1 as JSON.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    front: Annotated[
        bool, typer.Option("--pareto", help="The exact energy-latency front; the deadline is ignored.")
    ] = False,
    why: Annotated[
        bool, typer.Option("--explain", help="What the plan costs where, what binds, what else there is.")
    ] = False,
    policy_table: Annotated[
        str | None,
        typer.Option("--policy-table", metavar="LOW:HIGH", help="The plan at every uplink between two, in Mbit/s."),
    ] = None,
    downlink: Annotated[
        Downlink, typer.Option("--downlink", help="What the downlink does as a policy table's uplink varies.")
    ] = Downlink.FIXED,
    server: Annotated[
        str | None,
        typer.Option(
            help="Let the server-agent there plan (host:port or unix:/path); it answers as this command does."
        ),
    ] = None,
    tls: Annotated[
        Path | None,
        typer.Option(help="Folder of a certificate for --server, as `joulecut pki issue operator` makes it."),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Plain text to another host; only on a network you trust.")
    ] = False,
) -> None:
    """Find the cut, wire and clocks that cost the fewest joules; exit 3 where nothing keeps the constraints."""
    modes = {"--pareto": front, "--explain": why, "--policy-table": policy_table is not None}
    asked = [flag for flag, is_given in modes.items() if is_given]
    if len(asked) > 1:
        raise ConfigError(f"{', '.join(asked)}: {len(asked)} of them; expected one at a time")
    if server is not None and (why or policy_table is not None):
        raise ConfigError(f"--server: given with {asked[0]}; expected it with --pareto or alone: explained here only")
    if server is None and (tls is not None or insecure):
        raise ConfigError("--tls and --insecure: given without --server; expected them with it")
    planner = _LIBRARY if server is None else _planner_at(server, tls, insecure=insecure)
    question = _load(problem)
    if isinstance(question, Fleet):
        if asked:
            raise ConfigError(f"{asked[0]}: {problem} is a {FLEET_SCHEMA}; expected the problem of one pair")
        answer = _fleet_plan(planner, question)
    elif policy_table is not None:
        answer = _policy_table(question, policy_table, downlink)
    else:
        answer = _front(planner, question) if front else _explanation(question) if why else _plan(planner, question)
    if json:
        typer.echo(json_format.dumps(answer.document(), indent=1, allow_nan=False))
    else:
        answer.show(Console())
    if not answer.is_feasible:
        raise typer.Exit(int(ExitCode.INFEASIBLE))


@dataclass(frozen=True, slots=True)
class _Planner:
    """Whoever answers: this process or a server-agent."""

    plan: Callable[[Problem], Plan]
    pareto: Callable[[Problem], list[Plan]]
    plan_fleet: Callable[[Fleet], FleetPlan]


_LIBRARY = _Planner(solve, pareto, solve_fleet)


def _planner_at(server: str, tls: Path | None, *, insecure: bool) -> _Planner:
    try:
        from joulecut import remote_planning as remote  # noqa: PLC0415 - grpc is not part of a planner-only install
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"--server: needs {error.name}, which is not installed; install it with `pip install 'joulecut[agents]'`"
        ) from error
    security = remote.security_for(server, tls, insecure=insecure)
    return _Planner(
        lambda problem: remote.plan_remotely(problem, server, security=security),
        lambda problem: remote.pareto_remotely(problem, server, security=security),
        lambda fleet: remote.plan_fleet_remotely(fleet, server, security=security),
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    is_feasible: bool
    document: Callable[[], dict[str, object]]
    show: Callable[[Console], None]


def _load(path: Path) -> Problem | Fleet:
    document = parse_strictly(read_text(path, ProblemError), ProblemError, str(path))
    if not isinstance(document, Mapping):
        return load_problem(path)
    return parse_fleet(document) if document.get("schema") == FLEET_SCHEMA else parse_problem(document)


def _plan(planner: _Planner, problem: Problem) -> _Answer:
    answer = planner.plan(problem)
    return _Answer(answer.status == OPTIMAL, lambda: plan_document(answer), lambda console: show_plan(answer, console))


def _front(planner: _Planner, problem: Problem) -> _Answer:
    plans = planner.pareto(problem)
    return _Answer(bool(plans), lambda: pareto_document(plans), lambda console: show_front(plans, console))


def _explanation(problem: Problem) -> _Answer:
    explanation = explain(problem)
    return _Answer(
        explanation.plan.status == OPTIMAL,
        lambda: explanation_document(explanation),
        lambda console: show_explanation(problem, explanation, console),
    )


def _policy_table(problem: Problem, text: str, downlink: Downlink) -> _Answer:
    lowest_bps, highest_bps = _range_bps(text)
    table = break_points(problem, lowest_bps, highest_bps, downlink)
    return _Answer(
        any(row.status == OPTIMAL for row in table.rows),
        lambda: policy_table_document(table),
        lambda console: show_policy_table(table, console),
    )


def _fleet_plan(planner: _Planner, fleet: Fleet) -> _Answer:
    answer = planner.plan_fleet(fleet)
    return _Answer(
        answer.status == OPTIMAL,
        lambda: fleet_plan_document(answer),
        lambda console: show_fleet_plan(fleet, answer, console),
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
