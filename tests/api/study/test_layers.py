"""Networks layer by layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from joulecut.study.layers import layer_parts, layers_of, whole_workload
from joulecut_core.workloads import OperationKind
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.network import Network
from joulecut_runtime.profiling.provision import example_inputs
from tests.api.study.tiny_networks import deep
from tests.networks.small_modules import ChannelsLast, Skips


def captured(module: nn.Module, *shapes: tuple[int, ...]) -> Graph:
    """The graph on float inputs of these shapes."""
    return capture(module, tuple(torch.zeros(shape) for shape in shapes), name="net")


GRAPHS = {
    "deep": lambda: captured(deep(), (2, 3, 32, 32)),
    "skips": lambda: captured(Skips(), (1, 3, 16, 16), (1, 5)),
    "views": lambda: captured(ChannelsLast(), (1, 3, 16, 16)),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_every_operation_is_in_one_layer(name: str) -> None:
    """The layers' work is the network's, in order, one launch each: nothing is counted twice or lost."""
    graph = GRAPHS[name]()
    layers = layers_of(graph)
    assert whole_workload(layers).operations == Network(graph).whole.workload.operations
    for layer in layers:
        assert [each.kind for each in layer.operations if each.kind is not OperationKind.VIEW] == [layer.kind]
    assert [layer.first for layer in layers[1:]] == [layer.last for layer in layers[:-1]]


@pytest.mark.parametrize("name", GRAPHS)
def test_layers_one_after_the_other_are_the_network(name: str) -> None:
    """Run by themselves on what the layers before hand on, they give the network's answer to the bit."""
    graph = GRAPHS[name]()
    inputs = tensors = example_inputs(graph.inputs)
    for part in layer_parts(graph, layers_of(graph)):
        part.check_inputs(tensors)
        tensors = part(tensors)
    expected = Network(graph).whole(inputs)
    assert len(tensors) == len(expected)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(tensors, expected, strict=True))
