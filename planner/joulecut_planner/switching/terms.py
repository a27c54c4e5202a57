"""What a change of plan has to be worth, and how often there may be one."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchTerms:
    """Raises ValueError where a value is out of range.

    `hold_s`: a plan is held at least so long before another one is taken for its joules; twice as long, and so on up
    to `longest_hold_s`, each time that the better plan was soon left again for a deadline. `longest_return_s`:
    likewise, how long at most before a plan that was left for joules is taken again for joules. `margin`: the share of
    joules that a change has to save. `spells`: samples of the link that a change for joules asks for. `settle_s`,
    `settle_j`: what changing a clock takes, and costs both sides together. `change_s`: on average there is one change
    to so long, and `changes_ahead` more at most; more only where a plan in force is late.
    """

    hold_s: float = 3.0
    longest_hold_s: float = 10.0
    longest_return_s: float = 60.0
    margin: float = 0.02
    spells: int = 4
    settle_s: float = 0.01
    settle_j: float = 0.0
    change_s: float = 5.0
    changes_ahead: int = 6

    def __post_init__(self) -> None:
        if not 0.0 < self.hold_s <= self.longest_hold_s < math.inf:
            raise ValueError(
                f"hold_s {self.hold_s}, longest_hold_s {self.longest_hold_s}; expected 0 < hold <= longest"
            )
        if not self.hold_s <= self.longest_return_s < math.inf:
            raise ValueError(f"longest_return_s {self.longest_return_s}; expected at least hold_s {self.hold_s}")
        if not 0.0 <= self.change_s < math.inf:
            raise ValueError(f"change_s {self.change_s}; expected at least 0, and no infinity")
        if min(self.margin, self.spells, self.settle_s, self.settle_j, self.changes_ahead) < 0:
            raise ValueError(f"{self}; expected margin, spells, costs and changes ahead of at least 0")
