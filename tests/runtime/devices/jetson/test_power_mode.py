"""Telling the power mode's ceiling from a lease's limits."""

from __future__ import annotations

import logging

import pytest

from joulecut_runtime.devices.jetson.power_mode import PowerModeWatch

FLOOR, LOW, MIDDLE, TOP = (mhz * 1_000_000 for mhz in (306, 510, 612, 1020))


def test_a_lease_does_not_lower_the_ceiling() -> None:
    """While a clock is pinned, all clocks of the mode can be leased still."""
    watch = PowerModeWatch("the board")
    assert watch.see(FLOOR, TOP, TOP, None).ceiling_mhz == 1020
    assert watch.see(LOW, LOW, TOP, None).ceiling_mhz == 1020
    assert watch.see(FLOOR, TOP, TOP, None).changes == 0


def test_the_steps_of_a_lease_do_not_look_like_a_mode() -> None:
    """The board writes the mode's maximum first: each state in between shows it or is pinned."""
    watch = PowerModeWatch("the board")
    watch.see(FLOOR, TOP, TOP, None)
    for low, high in ((LOW, TOP), (LOW, LOW), (LOW, TOP), (MIDDLE, TOP), (MIDDLE, MIDDLE), (MIDDLE, TOP), (FLOOR, TOP)):
        mode = watch.see(low, high, TOP, None)
        assert (mode.ceiling_mhz, mode.changes) == (1020, 0)


def test_a_mode_change_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """In mid-lease too; each once."""
    watch = PowerModeWatch("the board")
    watch.see(FLOOR, TOP, TOP, 3_199_000_000)
    watch.see(LOW, LOW, TOP, 3_199_000_000)
    with caplog.at_level(logging.WARNING):
        watch.see(FLOOR, MIDDLE, TOP, 2_133_000_000)
        mode = watch.see(FLOOR, MIDDLE, TOP, 2_133_000_000)
    assert (mode.ceiling_mhz, mode.memory_ceiling_mhz, mode.changes) == (612, 2133, 1)
    (record,) = caplog.records
    assert record.getMessage() == (
        "the power mode of the board has changed: GPU up to 612 MHz, memory up to 2133 MHz, "
        "was GPU up to 1020 MHz, memory up to 3199 MHz"
    )


def test_a_pinned_clock_is_the_ceiling_until_more_is_known() -> None:
    """jetson_clocks pins to the mode's maximum: nothing above it may be promised before it is seen."""
    watch = PowerModeWatch("the board")
    assert watch.see(MIDDLE, MIDDLE, TOP, None).ceiling_mhz == 612
    assert watch.see(FLOOR, TOP, TOP, None).ceiling_mhz == 1020


def test_no_limit_is_the_end_of_the_table() -> None:
    """0 means "no limit", and equal zeros are no pinned clock."""
    watch = PowerModeWatch("the board")
    assert watch.see(0, 0, TOP, None).ceiling_mhz == 1020
    assert watch.see(FLOOR, 2 * TOP, TOP, None).ceiling_mhz == 1020
