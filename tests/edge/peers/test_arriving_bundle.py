"""The folder in which a bundle arrives: nothing is left of it, and nothing is taken from an agent that uses it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_edge.peers.arriving_bundle import arriving_bundle, remove_leftovers


def leave(place: Path) -> Path:
    """A folder with some of a bundle beside `place`, as an agent that was killed leaves it: nobody holds its lock."""
    with arriving_bundle(place) as arriving:
        (arriving / "weights.safetensors").write_bytes(b"half of it")
        left = arriving.parent.with_name(f"{arriving.parent.name}-left")
        shutil.copytree(arriving.parent, left)
    return left


def test_what_killed_agents_left_goes(tmp_path: Path) -> None:
    """Only folders that nobody holds are removed; what is no arriving bundle at all stays too."""
    mine, link = tmp_path / ".bundle-mine", tmp_path / ".joulecut-bundle-link"
    mine.mkdir()
    (mine / "lock").touch()
    link.symlink_to(mine)
    left = [leave(tmp_path / "net"), leave(tmp_path / "other")]
    with arriving_bundle(tmp_path / "net") as used:
        remove_leftovers(tmp_path / "net")
        assert used.is_dir()
        assert not any(path.exists() for path in left)
        assert (mine / "lock").exists()
        assert set(tmp_path.iterdir()) == {mine, link, used.parent}
    assert set(tmp_path.iterdir()) == {mine, link}


def test_without_locks_nothing_is_taken_for_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without them a bundle arrives all the same, and an agent that has them does not remove it."""

    def flock(_file: object, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    left = leave(tmp_path / "net")
    with monkeypatch.context() as without, arriving_bundle(tmp_path / "net") as arriving:
        without.setattr(fcntl, "flock", flock)
        remove_leftovers(tmp_path / "net")
        assert left.exists()
        with arriving_bundle(tmp_path / "other") as unlocked:
            without.undo()
            remove_leftovers(tmp_path / "other")
            assert unlocked.is_dir()
            assert not left.exists()
        assert list(tmp_path.iterdir()) == [arriving.parent]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EBUSY, "it is a mount point, which cannot be replaced; give a folder inside it"),
        (errno.ENOTEMPTY, "it holds other files; empty it, or give a folder that is not there yet"),
        (errno.EROFS, "Read-only file system.*; give another folder, or make room and let this user write beside it"),
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
        arriving_bundle(tmp_path / "net").__enter__()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into any folder")
def test_a_parent_that_is_not_ones_own(tmp_path: Path) -> None:
    """Where nothing can be made beside the place, that is said."""
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match=r"net: .*Permission denied.*; give another folder, or make room and let"):
        arriving_bundle(tmp_path / "net").__enter__()
