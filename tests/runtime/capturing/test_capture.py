"""Capturing: what is kept, what is folded away, and what is refused with the place and the reason."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from joulecut_core.errors import CaptureError
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.digest import graph_digest
from joulecut_runtime.networks.network import Network
from tests.networks.small_modules import Counting, Deciding, Nesting, Noisy, Skips, Unknown, ViewThenChange
from tests.networks.zoo import stir


class Constants(nn.Module):
    """Most of its forward does not depend on its input."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        mask = torch.triu(torch.full((4, 4), -1e9), 1) + torch.zeros_like(x)
        positions = torch.arange(4).unsqueeze(0).expand(4, 4).float()
        first, second = (x + mask + positions @ self.table).chunk(2, dim=1)
        return torch.cat((second, first), dim=1)


class Dropping(nn.Module):
    """Dropouts, a clone and a cast that change nothing in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Dropout(0.1))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x).clone().contiguous().to(torch.float32)
        return torch.relu(y)


class Filled(nn.Module):
    """Writes its answer into memory that nobody has written before."""

    def forward(self, x: Tensor) -> Tensor:
        y, wide = torch.empty_like(x), torch.empty(4, 8)
        y[:, :2], y[:, 2:] = x[:, 2:], 1.0
        wide[:, :4], wide[:, 4:] = y, x.new_empty(4, 4).copy_(x)
        result: Tensor = torch.ops.aten.add.Scalar(wide, 2, 3)
        return result


def norm_after_convolution() -> nn.Module:
    """Convolutions with and without bias before batch norms, and one whose output is needed elsewhere too."""

    class Norms(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU())
            self.second = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8), nn.BatchNorm2d(8, affine=False))
            self.third = nn.Conv2d(8, 8, 1)
            self.norm = nn.BatchNorm2d(8)

        def forward(self, x: Tensor) -> Tensor:
            y = self.third(self.second(self.first(x)))
            result: Tensor = self.norm(y) + y
            return result

    torch.manual_seed(2)
    module = Norms()
    for part in module.modules():
        stir(part)
    return module.eval()


def test_view_before_change() -> None:
    """A change in place shows through an earlier view at every position: functionalised, not replayed."""
    torch.manual_seed(0)
    module, x = ViewThenChange().eval(), torch.randn(2, 6)
    with torch.no_grad():
        expected = module(x)
    network = Network(capture(module, [x], name="view"))
    assert torch.equal(network.whole([x])[0], expected)


def test_module_is_left_alone() -> None:
    """Capturing changes neither the module's mode nor its weights, and later training does not reach the graph."""
    module, x = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)).train(), torch.ones(1, 4)
    graph = capture(module, [x], name="plain")
    assert module.training
    assert module[1].training
    (before,) = Network(graph).whole([x])
    with torch.no_grad():
        for weight in module.parameters():
            weight.zero_()
    assert torch.equal(Network(graph).whole([x])[0], before)


def test_examples_that_are_one_tensor() -> None:
    """Given twice, as views of one memory, or a weight of the module itself: each input stays an input of its own."""

    class Differing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(2, 3))

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return a.mul_(2.0) - b * self.weight

    module, memory = Differing(), torch.zeros(3, 3)
    a, b = torch.randn(2, 3), torch.randn(2, 3)
    for examples in ([memory[:2], memory[:2]], [memory[:2], memory[1:]], [memory[1:], module.weight]):
        (answer,) = Network(capture(module, [examples[0], examples[1]], name="two")).whole([a, b])
        assert torch.equal(answer, module(a.clone(), b))


def test_no_ops_are_dropped() -> None:
    """Dropouts, clones and casts that change nothing cost nothing."""
    graph = capture(Dropping(), [torch.ones(2, 4)], name="dropping")
    assert [node.operator for node in graph.nodes] == ["aten.linear.default", "aten.relu.default"]


def test_constants_are_computed_once() -> None:
    """What does not depend on the input is a constant; operators outside the whitelist may have made it."""
    torch.manual_seed(0)
    module, x = Constants(), torch.randn(4, 4)
    graph = capture(module, [x], name="constants")
    assert [node.operator for node in graph.nodes] == [
        "aten.add.Tensor",
        "aten.add.Tensor",
        "aten.slice.Tensor",
        "aten.slice.Tensor",
        "aten.cat.default",
    ]
    with torch.no_grad():
        assert torch.equal(Network(graph).whole([x])[0], module(x))


def test_memory_that_nobody_wrote_is_zero() -> None:
    """Not what this process had there: that would be another digest each time, and part of the bundle."""
    module, x = Filled(), torch.randn(4, 4)
    graph = capture(module, [x], name="filled")
    assert graph.constants
    assert all(bool(((each == 0) | (each == 1)).all()) for each in graph.constants.values())
    assert torch.equal(Network(graph).whole([x])[0], module(x))


def test_folding() -> None:
    """Folded norms are gone and the function stays; a norm beside another reader of its input stays."""
    module, x = norm_after_convolution(), torch.randn(1, 3, 12, 12)
    with torch.no_grad():
        expected = module(x)
    plain, folded = (capture(module, [x], name="norms", fold=fold) for fold in (False, True))
    norms = [sum(node.operator == "aten.batch_norm.default" for node in graph.nodes) for graph in (plain, folded)]
    assert norms == [3, 1]
    assert torch.equal(Network(plain).whole([x])[0], expected)
    (answer,) = Network(folded).whole([x])
    assert (answer - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_module_paths() -> None:
    """Every node knows the module that made it."""
    graph = capture(Skips(), [torch.ones(1, 3, 8, 8), torch.ones(1, 5)], name="skips", fold=False)
    paths = {node.operator: node.module for node in graph.nodes}
    assert paths["aten.batch_norm.default"] == "norm"
    assert paths["aten.linear.default"] == "head"
    assert paths["aten.relu.default"] == ""


def test_digest_is_of_the_content() -> None:
    """Two captures of equal modules agree; a name does not matter, a weight does."""
    digests = []
    for name in ("one", "two"):
        torch.manual_seed(4)
        digests.append(graph_digest(capture(nn.Linear(3, 3), [torch.ones(1, 3)], name=name)))
    torch.manual_seed(5)
    other = graph_digest(capture(nn.Linear(3, 3), [torch.ones(1, 3)], name="one"))
    assert digests[0] == digests[1] != other


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Counting(), ("calls", "BUFFER_MUTATION", "return the new value")),
        (Nesting(Deciding()), ("'outer.1'", "depends on tensor values")),
        (Nesting(Noisy()), ("'outer.1'", "random")),
        (Nesting(Unknown()), ("'outer.1'", "linalg_inv", "whitelist")),
    ],
    ids=["buffer", "decision", "random", "operator"],
)
def test_refused(module: nn.Module, words: tuple[str, ...]) -> None:
    """What cannot be cut is refused with the place in the module and the reason."""
    with pytest.raises(CaptureError) as refused:
        capture(module, [torch.ones(4, 4)], name="bad")
    for word in ("bad", *words):
        assert word in str(refused.value)
    assert "\n" not in str(refused.value)


def test_refused_outputs_and_inputs() -> None:
    """An output that no input reaches, no inputs at all, and inputs that do not fit are refused."""

    class Idle(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return torch.relu(x), torch.ones(3)

    with pytest.raises(CaptureError, match="does not depend on the inputs"):
        capture(Idle(), [torch.ones(3)], name="idle")

    class Filling(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.masked_fill(x > 0, float("nan"))

    with pytest.raises(CaptureError, match="takes the number nan; expected a number, or a tensor"):
        capture(Filling(), [torch.ones(3)], name="filling")
    with pytest.raises(CaptureError, match="no example inputs"):
        capture(nn.ReLU(), [], name="none")
    with pytest.raises(CaptureError, match=r"cannot be traced in 'outer\.0'"):
        capture(Nesting(nn.ReLU()), [torch.ones(3)], name="wide")
