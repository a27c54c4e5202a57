"""Turns a torch module into a `Graph`, on the machine that has the module's code. Needs torch.export."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from joulecut_core.argument_types import expect_type
from joulecut_core.decoding import show
from joulecut_core.errors import BundleError, CaptureError
from joulecut_runtime.capturing.decomposing import decomposed
from joulecut_runtime.capturing.folding import fold_batch_norms
from joulecut_runtime.capturing.lowering import lower
from joulecut_runtime.capturing.repeating import CalledTwice, Traces, same_function
from joulecut_runtime.capturing.torch_chatter import without_chatter
from joulecut_runtime.capturing.tracing_failure import Place, failure
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.shapes import walk

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_LOG = logging.getLogger(__name__)
_NOT_AGAIN = (
    "a call changes {}, and the next one answers otherwise, but here each request would be a first call; take it as an "
    "input and return the new value as an output"
)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
"""Of a network: the name of a folder, of a metric's label, and what plans and logs call it."""


def capture(module: nn.Module, inputs: Sequence[Tensor], *, name: str, fold: bool = True) -> Graph:
    """The graph that `module` computes in evaluation mode on inputs of these types and shapes.

    `inputs` are those of `forward` in order, its keyword-only ones after the others; its outputs come in the order in
    which they stand in tuples, lists and dictionaries, without what is None.

    `fold` merges batch norms into the convolutions before them: equal up to rounding (1e-5 of the
    outputs' scale), and faster. The module is left as it was; the graph's weights are copies.

    Raises CaptureError naming the place in the module and the reason: state that a call changes and the next one
    reads, wherever it is kept, a decision that depends on tensor values, randomness, an operator outside joulecut's
    whitelist; and for a `name` that is no name. Torch prints and logs nothing meanwhile.
    """
    expect_type("module", module, nn.Module, "give an instance of torch.nn.Module, its weights loaded")
    if not _NAME.fullmatch(name):
        raise CaptureError(
            f"name: {show(name)}; expected 1 to 100 letters, digits, dots, dashes, underscores, "
            "the first a letter, digit or underscore"
        )
    if isinstance(module, torch.jit.ScriptModule):
        raise CaptureError(
            f"{name}: TorchScript cannot be traced again; give the torch.nn.Module that it was made from"
        )
    if not inputs:
        raise CaptureError(f"{name}: no example inputs; give one --input per tensor the network takes")
    # Torch takes one tensor given twice, or a weight of the module, for the same value in every call.
    examples = tuple(each.detach().clone() for each in inputs)
    with _evaluating(module), torch.no_grad():
        graph = _traced(module, examples, name)
    if fold:
        graph = fold_batch_norms(graph)
    try:
        walk(graph)
    except BundleError as cause:
        raise CaptureError(f"{name}: {cause}") from cause
    _LOG.debug("captured %s: %d nodes, %d constants", name, len(graph.nodes), len(graph.constants))
    return graph


def _traced(module: nn.Module, inputs: tuple[Tensor, ...], name: str) -> Graph:
    place, traces = Place(), Traces()
    given = _given(module, inputs)
    try:
        with place.followed(module), traces.followed(module):
            program = _export(module, *given)
    except Exception as cause:  # tracing runs the module's code, which may raise anything
        raise CaptureError(f"{name}: {failure(cause, place, module, inputs)}") from cause
    graph = lower(program, name)
    if traces.changed:
        _LOG.debug("%s: a call changes %s; tracing what the next one gives", name, traces.changed)
        _expect_the_same_again(graph, module, given, traces.changed)
    return graph


def _export(module: nn.Module, positional: tuple[Tensor, ...], keywords: dict[str, Tensor]) -> ExportedProgram:
    from torch.export import export  # noqa: PLC0415 - loading a network must not need torch.export

    with without_chatter():
        program = export(module, positional, keywords, strict=False)
        # The empty table makes the graph functional and keeps the operators the module called.
        return decomposed(program.run_decompositions({}))


def _expect_the_same_again(
    graph: Graph, module: nn.Module, given: tuple[tuple[Tensor, ...], dict[str, Tensor]], changed: str
) -> None:
    """Many modules note what nobody reads, or keep what they would only compute again: those are right as traced."""
    reason = f"{graph.name}: {_NOT_AGAIN.format(show(changed))}"
    positional, keywords = given
    inputs = (*positional, *keywords.values())
    twice = CalledTwice(module, tuple(keywords))
    try:
        with Traces().followed(module):
            again = lower(_export(twice, (*(each.clone() for each in inputs), *inputs), {}), graph.name)
    except Exception as cause:  # as above
        if not _can_be_traced(module, given):
            _LOG.debug("%s: cannot be traced a second time: %s", graph.name, cause)
            return
        raise CaptureError(reason) from cause
    if not same_function(graph, again):
        raise CaptureError(reason)


def _can_be_traced(module: nn.Module, given: tuple[tuple[Tensor, ...], dict[str, Tensor]]) -> bool:
    """False where a trace has left tensors without content in a cache that cannot be seen, as those of functools."""
    with suppress(Exception), Traces().followed(module):
        _export(module, *given)
        return True
    return False


def _given(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """The inputs that `forward` takes by position, and those that it takes by keyword only."""
    parameters = list(inspect.signature(module.forward).parameters.values())
    by_keyword = [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
    if not by_keyword or any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters):
        return inputs, {}
    first = sum(each.kind is not inspect.Parameter.VAR_KEYWORD for each in parameters) - len(by_keyword)
    if len(inputs) - first > len(by_keyword):
        return inputs, {}
    return inputs[:first], dict(zip(by_keyword, inputs[first:], strict=False))


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
