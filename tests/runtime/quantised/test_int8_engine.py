"""INT8 parts compute what the scales say, all of it in integers, and alike however the network is cut."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from joulecut_core.errors import ConfigError
from joulecut_core.timing import ManualClock
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.engines import EngineName, EngineNetwork, IntegerPrecision
from joulecut_runtime.networks.network import Network
from joulecut_runtime.quantised.calibration import calibrate
from joulecut_runtime.quantised.int8_engine import Int8Engine, Int8Part
from joulecut_runtime.quantised.packed_weights import integer_obstacle
from joulecut_runtime.quantised.scales import Scale
from tests.networks.zoo import build_smaller, captured_smaller
from tests.runtime.quantised.small_networks import Convolution, mixed_network, mixed_scales, pictures

pytestmark = pytest.mark.skipif(integer_obstacle() is not None, reason=f"no INT8 here: {integer_obstacle()}")


def engine() -> Int8Engine:
    return Int8Engine(mixed_scales(), clock=ManualClock())


def rounded(tensor: Tensor, by: Scale) -> Tensor:
    """A real tensor rounded to the values that a scale has, computed in double precision."""
    return by.scale * ((tensor.double() / by.scale).round() + by.zero_point).clamp(0, 255).sub(by.zero_point)


def test_a_kernel_is_the_rounded_convolution() -> None:
    """Inputs and weights rounded, exact sums, the result rounded: an independent computation agrees to one step."""
    torch.manual_seed(1)
    module = Convolution()
    inputs = tuple(torch.randn(1, 3, 9, 9) for _ in range(8))
    network = Network(capture(module, inputs[:1], name="convolution"))
    scales = calibrate(network.graph, [(each,) for each in inputs], calibrated_on="noise")
    (kernel,) = scales.kernels
    (source,) = set(scales.values) - {kernel}
    weight_scales = scales.weights[kernel].double().view(-1, 1, 1, 1)
    weight = (module.convolution.weight.detach().double() / weight_scales).round().clamp(-127, 127) * weight_scales
    bias = module.convolution.bias
    assert bias is not None
    part = Int8Engine(scales, clock=ManualClock()).prepare(network.whole)
    for picture in inputs:
        exact = torch.conv2d(rounded(picture, scales.values[source]), weight, bias.detach().double(), 2, 1)
        logits = torch.logit(part((picture,))[0].double())
        step = scales.values[kernel].scale
        assert float((logits - rounded(exact, scales.values[kernel])).abs().max()) <= 1.01 * step


def test_everything_promised_computes_in_integers() -> None:
    """All kernels but the answer's, all joins and passes: a variant that quietly stayed in float32 is no variant."""
    scales = mixed_scales()
    operators = {node.name: node.operator for node in mixed_network().graph.nodes}
    of_conv = [name for name, operator in operators.items() if operator == "aten.conv2d.default"]
    of_linear = [name for name, operator in operators.items() if operator == "aten.linear.default"]
    assert scales.kernels == (*of_conv, of_linear[0])
    joins_and_passes = {operators[name] for name in scales.integer} - {"aten.conv2d.default", "aten.linear.default"}
    assert joins_and_passes == {
        "aten.add.Tensor",
        "aten.mul.Tensor",
        "aten.cat.default",
        "aten.pad.default",
        "aten.max_pool2d.default",
        "aten.reshape.default",
    }
    part = engine().prepare(mixed_network().whole)
    assert part.kernels == scales.kernels


def test_answers_are_near_full_precision() -> None:
    """Eight bits cost a few percent of the answer's scale on inputs that the calibration has not seen."""
    network, part = mixed_network(), engine().prepare(mixed_network().whole)
    for inputs in pictures(20, seed=2):
        (expected,), (actual,) = network.whole(inputs), part(inputs)
        assert actual.dtype == torch.float32
        assert 0 < float((actual - expected).abs().max() / expected.abs().max()) < 0.1


def test_cut_networks_give_the_bits_of_the_whole() -> None:
    """Whichever cut an edge and a server agree on, and block by block, the answer is that of the whole variant."""
    network, int8 = mixed_network(), engine()
    whole = int8.prepare(network.whole)
    for inputs in pictures(5, seed=3):
        expected = whole(inputs)[0]
        for cut in range(1, network.table.last):
            head, tail = int8.prepare(network.head(cut)), int8.prepare(network.tail(cut))
            assert sorted((*head.kernels, *tail.kernels)) == sorted(whole.kernels)
            assert torch.equal(tail(head(inputs))[0], expected)
        tensors = inputs
        for step in EngineNetwork(network, int8).steps():
            tensors = step(tensors)
        assert torch.equal(tensors[0], expected)


def test_torn_sums_round_alike() -> None:
    """Where both terms of a skip connection cross, the sum rounds its ties on the server as it would have whole."""
    _, inputs = build_smaller("resnet50")
    network = Network(captured_smaller("resnet50"))
    int8 = Int8Engine(calibrate(network.graph, [inputs], calibrated_on="noise"), clock=ManualClock())
    expected = int8.prepare(network.whole)(inputs)[0]
    torn = [cut.index for cut in network.table.cuts[1:-1] if len(cut.tensors) > 1]
    assert torn
    for cut in torn:
        crossing = int8.prepare(network.head(cut))(inputs)
        assert torch.equal(int8.prepare(network.tail(cut))(crossing)[0], expected)


def test_a_network_of_another_batch_size_takes_the_same_scales() -> None:
    """Scales are calibrated once, at batch 1; a server's batches give the answers that their members give alone."""
    single, four = engine().prepare(mixed_network().whole), engine().prepare(mixed_network(4).whole)
    assert four.kernels == single.kernels
    (batch,) = pictures(1, seed=4, batch=4)
    alone = torch.cat([single((batch[0][index : index + 1],))[0] for index in range(4)])
    assert torch.allclose(four(batch)[0], alone, rtol=1e-5, atol=1e-6)


def packed(part: Int8Part) -> set[int]:
    """The identities of a part's packed kernels."""
    return {id(getattr(part.module, name)) for name in vars(part.module) if name.startswith("packed_")}


def test_weights_are_packed_once() -> None:
    """Heads, tails and the whole share one copy of each kernel's weights."""
    int8, network = engine(), mixed_network()
    whole, last = packed(int8.prepare(network.whole)), packed(int8.prepare(network.tail(network.table.last // 2)))
    assert len(whole) == len(mixed_scales().kernels)
    assert last
    assert last < whole


def test_a_part_that_lost_its_names_is_refused() -> None:
    """A part whose operators cannot be told would quietly stay in float32; the engine says so instead."""
    network = Network(mixed_network().graph)
    for node in network.whole.module.graph.nodes:
        node.meta.clear()
    with pytest.raises(ConfigError, match="which value of the network"):
        engine().prepare(network.whole)


def test_scales_of_another_network_are_refused() -> None:
    """Weights of other channels than the scales' are not rounded by whatever stands there."""
    scales = mixed_scales()
    fewer = {name: weight[:-1] for name, weight in scales.weights.items()}
    with pytest.raises(ConfigError, match="weight scales"):
        Int8Engine(dataclasses.replace(scales, weights=fewer), clock=ManualClock()).prepare(mixed_network().whole)


def test_the_engine_is_one_of_joulecuts() -> None:
    """Profiles and plans name it like any other: eager, int8, on the CPU; its parts say what preparing took."""
    clock = ManualClock()
    int8 = Int8Engine(mixed_scales(), clock=clock)
    assert (int8.name, int8.precision, int8.torch_device.type) == (EngineName.EAGER, IntegerPrecision.INT8, "cpu")
    part = int8.prepare(mixed_network().whole)
    assert part.preparation_s == 0.0
    assert part.workload == mixed_network().whole.workload
    (inputs,) = pictures(1, seed=5)
    outputs, seconds = part.timed(inputs)
    assert torch.equal(outputs[0], part(inputs)[0])
    assert (seconds.copy_in_s, seconds.copy_out_s) == (0.0, 0.0)
    int8.synchronise()


def test_no_kernels_no_variant() -> None:
    """A network that has nothing to quantise says so in calibration, in place of a variant that is none."""
    without_batch = nn.Sequential(nn.Conv2d(3, 4, 2), nn.ReLU())
    for module, inputs in ((nn.Linear(4, 2), torch.zeros(1, 4)), (without_batch, torch.zeros(3, 4, 4))):
        graph = capture(module, (inputs,), name="answer-only")
        with pytest.raises(ConfigError, match="no convolution or linear layer"):
            calibrate(graph, [(inputs,)], calibrated_on="zeros")
