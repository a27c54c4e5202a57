"""Other ways to plan a fleet, on one footing with joulecut's: each picks by its model, the contract prices them all.

`FLEET_BASELINES` holds them by name. Edges that could not be served even alone are left out for everybody;
nothing else is repaired.
"""

from joulecut_planner.baselines.fleets.fleet_baseline import FleetBaseline, RuledFleetBaseline
from joulecut_planner.baselines.fleets.outcome import FleetDecision, FleetOutcome
from joulecut_planner.baselines.fleets.registry import FLEET_BASELINES

__all__ = ["FLEET_BASELINES", "FleetBaseline", "FleetDecision", "FleetOutcome", "RuledFleetBaseline"]
