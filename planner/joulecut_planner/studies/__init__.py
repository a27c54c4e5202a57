"""What a sweep over batch sizes and clocks is judged by: efficiency metrics, revenue, the best setting."""

from __future__ import annotations

from joulecut_planner.studies.metrics import Metric, SettingCost
from joulecut_planner.studies.optimum import best_setting, gain
from joulecut_planner.studies.revenue import REVENUES, RevenueCase, RevenueModel
from joulecut_planner.studies.trends import clock_sensitivity, rank_correlation, weighted_variation

__all__ = [
    "REVENUES",
    "Metric",
    "RevenueCase",
    "RevenueModel",
    "SettingCost",
    "best_setting",
    "clock_sensitivity",
    "gain",
    "rank_correlation",
    "weighted_variation",
]
