"""Who may import whom."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import FLOORS, PACKAGES, ROOT, imports, modules, modules_of_tests, offences

LIGHT_PACKAGES = {
    "joulecut_core": ("torch", "grpc", "google", "zeroconf", "pynvml", "numpy", "scipy", "rich", "typer"),
    "joulecut_planner": ("torch", "grpc", "google", "zeroconf", "pynvml", "rich", "typer"),
    "joulecut_proto": ("torch", "pynvml", "rich", "typer"),
    "joulecut_runtime": ("grpc", "google", "zeroconf", "rich", "typer"),
}
"""What a package must never import, though it may be installed."""

ONLY_IN_FUNCTIONS = ("torch", "grpc", "google", "cvxpy", "plotly", "matplotlib", "scipy.optimize", "sklearn")
"""What `import joulecut_planner` and `joulecut plan` must not load."""


def package_of(path: Path) -> str:
    """The package that a module belongs to."""
    return PACKAGES[path.relative_to(ROOT).parts[0]]


def test_imports_go_down_only() -> None:
    """A module imports its own package and those of lower floors; siblings never import each other."""

    def rule(path: Path) -> set[str]:
        package = package_of(path)
        floor = next(index for index, packages in enumerate(FLOORS) if package in packages)
        allowed = {package}.union(*FLOORS[floor + 1 :])
        imported = {module.split(".")[0] for module in imports(path)}
        return {module for module in imported if module.startswith("joulecut")} - allowed

    assert not offences(modules(), rule)


def test_light_packages_stay_light() -> None:
    """core and planner know neither torch nor the wire; proto knows no torch; runtime knows no wire."""

    def rule(path: Path) -> set[str]:
        banned = LIGHT_PACKAGES.get(package_of(path), ())
        return {module for module in imports(path) if module.split(".")[0] in banned}

    assert not offences(modules(), rule)


def test_imports_are_absolute() -> None:
    """One name for each module: no relative imports, no bare folder names, no private modules of others."""

    def rule(path: Path) -> set[str]:
        imported = imports(path)
        relative = {module for module in imported if module.startswith(".")}
        bare = {module for module in imported if module.split(".")[0] in PACKAGES}
        foreign = {module for module in imported if module.split(".")[0] not in (path.parts[-2], "__future__")}
        ours = {module for module in foreign if module.startswith("joulecut")}
        private = {module for module in ours if any(part.startswith("_") for part in module.split("."))}
        return relative | bare | private

    assert not offences([*modules(), *modules_of_tests()], rule)


def test_planning_loads_nothing_heavy() -> None:
    """An application that only plans pays for numpy, not for torch, gRPC or convex solvers."""
    packages = ("joulecut_core.problems", "joulecut_planner", "joulecut")
    script = "import importlib, sys\n"
    script += f"for name in {packages}: importlib.import_module(name)\n"
    script += f"print([name for name in {ONLY_IN_FUNCTIONS} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert result.stdout.strip() == "[]"
