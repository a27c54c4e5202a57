"""The `edge-agent` program."""

from __future__ import annotations

import importlib.metadata
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from joulecut_core.configuration import Sources, read_configuration
from joulecut_core.lifecycle import forget_ready, input_that_ends
from joulecut_core.logs import log_to_stderr
from joulecut_core.printed_configuration import printed_configuration
from joulecut_core.programs import run_program
from joulecut_core.standard_output import run_and_flush
from joulecut_edge.config import EdgeConfig
from joulecut_edge.plan_words import POLICIES
from joulecut_proto.usual_address import prepared_place
from joulecut_proto.waiting import wait_in_place
from joulecut_runtime.devices.completions import bundle_completions, device_completions
from joulecut_runtime.devices.opening import check_device_name

VARIABLES = "JOULECUT_EDGE"
"""What environment variables of this program begin with."""

app = typer.Typer(pretty_exceptions_enable=False)


def _policies(incomplete: str) -> list[str]:
    return [name for name in POLICIES if name.startswith(incomplete)]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edge-agent {importlib.metadata.version('joulecut')}")
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
            help='Device to run on: "jetson", "cpu", "auto", "emulated:orin-nano-15w".',
            autocompletion=device_completions,
        ),
    ] = None,
    bundle: Annotated[
        str | None, typer.Option(help="Folder of the packed network.", autocompletion=bundle_completions)
    ] = None,
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
    policy: Annotated[
        str | None, typer.Option(help='Policy to plan by; "joint" unless you compare.', autocompletion=_policies)
    ] = None,
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
    """Answer an application's requests on this device, with a server's help where that costs fewer joules."""
    del version
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
        "log_format": log_format,
    }
    configuration = read_configuration(EdgeConfig, Sources(file=config, flags=flags, prefix=VARIABLES))
    check_device_name(configuration.values.device)
    if print_config:
        typer.echo(printed_configuration(configuration, "edge-agent"), nl=False)
        return
    ends_with = input_that_ends() if until_input_ends else None
    log_to_stderr(verbose=verbose, log_format=configuration.values.log_format)
    configuration.log()
    forget_ready(configuration.values.ready_file)
    from joulecut_edge.agent import run_agent  # noqa: PLC0415 - torch and grpc take seconds; --help must not
    from joulecut_proto import event_loops  # noqa: PLC0415 - nor for this

    values = replace(configuration.values, listen=prepared_place(configuration.values.listen))
    event_loops.run(run_agent(values, ends_with=ends_with))


def main() -> None:
    """Entry point of the console script."""
    wait_in_place()
    sys.exit(run_program(lambda: run_and_flush(app)))
