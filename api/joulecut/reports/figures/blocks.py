"""Block by block: what each costs on either side, what would cross between, and where the cut is."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut.reports import palette
from joulecut.reports.charts import Axis, Bars, Chart, Line, Panel, Rule
from joulecut_core.plans import Plan
from joulecut_core.problems import Problem, SideTables
from joulecut_planner.choices.plan_choice import choice_of

_MOST_NAMES = 24
"""More names than this below an axis nobody can read: numbers stand there instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockCost:
    """The stretch between cut `index` and the next one, on either side: seconds, and joules of computing it.

    Differences of neighbouring parts: what was measured of whole parts may make a small one negative.
    """

    index: int
    name: str
    edge_s: float
    server_s: float
    edge_j: float
    server_j: float


def block_costs(problem: Problem, *, variant: int, edge_point: int, server_point: int) -> tuple[BlockCost, ...]:
    """Every block of a problem at one variant and operating point of each side."""
    tables = problem.variants[variant]
    edge_s, edge_j = _column(tables.edge, edge_point), _joules(tables.edge, edge_point)
    server_s, server_j = _column(tables.server, server_point), _joules(tables.server, server_point)
    return tuple(
        BlockCost(
            index=block,
            name=problem.cuts[block + 1].name,
            edge_s=edge_s[block + 1] - edge_s[block],
            server_s=server_s[block] - server_s[block + 1],
            edge_j=edge_j[block + 1] - edge_j[block],
            server_j=server_j[block] - server_j[block + 1],
        )
        for block in range(len(problem.cuts) - 1)
    )


def crossing_bytes(problem: Problem) -> tuple[float, ...]:
    """The fewest bytes that any codec on offer sends up, at each cut but the last, where nothing crosses."""
    return tuple(min(wire.uplink_bytes for wire in cut.wires) for cut in problem.cuts[:-1])


def blocks_chart(problem: Problem, plan: Plan, *, kind: str) -> Chart:
    """Seconds and joules of each block at the plan's clocks, the bytes at each cut, and the cut as a line.

    Where the server has no part in the plan, its bars are at its highest clock. `kind`: how the figures were
    obtained. `plan` describes a choice of `problem`.
    """
    choice = choice_of(problem, plan)
    server_point = _fastest(problem) if choice.server_point is None else choice.server_point
    costs = block_costs(problem, variant=choice.variant, edge_point=choice.edge_point, server_point=server_point)
    ticks = tuple((float(cost.index), cost.name) for cost in costs) if len(costs) <= _MOST_NAMES else ()
    rules = (Rule(at=choice.cut - 0.5, label="cut"),)
    unused = "" if choice.server_point is not None else " (not used by the plan)"
    edge_at, server_at = problem.edge.points[choice.edge_point], problem.server.points[server_point]
    return Chart(
        name="blocks",
        title="What each block costs on either side",
        caption=(
            f"Figures: {kind}. Edge at {edge_at.core_mhz:g} MHz, server at {server_at.core_mhz:g} MHz{unused}; joules "
            "of computing, unweighted. Blocks left of the dashed line run on the edge. Bytes: of the smallest codec "
            "on offer at each cut."
        ),
        panels=(
            Panel(
                x=Axis(label="", ticks=ticks),
                y=Axis(label="ms"),
                layers=_pairs(costs, [(1e3 * cost.edge_s, 1e3 * cost.server_s) for cost in costs], "ms"),
                rules=rules,
                height=230,
            ),
            Panel(
                x=Axis(label="", ticks=ticks),
                y=Axis(label="mJ"),
                layers=_pairs(costs, [(1e3 * cost.edge_j, 1e3 * cost.server_j) for cost in costs], "mJ"),
                rules=(Rule(at=rules[0].at, label=""),),
                height=230,
            ),
            Panel(
                x=Axis(label="block", ticks=ticks),
                y=Axis(label="kB that cross", log=True),
                layers=(_bytes(problem),),
                rules=(Rule(at=rules[0].at, label=""),),
                height=180,
            ),
        ),
        shared_x=True,
    )


def _pairs(costs: tuple[BlockCost, ...], amounts: list[tuple[float, float]], unit: str) -> tuple[Bars, ...]:
    edge, server = zip(*amounts, strict=True)
    return (
        _bars("edge", costs, edge, palette.EDGE, -0.2, unit),
        _bars("server", costs, server, palette.SERVER, 0.2, unit),
    )


def _bars(
    side: str, costs: tuple[BlockCost, ...], amounts: tuple[float, ...], colour: str, offset: float, unit: str
) -> Bars:
    return Bars(
        name=side,
        places=tuple(cost.index + offset for cost in costs),
        values=amounts,
        colour=colour,
        width=0.38,
        notes=tuple(f"{cost.name}, {side}: {amount:.4g} {unit}" for cost, amount in zip(costs, amounts, strict=True)),
    )


def _bytes(problem: Problem) -> Line:
    sizes = crossing_bytes(problem)
    return Line(
        name="bytes that cross at each cut",
        x=tuple(cut - 0.5 for cut in range(len(sizes))),
        # A log axis has no place for nothing.
        y=tuple(size / 1e3 if size > 0.0 else None for size in sizes),
        colour=palette.LINK,
        dots=True,
    )


def _fastest(problem: Problem) -> int:
    points = problem.server.points
    return max(range(len(points)), key=lambda index: points[index].core_mhz)


def _column(side: SideTables, point: int) -> list[float]:
    return [row[point] for row in side.time_s]


def _joules(side: SideTables, point: int) -> list[float]:
    return [seconds[point] * watts[point] for seconds, watts in zip(side.time_s, side.busy_w, strict=True)]
