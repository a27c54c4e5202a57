"""Profiling as the command line does it: which clock to use, what to measure, what to print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress, TaskID, TextColumn
from rich.table import Table

from joulecut.pictures import folder_pictures, sample_crops
from joulecut_core.devices import Device
from joulecut_core.errors import ConfigError, DeviceError
from joulecut_core.networks import TensorSpec
from joulecut_core.point_choice import PointChooser
from joulecut_core.profiles import Profile, save_profile
from joulecut_core.timing import Clock, ScaledClock, SystemClock
from joulecut_core.wires import WireTable, save_wires
from joulecut_planner.pacing import paced_checks
from joulecut_planner.point_choice import PlanPointChooser
from joulecut_runtime.device_engine import engine_on
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.devices.opening import is_real, open_device
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.engines import Engine, EngineNetwork
from joulecut_runtime.network import Network
from joulecut_runtime.profile_journal import ProfileJournal, journal_path
from joulecut_runtime.profile_plan import ProfilePlan
from joulecut_runtime.profile_provision import example_inputs
from joulecut_runtime.profile_store import ProfileStore, default_profile_folder
from joulecut_runtime.profiler import Side, profile_key, profile_network
from joulecut_runtime.progress import ProgressSink
from joulecut_runtime.rehearsal import rehearse_profile
from joulecut_runtime.wire_measurement import measure_wires

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


def carry_out(order: ProfileOrder) -> None:
    """Measure, save and print; go on where an interrupted run stopped.

    Raises ConfigError, BundleError, DeviceError or ProfileError with the remedy.
    """
    if order.samples is not None and order.wires_out is None:
        raise ConfigError(f"--samples {order.samples} is of no use without --wires-out FILE")
    torch.set_num_threads(1)
    network = Network.load(order.bundle)
    samples_of = (
        _samples(network.table.inputs, order.samples, order.crops, order.seed) if order.wires_out is not None else None
    )
    console = Console()
    if is_real(order.device) and order.slowdown is not None:
        raise ConfigError(f"--slowdown {order.slowdown:g} is for emulated devices; {order.device!r} runs in real time")
    clock = SystemClock() if order.slowdown is None else ScaledClock(order.slowdown)
    device = open_device(order.device, clock=clock, seed=order.seed, options=order.options)
    try:
        engine = engine_on(device, order.options, clock=clock)
        path, chooser = _preparations(network, device, engine, order)
        journal = ProfileJournal(journal_path(path))
        with _bar(console, "profile") as sink:
            measured = _measure(network, device, engine, clock, order, sink=sink, chooser=chooser, journal=journal)
    finally:
        device.close()
    save_profile(measured, path)
    journal.remove()
    if journal.resumed_points:
        done, points = journal.resumed_points, len(measured.points)
        console.print(f"resumed: {done} of {points} operating points were measured before the interruption")
    console.print(_points_table(measured))
    console.print(f"{len(measured.parts)} parts and {len(measured.codecs)} codec costs measured")
    console.print(f"profile: {path}", soft_wrap=True)
    if order.wires_out is not None and samples_of is not None:
        inputs, samples_from = samples_of
        with _bar(console, "wires") as sink:
            wires = measure_wires(network, inputs, samples_from=samples_from, progress=sink)
        save_wires(wires, order.wires_out)
        console.print(_wires_table(wires, measured.cut_names))
        console.print(f"wires: {order.wires_out}", soft_wrap=True)


class _Bar:
    """A progress sink that moves a bar of the terminal."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, done: int, total: int, what: str) -> None:
        self._progress.update(self._task, completed=done, total=total, what=what)


@contextmanager
def _bar(console: Console, title: str) -> Iterator[ProgressSink]:
    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[what]}"))
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress, progress.add_task(title, total=None, what=""))


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
    shape = specs[0].shape
    if len(specs) != 1 or specs[0].dtype != "uint8" or shape[:2] != (1, 3) or len(shape) != 4 or shape[2] != shape[3]:
        inputs = ", ".join(map(str, specs))
        raise ConfigError(
            f"--wires-out needs a network of one square picture, uint8[1, 3, S, S]; this one takes {inputs}"
        )
    if folder is None:
        return list(sample_crops(crops, seed=seed, size=shape[3])), f"{crops} random crops of 20 ImageNet pictures"
    pictures = folder_pictures(folder, size=shape[3])
    return [(picture.pixels,) for picture in pictures], f"{len(pictures)} pictures of {folder.name}"


def _points_table(measured: Profile) -> Table:
    title = f"{measured.network} on {measured.key.device} ({measured.figures.value}, {measured.key.power_scope})"
    table = Table("clock", "achieved", "whole ms", "+- ms", "busy W", "waiting W", "runs", title=title)
    for point in measured.points:
        table.add_row(
            str(point.requested),
            str(point.achieved),
            f"{point.whole_s * 1e3:.2f}",
            f"{point.whole_std_s * 1e3:.2f}",
            f"{point.busy_w:.2f}",
            f"{point.wait_w:.2f}",
            str(point.runs),
        )
    for governed in measured.governed:
        table.add_row(
            f"governor, {governed.rate_hz:g} Hz",
            "",
            f"{governed.latency_s * 1e3:.2f}",
            f"{governed.latency_std_s * 1e3:.2f}",
            f"mean {governed.mean_w:.2f}",
            "",
            "",
        )
    for check in paced_checks(measured):
        table.add_row(
            f"{check.paced.requested}, {check.paced.rate_hz:g} Hz",
            str(check.paced.achieved),
            f"{check.paced.latency_s * 1e3:.2f}",
            f"{check.paced.latency_std_s * 1e3:.2f}",
            f"mean {check.paced.mean_w:.2f}",
            f"predicted {check.mean_w:.2f}",
            str(len(check.paced.samples_s)),
        )
    return table


def _wires_table(wires: WireTable, cut_names: Sequence[str]) -> Table:
    table = Table("cut", "codec", "mean kB", "largest kB", "answers changed", title=f"wires on {wires.samples_from}")
    for wire in wires.wires:
        table.add_row(
            f"{wire.cut} {cut_names[wire.cut]}",
            wire.codec,
            f"{wire.mean_bytes / 1e3:.1f}",
            f"{wire.max_bytes / 1e3:.1f}",
            f"{wire.accuracy_loss:.2%} of {wire.samples}",
        )
    return table
