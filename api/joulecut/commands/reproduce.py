"""`joulecut reproduce`: what a paper claims beside what comes out here."""

from __future__ import annotations

import json as json_format
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from joulecut.commands.quiet import Quiet


class Paper(str, Enum):
    """The papers that can be reproduced."""

    HAN2025 = "han2025"


def reproduce(
    paper: Annotated[Paper, typer.Argument(help="han2025: DVFS-aware against CPU-DVFS planning, arXiv 2502.06295.")],
    *,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of measurement tables; default: those of an Orin Nano that come with joulecut."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for CSV files, plots and a page that explains them.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print every number as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Let the models of a paper choose clocks and cuts, and judge what they chose by measurements and meters."""
    import platformdirs  # noqa: PLC0415 - torch and the others take seconds to load; --help must not

    from joulecut.long_work.interruption import interruptible  # noqa: PLC0415
    from joulecut.long_work.output_folders import check_folder  # noqa: PLC0415
    from joulecut.long_work.progress import Narrator  # noqa: PLC0415
    from joulecut.reproduction.course import reproduce_han2025, workplace_network  # noqa: PLC0415
    from joulecut.reproduction.output import document, write_folder  # noqa: PLC0415
    from joulecut.reproduction.terminal import print_reproduction  # noqa: PLC0415

    if out is not None:
        check_folder("--out", out)
    narrator = Narrator(as_json=json, quiet=quiet)
    with interruptible(lambda: "nothing is kept of what takes seconds"):
        with narrator.step(f"{paper.value}: loading the network"):
            network = workplace_network(Path(platformdirs.user_cache_dir("joulecut")))
        with narrator.bar(paper.value) as progress:
            result = reproduce_han2025(network, data, progress)
        if out is not None:
            with narrator.step("drawing"):
                written = write_folder(result, out)
            for path in written:
                narrator.note(f"wrote {path}")
    if json:
        typer.echo(json_format.dumps(document(result), indent=1, allow_nan=False))
    else:
        print_reproduction(result, Console())
