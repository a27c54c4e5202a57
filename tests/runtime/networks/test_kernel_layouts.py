"""Where tensors without memory lie otherwise than kernels leave them, the walk goes by the kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from joulecut_core.networks import TensorSpec
from joulecut_runtime.networks.graph import Graph, Node, Value
from joulecut_runtime.networks.kernel_layouts import as_its_kernel_leaves_it
from joulecut_runtime.networks.network import Network
from joulecut_runtime.networks.operators import resolve
from tests.networks.receiving import over_the_wire

_SIZES = (2, 3, 4, 5)
_STATISTICS = (False, 0.1, 1e-5, False)
"""Not in training, momentum, epsilon, without cuDNN."""


def _batch_norm(source: Tensor) -> Tensor:
    ones = torch.ones(source.shape[1])
    return resolve("aten.batch_norm.default")(source, ones, ones, ones, ones, *_STATISTICS)


_CALLS: dict[str, Callable[[Tensor], Tensor]] = {
    "aten.batch_norm.default": _batch_norm,
    "aten.log_sigmoid.default": resolve("aten.log_sigmoid.default"),
    "aten.max_pool1d.default": lambda source: resolve("aten.max_pool1d.default")(source, [2]),
    "aten.pow.Scalar": lambda source: resolve("aten.pow.Scalar")(1.5, source),
}


def _sources(dimensions: int) -> Iterator[Callable[[], Tensor]]:
    """Tensors in every order of dimensions, whole and with one of them cut to a single place."""
    sizes = _SIZES[:dimensions]
    for order in permutations(range(dimensions)):
        for thin in (None, *range(dimensions)):

            def made(order: tuple[int, ...] = order, thin: int | None = thin) -> Tensor:
                stored = torch.ones([sizes[each] for each in order])
                seen = stored.permute([order.index(each) for each in range(dimensions)])
                return seen if thin is None else seen.narrow(thin, 0, 1)

            yield made


@pytest.mark.parametrize("operator", _CALLS)
@pytest.mark.parametrize("dimensions", [2, 3, 4])
def test_strides_are_the_kernels(operator: str, dimensions: int) -> None:
    """Whatever view goes in, the walk tells the strides that come out."""
    if operator == "aten.max_pool1d.default" and dimensions != 3:
        dimensions = 3
    call = _CALLS[operator]
    for made in _sources(dimensions):
        if made().shape[-1] < 2:
            continue
        with torch.inference_mode():
            real = call(made())
        with FakeTensorMode(), torch.no_grad():
            source = made()
            told = as_its_kernel_leaves_it(operator, call(source), source)
        longer = [at for at, size in enumerate(real.shape) if size > 1]
        assert [told.stride()[at] for at in longer] == [real.stride()[at] for at in longer], made().stride()


@pytest.mark.parametrize("operator", ["aten.log_sigmoid.default", "aten.pow.Scalar"])
def test_a_cut_behind_it_changes_no_bit(operator: str) -> None:
    """Sums over what such an operator gives, of a permuted tensor, are the same cut there and whole."""

    def node(name: str, called: str, shape: tuple[int, ...], *arguments: object) -> Node:
        output = TensorSpec(name=name, dtype="float32", shape=shape)
        return Node(name=name, operator=called, arguments=arguments, keywords={}, output=output, module="")  # type: ignore[arg-type]

    seen, left = Value(name="seen"), Value(name="left")
    nodes = (
        node("most", "aten.amax.default", (4, 401, 33), Value(name="x"), (3,)),
        node("seen", "aten.permute.default", (4, 33, 401), Value(name="most"), (0, 2, 1)),
        node("left", operator, (4, 33, 401), *((1.5, seen) if "pow" in operator else (seen,))),
        node("both", "aten.cat.default", (8, 33, 401), (left, left), 0),
        node("sums", "aten.sum.dim_IntList", (4, 33), left, (2,)),
    )
    inputs = (TensorSpec(name="x", dtype="float32", shape=(4, 401, 33, 3)),)
    network = Network(Graph(name="sums", inputs=inputs, nodes=nodes, outputs=("both", "sums"), constants={}))
    given = (torch.randn(4, 401, 33, 3, generator=torch.Generator().manual_seed(3)),)
    whole = network.whole(given)
    assert network.table.last > 1
    for cut in range(1, network.table.last):
        answer = network.tail(cut)(over_the_wire(network.head(cut)(given)))
        assert all(torch.equal(mine, expected) for mine, expected in zip(answer, whole, strict=True))
