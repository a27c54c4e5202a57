"""Many edges and one server: cuts, clocks and shares of the uplink together, with a proved lower bound."""

from joulecut_planner.fleet.planner import FleetPlanner, solve_fleet

__all__ = ["FleetPlanner", "solve_fleet"]
