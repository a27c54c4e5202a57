"""The lane of a device beside the host: one queue of work, asynchronous copies through page-locked memory.

    host    | put into staging | ask: copies in, kernels, copies out | wait ............ | outputs are the caller's
    queue                           in | kernels ...................... | out |

One wait per part, at its end, and none inside. Before staging memory is written again, the copies out of it
must be done: `bring` waits for them, which after a finished part is no wait at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import torch
from torch import Tensor

from joulecut_core.errors import DeviceError
from joulecut_runtime.engines.lanes import Mark
from joulecut_runtime.engines.staging import Allocate, StagingBuffers


class WorkQueue(Protocol):
    """A device's queue of work; a CUDA stream is one."""

    @property
    def torch_device(self) -> torch.device:
        """Whose queue it is."""
        ...

    def current(self) -> AbstractContextManager[object]:
        """A context in which torch's work goes to this queue."""
        ...

    def mark(self) -> Mark:
        """A mark behind everything queued."""
        ...

    def finish(self) -> None:
        """Wait until the queue is empty."""
        ...


class DeviceLane:
    """A lane over a queue; `allocate` makes page-locked host memory."""

    def __init__(self, queue: WorkQueue, allocate: Allocate) -> None:
        self._queue = queue
        self._allocate = allocate
        self._staging = StagingBuffers(allocate)
        self._staged: Mark | None = None

    @property
    def torch_device(self) -> torch.device:
        """Whose lane it is."""
        return self._queue.torch_device

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The queue's context; what torch raises in it, out of memory or a lost device, becomes a DeviceError."""
        try:
            with self._queue.current():
                yield
        except RuntimeError as error:
            reason = str(error).strip().partition("\n")[0]
            raise DeviceError(
                f"{self.torch_device} failed: {type(error).__name__}: {reason}; see the driver's log, and "
                "free its memory or restart this process where the message asks for it"
            ) from error

    def bring(self, tensors: Sequence[Tensor], strides: Sequence[tuple[int, ...]]) -> tuple[Tensor, ...]:
        """The tensors on the device; those that are there already and lie well are not copied."""
        if self._staged is not None:
            self._staged.wait()
            self._staged = None
        brought = tuple(map(self._brought, range(len(tensors)), tensors, strides))
        if any(tensor is not given for tensor, given in zip(brought, tensors, strict=True)):
            self._staged = self._queue.mark()
        return brought

    def fetch(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Copies in page-locked memory of their own: torch reuses it once nobody holds them any more."""
        return tuple(self._allocate(tensor).copy_(tensor, non_blocking=True) for tensor in tensors)

    def finish(self) -> None:
        """Wait until the queue is empty."""
        self._queue.finish()

    def mark(self) -> Mark:
        """A mark behind everything queued."""
        return self._queue.mark()

    def _brought(self, position: int, tensor: Tensor, strides: tuple[int, ...]) -> Tensor:
        there = tensor.device == self.torch_device
        if there and tensor.stride() == strides:
            return tensor
        target = torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype, device=self.torch_device)
        source = tensor if there else self._staging.buffer(position, target).copy_(tensor)
        return target.copy_(source, non_blocking=True)
