"""Holds a device's clocks for as long as a person wants, and frees them in every way out that a process has."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import typer
from rich.console import Console

from joulecut.devices.desk import Desk
from joulecut.devices.points import parse_point
from joulecut.devices.readings import Holding, Pace, Story
from joulecut.devices.stopping import Stopping
from joulecut.devices.unlocking import point_once_free
from joulecut.devices.watching import LiveView
from joulecut_core.clocks import OperatingPoint
from joulecut_core.decoding import encode
from joulecut_core.devices import Device
from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock, SystemClock
from joulecut_runtime.clockd.client import ClockdGoneError
from joulecut_runtime.devices.hardware.lease import HardwareLease

_US = "this command"


def lock_device(name: str, clocks: str, *, root: Path, clockd_socket: Path | None, pace: Pace, as_json: bool) -> None:
    """Hold the clocks that a person typed and show what runs; says in the end that they are free again.

    Raises DeviceError where what was there before could not be put back, and all that `hold` raises.
    """
    clock = SystemClock()
    with Stopping() as stopping, Desk(root, clockd_socket, clock).device(name) as device:
        point = parse_point(clocks, device.clock_table)
        view = LiveView({name: device.info}, as_json=as_json)

        def announce() -> None:
            if not as_json:
                Console().print(f"holding {name} at {point}; Ctrl-C puts back what was there before")

        freed = hold(name, device, point, view=view, clock=clock, pace=pace, stopping=stopping, begun=announce)
        if as_json:
            typer.echo(json.dumps({"device": name, "released": encode(point), "runs_at": encode(freed)}))
        else:
            Console().print(f"{name} is free again and runs at {freed}")


def hold(
    name: str,
    device: Device,
    point: OperatingPoint,
    *,
    view: LiveView,
    clock: Clock,
    pace: Pace,
    stopping: Stopping,
    begun: Callable[[], None] = lambda: None,
) -> OperatingPoint:
    """Hold `point` until the pace ends or somebody wants to stop; returns what the device runs at once it is free.

    `begun` is called when the clocks are granted. Raises ClockError or LeaseError where they cannot be had or are
    taken away, DeviceError where the device vanishes; what was there before is put back first, and where that fails
    DeviceError says so.
    """
    with device.lease(point) as lease:
        begun()
        with view:
            story = Story(device.state, clock, lambda: Holding(point=lease.requested, holder=_US))
            for _ in pace.ticks(clock, stopping):
                # Asked for again where something else has changed it, a power mode for one; a lost lease says so here.
                # A daemon that is restarted is asked with the next tick, for as long as its lease could have lasted.
                if not lease.achieved().matches(point):
                    with suppress(ClockdGoneError):
                        lease.move(point)
                view.show({name: story.read()})
    if isinstance(lease, HardwareLease) and lease.failure is not None:
        raise DeviceError(
            f"{name} is not free: {lease.failure}; joulecut-clockd tries again where it runs, "
            f"else `joulecut device reset {name}` does"
        ) from lease.failure
    return point_once_free(device.state, clock)
