"""What a decision made now may cost: expected energy regret against its best rival, and the risk of being late.

    choice c   least expected joules among the points expected to meet the deadline
    rival j    regret_j = P(j meets the deadline) * E[max(0, log E_c - log E_j)]

With normal errors of the logarithms and d = E[log E_c - log E_j], s its standard deviation, the expectation is
s phi(d/s) + d Phi(d/s): the *expected improvement*. Source: Jones, Schonlau, Welch, "Efficient global optimization of
expensive black-box functions", Journal of Global Optimization 13 (1998), equation 15. Errors of different points are
taken as independent, though one curve makes them alike: the regret is then overstated, never hidden.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulecut_planner.choices.grids import Array
from joulecut_planner.point_choice.outlook import Outlook

LATE = 0.01
"""Share of a deadline that a run may exceed before it counts as late: the noise of one measurement."""
_LATE_COST = 0.2
"""Energy regret that a certain miss counts as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stake:
    """One deadline's decision. `choice` and `rival` are places in the outlook's points."""

    deadline_s: float
    choice: int
    rival: int
    energy_regret: float
    """Expected joules given away by not taking the rival, relative."""
    late_probability: float
    """That the choice exceeds the deadline by more than a per cent."""

    @property
    def cost(self) -> float:
        """Both as one relative cost."""
        return self.energy_regret + _LATE_COST * self.late_probability


def stakes(outlook: Outlook, deadlines_s: Sequence[float]) -> tuple[Stake, ...]:
    """What is at stake at each deadline, in seconds. A deadline that no point is expected to meet takes the fastest."""
    return tuple(_stake(outlook, deadline_s) for deadline_s in deadlines_s)


def _stake(outlook: Outlook, deadline_s: float) -> Stake:
    log_deadline = math.log(deadline_s)
    energy, deviation = outlook.log_energy, outlook.energy_deviation
    meets = outlook.log_latency <= log_deadline
    choice = int(np.where(meets, energy, np.inf).argmin()) if meets.any() else int(outlook.log_latency.argmin())
    in_time = _normal((log_deadline - outlook.log_latency) / outlook.latency_deviation)
    regrets = in_time * _expected_excess(energy[choice] - energy, np.hypot(deviation, deviation[choice]))
    regrets[choice] = 0.0
    rival = int(regrets.argmax())
    margin = (log_deadline + math.log1p(LATE) - outlook.log_latency[choice]) / outlook.latency_deviation[choice]
    return Stake(
        deadline_s=deadline_s,
        choice=choice,
        rival=rival,
        energy_regret=float(regrets[rival]),
        late_probability=1.0 - float(_normal(margin)),
    )


def _expected_excess(mean: Array, deviation: Array) -> Array:
    """Mean of max(0, x) of a normal x."""
    scaled = mean / deviation
    excess: Array = deviation * np.exp(-0.5 * scaled**2) / math.sqrt(2.0 * math.pi) + mean * _normal(scaled)
    return np.maximum(excess, 0.0)


def _normal(scaled: Array) -> Array:
    from scipy.special import ndtr  # noqa: PLC0415 - planning itself never needs scipy

    return np.asarray(ndtr(scaled), dtype=np.float64)
