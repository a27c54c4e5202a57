"""Energy over the clocks at a plan's cut: how good the other clocks are, and which of them break a constraint."""

from __future__ import annotations

from dataclasses import replace

from joulecut.reports import palette
from joulecut.reports.charts import Axis, Cells, Chart, Panel, Points, Shape
from joulecut_core.plans import Plan
from joulecut_core.problems import EdgePoint, Problem, ServerPoint
from joulecut_planner.choices.answers import clock_of
from joulecut_planner.choices.constraints import violated
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.choices.pricing import Choice, price

_MOST_TICKS = 12


def clock_map_chart(problem: Problem, plan: Plan, *, kind: str) -> Chart:
    """Joules of a request at every pair of clocks, cut, codec and variant as planned; the plan's own is marked.

    Over both sides' clocks where the plan uses both, else over the edge's core and memory clock. `kind`: how the
    figures were obtained. `plan` describes a choice of `problem`.
    """
    choice = choice_of(problem, plan)
    panel = _core_and_memory(problem, choice) if choice.server_point is None else _both_sides(problem, choice)
    return Chart(
        name="clocks",
        title=f"Energy over the clocks, at cut {plan.cut} ({plan.cut_name})",
        caption=(
            f"Figures: {kind}; energy weighted as the objective says. Darker is less. Grey or hatched: breaks the "
            "deadline, the rate or the accuracy budget. The star is the plan."
        ),
        panels=(panel,),
    )


def _both_sides(problem: Problem, choice: Choice) -> Panel:
    columns, rows = range(len(problem.edge.points)), range(len(problem.server.points))
    grid = [[replace(choice, edge_point=column, server_point=row) for column in columns] for row in rows]
    return Panel(
        x=Axis(label="edge clock, MHz", ticks=_ticks([_mhz(point) for point in problem.edge.points])),
        y=Axis(label="server clock, MHz", ticks=_ticks([_mhz(point) for point in problem.server.points])),
        layers=(_cells(problem, grid), _star(problem, choice, choice.edge_point, choice.server_point or 0)),
        height=_height(len(grid)),
    )


def _core_and_memory(problem: Problem, choice: Choice) -> Panel:
    points = problem.edge.points
    cores = sorted({point.core_mhz for point in points})
    memories = sorted({point.memory_mhz or 0.0 for point in points})
    place = {(point.core_mhz, point.memory_mhz or 0.0): index for index, point in enumerate(points)}
    grid = [
        [replace(choice, edge_point=place[core, memory]) if (core, memory) in place else None for core in cores]
        for memory in memories
    ]
    own = points[choice.edge_point]
    star = _star(problem, choice, cores.index(own.core_mhz), memories.index(own.memory_mhz or 0.0))
    names = [f"{memory:g}" if memory else "as it is" for memory in memories]
    return Panel(
        x=Axis(label="edge core clock, MHz", ticks=_ticks([f"{core:g}" for core in cores])),
        y=Axis(label="edge memory clock, MHz", ticks=_ticks(names)),
        layers=(_cells(problem, grid), star),
        height=_height(len(grid)),
    )


def _cells(problem: Problem, grid: list[list[Choice | None]] | list[list[Choice]]) -> Cells:
    cells = [[_cell(problem, choice) for choice in line] for line in grid]
    return Cells(
        label="mJ per request",
        values=tuple(tuple(value for value, _, _ in line) for line in cells),
        blocked=tuple(tuple(is_blocked for _, is_blocked, _ in line) for line in cells),
        notes=tuple(tuple(note for _, _, note in line) for line in cells),
    )


def _cell(problem: Problem, choice: Choice | None) -> tuple[float, bool, str]:
    if choice is None:
        return 0.0, True, "not on the clock table"
    cost = price(problem, choice)
    broken = violated(problem, cost)
    server = "" if choice.server_point is None else f", server {clock_of(problem.server.points[choice.server_point])}"
    note = (
        f"edge {clock_of(problem.edge.points[choice.edge_point])}{server}\n{1e3 * cost.energy_j:.4g} mJ, "
        f"{1e3 * cost.latency_bound_s:.4g} ms" + (f"\nbreaks: {', '.join(broken)}" if broken else "")
    )
    return 1e3 * cost.energy_j, bool(broken), note


def _star(problem: Problem, choice: Choice, column: int, row: int) -> Points:
    _, _, note = _cell(problem, choice)
    return Points(
        name="the plan",
        x=(float(column),),
        y=(float(row),),
        colour=palette.CHOSEN,
        shape=Shape.STAR,
        notes=(f"the plan: {note}",),
    )


def _ticks(names: list[str]) -> tuple[tuple[float, str], ...]:
    every = -(-len(names) // _MOST_TICKS)
    return tuple((float(place), name) for place, name in enumerate(names) if place % every == 0)


def _mhz(point: EdgePoint | ServerPoint) -> str:
    return str(clock_of(point)).removesuffix(" MHz")


def _height(rows: int) -> int:
    return min(520, max(150, 26 * rows + 60))
