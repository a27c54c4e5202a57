"""Whether a module answers alike when it is called again: what one call leaves behind must not reach the next.

Torch refuses calls that change parameters and buffers. What a module keeps elsewhere, in an attribute or a list, and
what it draws with Python's or numpy's generator, is traced as it was, and would stay so for every request.
"""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count, islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from joulecut_runtime.networks.graph import Argument, Constant, Graph, Value, node_references

_MOST_OBJECTS = 1_000_000
"""Looked at in one module, numbers and texts too: enough for those that keep a table of words."""
_LARGEST_ARRAY_BYTES = 1 << 20
"""Of numpy's arrays whose numbers are looked at: a state, and no data set."""
_LONGEST_PATH = 2000
"""Characters; what chains of objects hold beyond it is left out."""
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_CLOSED = (Tensor, FunctionType, BuiltinFunctionType, MethodType, ModuleType, type)
_CONTAINERS = (dict, list, tuple, deque, Mapping)
_PARTS = frozenset({"_modules", "_parameters", "_buffers"})
"""Of a module's attributes, those whose items are named like attributes."""
_OF_WEIGHTS = frozenset({"_flat_weights", "_flat_weight_refs"})
"""Of recurrent layers: lists of their weights, which tracing makes anew."""
_NOTHING = object()
_Found = tuple[str, object, Any, Any]
"""Its name, itself, and what holds it under which key."""


class _Slots:
    """Attributes of an object that has no dictionary of them, as if it had."""

    def __init__(self, holder: object) -> None:
        self._holder = holder

    def names(self) -> Iterator[str]:
        """Of those that are set."""
        for kind in type(self._holder).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                is_private = slot.startswith("__") and not slot.endswith("__")
                name = f"_{kind.__name__.lstrip('_')}{slot}" if is_private else slot
                if name not in {"__dict__", "__weakref__"} and hasattr(self._holder, name):
                    yield name

    def __setitem__(self, name: str, value: object) -> None:
        setattr(self._holder, name, value)

    def __delitem__(self, name: str) -> None:
        delattr(self._holder, name)


class CalledTwice(nn.Module):
    """A module after a call of it with other inputs. Takes those of both calls, the first one's first."""

    def __init__(self, module: nn.Module, keywords: Sequence[str]) -> None:
        """`keywords`: the names of the last inputs of a call, which are given by name."""
        super().__init__()
        self.module = module
        self._keywords = tuple(keywords)

    def forward(self, *inputs: Tensor) -> object:
        """What the second call gives."""
        half = len(inputs) // 2
        self._call(inputs[:half])
        return self._call(inputs[half:])

    def _call(self, inputs: tuple[Tensor, ...]) -> object:
        first = len(inputs) - len(self._keywords)
        return self.module(*inputs[:first], **dict(zip(self._keywords, inputs[first:], strict=True)))


class Traces:
    """What calls of a module have changed outside of its parameters and buffers."""

    def __init__(self) -> None:
        self.changed = ""
        """The first thing that the last call has changed, in words; empty where there is none."""
        self._first: dict[str, object] = {}
        self._before: dict[str, object] = {}
        self._touching = 0
        """Calls that have changed something, or have not ended."""

    @contextmanager
    def followed(self, root: nn.Module) -> Iterator[None]:
        """Every call of `root` is looked at, for as long as the block lasts.

        After it, tensors without content that tracing has left are gone, and what they replaced is there again: torch
        puts plain attributes back alone, and not tables that a call makes, in a cache of the module's or as a buffer.
        """
        handles = [root.register_forward_pre_hook(self._begin), root.register_forward_hook(self._end)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            if self._touching:
                self._put_back(root)

    def _begin(self, root: nn.Module, *_: object) -> None:
        self._touching += 1
        self._before = dict(_state(root))
        self._first = self._first or self._before

    def _put_back(self, root: nn.Module) -> None:
        left = [found for found in _reached(root, plain=False) if _is_empty(found[1])]
        for path, _, holder, key in reversed(left):
            # What was a tuple is not known. Tuples, and some mappings, cannot be changed.
            if f"{path}[0]" not in self._first and not _is_empty(self._first.get(path)):
                with suppress(Exception):
                    if path in self._first:
                        holder[key] = self._first[path]
                    else:
                        del holder[key]

    def _end(self, root: nn.Module, *_: object) -> None:
        before, after = self._before, dict(_state(root))
        self.changed = next(
            (path for path in {**before, **after} if _differ(before.get(path, _NOTHING), after.get(path, _NOTHING))), ""
        )
        self._touching -= not self.changed


def same_function(first: Graph, second: Graph) -> bool:
    """Whether two graphs compute the same outputs from their inputs, whatever their values are called.

    Inputs are matched from the last one on: what the second graph takes before them must not matter.
    """
    known: dict[object, int] = {}
    return _outputs(first, known) == _outputs(second, known)


def _state(root: nn.Module) -> Iterator[tuple[str, object]]:
    """Everything that can be reached from the module, and what the generators draw next, each with a name."""
    yield "what Python's random generator gives", hash(random.getstate())
    yield "what numpy's random generator gives", hash(repr(np.random.get_state(legacy=False)))
    for path, value, _, _ in _reached(root):
        if not isinstance(value, _CONTAINERS):
            yield path, value
        if isinstance(value, np.ndarray) and not value.dtype.hasobject and value.nbytes <= _LARGEST_ARRAY_BYTES:
            yield f"the numbers in {path}", hash(value.tobytes())
        if isinstance(value, (set, frozenset)):
            yield f"the items of {path}", hash(frozenset(map(_token, list(value))))
        if isinstance(value, count):
            yield path, repr(value)


def _token(item: object) -> object:
    return item if isinstance(item, _PLAIN) else id(item)


def _reached(root: nn.Module, *, plain: bool = True) -> Iterator[_Found]:
    """All that the module leads to, itself first; without numbers and texts unless `plain`."""
    waiting: deque[_Found] = deque([("", root, None, None)])
    seen: set[int] = set()
    for looked in range(_MOST_OBJECTS):
        if not waiting:
            return
        found = waiting.popleft()
        yield found
        path, value, _, _ = found
        if isinstance(value, (*_PLAIN, *_CLOSED)) or id(value) in seen or len(path) >= _LONGEST_PATH:
            continue
        seen.add(id(value))
        inside = islice(_inside(path, value), max(0, _MOST_OBJECTS - looked - len(waiting)))
        waiting.extend(inside if plain else (each for each in inside if not isinstance(each[1], _PLAIN)))


def _inside(path: str, value: object) -> Iterator[_Found]:
    # Copies: another thread may change what a module refers to.
    if isinstance(value, (dict, Mapping)):
        yield from ((f"{path}[{key!r}]", item, value, key) for key, item in list(value.items()))
    elif isinstance(value, _CONTAINERS):
        yield from ((f"{path}[{index}]", item, value, index) for index, item in enumerate(value))
    else:
        own = getattr(value, "__dict__", {})
        for name, item in list(own.items()):
            if name in _PARTS and isinstance(value, nn.Module):
                yield from ((f"{path}.{part}".lstrip("."), each, item, part) for part, each in item.items())
            elif name not in _OF_WEIGHTS:
                yield f"{path}.{name}".lstrip("."), item, own, name
        slots = _Slots(value)
        for name in slots.names():
            yield f"{path}.{name}".lstrip("."), getattr(value, name), slots, name


def _is_empty(value: object) -> bool:
    """Whether it is a tensor without content, or a tuple with one inside."""
    return isinstance(value, FakeTensor) or (isinstance(value, tuple) and any(map(_is_empty, value)))


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

    for index, spec in enumerate(reversed(graph.inputs)):
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
