"""The threat model names what is there: a measure that moves or a test that goes takes its line with it."""

from __future__ import annotations

import re

from tests.architecture.tree import ROOT

PAGE = (ROOT / "docs" / "explanation-threat-model.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([a-z]\w*/[\w/.-]+\.\w+)`", PAGE)))


def test_every_module_and_test_named_is_there() -> None:
    """A page that promises what the code does not have is worse than none."""
    assert len(NAMED) > 30
    assert not [path for path in NAMED if not (ROOT / path).is_file()]


def test_every_row_with_a_measure_names_its_test() -> None:
    """A measure that nothing shows is a hope."""
    rows = [line.split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("| ") and line.count("|") == 5]
    measures = [cells for cells in rows if "/" in cells[2]]
    assert len(measures) > 12
    assert not [cells[0] for cells in measures if "tests/" not in cells[3]]
