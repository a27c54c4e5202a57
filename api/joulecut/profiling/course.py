"""Profiling as the command line does it: which clock to use, what to measure, where to keep it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from joulecut.long_work.interruption import interruptible
from joulecut.long_work.output_files import check_file, same_place
from joulecut.long_work.progress import Narrator
from joulecut.networks.pictures import folder_pictures, picture_size, sample_crops
from joulecut.profiling.report import ProfiledNetwork
from joulecut_core.devices import Device
from joulecut_core.documents import read_json
from joulecut_core.errors import ConfigError, DeviceError, ProfileError
from joulecut_core.networks import TensorSpec
from joulecut_core.point_choice import PointChooser
from joulecut_core.profiles import Profile, save_profile
from joulecut_core.timing import Clock, ScaledClock, SystemClock
from joulecut_core.wires import save_wires
from joulecut_planner.point_choice import PlanPointChooser
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.devices.opening import is_real, open_device
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.engines import Engine, EngineNetwork
from joulecut_runtime.execution.device_engine import engine_on
from joulecut_runtime.networks.network import Network
from joulecut_runtime.profiling.journal import ProfileJournal, journal_path
from joulecut_runtime.profiling.plan import ProfilePlan
from joulecut_runtime.profiling.profiler import Side, profile_key, profile_network
from joulecut_runtime.profiling.progress import ProgressSink
from joulecut_runtime.profiling.provision import example_inputs
from joulecut_runtime.profiling.rehearsal import rehearse_profile
from joulecut_runtime.profiling.store import ProfileStore, default_profile_folder
from joulecut_runtime.wires.measurement import measure_wires

_TOLERATED_OVERRUN_S = 0.05
"""A scheduler's hiccup or two; the outliers' mean does not see those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileOrder:
    """What to measure and where to put it; see the options of `joulecut profile`."""

    bundle: Path
    device: str
    side: Side
    out: Path | None
    slowdown: float | None
    seed: int
    rates_hz: tuple[float, ...]
    most_points: int | None
    wires_out: Path | None
    samples: Path | None
    crops: int
    options: DeviceOptions = field(default_factory=DeviceOptions)


def carry_out(order: ProfileOrder, narrator: Narrator) -> ProfiledNetwork:
    """Measure and save; go on where an interrupted run stopped. An interrupt says what is kept.

    Raises ConfigError, BundleError, DeviceError or ProfileError with the remedy.
    """
    if order.samples is not None and order.wires_out is None:
        raise ConfigError(f"--samples {order.samples} is of no use without --wires-out FILE")
    for option, file in (("--out", order.out), ("--wires-out", order.wires_out)):
        if file is not None:
            check_file(option, file)
    if order.out is not None and order.wires_out is not None and same_place(order.out, order.wires_out):
        raise ConfigError(f"--wires-out {order.wires_out}: is --out as well; expected another file for the wires")
    torch.set_num_threads(1)
    with narrator.step("loading the network"):
        network = Network.load(order.bundle)
    samples_of = (
        _samples(network.table.inputs, order.samples, order.crops, order.seed) if order.wires_out is not None else None
    )
    if is_real(order.device) and order.slowdown is not None:
        raise ConfigError(f"--slowdown {order.slowdown:g} is for emulated devices; {order.device!r} runs in real time")
    clock = SystemClock() if order.slowdown is None else ScaledClock(order.slowdown)
    device = open_device(order.device, clock=clock, seed=order.seed, options=order.options)
    try:
        engine = engine_on(device, order.options, clock=clock)
        path, chooser = _preparations(network, device, engine, order)
        journal = ProfileJournal(journal_path(path))
        with interruptible(lambda: _kept(journal)), narrator.bar("profile") as sink:
            measured = _measure(network, device, engine, clock, order, sink=sink, chooser=chooser, journal=journal)
    finally:
        device.close()
    save_profile(measured, path)
    journal.remove()
    profiled = ProfiledNetwork(profile=measured, path=path, resumed_points=journal.resumed_points)
    if order.wires_out is None or samples_of is None:
        return profiled
    inputs, samples_from = samples_of
    with interruptible(lambda: f"the profile is kept in {path}, the wires are not"), narrator.bar("wires") as sink:
        wires = measure_wires(network, inputs, samples_from=samples_from, progress=sink)
    save_wires(wires, order.wires_out)
    return replace(profiled, wires=wires, wires_path=order.wires_out)


def _kept(journal: ProfileJournal) -> str:
    """What an interrupt leaves of a profile."""
    if not journal.path.is_file():
        return "nothing is kept yet"
    points = len(read_json(journal.path, ProfileError).get("points", ()))
    return f"{points} operating points are kept in {journal.path}"


def _measure(
    network: Network,
    device: Device,
    engine: Engine,
    clock: Clock,
    order: ProfileOrder,
    *,
    sink: ProgressSink,
    chooser: PointChooser | None,
    journal: ProfileJournal,
) -> Profile:
    inputs, plan = example_inputs(network.table.inputs, seed=order.seed), ProfilePlan(seed=order.seed)
    emulated = isinstance(device, EmulatedDevice)
    if emulated and order.slowdown is None:
        return rehearse_profile(
            network,
            order.device,
            side=order.side,
            inputs=inputs,
            plan=plan,
            seed=order.seed,
            engine=engine.name.value,
            precision=engine.precision.value,
            governed_rates_hz=order.rates_hz,
            progress=sink,
            chooser=chooser,
            journal=journal,
        )
    measured = profile_network(
        EngineNetwork(network, engine),
        device,
        side=order.side,
        clock=clock,
        inputs=inputs,
        plan=plan,
        engine=engine.name.value,
        precision=engine.precision.value,
        governed_rates_hz=order.rates_hz,
        progress=sink,
        chooser=chooser,
        # What an emulated device measured on a machine too slow for it is not to be found out later.
        journal=None if emulated else journal,
    )
    if isinstance(device, EmulatedDevice):
        check_pace(device, order.device)
    return measured


def check_pace(device: EmulatedDevice, name: str) -> None:
    """Raise DeviceError where this machine could not keep up with an emulated device that was paced against it."""
    if device.overrun_s > _TOLERATED_OVERRUN_S:
        raise DeviceError(
            f"this machine was {device.overrun_s:.2f} s too slow for {name}, so the profile would hold its own times; "
            "leave --slowdown out or give a larger one"
        )


def _preparations(
    network: Network, device: Device, engine: Engine, order: ProfileOrder
) -> tuple[Path, PointChooser | None]:
    """The profile's file, and who chooses its operating points: both depend on the device."""
    key = profile_key(network, device, side=order.side, engine=engine.name.value, precision=engine.precision.value)
    path = order.out or ProfileStore(default_profile_folder()).path(key)
    if order.most_points is None:
        return path, None
    return path, PlanPointChooser(device.clock_table, most_points=order.most_points)


def _samples(
    specs: Sequence[TensorSpec], folder: Path | None, crops: int, seed: int
) -> tuple[list[tuple[torch.Tensor, ...]], str]:
    """Pictures in the size the network takes, and what they are in words."""
    size = picture_size(specs)
    if size is None:
        inputs = ", ".join(map(str, specs))
        raise ConfigError(
            f"--wires-out needs a network of one square picture, uint8[1, 3, S, S]; this one takes {inputs}"
        )
    if folder is None:
        return list(sample_crops(crops, seed=seed, size=size)), f"{crops} random crops of 20 ImageNet pictures"
    pictures = folder_pictures(folder, size=size)
    return [(picture.pixels,) for picture in pictures], f"{len(pictures)} pictures of {folder.name}"
