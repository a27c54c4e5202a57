"""Requests at even intervals with a clock held: what plans suppose about waiting, measured."""

from __future__ import annotations

import dataclasses

import pytest

from joulecut_core.devices import DeviceState
from joulecut_core.errors import DeviceError
from joulecut_core.profiles import GovernedMeasurement, PacedMeasurement, Profile
from joulecut_runtime.profiling.meter_windows import meter_period_s
from joulecut_runtime.profiling.paced_run import measure_paced, run_at_rate
from joulecut_runtime.profiling.plan import ProfilePlan
from joulecut_runtime.profiling.run_times import spread, trimmed_mean
from tests.runtime.bench import INPUTS, QUICK, Bench
from tests.runtime.small_network import small_network

RATE_HZ = 10.0


@pytest.fixture(scope="module")
def measured() -> Profile:
    """A profile at one request rate: shared, since nobody can change it."""
    return Bench().profile(plan=ProfilePlan(), governed_rates_hz=(RATE_HZ,))


def request(bench: Bench) -> float:
    """One request of the small network."""
    network = small_network()
    with bench.execution(network.whole.workload) as execution:
        network.whole(INPUTS)
    return execution.elapsed_s


def test_a_held_clock_is_measured_at_the_rate(measured: Profile) -> None:
    """Where parts are measured: at the period a request takes what it takes back to back, and pauses draw waiting."""
    by_point = {point.requested: point for point in measured.points}
    assert [each.requested for each in measured.paced] == [part.achieved for part in measured.parts if part.cut == 1]
    for paced in measured.paced:
        point = by_point[paced.requested]
        busy_share = RATE_HZ * paced.latency_s
        assert paced.rate_hz == RATE_HZ
        assert paced.achieved.matches(paced.requested)
        assert paced.latency_s == pytest.approx(point.whole_s, rel=0.01)
        assert paced.mean_w == pytest.approx(point.wait_w + (point.busy_w - point.wait_w) * busy_share, rel=0.02)


def test_single_requests_are_kept(measured: Profile) -> None:
    """Quantiles at the period need the requests themselves, under the governor and at held clocks alike."""
    rated: list[PacedMeasurement | GovernedMeasurement] = [*measured.paced, *measured.governed]
    assert rated
    for each in rated:
        assert len(each.samples_s) >= ProfilePlan().governed_requests
        assert trimmed_mean(each.samples_s) == each.latency_s
        assert spread(each.samples_s) == each.latency_std_s


def test_a_rate_beyond_the_clock_is_left_out() -> None:
    """Requests that take longer than the period would only follow each other: nothing is said of that clock."""
    bench = Bench()
    slowest = bench.clock_table.points[0]
    with bench.lease(slowest):
        rate_hz = 1.02 / request(bench)
    held = bench.profile(plan=QUICK, governed_rates_hz=(rate_hz,)).paced
    assert [paced.requested.core_mhz for paced in held] == [bench.clock_table.top.core_mhz]


def test_a_rate_beyond_the_device_is_measured_back_to_back() -> None:
    """The meter's periods are filled by the requests that fit, not by a million a second that were asked for."""
    bench = Bench()
    paced = run_at_rate(bench, bench.clock, lambda: request(bench), rate_hz=1e6, plan=QUICK)
    filling = QUICK.governed_periods * meter_period_s(bench) / min(paced.times_s)
    assert len(paced.times_s) <= max(QUICK.governed_requests, 1.1 * filling)


@pytest.mark.parametrize("rate_hz", [400.0, 1e9])
def test_rates_above_the_meters_are_measured(rate_hz: float) -> None:
    """The five requests that settle are over before a tick; those beyond what the device can do are bounded by time."""
    bench = Bench()
    paced = run_at_rate(bench, bench.clock, lambda: request(bench), rate_hz=rate_hz, plan=QUICK)
    needed = QUICK.governed_periods * meter_period_s(bench)
    assert len(paced.times_s) >= QUICK.governed_requests
    assert bench.clock.now_s() < 3.0 * needed + sum(paced.times_s)
    assert paced.mean_w > 0.0


class _StoppedMeter(Bench):
    def state(self) -> DeviceState:
        return dataclasses.replace(self.emulated.state(), energy_j=5.0)


def test_a_meter_that_stands_still_is_an_error() -> None:
    """Watts of a stopped meter are refused, and the clock is free again afterwards."""
    bench = _StoppedMeter()
    top = bench.clock_table.top
    with pytest.raises(DeviceError, match=r"did not change in .* s; expected a change every 0\.02 s"):
        measure_paced(bench, bench.clock, lambda: request(bench), point=top, rate_hz=RATE_HZ, plan=QUICK)
    with bench.lease(top):
        pass
