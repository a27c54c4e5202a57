"""Profiles of the emulated devices, made once on virtual time and kept in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from joulecut_core.profiles import Profile
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.networks.network import Network
from joulecut_runtime.profiling.profiler import Side, profile_key
from joulecut_runtime.profiling.provision import example_inputs
from joulecut_runtime.profiling.rehearsal import rehearse_profile
from joulecut_runtime.profiling.store import ProfileStore

ProfileSource = Callable[[str, Side], Profile]
"""The profile of a device, by its short name and the side it is on."""


class RehearsedProfiles:
    """A `ProfileSource` for one network. `rates_hz`: at which an edge is measured under its own governor.

    A profile's key does not hold the seed of its noise, so each seed needs a folder of its own.
    """

    def __init__(self, network: Network, folder: Path, *, rates_hz: tuple[float, ...], seed: int) -> None:
        self._network = network
        self._store = ProfileStore(folder)
        self._rates_hz = rates_hz
        self._seed = seed
        self._loaded: dict[tuple[str, Side], Profile] = {}

    def __call__(self, device: str, side: Side) -> Profile:
        """The kept profile where it fits exactly, else one made now. Raises DeviceError for an unknown device."""
        if (device, side) not in self._loaded:
            self._loaded[device, side] = self._provide(f"emulated:{device}", side)
        return self._loaded[device, side]

    def _provide(self, name: str, side: Side) -> Profile:
        rates_hz = self._rates_hz if side == "edge" else ()
        device = open_device(name, clock=ManualClock())
        kept = self._store.get(profile_key(self._network, device, side=side))
        device.close()
        if kept is not None and set(rates_hz) <= {governed.rate_hz for governed in kept.governed}:
            return kept
        made = rehearse_profile(
            self._network,
            name,
            side=side,
            inputs=example_inputs(self._network.table.inputs),
            seed=self._seed,
            governed_rates_hz=rates_hz,
        )
        self._store.put(made)
        return made
