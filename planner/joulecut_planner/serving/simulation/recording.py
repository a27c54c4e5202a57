"""What happened over time, in steps of equal length: an observer whose memory does not grow with the requests."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import QueuedRequest, RejectReason
from joulecut_planner.serving.simulation.event_loop import ROUNDING_S, Activity, Span

MOST_STEPS = 4096
"""A run that needs more has steps of twice the length, again and again until it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineStep:
    """Means over one step. `batch` and `variant_shares` are of the busy time, NaN and zeros without any."""

    start_s: float
    arrivals: int
    answered: int
    late: int
    rejected: int
    busy_share: float
    power_w: float
    core_mhz: float
    """Of the clock held, busy or not."""
    batch: float
    variant_shares: tuple[float, ...]


class Timeline:
    """Fills its steps while a simulation runs; one for one run. `step_s` seconds each, from time 0 on.

    Where a run turns out to last for more than `MOST_STEPS` of them, neighbours are merged two by two.
    """

    def __init__(self, table: ServiceTable, step_s: float) -> None:
        if not step_s > 0.0:
            raise ValueError(f"step_s: {step_s}; expected seconds above 0")
        self._step_s = step_s
        self._clocks_mhz = tuple(point.core_mhz for point in table.points)
        self._variants = len(table.variants)
        self.answers_by_variant = [0] * self._variants
        """How many requests each variant has answered."""
        self._steps: list[_Step] = []

    def passed(self, span: Span) -> None:
        """Book a stretch of time in the steps it covers."""
        self._reach(span.end_s)
        self._at(span.start_s).energy_j += span.change_j
        step_s, start_s = self._step_s, span.start_s
        index = int(start_s / step_s)
        while start_s < span.end_s:
            end_s = min(span.end_s, (index + 1) * step_s)
            if end_s > start_s:
                self._book(self._step(index), end_s - start_s, span)
                start_s = end_s
            index += 1

    def answered(self, request: QueuedRequest, end_s: float, variant: int) -> None:
        """Count an arrival and its answer, each where it happened."""
        self.answers_by_variant[variant] += 1
        self._at(request.arrival_s).arrivals += 1
        step = self._at(end_s)
        step.answered += 1
        step.late += end_s - ROUNDING_S > request.deadline_s

    def turned_away(self, request: QueuedRequest, now_s: float, reason: RejectReason) -> None:
        """Count an arrival and its rejection."""
        del reason
        self._at(request.arrival_s).arrivals += 1
        self._at(now_s).rejected += 1

    def steps(self) -> tuple[TimelineStep, ...]:
        """Everything so far. The last step ends with the run: its means are over the part that was lived."""
        return tuple(self._mean(index, step) for index, step in enumerate(self._steps))

    def _book(self, step: _Step, duration_s: float, span: Span) -> None:
        step.total_s += duration_s
        step.energy_j += duration_s * span.power_w
        step.clock_mhz_s += duration_s * self._clocks_mhz[span.point]
        if span.activity is Activity.BUSY:
            step.batch_s += duration_s * span.batch
            step.variants_s[span.variant] += duration_s

    def _at(self, time_s: float) -> _Step:
        self._reach(time_s)
        return self._step(int(time_s / self._step_s))

    def _reach(self, time_s: float) -> None:
        """Make steps long enough for this moment to be in one of the first `MOST_STEPS`."""
        while time_s >= MOST_STEPS * self._step_s:
            self._step_s *= 2.0
            if len(self._steps) % 2:
                self._steps.append(_Step([0.0] * self._variants))
            self._steps = [one.with_next(other) for one, other in zip(self._steps[::2], self._steps[1::2], strict=True)]

    def _step(self, index: int) -> _Step:
        while index >= len(self._steps):
            self._steps.append(_Step([0.0] * self._variants))
        return self._steps[index]

    def _mean(self, index: int, step: _Step) -> TimelineStep:
        busy_s, nan = sum(step.variants_s), float("nan")
        return TimelineStep(
            start_s=index * self._step_s,
            arrivals=step.arrivals,
            answered=step.answered,
            late=step.late,
            rejected=step.rejected,
            busy_share=busy_s / step.total_s if step.total_s else nan,
            power_w=step.energy_j / step.total_s if step.total_s else nan,
            core_mhz=step.clock_mhz_s / step.total_s if step.total_s else nan,
            batch=step.batch_s / busy_s if busy_s else nan,
            variant_shares=tuple(seconds / busy_s if busy_s else 0.0 for seconds in step.variants_s),
        )


@dataclass(slots=True)
class _Step:
    variants_s: list[float]
    total_s: float = 0.0
    energy_j: float = 0.0
    clock_mhz_s: float = 0.0
    batch_s: float = 0.0
    arrivals: int = 0
    answered: int = 0
    late: int = 0
    rejected: int = 0

    def with_next(self, other: _Step) -> _Step:
        """This step and the one behind it as one."""
        return _Step(
            variants_s=[one_s + other_s for one_s, other_s in zip(self.variants_s, other.variants_s, strict=True)],
            total_s=self.total_s + other.total_s,
            energy_j=self.energy_j + other.energy_j,
            clock_mhz_s=self.clock_mhz_s + other.clock_mhz_s,
            batch_s=self.batch_s + other.batch_s,
            arrivals=self.arrivals + other.arrivals,
            answered=self.answered + other.answered,
            late=self.late + other.late,
            rejected=self.rejected + other.rejected,
        )
