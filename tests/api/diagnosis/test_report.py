"""The report, for programs and for people."""

from __future__ import annotations

import json

from rich.console import Console

from joulecut.diagnosis.finding import Area, Fact, Finding, Status
from joulecut.diagnosis.report import rendered_report, report_document

FACTS: dict[str, Fact] = {
    "points": 8,
    "table": [{"memory_mhz": None, "core_clocks": 8}],
    "groups": ("a", "b"),
    "none": None,
}
FINE = Finding(area=Area.CLOCKS, name="gpu", status=Status.OK, what="8 core clocks", facts=FACTS)
BAD = Finding(area=Area.TORCH, name="torch", status=Status.PROBLEM, what="no CUDA [cpu]", remedy="install one")


def shown(*findings: Finding, with_facts: bool = False) -> str:
    """What a wide terminal prints."""
    console = Console(width=120, no_color=True)
    with console.capture() as capture:
        console.print(rendered_report(findings, with_facts=with_facts))
    return capture.get()


def test_the_document_is_the_schema() -> None:
    """Programs find the worst status, counts, and each finding with facts that JSON can hold."""
    document = json.loads(json.dumps(report_document([FINE, BAD], root="/")))
    assert document["schema"] == "joulecut.doctor/1"
    assert document["status"] == "problem"
    assert document["counts"] == {"ok": 1, "note": 0, "warning": 0, "problem": 1}
    assert document["findings"][1] == {
        "area": "torch",
        "name": "torch",
        "status": "problem",
        "what": "no CUDA [cpu]",
        "remedy": "install one",
        "facts": {},
    }
    assert document["findings"][0]["facts"]["table"] == [{"memory_mhz": None, "core_clocks": 8}]


def test_the_page_says_it_all() -> None:
    """Areas, marks, remedies and a last line; what looks like markup is not taken for it."""
    page = shown(FINE, BAD)
    for words in ("clocks", "8 core clocks", "no CUDA [cpu]", "remedy: install one", "1 problem, 0 warnings"):
        assert words in page
    assert "points: 8" not in page
    assert "Nothing is wrong." in shown(FINE)


def test_facts_on_request() -> None:
    """One line each, tables and lists readable."""
    page = shown(FINE, with_facts=True)
    for line in ("points: 8", "table: memory_mhz None, core_clocks 8", "groups: a, b", "none: -"):
        assert line in page
