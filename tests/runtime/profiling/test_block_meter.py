"""The block meter on an emulated board in virtual time: it finds the board's own law, and knows when it cannot."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_core.block_features import BlockFeatures, work_by_kind
from joulecut_core.errors import ConfigError, ProfileError
from joulecut_core.profiles import Profile
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices import opening
from joulecut_runtime.devices.device_file import DeviceFile, load_device_file
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.devices.laws import Laws
from joulecut_runtime.profiling.block_meter import BlockMeterPlan, meter_blocks
from joulecut_runtime.profiling.plan import ProfilePlan
from joulecut_runtime.profiling.profiler import profile_network
from tests.runtime.small_network import SmallNetwork, small_network, small_pictures

QUICK = ProfilePlan(core_clocks=2, memory_clocks=1, repetitions=5, window_runs=5, codec_runs=1, part_core_clocks=0)
INPUTS = small_pictures(1)[0]
NETWORK = small_network(flops=(4e8, 3e8, 2e7))
"""The last block takes well below 0.4 ms: 500 runs of it do not fill ten periods of 20 ms."""


def board_file() -> DeviceFile:
    """The emulated board."""
    return load_device_file(Path(opening.__file__).parent / "files" / "orin-nano-15w.toml")


class Bench:
    """An emulated board on its own clock, and a profile made on it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.device = EmulatedDevice(board_file(), clock=self.clock)
        self.profile: Profile = profile_network(
            NETWORK, self.device, side="edge", clock=self.clock, inputs=INPUTS, plan=QUICK
        )

    def watts(
        self, profile: Profile | None = None, plan: BlockMeterPlan | None = None
    ) -> Sequence[tuple[float | None, ...]]:
        """Metered watts of each point."""
        measured = meter_blocks(
            NETWORK,
            self.device,
            profile or self.profile,
            blocks=features(NETWORK),
            clock=self.clock,
            inputs=INPUTS,
            plan=plan,
        )
        return [point.block_w for point in measured.points]


def features(network: SmallNetwork) -> tuple[BlockFeatures, ...]:
    """What the blocks are; sizes do not matter here."""
    return tuple(
        BlockFeatures(
            name=block.name,
            batch=1,
            kinds=work_by_kind(block.operations),
            input_bytes=0,
            output_bytes=0,
            output_shape=(),
            weight_bytes=0,
        )
        for block in network.table.blocks
    )


@pytest.fixture(scope="module")
def bench() -> Bench:
    """Shared: metering leaves the board as it was."""
    return Bench()


def test_watts_are_the_boards_law(bench: Bench) -> None:
    """Blocks long enough to meter draw what the board's law says, within its noise; a short one is left out."""
    laws = Laws(board_file())
    for point, watts in zip(bench.profile.points, bench.watts(), strict=True):
        exact_w = [laws.block_cost(block.operations, point.achieved).power_w for block in NETWORK.table.blocks]
        assert watts[:2] == pytest.approx(exact_w[:2], rel=0.015)
        assert watts[2] is None


def test_more_patience_meters_shorter_blocks(bench: Bench) -> None:
    """`most_runs` is what decides, and nothing else about the block."""
    metered = bench.watts(plan=BlockMeterPlan(most_runs=20_000))
    assert all(power_w is not None for watts in metered for power_w in watts)
    none = bench.watts(plan=BlockMeterPlan(most_runs=5))
    assert all(power_w is None for watts in none for power_w in watts)


def test_watts_of_another_clock_are_not_used(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A board that throttles while its blocks are metered would put low watts beside a high clock."""
    top = bench.profile.points[-1].achieved.core_mhz
    bench.device.throttle_to(top - 200.0)
    with caplog.at_level(logging.WARNING):
        metered = bench.watts()
    bench.device.throttle_to(None)
    assert set(metered[-1]) == {None}
    assert metered[0][0] is not None
    assert "are not used" in caplog.text


def test_a_profile_of_something_else_is_refused(bench: Bench) -> None:
    """Seconds of one network or driver and watts of another make no joules."""
    key = bench.profile.key
    for wrong in (
        replace(key, network_digest="sha256:other"),
        replace(key, driver="older"),
        replace(key, device="tx2"),
    ):
        with pytest.raises(ProfileError, match="profile again first"):
            bench.watts(profile=replace(bench.profile, key=wrong))


def test_plans_are_checked() -> None:
    """A window of no periods would divide by nothing."""
    with pytest.raises(ConfigError, match="most_runs is 0"):
        BlockMeterPlan(most_runs=0)
    assert BlockMeterPlan(window_periods=10, most_runs=500).shortest_block_s(0.1) == pytest.approx(0.002)
