"""Batches of parts that were captured for one request: each request's own results, and what they ask of a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from joulecut_core.errors import ConfigError
from joulecut_core.timing import ManualClock
from joulecut_core.workloads import OperationKind
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.engines import EngineNetwork, PreparedPart, open_engine
from joulecut_runtime.engines.torch_engine import TorchEngine
from joulecut_runtime.execution.batch_runner import BatchRunner
from joulecut_runtime.execution.batched_parts import BatchedPart, batch_workload, weight_bytes
from joulecut_runtime.networks.network import Network
from joulecut_runtime.networks.parts import Part
from joulecut_runtime.wires.codecs import codec
from tests.integration.tiny_network import pictures, tiny_network
from tests.networks.branching import Branching, Residual, Sideways
from tests.networks.small_modules import ChannelsLast, Skips, ViewThenChange
from tests.runtime.batched_answers import assert_alike, engine_network, inputs_like

PICTURE = torch.zeros(1, 3, 16, 16)
SMALL: Sequence[tuple[type[nn.Module], tuple[Tensor, ...]]] = (
    (Skips, (PICTURE, torch.zeros(1, 5))),
    (ViewThenChange, (torch.zeros(2, 6),)),
    (ChannelsLast, (PICTURE,)),
    (Branching, (PICTURE,)),
    (Residual, (PICTURE,)),
    (Sideways, (torch.zeros(1, 6),)),
)


def refused(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """A way of running that is not to be taken."""
    raise AssertionError(len(tensors))


@pytest.mark.parametrize(("kind", "inputs"), SMALL, ids=lambda value: getattr(value, "__name__", ""))
def test_small_networks_at_every_cut(kind: type[nn.Module], inputs: tuple[Tensor, ...]) -> None:
    """Skips, several inputs and outputs, permuted memory, views: a batch gives each request what it gets alone."""
    torch.manual_seed(6)
    network = Network(capture(kind().eval(), inputs, name=kind.__name__))
    for cut in range(network.table.last):
        assert_alike(network, cut, inputs_like(inputs, 3))


def test_a_request_alone_runs_as_in_the_part() -> None:
    """To the bit: what is not batched must not change because it could have been."""
    network = tiny_network()
    batched = BatchedPart(engine_network(network), network.whole)
    batched._many = cast(PreparedPart, refused)
    (picture,) = pictures(1)
    assert torch.equal(batched([(picture,)])[0][0], network.whole((picture,))[0])


def test_two_requests_run_as_one() -> None:
    """What the time of a batch is planned for: one after the other each batch would take as long as its requests."""
    network = tiny_network()
    batched = BatchedPart(engine_network(network), network.whole)
    batched._one = cast(PreparedPart, refused)
    assert batched.together
    assert len(batched([(picture,) for picture in pictures(2)])) == 2


def test_weights_and_launches_once_the_rest_for_each() -> None:
    """What makes a batch cheaper than its requests: one launch, one read of the weights."""
    part = tiny_network().whole
    weights = sum(buffer.numel() * buffer.element_size() for buffer in part.buffers())
    assert sum(weight_bytes(part)) == weights
    one, four = part.workload, batch_workload(part.workload, weight_bytes(part), 4)
    assert len(four.operations) == len(one.operations)
    assert four.flops == 4 * one.flops
    assert four.size_bytes == pytest.approx(4 * one.size_bytes - 3 * weights)
    apart = batch_workload(part.workload, weight_bytes(part), 4, together=False)
    assert (len(apart.operations), apart.size_bytes) == (4 * len(one.operations), 4 * one.size_bytes)
    assert [len(block) for block in apart.blocks] == [4 * len(block) for block in one.blocks]


def test_looking_up_reads_for_each_request() -> None:
    """A table is read where it is looked up, not as a whole: a batch looks up more."""
    network = Network(capture(nn.Embedding(1000, 8), (torch.zeros(1, 4, dtype=torch.int64),), name="table"))
    one = network.whole.workload
    assert sum(weight_bytes(network.whole)) == 0.0
    assert batch_workload(one, weight_bytes(network.whole), 8).size_bytes == 8 * one.size_bytes


class _Stubborn(TorchEngine):
    """An engine none of whose operators runs as a batch."""

    def prepare_over_batch(self, part: Part) -> PreparedPart:
        raise ConfigError(f"{part.name} cannot run as a batch: Batching rule not implemented")


def test_what_cannot_be_batched_runs_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    """Requests are answered all the same, the workload says what that costs, and the log why."""
    network, plain = tiny_network(), open_engine(clock=ManualClock())
    assert isinstance(plain, TorchEngine)
    engine = _Stubborn(plain.name, plain.precision, plain._lane, plain._builder, ManualClock())
    batched = BatchedPart(EngineNetwork(network, engine), network.whole)
    assert not batched.together
    assert "one after the other: tiny" in caplog.text
    requests = [(picture,) for picture in pictures(3)]
    for request, (answer,) in zip(requests, batched(requests), strict=True):
        assert torch.equal(answer, network.whole(request)[0])
    assert batched.workload(3).size_bytes == 3 * network.whole.workload.size_bytes


def test_a_runner_carries_batches_from_cut_to_cut() -> None:
    """Stretch after stretch gives the network's answers; seconds grow far less than requests."""
    clock = ManualClock()
    runner = BatchRunner(tiny_network(), open_device("emulated:v100", clock=clock))
    runner.prepare(2, head=False)
    runner.prepare(1, head=False)
    assert runner.entries == {1, 2}
    requests = [(picture,) for picture in pictures(6)]
    tensors, first = runner.stretch(0, 2, requests)
    outputs, second = runner.stretch(2, runner.network.table.last, tensors)
    for request, output in zip(requests, outputs, strict=True):
        assert torch.allclose(output[0], runner.network.whole(request)[0], atol=1e-5)
    assert runner.busy_s == pytest.approx(first.time_s + second.time_s)
    _, alone = runner.whole(requests[0])
    assert runner.busy_s < 4 * alone.time_s


def test_malformed_payloads_are_told_apart() -> None:
    """One request whose bytes do not fit must not spoil its neighbours; each answers for its own decoding."""
    runner = BatchRunner(tiny_network(), open_device("emulated:v100", clock=ManualClock()))
    raw = codec("raw")
    good, bad = raw.encode((pictures(1)[0],)), raw.encode((pictures(1)[0][:, :, 1:],))
    (first, early), (wrong, _), (last, late) = runner.decode([(0, raw, good), (0, raw, bad), (0, raw, good)])
    assert isinstance(first, tuple)
    assert isinstance(last, tuple)
    assert "uint8[1, 3, 31, 32]" in str(wrong)
    assert early.time_s == late.time_s > 0.0


def test_views_launch_nothing_in_a_batch_either() -> None:
    """A reshape of eight requests touches no more memory than that of one."""
    part = tiny_network().whole
    views = [operation for operation in part.workload.operations if operation.kind is OperationKind.VIEW]
    grown = batch_workload(part.workload, weight_bytes(part), 8).operations
    assert [operation for operation in grown if operation.kind is OperationKind.VIEW] == views
