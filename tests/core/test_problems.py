"""A problem that exists is a problem that can be solved: ranges, shapes, types, and it never changes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, cast

import numpy as np
import pytest

from joulecut_core.decoding import encode
from joulecut_core.errors import ProblemError
from joulecut_core.fleets import Fleet, FleetEdge, Shared
from joulecut_core.links import LinkEstimate
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
    Variant,
    Wire,
)

HOME = Wire(codec="none", uplink_bytes=0.0, downlink_bytes=0.0)
EDGE = SideTables(time_s=((0.0, 0.0), (0.02, 0.01)), busy_w=((4.0, 8.0), (4.0, 8.0)))
SERVER = SideTables(time_s=((0.001,), (0.0,)), busy_w=((200.0,), (60.0,)), time_std_s=((0.0001,), (0.0,)))
PROBLEM = Problem(
    link=Link(uplink_bps=1e7, downlink_bps=1e7, rtt_s=0.002),
    edge=Edge(
        points=(
            EdgePoint(core_mhz=306.0, memory_mhz=None, wait_w=2.0),
            EdgePoint(core_mhz=612.0, memory_mhz=None, wait_w=3.0),
        )
    ),
    server=Server(points=(ServerPoint(core_mhz=1980.0, memory_mhz=2619.0, idle_w=70.0),)),
    cuts=(
        ProblemCut(name="input", wires=(Wire(codec="raw", uplink_bytes=1000.0, downlink_bytes=100.0),)),
        ProblemCut(name="output", wires=(HOME,)),
    ),
    variants=(Variant(name="eager-fp32", edge=EDGE, server=SERVER),),
)


def changed(value: object, path: str, leaf: object) -> Any:
    """A copy of nested dataclasses and tuples with the value at a dotted path replaced."""
    head, _, rest = path.partition(".")
    if head.isdigit():
        items = list(cast("tuple[object, ...]", value))
        items[int(head)] = changed(items[int(head)], rest, leaf) if rest else leaf
        return tuple(items)
    inner = changed(getattr(value, head), rest, leaf) if rest else leaf
    return dataclasses.replace(cast(Any, value), **{head: inner})


@pytest.mark.parametrize(
    ("path", "leaf", "message"),
    [
        ("schema", "joulecut.problem/2", "schema: 'joulecut.problem/2'; expected 'joulecut.problem/1'"),
        ("slo.latency_s", 0.0, "slo.latency_s: 0.0; expected a finite number above 0"),
        ("slo.latency_s", math.inf, "slo.latency_s: inf; expected"),
        ("slo.quantile", 0.5, "slo.quantile: 0.5; expected"),
        ("slo.quantile", 1.0, "slo.quantile: 1.0; expected"),
        ("slo.margin", "chebyshev", "slo.margin: 'chebyshev'; expected one of 'cantelli', 'gaussian'"),
        ("slo.rate_hz", -1.0, "slo.rate_hz: -1.0; expected"),
        ("slo", None, "slo: None; expected Slo"),
        ("max_accuracy_loss", -0.1, "max_accuracy_loss: -0.1; expected"),
        ("max_accuracy_loss", True, "max_accuracy_loss: True; expected"),
        ("objective.edge_weight", -1.0, "objective.edge_weight: -1.0; expected"),
        ("objective.server_weight", math.nan, "objective.server_weight: nan; expected"),
        ("objective.server_idle_share", 1.5, "objective.server_idle_share: 1.5; expected a number from 0 to 1"),
        ("link.uplink_bps", 0.0, "link.uplink_bps: 0.0; expected"),
        ("link.downlink_bps", "fast", "link.downlink_bps: 'fast'; expected"),
        ("link.rtt_s", -1e-9, "link.rtt_s: -1e-09; expected"),
        ("link.latency_std_s", -1.0, "link.latency_std_s: -1.0; expected"),
        ("link.uplink_w", -1.0, "link.uplink_w: -1.0; expected"),
        ("link.uplink_w", 10**400, "link.uplink_w: 1000"),
        ("edge.points", (), "edge.points: empty; expected"),
        ("edge.points.1.wait_w", -1.0, "edge.points[1].wait_w: -1.0; expected"),
        ("edge.points.0.core_mhz", -1.0, "edge.points[0].core_mhz: -1.0; expected"),
        ("edge.points.0.memory_mhz", -1.0, "edge.points[0].memory_mhz: -1.0; expected"),
        ("edge.points.0", SERVER, "edge.points[0]: SideTables("),
        ("edge.power_scope", 5, "edge.power_scope: 5; expected a string"),
        ("server.points", (), "server.points: empty; expected"),
        ("server.points.0.idle_w", "70", "server.points[0].idle_w: '70'; expected"),
        ("cuts", PROBLEM.cuts[:1], "cuts: 1 of them; expected at least two"),
        ("cuts", "two", "cuts: 'two'; expected a list of ProblemCut"),
        ("cuts.0.name", 3, "cuts[0].name: 3; expected a string"),
        ("cuts.0.allowed", 1, "cuts[0].allowed: 1; expected true or false"),
        ("cuts.0.wires", (), "cuts[0].wires: empty; expected"),
        ("cuts.0.wires.0.uplink_bytes", -1.0, "cuts[0].wires[0].uplink_bytes: -1.0; expected"),
        ("cuts.0.wires.0.codec", None, "cuts[0].wires[0].codec: None; expected a string"),
        ("cuts.1.wires", (HOME, HOME), "cuts[1].wires: 2 wires; expected one"),
        ("cuts.1.wires.0.codec", "raw", "cuts[1].wires[0].codec: 'raw'; expected 'none'"),
        ("cuts.1.wires.0.decode_w", 1.0, "cuts[1].wires[0].decode_w: 1.0; expected 0"),
        ("variants", (), "variants: empty; expected"),
        ("variants.0.accuracy_loss", -0.1, "variants[0].accuracy_loss: -0.1; expected"),
        ("variants.0.edge.time_s", EDGE.time_s[:1], "variants[0].edge.time_s: 1 rows; expected 2"),
        ("variants.0.edge.time_s.1", (0.1,), "variants[0].edge.time_s[1]: 1 values; expected 2"),
        ("variants.0.edge.time_s.1.1", math.nan, "variants[0].edge.time_s[1][1]: nan; expected"),
        ("variants.0.edge.time_s.1.0", True, "variants[0].edge.time_s[1][0]: True; expected"),
        ("variants.0.edge.time_s.0.1", 0.01, "variants[0].edge.time_s[0][1]: 0.01; expected 0"),
        ("variants.0.edge.busy_w", (), "variants[0].edge.busy_w: 0 rows; expected 2"),
        ("variants.0.edge.busy_w", None, "variants[0].edge.busy_w: None; expected"),
        ("variants.0.edge.busy_w.1", 5.0, "variants[0].edge.busy_w[1]: 5.0; expected a list"),
        ("variants.0.server.time_s.1.0", 0.01, "variants[0].server.time_s[1][0]: 0.01; expected 0"),
        ("variants.0.server.time_std_s.0.0", -1.0, "variants[0].server.time_std_s[0][0]: -1.0; expected"),
        ("variants.0.server", EDGE, "variants[0].server.time_s[0]: 2 values; expected 1"),
    ],
)
def test_malformed(path: str, leaf: object, message: str) -> None:
    """Each malformed value is refused with its path, itself, and what was expected."""
    with pytest.raises(ProblemError) as caught:
        changed(PROBLEM, path, leaf)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("path", "leaf"),
    [
        ("slo", Slo(latency_s=1, quantile=0.51, rate_hz=10)),
        ("objective", Objective(edge_weight=0, server_weight=0, server_idle_share=1)),
        ("link.rtt_s", 0),
        ("edge.points.0.wait_w", 0),
        ("cuts.0.allowed", False),
        ("variants.0.edge.time_s.1", (1, 2.0)),
        ("variants.0.edge.time_s.1", (1e308, 1e308)),
    ],
)
def test_borders_of_the_ranges_are_legal(path: str, leaf: object) -> None:
    """Whole numbers are numbers, zeros are legal where nothing divides by them."""
    changed(PROBLEM, path, leaf)


@pytest.mark.parametrize("make", [list, tuple])
def test_a_problem_never_changes(make: Callable[[Any], Any]) -> None:
    """Lists from an application are frozen, so a later change of them cannot reach a solver's cache."""
    rows = make([make([0.0, 0.0]), make([0.02, 0.01])])
    edge = dataclasses.replace(EDGE, time_s=rows)
    problem = dataclasses.replace(
        PROBLEM,
        edge=Edge(points=make(PROBLEM.edge.points)),
        server=Server(points=make(PROBLEM.server.points)),
        cuts=make([ProblemCut(name="input", wires=make(PROBLEM.cuts[0].wires)), PROBLEM.cuts[1]]),
        variants=make([dataclasses.replace(PROBLEM.variants[0], edge=edge)]),
    )
    assert problem == PROBLEM
    assert hash(problem) == hash(PROBLEM)


def _with_numbers(value: Any, kind: Callable[[float], object]) -> Any:
    """A copy of nested dataclasses and tuples whose numbers are of another kind."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        inner = {field.name: _with_numbers(getattr(value, field.name), kind) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **inner)
    if isinstance(value, tuple):
        return tuple(_with_numbers(item, kind) for item in value)
    return kind(value) if isinstance(value, float) else value


def _numbers(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif not isinstance(value, (str, bool, type(None))):
        yield value


@pytest.mark.parametrize("kind", [np.float32, np.float64, Fraction])
def test_numbers_of_other_kinds_become_pythons_own(kind: Callable[[float], object]) -> None:
    """A bandwidth of numpy's 32 bits would make all that is computed with it as coarse, and no JSON could hold it."""
    given = dataclasses.replace(PROBLEM, slo=Slo(latency_s=0.1, quantile=0.99, rate_hz=3.0))
    problem = _with_numbers(given, kind)
    assert {type(number) for number in _numbers(encode(problem))} == {float}
    assert problem == _with_numbers(given, lambda number: float(cast(Any, kind(number))))
    fleet = Fleet(
        edges=(FleetEdge(name="gate", problem=problem),),
        shared=_with_numbers(Shared(uplink_bps=1e7, server_wait_s=0.001), kind),
    )
    assert {type(number) for number in _numbers(encode(fleet.shared))} == {float}
    link = _with_numbers(LinkEstimate(uplink_bps=1e7, downlink_bps=1e7, rtt_s=0.1), kind)
    assert type(link.uplink_bps) is float
    samples = LinkEstimate(uplink_bps=1e7, downlink_bps=1e7, rtt_s=0.1, samples=cast(Any, np.int64(3))).samples
    assert (type(samples), samples) == (int, 3)
