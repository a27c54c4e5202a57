"""Files for results are looked at first, and are none of those that the same command reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from joulecut.long_work.output_files import check_apart, check_file, same_place
from joulecut_core.errors import ConfigError


def test_a_file_that_is_there_or_not_will_do(tmp_path: Path) -> None:
    """Missing folders are made later."""
    (tmp_path / "old.json").touch()
    check_file("--out", tmp_path / "old.json")
    check_file("--out", tmp_path / "a" / "new.json")
    assert [each.name for each in tmp_path.iterdir()] == ["old.json"]


@pytest.mark.parametrize("name", ["", "."])
def test_a_folder_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Nor is an empty name, as of a variable that is not set."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^--out \.: is a folder; expected a file$"):
        check_file("--out", Path(name))


def test_what_is_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever path."""
    monkeypatch.chdir(tmp_path)
    read = tmp_path / "read.csv"
    read.touch()
    Path("link.csv").symlink_to(read)
    for out in (Path("read.csv"), Path("link.csv"), read):
        with pytest.raises(ConfigError, match=r"^--out .*: is read as well; expected another file for the answer$"):
            check_apart("--out", out, (None, read), purpose="the answer")
    check_apart("--out", Path("other.csv"), (read,), purpose="the answer")
    check_apart("--out", None, (read,), purpose="the answer")


def test_a_pipe_is_read_and_written(tmp_path: Path) -> None:
    """Nothing takes the place of anything there: a terminal is both standard input and standard output."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_apart("--out", pipe, (pipe,), purpose="the answer")


def test_a_link_that_leads_to_itself_is_nothing_that_is_read(tmp_path: Path) -> None:
    """What is wrong with it is told where it is written."""
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    check_apart("--out", loop, (tmp_path / "read.csv",), purpose="the answer")
    assert same_place(loop, loop)
