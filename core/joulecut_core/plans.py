"""The answer to a planning problem (contract `joulecut.plan/1`), and what agents carry out of it."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.clocks import OperatingPoint
from joulecut_core.decoding import show
from joulecut_core.errors import PlanError
from joulecut_core.power_scopes import sum_scope

PLAN_SCHEMA = "joulecut.plan/1"
OPTIMAL = "optimal"
INFEASIBLE = "infeasible"
_LONGEST_NAME = 200
"""Characters; several times a digest, the longest that there is."""

_CHOICE_FIELDS = (
    "cut",
    "cut_name",
    "codec",
    "variant",
    "latency_s",
    "latency_bound_s",
    "energy_j",
    "edge_energy_j",
    "server_energy_j",
    "breakdown",
)
"""What a plan either knows altogether or not at all; clocks are left to a governor now and then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """Where a plan's seconds and joules go; joules are unweighted."""

    t_edge: float
    encode_s: float
    t_up: float
    rtt_s: float
    decode_s: float
    t_server: float
    t_down: float
    edge_busy_j: float
    edge_wait_j: float
    encode_j: float
    radio_j: float
    server_busy_j: float
    decode_j: float
    server_idle_j: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerScopes:
    """What the two sides' watts contain."""

    edge: str | None
    server: str | None

    def of_sum(self, *, server: bool = True) -> str:
        """What a sum over both sides contains, in words; `server`: whether that side has a part in it."""
        return sum_scope({"edge": self.edge, "server": self.server} if server else {"edge": self.edge})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A choice with its full cost. Where `status` is "infeasible" it describes the nearest choice, or nothing.

    Raises PlanError for an unknown status or schema, and for an optimum without a choice.
    """

    status: str
    cut: int | None
    cut_name: str | None
    codec: str | None
    variant: str | None
    edge_point: int | None
    server_point: int | None
    edge_clock: OperatingPoint | None
    server_clock: OperatingPoint | None
    latency_s: float | None
    latency_bound_s: float | None
    energy_j: float | None
    edge_energy_j: float | None
    server_energy_j: float | None
    breakdown: Breakdown | None
    power_scopes: PowerScopes
    binding: tuple[str, ...]
    evaluated: int
    solve_s: float
    schema: str = PLAN_SCHEMA

    def __post_init__(self) -> None:
        if self.schema != PLAN_SCHEMA:
            raise PlanError(f"schema: {show(self.schema)}; expected {PLAN_SCHEMA!r}: make the plan again")
        if self.status not in (OPTIMAL, INFEASIBLE):
            raise PlanError(f"status: {show(self.status)}; expected {OPTIMAL!r} or {INFEASIBLE!r}")
        missing = [name for name in _CHOICE_FIELDS if getattr(self, name) is None]
        if missing and (self.status == OPTIMAL or len(missing) != len(_CHOICE_FIELDS)):
            raise PlanError(f"{missing[0]}: None; expected a value in a plan that describes a choice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What both agents carry out, under one epoch.

    `edge_clock` is None where the board's own governor decides, `server_clock` None where the
    server has no part. Epochs only rise; a request carries its epoch, digest and cut.

    Raises PlanError for a negative epoch or cut, and for names longer than any: they stand in every line about it.
    """

    epoch: int
    network_digest: str
    policy: str
    cut: int
    codec: str
    variant: str
    edge_clock: OperatingPoint | None
    server_clock: OperatingPoint | None

    def __post_init__(self) -> None:
        if self.epoch < 0 or self.cut < 0:
            raise PlanError(f"epoch {self.epoch}, cut {self.cut}; expected both to be at least 0")
        for field in ("network_digest", "policy", "codec", "variant"):
            name = getattr(self, field)
            if len(name) > _LONGEST_NAME:
                text = f"{field}: {len(name)} characters, {show(name)}; expected at most {_LONGEST_NAME}"
                raise PlanError(f"{text}: check who made the plan")

    def __str__(self) -> str:
        edge = "its governor's clocks" if self.edge_clock is None else self.edge_clock
        server = "no part" if self.server_clock is None else self.server_clock
        return f"{self.policy}: cut {self.cut}, {self.codec}, {self.variant}, edge {edge}, server {server}"
