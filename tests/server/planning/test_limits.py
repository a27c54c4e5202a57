"""Bounds on planning requests: as options, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_server.config import ServerConfig
from joulecut_server.planning.limits import PlanningLimits
from tests.loaded_config import load_config

_FILE = 'device = "emulated:t4"\nbundles = ["a"]\n'


def loaded(folder: Path, text: str) -> PlanningLimits:
    path = folder / "server.toml"
    path.write_text(_FILE + text, encoding="utf-8")
    return load_config(ServerConfig, path, {}).planning


def test_bounds_come_from_a_table_of_the_file(tmp_path: Path) -> None:
    """What the table says counts, the rest keeps its defaults; without the table all of them do."""
    limits = loaded(tmp_path, "[planning]\nedges = 50\nsolve_s = 2\n")
    assert limits == PlanningLimits(edges=50, solve_s=2.0)
    assert (limits.most.edges, limits.most.choices) == (50, PlanningLimits().choices)
    assert loaded(tmp_path, "") == PlanningLimits()


@pytest.mark.parametrize("name", ["objects", "table_entries", "clock_pairs", "choices", "edges"])
def test_every_bound_reaches_the_requests(name: str) -> None:
    """A bound that is configured and not handed on would be none."""
    assert getattr(PlanningLimits(**{name: 7}).most, name) == 7


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        *((f"{name} = 0", f"planning.{name}: 0; expected at least 1") for name in ("objects", "choices", "solvers")),
        ("waiting = -1", "planning.waiting: -1; expected at least 0"),
        ("solve_s = 0", "planning.solve_s: 0.0; expected a finite number of seconds above 0"),
        ("solve_s = inf", "planning.solve_s: inf; expected a finite number"),
        ("edges = 1.5", "planning.edges: 1.5; expected a whole number"),
        ("edge = 1", "planning.edge: unknown key; did you mean 'edges'"),
    ],
)
def test_a_bound_that_leaves_nothing_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    """One line with file, key, value and what was expected."""
    with pytest.raises(ConfigError, match=complaint):
        loaded(tmp_path, f"[planning]\n{text}\n")
