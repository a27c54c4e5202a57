"""What recurrent layers give, told from shapes alone: torch's own answer, or a refusal before any kernel runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from joulecut_core.errors import BundleError
from joulecut_core.networks import TensorSpec
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.graph import Argument, Constant, Graph, Node
from joulecut_runtime.networks.network import Network
from joulecut_runtime.networks.shapes import Limits, walk
from joulecut_runtime.networks.signatures import bind

_STEPS, _INPUTS, _CELLS = 5, 4, 6


class _Layer(nn.Module):
    """All that a layer gives."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        outputs, states = self.layer(x)
        return (outputs, *states) if isinstance(states, tuple) else (outputs, states)


def _graph(layer: nn.RNNBase) -> Graph:
    shape = (2, _STEPS, _INPUTS) if layer.batch_first else (_STEPS, 2, _INPUTS)
    torch.manual_seed(1)
    return capture(_Layer(layer), [torch.randn(shape)], name="remembering")


@cache
def _lstm() -> Graph:
    return _graph(nn.LSTM(_INPUTS, _CELLS))


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize(("batch_first", "bidirectional"), [(True, True), (False, False)])
@pytest.mark.parametrize(
    "layer",
    [
        lambda **options: nn.LSTM(_INPUTS, _CELLS, 2, **options),
        lambda **options: nn.LSTM(_INPUTS, _CELLS, bias=False, proj_size=2, **options),
        lambda **options: nn.GRU(_INPUTS, _CELLS, 3, **options),
        lambda **options: nn.RNN(_INPUTS, _CELLS, nonlinearity="relu", bias=False, **options),
    ],
    ids=["lstm", "projecting", "gru", "plain"],
)
def test_shapes_are_torchs(layer: Callable[..., nn.RNNBase], *, batch_first: bool, bidirectional: bool) -> None:
    """Outputs and states have the shapes, and the values, that the layer itself gives."""
    built = layer(batch_first=batch_first, bidirectional=bidirectional)
    graph = _graph(built)
    (spec,) = graph.inputs
    x = torch.randn(spec.shape)
    with torch.no_grad():
        expected = _Layer(built)(x)
    for answer, one in zip(Network(graph).whole([x]), expected, strict=True):
        torch.testing.assert_close(answer, one)


def _changed(graph: Graph, **arguments: Argument) -> Graph:
    first, *others = graph.nodes
    return replace(graph, nodes=(_with(first, arguments), *others))


def _with(node: Node, arguments: dict[str, Argument]) -> Node:
    bound = {**bind(node), **arguments}
    return replace(node, arguments=(), keywords=bound)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"num_layers": 2}, "a state is"),
        ({"num_layers": 10**9}, "a state is"),
        ({"num_layers": 0}, "at least one layer"),
        ({"bidirectional": True}, "a state is"),
        ({"has_biases": False}, "weights; expected"),
        ({"batch_first": True}, "a state is"),
        ({"train": True}, "argument train is True"),
        ({"params": ()}, "weights; expected"),
        ({"hx": ()}, "2 states"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Argument], complaint: str) -> None:
    """Kernels trust their arguments: none that a bundle got wrong reaches one."""
    with pytest.raises(BundleError, match=complaint):
        walk(_changed(_lstm(), **changes))


def test_a_weight_of_another_shape() -> None:
    """Every weight is held against the shape that its layer asks for, and its element type."""
    graph = _graph(nn.GRU(_INPUTS, _CELLS))
    for name, weight in graph.constants.items():
        for changed in (weight.double(), torch.zeros(*weight.shape[:-1], weight.shape[-1] + 1)):
            with pytest.raises(BundleError, match="expected"):
                walk(replace(graph, constants={**graph.constants, name: changed}))


def test_a_long_sequence_is_told_at_once() -> None:
    """A million steps cost no more to check than one, and what their gates would take is refused."""
    steps, cells = 1_000_000, 2
    graph = _graph(nn.LSTM(_INPUTS, cells))
    states = {name: torch.zeros(1, 1, cells) for name, each in graph.constants.items() if each.dim() == 3}
    outputs = {0: (steps, 1, cells), 1: (1, 1, cells), 2: (1, 1, cells)}
    nodes = [
        replace(node, output=TensorSpec(name=node.name, dtype="float32", shape=outputs[int(node.operator[-2])]))
        for node in graph.nodes
        if node.operator.startswith("aten.lstm")
    ]
    inputs = (replace(graph.inputs[0], shape=(steps, 1, _INPUTS)),)
    names = tuple(node.name for node in nodes)
    long = replace(graph, inputs=inputs, nodes=tuple(nodes), outputs=names, constants={**graph.constants, **states})
    assert len(walk(long).layouts) == 4
    with pytest.raises(BundleError, match="may hold 8e"):
        walk(long, Limits(max_scratch_bytes=40_000_000))


def test_constants_are_told_apart() -> None:
    """The weights of a layer are the module's, by name: a bundle's reader recognises them."""
    (first, *_) = _lstm().nodes
    parameters = bind(first)["params"]
    assert isinstance(parameters, tuple)
    names = [each.name for each in parameters if isinstance(each, Constant)]
    assert names == [f"layer.{kind}_{which}_l0" for kind in ("weight", "bias") for which in ("ih", "hh")]
