"""The serving policies of others, behind one interface; `joulecut_planner.serving.policies.registry` lists them."""

from joulecut_planner.serving.policies.registry import POLICIES, PolicyMaker, PolicyOptions

__all__ = ["POLICIES", "PolicyMaker", "PolicyOptions"]
