"""The findings of one diagnosis as a document for programs and as a page for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from joulecut.diagnosis.finding import Fact, Finding, Status, worst
from joulecut_core.decoding import encode
from joulecut_core.logs import on_one_line

SCHEMA = "joulecut.doctor/1"
"""Raised when a program that reads the document would misread it; further findings and facts do not raise it."""

_MARKS = {
    Status.OK: "[green]ok[/green]",
    Status.NOTE: "[cyan]note[/cyan]",
    Status.WARNING: "[yellow]warning[/yellow]",
    Status.PROBLEM: "[bold red]problem[/bold red]",
}


def report_document(findings: Sequence[Finding], *, root: str) -> dict[str, Any]:
    """`joulecut.doctor/1`: the worst status, how many findings have each, and the findings in order."""
    return {
        "schema": SCHEMA,
        "root": root,
        "status": worst(findings).value,
        "counts": {status.value: sum(finding.status is status for finding in findings) for status in Status},
        "findings": [encode(finding) for finding in findings],
    }


def rendered_report(findings: Sequence[Finding], *, with_facts: bool) -> RenderableType:
    """One table with a section for each area, remedies below what they mend, and a last line that sums up."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", max_width=24)
    table.add_column(overflow="fold")
    for area, group in groupby(findings, key=lambda finding: finding.area):
        table.add_row(f"[bold]{area.value}[/bold]", "", "")
        for finding in group:
            table.add_row(_MARKS[finding.status], escape(finding.name), _told(finding, with_facts=with_facts))
    return Group(table, Padding(_summary(findings), (1, 1, 0, 1)))


def _told(finding: Finding, *, with_facts: bool) -> str:
    lines = [escape(on_one_line(finding.what))]
    if finding.remedy:
        lines.append(f"[italic]remedy: {escape(finding.remedy)}[/italic]")
    if with_facts:
        lines += [
            f"[dim]{escape(on_one_line(line))}[/dim]"
            for key, fact in finding.facts.items()
            for line in _lines(key, fact)
        ]
    return "\n".join(lines)


def _lines(key: str, fact: Fact) -> Iterator[str]:
    if not isinstance(fact, Sequence) or isinstance(fact, str):
        yield f"{key}: {'-' if fact is None else fact}"
        return
    rows = [each for each in fact if isinstance(each, Mapping)]
    for row in rows:
        yield f"{key}: {', '.join(f'{name} {value}' for name, value in row.items())}"
    if not rows:
        yield f"{key}: {', '.join(map(str, fact)) or '-'}"


def _summary(findings: Sequence[Finding]) -> str:
    counts = {status: sum(finding.status is status for finding in findings) for status in Status}
    problems, warnings = counts[Status.PROBLEM], counts[Status.WARNING]
    if not problems and not warnings:
        return "[green]Nothing is wrong.[/green]"
    return f"{_MARKS[worst(findings)]}: {_count(problems, 'problem')}, {_count(warnings, 'warning')}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
