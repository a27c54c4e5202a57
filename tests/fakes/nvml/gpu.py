"""One GPU of the fake machine, as a test handles it."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.nvml import state

_PERIOD_OF_LOSS = "a GPU can be lost after 0 or more calls"


class FakeGpu:
    """What the world does to a GPU, and what its driver holds and does."""

    def __init__(self, path: Path, index: int) -> None:
        self._path = path
        self.index = index
        self.uuid: str = self._now().uuid.decode()
        self.bus_id: str = self._now().bus_id.decode()

    def use(self, utilisation: float) -> None:
        """Let something compute on it, from 0 (idle) to 1."""
        self._write(utilisation=utilisation)

    def limit_power(self, watts: float) -> None:
        """Set its power limit: a clock that would draw more is not run at."""
        self._write(limit_w=watts)

    def heat(self, celsius: float, *, ceiling_mhz: int) -> None:
        """Make it hot: the driver keeps it below a clock (0: no longer)."""
        self._write(temperature_c=celsius, thermal_mhz=ceiling_mhz)

    def slow_down(self, ceiling_mhz: int) -> None:
        """Let the board brake it below a clock (0: no longer)."""
        self._write(hardware_mhz=ceiling_mhz)

    def set_persistence(self, *, on: bool) -> None:
        """Whether the driver stays loaded when nobody has it open."""
        self._write(persistence=int(on))

    def set_mig(self, *, on: bool) -> None:
        """Whether it is divided into instances."""
        self._write(mig=int(on))

    def set_mps(self, processes: int) -> None:
        """How many processes share it through the multi-process service."""
        self._write(mps_processes=processes)

    def set_counter_period(self, period_s: float) -> None:
        """How often its energy counter changes from now on."""
        self._write(counter_period_s=period_s)

    def refuse(self, can: state.Can) -> None:
        """Take something away that its driver offers."""
        self._write(capabilities=self._now().capabilities & ~int(can))

    def lose(self, *, after_calls: int = 0) -> None:
        """Let it fall off the bus, at once or after some more calls of any process."""
        if after_calls < 0:
            raise ValueError(f"{after_calls} calls; {_PERIOD_OF_LOSS}")
        self._write(calls_until_lost=after_calls)

    def revive(self, *, for_new_clients_only: bool = False) -> None:
        """Bring it back, its clocks reset. Clients that had it open may have to initialise again to see it."""
        with state.changing(self._path) as machine:
            gpu = machine.gpus[self.index]
            gpu.lost, gpu.calls_until_lost = 0, -1
            gpu.lock_min_mhz = gpu.lock_max_mhz = gpu.memory_lock_min_mhz = gpu.memory_lock_max_mhz = 0
            gpu.application_core_mhz = gpu.application_memory_mhz = 0
            gpu.energy_j = gpu.counter_j = 0.0
            if for_new_clients_only:
                machine.generation += 1
                gpu.revived_in = machine.generation

    def lock_clocks(self, core_mhz: int) -> None:
        """Lock its core clock, as another tool would."""
        self._write(lock_min_mhz=core_mhz, lock_max_mhz=core_mhz)

    def set_application_clocks(self, memory_mhz: int, core_mhz: int) -> None:
        """Set its application clocks, as another tool would."""
        self._write(application_memory_mhz=memory_mhz, application_core_mhz=core_mhz)

    @property
    def lock(self) -> tuple[int, int] | None:
        """The range its core clock is locked to."""
        gpu = self._held()
        return (gpu.lock_min_mhz, gpu.lock_max_mhz) if gpu and gpu.lock_max_mhz else None

    @property
    def memory_lock(self) -> tuple[int, int] | None:
        """The range its memory clock is locked to."""
        gpu = self._held()
        return (gpu.memory_lock_min_mhz, gpu.memory_lock_max_mhz) if gpu and gpu.memory_lock_max_mhz else None

    @property
    def application_clocks(self) -> tuple[int, int] | None:
        """The (memory, core) application clocks that somebody set to other than the default ones."""
        gpu = self._held()
        if gpu is None or not gpu.application_core_mhz:
            return None
        clocks = (gpu.application_memory_mhz, gpu.application_core_mhz)
        return None if clocks == (gpu.memory_mhz[0], gpu.default_core_mhz) else clocks

    @property
    def is_untouched(self) -> bool:
        """Whether no clock of it is held in any way."""
        return self.lock is None and self.memory_lock is None and self.application_clocks is None

    @property
    def drawn_j(self) -> float:
        """Joules drawn since the driver was loaded, up to the last call of any process."""
        return float(self._now().energy_j)

    def _now(self) -> state.Gpu:
        gpu: state.Gpu = state.read(self._path).gpus[self.index]
        return gpu

    def _held(self) -> state.Gpu | None:
        """What the driver holds; None where it has been unloaded meanwhile, which its next user will find."""
        machine = state.read(self._path)
        gpu = machine.gpus[self.index]
        open_slots = [slot for slot in range(state.CLIENTS) if machine.clients[slot].used]
        was_killed = bool(open_slots) and not any(state.lives(self._path, slot) for slot in open_slots)
        return None if was_killed and not gpu.persistence else gpu

    def _write(self, **values: float) -> None:
        with state.changing(self._path) as machine:
            for field, value in values.items():
                setattr(machine.gpus[self.index], field, value)
