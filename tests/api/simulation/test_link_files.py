"""Link traces are dealt out to the edges, and damaged ones refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from joulecut.simulation.link_files import read_link, read_links
from joulecut_core.errors import ConfigError


def link_file(path: Path, *rows: str, header: str = "time_s,bandwidth_bps") -> Path:
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def test_a_folder_is_dealt_out_by_name(tmp_path: Path) -> None:
    """First file to the first edge, second to the second, then from the start; the index is no trace."""
    link_file(tmp_path / "a.csv", "0,8", "1,8")
    link_file(tmp_path / "b.csv", "0,80", "1,80")
    link_file(tmp_path / "index.csv", "a.csv,2", header="file,rows")
    delivered_s = read_links(tmp_path, ("z", "x", "y"), 1.0)
    sent_s = np.zeros(1)
    assert [delivered_s(edge, sent_s)[0] for edge in ("x", "y", "z")] == pytest.approx([1.0, 0.1, 1.0])


def test_one_file_is_everybodys(tmp_path: Path) -> None:
    """Also that of requests without an edge's name; further columns are passed over."""
    path = link_file(tmp_path / "a.csv", "0,8,x", "1,16,y", header="time_s,bandwidth_bps,note")
    assert read_links(path, (), 1.0)("", np.array([0.5]))[0] == pytest.approx(1.25)


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("time_s,bps", ("0,1",), "no column bandwidth_bps"),
        ("time_s,bandwidth_bps", ("0,x",), "row 2: expected a number"),
        ("time_s,bandwidth_bps", ("0",), "row 2: expected a number"),
        ("time_s,bandwidth_bps", ("0,0",), "one of them above"),
        ("time_s,bandwidth_bps", ("1,5", "0,5"), "ascend from 0"),
        ("time_s,bandwidth_bps", (), "at least one"),
        ("time_s,bandwidth_bps", ('0,"5',), "not CSV"),
    ],
)
def test_damaged_links_are_refused(tmp_path: Path, header: str, rows: tuple[str, ...], message: str) -> None:
    """With the file's name."""
    with pytest.raises(ConfigError, match=rf"a\.csv.*{message}"):
        read_link(link_file(tmp_path / "a.csv", *rows, header=header))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """A folder without traces is a mistaken path."""
    with pytest.raises(ConfigError, match="no CSV files"):
        read_links(tmp_path, (), 1.0)
