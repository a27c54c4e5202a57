"""A fake GPU and a probe that reads it, in the time that a test moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from joulecut_runtime.devices.hardware.probe import Probe
from joulecut_runtime.devices.nvml import NvmlProbe
from tests.fakes.nvml import FakeNvml, loaded


@contextmanager
def probed(fake: FakeNvml, selector: str = "") -> Iterator[NvmlProbe]:
    """A probe in the fake's own time."""
    with loaded(fake):
        probe = NvmlProbe(selector, clock=fake.clock)
        try:
            yield probe
        finally:
            probe.close()


def machine(
    folder: Path, *gpus: str, leave_out: frozenset[str] = frozenset(), counter_period_s: float = 0.02
) -> FakeNvml:
    """A fake whose time a test moves; an H100 where no GPUs are named."""
    return FakeNvml(
        folder, gpus or ("h100",), leave_out=leave_out, counter_period_s=counter_period_s, moves_by_hand=True
    )


def mean_w(fake: FakeNvml, probe: Probe, duration_s: float = 1.0) -> float:
    """Draw over a while by the probe's own joules and times."""
    fake.clock.advance_s(0.1)
    before = probe.read()
    fake.clock.advance_s(duration_s)
    after = probe.read()
    assert before.energy_j is not None
    assert before.energy_time_s is not None
    assert after.energy_j is not None
    assert after.energy_time_s is not None
    return (after.energy_j - before.energy_j) / (after.energy_time_s - before.energy_time_s)
