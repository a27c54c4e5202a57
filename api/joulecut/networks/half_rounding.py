"""What a network answers in FP16 on a GPU, computed on any host: a host's own FP16 is some fifty times slower.

Every operator computes in float32 on numbers that FP16 can hold, and its result is rounded to FP16: as where a GPU
multiplies halves and sums in single precision. Sums in another order would differ by less than the rounding does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from joulecut_runtime.networks.graph import Constant, Graph, Value, node_values
from joulecut_runtime.networks.signatures import call_arguments

_MOST = torch.finfo(torch.float16).max


def rounded_to_half(graph: Graph) -> Callable[[Sequence[Tensor]], tuple[Tensor, ...]]:
    """The network as a function of its inputs, every float32 value rounded to FP16."""
    constants: dict[Value | Constant, Tensor] = {
        Constant(name=name): _rounded(_within_range(each)) for name, each in graph.constants.items()
    }
    last_use = {name: index for index, node in enumerate(graph.nodes) for name in node_values(node)}

    def answer(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        known = constants | {
            Value(name=spec.name): _rounded(each) for spec, each in zip(graph.inputs, tensors, strict=True)
        }
        with torch.inference_mode():
            for index, node in enumerate(graph.nodes):
                operator, arguments, keywords = call_arguments(node, known)
                known[Value(name=node.name)] = _rounded(operator(*arguments, **keywords))
                for name in set(node_values(node)) - set(graph.outputs):
                    if last_use[name] == index:
                        del known[Value(name=name)]
        return tuple(known[Value(name=name)] for name in graph.outputs)

    return answer


def _rounded(tensor: Tensor) -> Tensor:
    return tensor.half().float() if tensor.dtype == torch.float32 else tensor


def _within_range(constant: Tensor) -> Tensor:
    # Attention masks hold float32's lowest number, which engines make FP16's lowest.
    return constant.clamp(-_MOST, _MOST) if constant.dtype == torch.float32 else constant
