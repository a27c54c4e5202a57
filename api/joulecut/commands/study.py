"""`joulecut study`: batch size, clock and engine against energy."""

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

_DEFAULT_BATCHES, _QUICK_BATCHES = "1,2,4,8,16,32", "1,8"
_DEFAULT_CLOCKS, _QUICK_CLOCKS = "16", "4"


def study(
    networks: Annotated[
        list[str] | None,
        typer.Argument(
            help="efficientnet-lite0, a network of torchvision such as resnet50 (random weights), "
            "package.module:factory, or a bundle's folder. Default: efficientnet-lite0 and resnet50."
        ),
    ] = None,
    *,
    device: Annotated[
        str,
        typer.Option(
            help="Device to study, for example emulated:v100, nvml or cpu.", autocompletion=device_completions
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for CSV files, plots, a page that explains them, and the journal.")],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="dtype:1xBxC of an input tensor of a factory, at batch 1; once per input."),
    ] = None,
    batches: Annotated[str | None, typer.Option(help=f"Batch sizes. Default: {_DEFAULT_BATCHES}.")] = None,
    clocks: Annotated[
        str | None,
        typer.Option(
            help="all, how many to spread over the clock table, or core clocks in MHz with a comma. "
            f"Default: {_DEFAULT_CLOCKS}."
        ),
    ] = None,
    engines: Annotated[
        str, typer.Option(help="Some of eager, compile, cuda-graph, onnxruntime, tensorrt; what is missing is said.")
    ] = "all",
    revenue: Annotated[
        str, typer.Option(help="slo, prompt, efficiency, or package.module:function of a RevenueCase.")
    ] = "slo",
    slo_ms: Annotated[
        float | None, typer.Option(help="Deadline, ms. Default: 5 times the latency at the default setting.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Order of the clocks and the emulated device's noise.")] = 0,
    parts: Annotated[bool, typer.Option("--parts", help="Also measure head and tail of up to 8 cuts.")] = False,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help=f"Shorter windows; {_QUICK_CLOCKS} clocks and batches {_QUICK_BATCHES} unless given."
        ),
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted study stopped.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print every number as JSON.")] = False,
    html: HtmlPage = None,
    export: Export = None,
    grid_intensity: GridIntensity = None,
    embodied_g: EmbodiedCarbon = None,
    quiet: Quiet = False,
) -> None:
    """Sweep batch sizes, clocks and engines on one device, and say which settings and findings of the paper hold.

    After Yao et al. 2020. Interrupted, it keeps what it has measured in the folder; --resume goes on from there.
    """
    from joulecut.long_work.interruption import interruptible  # noqa: PLC0415
    from joulecut.long_work.output_folders import check_folder  # noqa: PLC0415
    from joulecut.long_work.progress import Narrator  # noqa: PLC0415
    from joulecut.study.cell_meter import QUICK, MeterPlan  # noqa: PLC0415 - torch takes seconds; --help must not
    from joulecut.study.course import StudyOrder, StudyRun  # noqa: PLC0415
    from joulecut.study.engine_names import parse_engines  # noqa: PLC0415
    from joulecut.study.output import document, write_folder  # noqa: PLC0415
    from joulecut.study.page import study_report  # noqa: PLC0415
    from joulecut.study.pricing import Pricing, find_revenue  # noqa: PLC0415
    from joulecut.study.subjects import DEFAULT_NETWORKS  # noqa: PLC0415
    from joulecut.study.terminal import print_study  # noqa: PLC0415

    order = StudyOrder(
        networks=tuple(networks or DEFAULT_NETWORKS),
        inputs=tuple(inputs or ()),
        device=device,
        batches=_batches(batches or (_QUICK_BATCHES if quick else _DEFAULT_BATCHES)),
        clocks=clocks or (_QUICK_CLOCKS if quick else _DEFAULT_CLOCKS),
        engines=parse_engines(engines),
        parts=parts,
        pricing=Pricing(model=find_revenue(revenue), slo_s=None if slo_ms is None else slo_ms / 1e3),
        meter=QUICK if quick else MeterPlan(),
        seed=seed,
    )
    wish = report_wish(html, export, grid_intensity, embodied_g)
    narrator = Narrator(as_json=json, quiet=quiet)
    check_folder("--out", out)
    with narrator.step("looking at the device and the networks"):
        run = StudyRun(order, out, resume=resume)
    if run.resumed:
        narrator.note(f"resumed: {run.resumed} cells were measured before the interruption")
    with interruptible(lambda: run.kept, needs=("--resume",)):
        with narrator.bar("study") as progress:
            result = run.measure(progress)
        with narrator.step("drawing"):
            written = write_folder(result, out)
            wish.carry_out(lambda carbon: study_report(result, carbon=carbon), narrator.note)
    for path in written:
        narrator.note(f"wrote {path}")
    run.finish()
    if json:
        typer.echo(json_format.dumps(document(result), indent=1, allow_nan=False))
    else:
        print_study(result, Console())


def _batches(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(word) for word in text.split(","))
    except ValueError as cause:
        raise ConfigError(f"--batches {text!r}; expected whole numbers with commas between, for example 1,8") from cause
    if min(sizes) < 1:
        raise ConfigError(f"--batches {text}: a batch of {min(sizes)}; expected at least 1")
    return sizes
