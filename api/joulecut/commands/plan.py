"""`joulecut plan`: the exact plan of a problem or fleet file, why it is the plan, and what it would be elsewhere."""

from __future__ import annotations

import json as json_format
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from joulecut.commands.report_options import EmbodiedCarbon, Export, GridIntensity, HtmlPage, report_wish
from joulecut_core.exits import ExitCode


class DownlinkOption(str, Enum):
    """The values of --downlink."""

    FIXED = "fixed"
    PROPORTIONAL = "proportional"


def plan(
    problem: Annotated[
        Path, typer.Argument(help="A planning problem, joulecut.problem/1, joulecut.fleet/1 or /2 as JSON.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    front: Annotated[
        bool, typer.Option("--pareto", help="The exact energy-latency front; the deadline is ignored.")
    ] = False,
    why: Annotated[
        bool, typer.Option("--explain", help="What the plan costs where, what binds, what else there is.")
    ] = False,
    policy_table: Annotated[
        str | None,
        typer.Option("--policy-table", metavar="LOW:HIGH", help="The plan at every uplink between two, in Mbit/s."),
    ] = None,
    downlink: Annotated[
        DownlinkOption, typer.Option("--downlink", help="What the downlink does as a policy table's uplink varies.")
    ] = DownlinkOption.FIXED,
    server: Annotated[
        str | None,
        typer.Option(
            help="Let the server-agent there plan (host:port or unix:/path); it answers as this command does."
        ),
    ] = None,
    tls: Annotated[
        Path | None,
        typer.Option(help="Folder of a certificate for --server, as `joulecut pki issue operator` makes it."),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Plain text to another host; only on a network you trust.")
    ] = False,
    html: HtmlPage = None,
    export: Export = None,
    grid_intensity: GridIntensity = None,
    embodied_g: EmbodiedCarbon = None,
) -> None:
    """Find the cut, wire and clocks that cost the fewest joules; exit 3 where nothing keeps the constraints."""
    from joulecut.commands.plan_answers import PlanQuestion, answer  # noqa: PLC0415 - NumPy; --help must not wait

    wish = report_wish(html, export, grid_intensity, embodied_g, reads=(problem,))
    answered = answer(
        PlanQuestion(
            problem=problem,
            front=front,
            why=why,
            policy_table=policy_table,
            downlink=downlink.value,
            server=server,
            tls=tls,
            insecure=insecure,
        )
    )
    if json:
        typer.echo(json_format.dumps(answered.document(), indent=1, allow_nan=False))
    else:
        answered.show(Console())
    wish.carry_out(answered.report)
    if not answered.is_feasible:
        raise typer.Exit(int(ExitCode.INFEASIBLE))
