"""joulecut: cut a neural network between an edge device and a server where it costs the fewest joules.

Planning needs nothing but this import; `connect` needs the `agents` extra, and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from joulecut.connection import Answer, Connection, connect

__all__ = [
    "Answer",
    "Connection",
    "Fleet",
    "Plan",
    "Problem",
    "break_points",
    "connect",
    "explain",
    "load_fleet",
    "load_problem",
    "pareto",
    "plan",
    "solve",
    "solve_fleet",
    "what_if",
]

plan = solve

_AGENTS_EXTRA = ("Answer", "Connection", "connect")


def __getattr__(name: str) -> Any:
    if name in _AGENTS_EXTRA:
        try:
            from joulecut import connection  # noqa: PLC0415 - grpc is not part of a planner-only install
        except ModuleNotFoundError as error:
            raise ImportError(
                f"joulecut.{name} needs {error.name}; install it with `pip install 'joulecut[agents]'`"
            ) from error
        return getattr(connection, name)
    raise AttributeError(f"module 'joulecut' has no attribute {name!r}")
