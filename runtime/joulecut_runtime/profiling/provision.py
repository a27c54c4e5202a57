"""The profile an agent starts with: the kept one where it fits exactly, else made now and kept."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from joulecut_core.devices import Device
from joulecut_core.networks import TensorSpec
from joulecut_core.profiles import Profile
from joulecut_core.timing import Clock, ManualClock
from joulecut_runtime.devices.emulated import EMULATED_BACKEND
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.engines import Engine, EngineNetwork
from joulecut_runtime.networks.network import Network
from joulecut_runtime.profiling.governed_run import measure_governed
from joulecut_runtime.profiling.journal import ProfileJournal, journal_path
from joulecut_runtime.profiling.measurable import MeasurableNetwork
from joulecut_runtime.profiling.paced_run import measure_paced
from joulecut_runtime.profiling.plan import ProfilePlan
from joulecut_runtime.profiling.profiler import Side, profile_key, profile_network
from joulecut_runtime.profiling.rehearsal import rehearse_profile
from joulecut_runtime.profiling.store import ProfileStore

_LOG = logging.getLogger(__name__)

_LOGGED_SHARE = 0.1


class LoggedProgress:
    """Progress as log lines, one for each tenth of the work."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._next_share = 0.0

    def advance(self, done: int, total: int, what: str) -> None:
        """Log where another tenth is done."""
        share = done / total if total else 1.0
        if share >= self._next_share:
            _LOG.info("%s: %d of %d (%s)", self._what, done, total, what)
            self._next_share = share + _LOGGED_SHARE


def provide_profile(
    network: Network,
    device: Device,
    *,
    device_name: str,
    seed: int,
    side: Side,
    clock: Clock,
    store: ProfileStore,
    engine: Engine | None = None,
    governed_rates_hz: Sequence[float] = (),
) -> Profile:
    """The profile of a network on a device, from `store` or measured now and kept there.

    `device_name` and `seed` are what the device was opened with: an emulated one is profiled in its own
    time, so that a slow host does not get into the figures. Profiling a real one, on `engine`, goes on where an
    earlier start was interrupted. Raises ProfileError for a damaged file.
    """
    way, precision = ("eager", "fp32") if engine is None else (engine.name.value, engine.precision.value)
    key = profile_key(network, device, side=side, engine=way, precision=precision)
    kept = store.get(key)
    if kept is not None:
        _LOG.info("using the profile of %s made on %s", kept.network, kept.created)
        missing_hz = [rate_hz for rate_hz in governed_rates_hz if not _has_rate(kept, rate_hz)]
        if missing_hz:
            _LOG.info("measuring %s under its own governor and at held clocks at %s Hz", device.info.name, missing_hz)
            kept = _with_rates(
                kept,
                _on(network, engine),
                device,
                device_name=device_name,
                seed=seed,
                clock=clock,
                rates_hz=missing_hz,
            )
            store.put(kept)
        return kept
    _LOG.info("profiling %s on %s; this happens once", network.table.network, device.info.name)
    inputs = example_inputs(network.table.inputs)
    progress = LoggedProgress(f"profiling {network.table.network}")
    journal = ProfileJournal(journal_path(store.path(key)))
    if device.info.backend == EMULATED_BACKEND:
        made = rehearse_profile(
            network,
            device_name,
            side=side,
            inputs=inputs,
            seed=seed,
            governed_rates_hz=governed_rates_hz,
            progress=progress,
            engine=way,
            precision=precision,
        )
    else:
        made = profile_network(
            _on(network, engine),
            device,
            side=side,
            clock=clock,
            inputs=inputs,
            governed_rates_hz=governed_rates_hz,
            progress=progress,
            journal=journal,
            engine=way,
            precision=precision,
        )
    _LOG.info("kept the profile in %s", store.put(made))
    journal.remove()
    return made


def _on(network: Network, engine: Engine | None) -> MeasurableNetwork:
    return network if engine is None else EngineNetwork(network, engine)


def _has_rate(profile: Profile, rate_hz: float) -> bool:
    return any(math.isclose(measured.rate_hz, rate_hz) for measured in profile.governed)


def _with_rates(
    profile: Profile,
    network: MeasurableNetwork,
    device: Device,
    *,
    device_name: str,
    seed: int,
    clock: Clock,
    rates_hz: Sequence[float],
) -> Profile:
    """The profile with the stock governor and held clocks measured at further rates; nothing else is measured again."""
    inputs = example_inputs(network.table.inputs)
    emulated = device.info.backend == EMULATED_BACKEND
    own_clock = ManualClock() if emulated else clock
    measured_on = open_device(device_name, clock=own_clock, seed=seed) if emulated else device

    def run() -> float:
        with measured_on.execution(network.whole.workload) as execution:
            network.whole(inputs)
        return execution.elapsed_s

    plan = ProfilePlan()
    try:
        governed = [measure_governed(measured_on, own_clock, run, rate_hz=rate_hz, plan=plan) for rate_hz in rates_hz]
        held = [
            measure_paced(measured_on, own_clock, run, point=point, rate_hz=rate_hz, plan=plan)
            for rate_hz in rates_hz
            for point in plan.part_points(measured_on.clock_table)
        ]
    finally:
        if emulated:
            measured_on.close()
    paced = [each for each in held if each is not None]
    return replace(profile, governed=(*profile.governed, *governed), paced=(*profile.paced, *paced))


def example_inputs(specs: Sequence[TensorSpec], *, seed: int = 0) -> tuple[Tensor, ...]:
    """Inputs that only have to run: noise for numbers, zeros for indices."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(_example(spec, generator) for spec in specs)


def _example(spec: TensorSpec, generator: torch.Generator) -> Tensor:
    dtype: torch.dtype = getattr(torch, spec.dtype)
    if dtype.is_floating_point:
        return torch.randn(spec.shape, generator=generator).to(dtype)
    if dtype is torch.uint8:
        return torch.randint(0, 256, spec.shape, generator=generator, dtype=torch.uint8)
    return torch.zeros(spec.shape, dtype=dtype)
