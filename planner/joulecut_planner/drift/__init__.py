"""Drift: measured seconds leaving predicted ones, found on line, its cause, and tables corrected for it."""

from joulecut_planner.drift.correction import Corrections, PointFactor, corrected
from joulecut_planner.drift.detector import DriftDetector, DriftSettings, Shift
from joulecut_planner.drift.false_alarms import run_length, threshold_for
from joulecut_planner.drift.monitor import DriftMonitor
from joulecut_planner.drift.verdict import Conditions, DriftCause, Verdict, WatchedPart, judge

__all__ = [
    "Conditions",
    "Corrections",
    "DriftCause",
    "DriftDetector",
    "DriftMonitor",
    "DriftSettings",
    "PointFactor",
    "Shift",
    "Verdict",
    "WatchedPart",
    "corrected",
    "judge",
    "run_length",
    "threshold_for",
]
