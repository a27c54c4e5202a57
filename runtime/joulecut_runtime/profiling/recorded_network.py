"""A network that answers from a recording, so that an emulated device can be profiled on virtual time.

An emulated device's seconds and joules follow from the workload alone; computing the same tensors some
ten thousand times on this machine's CPU would change nothing but the waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from joulecut_core.networks import CutTable
from joulecut_core.workloads import Workload
from joulecut_runtime.profiling.measurable import MeasurableNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPart:
    """A stretch of the network whose outputs are known."""

    workload: Workload
    outputs: tuple[Tensor, ...]

    def __call__(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The recorded outputs, whatever the inputs."""
        del tensors
        return self.outputs


class RecordedNetwork:
    """A MeasurableNetwork that ran once, on `inputs`."""

    def __init__(self, network: MeasurableNetwork, inputs: tuple[Tensor, ...]) -> None:
        self.table: CutTable = network.table
        self._crossing = [inputs]
        for step in network.steps():
            self._crossing.append(step(self._crossing[-1]))

    @property
    def whole(self) -> RecordedPart:
        """All blocks."""
        return self._part(0, self.table.last)

    def head(self, cut: int) -> RecordedPart:
        """The blocks before a cut."""
        return self._part(0, cut)

    def tail(self, cut: int) -> RecordedPart:
        """The blocks after a cut."""
        return self._part(cut, self.table.last)

    def steps(self) -> tuple[RecordedPart, ...]:
        """One part per block."""
        return tuple(self._part(block, block + 1) for block in range(self.table.last))

    def _part(self, begin: int, end: int) -> RecordedPart:
        blocks = tuple(block.operations for block in self.table.blocks[begin:end])
        return RecordedPart(workload=Workload(blocks=blocks), outputs=self._crossing[end])
