"""From an exported program to a `Graph`: whitelisted operators that each give one tensor, and constants.

- What does not depend on the inputs is computed here, once, and becomes a constant.
- No-ops that functionalisation leaves behind (dropouts, aliases, clones of what is laid out alike) go.
- Operators that give several tensors become one operator per tensor that is used, pieces become slices.
- Views become reshapes: a tensor that crossed a link need not have the strides it had before.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, fx
from torch._ops import OpOverload

from joulecut_core.decoding import show
from joulecut_core.errors import BundleError, CaptureError
from joulecut_core.networks import TensorSpec
from joulecut_runtime.capturing.refusals import draws, has_effect, random, unknown
from joulecut_runtime.capturing.respelling import is_respelled, respelled
from joulecut_runtime.capturing.source_lines import traced_at
from joulecut_runtime.networks.graph import (
    Argument,
    Constant,
    ElementType,
    Graph,
    MemoryFormat,
    Node,
    Value,
    tensor_spec,
)
from joulecut_runtime.networks.module_paths import module_path
from joulecut_runtime.networks.operators import OPERATORS
from joulecut_runtime.networks.signatures import bind

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_PLACEMENT = frozenset({"device", "layout", "pin_memory", "non_blocking"})
"""Arguments that say where a tensor lives: a graph runs wherever its parts are loaded."""


def lower(program: ExportedProgram, name: str) -> Graph:
    """The graph of a functionalised program. Raises CaptureError naming the place and the reason."""
    return _Lowering(program, name).lower()


class _Lowering:
    def __init__(self, program: ExportedProgram, name: str) -> None:
        self._program = program
        self._name = name
        self._known: dict[fx.Node, object] = {}
        self._titles: dict[fx.Node, str] = {}
        self._values: dict[fx.Node, Value] = {}
        self._inputs: list[TensorSpec] = []
        self._nodes: list[Node] = []
        self._constants: dict[str, Tensor] = {}
        self._constant_names: dict[tuple[object, ...], str] = {}

    def lower(self) -> Graph:
        self._refuse_mutation()
        self._place_inputs()
        live = self._live_nodes()
        for node in self._program.graph.nodes:
            if node.op != "call_function":
                continue
            if node in live:
                self._visit(node)
            elif has_effect(node):
                raise self._error(node, "checks or changes something at run time; expected a function of the inputs")
        return Graph(
            name=self._name,
            inputs=tuple(self._inputs),
            nodes=tuple(self._nodes),
            outputs=tuple(self._output(item) for item in self._results()),
            constants=self._constants,
        )

    def _refuse_mutation(self) -> None:
        for spec in self._program.graph_signature.output_specs:
            kind = spec.kind.name
            if kind not in _HARMLESS_OUTPUTS:
                what = f"changes {spec.target!r}" if "MUTATION" in kind else f"has an output of kind {kind}"
                raise CaptureError(
                    f"{self._name}: a call {what}, and a part on another machine would not see it ({kind}); "
                    "return the new value instead"
                )

    def _place_inputs(self) -> None:
        stored: dict[str, object] = {**self._program.state_dict, **self._program.constants}
        by_name = {spec.arg.name: spec for spec in self._program.graph_signature.input_specs}
        for node in self._program.graph.nodes:
            if node.op != "placeholder":
                continue
            spec = by_name[node.name]
            if spec.kind.name == "USER_INPUT":
                self._inputs.append(self._spec(node, node.name))
                self._values[node] = Value(name=node.name)
            elif spec.target is not None and isinstance(stored.get(spec.target), Tensor):
                self._known[node] = stored[spec.target]
                self._titles[node] = spec.target
            else:
                raise CaptureError(f"{self._name}: input {node.name} is {spec.kind.name}; expected tensors only")

    def _results(self) -> list[object]:
        (end,) = (node for node in self._program.graph.nodes if node.op == "output")
        kinds = [spec.kind.name for spec in self._program.graph_signature.output_specs]
        found = [item for item, kind in zip(end.args[0], kinds, strict=True) if kind == "USER_OUTPUT"]
        return [item for item in found if item is not None]

    def _live_nodes(self) -> set[fx.Node]:
        live: set[fx.Node] = set()
        waiting = [item for item in self._results() if isinstance(item, fx.Node)]
        while waiting:
            node = waiting.pop()
            if node not in live:
                live.add(node)
                waiting.extend(node.all_input_nodes)
        return live

    def _visit(self, node: fx.Node) -> None:
        name = str(node.target)
        if node.target is operator.getitem:
            self._visit_item(node)
            return
        if not isinstance(node.target, OpOverload):
            raise self._error(node, f"{name} is control flow or a nested function; expected tensor operators only")
        if draws(node) and name not in OPERATORS and name not in _SIMPLIFIED:
            raise self._error(node, random(node))
        if node.target._schema.is_mutable:  # noqa: SLF001 - torch has no public way to a schema
            raise self._error(node, "changes a tensor in place; expected a function of the inputs")
        if name in _FACTORIES or all(argument in self._known for argument in node.all_input_nodes):
            self._known[node] = self._compute(node)
        elif name in _SIMPLIFIED:
            _SIMPLIFIED[name](self, node)
        elif (spelling := respelled(node)) is not None:
            self._check_types(node, spelling.operator)
            self._emit(node, spelling.operator, spelling.arguments, {})
        elif name in OPERATORS:
            self._check_types(node, name)
            self._emit(node, name, node.args, self._keywords(node))
        elif name not in _SPLITS and f"{name}[0]" not in OPERATORS:
            raise self._error(node, unknown(node))

    def _check_types(self, node: fx.Node, name: str) -> None:
        """What torch finds out only when it computes, and not while it traces."""
        types = {str(each.meta["val"].dtype).removeprefix("torch.") for each in node.all_input_nodes}
        if name in _OF_ONE_TYPE and len(types) > 1:
            raise self._error(
                node,
                f"multiplies {' by '.join(sorted(types, reverse=True))}; expected one element type: cast inside "
                "forward, such as x.to(torch.float32), or give float32 examples (--input f32:...)",
            )

    def _compute(self, node: fx.Node) -> object:
        function = cast("Callable[..., object]", node.target)
        arguments = [self._computed(argument) for argument in node.args]
        result = function(*arguments, **{key: self._computed(item) for key, item in node.kwargs.items()})
        if isinstance(result, Tensor) and _UNWRITTEN.fullmatch(str(node.target)):
            # It holds what this process had there: another digest each time, and nobody else's business.
            result.zero_()
        return result

    def _computed(self, argument: object) -> object:
        if isinstance(argument, (list, tuple)):
            return [self._computed(item) for item in argument]
        return self._stand_in(argument) if isinstance(argument, fx.Node) else argument

    def _stand_in(self, node: fx.Node) -> object:
        if node in self._known:
            return self._known[node]
        value: Tensor = node.meta["val"]
        return torch.empty(tuple(value.shape), dtype=value.dtype)

    def _visit_item(self, node: fx.Node) -> None:
        source, index = node.args
        if not isinstance(source, fx.Node) or not isinstance(index, int):
            raise self._error(node, f"takes item {show(index)}; expected a fixed item of an operator's result")
        if source in self._known:
            self._known[node] = self._compute(node)
            return
        name = str(source.target)
        if name in _BATCH_NORMS and index == 0:
            self._values[node] = self._values[source]
        elif name in _SPLITS:
            self._split(node, source, index)
        elif f"{name}[{index}]" in OPERATORS:
            self._emit(node, f"{name}[{index}]", source.args, self._keywords(source))
        else:
            raise self._error(source, f"gives several tensors of which item {index} is used; expected another item")

    def _split(self, node: fx.Node, source: fx.Node, index: int) -> None:
        dimension_at = _SPLITS[str(source.target)]
        dimension = source.args[dimension_at] if len(source.args) > dimension_at else source.kwargs.get("dim", 0)
        if not isinstance(dimension, int):
            raise self._error(source, f"splits dimension {show(dimension)}; expected a fixed one")
        if str(source.target) == "aten.unbind.int":
            self._emit(node, "aten.select.int", (source.args[0], dimension, index), {})
            return
        sizes = [int(piece.shape[dimension]) for piece in source.meta["val"]]
        start = sum(sizes[:index])
        self._emit(node, "aten.slice.Tensor", (source.args[0], dimension, start, start + sizes[index]), {})

    def _emit(self, node: fx.Node, name: str, arguments: tuple[object, ...], keywords: Mapping[str, object]) -> None:
        made = Node(
            name=node.name,
            operator=name,
            arguments=tuple(self._argument(node, argument) for argument in arguments),
            keywords={key: self._argument(node, keyword) for key, keyword in keywords.items()},
            output=self._spec(node, node.name),
            module=module_path(node),
        )
        try:
            bind(made)
        except BundleError as cause:
            raise self._error(node, f"is not called as joulecut's operators may be: {cause}") from cause
        self._nodes.append(made)
        self._values[node] = Value(name=node.name)

    def _keywords(self, node: fx.Node) -> dict[str, object]:
        return {key: value for key, value in node.kwargs.items() if key not in _PLACEMENT}

    def _argument(self, node: fx.Node, argument: object) -> Argument:
        if isinstance(argument, fx.Node):
            return self._values[argument] if argument in self._values else self._constant(argument)
        if isinstance(argument, (list, tuple)):
            return tuple(self._argument(node, item) for item in argument)
        if isinstance(argument, float) and math.isnan(argument):
            raise self._error(node, "takes the number nan; expected a number, or a tensor: torch.tensor(float('nan'))")
        if argument is None or isinstance(argument, (bool, int, float, str)):
            return argument
        try:
            if isinstance(argument, torch.dtype):
                return ElementType(name=str(argument).removeprefix("torch."))
            if isinstance(argument, torch.memory_format):
                return MemoryFormat(name=str(argument).removeprefix("torch."))
        except ValueError as cause:
            raise self._error(node, str(cause)) from cause
        raise self._error(node, f"takes {show(argument)}; expected tensors, numbers and element types")

    def _constant(self, node: fx.Node) -> Constant:
        tensor = self._known[node]
        if not isinstance(tensor, Tensor):
            raise self._error(node, f"is {type(tensor).__name__}; expected a tensor")
        memory = (tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
        name = self._constant_names.setdefault(memory, self._titles.get(node, f"computed:{node.name}"))
        if name not in self._constants:
            copy = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            try:
                tensor_spec(name, copy)
            except ValueError as cause:
                raise self._error(node, str(cause)) from cause
            self._constants[name] = copy
        return Constant(name=name)

    def _output(self, item: object) -> str:
        if isinstance(item, fx.Node) and item in self._values:
            return self._values[item].name
        if not isinstance(item, fx.Node):
            raise CaptureError(f"{self._name}: an output is {show(item)}; return tensors only")
        raise CaptureError(
            f"{self._name}: an output ({show(item)}) does not depend on the inputs; return tensors that do"
        )

    def _spec(self, node: fx.Node, name: str) -> TensorSpec:
        value = node.meta.get("val")
        if isinstance(value, (tuple, list)) and value:
            value = value[0]
        if not isinstance(value, Tensor):
            raise self._error(node, f"gives {show(value)}; expected a tensor (does a number depend on tensor values?)")
        if not all(isinstance(size, int) for size in value.shape):
            raise self._error(
                node,
                f"gives the shape {tuple(value.shape)}, which depends on tensor values; return all and select "
                "outside the network, or keep a fixed number (torch.topk)",
            )
        try:
            return tensor_spec(name, value)
        except ValueError as cause:
            raise self._error(node, str(cause)) from cause

    def _error(self, node: fx.Node, complaint: str) -> CaptureError:
        path = module_path(node)
        place = f"in {path!r}" if path else "in the outermost module"
        line = traced_at(node.meta.get("stack_trace"))
        return CaptureError(f"{self._name}: {node.name} ({node.target}) {place}{line}: {complaint}")

    def drop(self, node: fx.Node) -> None:
        """The node gives its first argument."""
        source = node.args[0]
        if not isinstance(source, fx.Node):
            raise self._error(node, f"reads {show(source)}; expected a tensor")
        self._values[node] = self._values[source]

    def dropout(self, node: fx.Node) -> None:
        """Nothing in evaluation mode."""
        if node.args[-1] is not False and node.args[1] != 0.0:
            raise self._error(node, "drops at random even in evaluation mode; tie it to self.training")
        self.drop(node)

    def clone(self, node: fx.Node) -> None:
        """Nothing where the copy is laid out like the original."""
        source = node.args[0]
        if isinstance(source, fx.Node) and source.meta["val"].stride() == node.meta["val"].stride():
            self.drop(node)
        else:
            self._emit(node, "aten.clone.default", (source,), self._keywords(node))

    def cast(self, node: fx.Node) -> None:
        """Nothing where the element type stays and the layout too."""
        source = node.args[0]
        after = node.meta["val"]
        before = source.meta["val"] if isinstance(source, fx.Node) else after
        if (before.dtype, before.stride()) == (after.dtype, after.stride()):
            self.drop(node)
        else:
            self._emit(node, "aten._to_copy.default", (source,), {"dtype": after.dtype})

    def copy(self, node: fx.Node) -> None:
        """What is written over a tensor, in that tensor's shape and element type."""
        new, value = cast("fx.Node", node.args[1]), node.meta["val"]
        if new.meta["val"].dtype != value.dtype:
            raise self._error(node, f"writes {new.meta['val'].dtype} into {value.dtype}; cast with .to() before")
        self._emit(node, "aten.expand.default", (new, tuple(value.shape)), {})


def is_lowered(operator_name: str) -> bool:
    """Whether calls of an operator that depend on the inputs can be part of a graph as they are."""
    return (
        operator_name in OPERATORS
        or f"{operator_name}[0]" in OPERATORS
        or operator_name in (_SIMPLIFIED.keys() | _SPLITS.keys() | _FACTORIES)
        or is_respelled(operator_name)
    )


def gives_constant(operator_name: str) -> bool:
    """Whether what an operator gives does not depend on the values of its tensor, only on shape and element type."""
    return operator_name in _FACTORIES


_BATCH_NORMS = frozenset({"aten._native_batch_norm_legit_no_training.default"})
_SPLITS: Mapping[str, int] = {
    "aten.chunk.default": 2,
    "aten.split.Tensor": 2,
    "aten.split_with_sizes.default": 2,
    "aten.unbind.int": 1,
}
"""Operators that give pieces of a tensor, and where they take the dimension."""
_HARMLESS_OUTPUTS = frozenset({"USER_OUTPUT", "USER_INPUT_MUTATION"})
"""A request's tensors are read once: what a call writes over them is seen by nobody else."""
_OF_ONE_TYPE = frozenset(
    f"aten.{name}"
    for name in (
        "addmm.default",
        "baddbmm.default",
        "bmm.default",
        "conv1d.default",
        "conv2d.default",
        "conv3d.default",
        "conv_transpose1d.default",
        "conv_transpose2d.input",
        "conv_transpose3d.input",
        "linear.default",
        "matmul.default",
        "mm.default",
        "mv.default",
    )
)
_FACTORIES = frozenset(
    f"aten.{name}.default"
    for name in ("empty_like", "full_like", "new_full", "new_ones", "new_zeros", "ones_like", "zeros_like")
)
"""Operators that take only shape and element type from their tensor: what they give is a constant."""
_UNWRITTEN = re.compile(r"aten\.(new_)?empty(_like|_permuted|_strided)?\.\w+")
"""Operators that give memory as they find it."""
_SIMPLIFIED: Mapping[str, Callable[[_Lowering, fx.Node], None]] = {
    "aten._to_copy.default": _Lowering.cast,
    "aten.alias.default": _Lowering.drop,
    "aten.alpha_dropout.default": _Lowering.dropout,
    "aten.clone.default": _Lowering.clone,
    "aten.contiguous.default": _Lowering.clone,
    "aten.copy.default": _Lowering.copy,
    "aten.detach.default": _Lowering.drop,
    "aten.dropout.default": _Lowering.dropout,
    "aten.feature_alpha_dropout.default": _Lowering.dropout,
    "aten.feature_dropout.default": _Lowering.dropout,
    "aten.to.dtype": _Lowering.cast,
}
