"""Files of secrets: their modes, and that nothing is lost."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from joulecut.pki import private_files
from joulecut_core.errors import ConfigError
from joulecut_core.timing import ManualClock


def mode(path: Path) -> int:
    """Its permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_its_owners_alone_under_any_umask(tmp_path: Path) -> None:
    """The mode is asked for, not what the umask leaves; a public file stays readable under a strict one."""
    before = os.umask(0)
    try:
        private_files.write_new({tmp_path / "key": b"k"}, {tmp_path / "key": private_files.SECRET})
        os.umask(0o077)
        private_files.write_new({tmp_path / "certificate": b"c"}, {tmp_path / "certificate": private_files.PUBLIC})
    finally:
        os.umask(before)
    assert (mode(tmp_path / "key"), mode(tmp_path / "certificate")) == (0o600, 0o644)
    private_files.make_private_folder(tmp_path / "folder")
    assert mode(tmp_path / "folder") == 0o700


def test_folders_are_their_owners_alone_under_any_umask(tmp_path: Path) -> None:
    """So are files that grow; folders on the way there can be read by others, not written."""
    before = os.umask(0)
    try:
        private_files.make_private_folder(tmp_path / "a" / "b" / "c")
        private_files.append(tmp_path / "grows", "one\n")
        os.umask(0o277)
        private_files.make_private_folder(tmp_path / "strict")
        private_files.append(tmp_path / "grows", "two\n")
        private_files.append(tmp_path / "begins", "one\n")
    finally:
        os.umask(before)
    modes = {name: mode(tmp_path / name) for name in ("a", "a/b", "a/b/c", "strict", "grows", "begins")}
    expected = {"a": 0o755, "a/b": 0o755, "a/b/c": 0o700, "strict": 0o700, "grows": 0o644, "begins": 0o644}
    assert modes == expected
    assert (tmp_path / "grows").read_text() == "one\ntwo\n"


def test_folders_that_others_write_to_and_links_are_refused(tmp_path: Path) -> None:
    """Whoever may write there could replace a key by one of their own; a group may read."""
    for bits in (0o770, 0o707, 0o777):
        (tmp_path / f"{bits:o}").mkdir()
        (tmp_path / f"{bits:o}").chmod(bits)
        with pytest.raises(ConfigError, match="others may write into it"):
            private_files.make_private_folder(tmp_path / f"{bits:o}")
    (tmp_path / "read").mkdir()
    (tmp_path / "read").chmod(0o750)
    private_files.make_private_folder(tmp_path / "read")
    assert mode(tmp_path / "read") == 0o750
    (tmp_path / "link").symlink_to(tmp_path / "read")
    (tmp_path / "file").write_text("")
    for name in ("link", "file"):
        with pytest.raises(ConfigError, match="a link or a file"):
            private_files.make_private_folder(tmp_path / name)
    with pytest.raises(ConfigError, match="cannot be made"):
        private_files.make_private_folder(tmp_path / "file" / "below")
    (tmp_path / "ledger").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="cannot be written"):
        private_files.append(tmp_path / "ledger", "x")
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """Not even through a link, which an attacker may have put there."""
    (tmp_path / "key").write_bytes(b"precious")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("key", "link"):
        with pytest.raises(ConfigError, match="exists; it is not overwritten"):
            private_files.write_new({tmp_path / name: b"new"}, {tmp_path / name: private_files.SECRET})
    assert (tmp_path / "key").read_bytes() == b"precious"
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_cut_short_is_not_there(tmp_path: Path) -> None:
    """Neither half a file nor a key without its certificate, which would stand in the way of the next attempt."""
    contents = {tmp_path / "key": b"k", tmp_path / "missing" / "certificate": b"c"}
    with pytest.raises(ConfigError, match="missing/certificate: cannot be written"):
        private_files.write_new(contents, dict.fromkeys(contents, private_files.SECRET))
    assert list(tmp_path.iterdir()) == []


def test_one_after_the_other(tmp_path: Path) -> None:
    """Who comes second waits, and gives up in the end; a folder that is not there is said by whoever needs it."""
    clock = ManualClock()
    with private_files.held_alone(tmp_path):
        began_s = clock.now_s()
        with (
            pytest.raises(ConfigError, match="another `joulecut pki` works on it"),
            private_files.held_alone(tmp_path, clock),
        ):
            pytest.fail("two at once")
        assert 59.9 < clock.now_s() - began_s < 61.0
    with private_files.held_alone(tmp_path, clock), private_files.held_alone(tmp_path / "missing", clock):
        pass


def test_several_files_are_replaced_or_none(tmp_path: Path) -> None:
    """Where one cannot be written, the others are as before and nothing is left over."""
    (tmp_path / "a").write_bytes(b"old")
    contents = {tmp_path / "a": b"new", tmp_path / "missing" / "b": b"new"}
    with pytest.raises(ConfigError, match="missing/b: cannot be written"):
        private_files.replace_all(contents, dict.fromkeys(contents, private_files.SECRET))
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    private_files.replace(tmp_path / "a", b"new", private_files.SECRET)
    assert ((tmp_path / "a").read_bytes(), mode(tmp_path / "a")) == (b"new", 0o600)


def test_what_was_replaced_outlasts_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content before name, and the folder last: a key that is there after one is whole, and has its certificate."""
    done: list[str] = []
    sync, rename = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        done.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name.rsplit('.', 1)[0]}")
        sync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        done.append(f"rename {target.name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    contents = {tmp_path / "key": b"k", tmp_path / "cert": b"c"}
    private_files.write_new(contents, dict.fromkeys(contents, private_files.SECRET))
    assert done == ["sync .key", "sync .cert", "rename key", "rename cert", f"sync {tmp_path.name}"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize(("before", "after"), [(0o600, 0o600), (0o640, 0o640), (0o660, 0o640), (0o644, 0o600)])
def test_a_key_stays_readable_for_the_agent_that_has_it(tmp_path: Path, before: int, after: int) -> None:
    """Root replaces the key of an agent that is not: owner and group stay; what was open to everybody is closed."""
    path = tmp_path / "key"
    path.write_bytes(b"old")
    path.chmod(before)
    os.chown(path, 12345, 12346)
    private_files.replace(path, b"new", private_files.SECRET)
    assert (mode(path), path.stat().st_uid, path.stat().st_gid) == (after, 12345, 12346)
