"""The options of every command whose result has a page, and what they ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from joulecut.long_work.output_files import check_apart
from joulecut_core.carbon import CarbonTerms
from joulecut_core.errors import ConfigError

if TYPE_CHECKING:
    from joulecut.reports.document import Report

_PANEL = "A page of the result"

HtmlPage = Annotated[
    Path | None,
    typer.Option("--html", help="Write a self-contained page with pictures.", rich_help_panel=_PANEL),
]
Export = Annotated[
    Path | None,
    typer.Option(
        help="Write the page's pictures: into a folder as PNG and SVG, or a file name in .png or .svg.",
        rich_help_panel=_PANEL,
    ),
]
GridIntensity = Annotated[
    float | None,
    typer.Option(
        help="g CO2e per kWh of your grid: adds the carbon of an inference to the page. There is no default.",
        rich_help_panel=_PANEL,
    ),
]
EmbodiedCarbon = Annotated[
    float | None,
    typer.Option(
        "--embodied-g",
        help="Embodied g CO2e of the hardware per request, beside --grid-intensity. Default: 0.",
        rich_help_panel=_PANEL,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWish:
    """What a command was asked to write besides its answer."""

    html: Path | None
    export: Path | None
    carbon: CarbonTerms | None

    @property
    def is_empty(self) -> bool:
        """Whether neither a page nor pictures are wanted."""
        return self.html is None and self.export is None

    def carry_out(
        self, make: Callable[[CarbonTerms | None], Report], note: Callable[[str], None] | None = None
    ) -> None:
        """Make the report and write what was asked for, if anything. Raises ConfigError where it cannot be.

        `note` is told each file; standard error if left out.
        """
        if self.is_empty:
            return
        from joulecut.reports.writing import write_report  # noqa: PLC0415 - only where a page is wanted

        for path in write_report(make(self.carbon), html=self.html, export=self.export):
            (note or _say)(f"wrote {path}")


def _say(text: str) -> None:
    Console(stderr=True).print(text, soft_wrap=True, highlight=False, markup=False)


def report_wish(
    html: Path | None,
    export: Path | None,
    grid_intensity: float | None,
    embodied_g: float | None,
    *,
    reads: Sequence[Path | None] = (),
) -> ReportWish:
    """The wish behind the four options. Raises ConfigError where they cannot be met, before any work is done.

    `reads`: the files that the command reads, which no page takes the place of.
    """
    check_apart("--html", html, reads, purpose="the page")
    check_apart("--export", export, reads, purpose="the picture")
    if grid_intensity is None and embodied_g is not None:
        raise ConfigError(f"--embodied-g {embodied_g:g}: without --grid-intensity; expected them together")
    if grid_intensity is not None and html is None:
        raise ConfigError(f"--grid-intensity {grid_intensity:g}: without --html; expected a page to show the carbon on")
    carbon = (
        None if grid_intensity is None else CarbonTerms(grid_g_per_kwh=grid_intensity, embodied_g=embodied_g or 0.0)
    )
    if html is not None or export is not None:
        from joulecut.reports.writing import check_places  # noqa: PLC0415 - only where a page is wanted

        check_places(html, export)
    return ReportWish(html=html, export=export, carbon=carbon)
