"""A lane: the one order in which a torch device does an engine's work, and how tensors get there and back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from joulecut_core.timing import Clock
from joulecut_runtime.networks.parts import laid_out


class Mark(Protocol):
    """A place in a lane's order of work."""

    def wait(self) -> None:
        """Wait until the device has come past it."""
        ...

    def seconds_to(self, later: Mark) -> float:
        """Seconds the device took from here to there; both must have been passed."""
        ...


class Lane(Protocol):
    """Work asked of a lane is done in that order. One thread at a time."""

    @property
    def torch_device(self) -> torch.device:
        """Where the work is done."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """A context in which torch's work goes to this lane. Raises DeviceError where the device fails in it."""
        ...

    def bring(self, tensors: Sequence[Tensor], strides: Sequence[tuple[int, ...]]) -> tuple[Tensor, ...]:
        """The tensors on the device, laid out in memory with these strides (in elements). Does not wait."""
        ...

    def fetch(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The tensors in the host's memory, the caller's own. Their values are there after `finish`."""
        ...

    def finish(self) -> None:
        """Wait until everything asked so far is done."""
        ...

    def mark(self) -> Mark:
        """A mark behind everything asked so far."""
        ...


@dataclass(frozen=True, slots=True)
class _Instant:
    time_s: float

    def wait(self) -> None:
        """Nothing is ever pending on the host."""

    def seconds_to(self, later: Mark) -> float:
        """Seconds between two instants."""
        assert isinstance(later, _Instant)  # noqa: S101 - a lane's marks are of one kind
        return later.time_s - self.time_s


class HostLane:
    """The host's own CPU: work is done when it is asked for."""

    torch_device = torch.device("cpu")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def turn(self) -> AbstractContextManager[None]:
        """No context is needed."""
        return nullcontext()

    def bring(self, tensors: Sequence[Tensor], strides: Sequence[tuple[int, ...]]) -> tuple[Tensor, ...]:
        """The tensors themselves where they lie well, else copies."""
        return tuple(map(laid_out, tensors, strides))

    def fetch(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The tensors themselves."""
        return tuple(tensors)

    def finish(self) -> None:
        """Nothing is ever pending."""

    def mark(self) -> Mark:
        """Now."""
        return _Instant(self._clock.now_s())
