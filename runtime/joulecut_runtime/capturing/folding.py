"""Merges each batch norm into the convolution before it: one pass over memory less, the same function.

Per output channel, norm(conv(x, w, b)) = conv(x, w s, (b - mean) s + bias) with s = weight / sqrt(variance + epsilon).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from joulecut_runtime.networks.graph import Argument, Constant, Graph, Node, Value, node_references, node_values
from joulecut_runtime.networks.signatures import bind

_CONVOLUTIONS = frozenset(f"aten.conv{dimensions}d.default" for dimensions in (1, 2, 3))


def fold_batch_norms(graph: Graph) -> Graph:
    """The same network with every batch norm folded whose input only it reads and a convolution makes.

    Computed in double precision and rounded once. Equal to the original up to rounding.
    """
    readers = Counter(name for node in graph.nodes for name in node_values(node))
    readers.update(graph.outputs)
    made_by = {node.name: node for node in graph.nodes}
    constants = dict(graph.constants)
    folded: dict[str, Node] = {}
    renamed: dict[str, str] = {}
    for norm in graph.nodes:
        if norm.operator != "aten.batch_norm.default":
            continue
        source = norm.arguments[0]
        convolution = made_by.get(source.name) if isinstance(source, Value) else None
        if convolution is None or convolution.operator not in _CONVOLUTIONS or readers[convolution.name] != 1:
            continue
        merged = _merged(convolution, norm, graph.constants)
        if merged is not None:
            folded[convolution.name], new_constants = merged
            constants.update(new_constants)
            renamed[norm.name] = convolution.name
    nodes = tuple(_renamed(folded.get(node.name, node), renamed) for node in graph.nodes if node.name not in renamed)
    used = {reference.name for node in nodes for reference in node_references(node) if isinstance(reference, Constant)}
    return replace(
        graph,
        nodes=nodes,
        outputs=tuple(renamed.get(name, name) for name in graph.outputs),
        constants={name: tensor for name, tensor in constants.items() if name in used},
    )


def _merged(convolution: Node, norm: Node, constants: Mapping[str, Tensor]) -> tuple[Node, dict[str, Tensor]] | None:
    conv, batch_norm = bind(convolution), bind(norm)
    weight = _tensor(conv["weight"], constants)
    mean, variance = (_tensor(batch_norm[name], constants) for name in ("running_mean", "running_var"))
    epsilon = batch_norm["eps"]
    if weight is None or mean is None or variance is None or not isinstance(epsilon, (int, float)):
        return None
    if len(convolution.output.shape) != weight.dim():
        # Without a batch the norm is over rows, not over channels.
        return None
    ones, zeros = torch.ones_like(mean), torch.zeros_like(mean)
    given = ((batch_norm["weight"], ones), (batch_norm["bias"], zeros), (conv.get("bias"), zeros))
    factors = [default if argument is None else _tensor(argument, constants) for argument, default in given]
    if any(factor is None for factor in factors):
        return None
    gain_64, shift_64, bias_64 = (factor.double() for factor in factors if factor is not None)
    scale_64 = gain_64 / torch.sqrt(variance.double() + epsilon)
    new_weight = (weight.double() * scale_64.view(-1, *[1] * (weight.dim() - 1))).to(weight.dtype)
    new_bias = ((bias_64 - mean.double()) * scale_64 + shift_64).to(weight.dtype)
    names = (f"folded:{norm.name}.weight", f"folded:{norm.name}.bias")
    arguments = (convolution.arguments[0], *(Constant(name=name) for name in names), *convolution.arguments[3:])
    node = replace(convolution, arguments=arguments)
    return node, dict(zip(names, (new_weight.contiguous(), new_bias.contiguous()), strict=True))


def _tensor(argument: Argument, constants: Mapping[str, Tensor]) -> Tensor | None:
    return constants[argument.name] if isinstance(argument, Constant) else None


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    if not any(name in names for name in node_values(node)):
        return node
    return replace(
        node,
        arguments=tuple(_rename(argument, names) for argument in node.arguments),
        keywords={key: _rename(argument, names) for key, argument in node.keywords.items()},
    )


def _rename(argument: Argument, names: Mapping[str, str]) -> Argument:
    if isinstance(argument, Value):
        return Value(name=names.get(argument.name, argument.name))
    if isinstance(argument, tuple):
        return tuple(_rename(item, names) for item in argument)
    return argument
