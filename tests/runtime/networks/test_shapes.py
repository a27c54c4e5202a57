"""What a kernel may hold while it runs is told from shapes, and refused before anything is allocated."""

from __future__ import annotations

import pytest

from joulecut_core.errors import BundleError
from joulecut_core.networks import TensorSpec
from joulecut_runtime.networks.graph import Argument, Graph, Node, Value
from joulecut_runtime.networks.shapes import Limits, walk

_Shape = tuple[int, ...]


def _call(operator: str, given: _Shape, *shapes: _Shape, **others: Argument) -> Graph:
    """One call of an operator on tensors of these shapes, arguments that are not told as they are by themselves."""
    inputs = tuple(TensorSpec(name=f"x{at}", dtype="float32", shape=shape) for at, shape in enumerate(shapes))
    call = Node(
        name="call",
        operator=operator,
        arguments=tuple(Value(name=each.name) for each in inputs),
        keywords=others,
        output=TensorSpec(name="call", dtype="float32", shape=given),
        module="",
    )
    return Graph(name="kernel", inputs=inputs, nodes=(call,), outputs=("call",), constants={})


@pytest.mark.parametrize(
    ("graph", "numbers"),
    [
        (_call("aten.conv1d.default", (1, 1, 500_001), (1, 1, 1_000_000), (1, 1, 500_000)), "2.5e+11"),
        (_call("aten.conv_transpose1d.default", (1, 1, 999_999), (1, 1, 500_000), (1, 1, 500_000)), "2.5e+11"),
        (_call("aten.scaled_dot_product_attention.default", (1, 200_000, 1), *[(1, 200_000, 1)] * 3), "4e+10"),
    ],
    ids=["convolution", "transposed", "attention"],
)
def test_terabytes_inside_a_kernel(graph: Graph, numbers: str) -> None:
    """Tensors of a few megabytes may ask a kernel for all memory there is: windows written out, scores of all pairs."""
    with pytest.raises(BundleError) as refused:
        walk(graph)
    assert f"node call ({graph.nodes[0].operator}): its kernel may hold {numbers} numbers" in str(refused.value)


def test_scratch_has_a_limit_of_its_own() -> None:
    """An ordinary convolution passes, and is held against what its reader allows for."""
    graph = _call("aten.conv2d.default", (1, 4, 30, 30), (1, 3, 32, 32), (4, 3, 3, 3))
    walk(graph)
    with pytest.raises(BundleError, match=r"may hold 2\.43e\+04 numbers while it runs; expected at most 3000"):
        walk(graph, Limits(max_scratch_bytes=24_000))


@pytest.mark.parametrize("kernel_size", [(2**63 - 1,), (-(2**31),)])
def test_no_number_overflows_a_kernel(kernel_size: tuple[int, ...]) -> None:
    """A window as long as numbers go fits by its shapes, and has the kernel read outside of its tensor."""
    graph = _call("aten.max_pool1d.default", (1, 1), (1, 4), kernel_size=kernel_size, ceil_mode=True)
    with pytest.raises(BundleError, match="expected at most 2147483647 either way"):
        walk(graph)


def test_slices_to_the_end() -> None:
    """The largest number there is, as torch writes "to the end", stays what it means."""
    walk(_call("aten.slice.Tensor", (1, 3), (1, 4), dim=1, start=1, end=2**63 - 1))


def test_nothing_to_move() -> None:
    """A kernel that gives another shape than it is known by is not called: what follows was checked for the latter."""
    walk(_call("aten.pixel_unshuffle.default", (1, 16, 3, 3), (1, 4, 6, 6), downscale_factor=2))
    with pytest.raises(BundleError, match="nothing to move"):
        walk(_call("aten.pixel_unshuffle.default", (0, 16, 3, 3), (0, 4, 6, 6), downscale_factor=2))
