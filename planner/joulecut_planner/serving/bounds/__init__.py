"""What no serving policy can beat: fewest misses and least joules, with every arrival known beforehand."""

from joulecut_planner.serving.bounds.fewest_misses import fewest_misses
from joulecut_planner.serving.bounds.least_energy import EnergyBound, least_energy

__all__ = ["EnergyBound", "fewest_misses", "least_energy"]
