"""The report of answered requests: a real one in detail, all of them in numbers."""

from __future__ import annotations

from joulecut.reports.document import Table, page
from joulecut.reports.run_report import AnsweredRequest, RunPlace, median_request, run_report
from joulecut_core.carbon import CarbonTerms
from tests.api.reports.page_reader import read_page
from tests.api.reports.tiny_problem import ledger

RUN = tuple(
    AnsweredRequest(sample=name, answer=index, ledger=ledger(total_s=total_s, served_by=served_by, fallback=fallback))
    for index, (name, total_s, served_by, fallback) in enumerate(
        (("<i>cat", 0.050, "split", False), ("dog", 0.040, "split", False), ("owl", 0.090, "edge", True))
    )
)
PLACE = RunPlace(network="<b>net", device="Orin", power_scope="module input + GPU board")


def table(title: str, place: int = 0) -> Table:
    """A table of a section."""
    report = run_report(RUN, PLACE, carbon=CarbonTerms(grid_g_per_kwh=360.0))
    (section,) = (section for section in report.sections if section.title == title)
    return [block for block in section.blocks if isinstance(block, Table)][place]


def test_the_median_request_is_a_real_one() -> None:
    """Of an even number the lower of the middle two: no mean of two requests is shown as one."""
    ledgers = [each.ledger for each in RUN]
    assert median_request(ledgers) is RUN[0].ledger
    assert median_request(ledgers[:2]) is RUN[1].ledger


def test_the_run_in_numbers() -> None:
    """Counts by who answered, median and longest latency, mean and whole energy, what the joules contain."""
    found = {row[0]: row[1] for row in table("Altogether").rows}
    assert found["served by"] == "split 2, edge after a fallback 1"
    assert found["latency, median"] == "50.000 ms"
    assert found["latency, longest"] == "90.000 ms"
    assert found["energy, mean"] == "280.000 mJ"
    assert found["energy, all requests"] == "0.84 J"
    assert found["joules contain"] == PLACE.power_scope
    assert "emulated" in table("Altogether").caption


def test_every_request_has_a_row() -> None:
    """Names, answers, milliseconds, and millijoules that add up to the last column."""
    rows = table("All requests").rows
    assert rows[2][:6] == ("owl", "2", "edge (fallback)", "1", "raw", "90.000")
    for row in rows:
        edge, radio, server, both = map(float, row[6:])
        assert (edge, radio, server, both) == (71.0, 9.0, 200.0, 280.0)


def test_one_requests_stages_are_its_ledgers() -> None:
    """Milliseconds by stage with what no stage saw, and the total."""
    rows = table("One request").rows
    assert rows[1] == ("edge part", "edge", "10.000")
    assert rows[-2] == ("between the stages", "unattributed", "12.000")
    assert rows[-1] == ("total", "", "50.000")
    assert table("One request", 1).rows[-1] == ("total", "", "280.000")


def test_carbon_is_of_the_mean_request() -> None:
    """280 mJ at 360 g/kWh are 28 µg."""
    assert table("Carbon").rows == (("the mean request", "280", "28", "28"),)


def test_the_page() -> None:
    """Names are text, nothing is loaded."""
    reader = read_page(page(run_report(RUN, PLACE)))
    assert reader.loads == []
    assert reader.open == []
    assert "<b>net" in "".join(reader.text)
    assert any(row and row[0] == "<i>cat" for row in reader.rows)
