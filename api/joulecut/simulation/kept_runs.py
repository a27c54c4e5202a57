"""Runs of a simulation as a file can keep them: what nothing was there for is null there, and not a number here."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from joulecut.simulation.orders import SimulationOrder
from joulecut.simulation.rows import Run, RunRow, known
from joulecut_core.decoding import encode
from joulecut_core.service_tables import ServiceTable
from joulecut_planner.serving.simulation.recording import TimelineStep

KEPT_FILE = "simulation.journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    start_s: float
    arrivals: int
    answered: int
    late: int
    rejected: int
    busy_share: float | None
    power_w: float | None
    core_mhz: float | None
    batch: float | None
    variant_shares: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRun:
    """A run, to be kept in a file."""

    row: RunRow
    answers_by_variant: Mapping[str, int]
    timeline: tuple[_Step, ...]


def to_be_kept(run: Run) -> KeptRun:
    """The run as it is kept."""
    steps = tuple(
        _Step(
            start_s=step.start_s,
            arrivals=step.arrivals,
            answered=step.answered,
            late=step.late,
            rejected=step.rejected,
            busy_share=known(step.busy_share),
            power_w=known(step.power_w),
            core_mhz=known(step.core_mhz),
            batch=known(step.batch),
            variant_shares=step.variant_shares,
        )
        for step in run.timeline
    )
    return KeptRun(row=run.row, answers_by_variant=run.answers_by_variant, timeline=steps)


def as_run(kept: KeptRun) -> Run:
    """The run as it was."""
    steps = tuple(
        TimelineStep(
            start_s=step.start_s,
            arrivals=step.arrivals,
            answered=step.answered,
            late=step.late,
            rejected=step.rejected,
            busy_share=_number(step.busy_share),
            power_w=_number(step.power_w),
            core_mhz=_number(step.core_mhz),
            batch=_number(step.batch),
            variant_shares=step.variant_shares,
        )
        for step in kept.timeline
    )
    return Run(row=kept.row, answers_by_variant=kept.answers_by_variant, timeline=steps)


def head_of(order: SimulationOrder, table: ServiceTable) -> Mapping[str, str]:
    """What runs must have in common to be of one simulation: the order, the table, the content of the traces."""
    digest = hashlib.sha256(json.dumps(encode(table), sort_keys=True).encode())
    for file in _files(order):
        digest.update(file.read_bytes())
    return {"order": repr(order), "inputs": f"sha256:{digest.hexdigest()}"}


def _files(order: SimulationOrder) -> Iterator[Path]:
    if order.trace.made is None:
        yield order.trace.file
    if order.trace.link is not None:
        link = order.trace.link
        yield from sorted(each for each in link.iterdir() if each.is_file()) if link.is_dir() else (link,)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
