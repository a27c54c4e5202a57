"""What an edge agent and the applications and tools on its host say to each other."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.devices import DeviceInfo, DeviceState
from joulecut_core.energy import EnergyReading
from joulecut_core.ledgers import RequestLedger
from joulecut_core.links import LinkEstimate
from joulecut_core.networks import TensorSpec
from joulecut_core.plans import Assignment, Plan
from joulecut_core.problems import Objective, Problem, Slo
from joulecut_core.tensor_frames import TensorFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class InferRequest:
    """The inputs of one request, in the network's order, not encoded.

    `application`: whose it is; those with names of their own take turns on the edge's device.
    """

    request_id: str
    tensors: tuple[TensorFrame, ...]
    application: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferReply:
    """The outputs of one request, and where its seconds and joules went."""

    tensors: tuple[TensorFrame, ...]
    ledger: RequestLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCounters:
    """Requests answered since the start: in all, by both sides, by the edge as planned, by the edge in need.

    `*_drifts`: alarms that measured times had left the plan's, by cause: a device below its clock, the
    planner's tables, the link.
    """

    requests: int = 0
    split: int = 0
    local: int = 0
    fallbacks: int = 0
    throttle_drifts: int = 0
    model_drifts: int = 0
    link_drifts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStatus:
    """An edge agent's state; what it does not have yet is None.

    `slowdown`: wall seconds that one second of the agents' clock lasts.
    """

    network: str
    network_digest: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    server_connected: bool
    assignment: Assignment | None
    plan: Plan | None
    link: LinkEstimate | None
    counters: RequestCounters
    device: DeviceState
    device_info: DeviceInfo
    server_info: DeviceInfo | None
    slowdown: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplanRequest:
    """What to change before planning again; None keeps what is in force. `preview`: plan only."""

    policy: str | None = None
    objective: Objective | None = None
    slo: Slo | None = None
    max_accuracy_loss: float | None = None
    preview: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplanReply:
    """The plan made, the problem behind it, and the assignment now in force.

    `assignment` is None for a preview or an infeasible plan.
    """

    assignment: Assignment | None
    plan: Plan
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMetersRequest:
    """Read both meters when they next change, from these times of their own devices on; None: at once."""

    edge_not_before_s: float | None = None
    server_not_before_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReadings:
    """Both sides' energy counters; `server` is None where it cannot be read."""

    edge: EnergyReading
    server: EnergyReading | None
