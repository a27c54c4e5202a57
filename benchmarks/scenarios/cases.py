"""The scenarios that are planned: which board, server, link, service level and objective."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import product

from joulecut.demo.scenario import Scenario
from joulecut_core.links import LinkEstimate
from joulecut_core.problems import Objective, Slo

BOARDS = (
    "orin-nano-7w",
    "orin-nano-15w",
    "orin-nano-25w",
    "orin-nano-super",
    "orin-nx-16gb",
    "agx-xavier",
    "tx2",
)
SERVERS = ("t4", "l4", "v100", "h100")
FRUGAL_SERVERS = ("t4", "l4")
"""Cards of some 70 W; the others may draw several hundred."""
UPLINKS_BPS = (5e6, 10e6, 25e6, 50e6, 200e6)
RATES_HZ = (10.0, 40.0)
DEADLINES_S = (0.01, 0.02, 0.03, 0.1)

_DOWNLINK_RATIO = 2.0
_SPREAD_SHARE = 0.05
"""Spread of a transfer over its round trip, about what the demo's link has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How an edge reaches its server: the round trip, and what the radio draws on top of waiting (assumed)."""

    name: str
    rtt_s: float
    uplink_w: float
    downlink_w: float


ACCESSES = (
    Access(name="wired", rtt_s=0.001, uplink_w=0.0, downlink_w=0.0),
    Access(name="wi-fi", rtt_s=0.004, uplink_w=0.8, downlink_w=0.6),
    Access(name="5g", rtt_s=0.015, uplink_w=2.0, downlink_w=1.5),
)


class Goal(str, Enum):
    """Whose joules count."""

    TOTAL = "total"
    BATTERY = "battery"

    @property
    def objective(self) -> Objective:
        """The goal's weights; the server is shared, so its idle draw is nobody's."""
        return Objective(server_weight=0.0) if self is Goal.BATTERY else Objective()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What stays as it is: the two devices and the link between them."""

    board: str
    server: str
    uplink_bps: float
    downlink_bps: float
    access: Access

    @property
    def link(self) -> LinkEstimate:
        """The link in the planner's words."""
        return LinkEstimate(
            uplink_bps=self.uplink_bps,
            downlink_bps=self.downlink_bps,
            rtt_s=self.access.rtt_s,
            latency_std_s=_SPREAD_SHARE * self.access.rtt_s,
            uplink_w=self.access.uplink_w,
            downlink_w=self.access.downlink_w,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What an application asks for; `quantile` of its answers are due within `deadline_s`."""

    rate_hz: float
    deadline_s: float
    goal: Goal
    quantile: float = 0.99

    def slo(self, margin: str) -> Slo:
        """The service level in the planner's words."""
        return Slo(latency_s=self.deadline_s, quantile=self.quantile, margin=margin, rate_hz=self.rate_hz)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Every demand in every setting."""

    settings: tuple[Setting, ...]
    demands: tuple[Demand, ...]

    def __len__(self) -> int:
        return len(self.settings) * len(self.demands)


def full_grid() -> Grid:
    """What is published."""
    return _grid(BOARDS, SERVERS, UPLINKS_BPS, ACCESSES)


def quick_grid() -> Grid:
    """One board and one server: to see that everything works, in seconds."""
    return _grid(("orin-nano-15w",), ("t4",), (10e6, 25e6, 50e6), ACCESSES[1:2])


def demo_grid(scenario: Scenario) -> Grid:
    """The demo's case under each of its objectives."""
    device = {name: name.removeprefix("emulated:") for name in (scenario.edge_device, scenario.server_device)}
    radio = next(
        (known.name for known in ACCESSES if (known.uplink_w, known.downlink_w) == _draws(scenario)), "the demo's"
    )
    setting = Setting(
        board=device[scenario.edge_device],
        server=device[scenario.server_device],
        uplink_bps=scenario.uplink_bps,
        downlink_bps=scenario.downlink_bps,
        access=Access(
            name=radio,
            rtt_s=2.0 * scenario.delay_s,
            uplink_w=scenario.uplink_w,
            downlink_w=scenario.downlink_w,
        ),
    )
    demands = tuple(
        Demand(rate_hz=scenario.rate_hz, deadline_s=scenario.slo_s, goal=goal, quantile=scenario.quantile)
        for goal in Goal
    )
    return Grid(settings=(setting,), demands=demands)


def _draws(scenario: Scenario) -> tuple[float, float]:
    return scenario.uplink_w, scenario.downlink_w


def _grid(
    boards: tuple[str, ...], servers: tuple[str, ...], uplinks_bps: tuple[float, ...], accesses: tuple[Access, ...]
) -> Grid:
    settings = tuple(
        Setting(
            board=board,
            server=server,
            uplink_bps=uplink_bps,
            downlink_bps=_DOWNLINK_RATIO * uplink_bps,
            access=access,
        )
        for board, server, uplink_bps, access in product(boards, servers, uplinks_bps, accesses)
    )
    demands = tuple(
        Demand(rate_hz=rate_hz, deadline_s=deadline_s, goal=goal)
        for rate_hz, deadline_s, goal in product(RATES_HZ, DEADLINES_S, Goal)
    )
    return Grid(settings=settings, demands=demands)
