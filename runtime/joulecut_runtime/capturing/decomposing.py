"""Operators that joulecut does not have, in terms of those it has, where torch knows how.

Only what would be refused is rewritten: a network that needs nothing of it keeps its graph, and its digest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, fx
from torch._ops import OperatorBase, OpOverload

from joulecut_runtime.capturing.lowering import gives_constant, is_lowered
from joulecut_runtime.capturing.refusals import adds_up, draws

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_LOG = logging.getLogger(__name__)
_MOST_ROUNDS = 6
"""What an operator consists of may have to be rewritten too."""
_ALGEBRA = ("fft_", "istft", "linalg_", "stft")
_PRODUCTS = ("norm", "_cross", "_diagonal", "_matmul", "_multi_dot", "_vecdot")


def decomposed(program: ExportedProgram) -> ExportedProgram:
    """The program with foreign operators rewritten; those that torch cannot rewrite stay."""
    known: dict[OpOverload, Callable[..., object]] | None = None
    for _ in range(_MOST_ROUNDS):
        foreign = set(_foreign(program))
        if not foreign:
            return program
        known = {**_decompositions(), **_OWN} if known is None else known
        table: dict[OperatorBase, Callable[..., object]] = {
            each: known[each] for each in foreign if each in known and (each != _BAG or _bags_are_even(program))
        }
        if not table:
            return program
        _LOG.debug("rewriting %s", ", ".join(sorted(map(str, table))))
        program = program.run_decompositions(table)
    return program


def _decompositions() -> dict[OpOverload, Callable[..., object]]:
    from torch.export import default_decompositions  # noqa: PLC0415 - loading a network must not need torch.export

    return dict(default_decompositions().items())  # type: ignore[no-untyped-call]  # torch's, untyped


def _foreign(program: ExportedProgram) -> Iterator[OpOverload]:
    """What is called on something that depends on the inputs and is none of joulecut's."""
    inputs = {spec.arg.name for spec in program.graph_signature.input_specs if spec.kind.name == "USER_INPUT"}
    depends: set[fx.Node] = set()
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in inputs:
            depends.add(node)
        elif node.op == "call_function" and any(source in depends for source in node.all_input_nodes):
            target = node.target
            if gives_constant(str(target)):
                continue
            depends.add(node)
            if isinstance(target, OpOverload) and not (is_lowered(str(target)) or _stays(node)):
                yield target


def _stays(node: fx.Node) -> bool:
    """Whether a refusal should name the call itself: what it consists of would say less to whoever wrote it."""
    _, name, _ = str(node.target).split(".")
    is_algebra = name.startswith(_ALGEBRA) and not name.endswith(_PRODUCTS)
    return is_algebra or draws(node) or adds_up(node)


def _bags_are_even(program: ExportedProgram) -> bool:
    """Whether all bags of indices are made from rows of a matrix: every so many, weighed alike, none left out."""
    for node in program.graph.nodes:
        if node.target is _BAG:
            offsets, factors, last, padding = (node.args[position] for position in (2, 6, 7, 8))
            counted = isinstance(offsets, fx.Node) and offsets.target is torch.ops.aten.arange.start_step
            if not counted or offsets.args[0] != 0 or factors is not None or last or padding not in {None, -1}:
                return False
    return True


def _bag(weight: Tensor, indices: Tensor, offsets: Tensor, *rest: object) -> tuple[Tensor, ...]:
    """Rows looked up and put together; the three other results are for training."""
    rows = torch.nn.functional.embedding(indices, weight).reshape(offsets.shape[0], -1, weight.shape[1])
    mode = rest[1]
    bags = rows.sum(1) if mode == 0 else rows.mean(1) if mode == 1 else rows.amax(1)
    return bags, offsets, offsets, offsets


def _one_hot(indices: Tensor, classes: int = -1) -> Tensor:
    """Without the check of the indices' values."""
    if classes < 0:
        raise NotImplementedError
    return (indices.unsqueeze(-1) == torch.arange(classes)).to(torch.int64)


def _bilinear(first: Tensor, second: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A product of matrices and one with numbers, for each output."""
    product = torch.matmul(first.unsqueeze(-2).unsqueeze(-2), weight).squeeze(-2)
    result = (product * second.unsqueeze(-2)).sum(-1)
    return result if bias is None else result + bias


def _distances(first: Tensor, second: Tensor, power: float = 2.0, mode: int | None = None) -> Tensor:
    """The norm of every difference."""
    del mode
    difference = first.unsqueeze(-2) - second.unsqueeze(-3)
    distances: Tensor = torch.linalg.vector_norm(difference, power, -1)
    return distances


_BAG = torch.ops.aten.embedding_bag.padding_idx
_OWN: dict[OpOverload, Callable[..., object]] = {
    _BAG: _bag,
    torch.ops.aten.bilinear.default: _bilinear,
    torch.ops.aten.cdist.default: _distances,
    torch.ops.aten.one_hot.default: _one_hot,
}
"""Where torch's way ends in operators that nobody needs but these."""
