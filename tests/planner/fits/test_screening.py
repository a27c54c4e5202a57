"""False clocks are found by the others, in closed form that equals leaving them out for real."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_planner.choices.grids import Array
from joulecut_planner.fits import Measurement, fit_series
from joulecut_planner.fits.curve_fit import LOG_ODDS_GOOD
from joulecut_planner.fits.latency_shapes import latency_shapes
from joulecut_planner.fits.posterior import NoisePrior, Samples, evidences
from joulecut_planner.fits.screening import _log_total, _log_weights, _without, rejections
from tests.planner.fits.boards import CORES_MHZ, MEMORIES_MHZ, board, latency_s, public_series, six_points

PRIOR = NoisePrior(noise=0.003, freedom=3.0, amplitudes=(1.0, 3.0), core_scale=0.4, memory_scale=0.3, shared=0.7)


def suspects(measurements: list[Measurement]) -> set[tuple[float, float | None]]:
    """The clocks that a fit does not believe."""
    return {(point.core_mhz, point.memory_mhz) for point in fit_series(measurements).suspects}


def slowed(measurement: Measurement) -> Measurement:
    """What the made-up board measures where it runs at half the clock it reports."""
    return replace(measurement, latency_s=latency_s(measurement.core_mhz / 2, measurement.memory_mhz), power_w=None)


def test_leaving_out_in_closed_form() -> None:
    """The evidence of the others, for each group of a size at once, equals that of a fit without the group."""
    family = latency_shapes()
    core, memory = np.tile(np.array([0.3, 0.5, 0.8, 1.0]), 2), np.repeat(np.array([0.5, 1.0]), 4)
    rng = np.random.default_rng(5)
    samples = Samples(core, memory, -np.log(core) + 0.05 * rng.normal(size=8))
    shapes = family.log_shape(family.theta, core, memory)
    groups = np.array([[1, 5], [0, 7], [2, 3]])
    left = _without(groups, evidences(samples, shapes, PRIOR), family, PRIOR)
    assert {apart.shape for _, apart in left} == {(3, 2, len(family.theta))}
    for group, total in zip(groups, _log_total([weights for weights, _ in left]).tolist(), strict=True):
        others = np.delete(np.arange(8), group)
        direct = evidences(samples.only(others), shapes[:, others], PRIOR)
        weights = [_log_weights(family, e.log_volume, e.misfit, 6, PRIOR) for e in direct]
        assert total == pytest.approx(float(_log_total(weights)), abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(which=st.integers(0, 7), seed=st.integers(0, 50))
def test_half_speed_is_found(which: int, seed: int) -> None:
    """A clock that runs at half its label is found wherever it is in the table, and no other is blamed."""
    rows = board(noise=0.003, seed=seed)
    rows[which] = slowed(rows[which])
    assert suspects(rows) == {(CORES_MHZ[which], None)}


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 500))
def test_honest_clocks_are_believed(seed: int) -> None:
    """Half a per cent of noise is no reason for doubt."""
    assert suspects(board(noise=0.005, seed=seed)) == set()


def test_many_false_clocks_cost_what_few_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A series is inverted once, however many of its clocks are left out: many of them would hold a server up."""
    count = 60
    core = np.linspace(0.25, 1.0, count)
    log_values = -np.log(core)
    log_values[::6] += np.linspace(0.4, 0.9, 10)
    whole = []

    def counted(covariance: Array) -> Array:
        whole.append(len(covariance))
        return np.asarray(np.linalg.inv(covariance), dtype=np.float64)

    monkeypatch.setattr("joulecut_planner.fits.posterior._inverse", counted)
    found = rejections(
        Samples(core, np.ones(count), log_values),
        latency_shapes(),
        PRIOR,
        log_odds=np.full(count, LOG_ODDS_GOOD),
        least_deviation=0.06,
        times=True,
    )
    assert {rejection.index for rejection in found} == set(range(0, count, 6))
    assert whole == [count] * len(PRIOR.amplitudes)


@pytest.mark.parametrize("pair", [(0, 1), (2, 5), (3, 4), (6, 7)])
def test_two_false_clocks(pair: tuple[int, int]) -> None:
    """Two false clocks hide each other from a look at one; looked at together they are found, and only they."""
    rows = board(noise=0.003)
    for k in pair:
        rows[k] = slowed(rows[k])
    assert suspects(rows) == {(CORES_MHZ[k], None) for k in pair}


def test_false_at_every_memory_clock() -> None:
    """A core clock that is false under all memory clocks is found as one group."""
    rows = board(CORES_MHZ, MEMORIES_MHZ, noise=0.003)
    rows = [slowed(row) if row.core_mhz == 612.0 else row for row in rows]
    assert suspects(rows) == {(612.0, memory) for memory in MEMORIES_MHZ}


def test_wrong_rows_do_not_bend_the_curve() -> None:
    """Predictions beside a false clock are those of the board, as if it had not been there."""
    rows = board((*CORES_MHZ[::2], 1020.0), noise=0.002)
    rows[2] = slowed(rows[2])
    for prediction in fit_series(rows).predict([m.point for m in board() if m.core_mhz in CORES_MHZ[1::2]]):
        assert prediction.latency_s == pytest.approx(latency_s(prediction.point.core_mhz), rel=0.015)


def test_a_fit_always_keeps_three_clocks() -> None:
    """Of three clocks none can be doubted, however odd they look."""
    samples = Samples(np.array([0.3, 0.6, 1.0]), np.ones(3), np.log([1.0, 9.0, 0.5]))
    odds = np.full(3, LOG_ODDS_GOOD)
    assert rejections(samples, latency_shapes(), PRIOR, log_odds=odds, least_deviation=0.06, times=True) == ()


def test_small_deviations_are_noise() -> None:
    """However precise the others are, a few per cent off the curve is not a false clock."""
    rows = board()
    seconds = rows[3].latency_s
    assert seconds is not None
    rows[3] = replace(rows[3], latency_s=1.04 * seconds)
    assert suspects(rows) == set()


@pytest.mark.parametrize("name", ["agx_xavier_mobilenet.csv", "tx2_dnn.csv"])
def test_planted_in_public_series(name: str) -> None:
    """Real boards: nothing is doubted as published; a half-speed clock planted at each place is found, and no other."""
    for rows in public_series(name).values():
        top = [
            replace(m, power_w=None)
            for m in rows
            if m.memory_mhz == max((r.memory_mhz or 0) for r in rows) or m.memory_mhz is None
        ]
        assert suspects(top) == set()
        log_core, log_time = (np.log([getattr(m, field) for m in top]) for field in ("core_mhz", "latency_s"))
        for k in range(0, len(top), 3):
            half = log_core[k] - math.log(2.0)
            seconds = math.exp(np.interp(half, log_core, log_time) + max(0.0, log_core[0] - half))
            planted = [*top[:k], replace(top[k], latency_s=seconds), *top[k + 1 :]]
            assert suspects(planted) == {(top[k].core_mhz, top[k].memory_mhz)}


def six_of(rows: list[Measurement]) -> list[Measurement]:
    """Corners, middle, and a third up the core clocks at the top memory clock."""
    chosen, _ = six_points(rows)
    return chosen


def test_a_throttled_corner_of_six_points() -> None:
    """The top corner of a grid that ended at a lower clock is left out; the others predict what lies beside it."""
    rows = [
        replace(row, latency_s=1.17 * (row.latency_s or 0.0))
        if (row.core_mhz, row.memory_mhz) == (CORES_MHZ[-1], MEMORIES_MHZ[-1])
        else row
        for row in board(CORES_MHZ, MEMORIES_MHZ, noise=0.002)
    ]
    rows = [replace(row, power_w=None) for row in rows]
    fit = fit_series(six_of(rows))
    assert [(point.core_mhz, point.memory_mhz) for point in fit.suspects] == [(CORES_MHZ[-1], MEMORIES_MHZ[-1])]
    asked = [row.point for row in rows if row.core_mhz < CORES_MHZ[-1]]
    for prediction in fit.predict(asked):
        truth = latency_s(prediction.point.core_mhz, prediction.point.memory_mhz)
        assert prediction.latency_s == pytest.approx(truth, rel=0.06)


def test_a_row_that_flattens_is_not_a_throttled_one() -> None:
    """Along one memory clock a network bound by memory looks like a clock that was not held, and is believed."""
    clocks, seconds = (114.75, 522.75, 930.75, 1300.5), (0.05312, 0.01318, 0.00845, 0.00734)
    rows = [Measurement(core_mhz=clock, latency_s=time) for clock, time in zip(clocks, seconds, strict=True)]
    assert suspects(rows) == set()
    honest = [replace(row, power_w=None) for row in board(CORES_MHZ, MEMORIES_MHZ, noise=0.002)]
    assert suspects(six_of(honest)) == set()


def test_six_points_of_a_board_that_throttles() -> None:
    """A real grid whose top core clock was not held at two of three memory clocks, both of them corners."""
    errors = []
    for rows in public_series("orin_nano.csv").values():
        chosen, others = six_points(rows)
        for m, prediction in zip(others, fit_series(chosen).predict([m.point for m in others]), strict=True):
            errors.append(100 * abs((prediction.latency_s or 0.0) / (m.latency_s or 1.0) - 1))
    assert np.median(errors) <= 1.2
    assert np.quantile(errors, 0.95) <= 4.5
