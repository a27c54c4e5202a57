"""The `server-agent` program."""

from __future__ import annotations

import importlib.metadata
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from joulecut_core.configuration import Sources, read_configuration
from joulecut_core.lifecycle import forget_ready, input_that_ends
from joulecut_core.logs import log_to_stderr
from joulecut_core.printed_configuration import printed_configuration
from joulecut_core.programs import run_program
from joulecut_core.standard_output import run_and_flush
from joulecut_proto.waiting import wait_in_place
from joulecut_runtime.devices.completions import bundle_completions, device_completions
from joulecut_runtime.devices.opening import check_device_name
from joulecut_server.config import ServerConfig
from joulecut_server.rule_changes import ConfigSource, bear_hangups

VARIABLES = "JOULECUT_SERVER"
"""What environment variables of this program begin with."""

app = typer.Typer(pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"server-agent {importlib.metadata.version('joulecut')}")
        raise typer.Exit


@app.command()
def serve(
    config: Annotated[
        Path | None,
        typer.Option(help=f"TOML file with these options; flags and {VARIABLES}_<OPTION> variables override it."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help='Device to run on: "nvml:<index or UUID>", "auto", "emulated:t4".', autocompletion=device_completions
        ),
    ] = None,
    bundle: Annotated[
        list[str] | None,
        typer.Option(help="Folder of a packed network; repeatable.", autocompletion=bundle_completions),
    ] = None,
    planning_only: Annotated[
        bool | None, typer.Option("--planning-only", help="No network, no edges: solve the problems of whoever asks.")
    ] = None,
    listen: Annotated[str | None, typer.Option(help="host:port to serve on; port 0 lets the system choose.")] = None,
    name: Annotated[str | None, typer.Option(help="Name under which this server announces itself.")] = None,
    profiles: Annotated[str | None, typer.Option(help="Folder where profiles are kept.")] = None,
    shipped_profiles: Annotated[list[str] | None, typer.Option(help="Further read-only profile folder.")] = None,
    state: Annotated[str | None, typer.Option(help="Folder where plan epochs are counted.")] = None,
    slowdown: Annotated[float | None, typer.Option(help="Wall seconds per emulated second.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of an emulated device's noise.")] = None,
    advertise: Annotated[bool | None, typer.Option(help="Announce this server over zeroconf.")] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", help="Plain text with other hosts too; only on a network you trust.")
    ] = None,
    ready_file: Annotated[str | None, typer.Option(help="JSON file to write once serving.")] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print what it would run with, and who says so, as TOML; stop.")
    ] = False,
    log_format: Annotated[str | None, typer.Option(help="How the log is written: text or json.")] = None,
    until_input_ends: Annotated[
        bool,
        typer.Option("--until-input-ends", help="Stop when standard input ends too: with the program that started it."),
    ] = False,
    verbose: Annotated[bool, typer.Option(help="Log details.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Run the server's parts of networks for edges, and plan for them."""
    del version
    flags = {
        "device": device,
        "bundles": bundle,
        "planning_only": planning_only,
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
        "log_format": log_format,
    }
    sources = Sources(file=config, flags=flags, prefix=VARIABLES)
    file = sources.chosen_file
    source = None if file is None else ConfigSource.of(file, lambda: read_configuration(ServerConfig, sources).values)
    configuration = read_configuration(ServerConfig, sources)
    check_device_name(configuration.values.device)
    if print_config:
        typer.echo(printed_configuration(configuration, "server-agent"), nl=False)
        return
    ends_with = input_that_ends() if until_input_ends else None
    log_to_stderr(verbose=verbose, log_format=configuration.values.log_format)
    configuration.log()
    forget_ready(configuration.values.ready_file)
    if source is not None:
        bear_hangups()
    # Held since the program began; without a file one that has come ends it now.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    from joulecut_proto import event_loops  # noqa: PLC0415 - as the next one
    from joulecut_server.agent import run_agent  # noqa: PLC0415 - torch and grpc take seconds; --help must not

    event_loops.run(run_agent(configuration.values, ends_with=ends_with, source=source))


def main() -> None:
    """Entry point of the console script."""
    wait_in_place()
    sys.exit(run_program(lambda: run_and_flush(app)))
