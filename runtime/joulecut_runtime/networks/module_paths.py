"""Module paths that a person recognises, and what to call a place between two of them."""

from __future__ import annotations

import re

from torch import fx

_REPEAT = re.compile(r"@\d+")
_ROOT = re.compile(r"^L\['self'\]\.?|^L__self___?")


def module_path(node: fx.Node) -> str:
    """The path of the innermost module whose forward made the node; "" for the outermost module."""
    stack = node.meta.get("nn_module_stack") or {}
    if not stack:
        return ""
    path, _ = list(stack.values())[-1]
    return _ROOT.sub("", _REPEAT.sub("", str(path)))


def completed_module(before: str, after: str) -> str | None:
    """The largest module that contains `before` and not `after`: what is finished between the two.

    Both are module paths of neighbouring nodes. None where `after` lies within the module of `before`.
    """
    parts, following = before.split(".") if before else [], after.split(".") if after else []
    shared = 0
    while shared < min(len(parts), len(following)) and parts[shared] == following[shared]:
        shared += 1
    return ".".join(parts[: shared + 1]) if shared < len(parts) else None
