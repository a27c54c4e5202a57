"""`joulecut simulate`: serving policies on a trace of arrivals, compared in virtual time."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from joulecut.commands.quiet import Quiet
from joulecut.commands.report_options import EmbodiedCarbon, Export, GridIntensity, HtmlPage, report_wish
from joulecut_core.errors import ConfigError
from joulecut_runtime.devices.completions import device_completions
from joulecut_server.serving.options import POLICIES


def _policies(incomplete: str) -> list[str]:
    """What a list of policies that ends so can go on with."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in ("all", *POLICIES) if name.startswith(last)]


def simulate(
    *,
    trace: Annotated[
        str,
        typer.Option(
            help="CSV file with a column time_s (and network, edge, entry, priority where known), or a made-up one: "
            "periodic, poisson, bursty, diurnal."
        ),
    ],
    policy: Annotated[
        str, typer.Option(help="Policies with commas between, or all.", autocompletion=_policies)
    ] = "all",
    slo_ms: Annotated[
        float | None,
        typer.Option(help="Deadline, ms. Default: 3 times the latency of a request alone at the highest clock."),
    ] = None,
    tables: Annotated[Path | None, typer.Option(help="Service table, a joulecut.service/1 file.")] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="Instead of --tables: network whose table is made, with --device. efficientnet-lite0, digits, a "
            "network of torchvision, package.module:factory, or a bundle's folder."
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="Device to make the table on, for example emulated:v100.", autocompletion=device_completions),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="dtype:1xBxC of an input tensor where --network is a factory; once per input."),
    ] = None,
    utilisation: Annotated[
        str | None,
        typer.Option(
            help="Replay at these shares of what the highest clock sustains in time, for example 0.2,0.5,0.8."
        ),
    ] = None,
    rate_hz: Annotated[str | None, typer.Option(help="Replay at these mean rates, in requests per second.")] = None,
    scale: Annotated[str | None, typer.Option(help="Replay at so many times the trace's own rate.")] = None,
    accuracy_floor: Annotated[
        str, typer.Option(help="Least mean accuracy of the answers: 0.97, or a share of full precision's.")
    ] = "99.5%",
    variants: Annotated[
        str | None, typer.Option(help="Only these precisions of the table, for example fp32. Default: all.")
    ] = None,
    power_cap_w: Annotated[
        float | None, typer.Option(help="Most watts that a policy may make the device draw.")
    ] = None,
    int8_speedup: Annotated[
        str | None,
        typer.Option(help="Assume that INT8 is so many times as fast as full precision, for example 1.5,2,3."),
    ] = None,
    switch_ms: Annotated[
        float | None, typer.Option(help="Assume that nothing runs for so long after a change of the clock.")
    ] = None,
    requests: Annotated[
        int | None, typer.Option(help="Only the first so many; of a made-up trace, how many. Default there: 10000.")
    ] = None,
    gap_variation: Annotated[
        float, typer.Option(help="Coefficient of variation of the gaps of a bursty trace, above 1.")
    ] = 10.0,
    trace_network: Annotated[
        str | None, typer.Option(help="Take the requests of this network of the trace; * takes all.")
    ] = None,
    link: Annotated[
        Path | None,
        typer.Option(help="Link trace (CSV with time_s, bandwidth_bps) that requests come over, or a folder of them."),
    ] = None,
    payload_bytes: Annotated[float | None, typer.Option(help="Bytes of a request on that link.")] = None,
    most_waiting: Annotated[int, typer.Option(help="Places in the line of waiting requests.")] = 1024,
    most_per_edge: Annotated[
        int | None, typer.Option(help="Places that one edge may take. Default: no bound while others have room.")
    ] = None,
    idle_free: Annotated[
        bool,
        typer.Option(
            "--idle-free",
            help="Policies save the joules of batches and clock changes alone; those at rest are only reported.",
        ),
    ] = False,
    miss_share: Annotated[
        float, typer.Option(help="Share of the requests that joulecut may miss where that saves energy.")
    ] = 0.0075,
    bounds: Annotated[
        bool,
        typer.Option(
            "--bounds",
            help="Also say what no policy can beat with full precision, every arrival known beforehand: fewest misses, "
            "least joules. Takes some seconds for ten thousand requests.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of made-up traces.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for CSV files, plots and a page that explains them.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted simulation with the same --out stopped.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print joulecut.simulation/1 as JSON.")] = False,
    html: HtmlPage = None,
    export: Export = None,
    grid_intensity: GridIntensity = None,
    embodied_g: EmbodiedCarbon = None,
    quiet: Quiet = False,
) -> None:
    """Serve a trace of requests under several policies, in virtual time: who is late, and what it costs in joules.

    Interrupted, it keeps the runs that have ended in the folder of --out; --resume goes on from there.
    """
    from joulecut.long_work.interruption import interruptible  # noqa: PLC0415
    from joulecut.long_work.output_folders import check_folder  # noqa: PLC0415
    from joulecut.long_work.progress import Narrator  # noqa: PLC0415
    from joulecut.long_work.unfinished import Unfinished  # noqa: PLC0415
    from joulecut.simulation.arrivals import open_trace  # noqa: PLC0415
    from joulecut.simulation.course import carry_out  # noqa: PLC0415 - NumPy and the policies; --help must not wait
    from joulecut.simulation.kept_runs import KEPT_FILE, head_of  # noqa: PLC0415
    from joulecut.simulation.orders import (  # noqa: PLC0415
        SimulationOrder,
        TraceOrder,
        parse_floor,
        parse_loads,
        parse_names,
        parse_numbers,
        parse_trace,
    )
    from joulecut.simulation.output import document, write_folder  # noqa: PLC0415
    from joulecut.simulation.page import simulation_report  # noqa: PLC0415
    from joulecut.simulation.policy_choice import chosen_policies, make_policy  # noqa: PLC0415
    from joulecut.simulation.table_choice import TableOrder, choose_table  # noqa: PLC0415
    from joulecut.simulation.terminal import print_simulation  # noqa: PLC0415

    file, made = parse_trace(trace)
    table_order = TableOrder(file=tables, network=network, device=device, inputs=tuple(inputs or ()))
    order = SimulationOrder(
        trace=TraceOrder(
            file=file,
            made=made,
            requests=requests,
            gap_variation=gap_variation,
            network=trace_network,
            link=link,
            payload_bytes=payload_bytes,
        ),
        policies=chosen_policies(policy),
        loads=parse_loads(utilisation, rate_hz, scale),
        slo_s=None if slo_ms is None else slo_ms / 1e3,
        accuracy_floor=parse_floor(accuracy_floor),
        variants=() if variants is None else parse_names("--variants", variants),
        power_cap_w=power_cap_w,
        int8_speed_ups=(None,) if int8_speedup is None else parse_numbers("--int8-speedup", int8_speedup),
        switch_s=None if switch_ms is None else switch_ms / 1e3,
        most_waiting=most_waiting,
        most_per_edge=most_per_edge,
        counts_idle=not idle_free,
        miss_share=miss_share,
        bounds=bounds,
        seed=seed,
    )
    if resume and out is None:
        raise ConfigError("--resume: without --out; expected the folder of the simulation that was interrupted")
    wish = report_wish(html, export, grid_intensity, embodied_g, reads=(file, tables, link))
    if out is not None:
        check_folder("--out", out)
    narrator = Narrator(as_json=json, quiet=quiet)
    opened = open_trace(order.trace, seed)
    with interruptible(lambda: "the table is not made yet"), narrator.bar("measuring") as progress:
        chosen = choose_table(table_order, progress)
    unfinished = Unfinished(
        None if out is None else out / KEPT_FILE, head_of(order, chosen.table) if out is not None else {}, resume=resume
    )
    if unfinished.resumed:
        narrator.note(f"resumed: {unfinished.resumed} runs had ended before the interruption")
    needs = () if out is None else ("--resume",)
    with interruptible(lambda: unfinished.kept, needs=needs):
        with narrator.bar("simulating") as progress:
            result = carry_out(order, opened, chosen, make_policy, progress, unfinished)
        if out is not None:
            with narrator.step("drawing"):
                written = write_folder(result, out)
            for path in written:
                narrator.note(f"wrote {path}")
        wish.carry_out(lambda carbon: simulation_report(result, carbon=carbon), narrator.note)
    unfinished.remove()
    if json:
        typer.echo(json_format.dumps(document(result), indent=1, allow_nan=False))
    else:
        print_simulation(result, Console())
