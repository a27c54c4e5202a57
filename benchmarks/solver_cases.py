"""The problems that the solver is timed on: one size, many service levels, and cases where choices tie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tests.planner.drawn_problems import drawn_problem

from joulecut_core.problems import Objective, Problem, SideTables, Slo, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many choices a problem has."""

    cuts: int
    edge_points: int
    server_points: int

    def __str__(self) -> str:
        return f"{self.cuts} cuts x 2 codecs x {self.edge_points} edge points x {self.server_points} server points"


FULL = Size(cuts=161, edge_points=56, server_points=110)
SMALL = Size(cuts=21, edge_points=14, server_points=28)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A drawn problem and the family that it belongs to."""

    family: str
    problem: Problem


_LEVELS: dict[str, Slo | None] = {
    "quantile and rate": None,
    "tight deadline": Slo(latency_s=0.02, quantile=0.99, rate_hz=10.0),
    "loose deadline": Slo(latency_s=0.5, quantile=0.99, rate_hz=10.0),
    "infeasible deadline": Slo(latency_s=0.002, quantile=0.99, rate_hz=10.0),
    "infeasible rate": Slo(rate_hz=2000.0),
    "gaussian margin": Slo(latency_s=0.04, quantile=0.95, margin="gaussian", rate_hz=20.0),
    "no rate": Slo(latency_s=0.04, quantile=0.99),
    "no quantile": Slo(latency_s=0.04, rate_hz=10.0),
    "rate alone": Slo(rate_hz=30.0),
    "nothing asked": Slo(),
}


def drawn_cases(size: Size, seeds: range) -> Iterator[Case]:
    """Every family at every seed, one at a time: a problem of full size is some megabytes of tuples."""
    for seed in seeds:
        for family, slo in _LEVELS.items():
            yield Case(family=family, problem=_drawn(size, seed, slo))
        for family, altered in _ALTERED.items():
            yield Case(family=family, problem=altered(_drawn(size, seed, None)))


def linear_problems(size: Size, seeds: range) -> Iterator[Problem]:
    """Problems that a linear programme can state: a rate, a deadline, no quantile."""
    for seed in seeds:
        yield _drawn(size, seed, Slo(latency_s=0.035, rate_hz=10.0))


def _drawn(size: Size, seed: int, slo: Slo | None) -> Problem:
    return drawn_problem(seed, cuts=size.cuts, edge_points=size.edge_points, server_points=size.server_points, slo=slo)


def _weighted(edge: float, server: float) -> Callable[[Problem], Problem]:
    return lambda problem: replace(problem, objective=Objective(edge_weight=edge, server_weight=server))


def _no_bytes(problem: Problem) -> Problem:
    return replace(
        problem,
        cuts=tuple(
            replace(cut, wires=tuple(replace(wire, uplink_bytes=0.0, downlink_bytes=0.0) for wire in cut.wires))
            for cut in problem.cuts
        ),
    )


def _one_power(problem: Problem) -> Problem:
    """Everything draws five watts, busy or not."""

    def drawing(tables: SideTables) -> SideTables:
        return replace(tables, busy_w=tuple((5.0,) * len(row) for row in tables.busy_w))

    return replace(
        problem,
        edge=replace(problem.edge, points=tuple(replace(point, wait_w=5.0) for point in problem.edge.points)),
        server=replace(problem.server, points=tuple(replace(point, idle_w=5.0) for point in problem.server.points)),
        variants=tuple(
            replace(each, edge=drawing(each.edge), server=drawing(each.server)) for each in problem.variants
        ),
    )


def _all_tied(problem: Problem) -> Problem:
    """Every offloaded choice takes as long and costs as much as every other."""

    def flat(table: Table, idle_cut: int) -> Table:
        value = table[len(table) // 2][0]
        return tuple((0.0 if cut == idle_cut else value,) * len(row) for cut, row in enumerate(table))

    alike, last = _one_power(problem), len(problem.cuts) - 1
    wires = problem.cuts[0].wires[:1] * 2
    return replace(
        alike,
        slo=Slo(latency_s=1.0, rate_hz=0.5),
        cuts=(*(replace(cut, wires=wires) for cut in problem.cuts[:-1]), replace(problem.cuts[-1], allowed=False)),
        variants=tuple(
            replace(
                each,
                edge=SideTables(time_s=flat(each.edge.time_s, 0), busy_w=each.edge.busy_w),
                server=SideTables(time_s=flat(each.server.time_s, last), busy_w=each.server.busy_w),
            )
            for each in alike.variants
        ),
    )


_ALTERED: dict[str, Callable[[Problem], Problem]] = {
    "no weight on either side": _weighted(0.0, 0.0),
    "edge alone counts": _weighted(1.0, 0.0),
    "server alone counts": _weighted(0.0, 1.0),
    "zero bytes": _no_bytes,
    "one power everywhere": _one_power,
    "all choices tied": _all_tied,
}
