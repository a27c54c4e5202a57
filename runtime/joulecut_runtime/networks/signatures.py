"""Checks an operator call's arguments against the operator's schema before torch sees any of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from joulecut_core.decoding import show
from joulecut_core.errors import BundleError
from joulecut_runtime.networks.graph import Argument, Constant, ElementType, MemoryFormat, Node, Value
from joulecut_runtime.networks.operators import OPERATORS, overload, resolve

_INT64_MAX = 2**63 - 1
_MOST = 2**31 - 1
"""Of a whole number: kernels multiply what they are given, and read elsewhere once that overflows."""
_ENDS = frozenset({"start", "end"})
"""Of slices: torch cuts them to the tensor's size, and writes "to the end" as the largest there is."""
_LONGEST_TEXT = 32


def bind(node: Node) -> dict[str, Argument]:
    """The node's arguments by the operator's parameter names, in the order of its schema.

    Raises BundleError naming node, operator and parameter where the operator is not whitelisted, an
    argument is missing, unknown or of the wrong type, or a pinned one holds a value that it may not.
    """
    parameters = overload(node.operator)._schema.arguments  # noqa: SLF001 - torch has no public way to a schema
    positional = [parameter for parameter in parameters if not parameter.kwarg_only]
    if len(node.arguments) > len(positional):
        raise _error(node, f"{len(node.arguments)} positional arguments; expected at most {len(positional)}")
    bound = {parameter.name: value for parameter, value in zip(positional, node.arguments, strict=False)}
    known = {parameter.name: parameter for parameter in parameters}
    for name, value in node.keywords.items():
        if name not in known:
            raise _error(node, f"unknown argument {show(name)}; expected one of {', '.join(known)}")
        if name in bound:
            raise _error(node, f"argument {name} given twice; expected once")
        bound[name] = value
    for name, parameter in known.items():
        if name in bound:
            kind = str(parameter.real_type)
            if not _fits(kind, bound[name], scalar_tensor=name == "other"):
                raise _error(node, f"argument {name} is {show(bound[name])}; expected {kind}")
            if "int" in kind and name not in _ENDS and _largest(bound[name]) > _MOST:
                raise _error(node, f"argument {name} is {show(bound[name])}; expected at most {_MOST} either way")
        elif not parameter.has_default_value():
            raise _error(node, f"argument {name} is missing; expected {parameter.real_type}")
    _check_pinned(node, bound)
    return {name: bound[name] for name in known if name in bound}


def call_arguments(
    node: Node, tensors: Mapping[Value | Constant, torch.Tensor]
) -> tuple[Callable[..., torch.Tensor], list[object], dict[str, object]]:
    """The operator and its arguments as torch takes them; `tensors` holds every tensor the node reads."""
    arguments = [to_torch(argument, tensors) for argument in node.arguments]
    keywords = {name: to_torch(argument, tensors) for name, argument in node.keywords.items()}
    return resolve(node.operator), arguments, keywords


def to_torch(argument: Argument, tensors: Mapping[Value | Constant, object]) -> object:
    """One argument as torch takes it."""
    if isinstance(argument, (Value, Constant)):
        return tensors[argument]
    if isinstance(argument, (ElementType, MemoryFormat)):
        return getattr(torch, argument.name)
    if isinstance(argument, tuple):
        return [to_torch(item, tensors) for item in argument]
    return argument


def _check_pinned(node: Node, bound: Mapping[str, Argument]) -> None:
    for name, allowed in OPERATORS[node.operator].pinned.items():
        if name in bound and bound[name] not in allowed:
            expected = " or ".join(map(repr, allowed))
            raise _error(node, f"argument {name} is {show(bound[name])}; expected {expected}")


def _fits(kind: str, value: Argument, *, scalar_tensor: bool) -> bool:
    if kind.startswith("Optional["):
        return value is None or _fits(kind[len("Optional[") : -1], value, scalar_tensor=scalar_tensor)
    if kind.startswith("List["):
        item_kind = kind[len("List[") : -1]
        if not isinstance(value, tuple):
            return False
        return all(_fits(item_kind, item, scalar_tensor=False) for item in value)
    if kind == "Tensor":
        return isinstance(value, (Value, Constant)) or (scalar_tensor and _is_number(value))
    return _fits_scalar(kind, value)


def _fits_scalar(kind: str, value: Argument) -> bool:
    if kind == "int":
        return _is_int(value)
    if kind == "number":
        return _is_number(value) or isinstance(value, bool)
    if kind == "float":
        return _is_number(value)
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "str":
        return isinstance(value, str) and len(value) <= _LONGEST_TEXT
    if kind == "ScalarType":
        return isinstance(value, ElementType)
    return kind == "MemoryFormat" and isinstance(value, MemoryFormat)


def _largest(value: Argument) -> int:
    items = value if isinstance(value, tuple) else (value,)
    return max((abs(item) for item in items if isinstance(item, int)), default=0)


def _is_int(value: Argument) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _INT64_MAX


def _is_number(value: Argument) -> bool:
    return isinstance(value, float) or _is_int(value)


def _error(node: Node, complaint: str) -> BundleError:
    return BundleError(f"node {node.name} ({node.operator}): {complaint}")
