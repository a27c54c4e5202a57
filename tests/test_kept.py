"""What tests keep for one another is made once, whole or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.kept import FOLDER, kept


def _text(make_count: list[None], text: str = "made") -> str:
    def make() -> str:
        make_count.append(None)
        return text

    return kept("a-text", make, write=lambda made, path: path.write_text(made), read=Path.read_text)


def test_the_first_makes_it_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many who ask at once, one makes it; the others read what that one wrote."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    made: list[None] = []
    with ThreadPoolExecutor(max_workers=8) as askers:
        assert set(askers.map(lambda _: _text(made), range(32))) == {"made"}
    assert len(made) == 1


def test_what_cannot_be_made_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error is the asker's own, and the next one tries again."""
    monkeypatch.setenv(FOLDER, str(tmp_path))

    def fail() -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        kept("a-text", fail, write=lambda made, path: path.write_text(made), read=Path.read_text)
    made: list[None] = []
    assert (_text(made), _text(made), len(made)) == ("made", "made", 1)


def test_without_a_folder_everyone_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of tests that is used outside of them works as well."""
    monkeypatch.delenv(FOLDER)
    made: list[None] = []
    assert (_text(made), _text(made), len(made)) == ("made", "made", 2)
