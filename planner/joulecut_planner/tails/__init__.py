"""Tails of measured times: quantiles by several methods, how bursty misses are, and margins for a problem."""

from joulecut_planner.tails.bursts import Burstiness, burstiness
from joulecut_planner.tails.estimation import fit_tail
from joulecut_planner.tails.held_out import HeldOut, hold_out
from joulecut_planner.tails.margins import MissBudget, TailEstimates
from joulecut_planner.tails.pair_tails import pair_tails
from joulecut_planner.tails.profile_tails import profile_tail, relative_times
from joulecut_planner.tails.tail import Tail, TailMethod

__all__ = [
    "Burstiness",
    "HeldOut",
    "MissBudget",
    "Tail",
    "TailEstimates",
    "TailMethod",
    "burstiness",
    "fit_tail",
    "hold_out",
    "pair_tails",
    "profile_tail",
    "relative_times",
]
