"""Whether a module answers alike when it is called again: what one call leaves behind must not reach the next.

Torch refuses calls that change parameters and buffers. What a module keeps elsewhere, in an attribute or a list, and
what it draws with Python's or numpy's generator, is traced as it was, and would stay so for every request.
"""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from joulecut_runtime.networks.graph import Argument, Constant, Graph, Value, node_references

_MOST_OBJECTS = 200_000
"""Looked at in one module: enough for those that keep a table of words."""
_LONGEST_PATH = 2000
"""Characters; what chains of objects hold beyond it is left out."""
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_CLOSED = (Tensor, FunctionType, BuiltinFunctionType, MethodType, ModuleType, type)
_CONTAINERS = (Mapping, list, tuple, deque)
_PARTS = frozenset({"_modules", "_parameters", "_buffers"})
"""Of a module's attributes, those whose items are named like attributes."""
_OF_WEIGHTS = frozenset({"_flat_weights", "_flat_weight_refs"})
"""Of recurrent layers: lists of their weights, which tracing makes anew."""
_NOTHING = object()


class CalledTwice(nn.Module):
    """A module after a call of it."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Tensor, **named: Tensor) -> object:
        """What the second call gives; the first one's inputs are its own to change."""
        self.module(*(each.clone() for each in inputs), **{name: each.clone() for name, each in named.items()})
        return self.module(*inputs, **named)


class Traces:
    """What calls of a module have changed outside of its parameters and buffers."""

    def __init__(self) -> None:
        self.changed = ""
        """The first thing that the last call has changed, in words; empty where there is none."""
        self._before: dict[str, object] = {}

    @contextmanager
    def followed(self, root: nn.Module) -> Iterator[None]:
        """Every call of `root` is looked at, for as long as the block lasts."""
        handles = [root.register_forward_pre_hook(self._begin), root.register_forward_hook(self._end)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _begin(self, root: nn.Module, *_: object) -> None:
        self._before = dict(_state(root))

    def _end(self, root: nn.Module, *_: object) -> None:
        before, after = self._before, dict(_state(root))
        self.changed = next(
            (path for path in {**before, **after} if _differ(before.get(path, _NOTHING), after.get(path, _NOTHING))), ""
        )


def same_function(first: Graph, second: Graph) -> bool:
    """Whether two graphs compute the same outputs from their inputs, whatever their values are called."""
    known: dict[object, int] = {}
    return _outputs(first, known) == _outputs(second, known)


def _state(root: nn.Module) -> Iterator[tuple[str, object]]:
    """Everything that can be reached from the module, and what the generators draw next, each with a name."""
    yield "what Python's random generator gives", hash(random.getstate())
    yield "what numpy's random generator gives", hash(repr(np.random.get_state(legacy=False)))
    waiting: deque[tuple[str, object]] = deque([("", root)])
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_OBJECTS:
        path, value = waiting.popleft()
        if not isinstance(value, _CONTAINERS):
            yield path, value
        if not isinstance(value, (*_PLAIN, *_CLOSED)) and id(value) not in seen and len(path) < _LONGEST_PATH:
            seen.add(id(value))
            waiting.extend(_inside(path, value))


def _inside(path: str, value: object) -> Iterator[tuple[str, object]]:
    # Copies: another thread may change what a module refers to.
    if isinstance(value, Mapping):
        yield from ((f"{path}[{key!r}]", item) for key, item in list(value.items()))
    elif isinstance(value, _CONTAINERS):
        yield from ((f"{path}[{index}]", item) for index, item in enumerate(value))
    else:
        for name, item in list(getattr(value, "__dict__", {}).items()):
            if name in _PARTS and isinstance(value, nn.Module):
                yield from ((f"{path}.{part}".lstrip("."), each) for part, each in item.items())
            elif name not in _OF_WEIGHTS:
                yield f"{path}.{name}".lstrip("."), item


def _differ(before: object, after: object) -> bool:
    if isinstance(before, _PLAIN):
        return type(before) is not type(after) or before != after
    return before is not after


def _outputs(graph: Graph, known: dict[object, int]) -> list[int]:
    """A number for each output; expressions that are spelt alike have the same."""
    numbers: dict[Value | Constant, int] = {}

    def number(key: object) -> int:
        return known.setdefault(key, len(known))

    def spelt(argument: Argument) -> object:
        if isinstance(argument, (Value, Constant)):
            return ("tensor", numbers[argument])
        return tuple(map(spelt, argument)) if isinstance(argument, tuple) else (type(argument).__name__, argument)

    for index, spec in enumerate(graph.inputs):
        numbers[Value(name=spec.name)] = number(("input", index))
    for node in graph.nodes:
        for each in node_references(node):
            if isinstance(each, Constant) and each not in numbers:
                numbers[each] = number(_content(graph.constants[each.name]))
        named = tuple(sorted((key, spelt(each)) for key, each in node.keywords.items()))
        numbers[Value(name=node.name)] = number((node.operator, spelt(node.arguments), named))
    return [numbers[Value(name=name)] for name in graph.outputs]


def _content(constant: Tensor) -> object:
    elements = constant.reshape(-1).view(torch.uint8).numpy()
    return constant.dtype, tuple(constant.shape), hashlib.sha256(elements.data).digest()
