"""How large a planning request is: counted on its message, refused with the value and the bound."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from joulecut_core.errors import ContractError, ProblemError
from joulecut_core.problems import Problem
from joulecut_planner import parse_problem
from joulecut_proto.convert_planning import PROBLEM
from joulecut_proto.message_counts import count_objects
from joulecut_proto.planning_messages import RequestSize
from joulecut_proto.planning_sizes import (
    check_fleet_size,
    check_pool_size,
    check_problem_size,
    read_planning_request,
    read_session_request,
)
from joulecut_proto.v1 import planning_pb2
from tests.planner.problem_strategies import problems
from tests.planner.small_document import small_document
from tests.thoroughness import examples

SMALL = PROBLEM.to_wire(parse_problem(small_document()))
# 3 points, 3 cuts, 4 wires, 1 variant, 3 rows in each of five tables; 3 rows of 2 or 1 numbers.
SIZE = RequestSize(edges=0, objects=26, table_entries=24, clock_pairs=2, choices=2 * (1 + 3 * 1))


def fleet_of(count: int) -> planning_pb2.Fleet:
    return planning_pb2.Fleet(edges=[planning_pb2.FleetEdge(name=str(n), problem=SMALL) for n in range(count)])


def scaled(count: int) -> RequestSize:
    return RequestSize(
        edges=count,
        objects=count * SIZE.objects,
        table_entries=count * SIZE.table_entries,
        clock_pairs=SIZE.clock_pairs,
        choices=count * SIZE.choices,
    )


@pytest.mark.parametrize("name", ["objects", "table_entries", "clock_pairs", "choices"])
def test_a_problem_at_the_bound_is_taken_and_one_beyond_is_not(name: str) -> None:
    """Each bound by itself, to the unit, with its name, the value and the bound."""
    check_problem_size(SMALL, SIZE)
    value = getattr(SIZE, name)
    complaint = f"^{name.replace('_', ' ')}: this problem has at least {value}; expected at most {value - 1} here: "
    with pytest.raises(ProblemError, match=complaint):
        check_problem_size(SMALL, replace(SIZE, **{name: value - 1}))


@pytest.mark.parametrize("name", ["edges", "objects", "table_entries", "clock_pairs", "choices"])
def test_a_fleet_counts_all_of_its_problems(name: str) -> None:
    """What three problems take together; the pairs of clocks are those of one, since one is priced at a time."""
    check_fleet_size(fleet_of(3), scaled(3))
    value = getattr(scaled(3), name)
    complaint = f"^{name.replace('_', ' ')}: this fleet has at least {value}; expected at most {value - 1} here: "
    with pytest.raises(ProblemError, match=complaint):
        check_fleet_size(fleet_of(3), replace(scaled(3), **{name: value - 1}))


@pytest.mark.parametrize("name", ["edges", "objects", "table_entries", "clock_pairs", "choices"])
def test_a_pool_counts_its_problems_and_what_joins_them(name: str) -> None:
    """Two edges with two kinds each; two servers, an uplink, the routes and the kinds are objects of their own."""
    edges = [
        planning_pb2.PoolEdge(
            name=str(number),
            routes=[planning_pb2.Route()] * 3,
            problems=[planning_pb2.KindProblem(kind=kind, problem=SMALL) for kind in "ab"],
        )
        for number in range(2)
    ]
    pool = planning_pb2.Pool(edges=edges, servers=[planning_pb2.PoolServer()] * 2, uplinks=[planning_pb2.Uplink()])
    size = replace(scaled(4), edges=2, objects=scaled(4).objects + 2 + 1 + 2 * (3 + 2))
    check_pool_size(pool, size)
    value = getattr(size, name)
    complaint = f"^{name.replace('_', ' ')}: this pool has at least {value}; expected at most {value - 1} here: "
    with pytest.raises(ProblemError, match=complaint):
        check_pool_size(pool, replace(size, **{name: value - 1}))


def test_what_has_too_many_objects_is_refused_unparsed() -> None:
    """Two bytes each on the wire, a hundred once parsed: counted before, with the count and the bound."""
    cuts = planning_pb2.Problem.DESCRIPTOR.fields_by_name["cuts"].number
    problem = bytes((cuts << 3 | 2, 0)) * 5_000
    content = planning_pb2.PlanRequest(problem=planning_pb2.Problem()).SerializeToString()[:1] + b"\x90\x4e" + problem
    assert len(planning_pb2.PlanRequest.FromString(content).problem.cuts) == 5_000
    with pytest.raises(ProblemError, match=r"^objects: this request has at least 4001; expected at most 4000 here: "):
        read_planning_request(content, planning_pb2.PlanRequest, RequestSize(objects=1_000))
    taken = read_planning_request(content, planning_pb2.PlanRequest, RequestSize(objects=1_251))
    assert len(taken.problem.cuts) == 5_000


@settings(max_examples=examples(60), deadline=None)
@given(problems())
def test_whatever_is_within_the_bounds_is_parsed(problem: Problem) -> None:
    """The count before parsing is never the stricter one: a problem at its own size gets through."""
    request = planning_pb2.PlanRequest(problem=PROBLEM.to_wire(problem))
    objects = next(n for n in range(1, 1 << 20) if _fits(request.problem, n))
    content = request.SerializeToString()
    assert count_objects(content, planning_pb2.PlanRequest, most=1 << 30) <= 4 * objects
    assert read_planning_request(content, planning_pb2.PlanRequest, RequestSize(objects=objects)) == request


def _fits(message: planning_pb2.Problem, objects: int) -> bool:
    most = 1 << 40
    try:
        check_problem_size(
            message, RequestSize(objects=objects, table_entries=most, clock_pairs=most, choices=most, edges=most)
        )
    except ProblemError:
        return False
    return True


def test_bytes_that_are_no_request_are_refused() -> None:
    """Named as what they should have been."""
    with pytest.raises(ContractError, match=r"^3 bytes that are no PlanFleetRequest; send it again$"):
        read_planning_request(b"\xff\xff\xff", planning_pb2.PlanFleetRequest, RequestSize(objects=10))


def test_counting_ends_where_it_is_too_much() -> None:
    """The first problem beyond the bound ends it: the complaint is about two of three."""
    with pytest.raises(ProblemError, match="objects: this fleet has at least 52; expected at most 51"):
        check_fleet_size(fleet_of(3), replace(scaled(3), objects=51))


@given(problem=problems())
@settings(max_examples=examples(30), deadline=None)
def test_choices_are_those_of_the_contract(problem: Problem) -> None:
    """One number for message and solver: every pair of clocks at every wire, and every edge clock at the last cut."""
    wires = [wire for cut in problem.cuts[:-1] for wire in cut.wires]
    choices = sum(
        1
        for _ in problem.variants
        for _ in problem.edge.points
        for option in (None, *wires)
        for _ in (problem.server.points if option is not None else (None,))
    )
    message = PROBLEM.to_wire(problem)
    most = RequestSize(objects=10**6, table_entries=10**6, clock_pairs=10**6, choices=choices)
    check_problem_size(message, most)
    with pytest.raises(ProblemError, match=f"choices: this problem has at least {choices}"):
        check_problem_size(message, replace(most, choices=choices - 1))


def _session(*, points: int = 0, cuts: int = 0, wires: int = 0, clocks: int = 0) -> bytes:
    message = planning_pb2.PlanSessionRequest(session_id="edge-1")
    message.edge.cut_names.extend(["c"] * cuts)
    for _ in range(points):
        message.edge.points.add()
    for _ in range(clocks):
        message.edge.clock_table.add()
    for _ in range(wires):
        message.wires.wires.add()
    return message.SerializeToString()


def test_a_session_s_request_has_bounds_far_above_a_real_one() -> None:
    """A hundred clocks of a network with a thousand cuts are read; more objects or tables than that are not."""
    assert len(read_session_request(_session(points=100, cuts=1000, wires=5000)).wires.wires) == 5000
    with pytest.raises(ProblemError, match="objects: this planning request has 20001; expected at most 20000: "):
        read_session_request(_session(wires=20_001))
    with pytest.raises(ProblemError, match="table entries: this planning request has 201000; expected at most 200000"):
        read_session_request(_session(points=201, cuts=1000))
    with pytest.raises(ProblemError, match="table entries: this planning request has 201000; expected at most 200000"):
        read_session_request(_session(points=100, cuts=1000, clocks=201))
    with pytest.raises(
        ProblemError, match="measured operating points: this planning request has 501; expected at most 500"
    ):
        read_session_request(_session(points=501))
    with pytest.raises(
        ProblemError, match="measured times offered operating points: this planning request has 500500; expected at "
    ):
        read_session_request(_session(points=500, clocks=1001))


def test_a_session_s_request_is_refused_by_its_bytes() -> None:
    """Before a message is made of them: these would not be one."""
    with pytest.raises(ProblemError, match="a planning request of 1048577 bytes; expected at most 1048576"):
        read_session_request(b"\xff" * ((1 << 20) + 1))
    with pytest.raises(ContractError, match="4 bytes that are no PlanSessionRequest"):
        read_session_request(b"\xff" * 4)
    with pytest.raises(ContractError, match="session_id: "):
        read_session_request(b"")
