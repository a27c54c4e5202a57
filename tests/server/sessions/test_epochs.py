"""Plan epochs only rise, whatever happens to the process."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_server.sessions.epochs import EpochCounter


def test_epochs_rise_across_restarts(tmp_path: Path) -> None:
    """A restarted server never hands out an epoch again, so that a plan of its former life is recognised as stale."""
    path = tmp_path / "state" / "gpu.epoch"
    first = EpochCounter(path)
    assert first.last == 0
    assert [first.next(), first.next()] == [1, 2]
    again = EpochCounter(path)
    assert (again.last, again.next(), again.last) == (2, 3, 3)


def test_an_epoch_is_on_disk_before_it_is_used(tmp_path: Path) -> None:
    """A server that dies right after planning does not repeat the epoch."""
    path = tmp_path / "gpu.epoch"
    handed_out = EpochCounter(path).next()
    assert int(path.read_text()) == handed_out


@pytest.mark.parametrize("content", ["", "three", "-1", "1.5", "\u00b2", "9" * 5000])
def test_a_damaged_file_is_named_with_the_remedy(tmp_path: Path, content: str) -> None:
    """Counting on from a guess could repeat epochs: the file's owner decides."""
    path = tmp_path / "gpu.epoch"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"gpu.epoch: .*; expected the last plan epoch, .*: delete the file"):
        EpochCounter(path)


def test_several_epochs_are_taken_in_a_row(tmp_path: Path) -> None:
    """A set of plans costs one write, and what was taken is never given again, not after a restart either."""
    counter = EpochCounter(tmp_path / "epoch")
    assert list(counter.take(3)) == [1, 2, 3]
    assert counter.next() == 4
    assert EpochCounter(tmp_path / "epoch").next() == 5
