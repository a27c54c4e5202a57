"""The outcome in a few sentences, each with the rows of the summary that it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import Formatter

from joulecut.reproduction.findings import Case, Finding, finding
from joulecut.reproduction.views import Cell

_LOCAL = (
    "Local ({of}): where energy alone counts, joulecut's clock takes {least time reduction, energy alone} to "
    "{largest time reduction, energy alone} less time and {least energy reduction, energy alone} to "
    "{largest energy reduction, energy alone} less energy than CPU-DVFS's. The claim (66 %, 69 %) is reached on "
    "{series that reach the claim, energy alone} of {series} series. Under deadlines CPU-DVFS misses "
    "{deadlines missed, cpu-dvfs}, joulecut {deadlines missed, joulecut}."
)
_COOPERATIVE = (
    "Cooperative ({of}): {cases with another cut} of {cases} cases get another cut from the DVFS-aware model. Where "
    "both keep the deadline it saves {median energy reduction where both keep the deadline} (median), at most "
    "{largest energy reduction where both keep the deadline}. CPU-DVFS misses {deadlines missed, cpu-dvfs} of the "
    "deadlines, DVFS-aware {deadlines missed, dvfs-aware}."
)
_MEMORY = (
    "Memory clock ({of}): blind to it, the slowest clock in time misses {missed, slowest in time, blind} of the "
    "deadlines, aware of it {missed, slowest in time, aware}. Choosing both clocks saves "
    "{median energy saved by choosing both clocks} (median)."
)
_TEMPLATES = {Case.LOCAL: _LOCAL, Case.COOPERATIVE: _COOPERATIVE, Case.MEMORY: _MEMORY}


def headlines(findings: Sequence[Finding]) -> tuple[Cell, ...]:
    """One sentence or three for each kind of figure, in the order of the cases."""
    return tuple(_all(findings))


def _all(findings: Sequence[Finding]) -> Iterator[Cell]:
    for case, template in _TEMPLATES.items():
        groups = dict.fromkeys(each.of for each in findings if each.case == case.value)
        for of in list(groups)[:1] if case is Case.COOPERATIVE else groups:
            yield _filled(template, findings, of)


def _filled(template: str, findings: Sequence[Finding], of: str) -> Cell:
    text, refs = [], []
    for literal, what, _, _ in Formatter().parse(template):
        text.append(literal)
        if what == "of":
            text.append(of)
        elif what is not None:
            try:
                found = finding(findings, of, what)
            except LookupError:
                text.append("(no case)")
                continue
            text.append(found.shown)
            refs.append(found.row)
    return Cell(text="".join(text), refs=tuple(refs))
