"""Why a module could not be traced, in one line: where in it, on which line of its code, on what, and what to do."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from joulecut_runtime.capturing.source_lines import raised_at
from joulecut_runtime.networks.graph import tensor_spec

_OF_TYPES = re.compile(r"\bd?types?\b|not implemented for|\bByte\b|unsigned char")
_OF_OUTPUTS = re.compile(r"Found (<class '[^']*'>) in output, which is not a known type")
_PACKED = "PackedSequence"
_PACKED_REMEDY = "; a packed sequence is as long as its values say: give padded ones of a fixed length"
_OF_SIGNATURES = re.compile(r"\bargument")
_OF_DIMENSIONS = re.compile(r"expected \dD ")


class Place:
    """Where in a module tree a run is; after an exception, where it was raised."""

    def __init__(self) -> None:
        self._stack: list[tuple[str, str]] = []

    def __str__(self) -> str:
        """The module with what it was given, as "'body.0' (Conv2d, given uint8[1, 3, 8, 8])"."""
        path, given = self._stack[-1] if self._stack else ("", "")
        return (repr(path) if path else "the outermost module") + (f" ({given})" if given else "")

    @contextmanager
    def followed(self, root: nn.Module) -> Iterator[None]:
        """Every call inside `root` is noted, for as long as the block lasts."""
        handles = []
        for path, module in root.named_modules():
            handles.append(module.register_forward_pre_hook(lambda each, given, path=path: self._in(path, each, given)))
            handles.append(module.register_forward_hook(self._out))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _in(self, path: str, module: nn.Module, given: tuple[object, ...]) -> None:
        shown = ", ".join(_kind(each) for each in given)
        self._stack.append((path, f"{type(module).__name__}, given {shown}" if shown else type(module).__name__))

    def _out(self, *_: object) -> None:
        self._stack.pop()


def failure(cause: Exception, place: Place, module: nn.Module, inputs: Sequence[Tensor]) -> str:
    """What happened, where, and what helps, on one line."""
    remedy = _PACKED_REMEDY if _PACKED in str(place) else _remedy(cause, module, inputs)
    return f"cannot be traced in {place}{raised_at(cause)}: {_reason(cause)}{remedy}"


def _reason(cause: Exception) -> str:
    kind = type(cause).__name__
    if _depends_on_data(cause):
        return f"a decision or a shape depends on tensor values ({kind})"
    if of_output := _OF_OUTPUTS.search(str(cause)):
        return f"gives {of_output[1]}; expected tensors, or tuples, lists and dictionaries of them"
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return f"{kind}: {lines[0] if lines else 'no reason given'}"


def _remedy(cause: Exception, module: nn.Module, inputs: Sequence[Tensor]) -> str:
    if _depends_on_data(cause):
        return "; compute it with tensor operations, such as torch.where"
    if isinstance(cause, TypeError) and _OF_SIGNATURES.search(str(cause)):
        takes = ", ".join(inspect.signature(module.forward).parameters)
        return f"; forward takes ({takes}) and {len(inputs)} example inputs were given: give one for each"
    if _OF_DIMENSIONS.search(str(cause)):
        return "; a shape begins with the batch: --input 1x3x224x224 is one picture"
    if _OF_TYPES.search(str(cause)) and not _OF_OUTPUTS.search(str(cause)):
        return _types_remedy(inputs)
    return ""


def _types_remedy(inputs: Sequence[Tensor]) -> str:
    """For examples of types that the weights are not of, and for floats where indices are looked up."""
    given = ", ".join(dict.fromkeys(str(each.dtype).removeprefix("torch.") for each in inputs))
    if all(str(each.dtype) == "torch.float32" for each in inputs):
        return f"; the inputs are {given}: indices are whole numbers, give them as int64 (--input i64:...)"
    return (
        f"; the inputs are {given}: cast inside forward, such as x.to(torch.float32), or give float32 examples "
        "(--input f32:...)"
    )


def _depends_on_data(cause: Exception) -> bool:
    return "DataDependent" in type(cause).__name__ or "data-dependent" in str(cause)


def _kind(value: object) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    try:
        return str(tensor_spec("", value))
    except (TypeError, ValueError):  # of an unusual element type, or a shape that depends on values
        return "a tensor"
