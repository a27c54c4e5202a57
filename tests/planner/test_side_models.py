"""One side's tables: the device's laws come back from its profile, corrected by its measured parts."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ProfileError
from joulecut_core.profiles import Profile
from joulecut_planner.side_models import ModelKind, SideModel, side_model
from tests.planner.synthetic_profiles import (
    EDGE_LAW,
    EDGE_TABLE_MHZ,
    SERVER_LAW,
    SERVER_TABLE_MHZ,
    WORK,
    synthetic_profile,
)

LAW = 3e-3
"""Curves that leave room for noise are this near to a law without any."""


def at(model: SideModel, core_mhz: float) -> int:
    """The index of the point at a core clock."""
    return next(k for k, point in enumerate(model.points) if point.core_mhz == core_mhz)


def test_edge_parts_grow_and_server_parts_shrink_with_the_cut() -> None:
    """The edge runs the blocks before the cut, the server the others; at their idle cuts exactly nothing."""
    edge = side_model(synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ))
    server = side_model(synthetic_profile("server", SERVER_LAW, SERVER_TABLE_MHZ))
    for cut in range(5):
        k = at(edge, 450.0)
        assert edge.time_s[cut, k] == pytest.approx(sum(WORK[:cut]) * EDGE_LAW.whole_s(450.0), rel=LAW)
        k = at(server, 800.0)
        assert server.time_s[cut, k] == pytest.approx(sum(WORK[cut:]) * SERVER_LAW.whole_s(800.0), rel=LAW)
    assert (edge.time_s[0] == 0.0).all()
    assert (server.time_s[-1] == 0.0).all()


def test_clocks_that_were_not_measured() -> None:
    """Four clocks predict the whole table, time and power, and nothing beyond the measured range."""
    measured = (225.0, 300.0, 450.0, 525.0)
    model = side_model(synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ, measured_mhz=measured))
    assert [point.core_mhz for point in model.points] == [225.0, 300.0, 375.0, 450.0, 525.0]
    k = at(model, 375.0)
    assert model.time_s[4, k] == pytest.approx(EDGE_LAW.whole_s(375.0), rel=0.005)
    assert model.busy_w[4, k] == pytest.approx(EDGE_LAW.busy_w(375.0), rel=0.005)
    assert model.wait_w[k] == pytest.approx(EDGE_LAW.wait_w(375.0))
    assert model.std_s[4, k] == pytest.approx(0.02 * model.time_s[4, k])


def test_noise_is_smoothed() -> None:
    """Two per cent of noise on every block leaves parts within two per cent of the law."""
    model = side_model(synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ, noise=0.02))
    for k, point in enumerate(model.points):
        assert model.time_s[4, k] == pytest.approx(EDGE_LAW.whole_s(point.core_mhz), rel=0.02)


def test_two_clocks_are_offered_as_measured() -> None:
    """Too few clocks for a curve: only what was measured, and what was measured."""
    model = side_model(synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ, measured_mhz=(300.0, 600.0)))
    assert [point.core_mhz for point in model.points] == [300.0, 600.0]
    assert model.fits == ()
    assert model.time_s[4, 0] == pytest.approx(EDGE_LAW.whole_s(300.0))
    assert model.busy_w[4, 0] == pytest.approx(EDGE_LAW.busy_w(300.0))


def test_memory_clocks_have_curves_of_their_own() -> None:
    """Each measured memory clock offers its points, with its own times."""
    slow_law = replace(EDGE_LAW, memory_slowdown=1.4)
    fast = synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ, memory_mhz=3199.0)
    slow = synthetic_profile("edge", slow_law, EDGE_TABLE_MHZ, memory_mhz=2133.0)
    unmeasured = tuple(OperatingPoint(core_mhz=clock, memory_mhz=665.6) for clock in EDGE_TABLE_MHZ)
    both = replace(
        fast,
        points=fast.points + slow.points,
        parts=fast.parts + slow.parts,
        clock_table=fast.clock_table + slow.clock_table + unmeasured,
    )
    model = side_model(both)
    assert {point.memory_mhz for point in model.points} == {2133.0, 3199.0}
    for k, point in enumerate(model.points):
        law = EDGE_LAW if point.memory_mhz == 3199.0 else slow_law
        assert model.time_s[4, k] == pytest.approx(law.whole_s(point.core_mhz), rel=LAW)


def test_measured_parts_correct_sums_of_blocks() -> None:
    """A part that takes longer, and draws less, than its blocks say: exact at its cut, half-way to the next."""
    profile = synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ, part_time_ratio=1.1, part_power_ratio=0.8)
    model = side_model(profile)
    k = at(model, 450.0)
    assert model.time_s[2, k] == pytest.approx(1.1 * 0.7 * EDGE_LAW.whole_s(450.0), rel=LAW)
    assert model.busy_w[2, k] == pytest.approx(0.8 * EDGE_LAW.busy_w(450.0), rel=LAW)
    # The whole network anchors the last cut at 1.
    assert model.time_s[3, k] == pytest.approx(1.05 * 0.9 * EDGE_LAW.whole_s(450.0), rel=LAW)
    assert model.busy_w[3, k] == pytest.approx(0.9 * EDGE_LAW.busy_w(450.0), rel=LAW)
    assert model.busy_w[4, k] == pytest.approx(EDGE_LAW.busy_w(450.0), rel=LAW)


def test_whole_runs_correct_the_whole() -> None:
    """A whole run shorter than the sum of its timed blocks (marks cost time) is predicted as it ran."""
    profile = synthetic_profile("server", SERVER_LAW, SERVER_TABLE_MHZ, parts=False)
    faster = replace(profile, points=tuple(replace(point, whole_s=0.9 * point.whole_s) for point in profile.points))
    model = side_model(faster)
    assert model.time_s[0, at(model, 1100.0)] == pytest.approx(0.9 * SERVER_LAW.whole_s(1100.0), rel=LAW)


def capped(profile: Profile, achieved_mhz: float) -> Profile:
    """The profile of a device that never runs above a clock, whatever is asked for."""
    points = []
    for point in profile.points:
        clock = min(point.requested.core_mhz, achieved_mhz)
        reached = replace(point.achieved, core_mhz=clock)
        blocks = tuple(share * SERVER_LAW.whole_s(clock) for share in WORK)
        points.append(replace(point, achieved=reached, block_s=blocks, whole_s=SERVER_LAW.whole_s(clock)))
    return replace(profile, points=tuple(points), parts=())


def test_requested_is_not_achieved() -> None:
    """Under a power limit the points above it are predicted at the clock that is really reached."""
    profile = capped(synthetic_profile("server", SERVER_LAW, SERVER_TABLE_MHZ), 1500.0)
    model = side_model(profile)
    assert model.points[-1].core_mhz == 2000.0
    assert model.time_s[0, -1] == pytest.approx(SERVER_LAW.whole_s(1500.0), rel=0.01)


def test_a_false_clock_bends_nothing() -> None:
    """A clock that ran at half speed is offered as it was measured; its neighbours follow the device's law."""
    profile = synthetic_profile("server", SERVER_LAW, SERVER_TABLE_MHZ, parts=False)
    false = profile.points[3]
    clock = false.requested.core_mhz
    slow_s = SERVER_LAW.whole_s(clock / 2)
    slow = replace(false, block_s=tuple(share * slow_s for share in WORK), whole_s=slow_s)
    model = side_model(replace(profile, points=(*profile.points[:3], slow, *profile.points[4:])))
    fit = model.fits[0].whole
    assert fit is not None
    assert [point.core_mhz for point in fit.suspects] == [clock]
    for k, point in enumerate(model.points):
        expected = slow_s if point.core_mhz == clock else SERVER_LAW.whole_s(point.core_mhz)
        assert model.time_s[0, k] == pytest.approx(expected, rel=0.02)


def test_cpu_dvfs_knows_no_static_power() -> None:
    """The baseline: waiting is free, power goes with f^3, time with 1/f."""
    model = side_model(synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ), ModelKind.CPU_DVFS)
    assert (model.wait_w == 0.0).all()
    low, high = at(model, 300.0), at(model, 600.0)
    np.testing.assert_allclose(model.busy_w[:, high] / model.busy_w[:, low], 8.0)
    np.testing.assert_allclose(model.time_s[1:, low] / model.time_s[1:, high], 2.0)


def test_parts_of_unknown_cuts_are_refused() -> None:
    """A profile that measured a cut the network does not have is damaged."""
    profile = synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ)
    broken = replace(profile, parts=(replace(profile.parts[0], cut=9),))
    with pytest.raises(ProfileError, match=r"parts\[0\].cut: 9; expected 0 to 4"):
        side_model(broken)


def test_fits_once_for_equal_profiles() -> None:
    """A profile that arrives again over the wire is not fitted again, and what is shared cannot be written."""
    profile = synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ)
    model = side_model(profile)
    assert side_model(replace(profile)) is model
    with pytest.raises(ValueError, match="read-only"):
        model.time_s[0, 0] = 1.0


def test_a_first_fit_imports_nothing() -> None:
    """A server that is out of descriptors when its first edge comes can still plan for it."""
    script = (
        "import sys\n"
        "from joulecut_planner.side_models import side_model\n"
        "from tests.planner.synthetic_profiles import EDGE_LAW, EDGE_TABLE_MHZ, synthetic_profile\n"
        "profile = synthetic_profile('edge', EDGE_LAW, EDGE_TABLE_MHZ)\n"
        "known = set(sys.modules)\n"
        "side_model(profile)\n"
        "print(sorted(set(sys.modules) - known))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
