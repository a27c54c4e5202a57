"""Plan epochs only rise, whatever happens to the process."""

from __future__ import annotations

import errno
import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from joulecut_core.errors import ConfigError, PlanError
from joulecut_server.sessions.epochs import EpochCounter


def test_epochs_rise_across_restarts(tmp_path: Path) -> None:
    """A restarted server never hands out an epoch again, so that a plan of its former life is recognised as stale.

    Until its first plan it names none: the end of a block that its former life began was never given out.
    """
    path = tmp_path / "state" / "gpu.epoch"
    first = EpochCounter(path)
    assert first.last == 0
    assert [first.take(1)[0], first.take(1)[0]] == [1, 2]
    again = EpochCounter(path)
    assert (again.last, again.take(1)[0], again.last) == (0, 1001, 1001)


def test_a_block_is_on_disk_before_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that dies, or loses power, right after planning repeats no epoch; most plans wait for no disk."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    path = tmp_path / "gpu.epoch"
    counter = EpochCounter(path)
    written: list[int] = []
    for _ in range(3):
        first, *_ = counter.take(998)
        written.append(int(path.read_text()))
        assert {path.stat().st_ino, tmp_path.stat().st_ino} <= set(synced)
        synced.clear()
        path.unlink()
        assert counter.take(2)[-1] == first + 999 <= written[-1]
        assert not path.exists()
    assert written == [1000, 2000, 3000]


def test_two_servers_of_one_name_give_no_epoch_twice(tmp_path: Path) -> None:
    """They count in one file, also after either has been started anew."""
    path = tmp_path / "gpu.epoch"
    servers = [EpochCounter(path), EpochCounter(path)]
    given = [epoch for _ in range(3) for server in servers for epoch in server.take(700)]
    servers[0] = EpochCounter(path)
    given += [epoch for server in servers for epoch in server.take(700)]
    assert len(set(given)) == len(given)
    assert max(given) <= int(path.read_text())


def test_two_servers_begin_their_blocks_one_after_the_other(tmp_path: Path) -> None:
    """While one reads the end of the last block and writes its own, another waits, and counts on from there."""
    path = tmp_path / "gpu.epoch"
    counter = EpochCounter(path)
    with path.with_suffix(".lock").open("a") as other, ThreadPoolExecutor(1) as threads:
        fcntl.flock(other, fcntl.LOCK_EX)
        taking = threads.submit(counter.take, 1)
        while not _waits_for_a_lock(os.getpid()):
            assert not taking.done()
        path.write_text("4000\n")
        fcntl.flock(other, fcntl.LOCK_UN)
        assert taking.result() == range(4001, 4002)


def _waits_for_a_lock(pid: int) -> bool:
    """Whether the kernel has somebody of this process wait for a file's lock."""
    return any(" -> FLOCK " in line and f" {pid} " in line for line in Path("/proc/locks").read_text().splitlines())


def test_what_another_server_has_noted_is_read_or_nothing_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moment without descriptors, between the lock and the file, is not taken for a file that nobody wrote to."""
    path = tmp_path / "gpu.epoch"
    one, other = EpochCounter(path), EpochCounter(path)
    given = {*one.take(1000), *other.take(1000)}
    opened = Path.open

    def refuse(each: Path, *arguments: Any, **options: Any) -> Any:
        if each == path:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return opened(each, *arguments, **options)

    with monkeypatch.context() as full:
        full.setattr(Path, "open", refuse)
        with pytest.raises(PlanError, match=r"cannot be kept: Too many open files"):
            one.take(1000)
    assert given.isdisjoint(one.take(1000))


def test_more_than_a_block_at_once(tmp_path: Path) -> None:
    """However many plans a set has, none is above what is on disk."""
    path = tmp_path / "gpu.epoch"
    counter = EpochCounter(path)
    assert counter.take(999)[-1] == 999
    assert counter.take(2500)[-1] == 3499 == int(path.read_text())


def test_what_cannot_be_kept_is_not_given(tmp_path: Path) -> None:
    """No plan without an epoch that is on disk; once there is room it is the one that was next."""
    path = tmp_path / "gpu.epoch"
    counter = EpochCounter(path)
    counter.take(1000)
    path.unlink()
    path.mkdir()
    with pytest.raises(PlanError, match=r"epoch 1001 cannot be kept: .*; no plan is given: make room there"):
        counter.take(1)
    path.rmdir()
    assert (counter.last, counter.take(1)[0]) == (1000, 1001)


@pytest.mark.parametrize("content", ["", "three", "-1", "1.5", "\u00b2", "9" * 5000])
def test_a_damaged_file_is_named_with_the_remedy(tmp_path: Path, content: str) -> None:
    """Counting on from a guess could repeat epochs: the file's owner decides."""
    path = tmp_path / "gpu.epoch"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"gpu.epoch: .*; expected a whole number .*: write one there, or delete"):
        EpochCounter(path)


def test_a_folder_that_cannot_be_entered_is_named(tmp_path: Path) -> None:
    """Counting on from nothing could repeat epochs."""
    (tmp_path / "state").touch()
    with pytest.raises(ConfigError, match=r"state: no epoch can be looked for here: .*; let this user enter it"):
        EpochCounter(tmp_path / "state" / "gpu.epoch")


def test_a_folder_that_may_not_be_written_to_is_named_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a server would serve, be well, and refuse every plan; of a full disk it does, since that may pass."""
    counter = EpochCounter(tmp_path / "state" / "gpu.epoch")
    counter.check()
    complaint = r"state: .*/state: no epoch can be kept here: .*; let this user write there, or name another folder"
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: (path, mode) != (tmp_path / "state", os.W_OK | os.X_OK))
        with pytest.raises(ConfigError, match=complaint):
            counter.check()
    (tmp_path / "state" / "gpu.lock").unlink()
    (tmp_path / "state" / "gpu.lock").mkdir()
    with pytest.raises(ConfigError, match=complaint):
        counter.check()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", full)
    counter.check()


def test_several_epochs_are_taken_in_a_row(tmp_path: Path) -> None:
    """The epochs of a set of plans are as many as its plans, and the next set's are above them."""
    counter = EpochCounter(tmp_path / "epoch")
    assert list(counter.take(3)) == [1, 2, 3]
    assert list(counter.take(2)) == [4, 5]
