"""Where files go, and that one learns in time that they cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from joulecut.reports.document import Report, Section
from joulecut.reports.writing import check_places, write_report
from joulecut_core.errors import ConfigError, JoulecutError
from tests.api.reports.test_stills import BARS

ONE = Report(title="t", lead="l", sections=(Section(title="s", blocks=(BARS,)),))
TWO = replace(ONE, sections=(Section(title="s", blocks=(BARS, replace(BARS, name="again"))),))


def names(paths: tuple[Path, ...]) -> list[str]:
    """File names, all of them there."""
    assert all(path.is_file() for path in paths)
    return [path.name for path in paths]


def test_a_folder_gets_both_formats(tmp_path: Path) -> None:
    """PNG and SVG of each picture, named after it; the folder is made."""
    written = write_report(TWO, export=tmp_path / "new" / "pictures")
    assert names(written) == ["bars.png", "bars.svg", "again.png", "again.svg"]


def test_a_file_name_says_the_format(tmp_path: Path) -> None:
    """One picture is the file itself; of several each adds its name."""
    assert names(write_report(ONE, export=tmp_path / "p.svg")) == ["p.svg"]
    assert names(write_report(TWO, export=tmp_path / "p.PNG")) == ["p-bars.PNG", "p-again.PNG"]
    assert (tmp_path / "p-bars.PNG").read_bytes().startswith(b"\x89PNG")


def test_the_page_goes_where_it_was_asked_for(tmp_path: Path) -> None:
    """And nothing else is written."""
    assert names(write_report(ONE, html=tmp_path / "page.html")) == ["page.html"]
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_full_disk_is_not_the_order_s_fault(tmp_path: Path) -> None:
    """What is written while there is no room fails as the disk's doing, and not as a wrong path."""
    page = tmp_path / "page.html"
    page.symlink_to("/dev/full")
    with pytest.raises(JoulecutError, match="No space left on device; make room there") as failed:
        write_report(Report(title="", lead="", sections=()), html=page)
    assert not isinstance(failed.value, ConfigError)


def test_what_cannot_be_written_is_refused_beforehand(tmp_path: Path) -> None:
    """A folder in the place of a page, a folder that is missing, a file in the place of a folder."""
    (tmp_path / "taken").write_text("", encoding="utf-8")
    for html, export in (
        (tmp_path, None),
        (tmp_path / "missing" / "page.html", None),
        (None, tmp_path / "missing" / "p.svg"),
        (None, tmp_path / "taken"),
    ):
        with pytest.raises(ConfigError, match="cannot be written"):
            check_places(html, export)
    check_places(tmp_path / "page.html", tmp_path / "pictures")
