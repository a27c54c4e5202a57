"""How well are blocks priced that are too short to meter? `python -m benchmarks.block_power`.

    for each device, emulated, on virtual time:
        for each network and batch: profile the whole, meter every block that is long enough
        cross-validate every regressor; choose
        for each network: learn from the others, price this one, compare its unmetered blocks with the
                          emulator's own law, which nothing here has seen

Emulated: what is learned is the emulator's law. The path is the one that a real device takes.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import torch
from tests.networks.zoo import NAMES, build
from torch import Tensor, nn

from joulecut.networks import efficientnet_lite0
from joulecut_core.block_features import BlockFeatures
from joulecut_core.block_measurements import BlockMeasurements
from joulecut_core.documents import write_bytes
from joulecut_core.figures import FigureKind
from joulecut_core.timing import ManualClock
from joulecut_planner.block_power.model import BlockPowerModel, fit_block_power, refit
from joulecut_planner.block_power.regressors import CANDIDATES
from joulecut_planner.block_power.scores import Scores
from joulecut_planner.choices.grids import Array
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.devices import opening
from joulecut_runtime.devices.device_file import load_device_file
from joulecut_runtime.devices.laws import Laws
from joulecut_runtime.networks.block_features import block_features
from joulecut_runtime.networks.network import Network
from joulecut_runtime.profiling.block_meter import BlockMeterPlan, meter_blocks
from joulecut_runtime.profiling.plan import ProfilePlan
from joulecut_runtime.profiling.profiler import profile_network
from joulecut_runtime.profiling.recorded_network import RecordedNetwork

RESULTS = Path(__file__).parent / "results"
DEVICES = ("orin-nano-15w", "tx2", "t4")
BATCHES = (1, 4)
EFFICIENTNET = "efficientnet_lite0"
QUICK_NETWORKS = (EFFICIENTNET, "mobilenet_v2")
QUICK_CANDIDATES = CANDIDATES[:3]
METER = BlockMeterPlan()
COLUMNS = (
    *("device", "network", "batch", "core_mhz", "memory_mhz", "blocks", "predicted", "whole_mj", "gap_pct"),
    *("predicted_factor", "metered_factor", "flat_error_pct", "raw_error_pct", "priced_error_pct"),
)
"""One row per device, network, batch and point; errors are medians over its predicted blocks, empty without any."""

_HEADINGS = (
    "| regressor, features | plain: R², at one clock; RMSE | grouped: R², at one clock; RMSE "
    "| shorter: R², at one clock; RMSE | whole, mean % | whole, median / p95 % | error % |"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A network at a batch, and what a device sees of its blocks. `recorded` answers without computing."""

    network: Network
    recorded: RecordedNetwork
    blocks: tuple[BlockFeatures, ...]
    inputs: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Blocks on one device as metered, and the watts of the emulator's law, of shape (points, blocks)."""

    blocks: BlockMeasurements
    exact_w: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """One network at one point, priced by a model that has not seen the network; errors are of predicted blocks.

    `flat`: every block at the whole's watts. `raw`: as predicted. `closed`: made to add up to the whole.
    """

    blocks: BlockMeasurements
    point: int
    predicted: int
    gap: float
    predicted_factor: float
    metered_factor: float
    flat: Array
    raw: Array
    closed: Array


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, learn, price; write table and summary."""
    parser = argparse.ArgumentParser(description="Learn the watts of blocks on emulated devices and price short ones.")
    parser.add_argument("--out", type=Path, default=RESULTS, help="Folder for block_power.csv and block_power.md.")
    parser.add_argument("--quick", action="store_true", help="Two networks, one device, the simple regressors.")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    names, batches = (QUICK_NETWORKS, (1,)) if options.quick else ((EFFICIENTNET, *NAMES), BATCHES)
    subjects = [subject(name, batch) for name in names for batch in batches]
    sections, priced = [], []
    for device in DEVICES[:1] if options.quick else DEVICES:
        measured = [measure(each, device) for each in subjects]
        candidates = QUICK_CANDIDATES if options.quick else CANDIDATES
        model = fit_block_power([each.blocks for each in measured], candidates=candidates)
        found = list(left_out_prices(model, measured))
        sections.append(section(device, model, measured, found))
        priced += found
        print(sections[-1])
    write_bytes(options.out / "block_power.csv", csv_text(priced).encode())
    write_bytes(options.out / "block_power.md", "\n".join((_head(len(names), batches), *sections)).encode())
    print(f"wrote {options.out / 'block_power.csv'} and {options.out / 'block_power.md'}")


def subject(name: str, batch: int) -> Subject:
    """A captured network of the zoo, or the demo's, at a batch."""
    module, single = _demo_network() if name == EFFICIENTNET else build(name)
    inputs = tuple(tensor.repeat(batch, *[1] * (tensor.dim() - 1)) for tensor in single)
    network = Network(capture(module, inputs, name=name))
    recorded = RecordedNetwork(network, inputs)
    return Subject(network=network, recorded=recorded, blocks=block_features(network), inputs=inputs)


def measure(each: Subject, device_name: str) -> Measured:
    """Profile the whole, then meter its blocks, both in the emulated device's own time."""
    clock = ManualClock()
    device = opening.open_device(f"emulated:{device_name}", clock=clock)
    plan = ProfilePlan(part_core_clocks=0, codec_runs=1)
    profile = profile_network(each.recorded, device, side="edge", clock=clock, inputs=each.inputs, plan=plan)
    blocks = meter_blocks(
        each.recorded, device, profile, blocks=each.blocks, clock=clock, inputs=each.inputs, plan=METER
    )
    device.close()
    laws = Laws(load_device_file(Path(opening.__file__).parent / "files" / f"{device_name}.toml"))
    exact_w = [
        [laws.block_cost(block.operations, point.achieved).power_w for block in each.network.table.blocks]
        for point in blocks.points
    ]
    return Measured(blocks=blocks, exact_w=np.array(exact_w))


def left_out_prices(model: BlockPowerModel, measured: Sequence[Measured]) -> Iterator[Priced]:
    """Every network priced by the model's choice, fitted to all other networks."""
    for name in dict.fromkeys(each.blocks.network for each in measured):
        others = tuple(each.blocks for each in measured if each.blocks.network != name)
        fitted = refit(others, model.reports, model.chosen, seed=model.seed)
        for each in measured:
            if each.blocks.network == name:
                yield from _priced(fitted, each)


def _priced(fitted: BlockPowerModel, each: Measured) -> Iterator[Priced]:
    predicted_w = fitted.power_w(each.blocks)
    for index, point in enumerate(fitted.prices(each.blocks).points):
        chosen = np.array([kind is FigureKind.ESTIMATED for kind in point.kinds])
        exact_w = each.exact_w[index][chosen]
        yield Priced(
            blocks=each.blocks,
            point=index,
            predicted=int(chosen.sum()),
            gap=point.gap,
            predicted_factor=point.predicted_factor,
            metered_factor=point.metered_factor,
            flat=np.abs(each.blocks.points[index].whole_w / exact_w - 1.0),
            raw=np.abs(predicted_w[index][chosen] / exact_w - 1.0),
            closed=np.abs(np.array(point.block_w)[chosen] / exact_w - 1.0),
        )


def section(device: str, model: BlockPowerModel, measured: Sequence[Measured], priced: Sequence[Priced]) -> str:
    """One device's part of the summary."""
    metered = sum(each.blocks.metered for each in measured)
    rows = sum(each.exact_w.size for each in measured)
    gaps = np.abs([each.gap for each in priced])
    factors = np.array([each.predicted_factor for each in priced if each.predicted])
    stated = model.report.whole.p95
    table = [
        f"| {report.candidate}{' **(chosen)**' if report.candidate == model.chosen else ''} | {_cells(report.plain)} | "
        f"{_cells(report.grouped)} | {_cells(report.shorter)} | {report.whole.mean * 100:+.1f} | "
        f"{report.whole.median * 100:.1f} / {report.whole.p95 * 100:.1f} | {report.error * 100:.1f} |"
        for report in model.reports
    ]
    judged = (
        ("the whole network (flat)", np.concatenate([each.flat for each in priced])),
        ("the prediction", np.concatenate([each.raw for each in priced])),
        ("the prediction, closed to the whole", np.concatenate([each.closed for each in priced])),
    )
    closing = (
        f"Before closing, blocks missed their whole by {np.median(gaps) * 100:.1f} % (median) and "
        f"{np.quantile(gaps, 0.95) * 100:.1f} % (p95); stated: {stated * 100:.1f} %, kept by "
        f"{(gaps <= stated).mean() * 100:.0f} % of {len(gaps)} wholes. Factors on predicted watts: {_span(factors)}."
    )
    lines = [
        f"## {device}",
        "",
        f"{metered} of {rows} rows (block, batch, point) were long enough to meter. Chosen: {model.chosen}.",
        "",
        _HEADINGS,
        "|---|---|---|---|---|---|---|",
        *table,
        "",
        "Blocks too short to meter, in networks that the model has not seen, against the emulator's law:",
        "",
        "| watts taken from | rows | median % | p95 % |",
        "|---|---|---|---|",
        *(
            f"| {label} | {len(errors)} | {np.median(errors) * 100:.1f} | {np.quantile(errors, 0.95) * 100:.1f} |"
            for label, errors in judged
            if len(errors)
        ),
        "",
        closing,
        "",
    ]
    return "\n".join(lines)


def csv_text(priced: Iterable[Priced]) -> str:
    """The table."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in priced:
        blocks, point = each.blocks, each.blocks.points[each.point]
        errors = [f"{np.median(error) * 100:.3f}" if len(error) else "" for error in (each.flat, each.raw, each.closed)]
        writer.writerow(
            (
                *(blocks.key.device, blocks.network, blocks.key.batch, point.achieved.core_mhz),
                *("" if point.achieved.memory_mhz is None else point.achieved.memory_mhz, len(blocks.blocks)),
                *(each.predicted, f"{point.whole_j * 1e3:.4f}", f"{each.gap * 100:.3f}"),
                *(f"{each.predicted_factor:.4f}", f"{each.metered_factor:.4f}", *errors),
            )
        )
    return text.getvalue()


def _demo_network() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return efficientnet_lite0(), (torch.randint(0, 256, (1, 3, 224, 224), dtype=torch.uint8),)


def _cells(scores: Scores) -> str:
    return f"{scores.r2:.3f}, {scores.r2_at_clock:.2f}; {scores.rmse_w:.2f} W"


def _span(factors: Array) -> str:
    if not len(factors):
        return "none were predicted"
    low, middle, high = np.quantile(factors, (0.05, 0.5, 0.95))
    return f"{middle:.2f} (median), {low:.2f} to {high:.2f} (5 to 95 %)"


def _head(networks: int, batches: Sequence[int]) -> str:
    scope = (
        f"**Emulated.** {networks} networks at batch {', '.join(map(str, batches))}, weights at random, on emulated "
        "devices: what is learned here is the emulator's law, and what it shows is how well a law of that shape can be "
        "learned. It says nothing about a real board."
    )
    how = (
        f"Made {datetime.now(timezone.utc):%Y-%m-%d} by `python -m benchmarks.block_power`, scikit-learn "
        f"{importlib.metadata.version('scikit-learn')}. A block is metered where {METER.most_runs} runs of it fill "
        f"{METER.window_periods} periods of the device's meter. "
        "[What the columns mean](../../docs/explanation-block-power.md)."
    )
    return "\n".join(("# Power of single blocks", "", scope, "", how, ""))


if __name__ == "__main__":
    main()
