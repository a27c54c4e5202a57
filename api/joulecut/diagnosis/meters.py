"""A device's energy meter: its kind, what its watts contain, and how often it really changes."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from itertools import pairwise

from joulecut.diagnosis.finding import Area, Fact, Finding, Status
from joulecut_core.figures import FigureKind
from joulecut_core.timing import Clock
from joulecut_runtime.devices.hardware.probe import MeterKind, Probe

_POLL_S = 0.001
_ENOUGH_CHANGES = 8
_TOLERATED_FACTOR = 3.0
"""A meter this much slower than it says makes windows that are too short."""


def measured_period_s(probe: Probe, clock: Clock, *, timeout_s: float = 1.5) -> float | None:
    """Seconds between two changes of the energy figure: the median of up to seven, found by polling.

    None where it changed fewer than twice within `timeout_s`.
    """
    start_s = clock.now_s()
    changes_s: list[float] = []
    last_j = probe.read().energy_j
    while len(changes_s) < _ENOUGH_CHANGES and clock.now_s() - start_s < timeout_s:
        clock.sleep_until_s(clock.now_s() + _POLL_S)
        state = probe.read()
        if state.energy_j is not None and state.energy_j != last_j:
            last_j = state.energy_j
            changes_s.append(state.time_s if state.energy_time_s is None else state.energy_time_s)
    if len(changes_s) < 2:
        return None
    return statistics.median(later_s - earlier_s for earlier_s, later_s in pairwise(changes_s))


def examine_meter(device: str, probe: Probe, clock: Clock) -> Iterator[Finding]:
    """What meters this device, and whether it is as quick as its backend takes it to be."""
    info, kind = probe.info, probe.capabilities.meter
    state = probe.read()
    facts: dict[str, Fact] = {
        "device": device,
        "meter": kind.value,
        "power_scope": info.power_scope,
        "figures": info.figures.value,
        "period_s": info.meter_period_s,
        "power_w": state.power_w,
        "temperature_c": state.temperature_c,
        "throttle": sorted(reason.value for reason in state.throttle),
    }
    if kind is MeterKind.NONE:
        what = "no energy meter: times can be measured here, joules cannot"
        remedy = "configure the watts it draws (they are then called estimated), or use a device with a meter"
        yield _finding(device, Status.NOTE, what, remedy, facts)
        return
    period_s = measured_period_s(probe, clock)
    facts["measured_period_s"] = period_s
    scope = info.power_scope if info.figures is FigureKind.MEASURED else f"{info.power_scope} ({info.figures.value})"
    source = (
        f"the joules of {scope} are counted"
        if kind is MeterKind.COUNTER
        else f"the watts of {scope} are sampled and integrated"
    )
    draw = "" if state.power_w is None else f", {state.power_w:.1f} W now"
    if period_s is None:
        what = f"the meter of {scope} stands still{draw}"
        remedy = "look at the driver's log; a counter that does not move at all makes every joule zero"
        yield _finding(device, Status.PROBLEM, what, remedy, facts)
        return
    what = f"{source}, a new figure every {period_s * 1e3:.3g} ms as seen just now{draw}"
    if info.meter_period_s is not None and period_s > _TOLERATED_FACTOR * info.meter_period_s:
        yield _finding(
            device,
            Status.WARNING,
            f"{what}; expected every {info.meter_period_s * 1e3:.3g} ms",
            "windows may be too short for it: profile on a quieter machine, or look at the driver's log",
            facts,
        )
        return
    yield _finding(device, Status.OK, what, None, facts)


def _finding(device: str, status: Status, what: str, remedy: str | None, facts: dict[str, Fact]) -> Finding:
    return Finding(area=Area.METER, name=device, status=status, what=what, remedy=remedy, facts=facts)
