"""Studies on an emulated device: each cell on a device of its own, in virtual time.

An emulated device computes nothing that anybody reads, so nothing is computed; its seconds and joules follow from the
operations. Each cell gets a fresh device whose noise is drawn from the study's seed and the cell: a cell comes out the
same whatever was measured before it, so a resumed study equals one that was never interrupted.

Engines differ by what the emulation models, which is the host's launch of each operation. `eager` is the device file
as it stands. `cuda-graph` is the same device with GRAPH_LAUNCH_SHARE of the launch: an assumption, and labelled so.
Engines that change the kernels themselves cannot be emulated and are refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import joulecut_runtime.devices
from joulecut.study.benches import PartSide
from joulecut.study.cell_meter import LayeredWork, Stand, Work
from joulecut.study.cells import CellKey
from joulecut.study.engine_names import EngineName, EngineOffer
from joulecut.study.layers import Layer, whole_workload
from joulecut_core.clocks import ClockTable
from joulecut_core.devices import DeviceInfo
from joulecut_core.timing import ManualClock
from joulecut_core.workloads import Workload
from joulecut_runtime.devices.device_file import DeviceFile, load_device_file
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.network import Network

EMULATED = "emulated:"
GRAPH_LAUNCH_SHARE = 1 / 3
"""Of an eager launch, under CUDA graphs: what the device files of data-centre GPUs say of their own launch."""
_EAGER_LAUNCH = "eager PyTorch on"
"""How those files begin; the launch of other files was fitted to other runtimes."""


class EmulatedBench:
    """A Bench of "emulated:<name or file>". Raises DeviceError for an unknown one."""

    holds_clocks = True
    remarks: Sequence[str] = ()
    doubt: str | None = None

    def __init__(self, name: str, *, seed: int) -> None:
        device = open_device(name, clock=ManualClock())
        self.info: DeviceInfo = device.info
        self.clock_table: ClockTable = device.clock_table
        device.close()
        self._seed = seed
        file = load_device_file(_file_of(name))
        self._files = {EngineName.EAGER: file}
        if file.launch.source.startswith(_EAGER_LAUNCH):
            self._files[EngineName.CUDA_GRAPH] = _with_graphs(file)
        self.offers: Sequence[EngineOffer] = tuple(_offer(engine, file, self._files) for engine in EngineName)

    @contextmanager
    def stand(self, key: CellKey) -> Iterator[Stand]:
        """A fresh device for the cell."""
        clock = ManualClock()
        device = EmulatedDevice(self._files[key.engine], clock=clock, seed=_seed_of(key, self._seed))
        try:
            yield Stand(device=device, clock=clock, host_mhz=_no_host)
        finally:
            device.close()

    def whole(self, network: Network, engine: EngineName) -> Work:
        """The whole network's operations."""
        del engine
        return _uncomputed(network.whole.workload)

    def part(self, network: Network, cut: int, side: PartSide, engine: EngineName) -> Work:
        """A part's operations."""
        del engine
        return _uncomputed((network.head(cut) if side == "head" else network.tail(cut)).workload)

    def layered(self, graph: Graph, layers: Sequence[Layer]) -> LayeredWork:
        """The layers' operations."""
        del graph
        return LayeredWork(
            workload=whole_workload(layers), steps=tuple(_uncomputed(layer.workload) for layer in layers)
        )

    def close(self) -> None:
        """Nothing is held."""


def _file_of(name: str) -> Path:
    short = name.removeprefix(EMULATED)
    if short.endswith(".toml"):
        return Path(short).expanduser()
    return Path(joulecut_runtime.devices.__file__).parent / "files" / f"{short}.toml"


def _with_graphs(file: DeviceFile) -> DeviceFile:
    return replace(file, launch=replace(file.launch, launch_s=GRAPH_LAUNCH_SHARE * file.launch.launch_s))


def _offer(engine: EngineName, file: DeviceFile, files: dict[EngineName, DeviceFile]) -> EngineOffer:
    launch = f"{1e6 * file.launch.launch_s:g} us of host per operation ({file.launch.basis.value})"
    reasons = {
        EngineName.EAGER: f"emulated: {launch}",
        EngineName.CUDA_GRAPH: (
            f"emulated, launch assumed: {GRAPH_LAUNCH_SHARE:.2f} of eager's {launch}; kernels unchanged"
            if EngineName.CUDA_GRAPH in files
            else f"this device file's launch is not that of an eager runtime: {file.launch.source}"
        ),
        EngineName.COMPILE: "the emulation models no kernel fusion, which is what torch.compile is for",
        EngineName.ONNXRUNTIME: "the emulation knows one runtime's kernels, not ONNX Runtime's",
        EngineName.TENSORRT: "the emulation models neither TensorRT's kernel choice nor its fusion",
    }
    return EngineOffer(engine=engine, available=engine in files, basis=reasons[engine])


def _seed_of(key: CellKey, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {key}".encode()).digest()[:4], "big")


def _uncomputed(workload: Workload) -> Work:
    return Work(workload=workload, compute=_nothing)


def _nothing() -> None:
    """What computing on an emulated device comes to."""


def _no_host() -> float | None:
    """An emulated device has no host CPU whose clock could be read: the launch stands for it."""
    return None
