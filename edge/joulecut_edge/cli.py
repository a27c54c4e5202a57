"""The `edge-agent` program."""

from __future__ import annotations

import asyncio
import importlib.metadata
import sys
from pathlib import Path
from typing import Annotated

import typer

from joulecut_core.configuration import load_config
from joulecut_core.logs import log_to_stderr
from joulecut_core.programs import run_program
from joulecut_edge.config import EdgeConfig

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edge-agent {importlib.metadata.version('joulecut')}")
        raise typer.Exit


@app.command()
def serve(
    config: Annotated[Path | None, typer.Option(help="TOML file with these options; flags override it.")] = None,
    device: Annotated[
        str | None, typer.Option(help='Device to run on: "jetson", "cpu", "auto", "emulated:orin-nano-15w".')
    ] = None,
    bundle: Annotated[str | None, typer.Option(help="Folder of the packed network.")] = None,
    digest: Annotated[
        str | None, typer.Option(help="Digest of the network to fetch where the folder is empty.")
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(
            help="Server-agents, the most wanted first: host:port, unix:/path or dns:host:port, commas between them; "
            "found over zeroconf if left out."
        ),
    ] = None,
    listen: Annotated[str | None, typer.Option(help="Where applications connect: unix:/path or host:port.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of this edge.")] = None,
    policy: Annotated[str | None, typer.Option(help='Policy to plan by; "joint" unless you compare.')] = None,
    profiles: Annotated[str | None, typer.Option(help="Folder where profiles are kept.")] = None,
    shipped_profiles: Annotated[list[str] | None, typer.Option(help="Further read-only profile folder.")] = None,
    wires: Annotated[
        str | None, typer.Option(help="Table of measured wire codecs; lossless ones only without it.")
    ] = None,
    slowdown: Annotated[float | None, typer.Option(help="Wall seconds per emulated second.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of an emulated device's noise.")] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", help="Plain text with other hosts too; only on a network you trust.")
    ] = None,
    max_accuracy_loss: Annotated[float | None, typer.Option(help="Largest accepted loss of accuracy, 0 to 1.")] = None,
    ready_file: Annotated[str | None, typer.Option(help="JSON file to write once serving.")] = None,
    verbose: Annotated[bool, typer.Option(help="Log details.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Answer an application's requests on this device, with a server's help where that costs fewer joules."""
    del version
    log_to_stderr(verbose=verbose)
    flags = {
        "device": device,
        "bundle": bundle,
        "digest": digest,
        "server": server,
        "listen": listen,
        "name": name,
        "policy": policy,
        "profiles": profiles,
        "shipped_profiles": shipped_profiles,
        "wires": wires,
        "slowdown": slowdown,
        "seed": seed,
        "insecure": insecure,
        "max_accuracy_loss": max_accuracy_loss,
        "ready_file": ready_file,
    }
    settings = load_config(EdgeConfig, config, flags)
    from joulecut_edge.agent import run_agent  # noqa: PLC0415 - torch and grpc take seconds; --help must not

    asyncio.run(run_agent(settings))


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run_program(app))
