"""`joulecut pool`: several server-agents on Ray, kept at the number that their load asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="pool",
    help="Keep several server-agents on Ray, see how they stand, end them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Config = Annotated[Path, typer.Argument(help="TOML file: a server-agent's, with a table [pool].")]


@app.command()
def up(
    config: Config,
    verbose: Annotated[bool, typer.Option(help="Log details.")] = False,
) -> None:
    """Start a pool and keep it until Ctrl-C or SIGTERM; its servers then finish what they have."""
    from joulecut_core.logs import log_to_stderr  # noqa: PLC0415 - loads numpy; --help must not
    from joulecut_server.pool import load_pool, run_pool  # noqa: PLC0415

    log_to_stderr(verbose=verbose)
    run_pool(load_pool(config))


@app.command()
def status(
    config: Config,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (joulecut.pool/1).")] = False,
) -> None:
    """Show each server: where it is, what it has to do, what it draws, how often it was started."""
    from rich.console import Console  # noqa: PLC0415 - --help needs no table

    from joulecut.commands.pool_table import pool_table  # noqa: PLC0415
    from joulecut_core.decoding import encode  # noqa: PLC0415
    from joulecut_server.pool import load_pool, read_standing  # noqa: PLC0415
    from joulecut_server.pool.holding import keeper_of  # noqa: PLC0415

    folder = Path(load_pool(config).pool.folder)
    standing = read_standing(folder)
    if as_json:
        typer.echo(json.dumps(encode(standing), indent=1))
        return
    Console().print(pool_table(standing, is_kept=keeper_of(folder) is not None))


@app.command()
def down(
    config: Config,
    verbose: Annotated[bool, typer.Option(help="Log details.")] = False,
) -> None:
    """End a pool of this host, and return when all its servers have finished what they had."""
    from joulecut_core.logs import log_to_stderr  # noqa: PLC0415 - loads numpy; --help must not
    from joulecut_server.pool import end_pool, load_pool  # noqa: PLC0415

    log_to_stderr(verbose=verbose)
    end_pool(load_pool(config))
