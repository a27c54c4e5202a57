"""Folders for results are looked at first, and left as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut.long_work.output_folders import check_folder
from joulecut_core.errors import ConfigError


def test_a_folder_to_be_made_is_tried_and_not_left_behind(tmp_path: Path) -> None:
    """However many of its parents are missing."""
    check_folder("--out", tmp_path / "a" / "b" / "c")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_will_do(tmp_path: Path) -> None:
    """With what is in it."""
    (tmp_path / "results.csv").touch()
    check_folder("--out", tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["results.csv"]


def test_what_can_be_no_folder_is_refused(tmp_path: Path) -> None:
    """A file in its place, or in that of a parent, or a file system that takes no folders: named with the option."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"^--out .*file: is a file; expected a folder$"):
        check_folder("--out", tmp_path / "file")
    with pytest.raises(ConfigError, match=r"^--out .*deep: cannot be made: Not a directory; "):
        check_folder("--out", tmp_path / "file" / "deep")
    with pytest.raises(ConfigError, match=r"^--out /proc/none/deep: cannot be made: "):
        check_folder("--out", Path("/proc/none/deep"))
