"""What an application hears where the edge cannot take its request."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

import grpc
import pytest

from joulecut_core.networks import TensorSpec
from joulecut_core.tensor_frames import RAW
from joulecut_edge.endpoint import EdgeEndpoint, request_room
from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.requests.request_turns import RequestTurns
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


@pytest.mark.parametrize(("elements", "each"), [(10, 512), (1 << 20, 31), (1 << 30, 8)])
def test_large_answers_have_fewer_requests_under_way(elements: int, each: int) -> None:
    """An application that reads none of its answers holds 128 MiB of them; of the largest, a few."""
    answer = TensorSpec(name="mask", dtype="float32", shape=(elements,))
    room = request_room(replace(tiny_network().table, outputs=(answer,)))
    assert (room.each, room.total) == (each, 4 * each)
