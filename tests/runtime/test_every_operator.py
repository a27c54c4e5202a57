"""Every operator of the whitelist: captured, cut at every candidate, equal to the module, as a batch too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree

from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.execution.batched_parts import BatchedPart
from joulecut_runtime.networks.graph import Constant, Graph, Value
from joulecut_runtime.networks.graph_json import encode_graph
from joulecut_runtime.networks.network import Network
from joulecut_runtime.networks.operators import OPERATORS
from joulecut_runtime.networks.shapes import walk
from joulecut_runtime.networks.signatures import call_arguments
from tests.networks.every_operator import NETWORKS, build
from tests.networks.receiving import over_the_wire
from tests.runtime.batched_answers import engine_network

_TOLERANCE = 1e-5
"""Of the outputs' largest magnitude: torch's kernels for whole layers add up in another order than their parts."""
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Captured:
    module: nn.Module
    inputs: tuple[Tensor, ...]
    graph: Graph
    network: Network


@cache
def _captured(name: str) -> _Captured:
    module, inputs = build(name)
    graph = capture(module, inputs, name=name.replace(" ", "-"))
    return _Captured(module=module, inputs=inputs, graph=graph, network=Network(graph))


def _tensors(outputs: object) -> list[Tensor]:
    return [each for each in _pytree.tree_leaves(outputs) if each is not None]


def _assert_equal(answers: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float) -> None:
    assert len(answers) == len(expected)
    for position, (answer, one) in enumerate(zip(answers, expected, strict=True)):
        assert (answer.dtype, answer.shape) == (one.dtype, one.shape), position
        largest = float(one.double().abs().nan_to_num(0.0, 0.0, 0.0).max())
        torch.testing.assert_close(answer, one, rtol=0, atol=tolerance * max(largest, 1.0), equal_nan=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_function_stays(name: str) -> None:
    """What was captured computes what the module does, whatever torch calls the pieces."""
    each = _captured(name)
    with torch.no_grad():
        expected = _tensors(each.module(*(tensor.clone() for tensor in each.inputs)))
    _assert_equal(each.network.whole(each.inputs), expected, _TOLERANCE)


@pytest.mark.parametrize("name", NETWORKS)
def test_cuts_change_nothing(name: str) -> None:
    """Every head with its tail gives the bits of the network whole."""
    each = _captured(name)
    expected = each.network.whole(each.inputs)
    for cut in range(1, each.network.table.last):
        crossing = each.network.head(cut)(each.inputs)
        _assert_equal(each.network.tail(cut)(over_the_wire(crossing)), expected, 0.0)


@pytest.mark.parametrize("name", NETWORKS)
def test_layouts_are_the_kernels(name: str) -> None:
    """What may cross a cut lies in memory as the walk on shapes told it would."""
    each = _captured(name)
    layouts = walk(each.graph).layouts
    known: dict[Value | Constant, Tensor] = {Constant(name=key): held for key, held in each.graph.constants.items()}
    known |= {Value(name=spec.name): tensor for spec, tensor in zip(each.graph.inputs, each.inputs, strict=True)}
    with torch.inference_mode():
        for node in each.graph.nodes:
            function, arguments, keywords = call_arguments(node, known)
            made = known[Value(name=node.name)] = function(*arguments, **keywords)
            told = layouts[node.name]
            longer = [at for at, size in enumerate(made.shape) if size > 1]
            if told.packed:
                assert [told.strides[at] for at in longer] == [made.stride()[at] for at in longer], node


@pytest.mark.parametrize("name", NETWORKS)
def test_batches(name: str) -> None:
    """A batch answers each request as if it were alone, even where its operators cannot take several at once."""

    each = _captured(name)
    batched = BatchedPart(engine_network(each.network), each.network.whole)
    assert batched.together == (name != "recurrent")
    other = tuple(tensor * 0.5 if tensor.is_floating_point() else tensor.flip(-1) for tensor in each.inputs)
    for request, answers in zip((each.inputs, other), batched((each.inputs, other)), strict=True):
        _assert_equal(answers, each.network.whole(request), 10 * _TOLERANCE)


def test_none_is_left_out() -> None:
    """Together the networks call the whole list: an operator that joins it joins them."""
    called = {node.operator for name in NETWORKS for node in _captured(name).graph.nodes}
    assert called == set(OPERATORS)


@pytest.mark.parametrize("name", NETWORKS)
def test_work_is_counted(name: str) -> None:
    """Nothing asks for a negative or unknown amount of work, and a graph is written as plain JSON."""
    each = _captured(name)
    for operation in each.network.whole.workload.operations:
        assert 0.0 <= operation.flops < 1e9
        assert 0.0 <= operation.size_bytes < 1e9
    assert encode_graph(each.graph).isascii()
