"""Networks on the eager engine: the plain answer to the bit in fp32, within the tolerance in other precisions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from joulecut_core.timing import ManualClock
from joulecut_runtime.engines import EngineNetwork, Precision, declared_on_host, open_engine
from joulecut_runtime.engines.lanes import HostLane
from joulecut_runtime.engines.torch_engine import TorchEngine
from joulecut_runtime.networks.network import Network
from tests.networks.receiving import over_the_wire
from tests.networks.zoo import build_smaller, captured_smaller
from tests.runtime.engines.small_cases import CASES, TOLERANCE, error, small_case


def _on(network: Network, precision: Precision) -> EngineNetwork:
    return EngineNetwork(network, open_engine(precision=precision, clock=ManualClock()))


def _assert_parts_make_the_whole(network: EngineNetwork, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Cutting changes no bit: what a narrower computation leaves at a cut, float32 carries as it is."""
    answer = network.whole(inputs)
    for cut in range(1, network.table.last):
        crossing = network.head(cut)(inputs)
        specs = network.table.cuts[cut].tensors
        assert [str(tensor.dtype) for tensor in crossing] == [f"torch.{spec.dtype}" for spec in specs]
        parts = network.tail(cut)(over_the_wire(crossing))
        assert all(torch.equal(a, b) for a, b in zip(parts, answer, strict=True))
    tensors = inputs
    for cut, step in enumerate(network.steps(), start=1):
        tensors = step(tensors)
        if cut < network.table.last:
            crossing = declared_on_host(tensors, network.table.cuts[cut].tensors)
            assert all(torch.equal(a, b) for a, b in zip(crossing, network.head(cut)(inputs), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(tensors, answer, strict=True))
    return answer


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("precision", Precision)
def test_small_networks(name: str, precision: Precision) -> None:
    """Every cut of every small network; in fp32 the engine is the plain parts to the bit."""
    network, inputs = small_case(name)
    expected = network.whole(inputs)
    answer = _assert_parts_make_the_whole(_on(network, precision), inputs)
    if precision is Precision.FP32:
        assert all(torch.equal(a, b) for a, b in zip(answer, expected, strict=True))
    else:
        assert 0 < error(answer, expected) <= TOLERANCE[precision]


@pytest.mark.parametrize("name", ["mobilenet_v2", "vit_b_16"])
def test_well_known_networks(name: str) -> None:
    """Convolutions and depth, and attention, stay within the stated tolerance, cut or not."""
    _, inputs = build_smaller(name)
    network = Network(captured_smaller(name))
    prepared = _on(network, Precision.BF16)
    answer = prepared.whole(inputs)
    assert 0 < error(answer, network.whole(inputs)) <= TOLERANCE[Precision.BF16]
    cut = network.table.last // 2
    parts = prepared.tail(cut)(over_the_wire(prepared.head(cut)(inputs)))
    assert all(torch.equal(a, b) for a, b in zip(parts, answer, strict=True))


@pytest.mark.parametrize("precision", Precision)
def test_weights_are_held_once(precision: Precision) -> None:
    """A network of sixty cuts does not hold sixty copies; in fp32 on the CPU it holds the network's own."""
    network, _ = small_case("skips")
    modules = []

    def keep(module: torch.fx.GraphModule, samples: tuple[Tensor, ...], **_: object) -> torch.fx.GraphModule:
        del samples
        modules.append(module)
        return module

    clock = ManualClock()
    engine = TorchEngine(open_engine(clock=clock).name, precision, HostLane(clock), keep, clock)
    prepared = EngineNetwork(network, engine)
    _ = prepared.whole, prepared.steps(), [prepared.head(cut) for cut in range(2, network.table.last)]
    held = {buffer.data_ptr(): buffer.nbytes for module in modules for buffer in module.buffers()}
    own = {constant.data_ptr(): constant.nbytes for constant in network.graph.constants.values()}
    assert len(held) == len(own)
    assert sum(held.values()) == sum(own.values()) * precision.dtype.itemsize // 4
    assert (held == own) is (precision is Precision.FP32)


def test_parts_are_prepared_once() -> None:
    """Asking again costs nothing: a compiler would not be run twice."""
    network, _ = small_case("skips")
    prepared = _on(network, Precision.FP32)
    assert prepared.head(2) is prepared.head(2)
    assert prepared.steps()[1] is prepared.steps()[1]
    assert prepared.head(1) is not prepared.steps()[0]
    assert prepared.table is network.table
    assert prepared.head(2).workload == network.head(2).workload


def test_preparing_is_timed_apart() -> None:
    """A compiler's seconds are told, and are in no run."""
    network, inputs = small_case("skips")
    clock = ManualClock()

    def slow(module: torch.fx.GraphModule, samples: tuple[Tensor, ...], **_: object) -> torch.fx.GraphModule:
        assert [tensor.shape for tensor in samples] == [tensor.shape for tensor in inputs]
        clock.sleep_until_s(clock.now_s() + 30)
        return module

    engine = TorchEngine(open_engine(clock=clock).name, Precision.FP32, HostLane(clock), slow, clock)
    prepared = EngineNetwork(network, engine)
    assert prepared.whole.preparation_s == 30
    began_s = clock.now_s()
    outputs, seconds = prepared.whole.timed(inputs)
    assert clock.now_s() == began_s
    assert (seconds.copy_in_s, seconds.compute_s, seconds.copy_out_s) == (0, 0, 0)
    assert error(outputs, network.whole(inputs)) == 0
