"""A whole series: laws found again, bands that hold, measured points answered as measured, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import FitError
from joulecut_planner.fits import ClockKind, Measurement, fit_series
from joulecut_planner.fits.series_fit import Doubt
from tests.planner.fits.boards import CORES_MHZ, MEMORIES_MHZ, board, four_clocks, latency_s, power_w, six_points


@settings(max_examples=25, deadline=None)
@given(
    a_s=st.floats(1e-5, 1.0),
    b=st.floats(0.85, 1.1),
    floor=st.floats(0.0, 1.5),
    p0_w=st.floats(0.5, 100.0),
    p1=st.floats(0.0, 2.0),
    p3=st.floats(0.0, 2.0),
)
def test_known_laws_from_four_clocks(a_s: float, b: float, floor: float, p0_w: float, p1: float, p3: float) -> None:
    """Laws within what boards do are met between four clocks, at any scale: 1 % in time, 2 % in power."""
    rows = [
        replace(
            m,
            latency_s=a_s * ((m.core_mhz / 1020.0) ** -b + floor),
            power_w=p0_w * (1.0 + p1 * m.core_mhz / 1020.0 + p3 * (m.core_mhz / 1020.0) ** 3),
        )
        for m in board()
    ]
    chosen, others = four_clocks(rows)
    for m, prediction in zip(others, fit_series(chosen).predict([m.point for m in others]), strict=True):
        assert prediction.latency_s == pytest.approx(m.latency_s, rel=0.01)
        assert prediction.power_w == pytest.approx(m.power_w, rel=0.02)


def test_a_grid_from_six_points() -> None:
    """Thin data share a shape across memory clocks: every other point of the grid within 2 %."""
    chosen, others = six_points(board(CORES_MHZ, MEMORIES_MHZ))
    assert len(chosen) == 6
    for m, prediction in zip(others, fit_series(chosen).predict([m.point for m in others]), strict=True):
        assert prediction.latency_s == pytest.approx(m.latency_s, rel=0.02)
        assert prediction.power_w == pytest.approx(m.power_w, rel=0.02)


def test_the_band_holds() -> None:
    """Over noisy boards the band has most of what was not calibrated, and is not twice as wide as it needs to be."""
    inside, widths = [], []
    for seed in range(15):
        chosen, others = four_clocks(board(np.linspace(300.0, 1020.0, 14).tolist(), noise=0.006, seed=seed))
        for m, prediction in zip(others, fit_series(chosen).predict([m.point for m in others]), strict=True):
            assert prediction.latency_low_s is not None
            assert prediction.latency_high_s is not None
            assert m.latency_s is not None
            inside.append(prediction.latency_low_s <= m.latency_s <= prediction.latency_high_s)
            widths.append(math.log(prediction.latency_high_s / prediction.latency_low_s))
    assert 0.8 <= np.mean(inside) <= 1.0
    assert np.median(widths) < 0.06


def test_a_graphics_card_has_a_wider_band() -> None:
    """Steps that no law has are likelier on discrete GPUs: the same latencies are predicted with less certainty."""
    rows = four_clocks(board(noise=0.003))[0]
    asked = [m.point for m in board()][1::2]
    half_widths = []
    for scope in ("module", "gpu_board"):
        fit = fit_series([replace(m, power_scope=scope) for m in rows])
        bands = [(p.latency_low_s, p.latency_high_s) for p in fit.predict(asked)]
        half_widths.append([math.log((high or math.nan) / (low or math.nan)) / 2 for low, high in bands])
    for board_width, card_width in zip(*half_widths, strict=True):
        assert 1.2 * board_width < card_width < 4.0 * board_width


def test_measured_points_are_answered_as_measured() -> None:
    """Whoever asks for a calibrated clock gets what was measured there; smoothing is for those who ask."""
    rows = board(noise=0.01)
    exact = fit_series(rows).predict([rows[3].point])[0]
    assert exact.latency_s == pytest.approx(rows[3].latency_s)
    smooth = fit_series(rows).predict([rows[3].point], smooth=True)[0]
    assert smooth.latency_s != pytest.approx(rows[3].latency_s, rel=1e-6)
    assert smooth.latency_s == pytest.approx(rows[3].latency_s, rel=0.02)


def test_measured_points_keep_their_last_digit() -> None:
    """What was measured is not taken through its logarithm: 0.01162 s is answered as 0.01162 s."""
    rows = [
        Measurement(series="s", core_mhz=mhz, latency_s=time_s, power_w=watts)
        for mhz, time_s, watts in (
            (306.0, 0.01162, 4.61),
            (510.0, 0.00752, 5.48),
            (816.0, 0.0053, 7.32),
            (1020.0, 0.00475, 9.05),
        )
    ]
    for repeated in (rows, [*rows, *rows]):
        answers = fit_series(repeated).predict([row.point for row in rows])
        assert [(one.latency_s, one.power_w) for one in answers] == [(row.latency_s, row.power_w) for row in rows]


def test_repeats_are_one_point() -> None:
    """Repeats at one point average, and order does not matter."""
    rows = board(noise=0.01) + board(noise=0.01, seed=1)
    there, back = (fit_series(order).predict([OperatingPoint(core_mhz=500.0)])[0] for order in (rows, rows[::-1]))
    assert there == back
    at = rows[3].point
    mean = math.sqrt((rows[3].latency_s or 0.0) * (rows[11].latency_s or 0.0))
    assert fit_series(rows).predict([at])[0].latency_s == pytest.approx(mean)


def test_requested_and_achieved_are_not_mixed() -> None:
    """A reading at an achieved clock stands alone beside one that only asked for the same clock."""
    rows = [replace(m, clock_kind=ClockKind.ACHIEVED) for m in board()]
    asked_for = replace(rows[3], clock_kind=ClockKind.REQUESTED, latency_s=1.3 * latency_s(612.0))
    fit = fit_series([asked_for, *rows])
    assert fit.predict([rows[3].point])[0].latency_s == pytest.approx(latency_s(612.0))
    assert fit.suspects == ()


def test_a_quantity_that_was_not_measured() -> None:
    """Latency alone, or power alone, is fitted alone."""
    no_power = fit_series([replace(m, power_w=None) for m in board()]).predict([OperatingPoint(core_mhz=500.0)])[0]
    assert (no_power.power_w, no_power.power_low_w) == (None, None)
    assert no_power.latency_s == pytest.approx(latency_s(500.0), rel=0.01)
    no_time = fit_series([replace(m, latency_s=None) for m in board()]).predict([OperatingPoint(core_mhz=500.0)])[0]
    assert (no_time.latency_s, no_time.latency_high_s) == (None, None)
    assert no_time.power_w == pytest.approx(power_w(500.0), rel=0.01)


def test_power_beside_the_curve_is_not_a_false_clock() -> None:
    """Another load during one run spoils its watts only: left out of the power fit, the clock believed."""
    rows = board()
    rows[2] = replace(rows[2], power_w=1.12 * power_w(510.0))
    fit = fit_series(rows)
    assert [(d.point.core_mhz, d.doubt) for d in fit.doubted] == [(510.0, Doubt.POWER_ONLY)]
    assert fit.suspects == ()
    assert fit.predict([OperatingPoint(core_mhz=560.0)])[0].power_w == pytest.approx(power_w(560.0), rel=0.01)


def test_requested_clocks_are_doubted_sooner() -> None:
    """Among locked clocks a requested one is believed less; alone they are believed, with a wider band."""
    locked = board()
    requested = [replace(m, clock_kind=ClockKind.REQUESTED) for m in locked]
    at = [OperatingPoint(core_mhz=560.0)]
    sure, unsure = fit_series(locked).predict(at)[0], fit_series(requested).predict(at)[0]
    assert unsure.latency_high_s is not None
    assert sure.latency_high_s is not None
    assert unsure.latency_high_s > 1.002 * sure.latency_high_s


@pytest.mark.parametrize("plan", [four_clocks, six_points])
def test_a_knee_is_not_a_false_clock(plan: Callable[[list[Measurement]], tuple[list[Measurement], ...]]) -> None:
    """Voltage that rises near the top lifts the top's watts: times are as expected, and nobody is blamed."""
    rows = [
        replace(m, power_w=4.0 + 20.0 * m.core_mhz / 1020.0 * max(0.62, 1.0 - 1.52 * (1.0 - m.core_mhz / 1020.0)) ** 2)
        for m in board(CORES_MHZ, MEMORIES_MHZ, noise=0.002)
    ]
    chosen, others = plan(rows)
    fit = fit_series(chosen)
    assert fit.doubted == ()
    for m, prediction in zip(others, fit.predict([m.point for m in others]), strict=True):
        assert prediction.power_w == pytest.approx(m.power_w, rel=0.15)


def test_clocks_where_numbers_end() -> None:
    """A prediction that would be nothing or infinite is refused with the clock, not written down."""
    for core_mhz in (1e-300, 1e300):
        with pytest.raises(FitError, match=r"nothing can be said of .* MHz; expected clocks like those measured"):
            fit_series(board()).predict([OperatingPoint(core_mhz=core_mhz)])


def test_extrapolation_is_said_and_wider() -> None:
    """Beyond the calibrated core clocks, or at a memory clock without any, the answer says so."""
    fit = fit_series(board(CORES_MHZ[1:-1], (1062.4, 1866.0)))
    inside, low, high, memory = fit.predict(
        [
            OperatingPoint(core_mhz=core, memory_mhz=m)
            for core, m in ((700, 1866), (306, 1866), (1020, 1866), (700, 1600))
        ]
    )
    assert [p.extrapolated for p in (inside, low, high, memory)] == [False, True, True, True]
    width = [math.log((p.latency_high_s or 0.0) / (p.latency_low_s or 1.0)) for p in (inside, low, high)]
    assert width[0] < min(width[1:])


def test_memory_clock_left_out_of_the_question() -> None:
    """It means the calibrated one; where there are several the question is open."""
    one = fit_series(board(memories_mhz=(1600.0,)))
    assert one.predict([OperatingPoint(core_mhz=500.0)])[0].latency_s == pytest.approx(
        latency_s(500.0, 1600.0), rel=0.01
    )
    none = fit_series(board())
    asked = none.predict([OperatingPoint(core_mhz=500.0, memory_mhz=1600.0)])[0]
    assert asked.latency_s == pytest.approx(latency_s(500.0), rel=0.01)
    with pytest.raises(FitError, match=r"500 MHz has no memory clock.*1062.4, 1866 MHz"):
        fit_series(board(memories_mhz=(1062.4, 1866.0))).predict([OperatingPoint(core_mhz=500.0)])


@pytest.mark.parametrize("cores", [(), (300.0,), (300.0, 600.0)])
def test_too_few_clocks(cores: tuple[float, ...]) -> None:
    """Three distinct core clocks or an error, however many memory clocks and repeats there are."""
    with pytest.raises(FitError, match="expected"):
        fit_series(board(cores, MEMORIES_MHZ) * 2)


def test_too_many_points() -> None:
    """What would take a minute and gigabytes is refused."""
    with pytest.raises(FitError, match="1001 operating points; expected at most 1000"):
        fit_series(board(np.linspace(300.0, 2000.0, 1001).tolist()))


def test_extreme_values_stay_finite() -> None:
    """Clocks and values of any size fit without overflow; nothing is NaN."""
    rows = [replace(m, latency_s=1e-12 * (m.latency_s or 1.0), power_w=1e9 * (m.power_w or 1.0)) for m in board()]
    for prediction in fit_series(rows).predict([OperatingPoint(core_mhz=core) for core in (1e-3, 500.0, 1e7)]):
        values = (prediction.latency_s, prediction.latency_low_s, prediction.latency_high_s, prediction.power_w)
        assert all(value is not None and math.isfinite(value) and value > 0 for value in values)
