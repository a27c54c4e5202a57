"""`joulecut problem`: from two profiles to the file that `joulecut plan` takes."""

from __future__ import annotations

import json as json_format
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from joulecut.commands.plain_text import plain
from joulecut.commands.quiet import Quiet
from joulecut.long_work.output_files import check_apart
from joulecut_core.errors import ConfigError
from joulecut_core.problems import Objective

if TYPE_CHECKING:
    from joulecut.own.measured import Measured
    from joulecut_core.problems import Problem


class ObjectiveOption(str, Enum):
    """The values of --objective."""

    TOTAL = "total"
    BATTERY = "battery"


def problem(
    edge: Annotated[Path, typer.Argument(help="Profile of the edge, as `joulecut profile --side edge` writes it.")],
    server: Annotated[Path, typer.Argument(help="Profile of the server, of the same network.")],
    *,
    uplink_mbps: Annotated[float, typer.Option(help="Bandwidth from the edge to the server, Mbit/s.")],
    downlink_mbps: Annotated[float | None, typer.Option(help="The other way. Default: as the uplink.")] = None,
    rtt_ms: Annotated[float, typer.Option(help="Round trip of an empty request, ms.")] = 0.0,
    uplink_w: Annotated[
        float, typer.Option(help="Watts of the edge's radio while it sends, if no meter has them.")
    ] = 0.0,
    downlink_w: Annotated[float, typer.Option(help="Watts of the edge's radio while it receives.")] = 0.0,
    slo_ms: Annotated[float | None, typer.Option(help="Answers are due by then, ms. Default: no deadline.")] = None,
    quantile: Annotated[
        float | None, typer.Option(help="Share of the answers that is due by then: 0.99. Default: the mean is.")
    ] = None,
    rate_hz: Annotated[float | None, typer.Option(help="Requests a second to sustain. Default: one by one.")] = None,
    max_accuracy_loss: Annotated[float, typer.Option(help="Share of the answers that a codec may change.")] = 0.0,
    objective: Annotated[
        ObjectiveOption | None, typer.Option(help="Whose joules count: both sides', or the edge's only.")
    ] = None,
    edge_weight: Annotated[float | None, typer.Option(help="Weight of the edge's joules. Default: 1.")] = None,
    server_weight: Annotated[float | None, typer.Option(help="Weight of the server's joules. Default: 1.")] = None,
    wires: Annotated[
        Path | None,
        typer.Option(
            help="Table that `joulecut profile --wires-out` wrote, or the bundle's folder: lossless wires only.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File for the problem.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print joulecut.problem/1 as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Put two profiles, their network's wires, a link and a service level into a problem for `joulecut plan`."""
    wires = _given(edge, server, wires, out, json=json)
    if quantile is not None and slo_ms is None:
        raise ConfigError(f"--quantile {quantile:g}: without --slo-ms; expected the deadline that this share keeps")
    weights = _weights(objective, edge_weight, server_weight)
    from joulecut.long_work.progress import Narrator  # noqa: PLC0415
    from joulecut.own.measured import read_measured  # noqa: PLC0415 - NumPy and SciPy; --help must not wait
    from joulecut.own.problem import problem as posed_of  # noqa: PLC0415
    from joulecut_core.documents import cannot_write, write_json  # noqa: PLC0415
    from joulecut_planner.problem_file import problem_document  # noqa: PLC0415

    measured = read_measured(edge, server, wires)
    posed = posed_of(
        edge=measured.edge,
        server=measured.server,
        wires=measured.wires,
        uplink_bps=uplink_mbps * 1e6,
        downlink_bps=None if downlink_mbps is None else downlink_mbps * 1e6,
        rtt_s=rtt_ms / 1e3,
        uplink_w=uplink_w,
        downlink_w=downlink_w,
        latency_s=None if slo_ms is None else slo_ms / 1e3,
        quantile=quantile,
        rate_hz=rate_hz,
        max_accuracy_loss=max_accuracy_loss,
        objective=weights,
    )
    document = problem_document(posed)
    if out is not None:
        try:
            write_json(out, document)
        except OSError as error:
            said = f"--out {out}: cannot be written: {error.strerror}; choose another file"
            raise cannot_write(said, error, ConfigError) from error
    if json:
        typer.echo(json_format.dumps(document, indent=1, allow_nan=False))
    else:
        _show(posed, measured, Console())
    if out is not None:
        Narrator(as_json=json, quiet=quiet).note(f"wrote {out}; plan it with: joulecut plan {out}")


def _given(edge: Path, server: Path, wires: Path | None, out: Path | None, *, json: bool) -> Path:
    """The wires, where all that a problem needs is given; nothing has been read yet."""
    if wires is None:
        raise ConfigError(
            "no --wires; expected the bundle's folder, for lossless wires only, or a table of measured ones: "
            "`joulecut profile BUNDLE --wires-out wires.json`"
        )
    if out is None and not json:
        raise ConfigError("neither --out nor --json; expected a file for the problem, or --json to print it")
    check_apart("--out", out, (edge, server, wires), purpose="the problem")
    return wires


def _weights(objective: ObjectiveOption | None, edge_weight: float | None, server_weight: float | None) -> Objective:
    given = {"--edge-weight": edge_weight, "--server-weight": server_weight}
    if objective is not None:
        for option, weight in given.items():
            if weight is not None:
                raise ConfigError(f"{option} {weight:g}: beside --objective {objective.value}; leave out one of them")
        return Objective(server_weight=0.0) if objective is ObjectiveOption.BATTERY else Objective()
    return Objective(
        edge_weight=1.0 if edge_weight is None else edge_weight,
        server_weight=1.0 if server_weight is None else server_weight,
    )


def _show(posed: Problem, measured: Measured, console: Console) -> None:
    wires = sum(len(cut.wires) for cut in posed.cuts if cut.allowed)
    console.print(
        f"{plain(measured.edge.network)}: {len(posed.cuts)} cuts with {wires} wires, "
        f"{len(posed.edge.points)} operating points of the edge and {len(posed.server.points)} of the server",
        soft_wrap=True,
    )
    for side, profile in (("edge", measured.edge), ("server", measured.server)):
        console.print(f"{side}: {profile.figures.value} on {plain(profile.key.device)}", soft_wrap=True)
    console.print(f"wires from samples: {plain(measured.wires.samples_from)}", soft_wrap=True)
