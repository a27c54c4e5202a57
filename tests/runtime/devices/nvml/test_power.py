"""Where joules and watts come from: the counter, its field, sampled power, or nowhere."""

from __future__ import annotations

from pathlib import Path

import pynvml
import pytest

from joulecut_core.timing import SystemClock
from joulecut_runtime.devices.hardware.probe import MeterKind
from joulecut_runtime.devices.nvml import NvmlProbe
from tests.fakes.nvml import GENERATIONS, Can, FakeNvml, loaded
from tests.runtime.devices.nvml.probing import machine, mean_w, probed


@pytest.mark.parametrize("period_s", [0.01, 0.1])
def test_the_counter_period_is_measured_at_opening(period_s: float, tmp_path: Path) -> None:
    """An idle GPU's counter steps too."""
    with probed(machine(tmp_path, counter_period_s=period_s)) as probe:
        assert probe.info.meter_period_s == pytest.approx(period_s, abs=0.002)


def test_the_counter_period_is_measured_in_real_time(tmp_path: Path) -> None:
    """The same against the machine's clock, roughly: the host may be busy."""
    fake = FakeNvml(tmp_path, counter_period_s=0.02)
    with loaded(fake):
        probe = NvmlProbe(clock=SystemClock())
        assert probe.info.meter_period_s is not None
        assert 0.005 < probe.info.meter_period_s < 1.0
        probe.close()


@pytest.mark.parametrize(
    ("missing", "scope", "remark"),
    [
        (Can.COUNT_ENERGY, "GPU board", "no energy counter"),
        (Can.COUNT_ENERGY | Can.TELL_INSTANT_POWER, "GPU board", "averaged over 1 s"),
    ],
)
def test_power_is_integrated_where_there_is_no_counter(missing: Can, scope: str, remark: str, tmp_path: Path) -> None:
    """The meter says that it is sampled, what the watts are, and its joules are right."""
    fake = machine(tmp_path)
    fake.gpu.refuse(missing)
    fake.gpu.use(0.5)
    with probed(fake) as probe:
        assert probe.capabilities.meter is MeterKind.SAMPLED
        assert probe.info.power_scope == scope
        assert any(remark in text for text in probe.capabilities.remarks)
        assert probe.info.meter_period_s == pytest.approx(0.02)
        fake.clock.advance_s(10.0)
        assert mean_w(fake, probe, 0.5) == pytest.approx(probe.read().power_w or 0.0, rel=0.01)


def test_a_counter_that_stands_still_is_no_meter(tmp_path: Path) -> None:
    """Power is sampled instead of every window failing later."""
    with probed(machine(tmp_path, counter_period_s=60.0)) as probe:
        assert probe.capabilities.meter is MeterKind.SAMPLED
        assert any("stands still" in remark for remark in probe.capabilities.remarks)


def test_field_83_is_as_good_as_the_counters_own_call(tmp_path: Path) -> None:
    """A driver whose library lacks the call but has the field has a counter."""
    fake = machine(tmp_path, leave_out=frozenset({"nvmlDeviceGetTotalEnergyConsumption"}))
    fake.gpu.use(1.0)
    with probed(fake) as probe:
        assert probe.capabilities.meter is MeterKind.COUNTER
        assert mean_w(fake, probe) == pytest.approx(GENERATIONS["h100"].full_w, rel=0.02)


def test_watts_of_the_module_are_called_so(tmp_path: Path) -> None:
    """A Grace-Hopper answers for its module only, and no figure of it may pass for a board's."""
    with probed(machine(tmp_path, "gh200")) as probe:
        assert probe.info.power_scope == "GPU module"
        assert probe.read().power_w is not None


def test_no_power_at_all_is_no_meter(tmp_path: Path) -> None:
    """Time can be profiled; joules are absent, not zero."""
    fake = machine(tmp_path)
    fake.gpu.refuse(Can.COUNT_ENERGY | Can.TELL_INSTANT_POWER | Can.TELL_POWER_USAGE)
    with probed(fake) as probe:
        state = probe.read()
        assert probe.capabilities.meter is MeterKind.NONE
        assert (probe.info.meter_period_s, probe.info.power_scope) == (None, "nothing: no meter")
        assert (state.power_w, state.energy_j, state.energy_time_s) == (None, None, None)


def test_watts_that_no_board_draws_are_no_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All bits set, as of a driver without a reading: no watts and no joules meanwhile, and both again behind it."""
    fake = machine(tmp_path)
    fake.gpu.refuse(Can.COUNT_ENERGY | Can.TELL_INSTANT_POWER)
    with probed(fake) as probe:
        before_j = probe.read().energy_j
        with monkeypatch.context() as patched:
            patched.setattr(pynvml, "nvmlDeviceGetPowerUsage", lambda _: 2**32 - 1)
            fake.clock.advance_s(1.0)
            state = probe.read()
            assert (state.power_w, state.energy_j) == (None, None)
        fake.clock.advance_s(1.0)
        state = probe.read()
        assert state.power_w is not None
        assert before_j is not None
        assert state.energy_j is not None
        assert 0.0 <= state.energy_j - before_j <= 5.0 * state.power_w
