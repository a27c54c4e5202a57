"""What measurements ask of a network: the whole, its parts and its blocks, each callable and described."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from joulecut_core.networks import CutTable
from joulecut_core.workloads import Workload


class MeasurablePart(Protocol):
    """A stretch of a network that runs as one."""

    @property
    def workload(self) -> Workload:
        """What running it asks of a device; one block per block of the cut table."""
        ...

    def __call__(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The stretch's outputs for its inputs."""
        ...


class MeasurableNetwork(Protocol):
    """A network with candidate cuts. `joulecut_runtime.networks.network.Network` is one."""

    @property
    def table(self) -> CutTable:
        """The cuts and the blocks between them."""
        ...

    @property
    def whole(self) -> MeasurablePart:
        """All blocks as one part."""
        ...

    def head(self, cut: int) -> MeasurablePart:
        """The blocks before a cut, cut >= 1."""
        ...

    def tail(self, cut: int) -> MeasurablePart:
        """The blocks after a cut, cut < last."""
        ...

    def steps(self) -> Sequence[MeasurablePart]:
        """One part per block: step k turns the tensors of cut k into those of cut k + 1."""
        ...
