"""The batching problem: edges that run one network, and a server that can compute several requests at once.

One request of each edge, at a known time. The server runs batches one after the other; a batch is of
one cut, starts when its last member's payload is decoded and the one before it has ended, and ends for
all members alike. Every quantity is SI; clocks are MHz.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import cast

from joulecut_core.decoding import show
from joulecut_core.errors import ProblemError
from joulecut_core.problem_rules import NOT_NEGATIVE, check_number
from joulecut_core.problems import Problem, ServerPoint, SideTables, Table

BATCHING_SCHEMA = "joulecut.batching/1"


class ServerClock(str, Enum):
    """Whether all batches run at one operating point of the server."""

    SHARED = "shared"
    """One for all: a data-centre GPU takes longer to change its clock than a batch lasts."""
    PER_BATCH = "per_batch"
    """Each batch has its own, and changing costs nothing: what J-DOB assumes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTables:
    """The server's part for a whole batch of `batch` requests: `time_s[c][j]`, `busy_w[c][j]`, as of batch 1.

    Fewer requests may run in it, padded: then they take as long and draw as much.
    """

    batch: int
    time_s: Table
    busy_w: Table

    def __post_init__(self) -> None:
        for name in ("time_s", "busy_w"):
            rows = getattr(self, name)
            if isinstance(rows, (list, tuple)):
                frozen = tuple(tuple(row) if isinstance(row, list) else row for row in rows)
                object.__setattr__(self, name, frozen)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchingEdge:
    """One edge: its planning problem, whose server tables are those of batch 1, and when its request comes.

    `problem.slo.latency_s` is the deadline, counted from `arrival_s`; with `problem.slo.rate_hz` every
    period repeats what the plan says of one.
    """

    name: str
    problem: Problem
    arrival_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchingProblem:
    """A whole batching problem. Raises ProblemError with the JSON path where a value does not fit.

    Edges share one network in one variant (the same cuts, by name), one server (the same points, the
    same tables of batch 1, the same weight of its joules) and one rate, or none has any. Quantiles
    are refused: a batch waits for the latest of several random arrivals, which a member's own spread
    says nothing about. `batches` are sizes above 1.
    """

    edges: tuple[BatchingEdge, ...]
    batches: tuple[BatchTables, ...]
    server_clock: ServerClock = ServerClock.SHARED
    schema: str = BATCHING_SCHEMA

    def __post_init__(self) -> None:
        if self.schema != BATCHING_SCHEMA:
            raise ProblemError(f"schema: {show(self.schema)}; expected {BATCHING_SCHEMA!r}")
        for name in ("edges", "batches"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if not isinstance(cast(object, self.server_clock), ServerClock):
            raise ProblemError(f"server_clock: {show(self.server_clock)}; expected a ServerClock")
        _check_edges(self.edges)
        _check_batches(self.batches, self.edges[0].problem)

    @property
    def last_cut(self) -> int:
        """The cut at which nothing is offloaded."""
        return len(self.edges[0].problem.cuts) - 1

    @property
    def server_points(self) -> tuple[ServerPoint, ...]:
        """The operating points of the one server."""
        return self.edges[0].problem.server.points

    @property
    def period_s(self) -> float | None:
        """Seconds after which everything repeats; None where each request is alone in time."""
        rate_hz = self.edges[0].problem.slo.rate_hz
        return None if rate_hz is None else 1.0 / rate_hz

    def tables(self) -> tuple[BatchTables, ...]:
        """The server's tables of every size, batch 1 first, by rising size."""
        server: SideTables = self.edges[0].problem.variants[0].server
        single = BatchTables(batch=1, time_s=server.time_s, busy_w=server.busy_w)
        return (single, *sorted(self.batches, key=lambda tables: tables.batch))


def _check_edges(edges: object) -> None:
    if not isinstance(edges, tuple) or not edges:
        raise ProblemError(f"edges: {show(edges)}; expected a list of at least one edge")
    for index, edge in enumerate(cast("tuple[object, ...]", edges)):
        path = f"edges[{index}]"
        if not isinstance(edge, BatchingEdge) or not isinstance(cast(object, edge.problem), Problem):
            raise ProblemError(f"{path}: {show(edge)}; expected a name and a problem")
        if not isinstance(cast(object, edge.name), str):
            raise ProblemError(f"{path}.name: {show(edge.name)}; expected a string")
        check_number(f"{path}.arrival_s", edge.arrival_s, NOT_NEGATIVE)
        _check_problem(f"{path}.problem", edge.problem)
        _check_shared(f"{path}.problem", edge.problem, cast(BatchingEdge, edges[0]).problem)
    names = [cast(BatchingEdge, edge).name for edge in edges]
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        again = names.index(name, names.index(name) + 1)
        raise ProblemError(f"edges[{again}].name: {show(name)} again; expected unique names")


def _check_problem(path: str, problem: Problem) -> None:
    if problem.slo.quantile is not None:
        raise ProblemError(
            f"{path}.slo.quantile: {show(problem.slo.quantile)}; expected null: batching keeps the mean deadline, "
            "put a margin into slo.latency_s"
        )
    if len(problem.variants) != 1:
        raise ProblemError(f"{path}.variants: {len(problem.variants)} of them; expected one: a batch runs one engine")


def _check_shared(path: str, problem: Problem, first: Problem) -> None:
    """What every edge must have in common with the first, since they share network, server and time."""
    shared: tuple[tuple[str, object, object], ...] = (
        ("slo.rate_hz", problem.slo.rate_hz, first.slo.rate_hz),
        ("objective.server_weight", problem.objective.server_weight, first.objective.server_weight),
        ("server.points", problem.server.points, first.server.points),
        ("cuts", tuple(cut.name for cut in problem.cuts), tuple(cut.name for cut in first.cuts)),
        ("variants[0].name", problem.variants[0].name, first.variants[0].name),
        ("variants[0].server.time_s", problem.variants[0].server.time_s, first.variants[0].server.time_s),
        ("variants[0].server.busy_w", problem.variants[0].server.busy_w, first.variants[0].server.busy_w),
    )
    for name, value, expected in shared:
        if value is not expected and value != expected:
            raise ProblemError(
                f"{path}.{name}: not that of edges[0]; expected {show(expected)}: they share one network and one server"
            )


def _check_batches(batches: object, problem: Problem) -> None:
    if not isinstance(batches, tuple):
        raise ProblemError(f"batches: {show(batches)}; expected a list of tables per batch size")
    seen: set[int] = set()
    for index, tables in enumerate(cast("tuple[object, ...]", batches)):
        path = f"batches[{index}]"
        if not isinstance(tables, BatchTables):
            raise ProblemError(f"{path}: {show(tables)}; expected BatchTables")
        if type(tables.batch) is not int or tables.batch < 2:
            raise ProblemError(
                f"{path}.batch: {show(tables.batch)}; expected a whole number of at least 2: "
                "batch 1 is in the edges' problems"
            )
        if tables.batch in seen:
            raise ProblemError(f"{path}.batch: {tables.batch} again; expected unique sizes")
        seen.add(tables.batch)
        for name in ("time_s", "busy_w"):
            _check_table(f"{path}.{name}", getattr(tables, name), problem)


def _check_table(path: str, table: object, problem: Problem) -> None:
    cuts, points = len(problem.cuts), len(problem.server.points)
    if not isinstance(table, tuple) or len(table) != cuts:
        raise ProblemError(f"{path}: {show(table)}; expected {cuts} lists, one for each cut")
    for cut, row in enumerate(cast("tuple[object, ...]", table)):
        if not isinstance(row, tuple) or len(row) != points:
            raise ProblemError(f"{path}[{cut}]: {show(row)}; expected {points} numbers, one for each operating point")
        for point, value in enumerate(cast("tuple[object, ...]", row)):
            idle = path.endswith("time_s") and cut == cuts - 1
            check_number(f"{path}[{cut}][{point}]", value, NOT_NEGATIVE)
            if idle and value != 0:
                raise ProblemError(f"{path}[{cut}][{point}]: {show(value)}; expected 0: the last cut is all edge")
