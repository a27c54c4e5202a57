"""Requests whose numbers cannot be computed with: theirs is the failure, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from joulecut_core.errors import DeviceError
from joulecut_runtime.execution.batch_runner import BatchRunner
from joulecut_runtime.execution.failed_computation import FailedComputationError, computed
from joulecut_runtime.execution.part_runner import Stage
from tests.integration.tiny_network import pictures, tiny_network
from tests.server.serving.stage import Collecting, OnStage, on_stage, service_table

TABLE = service_table()


class LooksUp(BatchRunner):
    """A tail that looks a request's first number up in a table, and has no row for a white picture."""

    def stretch(
        self, first: int, last: int, requests: Sequence[Sequence[Tensor]], variant: int = 0
    ) -> tuple[list[tuple[Tensor, ...]], Stage]:
        for request in requests:
            torch.embedding(torch.zeros(255, 1), request[0].flatten()[:1].long())
        return super().stretch(first, last, requests, variant)


def test_a_request_that_cannot_be_computed_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Its batch mates are answered, those who wait are untouched, and no policy is blamed in the log."""
    policy = Collecting(TABLE, 7, most=3)

    async def use(stage: OnStage) -> None:
        many = pictures(6)
        bad = stage.ask(torch.full_like(many[0], 255), edge="evil")
        asked = [stage.ask(picture, edge=f"edge {k}") for k, picture in enumerate(many)]
        with pytest.raises(FailedComputationError, match="IndexError: index out of range") as failed:
            await bad
        assert len(str(failed.value)) < 300
        policy.least = 1
        stage.scheduler._wake()
        for picture, served in zip(many, await asyncio.gather(*asked), strict=True):
            expected = tiny_network().whole((picture,))[0]
            assert torch.allclose(served.outputs[0], expected, atol=1e-5)
        with pytest.raises(FailedComputationError):
            await stage.ask(torch.full_like(many[0], 255), edge="evil")

    on_stage(use, policy, runner=LooksUp)
    assert not caplog.records


def test_a_device_stays_a_device() -> None:
    """What joulecut raises on purpose is told as it is; torch's reasons are cut to a line."""

    def lost() -> None:
        raise DeviceError("cuda:0 failed: gone")

    def long() -> None:
        raise ValueError("x" * 1000 + "\nmore")

    with pytest.raises(DeviceError, match="gone"):
        computed(lost)
    with pytest.raises(FailedComputationError, match="ValueError: xxx") as failed:
        computed(long)
    assert len(str(failed.value)) < 300
    assert computed(lambda: 3) == 3
