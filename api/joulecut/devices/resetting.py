"""Puts back the clocks that a holder which died has left, or the driver's defaults."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from rich.console import Console

from joulecut.devices.clock_access import Setter
from joulecut.devices.desk import Desk
from joulecut.devices.unlocking import point_once_free
from joulecut_core.decoding import encode
from joulecut_core.errors import DeviceError, LeaseError
from joulecut_core.timing import SystemClock
from joulecut_runtime.devices.hardware.authority_opening import open_authority
from joulecut_runtime.devices.hardware.clockd_authority import ClockdAuthority
from joulecut_runtime.devices.hardware.local_authority import LocalAuthority
from joulecut_runtime.devices.hardware.no_authority import NoAuthority
from joulecut_runtime.devices.opening import is_real


def reset_device(name: str, *, root: Path, clockd_socket: Path | None, as_json: bool) -> None:
    """Have the clock daemon put the device back, or do it in this process where that may and no daemon runs.

    Raises LeaseError where somebody holds the clocks or this user may not, DeviceError where it fails.
    """
    if not is_real(name):
        raise DeviceError(f"{name} is no real device; an emulated one forgets its clocks when its process ends")
    clock = SystemClock()
    desk = Desk(root, clockd_socket, clock)
    with desk.probe(name) as probe:
        if not probe.capabilities.core_settable:
            raise DeviceError(f"nobody can set the clocks of {name}, so there is nothing to put back")
        through = _put_back(probe.board, desk.root(name), clockd_socket)
        point = point_once_free(probe.read, clock)
    if as_json:
        typer.echo(
            json.dumps({"device": name, "board": probe.board, "reset_by": through.value, "runs_at": encode(point)})
        )
    else:
        Console().print(f"{name}: no lease is left on its clocks (done by {through.value}); it runs at {point}")


def _put_back(board: str, root: Path, clockd_socket: Path | None) -> Setter:
    authority = open_authority(root=root, socket=clockd_socket)
    try:
        if isinstance(authority, ClockdAuthority):
            authority.reset(board)
            return Setter.CLOCKD
        if isinstance(authority, LocalAuthority):
            authority.reset(board)
            return Setter.THIS_PROCESS
        reason = authority.reason if isinstance(authority, NoAuthority) else "nobody may set its clocks"
        raise LeaseError(f"{board}: this user may not reset it: {reason}")
    finally:
        authority.close()
