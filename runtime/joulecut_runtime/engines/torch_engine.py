"""The one engine behind all names: a lane, weights, and a builder that turns a lowered part into a callable."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from math import prod
from typing import Protocol

import torch
from torch import Tensor, fx
from torch.nn.attention import SDPBackend, sdpa_kernel

from joulecut_core.errors import ConfigError
from joulecut_core.timing import Clock
from joulecut_core.workloads import Workload
from joulecut_runtime.engines.engine import Border, EngineName, PartSeconds, Precision, PreparedPart
from joulecut_runtime.engines.lanes import Lane, Mark
from joulecut_runtime.engines.lowering import border_dtype, lowered
from joulecut_runtime.engines.weights import Weights
from joulecut_runtime.networks.parts import Part

_NO_KERNEL = "not implemented for"
"""In the words with which torch refuses an element type."""

_LOG = logging.getLogger(__name__)

Compute = Callable[..., tuple[Tensor, ...]]
"""A part's outputs for its inputs, both on the device."""


class Builder(Protocol):
    """Makes a callable of a module that lives on the lane's device."""

    def __call__(self, module: fx.GraphModule, samples: tuple[Tensor, ...], *, name: str, leaving: Border) -> Compute:
        """`samples`: tensors as the module will be given them. Called inside the lane's turn.

        Raises ConfigError where this way of running cannot run the module here.
        """
        ...


def eager(module: fx.GraphModule, samples: tuple[Tensor, ...], *, name: str, leaving: Border) -> Compute:
    """The module as it is."""
    del samples, name, leaving
    return module


def warm(module: fx.GraphModule, samples: tuple[Tensor, ...], *, name: str, leaving: Border) -> Compute:
    """The module as it is, run once, so that a GPU's libraries are loaded before the first request.

    Raises ConfigError where an operator has no kernel for the element type.
    """
    del leaving
    try:
        module(*samples)
    except RuntimeError as error:
        if _NO_KERNEL not in str(error):
            raise
        raise ConfigError(f"{name}: this torch cannot compute it so: {error}; use precision fp32") from error
    return module


class TorchEngine:
    """An engine; see `joulecut_runtime.engines.engine.Engine` and `open_engine`."""

    def __init__(self, name: EngineName, precision: Precision, lane: Lane, builder: Builder, clock: Clock) -> None:
        self.name = name
        self.precision = precision
        self.torch_device = lane.torch_device
        self._lane = lane
        self._builder = builder
        self._clock = clock
        self._weights = Weights(lane.torch_device, precision)

    def prepare(self, part: Part, *, entry: Border = Border.HOST, leaving: Border = Border.HOST) -> PreparedPart:
        """The part, ready to run; see `Engine.prepare`."""
        began_s = self._clock.now_s()
        with torch.inference_mode(), self._lane.turn():
            module = lowered(part, self.precision, self._weights, entry=entry, leaving=leaving)
            samples = self._lane.bring(
                [
                    torch.zeros(spec.shape, dtype=border_dtype(spec, self.precision, entry), device=self.torch_device)
                    for spec in part.inputs
                ],
                part.strides,
            )
            compute = self._builder(module, samples, name=part.name, leaving=leaving)
            self._lane.finish()
        preparation_s = self._clock.now_s() - began_s
        _LOG.debug("%s prepared for %s %s in %.3g s", part.name, self.name.value, self.precision.value, preparation_s)
        return _TorchPart(part, self._lane, compute, leaving, preparation_s)

    def prepare_over_batch(self, part: Part) -> PreparedPart:
        """The part over a further first dimension, of any length, of each of its inputs and outputs.

        Runs the eager kernels whatever the engine's name: they alone take any length. Raises ConfigError where an
        operator cannot be run so, DeviceError where the device fails.
        """
        began_s = self._clock.now_s()
        strides = tuple((prod(spec.shape), *inner) for spec, inner in zip(part.inputs, part.strides, strict=True))
        with torch.inference_mode(), self._lane.turn():
            module = lowered(part, self.precision, self._weights, entry=Border.HOST, leaving=Border.HOST)
            compute = over_batch(module, self.torch_device)
            samples = [
                torch.zeros((2, *spec.shape), dtype=getattr(torch, spec.dtype), device=self.torch_device)
                for spec in part.inputs
            ]
            refusal = _refusal(compute, self._lane.bring(samples, strides))
            self._lane.finish()
        if refusal is not None:
            raise ConfigError(f"{part.name} cannot run as a batch: {refusal}")
        preparation_s = self._clock.now_s() - began_s
        return _TorchPart(part, self._lane, compute, Border.HOST, preparation_s, strides)

    def synchronise(self) -> None:
        """Wait until everything asked of the device so far is done."""
        self._lane.finish()


def over_batch(module: fx.GraphModule, torch_device: torch.device) -> Compute:
    """The module for tensors that have one more dimension in front: convolutions and products become larger ones."""
    # Said at every run of an operator that torch splits up again; its results are right.
    torch._C._functorch._set_vmap_fallback_warning_enabled(False)  # type: ignore[attr-defined]  # noqa: SLF001, FBT003
    batched: Compute = torch.func.vmap(module)
    if torch_device.type != "cpu":
        return batched

    def compute(*tensors: Tensor) -> tuple[Tensor, ...]:
        # The CPU's fused attention would go through the batch one by one; products and a softmax need not.
        with sdpa_kernel(SDPBackend.MATH):
            return batched(*tensors)

    return compute


def _refusal(compute: Compute, samples: tuple[Tensor, ...]) -> str | None:
    """Why vmap cannot run it, in torch's words."""
    try:
        compute(*samples)
    except torch.cuda.OutOfMemoryError:
        raise
    except RuntimeError as error:
        return str(error).strip().partition("\n")[0]
    return None


class _TorchPart:
    def __init__(
        self,
        part: Part,
        lane: Lane,
        compute: Compute,
        leaving: Border,
        preparation_s: float,
        strides: tuple[tuple[int, ...], ...] | None = None,
    ) -> None:
        self.name = part.name
        self.workload: Workload = part.workload
        self.preparation_s = preparation_s
        self._strides = part.strides if strides is None else strides
        self._lane = lane
        self._compute = compute
        self._leaving = leaving

    def __repr__(self) -> str:
        return f"PreparedPart({self.name!r})"

    def __call__(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        lane = self._lane
        with torch.inference_mode(), lane.turn():
            outputs = self._compute(*lane.bring(tensors, self._strides))
            if self._leaving is Border.HOST:
                outputs = lane.fetch(outputs)
                lane.finish()
        return outputs

    def timed(self, tensors: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], PartSeconds]:
        """As a plain call, with a mark between the stages."""
        lane = self._lane
        with torch.inference_mode(), lane.turn():
            marks = [lane.mark()]
            brought = lane.bring(tensors, self._strides)
            marks.append(lane.mark())
            outputs = self._compute(*brought)
            marks.append(lane.mark())
            if self._leaving is Border.HOST:
                outputs = lane.fetch(outputs)
            marks.append(lane.mark())
            lane.finish()
            copy_in_s, compute_s, copy_out_s = map(_seconds, marks, marks[1:])
        return outputs, PartSeconds(copy_in_s=copy_in_s, compute_s=compute_s, copy_out_s=copy_out_s)


def _seconds(earlier: Mark, later: Mark) -> float:
    return earlier.seconds_to(later)
