"""One device from top to bottom: whether it opens, who it is, its clocks, its meter, and how it does right now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from joulecut.devices.clock_access import ClockAccess
from joulecut.devices.inventory import Sighting
from joulecut.diagnosis.clocks import examine_clocks
from joulecut.diagnosis.finding import Area, Fact, Finding, Status
from joulecut.diagnosis.meters import examine_meter
from joulecut_core.devices import DeviceState, ThrottleReason
from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock
from joulecut_runtime.devices.hardware.probe import Probe

_THROTTLE_REMEDIES = {
    ThrottleReason.POWER_CAP: "raise its power limit or mode, or plan with the clocks that the limit lets it reach",
    ThrottleReason.THERMAL: "let it cool: check fan, heat sink and air flow before profiling",
    ThrottleReason.HARDWARE: "check its power supply and cables: the hardware itself slows it down",
}


def examine_device(
    sighting: Sighting, access_of: Callable[[str], ClockAccess], clock: Clock, *, wanted: bool
) -> Iterator[Finding]:
    """What there is to say about one device. `wanted`: somebody counts on it, so its limits are problems.

    `access_of` tells for a board's key who sets its clocks for this user.
    """
    try:
        probe = sighting.open_probe(clock)
    except DeviceError as error:
        yield failed(sighting.name, error, wanted=wanted)
        return
    with closing(probe):
        try:
            yield from _examine_probe(sighting, probe, access_of, clock, wanted=wanted)
        except DeviceError as error:
            yield failed(sighting.name, error, wanted=True)


def failed(name: str, error: DeviceError, *, wanted: bool) -> Finding:
    """A device that does not open or has vanished; the remedy is what the error itself advises."""
    what = " ".join(str(error).split())
    return Finding(
        area=Area.DEVICE,
        name=name,
        status=Status.PROBLEM if wanted else Status.NOTE,
        what=what,
        remedy=advice(what),
        facts={"device": name, "error": type(error).__name__},
    )


def advice(message: str) -> str:
    """What an error's message says to do: all behind its first semicolon, as the project writes them.

    A remedy may have semicolons of its own, and begins with what helps most.
    """
    _, semicolon, remedy = message.partition("; ")
    return remedy if semicolon else "check its driver, and that this user may open the device's files"


def _examine_probe(
    sighting: Sighting, probe: Probe, access_of: Callable[[str], ClockAccess], clock: Clock, *, wanted: bool
) -> Iterator[Finding]:
    state = probe.read()
    yield _identity(sighting, probe, state)
    for number, remark in enumerate(probe.capabilities.remarks, start=1):
        facts: dict[str, Fact] = {"device": sighting.name, "remark": number}
        yield Finding(area=Area.DEVICE, name=sighting.name, status=Status.NOTE, what=remark, facts=facts)
    yield from _throttling(sighting.name, state)
    access = access_of(probe.board)
    yield from examine_clocks(sighting.name, probe.clock_table, probe.capabilities, access, wanted=wanted)
    yield from examine_meter(sighting.name, probe, clock)


def _identity(sighting: Sighting, probe: Probe, state: DeviceState) -> Finding:
    info = probe.info
    facts: dict[str, Fact] = {
        "device": sighting.name,
        "backend": info.backend,
        "model": info.name,
        "uid": info.uid,
        "driver": info.driver,
        "board": probe.board,
        "core_mhz": state.point.core_mhz,
        "memory_mhz": state.point.memory_mhz,
        "temperature_c": state.temperature_c,
        **info.notes,
    }
    what = f"{info.name}, {info.driver}, runs at {state.point} now"
    return Finding(area=Area.DEVICE, name=sighting.name, status=Status.OK, what=what, facts=facts)


def _throttling(name: str, state: DeviceState) -> Iterator[Finding]:
    for reason in sorted(state.throttle, key=lambda each: each.value):
        yield Finding(
            area=Area.DEVICE,
            name=name,
            status=Status.WARNING,
            what=f"slowed down right now: {reason.value}",
            remedy=_THROTTLE_REMEDIES[reason],
            facts={"device": name, "throttle": reason.value},
        )
