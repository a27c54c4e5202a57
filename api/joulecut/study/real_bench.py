"""Studies on real hardware: one device, real time, engines that really compute.

Where nobody may set clocks, they are left as they are, and the study says so: it then has one clock, the governor's.
Every engine's answer is compared with the eager one before it is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from joulecut.study.benches import PartSide
from joulecut.study.cell_meter import LayeredWork, Stand, Work
from joulecut.study.cells import CellKey
from joulecut.study.engine_names import EngineName, EngineOffer
from joulecut.study.exported_engines import exported_basis, exported_obstacle, prepare_exported
from joulecut.study.layers import Layer, layer_parts, whole_workload
from joulecut_core.clocks import ClockTable
from joulecut_core.devices import Device, DeviceInfo
from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock, SystemClock
from joulecut_runtime.devices.computing import torch_device_for
from joulecut_runtime.devices.hardware.probe import Probe
from joulecut_runtime.devices.host import HostProbe
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.engines import Border, Engine, engine_obstacle, open_engine
from joulecut_runtime.engines import EngineName as TorchEngineName
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.network import Network
from joulecut_runtime.networks.parts import Part
from joulecut_runtime.profiling.provision import example_inputs

_TOLERANCE = 1e-3
"""Of the outputs' largest value: other kernels round otherwise, wrong ones differ by far more."""
_GPU_BACKENDS = frozenset({"nvml", "jetson"})
_EXPORTED = frozenset({EngineName.ONNXRUNTIME, EngineName.TENSORRT})

Run = Callable[[Sequence[Tensor]], tuple[Tensor, ...]]


def open_real_bench(name: str, options: DeviceOptions | None = None) -> RealBench:
    """The bench of a real device by name. Raises DeviceError where it is not there."""
    clock = SystemClock()
    device = open_device(name, clock=clock, options=options)
    try:
        host = HostProbe(clock=clock)
        return RealBench(device, clock=clock, torch_device=torch_device_for(device.info), host=host)
    except BaseException:
        device.close()
        raise


class RealBench:
    """A Bench of a real device. `torch_device`: where its networks compute; `host`: the CPU that launches.

    Closes both with itself.
    """

    def __init__(self, device: Device, *, clock: Clock, torch_device: torch.device, host: Probe) -> None:
        self._stand = Stand(device=device, clock=clock, host_mhz=_clock_of(host))
        self._host = host
        self._device = device
        self._clock = clock
        self._torch_device = torch_device
        self.info: DeviceInfo = device.info
        self.clock_table: ClockTable = device.clock_table
        why_not = _why_not_held(device)
        self.holds_clocks = why_not is None
        self.doubt = _doubt(device.info, torch_device)
        self.remarks: Sequence[str] = tuple(_remarks(device.info, why_not, self.doubt))
        self.offers: Sequence[EngineOffer] = tuple(map(self._offer, EngineName))

    @contextmanager
    def stand(self, key: CellKey) -> Iterator[Stand]:
        """The one device, for whatever cell."""
        del key
        yield self._stand

    def whole(self, network: Network, engine: EngineName) -> Work:
        """The whole network on made-up inputs."""
        return self._work(network.whole, example_inputs(network.table.inputs), engine)

    def part(self, network: Network, cut: int, side: PartSide, engine: EngineName) -> Work:
        """A part on what the other side would hand it."""
        inputs = example_inputs(network.table.inputs)
        if side == "head":
            return self._work(network.head(cut), inputs, engine)
        return self._work(network.tail(cut), network.head(cut)(inputs), engine)

    def layered(self, graph: Graph, layers: Sequence[Layer]) -> LayeredWork:
        """Every layer on what the layers before it hand on, left on the device."""
        parts = layer_parts(graph, layers)
        torch_engine = self._torch_engine(EngineName.EAGER)
        tensors = example_inputs(graph.inputs)
        steps = []
        for part in parts:
            first, last = part is parts[0], part is parts[-1]
            prepared = torch_engine.prepare(
                part,
                entry=Border.HOST if first else Border.DEVICE,
                leaving=Border.HOST if last else Border.DEVICE,
            )
            steps.append(Work(workload=part.workload, compute=_called(prepared, tensors)))
            tensors = prepared(tensors)
        return LayeredWork(workload=whole_workload(layers), steps=tuple(steps))

    def close(self) -> None:
        """Restore the clocks and let go of the device."""
        self._device.close()
        self._host.close()

    def _work(self, part: Part, inputs: Sequence[Tensor], engine: EngineName) -> Work:
        run: Run
        if engine in _EXPORTED:
            run = prepare_exported(part, inputs, engine, self._torch_device)
        else:
            run = self._torch_engine(engine).prepare(part)
        if engine is not EngineName.EAGER:
            _check_same(part, engine, run(inputs), part(inputs))
        return Work(workload=part.workload, compute=_called(run, inputs))

    def _torch_engine(self, engine: EngineName) -> Engine:
        """A fresh one each time: the weights that it moved go with it."""
        return open_engine(TorchEngineName(engine.value), torch_device=self._torch_device, clock=self._clock)

    def _offer(self, engine: EngineName) -> EngineOffer:
        where = f"on {self._torch_device} ({torch.get_num_threads()} host threads)"
        if engine in _EXPORTED:
            obstacle = exported_obstacle(engine, self._torch_device)
            basis = obstacle or f"{exported_basis(engine, self._torch_device)} {where}"
        else:
            obstacle = engine_obstacle(TorchEngineName(engine.value), self._torch_device)
            basis = obstacle or f"torch {torch.__version__} FP32 {where}"
        return EngineOffer(engine=engine, available=obstacle is None, basis=basis)


def _clock_of(host: Probe) -> Callable[[], float | None]:
    """Reads the host CPU's clock; None where nothing can follow it."""
    if not host.capabilities.core_settable:
        return lambda: None
    return lambda: host.read().point.core_mhz


def _called(run: Run, tensors: Sequence[Tensor]) -> Callable[[], object]:
    return lambda: run(tensors)


def _why_not_held(device: Device) -> str | None:
    points = device.clock_table.points
    if len(points) == 1:
        return f"it lists one operating point, {points[0]}"
    try:
        with device.lease(device.clock_table.top):
            return None
    except DeviceError as error:
        return str(error)


def _doubt(info: DeviceInfo, torch_device: torch.device) -> str | None:
    if info.backend in _GPU_BACKENDS and torch_device.type == "cpu":
        return (
            f"Networks were computed on the host's CPU, not on {info.name}, for which this torch has no CUDA: "
            "its joules are not theirs."
        )
    return None


def _remarks(info: DeviceInfo, why_not_held: str | None, doubt: str | None) -> Iterator[str]:
    if doubt is not None:
        yield doubt
    if why_not_held is not None:
        yield f"Clocks were left to the device's own governor: {why_not_held}."
    if info.meter_period_s is None:
        yield f"Nothing meters {info.name}: there are seconds here and no joules."


def _check_same(part: Part, engine: EngineName, found: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    for index, (ours, reference) in enumerate(zip(found, expected, strict=True)):
        scale = float(reference.abs().max())
        difference = float((ours.to(torch.float64) - reference.to(torch.float64)).abs().max())
        if not difference <= _TOLERANCE * max(scale, 1e-12):
            raise DeviceError(
                f"{part.name} under {engine.value}: output {index} differs from the eager one by {difference:.3g} of "
                f"{scale:.3g}; expected at most {_TOLERANCE:g} of it: leave {engine.value} out"
            )
