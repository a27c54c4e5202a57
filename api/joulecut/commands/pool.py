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
Verbose = Annotated[bool, typer.Option(help="Log details.")]


@app.command()
def up(
    config: Config,
    verbose: Verbose = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON (joulecut.pool/1), a line whenever servers come, go or change.")
    ] = False,
) -> None:
    """Start a pool and keep it until Ctrl-C or SIGTERM; its servers then finish what they have."""
    from joulecut.commands.pool_lines import PoolLines  # noqa: PLC0415
    from joulecut_core.logs import log_to_stderr  # noqa: PLC0415 - loads numpy; --help must not
    from joulecut_server.pool import load_pool, run_pool  # noqa: PLC0415

    log_to_stderr(verbose=verbose)
    run_pool(load_pool(config), PoolLines(typer.echo) if as_json else None)


@app.command()
def status(
    config: Config,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON (joulecut.pool/1, and whether anybody keeps it).")
    ] = False,
) -> None:
    """Show each server: where it is, what it has to do, what it draws, how often it was started."""
    from rich.console import Console  # noqa: PLC0415 - --help needs no table

    from joulecut.commands.pool_table import pool_table  # noqa: PLC0415
    from joulecut.commands.whole_tables import print_whole  # noqa: PLC0415
    from joulecut_core.decoding import encode  # noqa: PLC0415
    from joulecut_core.errors import ConfigError  # noqa: PLC0415
    from joulecut_server.pool import load_pool, read_standing  # noqa: PLC0415
    from joulecut_server.pool.holding import keeper_of  # noqa: PLC0415
    from joulecut_server.pool.standing import STANDING_FILE  # noqa: PLC0415

    folder = Path(load_pool(config).pool.folder)
    if not (folder / STANDING_FILE).exists():
        raise ConfigError(f"{folder}: no pool has been kept there; start one with `joulecut pool up {config}`")
    standing = read_standing(folder)
    # A keeper that has not looked yet, as while its cluster starts, leaves what one before it has written.
    is_kept = keeper_of(folder) == standing.keeper_pid
    if as_json:
        typer.echo(json.dumps({**encode(standing), "is_kept": is_kept}, indent=1))
        return
    print_whole(Console(), pool_table(standing, is_kept=is_kept))


@app.command()
def down(
    config: Config,
    verbose: Verbose = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON (joulecut.pool_end/1): the folder, and whether a pool was there.")
    ] = False,
) -> None:
    """End a pool of this host, and return when all its servers have finished what they had."""
    from joulecut_core.logs import log_to_stderr  # noqa: PLC0415 - loads numpy; --help must not
    from joulecut_server.pool import end_pool, load_pool  # noqa: PLC0415

    log_to_stderr(verbose=verbose)
    asked = load_pool(config)
    was_there = end_pool(asked)
    if as_json:
        end = {"schema": "joulecut.pool_end/1", "folder": asked.pool.folder, "was_there": was_there}
        typer.echo(json.dumps(end, indent=1))
    elif was_there:
        typer.echo(f"ended: the pool of {asked.pool.folder}")
    else:
        typer.echo(f"{asked.pool.folder}: nobody on this host keeps a pool there; nothing to end")
