"""Hypothesis strategies for every dataclass that crosses the wire, drawn from its fields and its message.

Fields are filled within what protobuf can carry; dataclasses that check how their values fit
together have a strategy of their own.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import strategies as st

from joulecut_core.fleets import Fleet, FleetEdge, FleetPlan, Shared
from joulecut_core.plans import INFEASIBLE, Plan
from joulecut_core.pool_plans import PoolPlan
from joulecut_core.pools import KindProblem, Pool, PoolEdge, PoolServer, Route, Uplink
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
from joulecut_core.profiles import Profile
from joulecut_proto.agent_messages import BundleChunk
from joulecut_proto.messages import Converter
from joulecut_proto.planning_messages import StageFactors, UplinkRange

T = TypeVar("T")

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)
MEASURED = st.floats(min_value=0.0, max_value=1e12)
"""What profiles may hold."""
SMALL = st.floats(min_value=1e-3, max_value=1e6)
TEXTS = st.text(max_size=12)
_UNSIGNED = {FieldDescriptor.TYPE_UINT32: 2**32 - 1, FieldDescriptor.TYPE_UINT64: 2**64 - 1}


def values_of(converter: Converter[T, Any]) -> st.SearchStrategy[T]:
    """Values of the converter's dataclass."""
    return cast("st.SearchStrategy[T]", _values(cast(type, converter.kind), converter.message.DESCRIPTOR))


# Made once: what hypothesis works out about a strategy, it keeps in it, and a value is drawn in less than that takes.
@cache
def _values(kind: type, message: Descriptor) -> st.SearchStrategy[Any]:
    if kind in _CHECKED:
        return _CHECKED[kind](message)
    return _filled(kind, message)


def _filled(
    kind: type, message: Descriptor, numbers: st.SearchStrategy[Any] = NUMBERS, **fixed: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    arguments: dict[str, st.SearchStrategy[Any]] = {}
    for field in dataclasses.fields(kind):
        if field.name == "schema":
            arguments[field.name] = st.just(field.default)
        else:
            descriptor = message.fields_by_name[field.name]
            arguments[field.name] = (
                fixed[field.name] if field.name in fixed else _of_hint(hints[field.name], descriptor, numbers)
            )
    return st.builds(kind, **arguments)


def _of_hint(hint: Any, descriptor: FieldDescriptor, numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        present = next(argument for argument in arguments if argument is not type(None))
        return st.none() | _of_hint(present, descriptor, numbers)
    if origin is tuple:
        return st.lists(_of_hint(arguments[0], descriptor, numbers), max_size=3).map(tuple)
    if origin is frozenset:
        return st.frozensets(_of_hint(arguments[0], descriptor, numbers))
    if origin is not None:
        return st.dictionaries(TEXTS, TEXTS, max_size=2)
    return _of_type(hint, descriptor, numbers)


def _of_type(kind: Any, descriptor: FieldDescriptor, numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    if dataclasses.is_dataclass(kind):
        assert descriptor.message_type is not None
        if numbers is not NUMBERS:
            return _filled(cast(type, kind), descriptor.message_type, numbers)
        return _values(cast(type, kind), descriptor.message_type)
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    if descriptor.enum_type is not None:
        return st.sampled_from(words_of(descriptor))
    scalars: dict[type, st.SearchStrategy[Any]] = {
        float: numbers,
        bool: st.booleans(),
        int: st.integers(0, _UNSIGNED.get(descriptor.type, 0)),
        str: TEXTS,
        bytes: st.binary(max_size=8),
    }
    return scalars[kind]


def words_of(descriptor: FieldDescriptor) -> list[str]:
    """The words of an enum field, written out here independently of the code under test."""
    assert descriptor.enum_type is not None
    names = [value.name for value in descriptor.enum_type.values]
    prefix_length = len(names[0]) - len("UNSPECIFIED")
    return [name[prefix_length:].lower().replace("_", "-") for name in names[1:]]


@st.composite
def problems(draw: st.DrawFn, *, most_cuts: int = 4) -> Problem:
    """Problems that pass their own checks, with every optional field both there and not."""
    cuts, edges, servers = draw(st.integers(2, most_cuts)), draw(st.integers(1, 3)), draw(st.integers(1, 3))

    def table(columns: int, zero: int | None = None) -> tuple[tuple[float, ...], ...]:
        row = st.lists(SMALL, min_size=columns, max_size=columns).map(tuple)
        return tuple((0.0,) * columns if index == zero else draw(row) for index in range(cuts))

    def tables(columns: int, zero: int) -> SideTables:
        std = table(columns, zero) if draw(st.booleans()) else None
        return SideTables(time_s=table(columns, zero), busy_w=table(columns), time_std_s=std)

    wire = st.builds(
        Wire, codec=st.sampled_from(["raw", "fp16"]), uplink_bytes=SMALL, downlink_bytes=SMALL, encode_s=SMALL
    )
    last = ProblemCut(name="output", wires=(Wire(codec="none", uplink_bytes=0, downlink_bytes=0),))
    before = (
        ProblemCut(name=f"cut {index}", wires=(draw(wire),), allowed=draw(st.booleans())) for index in range(cuts - 1)
    )
    variants = (Variant(name="fp32", edge=tables(edges, 0), server=tables(servers, cuts - 1), accuracy_loss=0.0),)
    maybe = st.none() | SMALL
    return Problem(
        link=draw(st.builds(Link, uplink_bps=SMALL, downlink_bps=SMALL, rtt_s=SMALL, uplink_w=SMALL)),
        edge=Edge(
            points=tuple(EdgePoint(core_mhz=100.0 * k + 1, memory_mhz=draw(maybe), wait_w=2.0) for k in range(edges)),
            power_scope=draw(st.none() | TEXTS),
        ),
        server=Server(points=tuple(ServerPoint(core_mhz=10.0 * k + 1, memory_mhz=None) for k in range(servers))),
        cuts=(*before, last),
        variants=variants,
        slo=Slo(latency_s=draw(maybe), quantile=draw(st.none() | st.just(0.99)), rate_hz=draw(maybe)),
        objective=Objective(edge_weight=draw(SMALL), server_weight=draw(st.just(0.0) | SMALL)),
    )


@st.composite
def _fleets(draw: st.DrawFn, _: Descriptor) -> Fleet:
    drawn = draw(st.lists(problems(most_cuts=2), min_size=1, max_size=2))
    edges = []
    for index, problem in enumerate(drawn):
        # One server: its points are the first problem's, and its tables as wide.
        points = drawn[0].server.points
        variants = tuple(replace(variant, server=_widened(variant.server, len(points))) for variant in problem.variants)
        slo = replace(problem.slo, rate_hz=draw(SMALL))
        own = replace(problem, server=Server(points=points), variants=variants, slo=slo)
        edges.append(FleetEdge(name=f"{draw(TEXTS)}{index}", problem=own))
    shared = st.builds(
        Shared,
        uplink_bps=st.none() | SMALL,
        server_utilisation=st.floats(0.0, 1.0),
        server_wait_s=st.just(0.0) | SMALL,
        server_idle_w_counts=st.booleans(),
    )
    return Fleet(edges=tuple(edges), shared=draw(st.just(Shared()) | shared))


@st.composite
def _pools(draw: st.DrawFn, message: Descriptor) -> Pool:
    fleet = draw(_fleets(message))
    uplinks = draw(st.sampled_from([(), (Uplink(name="hall", uplink_bps=5.0),)]))
    edges = tuple(
        PoolEdge(
            name=edge.name,
            problems=tuple(KindProblem(kind=kind, problem=edge.problem) for kind in ("large", "small")),
            uplink=draw(st.sampled_from([None, *(uplink.name for uplink in uplinks)])),
            routes=draw(st.sampled_from([(), (Route(server="a"),), (Route(server="b", rtt_s=0.0, uplink_bps=3.0),)])),
        )
        for edge in fleet.edges
    )
    counts = draw(st.booleans())
    servers = (
        PoolServer(name="a", kind="large"),
        PoolServer(
            name="b",
            kind="small",
            server_utilisation=draw(st.floats(0.0, 1.0)),
            server_wait_s=draw(st.just(0.0) | SMALL),
            server_idle_w_counts=counts,
            parked_w=draw(st.none() | SMALL) if counts else None,
            may_park=draw(st.booleans()),
        ),
    )
    return Pool(servers=servers, edges=edges, uplinks=uplinks)


def _widened(tables: SideTables, points: int) -> SideTables:
    def widened(table: Table) -> Table:
        return tuple((row[0],) * points for row in table)

    std_s = None if tables.time_std_s is None else widened(tables.time_std_s)
    return SideTables(time_s=widened(tables.time_s), busy_w=widened(tables.busy_w), time_std_s=std_s)


def _fleet_plans(message: Descriptor) -> st.SearchStrategy[Any]:
    return _answers(FleetPlan, message)


def _pool_plans(message: Descriptor) -> st.SearchStrategy[Any]:
    return _answers(PoolPlan, message)


def _answers(kind: type, message: Descriptor) -> st.SearchStrategy[Any]:
    numbers = {name: st.just(0.0) | NUMBERS for name in ("power_w", "lower_bound_w", "gap")}
    nothing = {name: st.none() for name in numbers}
    solved = _filled(kind, message, status=st.just("optimal"), **numbers)
    return solved | _filled(kind, message, status=st.just(INFEASIBLE), **nothing)


def _profiles(message: Descriptor) -> st.SearchStrategy[Profile]:
    return st.one_of(*(_profiles_of(blocks, message) for blocks in (1, 2, 3)))


def _profiles_of(blocks: int, message: Descriptor) -> st.SearchStrategy[Profile]:
    hints = get_type_hints(Profile)
    point = _filled(
        get_args(hints["points"])[0],
        cast(Descriptor, message.fields_by_name["points"].message_type),
        MEASURED,
        block_s=st.lists(SMALL, min_size=blocks, max_size=blocks).map(tuple),
        whole_s=SMALL,
        whole_std_s=st.just(0.0) | SMALL,
        busy_w=SMALL,
        wait_w=SMALL,
        samples_s=st.lists(SMALL, max_size=3).map(tuple),
        busy_std_w=st.none() | SMALL,
        wait_std_w=st.none() | SMALL,
    )
    paced = _filled(
        get_args(hints["paced"])[0],
        cast(Descriptor, message.fields_by_name["paced"].message_type),
        MEASURED,
        rate_hz=SMALL,
        latency_s=SMALL,
        mean_w=SMALL,
        samples_s=st.lists(SMALL, max_size=3).map(tuple),
    )
    return _filled(
        Profile,
        message,
        MEASURED,
        cut_names=st.lists(TEXTS, min_size=blocks + 1, max_size=blocks + 1).map(tuple),
        points=st.lists(point, min_size=1, max_size=2).map(tuple),
        paced=st.lists(paced, max_size=2).map(tuple),
    )


def _plans(message: Descriptor) -> st.SearchStrategy[Any]:
    nothing = {
        field.name: st.none()
        for field in dataclasses.fields(Plan)
        if type(None) in get_args(get_type_hints(Plan)[field.name])
    }
    hints = get_type_hints(Plan)
    chosen = {
        name: _of_hint(
            next(argument for argument in get_args(hints[name]) if argument is not type(None)),
            message.fields_by_name[name],
            NUMBERS,
        )
        for name in nothing
        if name not in {"edge_point", "server_point", "edge_clock", "server_clock"}
    }
    return _filled(Plan, message, **chosen) | _filled(Plan, message, status=st.just(INFEASIBLE), **nothing)


@st.composite
def _bundle_chunks(draw: st.DrawFn, _: Descriptor) -> BundleChunk:
    data, offset = draw(st.binary(max_size=20)), draw(st.integers(0, 100))
    total_bytes = offset + len(data) + draw(st.integers(0, 100))
    return BundleChunk(
        file=draw(st.sampled_from(["graph.json", "w-1_2.bin"])), offset=offset, data=data, total_bytes=total_bytes
    )


_CHECKED: dict[type, Callable[[Descriptor], st.SearchStrategy[Any]]] = {
    Problem: lambda _: problems(),
    Profile: _profiles,
    Plan: _plans,
    Fleet: _fleets,
    FleetPlan: _fleet_plans,
    Pool: _pools,
    PoolPlan: _pool_plans,
    BundleChunk: _bundle_chunks,
    StageFactors: lambda _: st.builds(StageFactors, head=SMALL, encode=SMALL, decode=SMALL, tail=SMALL),
    UplinkRange: lambda _: st.tuples(SMALL, SMALL).map(
        lambda ends: UplinkRange(lowest_bps=min(ends), highest_bps=max(ends))
    ),
}
