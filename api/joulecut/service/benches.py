"""Where a served network is measured: on an emulated device in its own time, or on a real one in ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

from torch import Tensor

from joulecut.networks.accuracy import VariantName
from joulecut.service.measurement import BatchWork
from joulecut_core.devices import Device
from joulecut_core.errors import ConfigError
from joulecut_core.timing import Clock, ManualClock, SystemClock
from joulecut_core.workloads import Operation
from joulecut_runtime.devices.computing import torch_device_for
from joulecut_runtime.devices.opening import is_real, open_device
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.engines import Engine, EngineName, EngineNetwork, Precision, open_engine
from joulecut_runtime.networks.network import Network
from joulecut_runtime.profiling.provision import example_inputs
from joulecut_runtime.quantised.int8_engine import Int8Engine
from joulecut_runtime.quantised.scales import Scales, check_count


class Bench(Protocol):
    """A device in its own time, and how networks compute on it."""

    @property
    def device(self) -> Device:
        """What is measured."""
        ...

    @property
    def clock(self) -> Clock:
        """Its time."""
        ...

    @property
    def variants(self) -> Sequence[VariantName]:
        """The precisions worth serving there, full precision first."""
        ...

    @property
    def measures_variants(self) -> bool:
        """Whether variants really compute there; else their times are assumed."""
        ...

    def work(self, network: Network, bounds: Sequence[int], variant: VariantName, scales: Scales | None) -> BatchWork:
        """A batch of the network in units of blocks. Raises ConfigError where the variant cannot run there."""
        ...


class EmulatedBench:
    """An emulated device. Its seconds and joules follow from the operations, so nothing is computed."""

    measures_variants = False
    variants = (VariantName.FP32, VariantName.FP16, VariantName.INT8)

    def __init__(self, name: str, *, seed: int) -> None:
        """`seed`: of its noise."""
        self.clock: Clock = ManualClock()
        self.device: Device = open_device(name, clock=self.clock, seed=seed)

    def work(self, network: Network, bounds: Sequence[int], variant: VariantName, scales: Scales | None) -> BatchWork:
        """The operations of each unit."""
        del variant, scales
        units = unit_operations(network, bounds)
        return BatchWork(operations=units, runs=(_nothing,) * len(units))


class RealBench:
    """A real device; `options` say how it is opened and which engine computes full precision."""

    measures_variants = True

    def __init__(self, name: str, *, options: DeviceOptions) -> None:
        """Raises DeviceError where it is not there."""
        self.clock: Clock = SystemClock()
        self.device: Device = open_device(name, clock=self.clock, options=options)
        self._engine = EngineName(options.engine)
        self._torch_device = torch_device_for(self.device.info)
        on_cpu = self._torch_device.type == "cpu"
        # FP16 is some fifty times slower than FP32 on a CPU, and torch has no INT8 kernels for a GPU.
        self.variants = (
            (VariantName.FP32, VariantName.BF16, VariantName.INT8)
            if on_cpu
            else (VariantName.FP32, VariantName.FP16, VariantName.BF16)
        )

    def work(self, network: Network, bounds: Sequence[int], variant: VariantName, scales: Scales | None) -> BatchWork:
        """The network's blocks on an engine of their own, fed with inputs that only have to run."""
        steps = EngineNetwork(network, self._opened(network, variant, scales)).steps()
        crossing = [example_inputs(network.table.inputs)]
        for step in steps:
            crossing.append(step(crossing[-1]))

        def unit(first: int, last: int) -> Callable[[], None]:
            given: Sequence[Tensor] = crossing[first]

            def run() -> None:
                tensors = given
                for step in steps[first:last]:
                    tensors = step(tensors)

            return run

        return BatchWork(
            operations=unit_operations(network, bounds), runs=tuple(unit(*ends) for ends in pairwise(bounds))
        )

    def _opened(self, network: Network, variant: VariantName, scales: Scales | None) -> Engine:
        if variant is not VariantName.INT8:
            return open_engine(
                self._engine, Precision(variant.value), torch_device=self._torch_device, clock=self.clock
            )
        if self._torch_device.type != "cpu" or scales is None:
            raise ConfigError(f"int8 on {self._torch_device}: expected a CPU, and a network with scales")
        engine = Int8Engine(scales, clock=self.clock)
        check_count(engine.prepare(network.whole).kernels, scales, network.table.network)
        return engine


def open_bench(name: str, *, seed: int, options: DeviceOptions) -> Bench:
    """The bench of a device that a user names. Raises DeviceError for an unknown one; close its device after use."""
    return RealBench(name, options=options) if is_real(name) else EmulatedBench(name, seed=seed)


def unit_operations(network: Network, bounds: Sequence[int]) -> tuple[tuple[Operation, ...], ...]:
    """What each unit of blocks asks of a device."""
    blocks = network.table.blocks
    return tuple(
        tuple(operation for block in blocks[first:last] for operation in block.operations)
        for first, last in pairwise(bounds)
    )


def _nothing() -> None:
    """What computing on an emulated device comes to."""
