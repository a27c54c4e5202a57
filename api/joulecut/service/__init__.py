"""What service tables are made of: networks with evidence, benches to measure them on, units, seconds and watts."""
