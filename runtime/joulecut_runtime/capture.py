"""Turns a torch module into a `Graph`, on the machine that has the module's code. Needs torch.export."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from joulecut_core.errors import BundleError, CaptureError
from joulecut_runtime.folding import fold_batch_norms
from joulecut_runtime.graph import Graph
from joulecut_runtime.lowering import lower
from joulecut_runtime.shapes import walk

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_LOG = logging.getLogger(__name__)


def capture(module: nn.Module, inputs: Sequence[Tensor], *, name: str, fold: bool = True) -> Graph:
    """The graph that `module` computes in evaluation mode on inputs of these types and shapes.

    `fold` merges batch norms into the convolutions before them: equal up to rounding (1e-5 of the
    outputs' scale), and faster. The module is left as it was; the graph's weights are copies.

    Raises CaptureError naming the place in the module and the reason: state that a call changes, a
    decision that depends on tensor values, randomness, an operator outside joulecut's whitelist.
    """
    if not inputs:
        raise CaptureError(f"{name}: no example inputs; give one --input per tensor the network takes")
    with _evaluating(module), torch.no_grad():
        graph = lower(_export(module, tuple(inputs), name), name)
    if fold:
        graph = fold_batch_norms(graph)
    try:
        walk(graph)
    except BundleError as cause:
        raise CaptureError(f"{name}: {cause}") from cause
    _LOG.debug("captured %s: %d nodes, %d constants", name, len(graph.nodes), len(graph.constants))
    return graph


def _export(module: nn.Module, inputs: tuple[Tensor, ...], name: str) -> ExportedProgram:
    from torch.export import export  # noqa: PLC0415 - loading a network must not need torch.export

    place = _Place()
    try:
        with place.followed(module), warnings.catch_warnings():
            # torch.export deprecates its own internals from release to release; nobody can act on that here.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            program = export(module, inputs, strict=False)
            # The empty table makes the graph functional and keeps the operators the module called.
            functional: ExportedProgram = program.run_decompositions({})
    except Exception as cause:  # tracing runs the module's code, which may raise anything
        raise CaptureError(f"{name}: cannot be traced in {place}: {_reason(cause)}") from cause
    return functional


class _Place:
    """Where in a module tree a run is; after an exception, where it was raised."""

    def __init__(self) -> None:
        self._stack: list[str] = []

    def __str__(self) -> str:
        return repr(self._stack[-1]) if self._stack and self._stack[-1] else "the outermost module"

    @contextmanager
    def followed(self, root: nn.Module) -> Iterator[None]:
        handles = []
        for path, module in root.named_modules():
            handles.append(module.register_forward_pre_hook(lambda *_, path=path: self._stack.append(path)))
            handles.append(module.register_forward_hook(self._left))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _left(self, *_: object) -> None:
        self._stack.pop()


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _reason(cause: Exception) -> str:
    kind = type(cause).__name__
    if "DataDependent" in kind or "data-dependent" in str(cause):
        return f"a decision or a shape depends on tensor values ({kind}); compute it with tensor operations"
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return f"{kind}: {lines[0] if lines else 'no reason given'}"
