"""The tables that a reader sees, on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from joulecut.simulation.rows import Bound, Run, RunRow, Simulation, runs_by_load

_REFERENCE = "fixed"
_MANY = 0.05
"""Of the requests turned away: joules per answer then say little by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One table: a title, columns, and rows of texts."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def answers_views(simulation: Simulation) -> tuple[View, ...]:
    """For each load: who was answered, when, how well."""
    columns = (
        "policy",
        "requests",
        "on time",
        "late",
        "rejected",
        "missed",
        "p50, ms",
        "p95, ms",
        "p99, ms",
        "accuracy",
        "batch",
        "variants",
    )
    return tuple(
        View(title=load.text, columns=columns, rows=tuple(_answers(run) for run in runs))
        for load, runs in runs_by_load(simulation).items()
    )


def energy_views(simulation: Simulation) -> tuple[View, ...]:
    """For each load: what was drawn, and for what."""
    columns = (
        "policy",
        "energy, J",
        "busy, J",
        "idle, J",
        "switching, J",
        "mJ/answer",
        "without idle",
        f"against {_REFERENCE}",
        "without idle",
        "clock changes",
        "busy time",
        "decision p50/p99, us",
    )
    return tuple(
        View(title=load.text, columns=columns, rows=tuple(_energy(run.row, _reference(runs)) for run in runs))
        for load, runs in runs_by_load(simulation).items()
    )


def about(simulation: Simulation) -> tuple[str, ...]:
    """What the numbers rest on, in sentences."""
    table, trace, able = simulation.table, simulation.trace, simulation.capacity
    rate = "all at once" if trace.rate_hz is None else f"{trace.rate_hz:.4g} per second as recorded"
    variation = "" if trace.gap_variation is None else f", gaps vary by {trace.gap_variation:.2f} (Poisson: 1)"
    lines = [
        f"Trace: {trace.source}, {trace.requests} requests, {rate}{variation}; edges named: {trace.edges}.",
        (
            f"Device: {table.device}, network: {table.network}; {table.units} units, {table.points} points, "
            f"batches of up to {table.batches[-1]}; power of: {table.power_scope}; {table.source}."
        ),
        (
            f"Deadline: {1e3 * simulation.slo_s:.4g} ms after a request was sent. Utilisation 1 is {able.rate_hz:.4g} "
            f"requests per second: the highest clock and full precision in batches of {able.batch}"
            f"{', two of which fit in the deadline' if able.keeps_deadline else ''}."
        ),
        f"Changing a clock: {1e3 * table.switch_s:g} ms, {table.switch_j:g} J beyond waiting.",
        *(
            f"Variant {variant.name}: accuracy {variant.accuracy:.4f} ({variant.accuracy_of}); times and watts "
            f"{variant.figures.value}."
            for variant in table.variants
        ),
    ]
    if trace.link is not None:
        lines.append(f"Link: {trace.link}, {trace.payload_bytes:g} bytes a request; the deadline counts from sending.")
    if len(table.variants) > 1:
        lines.append(f"Mean accuracy of the answers: at least {simulation.accuracy_floor:.4f} is asked for.")
    if simulation.power_cap_w is not None:
        lines.append(f"Power cap: {simulation.power_cap_w:g} W.")
    if any(row.rejected > _MANY * row.requests for row in simulation.rows):
        lines.append("mJ are per answer: whoever turns many away divides by fewer; compare at about equal misses.")
    return (*lines, *simulation.remarks, *map(_bound_text, simulation.bounds))


def _bound_text(bound: Bound) -> str:
    """A load's bounds in a sentence."""
    load = "all requests at once" if bound.utilisation is None else f"{100.0 * bound.utilisation:.3g}% utilisation"
    text = f"No schedule in full precision, {load}: misses fewer than {bound.fewest_misses / bound.requests:.2%}"
    if bound.least_energy_per_request_j is None or bound.least_busy_energy_per_request_j is None:
        return f"{text}."
    return (
        f"{text}; draws less than {1e3 * bound.least_energy_per_request_j:.4g} mJ per answer "
        f"({1e3 * bound.least_busy_energy_per_request_j:.4g} without idle) with at most "
        f"{bound.allowed_misses / bound.requests:.2%} missed."
    )


def _answers(run: Run) -> tuple[str, ...]:
    row = run.row
    answered = row.on_time + row.late
    shares = [f"{name} {count / answered:.0%}" for name, count in run.answers_by_variant.items() if count]
    return (
        row.policy,
        str(row.requests),
        str(row.on_time),
        str(row.late),
        str(row.rejected),
        f"{row.miss_rate:.2%}",
        *(_scaled(value, 1e3, "{:.3g}") for value in (row.p50_s, row.p95_s, row.p99_s)),
        _scaled(row.mean_accuracy, 1.0, "{:.4f}"),
        _scaled(row.mean_batch, 1.0, "{:.2f}"),
        ", ".join(shares) or "-",
    )


def _energy(row: RunRow, reference: RunRow | None) -> tuple[str, ...]:
    return (
        row.policy,
        *(f"{joules:.5g}" for joules in (row.energy_j, row.busy_j, row.idle_j, row.switching_j)),
        *(_scaled(joules, 1e3, "{:.4g}") for joules in (row.energy_per_request_j, row.busy_energy_per_request_j)),
        _change(row.energy_per_request_j, None if reference is None else reference.energy_per_request_j),
        _change(row.busy_energy_per_request_j, None if reference is None else reference.busy_energy_per_request_j),
        str(row.clock_changes),
        f"{row.busy_s / row.duration_s:.0%}" if row.duration_s else "-",
        f"{_scaled(row.decision_p50_s, 1e6, '{:.3g}')}/{_scaled(row.decision_p99_s, 1e6, '{:.3g}')}",
    )


def _reference(runs: Sequence[Run]) -> RunRow | None:
    return next((run.row for run in runs if run.row.policy == _REFERENCE), None)


def _change(value: float | None, reference: float | None) -> str:
    return "-" if value is None or not reference else f"{value / reference - 1.0:+.1%}"


def _scaled(value: float | None, factor: float, form: str) -> str:
    if value is None:
        return "-"
    text = form.format(factor * value)
    return f"{factor * value:.0f}" if "e+" in text else text
