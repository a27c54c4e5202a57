"""`joulecut report`: the page and the pictures of a result that `--json` saved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from joulecut.commands.report_options import EmbodiedCarbon, Export, GridIntensity, report_wish
from joulecut.long_work.output_files import check_apart
from joulecut_core.errors import ConfigError


def report(
    result: Annotated[
        Path,
        typer.Argument(
            help="What --json of demo, plan, run, simulate or study printed, or what `joulecut plan` takes: a problem "
            "or a fleet."
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", "--html", help="The self-contained page to write.")] = None,
    export: Export = None,
    grid_intensity: GridIntensity = None,
    embodied_g: EmbodiedCarbon = None,
) -> None:
    """Draw a saved result: a self-contained page, pictures as PNG and SVG, or both."""
    check_apart("--out", out, (result,), purpose="the page")
    wish = report_wish(out, export, grid_intensity, embodied_g, reads=(result,))
    if wish.is_empty:
        raise ConfigError("--out and --export: neither is given; expected where the page or the pictures go")
    from joulecut.reports.saved import saved_report  # noqa: PLC0415 - what draws takes a while; --help must not

    wish.carry_out(lambda carbon: saved_report(result, carbon=carbon))
