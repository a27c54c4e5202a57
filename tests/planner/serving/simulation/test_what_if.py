"""An assumed speed-up changes the times of INT8 and nothing else, and says that it is assumed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.errors import ConfigError
from joulecut_core.figures import FigureKind
from joulecut_planner.serving.simulation.what_if import capped, with_speed_up, with_variants
from tests.planner.serving.tables import gpu_like


def test_int8_takes_a_share_of_full_precisions_time() -> None:
    """Half of it, at its own watts; full precision stays as it was."""
    table = gpu_like(speed_ups=(1.0, 3.0), accuracies=(1.0, 0.99))
    measured = replace(table.variants[1], name="INT8-onednn", figures=FigureKind.MEASURED)
    assumed = with_speed_up(replace(table, variants=(table.variants[0], measured)), 2.0)
    full, faster = assumed.variants
    assert full == table.variants[0]
    assert faster.figures is FigureKind.ESTIMATED
    assert faster.busy_w == measured.busy_w
    assert faster.time_s[2][1][3] == pytest.approx(full.time_s[2][1][3] / 2.0)


def test_without_int8_there_is_nothing_to_assume() -> None:
    """A sweep over a variant that is not there would print the same numbers over and over."""
    with pytest.raises(ConfigError, match="no INT8 variant; it has fp32"):
        with_speed_up(gpu_like(), 2.0)


def test_a_cap_leaves_the_clocks_that_keep_it() -> None:
    """Every value of the other operating points goes, those of the rest stay with their clock."""
    table = gpu_like(points=5)
    watts = table.variants[0].busy_w[0][0]
    frugal = capped(table, 0.5 * (watts[2] + watts[3]))
    assert frugal.points == table.points[:3]
    assert frugal.idle_w == table.idle_w[:3]
    assert frugal.variants[0].time_s[1][2] == table.variants[0].time_s[1][2][:3]
    assert frugal.variants[0].busy_w[1][2] == watts[:3]
    assert capped(table, 1e3) == table


def test_a_cap_below_every_clock_is_refused() -> None:
    """With what the device draws at least."""
    with pytest.raises(ConfigError, match=r"cap of 10 W, but made up draws up to 60.88 W"):
        capped(gpu_like(), 10.0)


def test_some_variants_only() -> None:
    """The reference stays in front; without it, or with a name that is none, the table is refused."""
    table = gpu_like(speed_ups=(1.0, 2.0, 3.0), accuracies=(1.0, 0.99, 0.9))
    assert with_variants(table, ("int4", "fp32")).variants == (table.variants[0], table.variants[2])
    for names in (("int8",), ("fp32", "fp8")):
        with pytest.raises(ConfigError, match="expected fp32, the reference, and of the others any of int8, int4"):
            with_variants(table, names)
