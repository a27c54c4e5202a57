"""`joulecut profile`: measure a network on a device, and what its wires cost."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from joulecut.commands.quiet import Quiet
from joulecut_runtime.devices.completions import bundle_completions, device_completions


class SideOption(str, Enum):
    """The values of --side."""

    EDGE = "edge"
    SERVER = "server"


def profile(
    bundle: Annotated[
        Path, typer.Argument(help="Folder that `joulecut pack` wrote.", autocompletion=bundle_completions)
    ],
    *,
    device: Annotated[
        str,
        typer.Option(
            help="Device to measure on: emulated:orin-nano-15w, jetson, nvml, cpu, auto.",
            autocompletion=device_completions,
        ),
    ],
    side: Annotated[SideOption, typer.Option(help="Whose parts and codecs to measure.")],
    out: Annotated[
        Path | None, typer.Option(help="File for the profile. Default: the user's cache, where agents find it.")
    ] = None,
    slowdown: Annotated[
        float | None,
        typer.Option(help="Pace an emulated device at so many wall seconds per second. Default: virtual time."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Order of the clocks, made-up inputs and the emulated device's noise.")] = 0,
    rate_hz: Annotated[
        list[float] | None, typer.Option(help="Also measure the board's own governor at this request rate.")
    ] = None,
    most_points: Annotated[
        int | None,
        typer.Option(
            help="Measure at most so many operating points, each chosen where decisions are least sure, "
            "and stop once they are sure. Default: a fixed grid."
        ),
    ] = None,
    wires_out: Annotated[Path | None, typer.Option(help="Also measure every codec at every cut; file for it.")] = None,
    samples: Annotated[
        Path | None, typer.Option(help="Folder of pictures for the wires. Default: crops of the sample pictures.")
    ] = None,
    crops: Annotated[int, typer.Option(min=1, help="How many crops of the sample pictures.")] = 200,
    clockd_socket: Annotated[
        str | None, typer.Option(help="Socket of joulecut-clockd, which sets a real device's clocks for users.")
    ] = None,
    hold_clocks: Annotated[
        bool, typer.Option(help="Measure at held clocks; without, a real device's governor sets them.")
    ] = True,
    busy_w: Annotated[
        float | None, typer.Option(help="Watts of a real device without a meter while it computes; with --wait-w.")
    ] = None,
    wait_w: Annotated[float | None, typer.Option(help="Its watts while it waits.")] = None,
    host_w: Annotated[float | None, typer.Option(help="Watts of the host beside a GPU board, added to it.")] = None,
    host_meter: Annotated[bool, typer.Option(help="Take the host's watts from its own meter.")] = False,
    engine: Annotated[str, typer.Option(help="How parts compute: eager, compile or cuda-graph.")] = "eager",
    precision: Annotated[str, typer.Option(help="What they compute in: fp32, fp16 or bf16.")] = "fp32",
    as_json: Annotated[bool, typer.Option("--json", help="Print joulecut.profiled/1 as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Measure a network on a device, block by block, and write the profile that plans are made from.

    Interrupted, it keeps what it has measured beside the profile's file; the same command goes on from there.
    """
    from joulecut.long_work.progress import Narrator  # noqa: PLC0415
    from joulecut.profiling.course import ProfileOrder, carry_out  # noqa: PLC0415 - torch takes seconds; --help must not
    from joulecut.profiling.report import print_profiled, profiled_document  # noqa: PLC0415
    from joulecut_runtime.devices.options import DeviceOptions  # noqa: PLC0415

    options = DeviceOptions(
        clockd_socket=clockd_socket or "",
        hold_clocks=hold_clocks,
        busy_w=busy_w,
        wait_w=wait_w,
        host_w=host_w,
        host_meter=host_meter,
        engine=engine,
        precision=precision,
    )
    profiled = carry_out(
        ProfileOrder(
            bundle=bundle,
            device=device,
            side="edge" if side is SideOption.EDGE else "server",
            out=out,
            slowdown=slowdown,
            seed=seed,
            rates_hz=tuple(rate_hz or ()),
            most_points=most_points,
            wires_out=wires_out,
            samples=samples,
            crops=crops,
            options=options,
        ),
        Narrator(as_json=as_json, quiet=quiet),
    )
    if as_json:
        typer.echo(json.dumps(profiled_document(profiled), indent=1, allow_nan=False))
    else:
        print_profiled(profiled, Console())
