"""Which authority this process has: the clock daemon's, its own, or none."""

from __future__ import annotations

import os
from pathlib import Path

from joulecut_core.errors import DeviceError
from joulecut_runtime.clockd.book import SOCKET, LeaseBook
from joulecut_runtime.clockd.client import ClockdClient
from joulecut_runtime.devices.hardware.authority import ClockAuthority
from joulecut_runtime.devices.hardware.clockd_authority import ClockdAuthority
from joulecut_runtime.devices.hardware.local_authority import LocalAuthority
from joulecut_runtime.devices.hardware.no_authority import NoAuthority
from joulecut_runtime.devices.hardware.patience import OPENING_S, BlockedError, patiently

_SYSTEM = Path("/")


def open_authority(
    *, root: Path = _SYSTEM, socket: Path | None = None, privileged: bool | None = None
) -> ClockAuthority:
    """The daemon where it answers; else this process where it is privileged; else NoAuthority with both reasons.

    `root` is the folder of the kernel tree; the journals are below it, and the daemon's socket unless it is given.
    `privileged` is whether this process may set clocks itself: by default root may, and everybody may below another
    root than "/". A socket that was given and does not answer is not passed over in silence: NoAuthority.
    """
    if privileged is None:
        privileged = os.geteuid() == 0 or root != _SYSTEM
    path = socket or root / SOCKET
    try:
        ClockdClient(path).close()
        return ClockdAuthority(path)
    except DeviceError as error:
        if socket is not None:
            return NoAuthority(str(error))
        return _own(root, privileged=privileged, otherwise=f"{error}, or run as root")


def _own(root: Path, *, privileged: bool, otherwise: str) -> ClockAuthority:
    """This process where it is privileged; else nobody, for the reason that `otherwise` gives."""
    if not privileged:
        return NoAuthority(otherwise)
    try:
        return patiently("this machine's boards", lambda: LocalAuthority(LeaseBook(root)), OPENING_S)
    except (OSError, BlockedError) as error:
        return NoAuthority(f"this process cannot keep what it would have to put back: {error}")
