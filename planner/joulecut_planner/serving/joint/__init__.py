"""joulecut's own serving policy: batch, clocks and precision together, over a forecast of the load."""

from joulecut_planner.serving.joint.policy import JoulecutPolicy

__all__ = ["JoulecutPolicy"]
