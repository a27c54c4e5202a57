"""Calls written to get past the checks of a bundle: refused in a line, or counted as what they are."""

from __future__ import annotations

import logging
from itertools import permutations

import pytest

from joulecut_core.errors import BundleError
from joulecut_core.networks import TensorSpec
from joulecut_runtime.networks.graph import Argument, Graph, Node, Value
from joulecut_runtime.networks.network import Network
from joulecut_runtime.networks.shapes import Limits, Tour, walk

_Shape = tuple[int, ...]


def _graph(
    given: _Shape, operator: str, shapes: dict[str, _Shape], *arguments: Argument, **keywords: Argument
) -> Graph:
    inputs = tuple(TensorSpec(name=name, dtype="float32", shape=shape) for name, shape in shapes.items())
    output = TensorSpec(name="call", dtype="float32", shape=given)
    call = Node(name="call", operator=operator, arguments=arguments, keywords=keywords, output=output, module="")
    return Graph(name="hostile", inputs=inputs, nodes=(call,), outputs=("call",), constants={})


def _v(name: str) -> Value:
    return Value(name=name)


def _walked(graph: Graph) -> Tour | BundleError:
    try:
        return walk(graph)
    except BundleError as error:
        return error


@pytest.mark.parametrize("order", list(permutations(["attn_mask", "key", "query", "value"])))
def test_the_order_of_keywords_decides_nothing(order: tuple[str, ...]) -> None:
    """A kernel's scratch is counted on the tensors that the parameters name, however the call lists them."""
    shapes = {"attn_mask": (1, 1), "key": (1, 200_000, 4), "query": (1, 200_000, 4), "value": (1, 200_000, 4)}
    keywords = {name: _v(name) for name in order}
    graph = _graph((1, 200_000, 4), "aten.scaled_dot_product_attention.default", shapes, **keywords)
    with pytest.raises(BundleError, match=r"may hold 4e\+10 numbers"):
        walk(graph)


def test_keywords_cost_what_positions_do() -> None:
    """A convolution asks the same of a device, groups and all, in whatever order its arguments stand."""
    shapes = {"x": (1, 8, 9, 9), "w": (8, 1, 3, 3), "b": (8,)}
    operator, given = "aten.conv2d.default", (1, 8, 7, 7)
    plain = walk(_graph(given, operator, shapes, _v("x"), _v("w"), _v("b"), groups=8))
    names = {"weight": _v("w"), "bias": _v("b"), "input": _v("x")}
    for order in permutations(names):
        keywords = {name: names[name] for name in order}
        assert walk(_graph(given, operator, shapes, groups=8, **keywords)).operations == plain.operations


@pytest.mark.parametrize(
    ("operator", "given", "shapes"),
    [
        ("aten.conv2d.default", (1, 8, 7, 7), {"weight": (8, 1, 3, 3), "bias": (8,), "input": (1, 8, 9, 9)}),
        ("aten.addmm.default", (2, 3), {"mat1": (2, 4), "self": (), "mat2": (4, 3)}),
        ("aten.bmm.default", (2, 3, 4), {"mat2": (2, 5, 4), "self": (2, 3, 5)}),
        ("aten.linear.default", (2, 3), {"bias": (3,), "weight": (3, 4), "input": (2, 4)}),
        ("aten.matmul.default", (), {"other": (4,), "self": (4,)}),
    ],
)
def test_nothing_but_a_refusal_leaves_the_walk(operator: str, given: _Shape, shapes: dict[str, _Shape]) -> None:
    """Tensors under each other's names either fit or are refused with node and operator; no other exception escapes."""
    for order in permutations(shapes):
        keywords: dict[str, Argument] = {name: _v(other) for name, other in zip(shapes, order, strict=True)}
        groups: dict[str, Argument] = {"groups": 8} if "conv" in operator else {}
        found = _walked(_graph(given, operator, shapes, **keywords, **groups))
        assert isinstance(found, Tour) or str(found).startswith(f"node call ({operator}):")


@pytest.mark.parametrize(
    ("view", "arguments", "between", "given"),
    [
        ("permute", ((0, 2, 1),), (2, 8, 4), (2, 32)),
        ("slice", (2, 1, 2**62), (2, 4, 7), (2, 28)),
        ("select", (1, 0), (2, 8), (16,)),
    ],
)
def test_a_reshape_that_copies(view: str, arguments: tuple[Argument, ...], between: _Shape, given: _Shape) -> None:
    """A reshape of what cannot be seen in the new shape is legal, and counted as the copy it is."""
    name = {"permute": "permute.default", "slice": "slice.Tensor", "select": "select.int"}[view]
    nodes = tuple(
        Node(name=title, operator=f"aten.{operator}", arguments=given_arguments, keywords={}, output=spec, module="")
        for title, operator, given_arguments, spec in (
            ("seen", name, (_v("x"), *arguments), TensorSpec(name="seen", dtype="float32", shape=between)),
            ("call", "reshape.default", (_v("seen"), given), TensorSpec(name="call", dtype="float32", shape=given)),
        )
    )
    inputs = (TensorSpec(name="x", dtype="float32", shape=(2, 4, 8)),)
    graph = Graph(name="reshaped", inputs=inputs, nodes=nodes, outputs=("call",), constants={})
    assert Network(graph).table.blocks[-1].operations[-1].size_bytes > 0


@pytest.mark.parametrize(
    ("operator", "given", "shapes"),
    [
        ("matmul", (2896, 2896, 1, 1), {"self": (2896, 1, 1, 3000), "other": (1, 2896, 3000, 1)}),
        ("index_put", (1, 1), {"self": (1, 1), "rows": (100_000, 1), "columns": (1, 100_000), "values": (1,)}),
    ],
)
def test_copies_of_what_is_broadcast(operator: str, given: _Shape, shapes: dict[str, _Shape]) -> None:
    """What a kernel writes out to have its factors or indices of one shape counts before anything is allocated."""
    graph = _graph(given, f"aten.{operator}.default", shapes)
    keywords: dict[str, Argument] = {"self": _v("self")}
    if operator == "matmul":
        keywords["other"] = _v("other")
        inputs = graph.inputs
    else:
        keywords |= {"indices": (_v("rows"), _v("columns")), "values": _v("values")}
        inputs = tuple(
            TensorSpec(
                name=each.name, dtype="int64" if each.name in {"rows", "columns"} else "float32", shape=each.shape
            )
            for each in graph.inputs
        )
    (call,) = graph.nodes
    node = Node(
        name="call", operator=call.operator, arguments=(), keywords=keywords, output=call.output, module=call.module
    )
    with pytest.raises(BundleError, match="its kernel may hold"):
        walk(Graph(name="broadcast", inputs=inputs, nodes=(node,), outputs=("call",), constants={}))


def test_one_matrix_for_many_is_not_copied() -> None:
    """A long batch times one matrix is an ordinary layer."""
    shapes = {"x": (100_000, 1, 768), "w": (768, 768)}
    walk(_graph((100_000, 1, 768), "aten.matmul.default", shapes, _v("x"), _v("w")))


def test_references_are_bounded() -> None:
    """A file of a megabyte must not name tensors so often that reading it takes minutes."""
    limits = Limits(max_references=6, max_references_of_a_node=4)
    several = _graph((4,), "aten.cat.default", {"x": (1,)}, (_v("x"),) * 4)
    walk(several, limits)
    with pytest.raises(BundleError, match=r"node call \(aten.cat.default\): reads 5 tensors; expected at most 4"):
        walk(_graph((5,), "aten.cat.default", {"x": (1,)}, (_v("x"),) * 5), limits)
    twice = Graph(name="twice", inputs=several.inputs, nodes=several.nodes * 2, outputs=several.outputs, constants={})
    with pytest.raises(BundleError, match="the nodes read 8 tensors all together; expected at most 6"):
        walk(twice, limits)


def test_refusals_are_short() -> None:
    """However long torch's reason is, a refusal fits a line."""
    inputs = tuple(TensorSpec(name=name, dtype="int64", shape=(2,)) for name in "xyz")
    output = TensorSpec(name="call", dtype="int64", shape=(2,))
    call = Node(
        name="call",
        operator="aten.addcdiv.default",
        arguments=(_v("x"), _v("y"), _v("z")),
        keywords={},
        output=output,
        module="",
    )
    with pytest.raises(BundleError, match="Integer division") as refused:
        walk(Graph(name="whole", inputs=inputs, nodes=(call,), outputs=("call",), constants={}))
    assert len(str(refused.value)) < 300


def test_torch_says_nothing_beside_a_refusal(caplog: pytest.LogCaptureFixture) -> None:
    """Its own log of forty lines for each bundle that does not fit is held back."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    logger.addHandler(caplog.handler)
    try:
        with pytest.raises(BundleError, match="same reduction dim"):
            walk(_graph((2, 2), "aten.matmul.default", {"x": (2, 3), "y": (2, 3)}, _v("x"), _v("y")))
    finally:
        logger.removeHandler(caplog.handler)
    assert not caplog.records
