"""`joulecut fit`: from a few measured clocks to latency and power at all of them."""

from __future__ import annotations

import json as json_format
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from joulecut.commands.quiet import Quiet
from joulecut.commands.whole_tables import print_whole
from joulecut.long_work.output_files import check_apart

if TYPE_CHECKING:
    from joulecut_planner.fits import Prediction, SeriesFit


def fit(
    calibration: Annotated[Path, typer.Argument(help="Measured operating points of one series, as CSV.")],
    *,
    predict: Annotated[Path, typer.Option(help="Operating points to predict, as CSV with the same columns.")],
    out: Annotated[Path, typer.Option(help="File for the predictions: the rows of --predict, filled.")],
    json: Annotated[bool, typer.Option("--json", help="Print joulecut.fit/1 as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Fit latency and power over core and memory clock to a few measurements, and predict the other clocks."""
    from joulecut.long_work.progress import Narrator  # noqa: PLC0415
    from joulecut.profiling.measurements import (  # noqa: PLC0415 - NumPy and SciPy; --help must not wait
        check_same_series,
        read_measurements,
        write_predictions,
    )
    from joulecut_planner.fits import fit_document, fit_series  # noqa: PLC0415

    check_apart("--out", out, (calibration,), purpose="the predictions")
    measured, grid = read_measurements(calibration), read_measurements(predict)
    check_same_series(measured, grid)
    with Narrator(as_json=json, quiet=quiet).step("fitting"):
        fitted = fit_series(measured.measurements)
        predictions = fitted.predict(grid.points)
    write_predictions(out, grid, predictions)
    if json:
        typer.echo(json_format.dumps(fit_document(fitted, predictions), indent=1, allow_nan=False))
    else:
        _show(fitted, predictions, out)


def _show(fitted: SeriesFit, predictions: Sequence[Prediction], out: Path) -> None:
    console = Console()
    table = Table(title="fit")
    for column in ("quantity", "form", "probability", "worst error"):
        table.add_column(column, justify="left" if column in {"quantity", "form"} else "right")
    for name, curve in (("latency", fitted.latency), ("power", fitted.power)):
        if curve is not None:
            form = curve.forms()[0]
            worst = max(abs(residual) for residual in curve.residuals().tolist())
            table.add_row(name, escape(form.form.value), f"{form.probability:.0%}", f"{worst:.2%}")
    print_whole(console, table)
    for doubted in fitted.doubted:
        off = "" if doubted.deviation is None else f" by {doubted.deviation:+.1%}"
        console.print(f"left out: {doubted.point}{off}: {doubted.doubt.value}")
    extrapolated = sum(prediction.extrapolated for prediction in predictions)
    console.print(f"{len(predictions)} points predicted, {extrapolated} of them extrapolated: {escape(str(out))}")
