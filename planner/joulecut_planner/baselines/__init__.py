"""Other ways to choose, on one footing with the joint plan: each picks by its own model, the contract prices them all.

`BASELINES` holds them by name. A published method is given what it needs to be as strong as its paper
allows; where the paper leaves something open, its module says so and what was chosen.
"""

from joulecut_planner.baselines.baseline import Baseline, Decision, RuledBaseline
from joulecut_planner.baselines.registry import BASELINES

__all__ = ["BASELINES", "Baseline", "Decision", "RuledBaseline"]
