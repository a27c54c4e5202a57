"""A CUDA stream as a queue of work, its events as marks."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from joulecut_runtime.engines.lanes import Mark


@dataclass(frozen=True, slots=True)
class _CudaMark:
    event: torch.cuda.Event

    def wait(self) -> None:
        """Block the calling thread until the event has happened."""
        self.event.synchronize()

    def seconds_to(self, later: Mark) -> float:
        """Seconds between two events on the device, to about half a microsecond."""
        assert isinstance(later, _CudaMark)  # noqa: S101 - a queue's marks are of one kind
        elapsed_ms: float = self.event.elapsed_time(later.event)
        return elapsed_ms / 1e3


class CudaQueue:
    """One stream of one GPU, apart from torch's default stream."""

    def __init__(self, torch_device: torch.device) -> None:
        self.torch_device = torch_device
        self.stream = torch.cuda.Stream(torch_device)  # type: ignore[no-untyped-call]  # torch's, untyped

    def current(self) -> AbstractContextManager[object]:
        """Make the stream, and its device, torch's current ones."""
        return torch.cuda.stream(self.stream)

    def mark(self) -> Mark:
        """An event that the device's own clock stamps."""
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(self.stream)
        return _CudaMark(event)

    def finish(self) -> None:
        """Wait until the stream is empty."""
        self.stream.synchronize()


def page_locked(like: Tensor) -> Tensor:
    """An empty tensor in page-locked host memory; torch keeps and reuses what is freed."""
    return torch.empty_like(like, device="cpu", pin_memory=True)
