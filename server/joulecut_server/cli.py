"""The `server-agent` program."""

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
from joulecut_server.config import ServerConfig

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"server-agent {importlib.metadata.version('joulecut')}")
        raise typer.Exit


@app.command()
def serve(
    config: Annotated[Path | None, typer.Option(help="TOML file with these options; flags override it.")] = None,
    device: Annotated[
        str | None, typer.Option(help='Device to run on: "nvml:<index or UUID>", "auto", "emulated:t4".')
    ] = None,
    bundle: Annotated[list[str] | None, typer.Option(help="Folder of a packed network; repeatable.")] = None,
    listen: Annotated[str | None, typer.Option(help="host:port to serve on; port 0 lets the system choose.")] = None,
    name: Annotated[str | None, typer.Option(help="Name under which this server announces itself.")] = None,
    profiles: Annotated[str | None, typer.Option(help="Folder where profiles are kept.")] = None,
    shipped_profiles: Annotated[list[str] | None, typer.Option(help="Further read-only profile folder.")] = None,
    state: Annotated[str | None, typer.Option(help="Folder where the last plan epoch is kept.")] = None,
    slowdown: Annotated[float | None, typer.Option(help="Wall seconds per emulated second.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of an emulated device's noise.")] = None,
    advertise: Annotated[bool | None, typer.Option(help="Announce this server over zeroconf.")] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", help="Plain text with other hosts too; only on a network you trust.")
    ] = None,
    ready_file: Annotated[str | None, typer.Option(help="JSON file to write once serving.")] = None,
    verbose: Annotated[bool, typer.Option(help="Log details.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Run the server's parts of networks for edges, and plan for them."""
    del version
    log_to_stderr(verbose=verbose)
    flags = {
        "device": device,
        "bundles": bundle,
        "listen": listen,
        "name": name,
        "profiles": profiles,
        "shipped_profiles": shipped_profiles,
        "state": state,
        "slowdown": slowdown,
        "seed": seed,
        "advertise": advertise,
        "insecure": insecure,
        "ready_file": ready_file,
    }
    settings = load_config(ServerConfig, config, flags)
    from joulecut_server.agent import run_agent  # noqa: PLC0415 - torch and grpc take seconds; --help must not

    asyncio.run(run_agent(settings))


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run_program(app))
