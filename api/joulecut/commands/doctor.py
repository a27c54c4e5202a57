"""`joulecut doctor`: what works here, what does not, and what to do about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from joulecut.commands.quiet import Quiet
from joulecut_core.exits import ExitCode
from joulecut_core.logs import log_to_stderr


def doctor(
    device: Annotated[
        list[str] | None,
        typer.Option(help="Look at this device instead of all that are here; as in a configuration file. Repeatable."),
    ] = None,
    root: Annotated[
        Path, typer.Option(help="Root of the kernel's files: /sys, /proc and /etc are looked up below.")
    ] = Path("/"),
    clockd_socket: Annotated[
        Path | None, typer.Option(help="Socket of joulecut-clockd. Default: where its service puts it.")
    ] = None,
    config: Annotated[
        list[Path] | None,
        typer.Option(help="Agent's configuration to check, with its certificates. Default: those in /etc/joulecut."),
    ] = None,
    server: Annotated[
        str | None, typer.Option(help="host:port to shake hands with, in place of the one that the edge's file names.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON (joulecut.doctor/1).")] = False,
    verbose: Annotated[bool, typer.Option(help="Show the facts behind each finding, and log details.")] = False,
    quiet: Quiet = False,
) -> None:
    """Look at devices, drivers, privilege, clocks, meters, torch, network, agents' files; change nothing.

    Ends with 0 where nothing is wrong (notes and warnings included), with 1 where there is a problem.
    """
    from joulecut.diagnosis.diagnosis import Surroundings, diagnose  # noqa: PLC0415 - loads numpy; --help must not
    from joulecut.diagnosis.finding import Status, worst  # noqa: PLC0415
    from joulecut.diagnosis.report import rendered_report, report_document  # noqa: PLC0415
    from joulecut.long_work.progress import Narrator  # noqa: PLC0415

    if verbose:
        log_to_stderr(verbose=True)
    surroundings = Surroundings(
        root=root,
        clockd_socket=clockd_socket,
        devices=tuple(device or ()),
        configs=tuple(config or ()),
        server=server,
    )
    with Narrator(as_json=as_json, quiet=quiet or verbose).step("looking around; a driver that hangs takes a while"):
        findings = diagnose(surroundings)
    if as_json:
        typer.echo(json.dumps(report_document(findings, root=str(root)), indent=1))
    else:
        Console().print(rendered_report(findings, with_facts=verbose))
    if worst(findings) is Status.PROBLEM:
        raise typer.Exit(int(ExitCode.FAILED))
