"""Batches that fail while somebody joins them: nobody waits for an answer that will not come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from joulecut_core.errors import ContractError, DeviceError
from joulecut_core.tensor_frames import TensorFrame
from joulecut_runtime.execution.failed_computation import FailedComputationError
from joulecut_runtime.execution.part_runner import Stage
from joulecut_runtime.wires.codecs import Codec
from joulecut_server.serving.ticket import ServedRequest
from tests.integration.tiny_network import pictures, tiny_network
from tests.server.serving.stage import Collecting, Gated, OnStage, on_stage, service_table

TABLE = service_table()
CUT = 2


class Spoilt(Gated):
    """Decodes the first payload; from then on those at `CUT` fail by `reason` where they come in at the same time."""

    reason: Exception
    times = 1

    def decode(
        self, payloads: Sequence[tuple[int, Codec, Sequence[TensorFrame]]]
    ) -> list[tuple[tuple[Tensor, ...] | ContractError, Stage]]:
        if payloads[0][0] == CUT and self.times:
            self.times -= 1
            raise self.reason
        return super().decode(payloads)


async def joined(stage: OnStage, reason: Exception, times: int) -> tuple[list[Tensor], list[ServedRequest | Exception]]:
    """Two pictures and what became of them: the second one's request joins the first one's batch, and is spoilt."""
    runner = stage.lanes[0].runner
    assert isinstance(runner, Spoilt)
    runner.reason, runner.times = reason, times
    runner.prepare(CUT, head=False)
    many = pictures(2)
    asked = [stage.ask(many[0])]
    await runner.begun.get()
    asked.append(stage.ask(many[1], cut=CUT))
    await asyncio.sleep(0)
    for _ in range(6):
        runner.go.release()
    return list(many), await asyncio.gather(*asked, return_exceptions=True)  # type: ignore[return-value]


def test_a_device_that_fails_as_somebody_joins_is_told_to_all() -> None:
    """Whoever had left the line for the batch is in it, decoded or not."""

    async def use(stage: OnStage) -> None:
        _, results = await joined(stage, DeviceError("cuda:0 failed: gone"), 1)
        assert [type(result) for result in results] == [DeviceError, DeviceError]

    on_stage(use, Collecting(TABLE, 1, joins=True), runner=Spoilt)


@pytest.mark.parametrize("times", [1, 2])
def test_who_joins_and_cannot_be_decoded_spoils_nobody_elses_answer(times: int) -> None:
    """The one whose batch it joined is answered; so is itself, where its bytes can be decoded after all."""

    async def use(stage: OnStage) -> None:
        many, results = await joined(stage, ValueError("no such kernel"), times)
        assert isinstance(results[-1], FailedComputationError) == (times == 2)
        for picture, served in zip(many, results[: 3 - times], strict=False):
            assert isinstance(served, ServedRequest)
            assert torch.allclose(served.outputs[0], tiny_network().whole((picture,))[0], atol=1e-5)

    on_stage(use, Collecting(TABLE, 1, joins=True), runner=Spoilt)
