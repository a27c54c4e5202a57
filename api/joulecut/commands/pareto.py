"""`joulecut pareto`: what a problem's plans can trade between joules and seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from joulecut.commands.plan import plan


def pareto(
    problem: Annotated[Path, typer.Argument(help="A planning problem, joulecut.problem/1 as JSON.")],
    json: Annotated[bool, typer.Option("--json", help="Print joulecut.pareto/1 as JSON.")] = False,
    server: Annotated[
        str | None,
        typer.Option(help="Let the server-agent there plan (host:port or unix:/path)."),
    ] = None,
    tls: Annotated[
        Path | None,
        typer.Option(help="Folder of a certificate for --server, as `joulecut pki issue operator` makes it."),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Plain text to another host; only on a network you trust.")
    ] = False,
) -> None:
    """Show the exact energy-latency front, whatever the deadline; as `joulecut plan --pareto`."""
    plan(problem, json=json, front=True, server=server, tls=tls, insecure=insecure)
