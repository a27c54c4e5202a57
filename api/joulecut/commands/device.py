"""`joulecut device`: the devices of this machine: listed, watched, locked at a clock by hand, and reset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="device",
    help="List the devices of this machine, watch them, lock their clocks by hand, reset them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Root = Annotated[Path, typer.Option(help="Root of the kernel's files: /sys, /proc and /etc are looked up below.")]
Socket = Annotated[
    Path | None, typer.Option("--clockd-socket", help="Socket of joulecut-clockd. Default: where its service puts it.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line where there are several.")]
Interval = Annotated[float, typer.Option("--interval", help="Seconds between readings.")]
_SYSTEM = Path("/")


@app.command("list")
def list_devices(
    root: Root = _SYSTEM,
    clockd_socket: Socket = None,
    emulated: Annotated[bool, typer.Option("--emulated", help="List the emulated devices too.")] = False,
    as_json: Json = False,
) -> None:
    """List the devices that can be opened here: the name for configuration files, scope, clocks, who may set them."""
    from joulecut.devices.listing import show_list  # noqa: PLC0415 - loads numpy; --help must not

    show_list(root=root, clockd_socket=clockd_socket, emulated=emulated, as_json=as_json)


@app.command()
def watch(
    devices: Annotated[list[str] | None, typer.Argument(help="Names as `list` shows them. Default: all.")] = None,
    root: Root = _SYSTEM,
    clockd_socket: Socket = None,
    interval_s: Interval = 1.0,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many readings of each device.")] = None,
    as_json: Json = False,
) -> None:
    """Show clocks asked for and run, watts, joules since the start, temperature and throttling until Ctrl-C."""
    from joulecut.devices.readings import Pace  # noqa: PLC0415
    from joulecut.devices.watching import watch_devices  # noqa: PLC0415

    pace = Pace(interval_s=interval_s, count=count)
    watch_devices(devices or [], root=root, clockd_socket=clockd_socket, pace=pace, as_json=as_json)


@app.command()
def lock(
    device: Annotated[str, typer.Argument(help="Name as `list` shows it.")],
    clocks: Annotated[str, typer.Argument(metavar="CORE[/MEMORY]", help="MHz, of the device's clock table.")],
    root: Root = _SYSTEM,
    clockd_socket: Socket = None,
    for_s: Annotated[float | None, typer.Option("--for", help="Seconds to hold them. Default: until Ctrl-C.")] = None,
    interval_s: Interval = 1.0,
    as_json: Json = False,
) -> None:
    """Hold a device's clocks, show what it runs at, and put back what was there before in every way out."""
    from joulecut.devices.locking import lock_device  # noqa: PLC0415
    from joulecut.devices.readings import Pace  # noqa: PLC0415

    pace = Pace(interval_s=interval_s, for_s=for_s)
    lock_device(device, clocks, root=root, clockd_socket=clockd_socket, pace=pace, as_json=as_json)


@app.command()
def reset(
    device: Annotated[str, typer.Argument(help="Name as `list` shows it.")],
    root: Root = _SYSTEM,
    clockd_socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Put back what a holder that died has left, or else the driver's defaults; refused while somebody holds it."""
    from joulecut.devices.resetting import reset_device  # noqa: PLC0415

    reset_device(device, root=root, clockd_socket=clockd_socket, as_json=as_json)
