"""Files: duplicates and NaN refused with the file's name, writes never half done."""

from __future__ import annotations

import errno
import json
import os
import stat
import tracemalloc
from pathlib import Path

import pytest

from joulecut_core import documents
from joulecut_core.documents import (
    cannot_write,
    file_state,
    kept_mode,
    parse_json,
    read_json,
    read_text,
    read_toml,
    write_bytes,
    write_json,
)
from joulecut_core.errors import ConfigError, JoulecutError, ProblemError
from joulecut_core.exits import ExitCode, exit_code

TOO_DEEP = "(maximum recursion|TOML inline arrays/tables are nested)"
"""As tomllib says it, and as newer releases of tomli do, which Python 3.10 reads TOML with."""


def test_missing_file_is_named(tmp_path: Path) -> None:
    """The path stands in the message."""
    with pytest.raises(ConfigError, match=r"nothing\.json: no such file"):
        read_json(tmp_path / "nothing.json", ConfigError)


def test_a_change_of_rights_is_a_change(tmp_path: Path) -> None:
    """Whoever could not read a file looks again once he may; a file that is left alone stays as it was."""
    path = tmp_path / "file"
    assert file_state(path) is None
    path.write_text("text")
    path.chmod(0)
    before = file_state(path)
    assert file_state(path) == before
    path.chmod(0o600)
    assert file_state(path) != before


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    """A folder is called one, without the system's number for it."""
    with pytest.raises(ConfigError, match=r"is a folder; expected a file$"):
        read_text(tmp_path, ConfigError)


def test_what_the_system_refuses(tmp_path: Path) -> None:
    """What cannot be read for another reason is said with the system's."""
    path = tmp_path / "plan.json"
    path.write_text("{}")
    with pytest.raises(ConfigError, match=r"cannot be read: .*Not a directory"):
        read_text(path / "inner.json", ConfigError)


def test_text_must_be_utf8(tmp_path: Path) -> None:
    """A binary file given by mistake is no traceback."""
    path = tmp_path / "weights.bin"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"weights\.bin: cannot be read"):
        read_text(path, ConfigError)


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "[1,]", "\x00", "[" * 100_000])
def test_broken_json(text: str) -> None:
    """Text that is not JSON, however deep, is one line naming its source."""
    with pytest.raises(ProblemError, match=r"^here: not JSON: "):
        parse_json(text, ProblemError, "here")


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": [Infinity]}', "-Infinity"])
def test_numbers_must_be_finite(text: str) -> None:
    """Python's parser takes NaN and infinities; this one does not."""
    with pytest.raises(ProblemError, match=r"^here: (NaN|-?Infinity) is not a number"):
        parse_json(text, ProblemError, "here")


def test_duplicate_keys() -> None:
    """Python's parser keeps the last of two equal keys in silence; this one refuses both."""
    with pytest.raises(ProblemError, match=r"^here: link\.rtt_s: duplicate key"):
        parse_json('{"link": {"rtt_s": 1, "rtt_s": 2}}', ProblemError, "here")


def test_toml(tmp_path: Path) -> None:
    """TOML is read whole; a syntax error names file and place."""
    path = tmp_path / "edge.toml"
    path.write_text('device = "emulated:tx2"\n[limits]\nqueue = 4\n', encoding="utf-8")
    assert read_toml(path, ConfigError) == {"device": "emulated:tx2", "limits": {"queue": 4}}

    path.write_text("device = \n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"edge\.toml: not TOML: .*line 1"):
        read_toml(path, ConfigError)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        pytest.param("a = " + "[" * 100_000, f"not TOML: {TOO_DEEP}", id="deep arrays"),
        pytest.param("a = " + "{b = " * 10_000, f"not TOML: {TOO_DEEP}", id="deep tables"),
        pytest.param("a = " + "9" * 5_000, "not TOML: Exceeds the limit", id="many digits"),
        pytest.param(
            "a = [{b = 0x" + "f" * 5_000 + "}]",
            r"config\.toml: a\[0\]\.b: a whole number beyond 64 bits",
            id="hexadecimal",
        ),
        pytest.param(".".join("a" * 20_000) + " = 1", "a key of 20000 parts; expected at most 64", id="long key"),
        pytest.param(
            '[a]\nb = ["c", "d\\u0000e"]', r"config\.toml: a\.b\[1\]: 'd\\x00e': holds the character NUL", id="NUL"
        ),
        pytest.param("[" + '"a" . ' * 70 + "b]", "a key of 71 parts; expected at most 64", id="long table"),
    ],
)
def test_hostile_toml_is_refused(tmp_path: Path, text: str, refusal: str) -> None:
    """What the parser ends in, or takes minutes over, becomes the caller's kind of error."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=refusal):
        read_toml(path, ConfigError)


def test_what_never_ends_is_no_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device in place of a file would be read until there is no memory left."""
    monkeypatch.setattr(documents, "_MOST_CHARACTERS", 1000)
    with pytest.raises(ConfigError, match="/dev/zero: longer than 1000 characters; expected a document"):
        read_text(Path("/dev/zero"), ConfigError)


def test_a_short_file_takes_little_memory(tmp_path: Path) -> None:
    """Not as much as the longest one might: an agent may have been given no more than it needs."""
    (tmp_path / "rules.toml").write_text("\u2028")
    tracemalloc.start()
    try:
        assert read_text(tmp_path / "rules.toml", ConfigError) == "\u2028"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_write_json_round_trip(tmp_path: Path) -> None:
    """Missing folders are made; the file ends with a newline and reads back equal."""
    path = tmp_path / "a" / "b.json"
    write_json(path, {"x": [1, 2.5, None]})
    assert path.read_text(encoding="utf-8").endswith("\n")
    assert read_json(path, ConfigError) == {"x": [1, 2.5, None]}


def test_a_link_stays_one(tmp_path: Path) -> None:
    """What it leads to is replaced, also where that is not there yet."""
    link = tmp_path / "profile.json"
    link.symlink_to("disk/profile.json")
    for content in (b"first", b"second"):
        write_bytes(link, content)
        assert link.is_symlink()
        assert (tmp_path / "disk" / "profile.json").read_bytes() == content
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["profile.json"]


def test_a_file_that_output_goes_into_is_added_to(tmp_path: Path) -> None:
    """`/dev/stdout` may be a log: what is there stays, and what is written to it next follows."""
    log, link = tmp_path / "log", tmp_path / "stdout"
    with log.open("ab", buffering=0) as stream:
        link.symlink_to(f"/proc/self/fd/{stream.fileno()}")
        stream.write(b"before,")
        write_bytes(link, b"a document,")
        stream.write(b"after")
    assert log.read_bytes() == b"before,a document,after"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """As `/dev/stdout`, which must not be replaced by a file."""
    reading, writing = os.pipe()
    link = tmp_path / "stdout"
    link.symlink_to(f"/proc/self/fd/{writing}")
    write_bytes(link, b"a document")
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"a document"
    assert [path.name for path in tmp_path.iterdir()] == ["stdout"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_device_is_written_to(tmp_path: Path) -> None:
    """And what it says is told."""
    link = tmp_path / "full"
    link.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write_bytes(link, b"a document")


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o444])
def test_who_may_read_a_file_stays_the_same(tmp_path: Path, mode: int) -> None:
    """What somebody has closed to others is not opened by writing it anew, nor is what a group shares taken from it."""
    path = tmp_path / "plan.json"
    write_bytes(path, b"old")
    path.chmod(mode)
    write_bytes(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_whose_a_file_is_stays_the_same(tmp_path: Path) -> None:
    """Where root writes anew what an agent's user keeps for itself, that user can read it still."""
    path = tmp_path / "profile.json"
    path.write_bytes(b"old")
    path.chmod(0o640)
    os.chown(path, 12345, 12346)
    write_bytes(path, b"new")
    after = path.stat()
    assert (path.read_bytes(), after.st_mode & 0o777, after.st_uid, after.st_gid) == (b"new", 0o640, 12345, 12346)


@pytest.mark.parametrize(("mode", "after"), [(0o660, 0o600), (0o664, 0o644), (0o604, 0o604)])
def test_rights_of_a_group_are_no_other_groups(
    tmp_path: Path, mode: int, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file cannot be given to the group it was shared with, the next group may no more than everybody."""

    def refuse(descriptor: int, owner: int, group: int) -> None:
        del descriptor, owner, group
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    path = tmp_path / "profile.json"
    path.write_bytes(b"")
    path.chmod(mode)
    former = list(path.stat())
    former[stat.ST_GID] += 1
    monkeypatch.setattr(os, "fchown", refuse)
    with path.open("rb") as stream:
        assert kept_mode(stream.fileno(), os.stat_result(former)) == after


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """NaN cannot be written, and the attempt harms nothing."""
    path = tmp_path / "profile.json"
    write_json(path, {"ok": 1})
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(path, {"x": float("nan")})
    assert json.loads(path.read_text(encoding="utf-8")) == {"ok": 1}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_or_broken_disk_is_no_wrong_order(number: int) -> None:
    """The same order may do once there is room, which a script learns by the status."""
    error = cannot_write("--out: cannot be written", OSError(number, os.strerror(number)), ConfigError)
    assert type(error) is JoulecutError
    assert exit_code(error) is ExitCode.FAILED
    missing = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    assert type(cannot_write("--out: cannot be written", missing, ConfigError)) is ConfigError
    remedied = cannot_write("--out: cannot be written", missing, ConfigError, remedy="name another file")
    assert str(remedied) == "--out: cannot be written; name another file"


def test_no_temporary_files_stay_behind(tmp_path: Path) -> None:
    """Neither a good write nor one whose last step fails leaves a temporary file."""
    write_bytes(tmp_path / "a", b"1")
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="folder"):
        write_bytes(tmp_path / "folder", b"2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "folder"]


def test_what_must_outlive_a_power_cut_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content before it gets its name, and then the name; what is made again in no time waits for no disk."""
    path, synced = tmp_path / "plan.json", list[tuple[bool, bool]]()

    def record(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append((is_folder, path.exists()))

    monkeypatch.setattr(os, "fsync", record)
    write_json(path, {"cut": 3}, durable=True)
    assert synced == [(False, False), (True, True)]
    write_bytes(path, b"{}")
    assert len(synced) == 2
