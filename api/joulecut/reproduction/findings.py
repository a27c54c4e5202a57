"""Single numbers out of many rows: each says what it is of, how it was obtained, and which rows it comes from."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

from joulecut.reproduction.cooperative_case import CooperativeRow
from joulecut.reproduction.forecasts import Model
from joulecut.reproduction.local_case import Goal, LocalRow
from joulecut.reproduction.memory_case import MemoryRow, Rule, Setting, Sight
from joulecut_core.figures import FigureKind
from joulecut_planner import ModelKind

CLAIMED_TIME, CLAIMED_ENERGY = 0.66, 0.69
"""What the paper's abstract claims of the local case: no less than that."""


class Case(str, Enum):
    """The three parts of the reproduction."""

    LOCAL = "local"
    COOPERATIVE = "cooperative"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One number. `value` is a share unless `is_count`; `sheet` and `rows` say where it comes from."""

    row: str
    case: str
    of: str
    what: str
    value: float
    is_count: bool
    latency_kind: str
    energy_kind: str
    sheet: str
    rows: str
    row_count: int

    @property
    def shown(self) -> str:
        """The number as a reader sees it."""
        return f"{self.value:.0f}" if self.is_count else f"{self.value:.1%}"


Row = TypeVar("Row", LocalRow, MemoryRow, CooperativeRow)


def all_findings(
    local: Sequence[LocalRow], memory: Sequence[MemoryRow], cooperative: Sequence[CooperativeRow]
) -> tuple[Finding, ...]:
    """Every number of the summary, numbered."""
    drafts = (*_local(local), *_cooperative(cooperative), *_memory(memory))
    return tuple(replace(draft, row=f"S{index:03}") for index, draft in enumerate(drafts, start=1))


def finding(findings: Sequence[Finding], of: str, what: str) -> Finding:
    """The number of a name. Raises LookupError where there is none."""
    for each in findings:
        if (each.of, each.what) == (of, what):
            return each
    raise LookupError(f"no {what!r} of {of!r}")


def _local(rows: Sequence[LocalRow]) -> Iterator[Finding]:
    for of, group in _grouped(rows, lambda row: f"{row.latency_kind} latency, {row.energy_kind} energy"):
        kinds = f"latency_kind={group[0].latency_kind}, energy_kind={group[0].energy_kind}"
        ours = [row for row in group if row.model == Model.JOULECUT.value]
        alone, text = _picked(ours, Goal.WEIGHTED, 0.0)
        draft = _Drafting(Case.LOCAL, of, "local.csv", kinds)
        for quantity, read in (("time", _time_reduction), ("energy", _energy_reduction)):
            reductions = [read(row) for row in alone]
            yield draft(f"least {quantity} reduction, energy alone", min(reductions), alone, text)
            yield draft(f"largest {quantity} reduction, energy alone", max(reductions), alone, text)
        reached = [row for row in alone if _reaches(row)]
        yield draft("series that reach the claim, energy alone", len(reached), alone, text, is_count=True)
        yield draft("series", len(alone), alone, text, is_count=True)
        mixed = [row for row in ours if row.goal == Goal.WEIGHTED.value and row.parameter > 0]
        text = "goal=weighted, parameter>0, model=joulecut"
        yield draft(
            "median time reduction, time counts too", statistics.median(map(_time_reduction, mixed)), mixed, text
        )
        yield draft(
            "median energy reduction, time counts too", statistics.median(map(_energy_reduction, mixed)), mixed, text
        )
        paper = [row for row in group if row.model == Model.HAN.value]
        han, text = _picked(paper, Goal.WEIGHTED, 0.0, model=Model.HAN)
        yield draft("largest energy reduction, latency model alone", max(map(_energy_reduction, han)), han, text)
        for model in Model:
            due = [row for row in group if row.goal == Goal.DEADLINE.value and row.model == model.value]
            text = f"goal=deadline, model={model.value}"
            yield draft(f"deadlines missed, {model.value}", _share(row.missed for row in due), due, text)
            kept = [row for row in due if not row.missed]
            if kept:
                excess = max(row.cost_excess for row in kept)
                yield draft(f"worst energy above the best, {model.value}", excess, kept, f"{text}, missed=False")


def _cooperative(rows: Sequence[CooperativeRow]) -> Iterator[Finding]:
    pairs = list(zip(rows[::2], rows[1::2], strict=True))
    for of, where, both in (
        ("all", "", pairs),
        ("on request", "rate_hz empty", [pair for pair in pairs if pair[0].rate_hz is None]),
        ("at a rate", "rate_hz given", [pair for pair in pairs if pair[0].rate_hz is not None]),
    ):
        if not both:
            continue
        draft = _Drafting(Case.COOPERATIVE, of, "cooperative.csv", where)
        every = [row for pair in both for row in pair]
        moved = [pair for pair in both if pair[0].cut != pair[1].cut]
        saved = [1.0 - ours.energy_j / cpu.energy_j for cpu, ours in both if not (cpu.missed or ours.missed)]
        better = [pair for pair in moved if pair[1].energy_j < pair[0].energy_j]
        worse = [pair for pair in both if _is_worse(*pair)]
        yield draft("cases", len(both), every, "", is_count=True)
        yield draft("cases with another cut", len(moved), every, "", is_count=True)
        yield draft("of these with less energy", len(better), every, "", is_count=True)
        yield draft("cases with more energy though both keep the deadline", len(worse), every, "", is_count=True)
        kept = "cases with missed=False for both models"
        if saved:
            yield draft("median energy reduction where both keep the deadline", statistics.median(saved), every, kept)
            yield draft("largest energy reduction where both keep the deadline", max(saved), every, kept)
        for model, position in ((ModelKind.CPU_DVFS, 0), (ModelKind.DVFS_AWARE, 1)):
            side = [pair[position] for pair in both]
            text = f"model={model.value}"
            yield draft(f"deadlines missed, {model.value}", _share(row.missed for row in side), side, text)
            broken = [row for row in side if row.missed and row.status == "optimal"]
            yield draft(f"promised and missed, {model.value}", len(broken), side, text, is_count=True)
            errors = [abs(row.expected_energy_j / row.energy_j - 1.0) for row in side]
            yield draft(f"median error of expected energy, {model.value}", statistics.median(errors), side, text)


def _memory(rows: Sequence[MemoryRow]) -> Iterator[Finding]:
    for of, group in _grouped(rows, lambda row: f"{row.device}: {row.latency_kind} latency, {row.energy_kind} energy"):
        draft = _Drafting(Case.MEMORY, of, "memory.csv", f"device={group[0].device}")
        for rule in Rule:
            for sight in Sight:
                some = _seen(group, Setting.GIVEN, rule, sight)
                text = f"setting=given, rule={rule.value}, sight={sight.value}"
                yield draft(f"missed, {rule.value}, {sight.value}", _share(row.missed for row in some), some, text)
                late = max(row.lateness for row in some)
                yield draft(f"latest over the deadline, {rule.value}, {sight.value}", max(late, 0.0), some, text)
                kept = [row for row in some if not row.missed]
                if rule is Rule.LEAST_ENERGY and kept:
                    excess = statistics.median(row.energy_excess for row in kept)
                    name = f"median energy above the best, memory given, {sight.value}"
                    yield draft(name, excess, kept, f"{text}, missed=False")
        blind, aware = (_seen(group, Setting.CHOSEN, Rule.LEAST_ENERGY, sight) for sight in Sight)
        text = "setting=chosen"
        saved = [1.0 - a.energy_j / b.energy_j for b, a in zip(blind, aware, strict=True) if not (a.missed or b.missed)]
        both = [*blind, *aware]
        if saved:
            kept_by_both = f"{text}, deadlines with missed=False for both sights"
            yield draft("median energy saved by choosing both clocks", statistics.median(saved), both, kept_by_both)
            yield draft("largest energy saved by choosing both clocks", max(saved), both, kept_by_both)
        yield draft("missed, both clocks chosen", _share(row.missed for row in aware), aware, f"{text}, sight=aware")


def _is_worse(cpu: CooperativeRow, ours: CooperativeRow) -> bool:
    return not (cpu.missed or ours.missed) and ours.energy_j > 1.01 * cpu.energy_j


def _reaches(row: LocalRow) -> bool:
    return row.time_reduction >= CLAIMED_TIME and row.energy_reduction >= CLAIMED_ENERGY


def _time_reduction(row: LocalRow) -> float:
    return row.time_reduction


def _energy_reduction(row: LocalRow) -> float:
    return row.energy_reduction


def _picked(
    rows: Sequence[LocalRow], goal: Goal, parameter: float, *, model: Model = Model.JOULECUT
) -> tuple[list[LocalRow], str]:
    picked = [row for row in rows if row.goal == goal.value and row.parameter == parameter]
    return picked, f"goal={goal.value}, parameter={parameter:g}, model={model.value}"


def _seen(rows: Sequence[MemoryRow], setting: Setting, rule: Rule, sight: Sight) -> list[MemoryRow]:
    wanted = (setting.value, rule.value, sight.value)
    return [row for row in rows if (row.setting, row.rule, row.sight) == wanted]


def _grouped(rows: Sequence[Row], name: Callable[[Row], str]) -> list[tuple[str, list[Row]]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(name(row), []).append(row)
    return list(groups.items())


def _share(flags: Iterator[bool]) -> float:
    return statistics.fmean(map(float, flags))


class _Drafting:
    """Makes findings of one group of rows; they are numbered later."""

    def __init__(self, case: Case, of: str, sheet: str, group: str) -> None:
        self._case, self._of, self._sheet, self._group = case, of, sheet, group

    def __call__(self, what: str, value: float, rows: Sequence[Row], where: str, *, is_count: bool = False) -> Finding:
        first = rows[0]
        kinds = (FigureKind.EMULATED.value,) * 2
        if not isinstance(first, CooperativeRow):
            kinds = first.latency_kind, first.energy_kind
        return Finding(
            row="",
            case=self._case.value,
            of=self._of,
            what=what,
            value=float(value),
            is_count=is_count,
            latency_kind=kinds[0],
            energy_kind=kinds[1],
            sheet=self._sheet,
            rows=f"{', '.join(filter(None, (self._group, where))) or 'all rows'} ({first.row} to {rows[-1].row})",
            row_count=len(rows),
        )
