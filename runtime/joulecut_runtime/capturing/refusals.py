"""Why an operator is refused, and which calls draw numbers or have an effect."""

from __future__ import annotations

import operator
from typing import cast

import torch
from torch import Tensor, fx
from torch._ops import OpOverload

_HARMLESS = frozenset({"aten._assert_tensor_metadata.default"})
"""Checks that hold by construction once shapes and element types are fixed."""
_ADDING_UP = frozenset({"index_add", "index_reduce", "scatter_add", "scatter_reduce"})
_RANDOM = "is random, and two machines could not agree; expected a deterministic network"


def unknown(node: fx.Node) -> str:
    """Why an operator that is none of joulecut's, and consists of none, is refused."""
    value = node.meta.get("val")
    if isinstance(value, Tensor) and value.is_complex():
        return "gives complex numbers, which no tensor between two parts may hold; compute with real ones"
    if ".embedding_bag." in str(node.target):
        return "has bags of several sizes, with weights or padding; give it indices of two dimensions"
    if adds_up(node):
        return "adds up in whatever order a GPU comes to it; use torch.matmul with a matrix of ones and zeros"
    if isinstance(value, (tuple, list)):
        return "gives several tensors and is outside joulecut's whitelist of operators; replace it or ask for it"
    return "is outside joulecut's whitelist of operators; replace it or ask for it"


def adds_up(node: fx.Node) -> bool:
    """Whether a call adds to places that its values tell, several perhaps to one."""
    return str(node.target).split(".")[1] in _ADDING_UP


def random(node: fx.Node) -> str:
    """Why a call that draws numbers is refused."""
    if "dropout" in str(node.target):
        return (
            "drops at random even in evaluation mode; tie it to self.training (functional.dropout(x, p, self.training))"
        )
    return _RANDOM


def draws(node: fx.Node) -> bool:
    """Whether this call draws numbers: some operators do only in training, or with a rate above 0."""
    target = cast("OpOverload", node.target)
    parameters = {each.name: each for each in target._schema.arguments}  # noqa: SLF001 - torch has no public way to it
    values = {name: each.default_value for name, each in parameters.items() if each.has_default_value()}
    values |= {**dict(zip(parameters, node.args, strict=False)), **node.kwargs}
    rests = any(values.get(name) is False for name in ("train", "training"))
    return _is_random(target) and not rests and not any(values.get(name) == 0.0 for name in ("dropout", "dropout_p"))


def has_effect(node: fx.Node) -> bool:
    """Whether a call that no result needs does something nevertheless."""
    if not isinstance(node.target, OpOverload):
        return node.target is not operator.getitem
    return node.is_impure() and not _is_random(node.target) and str(node.target) not in _HARMLESS


def _is_random(target: OpOverload) -> bool:
    return torch.Tag.nondeterministic_seeded in target.tags
