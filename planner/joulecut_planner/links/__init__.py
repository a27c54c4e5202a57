"""What transfers say of the link they crossed: how fast it is, how slow it may get, when to ask it again."""

from joulecut_planner.links.estimator import EstimatorOptions, LinkEstimator
from joulecut_planner.links.outlook import LinkOutlook
from joulecut_planner.links.probing import ProbeOptions, ProbePlan
from joulecut_planner.links.transfers import LinkBaseline, Transfer

__all__ = [
    "EstimatorOptions",
    "LinkBaseline",
    "LinkEstimator",
    "LinkOutlook",
    "ProbeOptions",
    "ProbePlan",
    "Transfer",
]
