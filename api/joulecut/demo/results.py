"""What the demo found: one row a policy and objective, predicted beside metered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceInfo
from joulecut_core.figures import FigureKind
from joulecut_core.ledgers import RequestLedger
from joulecut_core.power_scopes import sum_kind, sum_scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """What the planner promised: T and J of the planning contract, in this objective's weights."""

    latency_s: float
    energy_j: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """What the meters showed, per request: latencies at the application, joules of the devices' counters.

    `energy_j` is weighted by the objective; the two sides are unweighted. `radio_j` is contained in
    `edge_energy_j`.
    """

    latency_p50_s: float
    latency_p99_s: float
    energy_j: float
    edge_energy_j: float
    server_energy_j: float
    radio_j: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyResult:
    """One policy under one objective."""

    policy: str
    cut: int
    cut_name: str
    edge_clock: OperatingPoint | None
    server_clock: OperatingPoint | None
    codec: str
    predicted: Predicted
    metered: Metered
    requests: int
    deadline_misses: int
    top1_agreement: float
    keeps_slo: bool

    @property
    def choice(self) -> tuple[object, ...]:
        """Cut, codec and clocks: equal where two policies came to one configuration."""
        return self.cut, self.codec, self.edge_clock, self.server_clock


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontStep:
    """One step of the planner's exact front: the 99th percentile's bound, and J in the objective's weights."""

    latency_bound_s: float
    energy_j: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveResult:
    """All policies under one objective, the exact front beside them, and one of the joint plan's requests."""

    objective: str
    slo_s: float
    policies: tuple[PolicyResult, ...]
    labels: dict[str, str]
    front: tuple[FrontStep, ...] = ()
    request: RequestLedger | None = None

    def find(self, policy: str) -> PolicyResult:
        """The row of a policy; raises KeyError where it did not run."""
        for result in self.policies:
            if result.policy == policy:
                return result
        raise KeyError(policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """The joint plan at one bandwidth, planned only, and the cheaper of the two unsplit plans beside it."""

    objective: str
    bandwidth_bps: float
    cut: int | None
    cut_name: str | None
    codec: str | None
    edge_clock: OperatingPoint | None
    server_clock: OperatingPoint | None
    energy_j: float | None
    all_edge_j: float | None
    all_server_j: float | None
    verdict: str


def labels(edge: DeviceInfo, server: DeviceInfo, slowdowns: Sequence[float]) -> dict[str, str]:
    """What kind of figures a result holds, what its joules contain, and at which slow-downs it was run."""
    kind = sum_kind((edge.figures, server.figures))
    return {
        "energy": kind.value,
        "energy_scope": sum_scope({"edge": edge.power_scope, "server": server.power_scope}),
        "latency": kind.value,
        "radio": FigureKind.EMULATED.value,
        "link": FigureKind.EMULATED.value,
        "bandwidth_sweep": FigureKind.ESTIMATED.value,
        "slowdown": " and ".join(f"{slowdown:g}" for slowdown in slowdowns),
    }
