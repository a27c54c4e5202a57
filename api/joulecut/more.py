"""Where the names of the face live, so that each is imported with its first use and nothing before.

Planning needs numpy and scipy, connecting gRPC, networks torch: an application pays for what it uses.
"""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING

from joulecut_core.extras import how_to_install

if TYPE_CHECKING:
    from joulecut.connections.async_connection import AsyncConnection, connect_async
    from joulecut.connections.connection import Answer, Connection, connect
    from joulecut.own.network import CutRow, Network, capture, load
    from joulecut.own.pair import emulate
    from joulecut.own.problem import NamedPlan, compare, problem
    from joulecut.own.profile import profile
    from joulecut_core.problems import Objective
    from joulecut_core.profiles import Profile, load_profile, save_profile
    from joulecut_core.wires import WireTable, load_wires, save_wires
    from joulecut_planner import (
        Fleet,
        Plan,
        Problem,
        break_points,
        explain,
        load_fleet,
        load_problem,
        pareto,
        solve,
        solve_fleet,
        what_if,
    )
    from joulecut_planner import solve as plan

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

_PLANNER = "joulecut_planner"
_HOMES = MappingProxyType(
    {
        "joulecut.connections.async_connection": ("AsyncConnection", "connect_async"),
        "joulecut.connections.connection": ("Answer", "Connection", "connect"),
        "joulecut.own.network": ("CutRow", "Network", "capture", "load"),
        "joulecut.own.pair": ("emulate",),
        "joulecut.own.problem": ("NamedPlan", "compare", "problem"),
        "joulecut.own.profile": ("profile",),
        "joulecut_core.problems": ("Objective",),
        "joulecut_core.profiles": ("Profile", "load_profile", "save_profile"),
        "joulecut_core.wires": ("WireTable", "load_wires", "save_wires"),
    }
)
_MODULES = {name: module for module, names in _HOMES.items() for name in names}
_RENAMED = {"plan": "solve"}


def find(name: str) -> object:
    """What the face calls `name`, which is one of `__all__`.

    Raises ImportError naming the extra to install where it needs what is not installed.
    """
    module = _MODULES.get(name, _PLANNER)
    try:
        home = importlib.import_module(module)
    except ModuleNotFoundError as error:
        remedy = how_to_install(error.name)
        if remedy is None:
            raise
        raise ImportError(f"joulecut.{name} needs {error.name}; {remedy}") from error
    return getattr(home, _RENAMED.get(name, name))
