"""A queue of work over memory that is no device's: it remembers what was asked of it and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from joulecut_runtime.engines.lanes import Mark


@dataclass(frozen=True, slots=True)
class FakeMark:
    """A mark that is passed at a whole second, one more with each."""

    number: int
    waited: Callable[[int], None]

    def wait(self) -> None:
        self.waited(self.number)

    def seconds_to(self, later: Mark) -> float:
        assert isinstance(later, FakeMark)
        return float(later.number - self.number)


class FakeQueue:
    """Computes on the CPU at once; on "meta" it computes nothing, which is enough to watch buffers."""

    def __init__(self, device: str = "cpu") -> None:
        self.torch_device = torch.device(device)
        self.log: list[str] = []
        self.on_wait: Callable[[], None] = lambda: None
        self._marks = 0

    @contextmanager
    def current(self) -> Iterator[None]:
        self.log.append("enter")
        yield
        self.log.append("leave")

    def mark(self) -> Mark:
        self._marks += 1
        self.log.append(f"mark {self._marks}")
        return FakeMark(self._marks, self._waited)

    def finish(self) -> None:
        self.log.append("finish")

    def _waited(self, number: int) -> None:
        self.log.append(f"wait {number}")
        self.on_wait()


class HostMemory:
    """Allocates ordinary memory in place of page-locked memory, and remembers what it gave."""

    def __init__(self) -> None:
        self.given: list[Tensor] = []

    def __call__(self, like: Tensor) -> Tensor:
        tensor = torch.empty_strided(like.shape, like.stride(), dtype=like.dtype)
        self.given.append(tensor)
        return tensor
