"""The terminal: claims beside results, nothing cut off, nothing taken for markup."""

from __future__ import annotations

import io

from rich.console import Console

from joulecut.reproduction.narrative import NARRATIVES
from joulecut.reproduction.terminal import print_reproduction
from tests.api.reproduction.made_up_result import reproduction


def test_everything_is_printed() -> None:
    """Every claim, every reason and every finding that a table shows; long cells are folded, not shortened."""
    text = io.StringIO()
    print_reproduction(reproduction(), Console(file=text, width=400))
    printed = " ".join(text.getvalue().split())
    for told in NARRATIVES:
        assert told.title in printed
        assert told.claim in printed
        assert all(reason in printed for reason in told.differs)
    assert "emulated-<board>" in printed
    assert "…" not in printed
    assert "S001" in printed
    assert "C001" in printed
