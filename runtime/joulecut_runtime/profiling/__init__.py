"""How long and how many joules: windows, points, journals, and profiles that are kept."""
