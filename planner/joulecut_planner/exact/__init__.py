"""The exact planner: bounds, the search, and the exhaustive solvers that it is tested against."""
