"""The folder: CSV, pictures and a page on which every number names its row."""

from __future__ import annotations

import csv
import html
import json
import re
from pathlib import Path

import pytest

from joulecut.reproduction.output import document, write_folder
from joulecut.reproduction.views import views
from joulecut_core.errors import ConfigError
from tests.api.reproduction.made_up_result import reproduction
from tests.api.traced_numbers import untraced

RESULT = reproduction()
SHEETS = {"S": "summary.csv", "L": "local.csv", "C": "cooperative.csv", "M": "memory.csv"}


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "new"
    write_folder(RESULT, folder)
    return folder


def rows(folder: Path, sheet: str) -> list[dict[str, str]]:
    """The rows of a sheet."""
    with (folder / sheet).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_every_reference_leads_to_a_row(folder: Path) -> None:
    """Each name of a row on the page is in the sheet of its letter, and links on the page have a target."""
    page = (folder / "index.html").read_text(encoding="utf-8")
    known = {letter: {row["row"] for row in rows(folder, sheet)} for letter, sheet in SHEETS.items()}
    named = re.findall(r"\b([SLCM]\d{3,4})\b", re.sub(r"base64,[^']*", "", page))
    assert {name[0] for name in named} >= {"S", "L", "C"}
    assert all(name in known[name[0]] for name in named)
    assert set(re.findall(r"href='#(\w+)'", page)) <= set(re.findall(r"id='(\w+)'", page))


def test_every_number_in_a_table_is_that_of_the_rows_named(folder: Path) -> None:
    """A cell with a number names its rows and shows their fields, but for the first columns, which are names."""
    known = {row["row"]: row for sheet in SHEETS.values() for row in rows(folder, sheet)}
    for view in views(RESULT):
        names = 2 if view.columns[1] == "latency, energy" else 1
        for row in view.rows:
            assert len(row) == len(view.columns)
            for cell in row[names:]:
                assert untraced(cell.text, [known[name] for name in cell.refs]) == [], (view.title, cell)


def test_shown_numbers_are_the_sheets(folder: Path) -> None:
    """The summary on the page shows the values of summary.csv."""
    page = (folder / "index.html").read_text(encoding="utf-8")
    for row in rows(folder, "summary.csv"):
        value = float(row["value"])
        shown = f"{value:.0f}" if row["is_count"] == "True" else f"{value:.1%}"
        assert f"<td id='{row['row']}'>{row['row']}</td>" in page
        assert f"<td>{html.escape(row['what'])}</td><td>{shown}</td>" in page


def holds(condition: str, row: dict[str, str]) -> bool:
    """Whether a row keeps one of the conditions by which the summary names rows."""
    if condition in {"rate_hz empty", "rate_hz given"}:
        return (row["rate_hz"] == "") == (condition == "rate_hz empty")
    name, above, bound = condition.partition(">")
    if above:
        return float(row[name]) > float(bound)
    name, _, wanted = condition.partition("=")
    return float(row[name]) == float(wanted) if name == "parameter" else row[name] == wanted


def test_named_rows_are_found_again(folder: Path) -> None:
    """The conditions of a summary row select, in the sheet that it names, as many rows as it counts, first to last."""
    checked = 0
    for summary in rows(folder, "summary.csv"):
        conditions, _, ends = summary["rows"].removesuffix(")").partition(" (")
        if "for both " in conditions or conditions == "all rows":
            continue
        kept = [
            row
            for row in rows(folder, summary["sheet"])
            if all(holds(condition, row) for condition in conditions.split(", "))
        ]
        assert len(kept) == int(summary["row_count"]), summary
        assert ends == f"{kept[0]['row']} to {kept[-1]['row']}"
        checked += 1
    assert checked > 50


def test_the_page_stands_alone_and_escapes(folder: Path) -> None:
    """Nothing is loaded from elsewhere, pictures are inline, and names are text."""
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "emulated-&lt;board&gt;" in page
    assert "<board>" not in page
    assert "http" not in page
    assert "<script" not in page
    assert (
        page.count("src='data:image/png;base64,") == len(re.findall(r"<img", page)) == len(list(folder.glob("*.png")))
    )
    for path in folder.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_sheets_hold_all_rows(folder: Path) -> None:
    """Every row of the result is there in full precision."""
    local = rows(folder, "local.csv")
    assert [float(row["latency_s"]) for row in local] == [row.latency_s for row in RESULT.local]
    assert len(rows(folder, "memory.csv")) == len(RESULT.memory)
    assert rows(folder, "cooperative.csv")[0]["rate_hz"] == ""


def test_document_is_json() -> None:
    """The same rows, with the claims beside them."""
    parsed = json.loads(json.dumps(document(RESULT), allow_nan=False))
    assert parsed["schema"] == "joulecut.reproduction/1"
    assert [claim["case"] for claim in parsed["claims"]] == ["local", "cooperative", "memory"]
    assert len(parsed["local"]) == len(RESULT.local)
    assert len(parsed["findings"]) == len(RESULT.findings)


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """A file in the place of the folder is said to be in the way."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"--out .*file: cannot be written"):
        write_folder(RESULT, tmp_path / "file")
