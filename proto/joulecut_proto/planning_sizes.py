"""How much a planning request asks for, counted on its message before anything is made of it.

A message's bytes say little: an empty object takes two of them and a hundred times that once it is
read. Counting stops at the first bound that is passed, so it costs no more than the bounds allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from joulecut_core.errors import ContractError, ProblemError
from joulecut_proto.ids import check_id
from joulecut_proto.message_counts import count_objects
from joulecut_proto.planning_messages import RequestSize
from joulecut_proto.v1 import planning_pb2

_REMEDY = "send a smaller one, or plan it with the library"

MOST_SESSION_BYTES = 1 << 20
"""Of a session's planning request, some thirty times a usual one: reading more holds everybody up."""
_MOST_ITEMS = 20_000
"""Objects and names in it, each of which takes some 15 us to read."""
_MOST_POINTS = 500
"""Operating points that were measured: fitting curves through as many takes seconds of the thread that plans for all
edges, and ten times as many take a minute."""
_MOST_PAIRS = 500_000
"""Operating points that were measured times those on offer: each of these is predicted from all of those."""
_MOST_ENTRIES = 200_000
"""Cuts times operating points, those that the device offers among them: what the tables of its problem have."""

_PARSED_FOR_EACH = 4
"""Messages and texts for each object of `RequestSize`: a point holds its clocks, a cut its name, at the most."""

M = TypeVar("M", bound=Message)


def read_session_request(content: bytes) -> planning_pb2.PlanSessionRequest:
    """A session's planning request, still a message, where it is of a size to go on with.

    Raises ProblemError naming the value and the bound, ContractError where it is no such message or has no sound id.
    """
    if len(content) > MOST_SESSION_BYTES:
        raise ProblemError(f"a planning request of {len(content)} bytes; expected at most {MOST_SESSION_BYTES}")
    try:
        message = planning_pb2.PlanSessionRequest.FromString(content)
    except DecodeError as error:
        raise ContractError(f"{len(content)} bytes that are no PlanSessionRequest; send it again") from error
    check_id("session_id", message.session_id)
    edge = message.edge
    repeated = (edge.cut_names, edge.clock_table, edge.points, edge.parts, edge.codecs, edge.governed, edge.paced)
    items = sum(map(len, repeated)) + len(message.wires.wires)
    entries = max(len(edge.points), len(edge.clock_table)) * len(edge.cut_names)
    for what, value, most in (
        ("objects", items, _MOST_ITEMS),
        ("measured operating points", len(edge.points), _MOST_POINTS),
        ("table entries", entries, _MOST_ENTRIES),
        ("measured times offered operating points", len(edge.points) * len(edge.clock_table), _MOST_PAIRS),
    ):
        if value > most:
            raise ProblemError(f"{what}: this planning request has {value}; expected at most {most}: {_REMEDY}")
    return message


def read_planning_request(content: bytes, kind: type[M], most: RequestSize) -> M:
    """A request with a problem or a fleet, parsed where parsing cannot take much more memory than its bytes.

    Raises ProblemError naming the value and the bound, ContractError where the bytes are no such message.
    """
    bound = _PARSED_FOR_EACH * most.objects
    # An object takes two bytes at least.
    if len(content) > 2 * bound and (count := count_objects(content, kind, most=bound)) > bound:
        raise ProblemError(f"objects: this request has at least {count}; expected at most {bound} here: {_REMEDY}")
    try:
        return kind.FromString(content)
    except DecodeError as error:
        raise ContractError(f"{len(content)} bytes that are no {kind.__name__}; send it again") from error


def check_problem_size(message: planning_pb2.Problem, most: RequestSize) -> None:
    """Raise ProblemError naming the value and the bound where a problem asks for more than `most`."""
    _check("this problem", _problem_size(message, most), most)


def check_fleet_size(message: planning_pb2.Fleet, most: RequestSize) -> None:
    """Raise ProblemError naming the value and the bound where a fleet asks for more than `most`."""
    total = RequestSize(edges=len(message.edges))
    _check_problems("this fleet", total, (edge.problem for edge in message.edges), most)


def check_pool_size(message: planning_pb2.Pool, most: RequestSize) -> None:
    """Raise ProblemError naming the value and the bound where a pool asks for more than `most`.

    Servers, uplinks, routes and kinds are objects, too.
    """
    routes = sum(len(edge.routes) + len(edge.problems) for edge in message.edges)
    total = RequestSize(edges=len(message.edges), objects=len(message.servers) + len(message.uplinks) + routes)
    _check_problems("this pool", total, (one.problem for edge in message.edges for one in edge.problems), most)


def _check_problems(
    subject: str, total: RequestSize, problems: Iterable[planning_pb2.Problem], most: RequestSize
) -> None:
    _check(subject, total, most)
    for problem in problems:
        size = _problem_size(problem, most)
        total = RequestSize(
            edges=total.edges,
            objects=total.objects + size.objects,
            table_entries=total.table_entries + size.table_entries,
            clock_pairs=max(total.clock_pairs, size.clock_pairs),
            choices=total.choices + size.choices,
        )
        _check(subject, total, most)


def _check(subject: str, size: RequestSize, most: RequestSize) -> None:
    for field in fields(RequestSize):
        value, bound = getattr(size, field.name), getattr(most, field.name)
        if value > bound:
            what = field.name.replace("_", " ")
            raise ProblemError(f"{what}: {subject} has at least {value}; expected at most {bound} here: {_REMEDY}")


def _problem_size(message: planning_pb2.Problem, most: RequestSize) -> RequestSize:
    """The size of one problem; what is left uncounted when the objects are too many is 0."""
    edge_points, server_points = len(message.edge.points), len(message.server.points)
    size = RequestSize(
        objects=edge_points + server_points + len(message.cuts) + len(message.variants),
        clock_pairs=edge_points * server_points,
    )
    if size.objects > most.objects:
        return size
    wires = [len(cut.wires) for cut in message.cuts]
    tables = list(_tables(message))
    size = replace(
        size,
        objects=size.objects + sum(wires) + sum(len(table.rows) for table in tables),
        choices=len(message.variants) * edge_points * (1 + sum(wires[:-1]) * server_points),
    )
    if size.objects > most.objects:
        return size
    return replace(size, table_entries=sum(len(row.values) for table in tables for row in table.rows))


def _tables(message: planning_pb2.Problem) -> Iterator[planning_pb2.Table]:
    for variant in message.variants:
        for side in (variant.edge, variant.server):
            yield from (side.time_s, side.busy_w, side.time_std_s)
