"""A part's graph rewritten for a torch device and a precision: same operators, other weights and element types.

    HOST border:    float32 -> cast -> operators in fp16 -> cast -> float32     what crosses a link never changes
    DEVICE border:  fp16 ----------> operators in fp16 ----------> fp16         between blocks on one device

Whole numbers and booleans stay what they are; where an operator turns them into float32, the result is cast.
Sums inside normalisation, softmax and matrix products are kept in the width that torch's kernels keep them in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import torch
from torch import Tensor, fx, nn
from torch.fx.node import Argument, map_aggregate

from joulecut_core.errors import ConfigError
from joulecut_core.networks import TensorSpec
from joulecut_runtime.engines.engine import Border, Precision
from joulecut_runtime.engines.weights import Weights
from joulecut_runtime.networks.parts import Part

_CAST = torch.ops.aten._to_copy.default  # noqa: SLF001 - an operator's name, not a private attribute


def lowered(part: Part, precision: Precision, weights: Weights, *, entry: Border, leaving: Border) -> fx.GraphModule:
    """The part as a module on the device of `weights`, with the given borders.

    Raises ConfigError where a narrower precision meets floating-point tensors other than float32.
    """
    if precision is not Precision.FP32:
        _refuse_other_floats(part, precision)
    return _Lowering(part, precision, weights).module(entry, leaving)


def border_dtype(spec: TensorSpec, precision: Precision, border: Border) -> torch.dtype:
    """The element type in which a tensor crosses a border of a part."""
    declared: torch.dtype = getattr(torch, spec.dtype)
    return precision.dtype if border is Border.DEVICE and declared == torch.float32 else declared


class _Lowering:
    def __init__(self, part: Part, precision: Precision, weights: Weights) -> None:
        self._part = part
        self._precision = precision
        self._weights = weights
        self._root = nn.Module()
        self._graph = fx.Graph()
        self._new: dict[fx.Node, fx.Node] = {}
        self._shapes: dict[fx.Node, Tensor] = {}

    def module(self, entry: Border, leaving: Border) -> fx.GraphModule:
        inputs = iter(self._part.inputs)
        for node in self._part.module.graph.nodes:
            if node.op == "placeholder":
                self._place(node, next(inputs), entry)
            elif node.op == "get_attr":
                self._attribute(node)
            elif node.op == "call_function":
                self._call(node)
            else:
                self._leave(node, leaving)
        self._graph.lint()
        return fx.GraphModule(self._root, self._graph)

    def _place(self, node: fx.Node, spec: TensorSpec, entry: Border) -> None:
        dtype = border_dtype(spec, self._precision, entry)
        self._keep(node, self._graph.placeholder(node.name), torch.empty(spec.shape, dtype=dtype, device="meta"))

    def _attribute(self, node: fx.Node) -> None:
        name = cast("str", node.target)
        weight = self._weights.moved(self._part.module.get_buffer(name))
        self._root.register_buffer(name, weight)
        self._keep(node, self._graph.get_attr(name), torch.empty_like(weight, device="meta"))

    def _call(self, node: fx.Node) -> None:
        function = cast("Callable[..., Tensor]", node.target)
        given, named = self._reals(node)
        arguments, keywords = self._translated(given, self._new), self._translated(named, self._new)
        new = self._graph.call_function(
            function, cast("tuple[Argument, ...]", arguments), cast("dict[str, Argument]", keywords)
        )
        if self._precision is Precision.FP32:
            self._new[node] = new
            return
        shape = function(
            *cast("tuple[object, ...]", self._translated(given, self._shapes)),
            **cast("dict[str, object]", self._translated(named, self._shapes)),
        )
        self._keep(node, new, shape)

    def _keep(self, node: fx.Node, new: fx.Node, shape: Tensor) -> None:
        """Go on with `new` in place of `node`, cast where it gives float32 to a narrower computation."""
        dtype = self._precision.dtype
        if shape.dtype == torch.float32 and dtype != torch.float32:
            new = self._graph.call_function(_CAST, (new,), {"dtype": dtype})
            shape = shape.to(dtype)
        self._new[node] = new
        self._shapes[node] = shape

    def _leave(self, node: fx.Node, leaving: Border) -> None:
        results = []
        for old, spec in zip(cast("tuple[fx.Node, ...]", node.args[0]), self._part.outputs, strict=True):
            new = self._new[old]
            computed = border_dtype(spec, self._precision, Border.DEVICE)
            wanted = border_dtype(spec, self._precision, leaving)
            results.append(new if computed == wanted else self._graph.call_function(_CAST, (new,), {"dtype": wanted}))
        self._graph.output(tuple(results))

    def _reals(self, node: fx.Node) -> tuple[object, object]:
        """A call's arguments; whole numbers that meet tensors of the precision, other than sizes, as floats."""
        schema, narrow = getattr(node.target, "_schema", None), self._precision.dtype
        if self._precision is Precision.FP32 or schema is None:
            return node.args, node.kwargs
        if all(self._shapes[each].dtype != narrow for each in node.all_input_nodes):
            return node.args, node.kwargs
        numbers = {each.name for each in schema.arguments if "number" in str(each.real_type)}

        def real(name: str, argument: object) -> object:
            is_whole = isinstance(argument, int) and not isinstance(argument, bool)
            return float(cast("int", argument)) if is_whole and name in numbers else argument

        given = (real(each.name, argument) for each, argument in zip(schema.arguments, node.args, strict=False))
        return tuple(given), {name: real(name, argument) for name, argument in node.kwargs.items()}

    def _translated(self, arguments: object, known: dict[fx.Node, fx.Node] | dict[fx.Node, Tensor]) -> object:
        """Arguments with nodes looked up, and float32 and numbers beyond its range in the precision's terms."""
        dtype = self._precision.dtype
        # As captured, a number stays what it is: it may meet float64.
        most = float("inf") if self._precision is Precision.FP32 else torch.finfo(dtype).max

        def translate(argument: object) -> object:
            if isinstance(argument, fx.Node):
                return known[argument]
            if argument is torch.float32:
                return dtype
            if isinstance(argument, float) and most < abs(argument) < float("inf"):
                return most if argument > 0 else -most
            return argument

        return map_aggregate(cast("Argument", arguments), cast("Callable[[Argument], Argument]", translate))


def _refuse_other_floats(part: Part, precision: Precision) -> None:
    for what, dtype in _element_types(part):
        if dtype.is_floating_point and dtype != torch.float32:
            found = str(dtype).removeprefix("torch.")
            raise ConfigError(
                f"{part.name}: {what} is {found}, and precision {precision.value} takes the place of float32 only; "
                "use precision fp32, which computes the network as it was captured"
            )


def _element_types(part: Part) -> Iterator[tuple[str, torch.dtype]]:
    for spec in (*part.inputs, *part.outputs):
        yield spec.name, getattr(torch, spec.dtype)
    for name, buffer in part.module.named_buffers():
        yield f"weight {name}", buffer.dtype
    for node in part.module.graph.nodes:
        for argument in (*node.args, *node.kwargs.values()):
            if isinstance(argument, torch.dtype):
                yield f"the result of {node.name}", argument
