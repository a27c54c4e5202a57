"""The folder in which a bundle arrives: what is left of it is gone on with, and nothing is taken from who uses it."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError, JoulecutError
from joulecut_edge.peers import arriving_bundle as module
from joulecut_edge.peers.arriving_bundle import append, arriving_bundle, held_bytes, remove_leftovers

DIGEST, OTHER = "sha256:01", "sha256:02"
DAY_S = 86_400.0


def leave(place: Path, digest: str = DIGEST, *, age_s: float = 0.0) -> Path:
    """What has come of a bundle, by an agent that was killed or ended: nobody holds its lock."""
    with arriving_bundle(place, digest) as arriving:
        weights = arriving / "weights.safetensors"
        weights.write_bytes(b"half of it")
        then_s = weights.stat().st_mtime - age_s
        os.utime(weights, (then_s, then_s))
    return arriving.parent


def test_what_was_left_is_gone_on_with(tmp_path: Path) -> None:
    """The next that wants the same bundle has it to itself; who comes beside it, or wants another, begins anew."""
    left = leave(tmp_path / "net")
    with arriving_bundle(tmp_path / "elsewhere", DIGEST) as arriving:
        assert (arriving.parent, held_bytes(arriving)) == (left, {"weights.safetensors": 10})
        for place, digest in ((tmp_path / "net", DIGEST), (tmp_path / "net", OTHER)):
            with arriving_bundle(place, digest) as another:
                assert held_bytes(another) == {}
    assert list(tmp_path.iterdir()) == [left]


def test_what_somebody_else_left_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files could lead anywhere: where another user may write beside the place, nothing of him is appended to."""
    left = leave(tmp_path / "net")
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "geteuid", lambda: left.stat().st_uid + 1)
        with arriving_bundle(tmp_path / "net", DIGEST) as arriving:
            assert arriving.parent != left
    link = left.with_name(f"{left.name}-link")
    left.rename(tmp_path / "mine")
    link.symlink_to(tmp_path / "mine")
    with arriving_bundle(tmp_path / "net", DIGEST) as arriving:
        assert arriving.parent not in (link, tmp_path / "mine")


def test_what_is_left_goes(tmp_path: Path) -> None:
    """Only folders that nobody holds, and of another bundle only old ones; what is no arriving bundle stays too."""
    mine, link = tmp_path / ".bundle-mine", tmp_path / ".joulecut-bundle-link"
    mine.mkdir()
    (mine / "lock").touch()
    link.symlink_to(mine)
    young = leave(tmp_path / "other", OTHER, age_s=0.9 * DAY_S)
    with arriving_bundle(tmp_path / "net", OTHER) as held:
        old = leave(tmp_path / "other", OTHER, age_s=1.1 * DAY_S)
        (held / "weights.safetensors").unlink()
        (held / "graph.json").write_text("some")
    with arriving_bundle(tmp_path / "net", DIGEST) as used:
        beside = leave(tmp_path / "net")
        remove_leftovers(tmp_path / "net", DIGEST)
        assert used.is_dir()
        assert [path.exists() for path in (beside, old, young)] == [False, False, True]
        assert (mine / "lock").exists()
        assert set(tmp_path.iterdir()) == {mine, link, young, used.parent}
    assert set(tmp_path.iterdir()) == {mine, link, young}


def test_without_locks_nothing_is_taken_for_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without them a bundle arrives all the same, nothing is left, and nobody removes it."""

    def flock(_file: object, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    left = leave(tmp_path / "net")
    with monkeypatch.context() as without:
        without.setattr(fcntl, "flock", flock)
        remove_leftovers(tmp_path / "net", DIGEST)
        with arriving_bundle(tmp_path / "other", DIGEST) as unlocked:
            (unlocked / "graph.json").write_text("some")
            without.undo()
            remove_leftovers(tmp_path / "other", DIGEST)
            assert unlocked.is_dir()
            assert not left.exists()
    assert list(tmp_path.iterdir()) == []


def test_of_those_who_fill_a_disk_together_one_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both find no room before either gives up; the second one then has the room of the first."""
    write = module._write
    full: list[Path] = []

    def small_disk(path: Path, offset: int, data: bytes) -> None:
        if sum(each.stat().st_size for each in tmp_path.glob(".*/bundle/*")) + len(data) > 10:
            full.append(path)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, offset, data)

    async def fetch(place: Path, digest: str) -> int:
        try:
            with arriving_bundle(place, digest) as arriving:
                for offset in range(8):
                    await append(arriving, "weights.safetensors", offset, b"x")
                    await asyncio.sleep(0)
                return sum(held_bytes(arriving).values())
        except JoulecutError:
            return 0

    async def both() -> list[int]:
        giving_up = os.open(tmp_path, os.O_RDONLY)
        fcntl.flock(giving_up, fcntl.LOCK_EX)
        fetches = [asyncio.create_task(fetch(tmp_path / name, name)) for name in ("one", "two")]
        while len(set(full)) < 2 and not any(each.done() for each in fetches):
            await asyncio.sleep(0)
        os.close(giving_up)
        assert len(set(full)) == 2
        return await asyncio.gather(*fetches)

    monkeypatch.setattr(module, "_write", small_disk)
    assert sorted(asyncio.run(both())) == [0, 8]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EBUSY, "it is a mount point, which cannot be replaced; give a folder inside it"),
        (errno.ENOTEMPTY, "it holds other files; empty it, or give a folder that is not there yet"),
        (errno.EROFS, "Read-only file system.*; give another folder, or let this user write beside it"),
    ],
    ids=["mount point", "other files", "read-only"],
)
def test_a_place_that_cannot_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    """The system's refusal to remove an empty folder is an error with a remedy, and nothing is made beside it."""

    def rmdir(path: Path) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "rmdir", rmdir)
    with pytest.raises(ConfigError, match=f"^bundle: cannot be kept in {tmp_path}/net: .*{message}"):
        arriving_bundle(tmp_path / "net", DIGEST).__enter__()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into any folder")
def test_a_parent_that_is_not_ones_own(tmp_path: Path) -> None:
    """Where nothing can be made beside the place, that is said."""
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match=r"net: .*Permission denied.*; give another folder, or make room and let"):
        arriving_bundle(tmp_path / "net", DIGEST).__enter__()
