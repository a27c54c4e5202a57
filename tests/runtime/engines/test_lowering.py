"""Parts in another precision: borders keep their element types, and what cannot be narrowed is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, fx, nn

from joulecut_core.errors import ConfigError
from joulecut_core.timing import ManualClock
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.engines import Border, EngineNetwork, Precision, open_engine
from joulecut_runtime.engines.lowering import lowered
from joulecut_runtime.engines.torch_engine import warm
from joulecut_runtime.engines.weights import Weights
from joulecut_runtime.networks.network import Network
from tests.runtime.engines.small_cases import TOLERANCE, error, small_case

CPU = torch.device("cpu")
NARROW = (Precision.FP16, Precision.BF16)


class Counted(nn.Module):
    """Turns whole numbers into float32 by a cast, by a division and by a factor, and adds a mask of lowest numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.mask: Tensor
        self.register_buffer("mask", torch.triu(torch.full((4, 4), torch.finfo(torch.float32).min), diagonal=1))
        self.table = nn.Embedding(10, 8)
        self.first = nn.Linear(4, 4)
        self.last = nn.Linear(8, 4)

    def forward(self, counts: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.first(counts.float()) + self.first(counts / 7) + self.first(counts * 0.25)
        shares = torch.softmax(scores + self.mask, dim=-1, dtype=torch.float32)
        return self.last(self.table(counts)) + shares.transpose(1, 2), counts + 1


class Far(nn.Module):
    """Takes numbers that fp16 does not have, whole ones too; a whole tensor has them."""

    def forward(self, x: Tensor) -> Tensor:
        near = torch.sigmoid(torch.nn.functional.hardtanh(x, -1.0, 1e30))
        far = x.masked_fill(x < 0, -1_000_000).clamp(max=1_000_000).softmax(dim=1)
        counts = (x > 0).long().masked_fill(x > 1, 100_000).clamp(min=1)
        return near + far + (counts > 99_999)


class Double(nn.Module):
    """Computes in float64 on the way."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.double() * 2).float()


class DoubleWeight(nn.Module):
    """Holds a float64 weight."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4).double()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layer(x)
        return result


def _network(module: Callable[[], nn.Module], inputs: tuple[Tensor, ...]) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Network(capture(module(), inputs, name="lowered"))


@pytest.mark.parametrize("precision", NARROW)
def test_whole_numbers_become_the_precision_where_they_become_floats(precision: Precision) -> None:
    """A cast, a division and a factor all lead to the precision; indices and counts stay whole, masks finite."""
    counts = torch.randint(0, 10, (1, 4, 4), generator=torch.Generator().manual_seed(1))
    network = _network(Counted, (counts,))
    expected, number = network.whole((counts,))
    answer, counted = EngineNetwork(network, open_engine(precision=precision, clock=ManualClock())).whole((counts,))
    assert error((answer,), (expected,)) <= TOLERANCE[precision]
    assert not torch.equal(answer, expected)
    assert torch.equal(counted, number)


@pytest.mark.parametrize("precision", NARROW)
def test_every_operator_computes_in_the_precision(precision: Precision) -> None:
    """No float32 is left between the borders, or a kernel would refuse it on one device and not on another."""
    counts = torch.zeros(1, 4, 4, dtype=torch.int64)
    part = _network(Counted, (counts,)).whole
    module = lowered(part, precision, Weights(CPU, precision), entry=Border.HOST, leaving=Border.HOST)
    assert {buffer.dtype for buffer in module.buffers()} == {precision.dtype}
    floats = [node for node in module.graph.nodes if torch.float32 in (*node.args, *node.kwargs.values())]
    assert [next(iter(node.users)).op for node in floats] == ["output"]


@pytest.mark.parametrize(
    ("precision", "expected"), [(Precision.FP16, 65504.0), (Precision.BF16, torch.finfo(torch.bfloat16).max)]
)
def test_numbers_beyond_the_range_become_its_largest(precision: Precision, expected: float) -> None:
    """As the wire codec does it: infinities stay, finite numbers stay finite."""
    lowest = torch.finfo(torch.float32).min
    weight = torch.tensor([lowest, 1.0, float("inf"), float("-inf")])
    moved = Weights(CPU, precision).moved(weight)
    assert moved.tolist() == [-expected, 1.0, float("inf"), float("-inf")]


def test_plain_numbers_beyond_the_range_too() -> None:
    """An operator's argument that fp16 cannot hold is not passed on to a kernel that refuses it."""
    x = torch.linspace(-3, 3, 8).reshape(1, 8)
    network = _network(Far, (x,))
    answer = EngineNetwork(network, open_engine(precision=Precision.FP16, clock=ManualClock())).whole((x,))
    assert error(answer, network.whole((x,))) <= TOLERANCE[Precision.FP16]


def test_a_network_as_captured_keeps_its_numbers() -> None:
    """In its own precision nothing is narrowed: float64 has more numbers than float32, which has infinities."""

    class Far64(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x.double() * 1e300, x * 1e39

    x = torch.tensor([0.5, -2.0])
    network = Network(capture(Far64(), [x], name="far64"))
    engine = open_engine(clock=ManualClock())
    for answer, expected in zip(EngineNetwork(network, engine).whole([x]), Far64()(x), strict=True):
        assert torch.equal(answer, expected)


@pytest.mark.parametrize(
    ("module", "dtype", "complaint"),
    [
        (Double, torch.float32, r"the result of .* is float64, and precision bf16 takes the place of float32 only"),
        (DoubleWeight, torch.float64, r"x is float64, .*; use precision fp32"),
    ],
)
def test_other_floats_are_refused(module: Callable[[], nn.Module], dtype: torch.dtype, complaint: str) -> None:
    """A network that asks for more than float32 somewhere means it; fp32 computes it as captured."""
    x = torch.ones(2, 4, dtype=dtype)
    network = _network(module, (x,))
    with pytest.raises(ConfigError, match=complaint):
        _ = EngineNetwork(network, open_engine(precision=Precision.BF16, clock=ManualClock())).whole
    plain = EngineNetwork(network, open_engine(clock=ManualClock())).whole((x,))
    assert torch.equal(plain[0], network.whole((x,))[0])


def test_device_borders_carry_the_precision() -> None:
    """Between blocks on one device nothing is cast there and back."""
    network, inputs = small_case("skips")
    engine = open_engine(precision=Precision.BF16, clock=ManualClock())
    head, tail = network.head(2), network.tail(2)
    inside = engine.prepare(head, leaving=Border.DEVICE)(inputs)
    assert {tensor.dtype for tensor in inside} == {torch.bfloat16}
    outside = engine.prepare(head)(inputs)
    assert {tensor.dtype for tensor in outside} == {torch.float32}
    assert all(torch.equal(a.float(), b) for a, b in zip(inside, outside, strict=True))
    through = engine.prepare(tail, entry=Border.DEVICE)(inside)
    assert all(torch.equal(a, b) for a, b in zip(through, engine.prepare(tail)(outside), strict=True))


def test_a_missing_kernel_is_found_while_preparing() -> None:
    """Not every operator has a kernel for every element type: told before a request, with torch's own words."""

    def refuse(x: Tensor) -> tuple[Tensor]:
        raise RuntimeError(f'"sort_stable" not implemented for {x.dtype}')

    graph = fx.Graph()
    graph.output((graph.call_function(refuse, (graph.placeholder("x"),)),))
    module = fx.GraphModule(nn.Module(), graph)
    with pytest.raises(ConfigError, match=r"odd: this torch cannot compute it so: .*bfloat16; use precision fp32"):
        warm(module, (torch.ones(2, dtype=torch.bfloat16),), name="odd", leaving=Border.HOST)
