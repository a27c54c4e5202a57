"""Studies of batch sizes, clocks and engines."""
