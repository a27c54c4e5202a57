"""One name for what torch calls by several: calls of other operators as calls of joulecut's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from torch import Tensor, fx

Arguments = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """An operator and its arguments, tensors as nodes of the program."""

    operator: str
    arguments: Arguments


def respelled(node: fx.Node) -> Spelling | None:
    """The call in joulecut's terms; None where it has no other spelling."""
    rule = _RULES.get(str(node.target))
    return None if rule is None else rule(node)


def is_respelled(operator: str) -> bool:
    """Whether calls of an operator may have another spelling."""
    return operator in _RULES


def _reshape(node: fx.Node) -> Spelling:
    """Views of a shape, however they are spelt."""
    return Spelling(operator="aten.reshape.default", arguments=(node.args[0], tuple(_value(node).shape)))


def _batch_norm(node: fx.Node) -> Spelling:
    """Inference-mode batch norm; the statistics it also gives are empty."""
    source, weight, bias, mean, variance, momentum, epsilon = node.args
    arguments = (source, weight, bias, mean, variance, False, momentum, epsilon, False)
    return Spelling(operator="aten.batch_norm.default", arguments=arguments)


def _instance_norm(node: fx.Node) -> Spelling:
    """Over each channel by itself, which are as many groups; over kept statistics a batch norm."""
    source, weight, bias, mean, variance, own, momentum, epsilon, _ = node.args
    if own:
        channels = _value(cast("fx.Node", source)).shape[1]
        return Spelling(operator="aten.group_norm.default", arguments=(source, channels, weight, bias, epsilon, False))
    arguments = (source, weight, bias, mean, variance, False, momentum, epsilon, False)
    return Spelling(operator="aten.batch_norm.default", arguments=arguments)


def _convolution(node: fx.Node) -> Spelling:
    """What torch calls by one name for every number of dimensions, and for both directions."""
    source, weight, bias, stride, padding, dilation, transposed, output_padding, groups = node.args
    dimensions = _value(cast("fx.Node", source)).dim() - 2
    if not transposed:
        return Spelling(
            operator=f"aten.conv{dimensions}d.default",
            arguments=(source, weight, bias, stride, padding, dilation, groups),
        )
    overload = "default" if dimensions == 1 else "input"
    return Spelling(
        operator=f"aten.conv_transpose{dimensions}d.{overload}",
        arguments=(source, weight, bias, stride, padding, output_padding, groups, dilation),
    )


def _padding(node: fx.Node) -> Spelling:
    """With one number."""
    source, margins, value = (*node.args, 0.0)[:3]
    return Spelling(operator="aten.pad.default", arguments=(source, margins, "constant", float(cast("float", value))))


def _with_number(node: fx.Node) -> Spelling:
    """A number takes the place of a tensor; what sums and differences multiply it by goes into it."""
    name = str(node.target).removesuffix(".Scalar")
    source, number, factor = (*node.args, 1)[:3]
    return Spelling(operator=f"{name}.Tensor", arguments=(source, cast("float", number) * cast("float", factor)))


def _value(node: fx.Node) -> Tensor:
    value: Tensor = node.meta["val"]
    return value


_RULES: Mapping[str, Callable[[fx.Node], Spelling]] = {
    "aten._native_batch_norm_legit_no_training.default": _batch_norm,
    "aten._unsafe_view.default": _reshape,
    "aten.add.Scalar": _with_number,
    "aten.constant_pad_nd.default": _padding,
    "aten.convolution.default": _convolution,
    "aten.div.Scalar": _with_number,
    "aten.instance_norm.default": _instance_norm,
    "aten.mul.Scalar": _with_number,
    "aten.reshape.default": _reshape,
    "aten.squeeze.default": _reshape,
    "aten.squeeze.dims": _reshape,
    "aten.sub.Scalar": _with_number,
    "aten.view.default": _reshape,
}
