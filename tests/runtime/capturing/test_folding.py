"""Batch norms merged into the convolutions before them, in one to three dimensions; what cannot be merged stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.capturing.folding import fold_batch_norms
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.network import Network

_OF_DIMENSIONS: Sequence[tuple[type[nn.Module], type[nn.Module], tuple[int, ...]]] = (
    (nn.Conv1d, nn.BatchNorm1d, (9,)),
    (nn.Conv2d, nn.BatchNorm2d, (9, 7)),
    (nn.Conv3d, nn.BatchNorm3d, (5, 6, 7)),
)


def _stirred(*layers: nn.Module) -> nn.Module:
    """Layers behind each other, their norms with statistics and factors as if trained."""
    module = nn.Sequential(*layers)
    for part in module:
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            for name, tensor in part.state_dict().items():
                if tensor.is_floating_point():
                    low = 0.5 if name in {"weight", "running_var"} else -0.5
                    tensor.uniform_(low, low + 1.0)
    return module.eval()


def _norms(graph: Graph) -> int:
    return sum(node.operator == "aten.batch_norm.default" for node in graph.nodes)


def _assert_same(graph: Graph, module: nn.Module, x: Tensor) -> None:
    with torch.no_grad():
        expected = module(x)
    (answer,) = Network(graph).whole([x])
    assert (answer - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize(("convolution", "norm", "sizes"), _OF_DIMENSIONS, ids=["1d", "2d", "3d"])
def test_every_number_of_dimensions(
    convolution: Callable[..., nn.Module], norm: Callable[..., nn.Module], sizes: tuple[int, ...]
) -> None:
    """With and without a bias, in groups, strides and margins: no norm is left, and the function stays."""
    torch.manual_seed(2)
    module = _stirred(
        convolution(4, 8, 3, stride=2, padding=1, groups=2), norm(8), convolution(8, 6, 1, bias=False), norm(6)
    )
    x = torch.randn(2, 4, *sizes)
    plain = capture(module, [x], name="norms", fold=False)
    folded = fold_batch_norms(plain)
    assert (_norms(plain), _norms(folded)) == (2, 0)
    assert not any(name.startswith("0.") for name in folded.constants)
    _assert_same(folded, module, x)


def test_a_norm_that_knows_no_factors() -> None:
    """Without weight and bias of its own a norm still scales and shifts by its statistics."""
    torch.manual_seed(2)
    module, x = _stirred(nn.Conv1d(4, 8, 3, bias=False), nn.BatchNorm1d(8, affine=False)), torch.randn(1, 4, 9)
    folded = capture(module, [x], name="norms")
    assert _norms(folded) == 0
    _assert_same(folded, module, x)


class Branches(nn.Module):
    """Two normed convolutions of the same input, put side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = (_stirred(nn.Conv2d(4, 8, 1), nn.BatchNorm2d(8)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.left(x), self.right(x), x), dim=1)


def test_norms_that_are_read_in_a_list() -> None:
    """What joins the branches of a network reads the convolutions in the places of their norms."""
    torch.manual_seed(2)
    module, x = Branches().eval(), torch.randn(1, 4, 5, 5)
    folded = capture(module, [x], name="norms")
    assert _norms(folded) == 0
    _assert_same(folded, module, x)


@pytest.mark.parametrize(
    ("before", "sizes"),
    [
        (nn.ConvTranspose1d(4, 8, 2), (1, 4, 9)),
        (nn.Sequential(nn.Conv1d(4, 8, 2), nn.Tanh()), (1, 4, 9)),
        (nn.Conv2d(4, 8, 1), (4, 8, 9)),
    ],
    ids=["transposed", "not next to it", "over rows"],
)
def test_what_stays(before: nn.Module, sizes: tuple[int, ...]) -> None:
    """A transposed convolution keeps its filters the other way round; a norm of a picture without batch is of rows."""
    torch.manual_seed(2)
    module, x = _stirred(before, nn.BatchNorm1d(8)), torch.randn(sizes)
    graph = capture(module, [x], name="norms")
    assert _norms(graph) == 1
    _assert_same(graph, module, x)
