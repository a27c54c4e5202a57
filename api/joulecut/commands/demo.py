"""`joulecut demo`: see two agents split a network, every policy metered beside its prediction."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from joulecut_core.errors import ConfigError


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a self-contained page with all results.")] = None,
    reprofile: Annotated[bool, typer.Option(help="Profile both emulated devices afresh first.")] = False,
    requests: Annotated[int, typer.Option(min=40, help="Requests per configuration.")] = 40,
    slowdown: Annotated[
        float | None, typer.Option(min=1.0, help="Wall seconds per emulated second; measured if left out.")
    ] = None,
) -> None:
    """Run a split network on two emulated devices and compare every policy, predicted and metered."""
    import platformdirs  # noqa: PLC0415 - the demo's libraries take seconds to load; --help must not

    from joulecut.demo.course import Reporter, run_demo  # noqa: PLC0415
    from joulecut.demo.report import demo_document, print_report, render_demo_page  # noqa: PLC0415
    from joulecut.demo.scenario import Scenario  # noqa: PLC0415
    from joulecut.demo.slowdown import needed_slowdown  # noqa: PLC0415
    from joulecut.demo.workplace import Workplace  # noqa: PLC0415
    from joulecut_core.documents import write_bytes  # noqa: PLC0415

    if html is not None:
        _check_writable(html)
    scenario = Scenario(requests=requests)
    notes = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="joulecut-") as folder:
        workplace = Workplace(folder=Path(platformdirs.user_cache_dir("joulecut")), run_folder=Path(folder))
        notes.print("loading the network")
        network = workplace.network()
        factor = slowdown or needed_slowdown(network, (scenario.edge_device, scenario.server_device))
        notes.print(f"slow-down: one emulated second lasts {factor:g} s here, for both devices and the link alike")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=notes, transient=True) as progress:
            task = progress.add_task("", total=None)
            report = Reporter(
                stage=lambda text: progress.update(task, description=text),
                total=lambda count: progress.update(task, total=count),
                answered=lambda: progress.advance(task),
            )
            result = run_demo(scenario, workplace, network, slowdown=factor, reprofile=reprofile, report=report)
    if html is not None:
        write_bytes(html, render_demo_page(scenario, result).encode())
        notes.print(f"wrote {html}")
    if as_json:
        document: Any = demo_document(result)
        typer.echo(json.dumps(document, indent=1, allow_nan=False))
    else:
        print_report(scenario, result, Console())


def _check_writable(page: Path) -> None:
    """Raise ConfigError where the page could not be written: better now than after the demo's minutes."""
    folder = page.absolute().parent
    if page.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ConfigError(f"--html {page}: cannot be written; expected a file in a folder that exists")
