"""Runs stretches of one network for several requests at once, on one device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise

from torch import Tensor

from joulecut_core.devices import Device
from joulecut_core.errors import ContractError
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.workloads import Workload
from joulecut_runtime.engines import Engine, EngineNetwork
from joulecut_runtime.execution.batched_parts import BatchedPart
from joulecut_runtime.execution.part_runner import PartRunner, Stage
from joulecut_runtime.networks.network import Network
from joulecut_runtime.networks.parts import Part
from joulecut_runtime.wires.codecs import Codec, decode_expected


@dataclass(frozen=True, slots=True)
class _Variant:
    prepared: EngineNetwork
    speed_up: float = 1.0
    stretches: dict[Part, BatchedPart] = field(default_factory=dict)


class BatchRunner(PartRunner):
    """A PartRunner that also runs batches, and these in several precisions. One thread."""

    def __init__(self, network: Network, device: Device, engine: Engine | None = None) -> None:
        """As a PartRunner."""
        super().__init__(network, device, engine)
        self._variants = [_Variant(self._prepared)]
        self.entries: set[int] = set()
        """The cuts that requests come in at: a batch that runs looks for company there."""

    def prepare(self, cut: int, *, head: bool) -> float:
        """As a PartRunner, for batches too: those that start here, and those that come by."""
        seconds = super().prepare(cut, head=head)
        last = self.network.table.last
        if not head and cut < last:
            self.entries.add(cut)
            self.batched(cut, last)
            for variant in range(len(self._variants)):
                self.batched(cut, last, variant)
                for first, second in pairwise(sorted({*self.entries, last})):
                    self.batched(first, second, variant)
        return seconds

    def add_variant(self, engine: Engine, *, speed_up: float = 1.0) -> int:
        """Run batches in another precision too; returns its number, 0 being the captured one.

        `speed_up`: how many times as fast as that an emulated device is to be.
        """
        self._variants.append(_Variant(EngineNetwork(self.network, engine), speed_up))
        return len(self._variants) - 1

    def batched(self, first: int, last: int, variant: int = 0) -> BatchedPart:
        """What lies between two cuts, ready to run for any number of requests."""
        part, chosen = self.network.stretch(first, last), self._variants[variant]
        found = chosen.stretches.get(part)
        if found is None:
            found = chosen.stretches[part] = BatchedPart(chosen.prepared, part)
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
        self, first: int, last: int, requests: Sequence[Sequence[Tensor]], variant: int = 0
    ) -> tuple[list[tuple[Tensor, ...]], Stage]:
        """Run what lies between two cuts for each request's tensors, at least one; seconds and joules of all."""
        batched = self.batched(first, last)
        workload = batched.workload(len(requests))
        if variant:
            batched = self.batched(first, last, variant)
            # An emulated device has kernels for whole batches in every precision; this host may have to go one by one.
            workload = replace(workload, speed_up=self._variants[variant].speed_up)
        with self.device.execution(workload) as execution:
            outputs = batched(requests)
        self.busy_s += execution.elapsed_s
        return outputs, Stage(time_s=execution.elapsed_s, energy_j=execution.energy_j)
