"""What callers and the planning server say besides problems and plans: sessions of one edge and one network, sizes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from joulecut_core.errors import ContractError
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Assignment, Plan
from joulecut_core.problems import Objective, Problem, Slo
from joulecut_core.profiles import Profile
from joulecut_core.wires import WireTable

MOST_BANDS = 64
"""Several times what a server plans for."""
_MOST_ALIKE = 8
"""A band names its codec and variant: each that is called so is priced to find which one is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFactors:
    """Measured over predicted seconds of each stage, as live requests show; raises ContractError for none above 0."""

    head: float = 1.0
    encode: float = 1.0
    decode: float = 1.0
    tail: float = 1.0

    def __post_init__(self) -> None:
        for stage in fields(self):
            factor = getattr(self, stage.name)
            if not 0.0 < factor < math.inf:
                raise ContractError(f"factors.{stage.name}: {factor!r}; expected a finite factor above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkRange:
    """Uplinks to plan for, bits per second; raises ContractError where it is empty or not positive."""

    lowest_bps: float
    highest_bps: float

    def __post_init__(self) -> None:
        if not 0.0 < self.lowest_bps <= self.highest_bps < math.inf:
            raise ContractError(
                f"uplinks: {self.lowest_bps!r} to {self.highest_bps!r} bit/s; expected 0 < lowest <= highest"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """All that the planner needs of an edge.

    `envelope_bytes`: what framing adds to each message. `preview`: plan only, raise no epoch. `tail_method`: how
    quantiles are taken from the profiles' single runs; None for means and standard deviations. `factors`: by
    what the tables' seconds are off; the link's are in `link` already. `uplinks`: plan for each of these too, so that
    the edge can change with its uplink by itself.
    """

    session_id: str
    network_digest: str
    edge: Profile
    wires: WireTable
    link: LinkEstimate
    slo: Slo
    objective: Objective
    max_accuracy_loss: float
    policy: str
    envelope_bytes: int = 0
    preview: bool = False
    tail_method: str | None = None
    factors: StageFactors = field(default_factory=StageFactors)
    uplinks: UplinkRange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The plan for uplinks from `lowest_bps` to the next band; `assignment` is None where no choice keeps the terms."""

    lowest_bps: float
    assignment: Assignment | None
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReply:
    """A session's plan and the problem behind it; `assignment` is None for a preview or an infeasible plan.

    `bands`: plans by rising uplink where a range was asked for. An edge may send requests under the epoch of any band
    of the plans last activated.

    Raises ContractError for more bands, or more choices of one name, than an edge can tell apart between two requests.
    """

    assignment: Assignment | None
    plan: Plan
    problem: Problem
    bands: tuple[Band, ...] = ()

    def __post_init__(self) -> None:
        if len(self.bands) > MOST_BANDS:
            raise ContractError(f"{len(self.bands)} bands; expected at most {MOST_BANDS}; check the server")
        variants = _most_alike(variant.name for variant in self.problem.variants)
        for index, cut in enumerate(self.problem.cuts if self.bands else ()):
            alike = variants * _most_alike(wire.codec for wire in cut.wires)
            if alike > _MOST_ALIKE:
                raise ContractError(
                    f"problem.cuts[{index}]: {alike} choices of one codec and variant; expected at most {_MOST_ALIKE}: "
                    "offer each codec once"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSize:
    """What a request has, or the most that it may have, over all of its problems together.

    `edges`: of a fleet, 0 for a single problem. `objects`: operating points, cuts, wires, variants and
    rows of tables. `table_entries`: the numbers in tables. `clock_pairs`: edge points times server
    points, of the problem that has most of them. `choices`: those of the contract.
    """

    edges: int = 0
    objects: int = 0
    table_entries: int = 0
    clock_pairs: int = 0
    choices: int = 0


def _most_alike(names: Iterable[str]) -> int:
    return max(Counter(names).values(), default=0)
