"""Puts a real device together: its probe, what completes its meter, who sets its clocks, how it computes.

Backends are imported where one of their devices is opened: a Jetson has no NVML, a server no devfreq node, and
neither of them needs the other's library.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import ExitStack
from enum import Enum
from pathlib import Path

from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock
from joulecut_runtime.devices.computing import computing_on
from joulecut_runtime.devices.governed_probe import GovernedProbe
from joulecut_runtime.devices.hardware.authority import ClockAuthority
from joulecut_runtime.devices.hardware.device import HardwareDevice
from joulecut_runtime.devices.hardware.probe import Probe
from joulecut_runtime.devices.hardware.settling import SettlePlan
from joulecut_runtime.devices.options import DeviceOptions

_LOG = logging.getLogger(__name__)

_ROOT = Path("/")


class RealKind(str, Enum):
    """The backends of real devices, by the word that names begin with."""

    NVML = "nvml"
    JETSON = "jetson"
    CPU = "cpu"


def find_kind(root: Path = _ROOT) -> RealKind:
    """What this machine computes on: a Jetson before a GPU, since NVML answers on newer ones and knows nothing."""
    from joulecut_runtime.devices.jetson import is_tegra  # noqa: PLC0415
    from joulecut_runtime.devices.nvml import list_gpus  # noqa: PLC0415

    if is_tegra(root):
        return RealKind.JETSON
    try:
        return RealKind.NVML if list_gpus(root) else RealKind.CPU
    except DeviceError as error:
        _LOG.info("no GPU: %s", error)
        return RealKind.CPU


def open_real(kind: RealKind, place: str, *, clock: Clock, options: DeviceOptions) -> HardwareDevice:
    """The device of a kind at a place: a GPU's index or UUID, the root of a kernel tree; empty for this machine's own.

    Raises DeviceError where it is not there, with the remedy, ConfigError for options that do not fit it.
    """
    root = Path(place if place and kind is not RealKind.NVML else options.root).expanduser()
    if not root.is_dir():
        raise DeviceError(f"device {kind.value}:{place}: there is no folder {root}; expected the root of a kernel tree")
    with ExitStack() as undo:
        probe = _probe(kind, place, root, clock)
        undo.callback(probe.close)
        if not options.hold_clocks:
            probe = GovernedProbe(probe)
        probe = _metered(probe, options, clock, undo)
        for remark in probe.capabilities.remarks:
            _LOG.info("%s: %s", probe.info.name, remark)
        computing = computing_on(probe.info)
        device = HardwareDevice(
            probe,
            _authority(probe, root, options),
            clock=clock,
            synchronise=computing.synchronise,
            settling=SettlePlan(time_out_s=options.settle_s, under_load=computing.under_load),
            holder=f"{Path(sys.argv[0]).name or 'joulecut'} {os.getpid()}",
        )
        undo.pop_all()
    return device


def _probe(kind: RealKind, place: str, root: Path, clock: Clock) -> Probe:
    if kind is RealKind.NVML:
        from joulecut_runtime.devices.nvml import NvmlProbe  # noqa: PLC0415

        return NvmlProbe(place, clock=clock, root=root)
    if kind is RealKind.JETSON:
        from joulecut_runtime.devices.jetson import JetsonProbe  # noqa: PLC0415

        return JetsonProbe(root, clock=clock)
    from joulecut_runtime.devices.host import HostProbe  # noqa: PLC0415

    return HostProbe(root, clock=clock)


def _metered(probe: Probe, options: DeviceOptions, clock: Clock, undo: ExitStack) -> Probe:
    """The probe with what a person has said about watts."""
    from joulecut_runtime.devices.host import KernelFiles, RaplMeter  # noqa: PLC0415
    from joulecut_runtime.devices.meters import ConfiguredHost, EstimatedMeter, WithHostPower  # noqa: PLC0415

    if options.busy_w is not None and options.wait_w is not None:
        probe = EstimatedMeter(probe, clock=clock, busy_w=options.busy_w, wait_w=options.wait_w)
    if options.host_w is not None:
        probe = WithHostPower(probe, ConfiguredHost(options.host_w, clock=clock))
    elif options.host_meter:
        host = RaplMeter(KernelFiles(Path(options.root).expanduser()), clock)
        undo.callback(host.close)
        probe = WithHostPower(probe, host)
    return probe


def _authority(probe: Probe, root: Path, options: DeviceOptions) -> ClockAuthority:
    from joulecut_runtime.devices.hardware.authority_opening import open_authority  # noqa: PLC0415
    from joulecut_runtime.devices.hardware.no_authority import NoAuthority  # noqa: PLC0415

    if not probe.capabilities.core_settable:
        return NoAuthority(f"the clocks of {probe.info.name} are not set here; its remarks say why")
    socket = Path(options.clockd_socket) if options.clockd_socket else None
    return open_authority(root=root, socket=socket)
