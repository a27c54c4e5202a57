"""The demo's case, and why it is not a trivial one.

A machine with a 40 Hz camera runs a classifier on a Jetson Orin Nano in its 15 W mode, and may use a
T4 over an office's 5 GHz Wi-Fi, whose real goodput is some 7-29 Mbit/s. 99 % of the answers are due
within 30 ms.

- Sending the picture (a JPEG of quality 98 changes 1.5 % of the answers, within the budget) misses the
  deadline for every larger picture, and costs the radio a third of what the whole network costs the
  board on top of waiting.
- Computing everything on the board keeps the deadline at any clock, so its best clock is the lowest;
  it still pays for blocks whose output is no smaller than what they started from.
- After a third of the work the tensors, in 8 bits, are a third of the JPEG, and the rest of the deadline
  is enough to send them. Whether that is worth it depends on whose joules count: for the battery it
  is; for both sides together it is not, as a data-centre GPU spends more on the rest of so small a
  network than the board would.

docs/explanation-scenarios.md tells how typical the case is among thousands.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from joulecut_core.problems import Objective, Slo
from joulecut_planner import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedObjective:
    """An objective and what the tables call it."""

    name: str
    objective: Objective


@dataclass(frozen=True, slots=True, kw_only=True)
class Radio:
    """What the emulated radio draws on top of the board while it sends or receives."""

    uplink_w: float
    downlink_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Devices, link, service level and objectives of one demo. `requests`: answered per configuration.

    `runs_infeasible`: whether plans that break the service level are run too, as far as they can be.
    """

    edge_device: str = "emulated:orin-nano-15w"
    server_device: str = "emulated:t4"
    uplink_bps: float = 25e6
    downlink_bps: float = 50e6
    delay_s: float = 0.002
    jitter_s: float = 0.0002
    uplink_w: float = 0.8
    downlink_w: float = 0.6
    rate_hz: float = 40.0
    slo_s: float = 0.03
    quantile: float = 0.99
    max_accuracy_loss: float = 0.02
    requests: int = 40
    seed: int = 2
    policies: tuple[Policy, ...] = tuple(Policy)
    runs_infeasible: bool = True
    objectives: tuple[NamedObjective, ...] = field(
        default=(
            NamedObjective(name="total", objective=Objective()),
            NamedObjective(name="battery", objective=Objective(server_weight=0.0)),
        )
    )
    sweep_bps: tuple[float, ...] = (1e6, 2e6, 5e6, 10e6, 15e6, 20e6, 50e6, 100e6, 200e6, 500e6, 1000e6)

    @property
    def radio(self) -> Radio:
        """The radio's draws."""
        return Radio(uplink_w=self.uplink_w, downlink_w=self.downlink_w)

    @property
    def slo(self) -> Slo:
        """The service level in the planner's words."""
        return Slo(latency_s=self.slo_s, quantile=self.quantile, rate_hz=self.rate_hz)

    @property
    def story(self) -> str:
        """The case in two sentences."""
        return (
            f"A {self.rate_hz:g} Hz camera on {self.edge_device} shares {self.server_device} over a "
            f"{self.uplink_bps / 1e6:g} Mbit/s link with {2e3 * self.delay_s:g} ms round trip; "
            f"{self.quantile:.0%} of the answers are due within {self.slo_s * 1e3:.1f} ms. "
            f"The radio draws {self.uplink_w:g} W on top while it sends (assumed)."
        )
