"""The claims judged on the data. The rules were fixed before the data were seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from joulecut.study.claims import (
    CLAIMS,
    CONVOLUTIONS,
    DEPTH,
    FLAT_POWER,
    LAUNCH_BOUND,
    RUNTIME,
    SETTINGS,
    SMALL_KERNELS,
    Claim,
    Verdict,
)
from joulecut.study.engine_names import EngineName
from joulecut.study.evidence import Evidence
from joulecut.study.judgement import Judgement, not_judged
from joulecut.study.layer_findings import convolutions, depth, flat_power, small_kernels
from joulecut.study.numbers import NumberBook
from joulecut.study.rows import FindingRow
from joulecut.study.setting_findings import launch_bound, runtime, settings
from joulecut_core.figures import FigureKind

_JUDGES: Mapping[str, Callable[[Evidence, NumberBook], Judgement]] = {
    DEPTH.name: depth,
    SMALL_KERNELS.name: small_kernels,
    CONVOLUTIONS.name: convolutions,
    FLAT_POWER.name: flat_power,
    RUNTIME.name: runtime,
    SETTINGS.name: settings,
    LAUNCH_BOUND.name: launch_bound,
}

_NO_EAGER = "Every rule looks at the eager engine, and this study is of others."


def judge(
    evidence: Evidence, book: NumberBook, *, figures: FigureKind, doubt: str | None = None
) -> tuple[FindingRow, ...]:
    """Every claim in the order of the page; its numbers go into `book`.

    `doubt`: why these figures may judge nothing; it becomes the caveat of every claim.
    """
    return tuple(_finding(claim, evidence, book, figures, doubt) for claim in CLAIMS)


def _finding(claim: Claim, evidence: Evidence, book: NumberBook, figures: FigureKind, doubt: str | None) -> FindingRow:
    judged = (
        _JUDGES[claim.name](evidence, book) if EngineName.EAGER.value in evidence.engines else not_judged(_NO_EAGER)
    )
    emulated = figures is FigureKind.EMULATED
    is_open = doubt is not None or (emulated and claim.circular)
    verdict = Verdict.CANNOT_BE_JUDGED if is_open else judged.verdict
    return FindingRow(
        row=claim.name,
        title=claim.title,
        claim=claim.claim,
        source=claim.source,
        rule=claim.rule,
        verdict=verdict.value,
        said=judged.said,
        numbers=book.of(claim.name),
        caveat=doubt or (claim.emulated_caveat if emulated else ""),
    )
