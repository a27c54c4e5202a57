"""Planning over gRPC: what is malformed is refused in the library's words, what is too large with the bound."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

import grpc.aio
import pytest
from google.protobuf.message import Message

from joulecut_core.errors import LinkError, ProblemError
from joulecut_core.problems import Slo
from joulecut_planner import solve
from joulecut_planner.fleet_file import parse_fleet
from joulecut_proto.channels import MESSAGE_LIMIT_BYTES, bind, make_server
from joulecut_proto.convert_planning import PROBLEM
from joulecut_proto.servicers import add_planner
from joulecut_proto.status import error_from_rpc
from joulecut_proto.v1 import planning_pb2, planning_pb2_grpc
from joulecut_server.planning.limits import PlanningLimits
from joulecut_server.planning.solving import ServerSolver
from tests.integration.planning_site import (
    SMALL,
    message_of,
    planner,
    run,
    small_fleet_document,
)
from tests.integration.site import WAIT_S
from tests.planner.edited_document import MISSING, complaint, edited
from tests.planner.malformed_kinds import FLEET_KINDS, PROBLEM_KINDS, fleet_json
from tests.planner.small_document import small_document
from tests.proto.fake_services import FakePlanner

M = TypeVar("M", bound=Message)


def changed(document: dict[str, Any], path: Sequence[str | int], value: Any) -> dict[str, Any]:
    """A copy of the document with another value at the path; ... removes what is there."""
    copied = copy.deepcopy(document)
    place: Any = copied
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return copied


@dataclass(slots=True)
class Tally:
    """What became of malformed documents: how many protobuf has no words for, were refused, in the very same words."""

    unsaid: int = 0
    refused: int = 0
    verbatim: int = 0
    taken: list[object] = field(default_factory=list)

    async def add(self, calls: Mapping[str, Message], channel: grpc.aio.Channel, leaf: object, from_file: str) -> None:
        """Send what says the wrong document, and hold the complaint against the library's."""
        for call, request in calls.items():
            told = await complaint_or_nothing(channel, call, request)
            if told is None:
                self.taken.append(leaf)
                continue
            assert told.partition(": ")[0] == from_file.partition(": ")[0], (told, from_file)
            # What is absent has no value to tell; all else is told as from a file.
            assert told == from_file or is_absent(leaf), (told, from_file)
            self.refused += 1
            self.verbatim += told == from_file


async def complaint_or_nothing(channel: grpc.aio.Channel, call: str, request: Message) -> str | None:
    """What a raw call is refused with, as a client reads it; None where it is answered."""
    try:
        await getattr(cast(Any, planning_pb2_grpc.PlannerStub)(channel), call)(request, timeout=WAIT_S)
    except grpc.aio.AioRpcError as refusal:
        error, status = error_from_rpc(refusal, peer="gpu"), refusal.code()
    else:
        return None
    assert status is grpc.StatusCode.INVALID_ARGUMENT
    assert type(error) is ProblemError
    return str(error)


def is_absent(leaf: object) -> bool:
    """Whether protobuf says nothing in the place of this value."""
    return leaf is MISSING or leaf is None or leaf == []


def said(kind: type[M], document: Mapping[str, Any]) -> M | None:
    """The message of a wrong document; None where a client could not even make it."""
    try:
        return message_of(kind, document)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return None


def test_malformed_problems_are_refused_at_the_same_path() -> None:
    """Every kind that the library's reader is tried with, as far as protobuf has words for it.

    What is taken says nothing where nothing is allowed, or a word's yes or no where a number stands.
    """
    tally = Tally()

    async def test() -> None:
        async with planner() as (_, channel, _):
            for path, leaf, _ in PROBLEM_KINDS:
                document = edited(path, leaf)
                message = said(planning_pb2.Problem, document)
                if message is None:
                    tally.unsaid += 1
                    continue
                calls: dict[str, Message] = {
                    "Plan": planning_pb2.PlanRequest(problem=message),
                    "Pareto": planning_pb2.ParetoRequest(problem=message),
                }
                await tally.add(calls, channel, leaf, complaint(document))

    run(test())
    assert all(is_absent(leaf) or isinstance(leaf, bool) or leaf == 1 for leaf in tally.taken)
    assert tally.refused >= 2 * 65
    assert tally.verbatim >= 2 * 55
    assert 2 * len(PROBLEM_KINDS) == tally.refused + len(tally.taken) + 2 * tally.unsaid


def test_malformed_fleets_are_refused_at_the_same_path() -> None:
    """Likewise, down into the problem of one edge."""
    tally = Tally()

    async def test() -> None:
        async with planner() as (_, channel, _):
            for path, leaf, _ in FLEET_KINDS:
                document = changed(fleet_json(), path, leaf)
                message = said(planning_pb2.Fleet, document)
                if message is None:
                    tally.unsaid += 1
                    continue
                with pytest.raises(ProblemError) as from_file:
                    parse_fleet(document)
                request = planning_pb2.PlanFleetRequest(fleet=message)
                await tally.add({"PlanFleet": request}, channel, leaf, str(from_file.value))

    run(test())
    assert all(is_absent(leaf) for leaf in tally.taken)
    assert tally.refused >= 8
    assert len(FLEET_KINDS) == tally.refused + len(tally.taken) + tally.unsaid


def test_a_well_formed_message_is_taken() -> None:
    """The messages of the tests above are refused for what was changed in them, not for how they are made."""

    async def test() -> None:
        async with planner() as (client, channel, _):
            stub = cast(Any, planning_pb2_grpc.PlannerStub)(channel)
            message = message_of(planning_pb2.Problem, small_document())
            assert PROBLEM.from_wire(message) == SMALL
            reply = await stub.Plan(planning_pb2.PlanRequest(problem=message), timeout=WAIT_S)
            assert reply.plan.energy_j == solve(SMALL).energy_j
            fleet = parse_fleet(small_fleet_document())
            request = planning_pb2.PlanFleetRequest(fleet=message_of(planning_pb2.Fleet, small_fleet_document()))
            reply = await stub.PlanFleet(request, timeout=WAIT_S)
            assert reply.plan.power_w == (await client.plan_fleet(fleet, timeout_s=WAIT_S)).power_w

    run(test())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused_in_the_same_words(value: float) -> None:
    """JSON has no word for these, protobuf does: the complaint is the one of the library's own dataclasses."""
    tables = SMALL.variants[0].server
    broken = replace(tables, busy_w=((value,), *tables.busy_w[1:]))
    attempts: list[tuple[tuple[str | int, ...], Callable[[], object]]] = [
        (("link", "rtt_s"), lambda: replace(SMALL, link=replace(SMALL.link, rtt_s=value))),
        (("slo", "latency_s"), lambda: replace(SMALL, slo=replace(SMALL.slo, latency_s=value))),
        (
            ("variants", 0, "server", "busy_w", 0, 0),
            lambda: replace(SMALL, variants=(replace(SMALL.variants[0], server=broken),)),
        ),
    ]

    async def test() -> None:
        async with planner() as (_, channel, _):
            for path, make in attempts:
                with pytest.raises(ProblemError) as from_library:
                    make()
                message = message_of(planning_pb2.Problem, changed(small_document(), path, value))
                told = await complaint_or_nothing(channel, "Plan", planning_pb2.PlanRequest(problem=message))
                assert told == str(from_library.value)

    run(test())


def test_numbers_that_overflow_are_refused_in_the_same_words() -> None:
    """Also what only the solver finds out."""
    huge = replace(SMALL, slo=Slo(), link=replace(SMALL.link, uplink_bps=1e-300, downlink_bps=1e-300))
    cuts = (*(replace(cut, allowed=index == 1) for index, cut in enumerate(SMALL.cuts[:-1])), SMALL.cuts[-1])
    huge = replace(huge, cuts=(*cuts[:-1], replace(cuts[-1], allowed=False)))
    huge = replace(huge, link=replace(huge.link, uplink_w=1e300))
    with pytest.raises(ProblemError) as from_library:
        solve(huge)

    async def test() -> None:
        async with planner() as (client, _, _):
            with pytest.raises(ProblemError) as over_the_wire:
                await client.plan(huge, timeout_s=WAIT_S)
            assert str(over_the_wire.value) == str(from_library.value)

    run(test())


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        (PlanningLimits(choices=7), "choices: this problem has at least 8; expected at most 7 here: send a smaller"),
        (PlanningLimits(clock_pairs=1), "clock pairs: this problem has at least 2; expected at most 1 here"),
        (PlanningLimits(table_entries=23), "table entries: this problem has at least 24; expected at most 23 here"),
    ],
)
def test_a_problem_beyond_the_bounds_is_refused(limits: PlanningLimits, complaint: str) -> None:
    """Size bounds the time of a solve that cannot be stopped; the caller reads value, bound and what to do."""

    async def test() -> None:
        async with planner(limits) as (client, _, _):
            for call in (client.plan, client.pareto):
                with pytest.raises(ProblemError, match=f"^{complaint}"):
                    await call(SMALL, timeout_s=WAIT_S)

    run(test())


def test_a_fleet_beyond_the_bounds_is_refused() -> None:
    """Likewise for the number of edges."""
    fleet = parse_fleet(small_fleet_document())

    async def test() -> None:
        async with planner(PlanningLimits(edges=1)) as (client, _, _):
            with pytest.raises(ProblemError, match=r"^edges: this fleet has at least 2; expected at most 1 here"):
                await client.plan_fleet(fleet, timeout_s=WAIT_S)

    run(test())


def test_a_message_beyond_the_limit_is_not_taken() -> None:
    """What is too large to be parsed is refused by gRPC, sizes named, whatever the client's own limit."""
    request = planning_pb2.PlanRequest(problem=planning_pb2.Problem(schema="x" * (MESSAGE_LIMIT_BYTES + 1)))
    unlimited = (("grpc.max_send_message_length", -1),)

    async def test() -> None:
        solver = ServerSolver(PlanningLimits())
        server = make_server(secured=False)
        add_planner(server, FakePlanner(), solver, guards=None)
        port = bind(server, "127.0.0.1:0", security=None)
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=unlimited) as channel:
            stub = cast(Any, planning_pb2_grpc.PlannerStub)(channel)
            with pytest.raises(grpc.aio.AioRpcError, match=f"larger than max .*{MESSAGE_LIMIT_BYTES}") as caught:
                await stub.Plan(request, timeout=WAIT_S)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert type(error_from_rpc(caught.value, peer="gpu")) is LinkError
        await server.stop(None)
        solver.close()

    run(test())
