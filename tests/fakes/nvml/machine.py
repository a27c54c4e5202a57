"""Drive the fake machine: give processes its GPUs, break them, see what is locked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.nvml import state
from tests.fakes.nvml.building import SONAME, library_folder
from tests.fakes.nvml.clock import FakeClock
from tests.fakes.nvml.generations import GENERATIONS, Generation
from tests.fakes.nvml.gpu import FakeGpu

_START_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One attempt to change a GPU: who called what, with which clocks, and the code that was answered."""

    pid: int
    call: str
    gpu: int
    clocks_mhz: tuple[int, int]
    code: int


class FakeNvml:
    """A machine with GPUs, in a folder of its own.

    Lives in a file, as a driver lives in a kernel: locks outlast the processes that set them.
    """

    def __init__(
        self,
        folder: Path,
        gpus: Sequence[str | Generation] = ("h100",),
        *,
        leave_out: frozenset[str] = frozenset(),
        driver_version: str = "580.95.05",
        counter_period_s: float = 0.02,
        settle_s: float = 0.0,
        persistence: bool = True,
        moves_by_hand: bool = False,
    ) -> None:
        self.path = folder / "fake-nvml"
        self.library = library_folder(leave_out) / SONAME
        state.create(self.path)
        generations = [GENERATIONS[gpu] if isinstance(gpu, str) else gpu for gpu in gpus]
        with state.changing(self.path) as machine:
            machine.privileged = 1
            machine.generation = 1
            machine.time_ns = _START_NS if moves_by_hand else 0
            machine.driver_version = driver_version.encode()
            machine.gpu_count = len(generations)
            for index, generation in enumerate(generations):
                gpu = machine.gpus[index]
                _describe(gpu, generation, index)
                gpu.counter_period_s = counter_period_s
                gpu.settle_s = settle_s
                gpu.persistence = int(persistence)
        self.gpus = tuple(FakeGpu(self.path, index) for index in range(len(generations)))

    @property
    def gpu(self) -> FakeGpu:
        """The first GPU."""
        return self.gpus[0]

    def environment(self, *, privileged: bool = True, busy: float = 0.0) -> dict[str, str]:
        """The environment of a process that sees these GPUs; `busy`: how much it uses them while it has NVML open."""
        paths = [str(self.library.parent), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
        return {
            **os.environ,
            **state.environment_of(self.path, privileged=privileged, busy=busy),
            "LD_LIBRARY_PATH": os.pathsep.join(paths),
        }

    def python(self, source: str, *, environment: Mapping[str, str] | None = None) -> Any:
        """Run a script in a process of its own and return the JSON on its last line."""
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", source],
            env=self.environment() if environment is None else environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if result.returncode != 0:
            raise RuntimeError(f"the script failed:\n{result.stderr}")
        return json.loads(result.stdout.splitlines()[-1])

    def fail(self, call: str, code: int, *, after: int = 0) -> None:
        """Let a call answer `code` from its `after`-th use on, in every process, until `heal`."""
        with state.changing(self.path) as machine:
            free = next(fault for fault in machine.faults if not fault.code)
            free.symbol, free.code, free.after = call.encode(), code, after

    def hang(self, call: str, *, after: int = 0) -> None:
        """Let a call block from its `after`-th use on, in every process, until `heal`; `nvmlInit_v2` can be one."""
        self.fail(call, state.HANGS, after=after)

    def heal(self) -> None:
        """End every fault that `fail` or `hang` began."""
        with state.changing(self.path) as machine:
            for fault in machine.faults:
                fault.code = 0

    @property
    def clock(self) -> FakeClock:
        """The time of a machine that `moves_by_hand`: sleeping on it lets GPUs count joules, and takes none."""
        return FakeClock(self.path)

    @property
    def calls(self) -> int:
        """How often any process called the library."""
        return int(state.read(self.path).calls)

    @property
    def clients(self) -> int:
        """How many living processes have the library open."""
        clients = state.read(self.path).clients
        return sum(1 for slot in range(state.CLIENTS) if clients[slot].used and state.lives(self.path, slot))

    @property
    def journal(self) -> tuple[Change, ...]:
        """Every attempt to change something, by any process, in order."""
        journal = Path(f"{self.path}.journal")
        lines = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
        return tuple(_change(line.split()) for line in lines)


def _change(words: list[str]) -> Change:
    pid, call, gpu, first, second, code = words
    return Change(pid=int(pid), call=call, gpu=int(gpu), clocks_mhz=(int(first), int(second)), code=int(code))


def _describe(gpu: state.Gpu, generation: Generation, index: int) -> None:
    gpu.name = generation.name.encode()
    gpu.uuid = f"GPU-{index:08x}-fa4e-4e56-8d4c-{generation.pci_device_id:012x}".encode()
    gpu.bus_id = f"00000000:{0x3B + 8 * index:02X}:00.0".encode()
    gpu.architecture = generation.architecture
    gpu.pci_device_id = generation.pci_device_id
    gpu.capabilities = int(generation.can)
    gpu.memory_count = len(generation.cores_mhz)
    for place, (memory_mhz, cores_mhz) in enumerate(generation.cores_mhz.items()):
        gpu.memory_mhz[place] = memory_mhz
        gpu.core_count[place] = len(cores_mhz)
        for position, core_mhz in enumerate(cores_mhz):
            gpu.core_mhz[place][position] = core_mhz
    gpu.default_core_mhz = generation.default_core_mhz
    gpu.idle_core_mhz = generation.idle_core_mhz
    gpu.idle_memory_mhz = generation.idle_memory_mhz
    top_ghz = max(max(cores) for cores in generation.cores_mhz.values()) / 1000.0
    top_memory_ghz = max(generation.cores_mhz) / 1000.0
    busy_w = generation.full_w - generation.idle_w
    gpu.idle_w = generation.idle_w * 0.8
    gpu.memory_w_per_ghz = generation.idle_w * 0.2 / top_memory_ghz
    gpu.idle_w_per_ghz = busy_w * 0.15 / top_ghz
    gpu.busy_w_per_ghz = busy_w * 0.35 / top_ghz
    gpu.busy_w_cubic = busy_w * 0.5 / top_ghz**3
    gpu.limit_w = generation.limit_w
    gpu.temperature_c = 41.0
    gpu.calls_until_lost = -1
