"""What sums of joules contain, in words."""

from __future__ import annotations

import pytest

from joulecut_core.figures import FigureKind
from joulecut_core.plans import PowerScopes
from joulecut_core.power_scopes import left_out, sum_kind, sum_scope, widened

HOSTED = widened("GPU board", "host (configured 85 W)")


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ({"edge": "module input", "server": "GPU board"}, "module input + GPU board, without the server's host"),
        ({"edge": "module input", "server": HOSTED}, "module input + GPU board + host (configured 85 W)"),
        (
            {"edge": "module input (VDD_IN)", "server": "GPU board + 2 CPU packages (RAPL)"},
            "module input (VDD_IN) + GPU board + 2 CPU packages (RAPL), without the server's host beyond its CPU",
        ),
        ({"edge": "wall", "server": "wall"}, "wall of edge and server"),
        (
            {"edge": "GPU board", "server": "GPU board"},
            "GPU board of edge and server, without the edge's host and the server's host",
        ),
        ({"edge": "module input", "server": None}, "module input + server (unknown scope)"),
        ({"edge": "module input"}, "module input"),
        (
            {"edge": "CPU package (RAPL)", "server": "configured 9 W busy, 4 W waiting"},
            "CPU package (RAPL) + configured 9 W busy, 4 W waiting, without the edge's host beyond its CPU",
        ),
    ],
)
def test_a_sum_names_its_parts_and_what_they_leave_out(sides: dict[str, str | None], expected: str) -> None:
    """Nobody reads a GPU board for a server, or a module for a machine."""
    assert sum_scope(sides) == expected


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("GPU board", "host"), (HOSTED, None), ("wall", None), ("CPU+GPU+CV", None), ("module input (VDD_IN)", None)],
)
def test_only_well_known_scopes_are_judged(scope: str, expected: str | None) -> None:
    """What a scope leaves out is said where it is known, and never made up."""
    assert left_out(scope) == expected


def test_a_plans_sum_leaves_out_a_server_without_a_part() -> None:
    """All on the edge: the server's meter has nothing to do with it."""
    scopes = PowerScopes(edge="module input", server="GPU board")
    assert scopes.of_sum() == "module input + GPU board, without the server's host"
    assert scopes.of_sum(server=False) == "module input"


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((FigureKind.MEASURED, FigureKind.MEASURED), FigureKind.MEASURED),
        ((FigureKind.EMULATED,), FigureKind.EMULATED),
        ((FigureKind.MEASURED, FigureKind.ESTIMATED), FigureKind.ESTIMATED),
        ((FigureKind.MEASURED, FigureKind.EMULATED), FigureKind.ESTIMATED),
    ],
)
def test_a_sum_is_as_firm_as_all_of_its_parts(kinds: tuple[FigureKind, ...], expected: FigureKind) -> None:
    """Measured and something else is not measured."""
    assert sum_kind(kinds) is expected
