"""Which of several plans to run as the link changes: at once where a deadline is at stake, else seldom."""

from joulecut_planner.switching.contender import Contender, contender_of, may_probe
from joulecut_planner.switching.switcher import Switch, Switcher, SwitchReason
from joulecut_planner.switching.terms import SwitchTerms

__all__ = ["Contender", "Switch", "SwitchReason", "SwitchTerms", "Switcher", "contender_of", "may_probe"]
