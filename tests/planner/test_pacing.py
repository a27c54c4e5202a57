"""Requests at a rate check what plans suppose about waiting."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from joulecut_core.profiles import PacedMeasurement, Profile
from joulecut_planner.pacing import paced_checks
from joulecut_planner.side_models import ModelKind, side_model
from tests.planner.synthetic_profiles import EDGE_LAW, EDGE_TABLE_MHZ, synthetic_profile

RATE_HZ = 10.0
PROFILE = synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ)
TOP = PROFILE.points[-1]


def paced_profile(*, nap_w: float = 0.0, slower: float = 1.0, rate_hz: float = RATE_HZ) -> Profile:
    """The profile with one rate at its top clock: pauses draw `nap_w` less than waiting, requests are slower."""
    latency_s = slower * TOP.whole_s
    busy_share = rate_hz * latency_s
    paced = PacedMeasurement(
        requested=TOP.requested,
        achieved=TOP.achieved,
        rate_hz=rate_hz,
        latency_s=latency_s,
        latency_std_s=0.0,
        mean_w=TOP.busy_w * busy_share + (TOP.wait_w - nap_w) * (1.0 - busy_share),
    )
    return replace(PROFILE, paced=(paced,))


def test_a_device_that_waits_as_measured_agrees(caplog: pytest.LogCaptureFixture) -> None:
    """Busy and waiting draw, weighed by the share of the period, are the mean draw: nothing to say."""
    profile = paced_profile(rate_hz=12.5)
    (check,) = paced_checks(profile)
    assert check.agrees
    assert [check.time_ratio, check.power_ratio] == pytest.approx([1.0, 1.0])
    side_model(profile)
    assert caplog.messages == []


def test_a_device_that_naps_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """Pauses that draw half a watt less than waiting: one line naming rate, clock and ratios; the tables stay."""
    profile = paced_profile(nap_w=0.5)
    with caplog.at_level(logging.WARNING):
        model = side_model(profile)
        side_model(profile, ModelKind.CPU_DVFS)
    (line,) = caplog.messages
    assert line.startswith(
        "'synthetic' on 'synthetic edge', measured at a request rate: 10 Hz at 600 MHz: 1.00 times the"
    )
    assert (model.busy_w == side_model(PROFILE).busy_w).all()
    assert (model.wait_w == side_model(PROFILE).wait_w).all()


def test_a_log_takes_little_of_a_profile(caplog: pytest.LogCaptureFixture) -> None:
    """A server's edges write their own: neither ten thousand rates nor a name with line breaks fill its log."""
    (paced,) = paced_profile(nap_w=0.5).paced
    named = replace(PROFILE, network="n" * 9999, key=replace(PROFILE.key, device="edge\nWARNING all is well"))
    side_model(replace(named, paced=(replace(paced, mean_w=1e12),) * 100))
    (line,) = caplog.messages
    assert len(line) < 700
    assert "\n" not in line


@pytest.mark.parametrize(("slower", "agrees"), [(1.04, True), (1.06, False), (0.9, False)])
def test_slow_requests_disagree_by_their_time_alone(slower: float, agrees: bool) -> None:
    """A cold cache makes requests slower; the draw is compared for the seconds that they took."""
    (check,) = paced_checks(paced_profile(slower=slower))
    assert check.time_ratio == pytest.approx(slower)
    assert check.power_ratio == pytest.approx(1.0)
    assert check.agrees is agrees


def test_a_clock_without_a_point_is_passed_over() -> None:
    """What was measured at no other time has nothing to be compared with."""
    profile = paced_profile()
    assert paced_checks(replace(profile, points=profile.points[:-1])) == ()
