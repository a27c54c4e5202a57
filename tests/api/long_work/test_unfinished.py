"""Parts of long work in a file: made once, kept whole, counted for the same work only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from joulecut.long_work.unfinished import Unfinished
from joulecut_core.errors import ConfigError, JoulecutError

HEAD = {"order": "this"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    value: float
    name: str | None = None


def refuse() -> list[Item]:
    raise AssertionError("made again")


def test_parts_are_made_once(tmp_path: Path) -> None:
    """What an earlier run kept is given back as it was; what it had not is made; in the end nothing is left."""
    path = tmp_path / "work.journal"
    first = Unfinished(path, HEAD, resume=False)
    items = (Item(value=0.1), Item(value=2.0, name="x"))
    assert first.part("one", Item, lambda: items) == items
    second = Unfinished(path, HEAD, resume=True)
    assert second.resumed == 1
    assert second.part("one", Item, refuse) == items
    assert second.part("two", Item, lambda: items[:1]) == items[:1]
    assert second.kept == f"2 finished parts are kept in {path}"
    second.remove()
    assert not path.exists()


def test_a_line_cut_short_is_made_again(tmp_path: Path) -> None:
    """A host that loses power while it writes loses that part, and no other."""
    path = tmp_path / "work.journal"
    work = Unfinished(path, HEAD, resume=False)
    for name in ("one", "two"):
        work.part(name, Item, lambda: [Item(value=1.0)])
    path.write_text(path.read_text()[:-5])
    again = Unfinished(path, HEAD, resume=True)
    assert again.part("one", Item, refuse) == (Item(value=1.0),)
    assert again.part("two", Item, lambda: [Item(value=2.0)]) == (Item(value=2.0),)
    assert Unfinished(path, HEAD, resume=True).resumed == 2


def test_of_two_at_once_the_later_one_can_still_go_on(tmp_path: Path) -> None:
    """The same command resumed beside itself, as after a lost terminal: the first to end removes the parts of both."""
    path = tmp_path / "work.journal"
    first, second = Unfinished(path, HEAD, resume=True), Unfinished(path, HEAD, resume=True)
    first.part("one", Item, lambda: [Item(value=1.0)])
    first.remove()
    second.part("one", Item, lambda: [Item(value=1.0)])
    second.part("two", Item, lambda: [Item(value=2.0)])
    again = Unfinished(path, HEAD, resume=True)
    assert again.resumed == 2
    assert again.part("two", Item, refuse) == (Item(value=2.0),)


def test_other_work_and_accidents_are_refused(tmp_path: Path) -> None:
    """Parts of other options, a start over unfinished work, a damaged file: each says what to do."""
    path = tmp_path / "work.journal"
    Unfinished(path, HEAD, resume=False).part("one", Item, lambda: [Item(value=1.0)])
    with pytest.raises(ConfigError, match="unfinished work; once nobody works on it any more, go on with"):
        Unfinished(path, HEAD, resume=False)
    with pytest.raises(ConfigError, match=r"is of other work"):
        Unfinished(path, {"order": "that"}, resume=True)
    path.write_text(path.read_text().replace('"value": 1.0', '"value": true'))
    with pytest.raises(ConfigError, match=r"one\.value: True.*delete the file"):
        Unfinished(path, HEAD, resume=True).part("one", Item, refuse)
    path.write_text(path.read_text() + "[1]\n")
    with pytest.raises(ConfigError, match=r"line 3: \[1\]; expected a part and its items; delete the file"):
        Unfinished(path, HEAD, resume=True)
    path.write_text("no json\n")
    with pytest.raises(ConfigError, match=r"line 1.*delete the file"):
        Unfinished(path, HEAD, resume=True)


def test_a_disk_that_fills_up_is_named(tmp_path: Path) -> None:
    """A part that finds no room says which file has none and what goes on; so does a start."""
    path = tmp_path / "work.journal"
    work = Unfinished(path, HEAD, resume=False)
    path.unlink()
    path.symlink_to("/dev/full")
    with pytest.raises(JoulecutError, match=r"work\.journal: .*No space left on device; make room.*--resume"):
        work.part("one", Item, lambda: [Item(value=1.0)])
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"work\.journal: .*cannot be kept"):
        Unfinished(tmp_path / "file" / "work.journal", HEAD, resume=False)


def test_without_a_file_nothing_is_kept() -> None:
    """Work whose results go nowhere leaves nothing either, and says so."""
    work = Unfinished(None, {}, resume=False)
    assert work.part("one", Item, lambda: [Item(value=1.0)]) == (Item(value=1.0),)
    assert work.kept == "nothing is kept without --out"
    work.remove()
