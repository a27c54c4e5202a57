"""Runs stretches of one network for several requests at once, on one device."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise

from torch import Tensor

from joulecut_core.devices import Device
from joulecut_core.errors import ContractError
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.workloads import Workload
from joulecut_runtime.batched_parts import BatchedPart
from joulecut_runtime.codecs import Codec, decode_expected
from joulecut_runtime.engines import Engine
from joulecut_runtime.network import Network
from joulecut_runtime.part_runner import PartRunner, Stage
from joulecut_runtime.parts import Part


class BatchRunner(PartRunner):
    """A PartRunner that also runs batches. One thread."""

    def __init__(self, network: Network, device: Device, engine: Engine | None = None) -> None:
        """As a PartRunner."""
        super().__init__(network, device, engine)
        self._stretches: dict[Part, BatchedPart] = {}
        self.entries: set[int] = set()
        """The cuts that requests come in at: a batch that runs looks for company there."""

    def prepare(self, cut: int, *, head: bool) -> float:
        """As a PartRunner, for batches too: those that start here, and those that come by."""
        seconds = super().prepare(cut, head=head)
        last = self.network.table.last
        if not head and cut < last:
            self.entries.add(cut)
            self.batched(cut, last)
            for first, second in pairwise(sorted({*self.entries, last})):
                self.batched(first, second)
        return seconds

    def batched(self, first: int, last: int) -> BatchedPart:
        """What lies between two cuts, ready to run for any number of requests."""
        part = self.network.stretch(first, last)
        found = self._stretches.get(part)
        if found is None:
            found = self._stretches[part] = BatchedPart(self._prepared, part)
        return found

    def decode(
        self, payloads: Sequence[tuple[int, Codec, Sequence[TensorFrame]]]
    ) -> list[tuple[tuple[Tensor, ...] | ContractError, Stage]]:
        """The tensors of requests at their cuts, or why there are none; one execution, shared out by bytes."""
        cuts = self.network.table.cuts
        workloads = [codec.decode_workload(cuts[cut].tensors) for cut, codec, _ in payloads]
        decoded: list[tuple[Tensor, ...] | ContractError] = []
        with self.device.execution(
            Workload(blocks=(tuple(chain.from_iterable(each.operations for each in workloads)),))
        ) as execution:
            for cut, codec, frames in payloads:
                try:
                    decoded.append(decode_expected(codec, frames, cuts[cut].tensors))
                except ContractError as error:
                    decoded.append(error)
        in_all = sum(workload.size_bytes for workload in workloads)
        shares = [workload.size_bytes / in_all if in_all else 1.0 / len(workloads) for workload in workloads]
        stages = [
            Stage(
                time_s=share * execution.elapsed_s,
                energy_j=None if execution.energy_j is None else share * execution.energy_j,
            )
            for share in shares
        ]
        return list(zip(decoded, stages, strict=True))

    def stretch(
        self, first: int, last: int, requests: Sequence[Sequence[Tensor]]
    ) -> tuple[list[tuple[Tensor, ...]], Stage]:
        """Run what lies between two cuts for each request's tensors, at least one; seconds and joules of all."""
        batched = self.batched(first, last)
        with self.device.execution(batched.workload(len(requests))) as execution:
            outputs = batched(requests)
        self.busy_s += execution.elapsed_s
        return outputs, Stage(time_s=execution.elapsed_s, energy_j=execution.energy_j)
