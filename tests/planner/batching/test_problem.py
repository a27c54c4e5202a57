"""A batching problem refuses what edges of one server cannot have, and says where."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from joulecut_core.errors import ProblemError
from joulecut_core.problems import Objective, Problem, Server, ServerPoint, Slo
from joulecut_planner.batching import BatchingEdge, BatchingProblem, BatchTables
from tests.planner.batching.small_case import batching_problem, edge_problem


def second(**changes: Any) -> BatchingProblem:
    """Two edges, the second's problem changed."""
    return batching_problem([edge_problem(), replace(edge_problem(), **changes)])


def with_batch(**changes: Any) -> BatchingProblem:
    """One edge, the batch tables changed."""
    problem = batching_problem([edge_problem()])
    return replace(problem, batches=(replace(problem.batches[0], **changes),))


def test_tables_come_by_rising_size_with_the_edges_own_first() -> None:
    """Batch 1 stands in the edges' problems; the search relies on rising sizes."""
    problem = batching_problem([edge_problem()])
    pair = replace(problem.batches[0], batch=2)
    assert [each.batch for each in replace(problem, batches=(problem.batches[0], pair)).tables()] == [1, 2, 4]
    assert problem.tables()[0].time_s == problem.edges[0].problem.variants[0].server.time_s


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slo": Slo(latency_s=0.1, quantile=0.9)}, "edges[1].problem.slo.quantile: 0.9; expected null"),
        ({"slo": Slo(rate_hz=5.0)}, "edges[1].problem.slo.rate_hz: not that of edges[0]"),
        ({"objective": Objective(server_weight=0.5)}, "edges[1].problem.objective.server_weight: not that of"),
        (
            {"server": Server(points=tuple(ServerPoint(core_mhz=1.0 + at, memory_mhz=None) for at in range(2)))},
            "edges[1].problem.server.points: not that of edges[0]",
        ),
        ({"variants": edge_problem().variants * 2}, "edges[1].problem.variants: 2 of them; expected one"),
    ],
)
def test_edges_share_what_a_batch_shares(changes: dict[str, Any], message: str) -> None:
    """Network, server, weight and rate are one for all; the complaint starts with the path."""
    with pytest.raises(ProblemError) as error:
        second(**changes)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 1}, "batches[0].batch: 1; expected a whole number of at least 2"),
        ({"batch": True}, "batches[0].batch: True"),
        ({"time_s": ((0.1, 0.1),)}, "batches[0].time_s: ((0.1, 0.1),); expected 3 lists"),
        ({"time_s": ((0.1,), (0.1,), (0.0,))}, "batches[0].time_s[0]: (0.1,); expected 2 numbers"),
        ({"time_s": ((0.1, -1.0), (0.1, 0.1), (0.0, 0.0))}, "batches[0].time_s[0][1]: -1.0; expected a finite number"),
        ({"time_s": ((0.1, 0.1), (0.1, 0.1), (0.0, 0.1))}, "batches[0].time_s[2][1]: 0.1; expected 0"),
        ({"busy_w": None}, "batches[0].busy_w: None"),
    ],
)
def test_batch_tables_fit_the_problem(changes: dict[str, Any], message: str) -> None:
    """Sizes are real batches, tables have a row per cut and a column per server point."""
    with pytest.raises(ProblemError) as error:
        with_batch(**changes)
    assert str(error.value).startswith(message)


def test_names_and_sizes_are_unique_and_there_is_an_edge() -> None:
    """A plan names edges by name and tables by size."""
    problem = batching_problem([edge_problem()])
    with pytest.raises(ProblemError, match=r"^edges\[1\].name: 'edge0' again"):
        replace(problem, edges=problem.edges * 2)
    with pytest.raises(ProblemError, match=r"^batches\[1\].batch: 4 again"):
        replace(problem, batches=problem.batches * 2)
    with pytest.raises(ProblemError, match=r"^edges: \(\); expected a list of at least one edge"):
        replace(problem, edges=())
    with pytest.raises(ProblemError, match=r"^schema: 'x'; expected 'joulecut.batching/1'"):
        replace(problem, schema="x")


@pytest.mark.parametrize(
    ("edge", "message"),
    [
        ({"name": 3}, r"^edges\[0\].name: 3; expected a string"),
        ({"arrival_s": -1.0}, r"^edges\[0\].arrival_s: -1.0; expected a finite number of at least 0"),
        ({"problem": None}, r"^edges\[0\]: .*expected a name and a problem"),
    ],
)
def test_an_edge_has_a_name_a_problem_and_a_time(edge: dict[str, Any], message: str) -> None:
    """Whatever is built in code is checked like a file."""
    fields: dict[str, Any] = {"name": "a", "problem": edge_problem()} | edge
    with pytest.raises(ProblemError, match=message):
        BatchingProblem(edges=(BatchingEdge(**fields),), batches=())


def test_lists_and_clocks_are_checked_too() -> None:
    """Lists freeze into tuples; anything else in their place is named."""
    whole = batching_problem([edge_problem()])
    listed: Any = [list(row) for row in whole.batches[0].time_s]
    table = BatchTables(batch=2, time_s=listed, busy_w=whole.batches[0].busy_w)
    assert table.time_s == whole.batches[0].time_s
    wrong: list[tuple[str, Any]] = [("server_clock", "shared-ish"), ("batches", None), ("batches", (None,))]
    for name, value in wrong:
        changes: Any = {name: value}
        with pytest.raises(ProblemError, match=f"^{name}"):
            replace(whole, **changes)


def test_cuts_are_those_of_one_network() -> None:
    """Edges that know the cuts by other names run another network."""
    other: Problem = edge_problem()
    renamed = (replace(other.cuts[0], name="elsewhere"), *other.cuts[1:])
    with pytest.raises(ProblemError, match=r"^edges\[1\].problem.cuts: not that of edges\[0\]"):
        second(cuts=renamed)
