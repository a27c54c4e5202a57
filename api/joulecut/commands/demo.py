"""`joulecut demo`: see two agents split a network, every policy metered beside its prediction."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from joulecut.commands.quiet import Quiet
from joulecut.commands.report_options import EmbodiedCarbon, Export, GridIntensity, HtmlPage, report_wish


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    reprofile: Annotated[bool, typer.Option(help="Profile both emulated devices afresh first.")] = False,
    requests: Annotated[int, typer.Option(min=40, help="Requests per configuration.")] = 40,
    slowdown: Annotated[
        float | None, typer.Option(min=1.0, help="Wall seconds per emulated second; measured if left out.")
    ] = None,
    dashboard: Annotated[str, typer.Option(help="host:port for the server-agent's dashboard.")] = "",
    html: HtmlPage = None,
    export: Export = None,
    grid_intensity: GridIntensity = None,
    embodied_g: EmbodiedCarbon = None,
    quiet: Quiet = False,
) -> None:
    """Run a split network on two emulated devices and compare every policy, predicted and metered."""
    import platformdirs  # noqa: PLC0415 - the demo's libraries take seconds to load; --help must not

    from joulecut.demo.counting import Counting  # noqa: PLC0415
    from joulecut.demo.course import DemoResult, MeteredAt, run_demo  # noqa: PLC0415
    from joulecut.demo.report import demo_document, print_report, report_of  # noqa: PLC0415
    from joulecut.demo.scenario import Scenario  # noqa: PLC0415
    from joulecut.demo.slowdown import HEADROOM_OF_FIRST_TRY, kept_up, needed_slowdown  # noqa: PLC0415
    from joulecut.demo.workplace import Workplace  # noqa: PLC0415
    from joulecut.long_work.interruption import interruptible  # noqa: PLC0415
    from joulecut.long_work.progress import Narrator  # noqa: PLC0415

    wish = report_wish(html, export, grid_intensity, embodied_g)
    scenario = Scenario(requests=requests)
    narrator = Narrator(as_json=as_json, quiet=quiet)
    with interruptible(lambda: "nothing is kept of a demo"), tempfile.TemporaryDirectory(prefix="joulecut-") as folder:
        cache = Path(platformdirs.user_cache_dir("joulecut"))
        workplace = Workplace(folder=cache, run_folder=Path(folder), dashboard=dashboard)
        with narrator.step("loading the network"):
            network = workplace.network()
            devices = (scenario.edge_device, scenario.server_device)
            factor = slowdown or needed_slowdown(network, devices, headroom=HEADROOM_OF_FIRST_TRY)
        narrator.note(f"slow-down: one emulated second lasts {factor:g} s here, for both devices and the link alike")
        if dashboard:
            narrator.note(f"dashboard: http://{dashboard}/")
        with narrator.bar("demo") as sink:
            report = Counting(sink).reporter
            metered: MeteredAt = {}

            def run(slowdown: float) -> DemoResult:
                return run_demo(
                    scenario,
                    workplace,
                    network,
                    slowdown=slowdown,
                    reprofile=reprofile,
                    report=report,
                    metered=metered,
                )

            result = kept_up(
                run,
                factor,
                narrator.note,
                may_slow_down=slowdown is None,
            )
    wish.carry_out(lambda carbon: report_of(scenario, result, carbon=carbon), narrator.note)
    if as_json:
        document: Any = demo_document(result)
        typer.echo(json.dumps(document, indent=1, allow_nan=False))
    else:
        print_report(scenario, result, Console())
