"""The document that is published once a second: the server, its device, totals and sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceInfo, DeviceState
from joulecut_core.figures import FigureKind
from joulecut_server.dashboard.history import Row
from joulecut_server.dashboard.session_views import SessionView

STATE_SCHEMA = "joulecut.dashboard/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerView:
    """Who serves. `slowdown`: wall seconds of one second of the agents' clock, in which all durations are."""

    name: str
    slowdown: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """The device as it was read just now; clocks, watts and degrees are None where it could not be, or has none.

    `requested`: the clocks that sessions need, None without. `scope`: what the watts contain. `complaint`: why the
    device counts as lost.
    """

    name: str
    scope: str
    figures: FigureKind
    core_mhz: float | None
    memory_mhz: float | None
    requested: OperatingPoint | None
    power_w: float | None
    temperature_c: float | None
    throttle: tuple[str, ...]
    complaint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalsView:
    """Counts since the start, but for `sessions`, `streams` and `requests_hz`, which are of now.

    `energy_j`: decoding and computing of all answers. `requests_hz`: answers a second of the agents' clock,
    the mean over the latest ten looks.
    """

    sessions: int
    streams: int
    plans: int
    epoch: int
    answered: int
    refused: int
    energy_j: float
    requests_hz: float
    draining: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StateView:
    """Everything now, `time_s` wall seconds after the start. `rows`: what this second added to sessions' histories."""

    time_s: float
    server: ServerView
    device: DeviceView
    totals: TotalsView
    sessions: tuple[SessionView, ...]
    rows: Mapping[str, Row]
    schema: str = STATE_SCHEMA


def device_view(
    info: DeviceInfo, state: DeviceState | None, requested: OperatingPoint | None, complaint: str | None
) -> DeviceView:
    """A device's view. `state`: None where it could not be read."""
    return DeviceView(
        name=info.name,
        scope=info.power_scope,
        figures=info.figures,
        core_mhz=None if state is None else state.point.core_mhz,
        memory_mhz=None if state is None else state.point.memory_mhz,
        requested=requested,
        power_w=None if state is None else state.power_w,
        temperature_c=None if state is None else state.temperature_c,
        throttle=() if state is None else tuple(sorted(reason.value for reason in state.throttle)),
        complaint=complaint,
    )
