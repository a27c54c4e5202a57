"""Many edges and many servers: placement, cuts, clocks and shares of uplinks together, with a proved lower bound."""

from joulecut_planner.pool.planner import PoolPlanner, solve_pool

__all__ = ["PoolPlanner", "solve_pool"]
