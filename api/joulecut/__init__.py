"""joulecut: cut a neural network between an edge device and a server where it costs the fewest joules.

Planning needs nothing but this import; what needs an extra (`agents`, `torch`) says so when it is first used.
"""

# ruff: noqa: F403, F405 - one list of names, typed by a star import that never runs

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from joulecut.more import *

__all__ = [
    "Answer",
    "AsyncConnection",
    "Connection",
    "CutRow",
    "Fleet",
    "NamedPlan",
    "Network",
    "Objective",
    "Plan",
    "Problem",
    "Profile",
    "WireTable",
    "break_points",
    "capture",
    "compare",
    "connect",
    "connect_async",
    "emulate",
    "explain",
    "load",
    "load_fleet",
    "load_problem",
    "load_profile",
    "load_wires",
    "pareto",
    "plan",
    "problem",
    "profile",
    "save_profile",
    "save_wires",
    "solve",
    "solve_fleet",
    "what_if",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from joulecut import more  # noqa: PLC0415 - the names' homes differ in what they need and how long they take

    return more.find(name)
