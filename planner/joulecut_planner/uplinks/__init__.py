"""The plan as a function of the uplink: break points, the table an edge can hold, and grids of what-ifs."""
