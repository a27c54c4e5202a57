"""Watts of single blocks: each run back to back alone, for as long as the device's meter needs.

    for each operating point of a profile, in an order drawn from the seed:
        lease
        | warm up | block 0, block 0, ... | warm up | block 1, ...
                    >= 10 meter periods               (skipped where the block is too short)
        restore

- A block is *too short to meter* where filling a window takes more than `most_runs` of it: what is run ten
  thousand times in a row is the host's loop and a warm cache, not the block.
- Seconds are not taken from here: alone a block flatters itself. They are the profile's, from inside whole runs.
- A point that the device does not hold is left without watts, and logged: they would belong to another clock.
"""

from __future__ import annotations

import dataclasses
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from joulecut_core.block_features import BlockFeatures
from joulecut_core.block_measurements import BlockMeasurements, blocks_of_profile
from joulecut_core.devices import Device
from joulecut_core.errors import ConfigError, ProfileError
from joulecut_core.profiles import PointMeasurement, Profile
from joulecut_core.timing import Clock
from joulecut_runtime.profiling.measurable import MeasurableNetwork, MeasurablePart
from joulecut_runtime.profiling.meter_windows import busy_window, meter_period_s

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockMeterPlan:
    """How to meter blocks: windows of at least `window_periods` of the meter, of at most about `most_runs` runs."""

    window_periods: int = 10
    most_runs: int = 500
    warm_up: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, least = getattr(self, field.name), 0 if field.name in ("warm_up", "seed") else 1
            if value < least:
                raise ConfigError(f"block meter plan: {field.name} is {value}; expected at least {least}")

    def shortest_block_s(self, period_s: float) -> float:
        """Seconds of the shortest block that a meter of this period is given."""
        return self.window_periods * period_s / self.most_runs


def meter_blocks(
    network: MeasurableNetwork,
    device: Device,
    profile: Profile,
    *,
    blocks: tuple[BlockFeatures, ...],
    clock: Clock,
    inputs: tuple[Tensor, ...],
    plan: BlockMeterPlan | None = None,
) -> BlockMeasurements:
    """The profile's blocks with the watts of those long enough to meter, at each of the profile's points.

    `inputs`: one request of the network. Holds the device's clocks. Raises DeviceError where the device has no
    meter or loses a clock, ProfileError where the profile is of another network, device or driver.
    """
    found = (device.info.name, device.info.driver, network.table.digest)
    expected = (profile.key.device, profile.key.driver, profile.key.network_digest)
    if found != expected:
        raise ProfileError(f"blocks of {found} to be metered with a profile of {expected}; profile again first")
    meter = _BlockMeter(network, device, clock, inputs, plan or BlockMeterPlan())
    order = list(enumerate(profile.points))
    random.Random(meter.plan.seed).shuffle(order)  # noqa: S311 - an order, not a secret
    metered = {index: meter.powers_w(point) for index, point in order}
    return blocks_of_profile(profile, blocks, [metered[index] for index in range(len(order))])


class _BlockMeter:
    """One campaign on one device."""

    def __init__(
        self,
        network: MeasurableNetwork,
        device: Device,
        clock: Clock,
        inputs: tuple[Tensor, ...],
        plan: BlockMeterPlan,
    ) -> None:
        self.plan = plan
        self._device = device
        self._clock = clock
        self._shortest_s = plan.shortest_block_s(meter_period_s(device))
        self._runs: list[Callable[[], float]] = []
        tensors = inputs
        for step in network.steps():
            self._runs.append(self._runner(step, tensors))
            tensors = step(tensors)

    def powers_w(self, point: PointMeasurement) -> tuple[float | None, ...]:
        """Watts of each block at a point of the profile."""
        unknown = (None,) * len(self._runs)
        if max(point.block_s) < self._shortest_s:
            return unknown
        with self._device.lease(point.requested) as lease:
            metered = tuple(
                self._power_w(run) if block_s >= self._shortest_s else None
                for run, block_s in zip(self._runs, point.block_s, strict=True)
            )
            achieved = lease.achieved()
        if not achieved.matches(point.achieved):
            _LOG.warning(
                "%s ran at %s, but at %s in the profile; the watts of its blocks at %s are not used",
                self._device.info.name,
                achieved,
                point.achieved,
                point.requested,
            )
            return unknown
        return metered

    def _power_w(self, run: Callable[[], float]) -> float:
        for _ in range(self.plan.warm_up):
            run()
        window = busy_window(self._device, self._clock, run, periods=self.plan.window_periods, runs=1)
        return window.energy.power_w

    def _runner(self, part: MeasurablePart, tensors: tuple[Tensor, ...]) -> Callable[[], float]:
        workload = part.workload

        def run() -> float:
            with self._device.execution(workload) as execution:
                part(tensors)
            return execution.elapsed_s

        return run
