"""Which operating point to measure next, so that few measurements lead to the decisions of a full sweep."""

from joulecut_planner.point_choice.chooser import PlanPointChooser, PointChoice
from joulecut_planner.point_choice.outlook import Outlook
from joulecut_planner.point_choice.stakes import Stake, stakes
from joulecut_planner.point_choice.starting_points import starting_points

__all__ = ["Outlook", "PlanPointChooser", "PointChoice", "Stake", "stakes", "starting_points"]
