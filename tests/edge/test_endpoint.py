"""What an application hears where the edge cannot take its request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import grpc
import pytest
import torch
from torch import Tensor

from joulecut_core.errors import ConfigError, ContractError
from joulecut_core.ledgers import RequestLedger
from joulecut_core.networks import TensorSpec
from joulecut_core.tensor_frames import RAW
from joulecut_edge.endpoint import EdgeEndpoint, expect_to_fit, most_bytes, request_room
from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.requests.request_turns import RequestTurns
from joulecut_edge.requests.session import Answer
from joulecut_proto.call_refusals import CallRefusedError
from joulecut_proto.local_messages import InferRequest
from joulecut_proto.status import entry_of
from joulecut_runtime.wires.codecs import codec
from tests.edge.session_parts import Bench
from tests.integration.tiny_network import pictures, tiny_network


def test_an_edge_that_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its device is well: RESOURCE_EXHAUSTED with the numbers, not the failure that a second try may mend."""
    with Bench() as bench:
        monkeypatch.setattr(bench.session, "turns", RequestTurns(bench.worker, most_waiting=0))
        endpoint = EdgeEndpoint(bench.runner, bench.session, cast(Offloading, None), bench.clock, 1.0)
        request = InferRequest(request_id="r", tensors=codec(RAW).encode((pictures(1)[0],)))
        with pytest.raises(CallRefusedError, match="0 requests wait for the device; at most 0 may") as refused:
            asyncio.run(endpoint.infer(request))
        assert entry_of(refused.value).code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_the_caller_s_wall_seconds_are_fewer_on_a_slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session counts in the agents' time, gRPC's deadlines in the wall's."""
    with Bench() as bench:
        told: list[float | None] = []
        infer = bench.session.infer

        async def noted(
            request_id: str, inputs: Sequence[Tensor], *, application: str, within_s: float | None
        ) -> Answer:
            told.append(within_s)
            return await infer(request_id, inputs, application=application)

        monkeypatch.setattr(bench.session, "infer", noted)
        endpoint = EdgeEndpoint(bench.runner, bench.session, cast(Offloading, None), bench.clock, 20.0)
        request = InferRequest(request_id="r", tensors=codec(RAW).encode((pictures(1)[0],)))
        for caller_s in (None, 30.0):
            asyncio.run(endpoint.infer(request, caller_s=caller_s))
        assert told == [None, 1.5]


def test_inputs_that_cannot_be_computed_with_are_the_caller_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that no table has a row for: told what torch says of it, and no trouble of the edge's or its link's."""

    def looks_up(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return (torch.embedding(torch.zeros(255, 1), tensors[0].flatten()[:1].long()),)

    with Bench() as bench:
        monkeypatch.setattr(bench.runner._prepared, "prepared", lambda _: looks_up)
        endpoint = EdgeEndpoint(bench.runner, bench.session, cast(Offloading, None), bench.clock, 1.0)
        request = InferRequest(request_id="r", tensors=codec(RAW).encode((torch.full_like(pictures(1)[0], 255),)))
        with pytest.raises(ContractError, match="its computation failed: IndexError: index out of range") as refused:
            asyncio.run(endpoint.infer(request))
        assert entry_of(refused.value).code is grpc.StatusCode.FAILED_PRECONDITION


class Outcomes:
    """Which outcomes were told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def answered(self, ledger: RequestLedger) -> None:
        self.told.append(ledger.served_by)

    def rejected(self) -> None:
        self.told.append("rejected")

    def abandoned(self) -> None:
        self.told.append("abandoned")


def test_every_request_has_one_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answered, failed by a defect, or left by its application: a device too slow for all callers looks busy."""
    request = InferRequest(request_id="r", tensors=codec(RAW).encode((pictures(1)[0],)))
    with Bench() as bench:
        outcomes = Outcomes()
        endpoint = EdgeEndpoint(
            bench.runner, bench.session, cast(Offloading, None), bench.clock, 1.0, observer=outcomes
        )

        async def never(*_: object, **__: object) -> Answer:
            asked.set()
            await asyncio.get_running_loop().create_future()
            raise AssertionError

        async def broken(*_: object, **__: object) -> Answer:
            raise RuntimeError("a defect")

        async def ask() -> None:
            await endpoint.infer(request)
            monkeypatch.setattr(bench.session, "infer", broken)
            with pytest.raises(RuntimeError, match="a defect"):
                await endpoint.infer(request)
            monkeypatch.setattr(bench.session, "infer", never)
            left = asyncio.create_task(endpoint.infer(request))
            await asked.wait()
            left.cancel()
            with pytest.raises(asyncio.CancelledError):
                await left

        asked = asyncio.Event()
        asyncio.run(ask())
        assert outcomes.told == ["edge", "rejected", "abandoned"]


@pytest.mark.parametrize(("elements", "most"), [(1000, 1_056_576), (1 << 20, 9 << 20), (1 << 30, 64 << 20)])
def test_messages_have_what_the_inputs_need(elements: int, most: int) -> None:
    """Twice as much as they have, so that a wrong element type is told as that, and 1 MiB; never more than gRPC's."""
    picture = TensorSpec(name="picture", dtype="float32", shape=(elements,))
    assert most_bytes(replace(tiny_network().table, inputs=(picture,))) == most


def test_a_network_whose_answers_no_message_holds_is_refused() -> None:
    """When the agent starts, and not by gRPC after each request was computed."""
    table = tiny_network().table
    expect_to_fit(table)
    maps = TensorSpec(name="maps", dtype="float32", shape=(1, 150, 384, 384))
    for changed, what in ((replace(table, outputs=(maps,)), "outputs"), (replace(table, inputs=(maps,)), "inputs")):
        with pytest.raises(ConfigError, match=f"{what} of 88473600 bytes; .* at most 66846720 in one message"):
            expect_to_fit(changed)


@pytest.mark.parametrize(("elements", "each"), [(10, 512), (1 << 20, 31), (1 << 30, 8)])
def test_large_answers_have_fewer_requests_under_way(elements: int, each: int) -> None:
    """An application that reads none of its answers holds 128 MiB of them; of the largest, a few."""
    answer = TensorSpec(name="mask", dtype="float32", shape=(elements,))
    room = request_room(replace(tiny_network().table, outputs=(answer,)))
    assert (room.each, room.total) == (each, 4 * each)
