"""The best settings out of made-up rows."""

from __future__ import annotations

from joulecut.study.optima import BATCH_AND_CLOCK, CLOCK, optimum_rows
from joulecut.study.rows import OptimumRow
from tests.api.study.made_up_rows import model_row

ROWS = [
    model_row("M0001", batch=1, latency_s=0.010, energy_j=1.0, revenue=1.0),
    model_row("M0002", batch=1, held_mhz=500.0, latency_s=0.015, energy_j=0.8, revenue=1.25),
    model_row("M0003", batch=4, latency_s=0.020, energy_j=2.0, revenue=2.0),
    model_row("M0004", batch=4, held_mhz=500.0, latency_s=0.030, energy_j=1.6, revenue=2.5),
]


def found(metric: str, chosen: str, batch: int = 1) -> OptimumRow:
    """The one optimum of these."""
    (row,) = (row for row in optimum_rows(ROWS) if (row.metric, row.chosen, row.batch) == (metric, chosen, batch))
    return row


def test_the_clock_alone_keeps_the_batch() -> None:
    """Each batch is compared with its own governor row."""
    small, large = found("images-per-joule", CLOCK, 1), found("images-per-joule", CLOCK, 4)
    assert (small.default_row, small.best_row, small.gain) == ("M0001", "M0002", 1.25)
    assert (large.default_row, large.best_row, large.gain) == ("M0003", "M0004", 1.25)


def test_batch_and_clock_are_compared_with_the_smallest_batch() -> None:
    """The default that the paper's kind of gain starts from; what it costs in latency stands beside it."""
    best = found("revenue", BATCH_AND_CLOCK)
    assert (best.default_row, best.best_row, best.gain, best.latency_ratio) == ("M0001", "M0004", 2.5, 3.0)
    assert found("latency", BATCH_AND_CLOCK).best_row == "M0001"


def test_the_products_weigh_lateness() -> None:
    """Joules of an image times the batch's seconds: 0.25 x 20 ms beats 0.4 x 15 ms; squared, the first row wins."""
    assert found("edp", BATCH_AND_CLOCK).best_row == "M0001"
    rows = [*ROWS, model_row("M0005", batch=8, held_mhz=900.0, latency_s=0.012, energy_j=4.0)]
    best = {row.metric: row.best_row for row in optimum_rows(rows) if row.chosen == BATCH_AND_CLOCK}
    assert (best["edp"], best["ed2p"], best["images-per-joule"]) == ("M0005", "M0005", "M0004")


def test_without_joules_only_times_have_optima() -> None:
    """A metric that is not known gets no row rather than a made-up one."""
    rows = [model_row("M0001", energy_j=None), model_row("M0002", held_mhz=500.0, energy_j=None)]
    assert {row.metric for row in optimum_rows(rows)} == {"latency", "images-per-second"}


def test_each_engine_has_its_own_default() -> None:
    """An engine's gain is the settings', not the engine's."""
    rows = [*ROWS, model_row("M0005", engine="compile", latency_s=0.005, energy_j=0.5)]
    assert {row.default_row for row in optimum_rows(rows) if row.engine == "compile"} == {"M0005"}


def test_rows_are_numbered_apart() -> None:
    """Pages refer to them by name."""
    names = [row.row for row in optimum_rows(ROWS)]
    assert names == sorted(set(names))
