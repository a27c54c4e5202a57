"""Setting and restoring the host's clocks, whatever order of writes the kernel insists on."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.errors import ClockError, DeviceError
from joulecut_core.timing import ManualClock
from joulecut_runtime.clockd.kernel_files import CpufreqBoard, find, write
from tests.fakes.host.kernel import FakeHost, Regime
from tests.fakes.host.specs import ACPI_CPUFREQ, BIG_LITTLE, FORBIDDEN, INTEL_PSTATE, VIRTUAL


@pytest.mark.parametrize("regime", Regime)
@pytest.mark.parametrize("clocks_mhz", [(1500, 2400), (2400, 1500), (1900, 1500, 2400, 1900)])
def test_clocks_are_held_in_any_order(tmp_path: Path, regime: Regime, clocks_mhz: tuple[float, ...]) -> None:
    """Up and down the ladder both limits of every policy are at the clock, also where crossing limits are refused."""
    host = FakeHost(tmp_path, ACPI_CPUFREQ, clock=ManualClock(), regime=regime)
    board = CpufreqBoard(host.policies, host.write)
    for clock_mhz in clocks_mhz:
        board.apply(clock_mhz, None)
        assert {host.limits_khz(policy.name) for policy in host.policies} == {(clock_mhz * 1000, clock_mhz * 1000)}


def test_the_fake_kernel_refuses_crossing_limits(tmp_path: Path) -> None:
    """What the order of writes is for: minimum above maximum is EINVAL on an old kernel."""
    host = FakeHost(tmp_path, ACPI_CPUFREQ, clock=ManualClock(), regime=Regime.EINVAL)
    host.write(host.policies[0] / "scaling_max_freq", "1900000")
    with pytest.raises(OSError, match="Invalid argument"):
        host.write(host.policies[0] / "scaling_min_freq", "2400000")


@settings(max_examples=12, deadline=None)
@given(
    limits=st.lists(st.tuples(st.integers(8, 38), st.integers(8, 38)).map(sorted), min_size=4, max_size=4),
    clocks=st.lists(st.integers(8, 38), max_size=4),
    regime=st.sampled_from(Regime),
)
def test_restore_puts_back_whatever_was_there(
    tmp_path_factory: pytest.TempPathFactory, limits: list[list[int]], clocks: list[int], regime: Regime
) -> None:
    """Any limits, then any clocks, then restored twice: each policy has its own limits again."""
    spec = replace(INTEL_PSTATE, policies=(replace(INTEL_PSTATE.policies[0], count=4),), ranges_uj=())
    host = FakeHost(tmp_path_factory.mktemp("host"), spec, clock=ManualClock(), regime=regime)
    for policy, (low, high) in zip(host.policies, limits, strict=True):
        host.write(policy / "scaling_max_freq", str(high * 100_000))
        host.write(policy / "scaling_min_freq", str(low * 100_000))
    before = {policy.name: host.limits_khz(policy.name) for policy in host.policies}
    board = CpufreqBoard(host.policies, host.write)
    snapshot = dict(board.snapshot())
    for clock in clocks:
        board.apply(clock * 100, None)
    for _ in range(2):
        board.restore(snapshot)
    assert {policy.name: host.limits_khz(policy.name) for policy in host.policies} == before


def test_an_empty_snapshot_frees_the_whole_range(tmp_path: Path) -> None:
    """Nothing known of before: the driver's defaults."""
    host = FakeHost(tmp_path, ACPI_CPUFREQ, clock=ManualClock())
    board = CpufreqBoard(host.policies, host.write)
    board.apply(1900, None)
    board.restore({})
    assert {host.limits_khz(policy.name) for policy in host.policies} == {(1_500_000, 2_400_000)}


def test_a_slower_cluster_goes_along_as_far_as_it_can(tmp_path: Path) -> None:
    """A clock of the big cores is held there, and the little ones run at their highest."""
    host = FakeHost(tmp_path, BIG_LITTLE, clock=ManualClock())
    CpufreqBoard(host.policies, host.write).apply(2400, None)
    assert [host.limits_khz(policy.name)[0] for policy in host.policies] == [1_800_000, 2_400_000, 2_400_000]


@pytest.mark.parametrize(("core_mhz", "memory_mhz"), [(5000, None), (200, None), (1900, 800)])
def test_clocks_out_of_range_are_refused_before_anything_is_written(
    tmp_path: Path, core_mhz: float, memory_mhz: float | None
) -> None:
    """No policy reaches the clock, or a memory clock is asked for: nothing is touched."""
    host = FakeHost(tmp_path, ACPI_CPUFREQ, clock=ManualClock())
    with pytest.raises(ClockError, match="cpu:all"):
        CpufreqBoard(host.policies, host.write).apply(core_mhz, memory_mhz)
    assert host.writes == []


def test_without_privilege_the_error_names_every_policy(tmp_path: Path) -> None:
    """Who is not root is told, for each policy, that the limits could not be written."""
    host = FakeHost(tmp_path, FORBIDDEN, clock=ManualClock())
    with pytest.raises(DeviceError, match=r"policy0/scaling_max_freq = 2000000: Permission denied.*policy7"):
        CpufreqBoard(host.policies, host.write).apply(2000, None)


def test_what_was_refused_needs_no_privilege_to_be_left_alone(tmp_path: Path) -> None:
    """Nothing was set, so nothing is owed: the restore after a refused lease succeeds."""
    host = FakeHost(tmp_path, FORBIDDEN, clock=ManualClock())
    board = CpufreqBoard(host.policies, host.write)
    snapshot = board.snapshot()
    with pytest.raises(DeviceError):
        board.apply(2000, None)
    board.restore(snapshot)


def test_one_policy_that_refuses_does_not_keep_the_others(tmp_path: Path) -> None:
    """Restoring goes on past a policy whose CPU went offline, and says which it was."""
    host = FakeHost(tmp_path, ACPI_CPUFREQ, clock=ManualClock())
    snapshot = CpufreqBoard(host.policies, host.write).snapshot()
    CpufreqBoard(host.policies, host.write).apply(1500, None)

    def write(path: Path, text: str) -> None:
        if path.parent.name == "policy0":
            raise OSError(errno.ENODEV, "No such device", str(path))
        host.write(path, text)

    with pytest.raises(DeviceError, match="policy0/scaling_max_freq = 2400000: No such device"):
        CpufreqBoard(host.policies, write).restore(snapshot)
    assert [host.limits_khz(policy.name) for policy in host.policies[1:]] == [(1_500_000, 2_400_000)] * 3


def test_what_was_kept_is_put_back_where_the_range_is_not_told(tmp_path: Path) -> None:
    """The snapshot says enough."""
    host = FakeHost(tmp_path, ACPI_CPUFREQ, clock=ManualClock())
    board = CpufreqBoard(host.policies, host.write)
    snapshot = board.snapshot()
    board.apply(1500, None)
    for policy in host.policies:
        (policy / "cpuinfo_min_freq").unlink()
        (policy / "cpuinfo_max_freq").unlink()
    board.restore(snapshot)
    assert {host.limits_khz(policy.name) for policy in host.policies} == {(1_500_000, 2_400_000)}


def test_a_policy_whose_cores_are_offline_is_left_alone(tmp_path: Path) -> None:
    """Its files answer with an error, as the kernel's do: the others are lent, reset and restored without it."""
    host = FakeHost(tmp_path, ACPI_CPUFREQ, clock=ManualClock())
    board = CpufreqBoard(host.policies, write)
    for file in host.policies[1].iterdir():
        file.unlink()
    others = [policy for policy in host.policies if policy.name != "policy1"]
    snapshot = board.snapshot()
    assert sorted(snapshot) == [policy.name for policy in others]
    board.apply(1500, None)
    assert {host.limits_khz(policy.name) for policy in others} == {(1_500_000, 1_500_000)}
    for kept in (snapshot, {}):
        board.restore(kept)
        assert {host.limits_khz(policy.name) for policy in others} == {(1_500_000, 2_400_000)}


def test_a_policy_that_went_offline_in_a_lease_is_owed(tmp_path: Path) -> None:
    """The kernel keeps its limits until its cores are back: the restore is not done before."""
    host = FakeHost(tmp_path, ACPI_CPUFREQ, clock=ManualClock())
    board = CpufreqBoard(host.policies, host.write)
    snapshot = board.snapshot()
    board.apply(1500, None)
    hidden = tmp_path / "offline"
    host.policies[1].rename(hidden)
    with pytest.raises(DeviceError, match="policy1/scaling_max_freq"):
        CpufreqBoard([*host.policies, host.policies[0].with_name("policy1")], write).restore(snapshot)
    hidden.rename(host.policies[0].with_name("policy1"))
    board.restore(snapshot)
    assert {host.limits_khz(policy.name) for policy in host.policies} == {(1_500_000, 2_400_000)}


def test_find_gives_one_board_or_none(tmp_path: Path) -> None:
    """All policies together are one board; a host without cpufreq has none."""
    FakeHost(tmp_path / "server", ACPI_CPUFREQ, clock=ManualClock())
    FakeHost(tmp_path / "vm", VIRTUAL, clock=ManualClock())
    (board,) = find(tmp_path / "server")
    assert board.key == "cpu:all"
    board.apply(1900, None)
    assert set(board.snapshot().values()) == {"1900000 1900000"}
    assert find(tmp_path / "vm") == []
