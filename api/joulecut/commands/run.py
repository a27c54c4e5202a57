"""`joulecut run`: requests to a running edge-agent, or to a pair of agents started for a network of one's own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from joulecut.commands.quiet import Quiet
from joulecut.commands.report_options import EmbodiedCarbon, Export, GridIntensity, HtmlPage, report_wish
from joulecut.commands.whole_tables import print_whole
from joulecut_core.errors import ConfigError
from joulecut_runtime.devices.completions import bundle_completions, device_completions

if TYPE_CHECKING:
    from joulecut.own.sending import Answered
    from joulecut_proto.local_messages import LocalStatus

_REFERENCE = re.compile(r"(?!unix:|dns:|ipv4:|ipv6:)[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_EDGE, _SERVER = "emulated:orin-nano-15w", "emulated:t4"
_UPLINK_MBPS, _RTT_MS, _SLO_MS, _RATE_HZ = 20.0, 4.0, 100.0, 20.0
_COUNT = 20
_TRYING = "A network of your own"
_SENDING = "What is sent"


def run(
    target: Annotated[
        str,
        typer.Argument(
            help="Where an edge-agent listens (unix:/path or host:port); or a network to try: a bundle's folder, or "
            "package.module:factory with --input.",
            autocompletion=bundle_completions,
        ),
    ],
    pictures: Annotated[
        Path | None,
        typer.Option(
            help="Folder of JPEG or PNG files, for a network of uint8 pictures; the sample pictures if left out.",
            rich_help_panel=_SENDING,
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--inputs",
            help="File of numpy's, .npy or .npz, for any network; made-up inputs if left out.",
            rich_help_panel=_SENDING,
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many requests to send; of each policy for a network. Default: 20, or what takes a minute.",
            rich_help_panel=_SENDING,
        ),
    ] = None,
    shapes: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            help="dtype:AxBxC of an input tensor of a factory's network; once per input, in order.",
            rich_help_panel=_TRYING,
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="State dict: .safetensors, .pth or .pt.", rich_help_panel=_TRYING)
    ] = None,
    edge: Annotated[
        str | None,
        typer.Option(
            help=f"Emulated device of the edge. Default: {_EDGE}.",
            autocompletion=device_completions,
            rich_help_panel=_TRYING,
        ),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(
            help=f"Emulated device of the server. Default: {_SERVER}.",
            autocompletion=device_completions,
            rich_help_panel=_TRYING,
        ),
    ] = None,
    uplink_mbps: Annotated[
        float | None,
        typer.Option(min=0.001, help=f"Uplink in Mbit/s. Default: {_UPLINK_MBPS:g}.", rich_help_panel=_TRYING),
    ] = None,
    downlink_mbps: Annotated[
        float | None, typer.Option(min=0.001, help="Downlink. Default: as the uplink.", rich_help_panel=_TRYING)
    ] = None,
    rtt_ms: Annotated[
        float | None, typer.Option(min=0.0, help=f"Round trip. Default: {_RTT_MS:g} ms.", rich_help_panel=_TRYING)
    ] = None,
    slo_ms: Annotated[
        float | None,
        typer.Option(
            min=0.001, help=f"Deadline of 99 % of the answers. Default: {_SLO_MS:g} ms.", rich_help_panel=_TRYING
        ),
    ] = None,
    rate_hz: Annotated[
        float | None,
        typer.Option(min=0.001, help=f"Requests a second. Default: {_RATE_HZ:g}.", rich_help_panel=_TRYING),
    ] = None,
    max_accuracy_loss: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of answers that a codec may change; measures every codec on what is sent. Default: lossless "
            "wires only.",
            rich_help_panel=_TRYING,
        ),
    ] = None,
    battery: Annotated[
        bool, typer.Option("--battery", help="Count the edge's joules only.", rich_help_panel=_TRYING)
    ] = False,
    slowdown: Annotated[
        float | None,
        typer.Option(min=1.0, help="Wall seconds per emulated second. Default: measured.", rich_help_panel=_TRYING),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            help="In plain text to an edge-agent on another host; only on a network you trust.",
            rich_help_panel=_SENDING,
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="Of made-up inputs and of emulated noise.")] = 0,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object per request; for a network of yours, joulecut.trial/1."),
    ] = False,
    html: HtmlPage = None,
    export: Export = None,
    grid_intensity: GridIntensity = None,
    embodied_g: EmbodiedCarbon = None,
    quiet: Quiet = False,
) -> None:
    """Send requests to an edge-agent, or try a network of your own on a pair of emulated devices.

    With an address: requests one after the other, a row each. With a network: it is captured, profiled on both
    devices, planned for, and run by two agents under four policies, predictions beside what the meters showed.
    """
    only_tried = {
        "--input": shapes or None,
        "--weights": weights,
        "--edge": edge,
        "--server": server,
        "--uplink-mbps": uplink_mbps,
        "--downlink-mbps": downlink_mbps,
        "--rtt-ms": rtt_ms,
        "--slo-ms": slo_ms,
        "--rate-hz": rate_hz,
        "--max-accuracy-loss": max_accuracy_loss,
        "--battery": battery or None,
        "--slowdown": slowdown,
    }
    from joulecut.long_work.progress import Narrator  # noqa: PLC0415 - the planner's libraries; --help must not wait

    wish = report_wish(html, export, grid_intensity, embodied_g)
    narrator = Narrator(as_json=as_json, quiet=quiet)
    if not is_network(target):
        for flag, value in only_tried.items():
            if value is not None:
                raise ConfigError(f"{flag}: given with the address {target!r}; expected it with a network to try")
        from joulecut.own.sending import sent_report  # noqa: PLC0415 - grpc and torch take seconds; --help must not

        answers, status = _sent(
            target, insecure=insecure, pictures=pictures, file=file, count=count or _COUNT, seed=seed, as_json=as_json
        )
        wish.carry_out(lambda carbon: sent_report(status, answers, carbon=carbon), narrator.note)
        return
    if insecure:
        raise ConfigError(f"--insecure: given with the network {target!r}; expected it with an edge-agent's address")
    from joulecut.demo.scenario import NamedObjective, Scenario  # noqa: PLC0415 - torch takes seconds; --help must not
    from joulecut.own.pair import emulated_name  # noqa: PLC0415
    from joulecut.own.trial import TRIED, TrialOrder, try_network  # noqa: PLC0415
    from joulecut.own.trial_report import print_trial, report_of, trial_document  # noqa: PLC0415
    from joulecut_core.problems import Objective  # noqa: PLC0415

    mbps = uplink_mbps or _UPLINK_MBPS
    scenario = Scenario(
        edge_device=emulated_name(edge or _EDGE),
        server_device=emulated_name(server or _SERVER),
        uplink_bps=mbps * 1e6,
        downlink_bps=(downlink_mbps or mbps) * 1e6,
        delay_s=(_RTT_MS if rtt_ms is None else rtt_ms) / 2e3,
        rate_hz=rate_hz or _RATE_HZ,
        slo_s=(slo_ms or _SLO_MS) / 1e3,
        max_accuracy_loss=max_accuracy_loss or 0.0,
        seed=seed,
        objectives=(
            NamedObjective(name="battery", objective=Objective(server_weight=0.0))
            if battery
            else NamedObjective(name="total", objective=Objective()),
        ),
        sweep_bps=(),
        policies=TRIED,
        runs_infeasible=False,
    )
    order = TrialOrder(
        target=target,
        shapes=tuple(shapes or ()),
        weights=weights,
        scenario=scenario,
        max_accuracy_loss=max_accuracy_loss,
        pictures=pictures,
        file=file,
        slowdown=slowdown,
        count=count,
    )
    trial = try_network(order, narrator)
    wish.carry_out(lambda carbon: report_of(trial, carbon=carbon), narrator.note)
    if as_json:
        typer.echo(json.dumps(trial_document(trial), indent=1, allow_nan=False))
    else:
        print_trial(trial, Console())


def is_network(target: str) -> bool:
    """Whether this names a network to try, a folder or package.module:factory, and no address."""
    return Path(target).is_dir() or _REFERENCE.fullmatch(target) is not None


def _sent(
    address: str, *, insecure: bool, pictures: Path | None, file: Path | None, count: int, seed: int, as_json: bool
) -> tuple[list[Answered], LocalStatus]:
    """Send, and show each answer: with `--json` as it comes, else all of them in a table."""
    from joulecut.connections.connection import connect  # noqa: PLC0415 - grpc and torch take seconds; --help must not
    from joulecut.own.samples import choose_samples  # noqa: PLC0415
    from joulecut.own.sending import answer_line, answers_table, send  # noqa: PLC0415

    answers: list[Answered] = []
    with connect(address, insecure=insecure) as edge:
        status = edge.status()
        samples = choose_samples(status.inputs, pictures=pictures, file=file, seed=seed)
        for each in send(edge, samples, count):
            answers.append(each)
            if as_json:
                typer.echo(answer_line(each))
    if not as_json:
        print_whole(Console(), answers_table(status, answers))
    return answers, status
