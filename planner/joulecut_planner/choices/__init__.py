"""One choice of a problem and what it costs: the formulas, the constraints, the tables as arrays."""
