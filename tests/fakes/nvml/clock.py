"""A core Clock that is the fake machine's time."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.nvml import state


class FakeClock:
    """Stands still until somebody sleeps on it; GPUs draw power for as long as was slept."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now_s(self) -> float:
        """The machine's time."""
        return float(state.read(self._path).time_ns) / 1e9

    def sleep_until_s(self, deadline_s: float) -> None:
        """Jump to `deadline_s` at once; time never runs backwards."""
        with state.changing(self._path, only_time=True) as machine:
            machine.time_ns = max(machine.time_ns, round(deadline_s * 1e9))

    def wall_s(self, duration_s: float) -> float:
        """No wall time passes here."""
        del duration_s
        return 0.0

    def advance_s(self, duration_s: float) -> None:
        """Let `duration_s` seconds pass."""
        self.sleep_until_s(self.now_s() + duration_s)
