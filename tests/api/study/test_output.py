"""The folder: CSV files, pictures and a page on which every number names its row."""

from __future__ import annotations

import csv
import html
import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from joulecut.reports.charts import Line
from joulecut.reports.document import Table, still_page
from joulecut.study.charts import study_charts
from joulecut.study.output import document, from_document, write_folder
from joulecut.study.page import study_report
from joulecut.study.rows import Study
from joulecut.study.terminal import print_study
from joulecut_core.carbon import CarbonTerms
from joulecut_core.errors import ConfigError
from tests.api.traced_numbers import untraced

SHEETS = {
    "M": "models.csv",
    "L": "layers.csv",
    "P": "parts.csv",
    "O": "optima.csv",
    "E": "engines.csv",
    "N": "numbers.csv",
    "F": "findings.csv",
}


@pytest.fixture(name="folder", scope="module")
def _folder(emulated_study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "new"
    write_folder(emulated_study, folder)
    return folder


def rows(folder: Path, sheet: str) -> list[dict[str, str]]:
    """The rows of a sheet."""
    with (folder / sheet).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def by_name(folder: Path) -> dict[str, dict[str, str]]:
    """Every row of every sheet."""
    return {row["row"]: row for sheet in SHEETS.values() for row in rows(folder, sheet)}


def expanded(text: str) -> list[str]:
    """The names in "M0001 to M0003, M0007"."""
    names = []
    for part in text.split(", "):
        first, _, last = part.partition(" to ")
        letter, digits = first[0], len(first) - 1
        end = int((last or first)[1:])
        names += [f"{letter}{number:0{digits}}" for number in range(int(first[1:]), end + 1)]
    return names


def text_of(folder: Path) -> str:
    """The page without its pictures."""
    return re.sub(r"base64,[^']*", "", (folder / "index.html").read_text(encoding="utf-8"))


def test_every_reference_leads_to_a_row(folder: Path) -> None:
    """Each name of a row on the page is in the sheet of its letter, and links on the page have a target."""
    page, known = text_of(folder), by_name(folder)
    named = set(re.findall(r"\b([MLPOENF]\d+)\b", page))
    assert {name[0] for name in named} >= {"M", "L", "O", "E", "N", "F"}
    assert named <= set(known)
    assert set(re.findall(r"href='#(\w+)'", page)) <= set(re.findall(r"id='(\w+)'", page))


def test_every_number_of_a_finding_is_its_rows(folder: Path) -> None:
    """The rows that a number names exist, are as many as it says, and are of the sheet that it says."""
    known = by_name(folder)
    for number in rows(folder, "numbers.csv"):
        names = expanded(number["rows"])
        assert len(names) == int(number["row_count"])
        assert all(SHEETS[name[0]] == number["sheet"] and name in known for name in names)


def test_numbers_can_be_made_again_from_their_rows(folder: Path) -> None:
    """Somebody with nothing but the CSV files gets the page's figures: shares, ratios and gains."""
    known, checked = by_name(folder), set()
    for number in rows(folder, "numbers.csv"):
        mine = [known[name] for name in expanded(number["rows"])]
        value = float(number["value"])
        if number["what"].startswith("share of convolutions"):
            part = math.fsum(float(row["energy_j"]) for row in mine if row["kind"] in {"convolution", "depthwise"})
            assert value == pytest.approx(part / math.fsum(float(row["energy_j"]) for row in mine))
        elif number["made"] == "gain":
            assert value == float(mine[0]["gain"])
            ends = [float(known[mine[0][end]]["revenue"]) for end in ("best_row", "default_row")]
            assert value == pytest.approx(ends[0] / ends[1])
        elif number["made"] == "images_per_joule":
            assert value == pytest.approx(float(mine[1]["images_per_joule"]) / float(mine[0]["images_per_joule"]))
        else:
            continue
        checked.add(number["finding"])
        assert number["shown"] in html.unescape(text_of(folder))
    assert checked == {"F3", "F5", "F6"}


def test_numbers_in_tables_carry_references(folder: Path) -> None:
    """On the page each row of a table of results names a row of a sheet, or says which rows it sums."""
    tables = re.findall(r"<caption>(.*?)</caption>.*?<tbody>(.*?)</tbody>", text_of(folder))
    assert len(tables) > 8
    for caption, body in tables:
        for line in re.findall(r"<tr>(.*?)</tr>", body):
            cells = re.findall(r"<td>(.*?)</td>", line)
            assert "class='ref'" in line or "layers.csv" in line or "Yao et al." in line, (caption, cells)


def test_numbers_in_tables_are_those_of_the_rows_named(folder: Path) -> None:
    """What a table of results shows is a field of the rows beside it, or the sum over the rows that it describes."""
    known, layers = by_name(folder), rows(folder, "layers.csv")
    checked = 0
    for body in re.findall(r"<table class=''>.*?<tbody>(.*?)</tbody>", text_of(folder)):
        for line in re.findall(r"<tr>(.*?)</tr>", body):
            named = [known[name] for name in re.findall(r"\b([MLON]\d{3,5})\b", line)]
            cells = [
                html.unescape(re.sub(r"<.*?>", "", re.sub(r"<span class='ref'>.*?</span>", "", cell)))
                for cell in re.findall(r"<td[^>]*>(.*?)</td>", line)
            ]
            if not named:
                wanted = dict(condition.split("=") for condition in cells.pop().partition(": ")[2].split(", "))
                mine = [row for row in layers if all(row[column] == value for column, value in wanted.items())]
                sums = {
                    column: str(math.fsum(float(row[column]) for row in mine))
                    for column in ("layer_s", "time_share", "energy_j", "energy_share")
                }
                named = [{**sums, "count": str(len(mine))}]
            assert untraced(" ; ".join(cells), named) == [], cells
            checked += 1
    assert checked > 40


def test_the_page_explains_itself_and_stands_alone(folder: Path) -> None:
    """Nothing is loaded, pictures are inline, figures are labelled, and the paper's number stands with its formula."""
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "://" not in page
    assert "<script" not in page
    pictures = list(folder.glob("*.png"))
    assert page.count("src='data:image/png;base64,") == len(pictures) == 5
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)
    for said in (
        "15.31",
        "not public",
        "1.53",
        "doi 10.1002/cpe.6064",
        "g = 1 for t &lt;= SLO",
        "Emulated",
        "EDP, ED2P",
    ):
        assert said in page, said
    assert "not available" in page
    assert "no kernel fusion" in page


def test_sheets_hold_all_rows(folder: Path, emulated_study: Study) -> None:
    """In full precision; what is unknown is empty."""
    models = rows(folder, "models.csv")
    assert [float(row["latency_s"]) for row in models] == [row.latency_s for row in emulated_study.models]
    assert {row["host_mhz"] for row in models} == {""}
    assert len(rows(folder, "layers.csv")) == len(emulated_study.layers)
    assert len(rows(folder, "engines.csv")) == 5


def test_document_is_json(emulated_study: Study) -> None:
    """The same rows, with the paper's claims and the formula beside them."""
    parsed = json.loads(json.dumps(document(emulated_study), allow_nan=False))
    assert parsed["schema"] == "joulecut.study/1"
    assert parsed["paper"]["claimed_revenue"] == 15.31
    assert parsed["revenue_formula"].startswith("(images/J)")
    assert len(parsed["models"]) == len(emulated_study.models)
    assert [row["verdict"] for row in parsed["findings"]] == [row.verdict for row in emulated_study.findings]


def test_the_terminal_says_verdicts_and_rows(emulated_study: Study) -> None:
    """Every claim with its verdict, every engine with its reason, and names of rows in brackets."""
    text = io.StringIO()
    print_study(emulated_study, Console(file=text, width=300))
    said = text.getvalue()
    for finding in emulated_study.findings:
        assert f"{finding.title}: {finding.verdict}" in said
    assert "compile (E02)" in said
    assert "15.31" in said
    assert re.search(r"\(N\d{3}\)", said)


def test_names_are_text(emulated_study: Study) -> None:
    """A network or remark that looks like markup is shown, not obeyed."""
    strange = replace(emulated_study, device_name="<b>gpu</b>", remarks=("[red]hot[/red] <i>",))
    report = study_report(strange)
    page = still_page(report, {chart.name: b"" for chart in report.charts})
    assert "&lt;b&gt;gpu" in page
    assert "<b>gpu" not in page
    text = io.StringIO()
    print_study(strange, Console(file=text, width=200))
    assert "[red]hot[/red]" in text.getvalue()


def test_a_folder_that_cannot_be_is_refused(emulated_study: Study, tmp_path: Path) -> None:
    """A file in the place of the folder is said to be in the way."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"--out .*file: cannot be written"):
        write_folder(emulated_study, tmp_path / "file")


def test_a_document_is_read_back(emulated_study: Study) -> None:
    """Every row, to the last digit."""
    assert from_document(json.loads(json.dumps(document(emulated_study), allow_nan=False))) == emulated_study


def test_the_report_shows_carbon_of_an_image(emulated_study: Study) -> None:
    """Of the default settings and of the cheapest one; every row of the carbon names its row of models.csv."""
    report = study_report(emulated_study, carbon=CarbonTerms(grid_g_per_kwh=3.6e6))
    (section,) = (section for section in report.sections if section.title == "Carbon")
    table = section.blocks[1]
    assert isinstance(table, Table)
    known = {row.row: row.image_energy_j for row in emulated_study.models}
    assert len(table.rows) > 1
    for name, energy_mj, *_ in table.rows:
        energy_j = known[name.rpartition("(")[2].rstrip(")")]
        assert float(energy_mj) == pytest.approx(1e3 * (energy_j or 0.0), rel=1e-3)


def test_every_batch_is_in_the_chart_of_clocks(emulated_study: Study) -> None:
    """The lines are rows of held clocks, one line for each batch and network."""
    (chart,) = (chart for chart in study_charts(emulated_study) if chart.name == "efficiency")
    drawn = {value for panel in chart.panels for layer in panel.layers if isinstance(layer, Line) for value in layer.y}
    assert drawn <= {row.images_per_joule for row in emulated_study.models if row.clock == "held"}
    assert {layer.name for panel in chart.panels for layer in panel.layers if isinstance(layer, Line)} == {
        f"batch {batch}" for batch in {row.batch for row in emulated_study.models}
    }
