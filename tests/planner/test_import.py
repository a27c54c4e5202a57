"""Importing the planner is cheap: what only some plans need is imported by those."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("heavy", ["cvxpy", "scipy.optimize", "sklearn", "torch", "grpc", "google.protobuf"])
def test_a_fresh_interpreter_imports_nothing_heavy(heavy: str) -> None:
    """`import joulecut_planner` leaves convex solvers, learners, torch and the contract's machinery out."""
    program = f"import joulecut_planner, sys; raise SystemExit({heavy!r} in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", program], check=False, timeout=120)
    assert finished.returncode == 0, f"joulecut_planner imports {heavy}"
