"""What an LSTM, GRU or simple recurrent layer gives, from its arguments' shapes alone.

Tracing such an operator takes a step of Python for each step in time, and its kernel trusts what it is given: so
every shape is checked here, and nothing is called.

    input [steps, requests, inputs], with batch_first [requests, steps, inputs]      states [layers, requests, hidden]
    weights, for each layer and direction: of the inputs [gates, inputs], of the state [gates, hidden], two biases
    [gates] where there are any, and an LSTM's projection [hidden, cells]; gates = gates per cell x cells
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor

_GATES: Mapping[str, int] = {
    "aten.lstm.input": 4,
    "aten.gru.input": 3,
    "aten.rnn_tanh.input": 1,
    "aten.rnn_relu.input": 1,
}


def is_recurrent(operator: str) -> bool:
    """Whether a whitelisted name is an item of a recurrent layer."""
    return operator.partition("[")[0] in _GATES


def recurrent_result(operator: str, arguments: Mapping[str, object]) -> Tensor:
    """A tensor like the one given. `arguments` by the operator's parameter names, tensors in place.

    Raises ValueError where a shape or an element type is not as above.
    """
    name, _, item = operator.partition("[")
    return _Layers(name, arguments).item(int(item[:-1]))


class _Layers:
    def __init__(self, name: str, arguments: Mapping[str, object]) -> None:
        self._source = cast("Tensor", arguments["input"])
        states = cast("Tensor | Sequence[Tensor]", arguments["hx"])
        self._states = (states,) if isinstance(states, Tensor) else tuple(states)
        self._weights = list(cast("Sequence[Tensor]", arguments["params"]))
        self._biases = bool(arguments["has_biases"])
        self._directions = 2 if arguments["bidirectional"] else 1
        self._layers = self._directions * cast("int", arguments["num_layers"])
        self._gates = _GATES[name]
        self._check_ranks(2 if name == "aten.lstm.input" else 1)
        self._batch = 0 if arguments["batch_first"] else 1
        self._hidden = int(self._states[0].shape[-1])
        self._cells = int(self._states[-1].shape[-1])
        self._check_states()
        self._check_weights()

    def item(self, index: int) -> Tensor:
        if index > 0:
            return torch.empty_like(self._states[index - 1], memory_format=torch.contiguous_format)
        outer = tuple(self._source.shape[:2])
        return torch.empty((*outer, self._hidden * self._directions), dtype=self._source.dtype)

    def _check_ranks(self, states: int) -> None:
        everything = (self._source, *self._states, *self._weights)
        if self._layers < 1 or len(self._states) != states or any(each.dim() != 3 for each in everything[: states + 1]):
            raise ValueError(f"expected at least one layer, an input and {states} states of three dimensions each")
        if not self._source.is_floating_point() or any(each.dtype != self._source.dtype for each in everything):
            raise ValueError("expected an input, states and weights of one floating-point type")
        if 0 in self._source.shape:
            raise ValueError(f"the input is empty: {list(self._source.shape)}; expected at least one step")

    def _check_states(self) -> None:
        requests = int(self._source.shape[self._batch])
        for state, width in zip(self._states, (self._hidden, self._cells), strict=False):
            _expect("a state", state, (self._layers, requests, width))

    def _check_weights(self) -> None:
        projects = self._hidden != self._cells
        each = 2 + 2 * self._biases + projects
        if len(self._weights) != self._layers * each:
            raise ValueError(f"{len(self._weights)} weights; expected {each} for each of {self._layers} layers")
        gates = self._gates * self._cells
        for layer in range(self._layers):
            below = self._hidden * self._directions if layer >= self._directions else int(self._source.shape[2])
            shapes = [(gates, below), (gates, self._hidden)] + [(gates,)] * (2 * self._biases)
            shapes += [(self._hidden, self._cells)] * projects
            for weight, shape in zip(self._weights[layer * each :], shapes, strict=False):
                _expect(f"a weight of layer {layer}", weight, shape)


def _expect(what: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{what} is {list(tensor.shape)}; expected {list(shape)}")
