"""A part rewritten to compute in integers what its network's scales say, the rest in float32.

    HOST border:    float32 -> quantise -> integer kernels -> dequantise -> float32
    DEVICE border:  integers where the network has them between two parts, float32 elsewhere

What a value's whole numbers mean follows from the scales alone, never from the part. A float32 tensor at a cut
was made of whole numbers in one part and makes the same ones in the next, so that a network that was cut gives
the bits of the network whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor, fx, nn
from torch._ops import OpOverload
from torch.fx.node import Argument, map_arg

from joulecut_core.errors import ConfigError
from joulecut_runtime.engines import Border
from joulecut_runtime.networks.parts import VALUE_NAME, Part
from joulecut_runtime.quantised.packed_weights import Packed, PackedWeights
from joulecut_runtime.quantised.scales import Scales

_ATEN, _QUANTISED = torch.ops.aten, torch.ops.quantized
_CHANNELS_LAST: dict[str, Argument] = {"memory_format": torch.channels_last}
_PICTURE_DIMENSIONS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerPart:
    """A lowered part and the kernels in it that compute in integers."""

    module: fx.GraphModule
    kernels: tuple[str, ...]


def lowered(part: Part, scales: Scales, weights: PackedWeights, *, entry: Border, leaving: Border) -> IntegerPart:
    """The part by the scales of its network.

    Raises ConfigError where a kernel that the scales promise would be left in float32: the part then belongs to
    another network, or was made by other means than `joulecut_runtime.networks.parts`.
    """
    return _Lowering(part, scales, weights).part(entry, leaving)


class _Emit(Protocol):
    """Writes a node's computation in integers; nothing where a later node takes it over."""

    def __call__(self, lowering: _Lowering, node: fx.Node, gives: str, /) -> fx.Node | None: ...


class _Lowering:
    def __init__(self, part: Part, scales: Scales, weights: PackedWeights) -> None:
        self._part = part
        self._scales = scales
        self._weights = weights
        self._root = nn.Module()
        self._graph = fx.Graph()
        self._names: dict[fx.Node, str] = {}
        self._floats: dict[fx.Node, fx.Node] = {}
        self._wholes: dict[fx.Node, fx.Node] = {}
        self._padded: dict[fx.Node, tuple[fx.Node, tuple[int, int]]] = {}
        """Zero padding left to the convolution that alone reads it: where from, and how much above and left."""
        self._kernels: list[str] = []
        self._made = frozenset(scales.integer.values())
        self._pictures: set[fx.Node] = set()
        """Inputs of the part that integer kernels of another part made, with channels, rows and columns."""

    def part(self, entry: Border, leaving: Border) -> IntegerPart:
        inputs = iter(self._part.inputs)
        for node in self._part.module.graph.nodes:
            if node.op == "placeholder":
                spec = next(inputs)
                self._names[node] = spec.name
                if len(spec.shape) == _PICTURE_DIMENSIONS and spec.name in self._made:
                    self._pictures.add(node)
                held = self._wholes if self._crosses_whole(node, entry) else self._floats
                held[node] = self._graph.placeholder(node.name)
            elif node.op == "call_function":
                self._names[node] = self._name(node)
                self._call(node)
            elif node.op == "output":
                self._leave(node, leaving)
        promised = [
            name for node, name in self._names.items() if node.op == "call_function" and name in self._scales.weights
        ]
        if len(self._kernels) != len(promised):
            left = ", ".join(sorted(set(promised) - set(self._kernels)))
            raise ConfigError(
                f"{self._part.name}: {len(self._kernels)} of {len(promised)} kernels would compute in integers, not "
                f"{left}; expected all that the scales name: calibrate this network again"
            )
        self._graph.lint()
        return IntegerPart(module=fx.GraphModule(self._root, self._graph), kernels=tuple(self._kernels))

    def _name(self, node: fx.Node) -> str:
        name = node.meta.get(VALUE_NAME)
        if not isinstance(name, str):
            raise ConfigError(
                f"{self._part.name}: {node.name} does not say which value of the network it makes; expected a part of "
                "joulecut_runtime.networks.network"
            )
        return name

    def _call(self, node: fx.Node) -> None:
        gives = self._scales.integer.get(self._names[node])
        if gives is not None:
            whole = _INTEGER[str(node.target)](self, node, gives)
            if whole is not None:
                self._wholes[node] = whole
            return
        source = node.args[0] if node.args else None
        if isinstance(source, fx.Node) and self._gives(source) == self._names[node]:
            # The activation that the node before computes already.
            self._wholes[node] = self._wholes[source]
            return
        arguments, keywords = (map_arg(each, self._float) for each in (node.args, node.kwargs))
        self._floats[node] = self._graph.call_function(
            cast("Callable[..., Tensor]", node.target),
            cast("tuple[Argument, ...]", arguments),
            cast("dict[str, Argument]", keywords),
        )

    def _gives(self, node: fx.Node) -> str | None:
        return self._scales.integer.get(self._names.get(node, "")) if node in self._wholes else None

    def convolution(self, node: fx.Node, gives: str) -> fx.Node:
        """A kernel, with the zero padding before it."""
        given = _arguments(node)
        source, padding = cast("fx.Node", given["input"]), _pair(given["padding"])
        if source in self._padded:
            source, (above, left) = self._padded[source]
            padding = padding[0] + above, padding[1] + left
        packed = self._weights.convolution(
            self._names[node],
            self._buffer(given["weight"]),
            self._bias(given["bias"]),
            stride=_pair(given["stride"]),
            padding=padding,
            dilation=_pair(given["dilation"]),
            groups=cast("int", given["groups"]),
        )
        return self._kernel(_QUANTISED.conv2d.new, node, source, packed, gives)

    def linear(self, node: fx.Node, gives: str) -> fx.Node:
        """A kernel."""
        given = _arguments(node)
        packed = self._weights.linear(self._names[node], self._buffer(given["weight"]), self._bias(given["bias"]))
        return self._kernel(_QUANTISED.linear.default, node, cast("fx.Node", given["input"]), packed, gives)

    def _kernel(
        self, function: Callable[..., Tensor], node: fx.Node, source: fx.Node, packed: Packed, gives: str
    ) -> fx.Node:
        name = f"packed_{len(self._kernels)}"
        setattr(self._root, name, packed)
        self._kernels.append(self._names[node])
        to = self._scales.values[gives]
        held = self._graph.get_attr(name)
        return self._graph.call_function(function, (self._whole(source), held, to.scale, to.zero_point))

    def sum(self, node: fx.Node, gives: str) -> fx.Node:
        """A join."""
        return self._join(_QUANTISED.add.default, node, gives)

    def product(self, node: fx.Node, gives: str) -> fx.Node:
        """A join."""
        return self._join(_QUANTISED.mul.default, node, gives)

    def _join(self, function: Callable[..., Tensor], node: fx.Node, gives: str) -> fx.Node:
        to = self._scales.values[gives]
        first, second = (self._whole(cast("fx.Node", operand)) for operand in node.args[:2])
        return self._graph.call_function(function, (first, second, to.scale, to.zero_point))

    def concatenation(self, node: fx.Node, gives: str) -> fx.Node:
        """A join."""
        given, to = _arguments(node), self._scales.values[gives]
        wholes = [self._whole(tensor) for tensor in cast("Sequence[fx.Node]", given["tensors"])]
        dimension = cast("int", given["dim"])
        return self._graph.call_function(_QUANTISED.cat.default, (wholes, dimension, to.scale, to.zero_point))

    def passed(self, node: fx.Node, gives: str) -> fx.Node | None:
        """The same operator on whole numbers; nothing for a padding that the next convolution does itself."""
        del gives
        source = cast("fx.Node", node.args[0])
        if node.target is _ATEN.pad.default:
            margins = _even_margins(node)
            readers = list(node.users)
            if margins and len(readers) == 1 and self._is_convolution_of(readers[0], node):
                self._padded[node] = (source, margins)
                return None
        arguments = map_arg(node.args, self._whole)
        return self._graph.call_function(cast("Callable[..., Tensor]", node.target), arguments, dict(node.kwargs))

    def _is_convolution_of(self, reader: fx.Node, source: fx.Node) -> bool:
        name = reader.meta.get(VALUE_NAME)
        return reader.target is _ATEN.conv2d.default and reader.args[0] is source and name in self._scales.integer

    def _leave(self, node: fx.Node, leaving: Border) -> None:
        values = cast("tuple[fx.Node, ...]", node.args[0])
        self._graph.output(
            tuple(self._whole(value) if self._crosses_whole(value, leaving) else self._float(value) for value in values)
        )

    def _crosses_whole(self, node: fx.Node, border: Border) -> bool:
        return border is Border.DEVICE and self._names[node] in self._scales.values

    def _whole(self, node: fx.Node) -> fx.Node:
        """The node's value in integers, by the scale of its name."""
        if node not in self._wholes:
            by = self._scales.values[self._names[node]]
            real = self._floats[node]
            if node in self._pictures:
                # As integer kernels leave it: torch's sum of two rounds ties by where in memory they stand.
                real = self._graph.call_function(_ATEN.contiguous.default, (real,), _CHANNELS_LAST)
            self._wholes[node] = self._graph.call_function(
                _ATEN.quantize_per_tensor.default, (real, by.scale, by.zero_point, torch.quint8)
            )
        return self._wholes[node]

    def _float(self, node: fx.Node) -> fx.Node:
        """The node's value in floating point, or what else it is; a weight is taken along when first read."""
        if node not in self._floats:
            if node.op == "get_attr":
                name = cast("str", node.target)
                self._root.register_buffer(name, self._buffer(node))
                self._floats[node] = self._graph.get_attr(name)
            else:
                real = self._graph.call_function(_ATEN.dequantize.self, (self._wholes[node],))
                # Integer kernels leave channels last; a tensor that crossed a link is contiguous, and sums over it
                # in another order would round differently.
                self._floats[node] = self._graph.call_function(_ATEN.contiguous.default, (real,))
        return self._floats[node]

    def _bias(self, node: object) -> Tensor | None:
        return None if node is None else self._buffer(node)

    def _buffer(self, node: object) -> Tensor:
        return self._part.module.get_buffer(cast("str", cast("fx.Node", node).target))


_INTEGER: Mapping[str, _Emit] = {
    "aten.conv2d.default": _Lowering.convolution,
    "aten.linear.default": _Lowering.linear,
    "aten.add.Tensor": _Lowering.sum,
    "aten.mul.Tensor": _Lowering.product,
    "aten.cat.default": _Lowering.concatenation,
    "aten.reshape.default": _Lowering.passed,
    "aten.pad.default": _Lowering.passed,
    "aten.max_pool2d.default": _Lowering.passed,
}


def _arguments(node: fx.Node) -> dict[str, object]:
    """A call's arguments by the operator's parameter names, defaults filled in."""
    schema = cast("OpOverload", node.target)._schema  # noqa: SLF001 - torch has no public way to a schema
    given: dict[str, object] = {each.name: each.default_value for each in schema.arguments if each.has_default_value()}
    given |= dict(zip((each.name for each in schema.arguments), node.args, strict=False))
    return given | dict(node.kwargs)


def _pair(sizes: object) -> tuple[int, int]:
    """Two sizes, however torch wrote them."""
    first, *rest = cast("Sequence[int]", sizes)
    return first, rest[0] if rest else first


def _even_margins(node: fx.Node) -> tuple[int, int] | None:
    """Rows above and columns left of a picture padded alike on opposite sides; None for other padding."""
    sizes = tuple(cast("Sequence[int]", _arguments(node)["pad"]))
    if len(sizes) != 4 or sizes[0] != sizes[1] or sizes[2] != sizes[3]:
        return None
    return sizes[2], sizes[0]
