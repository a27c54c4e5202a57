"""The page of problems and plans has every field of both as it is: type, default, bounds, and a meaning."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from joulecut_core import problem_rules
from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ProblemError
from joulecut_core.fleets import Fleet, FleetEdge, FleetEdgePlan, FleetPlan, RejectedEdge, Shared
from joulecut_core.plans import Breakdown, Plan, PowerScopes
from joulecut_core.problems import (
    Edge,
    EdgePoint,
    Link,
    Objective,
    Problem,
    ProblemCut,
    Server,
    ServerPoint,
    SideTables,
    Slo,
    Table,
    Variant,
    Wire,
)
from joulecut_planner.explanations.alternatives import Alternative
from joulecut_planner.explanations.explanation import DeadlinePrice, DeadlineStep, Explanation, Slack, UplinkRange
from joulecut_planner.fleet_file import parse_fleet
from joulecut_planner.problem_file import parse_problem
from tests.planner.small_document import small_document

PAGE = Path(__file__).parents[2] / "docs" / "reference-problem.md"
GIVEN: dict[str, tuple[type, tuple[str | int, ...]]] = {
    "Problem": (Problem, ()),
    "slo": (Slo, ("slo",)),
    "objective": (Objective, ("objective",)),
    "link": (Link, ("link",)),
    "edge": (Edge, ("edge",)),
    "edge.points[]": (EdgePoint, ("edge", "points", 0)),
    "server": (Server, ("server",)),
    "server.points[]": (ServerPoint, ("server", "points", 0)),
    "Cut": (ProblemCut, ("cuts", 0)),
    "Wire": (Wire, ("cuts", 0, "wires", 0)),
    "Variant": (Variant, ("variants", 0)),
    "Tables of a side": (SideTables, ("variants", 0, "edge")),
    "Fleet": (Fleet, ()),
    "Fleet edge": (FleetEdge, ("edges", 0)),
    "Shared": (Shared, ("shared",)),
}
"""What is written in files, and where in one."""
ANSWERED: dict[str, type] = {
    "Plan": Plan,
    "Clocks": OperatingPoint,
    "Breakdown": Breakdown,
    "Power scopes": PowerScopes,
    "Explanation": Explanation,
    "Slack": Slack,
    "Deadline price": DeadlinePrice,
    "Deadline step": DeadlineStep,
    "Alternative": Alternative,
    "Uplink range": UplinkRange,
    "Fleet plan": FleetPlan,
    "Edge of a fleet plan": FleetEdgePlan,
    "Rejected edge": RejectedEdge,
}
PROBES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "> 0": ((0.001, 1e9), (0, -1)),
    "≥ 0": ((0, 0.5, 1e9), (-0.001,)),
    "0 to 1": ((0, 1), (-0.001, 1.001)),
    "between 0.5 and 1": ((0.501, 0.999), (0.5, 1)),
}
"""For bounds as the page has them: numbers that must be taken, and numbers that must be refused."""


def sections() -> dict[str, dict[str, list[str]]]:
    """The cells behind each field, by heading and field."""
    found: dict[str, dict[str, list[str]]] = {}
    heading = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if header := re.fullmatch(r"##+ `?(.+?)`?", line):
            heading = header[1]
        elif row := re.fullmatch(r"\| `(\w+)` \|(.*)\|", line):
            cells = [cell.strip() for cell in row[2].split("|")]
            assert row[1] not in found.setdefault(heading, {}), f"{heading}: {row[1]} twice"
            found[heading][row[1]] = cells
    return found


ROWS = sections()
KINDS: dict[str, type] = {heading: kind for heading, (kind, _) in GIVEN.items()} | ANSWERED


def kind_text(annotation: object) -> str:
    """A field's type as the page has it."""
    if annotation == Table:
        return "table"
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return " or ".join("null" if each is type(None) else kind_text(each) for each in typing.get_args(annotation))
    if typing.get_origin(annotation) is tuple:
        return "list"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "string"
    names: dict[object, str] = {float: "number", int: "whole number", str: "string", bool: "true or false"}
    return names.get(annotation, "object")


def default_text(field: dataclasses.Field[Any]) -> str:
    """A default as the page has it."""
    if field.default_factory is not dataclasses.MISSING:
        return "defaults"
    if field.name == "schema" or field.default is dataclasses.MISSING:
        return "required"
    if isinstance(field.default, bool) or field.default is None:
        return {True: "true", False: "false", None: "null"}[field.default]
    return f"`{field.default}`" if isinstance(field.default, str) else f"{field.default:g}"


def test_every_section_and_no_other() -> None:
    """Every object of the files has its table."""
    assert ROWS.keys() == KINDS.keys()


@pytest.mark.parametrize("heading", list(KINDS))
def test_every_field_as_it_is(heading: str) -> None:
    """A field that an object gains is described, one that it loses goes; its type, its default, and a sentence."""
    kind, rows = KINDS[heading], ROWS[heading]
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    assert rows.keys() == fields.keys()
    for name, (said, *others, meaning) in rows.items():
        # A table is left out of a file where it is all zeros, never null.
        is_left_out = (heading, name) == ("Tables of a side", "time_std_s")
        assert said == ("table" if is_left_out else kind_text(hints[name])), name
        if heading in GIVEN:
            assert others[0] == ("zeros" if is_left_out else default_text(fields[name])), name
        assert meaning.endswith((".", ")")), name
        if name == "schema":
            assert f"`{fields[name].default}`" in meaning


@pytest.mark.parametrize("heading", list(GIVEN))
def test_bounds(heading: str) -> None:
    """Numbers within the bounds are taken, those beyond are refused; every number has bounds, and null is as said."""
    for name, (said, default, bounds, _) in ROWS[heading].items():
        if not said.startswith(("number", "table")):
            continue
        taken, refused = PROBES[bounds]
        for value in taken:
            parse(heading, name, value)
        for value in refused:
            with pytest.raises(ProblemError, match=name):
                parse(heading, name, value)
        if "null" in said:
            parse(heading, name, None)
        else:
            with pytest.raises(ProblemError, match=name):
                parse(heading, name, None)
        if default == "required":
            with pytest.raises(ProblemError, match=name):
                parse(heading, name, leave_out=True)
        else:
            parse(heading, name, leave_out=True)


def parse(heading: str, name: str, value: float | None = None, *, leave_out: bool = False) -> None:
    """Read a problem, or a fleet of one edge, with a field at `value`, or without it."""
    problem = small_document()
    document: dict[str, Any] = problem
    if KINDS[heading] in (Fleet, FleetEdge, Shared):
        document = {"schema": "joulecut.fleet/1", "edges": [{"name": "a", "problem": problem}], "shared": {}}
    place: Any = document
    for key in GIVEN[heading][1]:
        place = place[key]
    if leave_out:
        place.pop(name, None)
    else:
        is_table = isinstance(place.get(name), list)
        place[name] = _table_with(place[name], value) if is_table and value is not None else value
    (parse_problem if document is problem else parse_fleet)(document)


def _table_with(table: list[list[float]], value: float) -> list[list[float]]:
    """The last cut's row changed: the first is the one where the edge computes nothing."""
    return [*table[:-1], [value] * len(table[-1])]


def test_margins_are_all_named() -> None:
    """The one choice among words."""
    assert ROWS["slo"]["margin"][2] == ", ".join(f"`{name}`" for name in problem_rules.MARGINS)


def test_lists_have_their_least_length() -> None:
    """What is said to need an entry is refused without any."""
    for heading, (_, path) in GIVEN.items():
        for name, cells in ROWS[heading].items():
            if cells[2].startswith("at least"):
                document: dict[str, Any] = small_document()
                if heading == "Fleet":
                    document = {"schema": "joulecut.fleet/1", "edges": [{"name": "a", "problem": small_document()}]}
                place: Any = document
                for key in path:
                    place = place[key]
                place[name] = place[name][: int(cells[2].split()[-1]) - 1]
                with pytest.raises(ProblemError, match=name):
                    (parse_fleet if heading == "Fleet" else parse_problem)(document)
