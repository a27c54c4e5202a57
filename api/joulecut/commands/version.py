"""`joulecut --version`."""

from __future__ import annotations

import importlib.metadata
from typing import Annotated

import typer


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"joulecut {importlib.metadata.version('joulecut')}")
        raise typer.Exit


def show_version(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Cut a network between an edge device and a server where it costs the fewest joules."""
    del version
