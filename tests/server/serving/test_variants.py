"""Precisions on a live server: what policies choose, and what single requests can do without."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import torch

from joulecut_core.service_tables import ServiceTable
from joulecut_core.timing import ManualClock
from joulecut_proto.inference_messages import ReplyStatus
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.execution.batch_runner import BatchRunner
from joulecut_runtime.networks.network import Network
from joulecut_runtime.quantised.calibration import calibrate
from joulecut_server.serving.tables import served_table
from tests.integration.tiny_network import pictures, tiny_graph, tiny_network
from tests.planner.serving.scripted import Eager
from tests.server.serving.stage import DEVICE, Collecting, Gated, OnStage, on_stage, service_table

SPEED_UP = 2.0
LOSS = 0.02


def table_with(*names: str) -> ServiceTable:
    """Further variants, each twice as fast as full precision and 0.02 less accurate."""
    table = service_table()
    (full,) = table.variants
    faster = tuple(tuple(tuple(each / SPEED_UP for each in row) for row in batch) for batch in full.time_s)
    others = (replace(full, name=name, accuracy=1.0 - LOSS, time_s=faster) for name in names)
    return replace(table, variants=(full, *others))


TABLE = table_with("bf16")


class Reduced(Collecting):
    """Runs everything in the reduced precision."""

    name = "reduced"

    def __init__(self, least: int, *, joins: bool = False) -> None:
        super().__init__(TABLE, least, joins=joins)
        self.variant = 1


def with_variants(network: Network, device: EmulatedDevice) -> BatchRunner:
    """A runner that has what the table names."""
    runner = BatchRunner(network, device)
    served_table(TABLE, runner, DeviceOptions(), clock=ManualClock())
    return runner


def gated_with_variants(network: Network, device: EmulatedDevice) -> Gated:
    runner = Gated(network, device)
    served_table(TABLE, runner, DeviceOptions(), clock=ManualClock())
    return runner


def test_the_policys_precision_is_computed_and_told() -> None:
    """Answers differ from full precision's by its rounding, seconds by the assumed speed-up; the answer names it."""

    async def use(stage: OnStage) -> None:
        (picture,) = pictures(1)
        full = tiny_network().whole((picture,))[0]
        exact = await stage.ask(picture)
        reduced = await stage.ask(picture, spare_loss=LOSS)
        assert (exact.variant, reduced.variant) == ("", "bf16")
        assert torch.allclose(exact.outputs[0], full, atol=1e-5)
        assert not torch.equal(reduced.outputs[0], exact.outputs[0])
        assert torch.allclose(reduced.outputs[0], full, atol=0.05)
        assert exact.tail_s / reduced.tail_s == pytest.approx(SPEED_UP, rel=0.1)
        assert exact.energy_j / reduced.energy_j > 1.5
        await stage.settled()
        assert [outcome.variant for outcome in policy.outcomes] == [0, 1]

    policy = Reduced(1)
    on_stage(use, policy, runner=with_variants)


def test_a_batch_runs_as_its_most_demanding_request_needs() -> None:
    """One that can spare nothing: all of its batch in full precision. A spare loss below the variant's is no spare."""

    async def use(stage: OnStage) -> None:
        many = pictures(3)
        spares = (LOSS, 1.0, LOSS / 2)
        asked = [stage.ask(picture, spare_loss=spare) for picture, spare in zip(many, spares, strict=True)]
        assert {served.variant for served in await asyncio.gather(*asked)} == {""}

    on_stage(use, Reduced(3), runner=with_variants)


def test_who_can_spare_nothing_joins_no_reduced_batch() -> None:
    """It waits for the next one; who can spare it joins."""

    async def use(stage: OnStage) -> None:
        runner = stage.lanes[0].runner
        assert isinstance(runner, Gated)
        first, strict, easy = pictures(3)
        runner.entries.add(2)
        asked = [stage.ask(first, spare_loss=LOSS)]
        await runner.begun.get()
        asked += [stage.ask(strict, cut=2), stage.ask(easy, cut=2, spare_loss=LOSS)]
        await asyncio.sleep(0)
        for _ in range(8):
            runner.go.release()
        served = await asyncio.gather(*asked)
        assert [each.variant for each in served] == ["bf16", "", "bf16"]
        assert [each.batch for each in served] == [2, 1, 2]

    on_stage(use, Reduced(1, joins=True), runner=gated_with_variants)


def test_the_door_counts_with_what_a_request_can_do_without() -> None:
    """A budget that only the reduced precision keeps: refused to one who needs full precision, served to the other."""
    lanes = [TABLE.variants[variant].time_s[0] for variant in (0, 1)]
    full_s, reduced_s = (sum(unit[-1] for unit in lane) for lane in lanes)
    budget_s = (full_s + reduced_s) / 2

    async def use(stage: OnStage) -> None:
        (picture,) = pictures(1)
        with pytest.raises(TurnedAwayError) as refusal:
            await stage.ask(picture, budget_s=budget_s)
        assert refusal.value.status is ReplyStatus.LATE
        assert (await stage.ask(picture, budget_s=budget_s, spare_loss=LOSS)).variant == "bf16"

    on_stage(use, Reduced(1), runner=with_variants)


def test_variants_that_cannot_run_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """Integers without scales, unknown precisions: said with the reason, and never offered to a policy."""
    runner = BatchRunner(tiny_network(), open_device(DEVICE, clock=ManualClock()))
    served = served_table(table_with("int8", "bf16", "int4"), runner, DeviceOptions(), clock=ManualClock())
    assert [variant.name for variant in served.variants] == ["fp32", "bf16"]
    assert "does not run int8: variant int8: the bundle of tiny has no scales; pack it with --int8" in caplog.text
    assert "does not run int4: variant: 'int4'; expected one of fp32, fp16, bf16" in caplog.text


def test_a_bundles_scales_make_int8_run() -> None:
    """In whole numbers, request by request where torch has no batch of them, at an emulated batch's time."""
    graph = tiny_graph()
    scales = calibrate(graph, [(picture,) for picture in pictures(16, seed=1)], calibrated_on="noise")
    network = Network(graph, scales=scales)
    runner = BatchRunner(network, open_device(DEVICE, clock=ManualClock()))
    served = served_table(table_with("int8"), runner, DeviceOptions(), clock=ManualClock())
    assert [variant.name for variant in served.variants] == ["fp32", "int8"]
    requests = [(picture,) for picture in pictures(4)]
    exact, full = runner.stretch(0, network.table.last, requests)
    rounded, reduced = runner.stretch(0, network.table.last, requests, 1)
    assert full.time_s / reduced.time_s == pytest.approx(SPEED_UP, rel=0.1)
    for (first,), (second,) in zip(exact, rounded, strict=True):
        assert not torch.equal(first, second)
        assert torch.allclose(first, second, atol=0.3)


def test_preparing_a_cut_prepares_every_precision() -> None:
    """So that no request waits for integers to be packed."""
    runner = with_variants(tiny_network(), _quiet())
    runner.prepare(1, head=False)
    before = runner.batched(1, runner.network.table.last, 1)
    assert before is runner.batched(1, runner.network.table.last, 1)
    assert before is not runner.batched(1, runner.network.table.last, 0)


def _quiet() -> EmulatedDevice:
    device = open_device(DEVICE, clock=ManualClock())
    assert isinstance(device, EmulatedDevice)
    return device


def test_eager_policies_stay_in_full_precision() -> None:
    """What a policy does not ask for does not run, however much everybody could spare."""

    async def use(stage: OnStage) -> None:
        (picture,) = pictures(1)
        assert (await stage.ask(picture, spare_loss=1.0)).variant == ""

    on_stage(use, Eager(TABLE), runner=with_variants)


def test_full_precision_is_run_as_quickly_as_the_policy_meant() -> None:
    """Clocks that were low enough for the reduced precision are raised for a request that can do without nothing."""

    async def use(stage: OnStage) -> None:
        (picture,) = pictures(1)
        reduced = await stage.ask(picture, spare_loss=LOSS)
        exact = await stage.ask(picture)
        assert (reduced.variant, exact.variant) == ("bf16", "")
        await stage.settled()
        assert [outcome.point for outcome in policy.outcomes] == [1, 2]

    policy = Reduced(1)
    policy.points = (1,) * len(TABLE.units)
    on_stage(use, policy, runner=with_variants)
