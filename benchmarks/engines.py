"""Parts of networks on a GPU under every engine and precision. `python -m benchmarks.engines`.

    per network and batch: the CPU's answer in fp32
        per engine and precision: whole, head, tail at the middle cut
            prepare | compare | timed runs -> copies in, computing, copies back | busy window -> W, mJ per run
    -> one row each in <out>.csv; rows measured again replace the old ones; <out>.md is made from them

Reads the GPU and sets nothing: clocks are the governor's, and stand in every row. Works on a CPU for a dry run
(`--cpu`), which is written nowhere unless told where.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import io
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path

import torch
from tests.networks.zoo import NAMES, build
from torch import Tensor

from joulecut_core.devices import Device
from joulecut_core.documents import write_bytes
from joulecut_core.errors import ConfigError, DeviceError
from joulecut_core.timing import SystemClock
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.devices.hardware.device import HardwareDevice
from joulecut_runtime.devices.hardware.no_authority import NoAuthority
from joulecut_runtime.devices.nvml import NvmlProbe
from joulecut_runtime.engines import (
    EngineName,
    EngineNetwork,
    Precision,
    PreparedPart,
    engine_obstacle,
    open_engine,
    synchroniser,
)
from joulecut_runtime.networks.network import Network
from joulecut_runtime.profiling.meter_windows import busy_window, idle_window

_RESULTS = Path(__file__).parent / "results"
_CLOCK = SystemClock()
_TICKS = 20
_EMPTY = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One part under one engine; every figure as text, empty where it could not be had."""

    network: str
    batch: str
    engine: str
    precision: str
    part: str
    prepare_s: str = _EMPTY
    copy_in_ms: str = _EMPTY
    compute_ms: str = _EMPTY
    copy_out_ms: str = _EMPTY
    run_ms: str = _EMPTY
    busy_w: str = _EMPTY
    busy_std_w: str = _EMPTY
    run_mj: str = _EMPTY
    core_mhz: str = _EMPTY
    difference: str = _EMPTY
    remark: str = _EMPTY

    @property
    def key(self) -> tuple[str, ...]:
        """What a newer row replaces."""
        return self.network, self.batch, self.engine, self.precision, self.part


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where and how long to measure; `device` is None where there is no meter."""

    torch_device: torch.device
    device: Device | None
    periods: int
    runs: int


def main() -> None:
    """Measure what was asked for and write the table."""
    options = _parser().parse_args()
    if not options.cpu and not torch.cuda.is_available():
        print(f"torch {torch.__version__} finds no CUDA device: nothing to measure (--cpu: a dry run of the same path)")
        return
    torch.set_num_threads(options.threads)
    torch_device = torch.device("cpu") if options.cpu else torch.device("cuda", 0)
    name = "CPU, a dry run" if options.cpu else torch.cuda.get_device_name(torch_device)
    device: Device | None = None
    lines = ["No meter: a dry run."]
    if not options.cpu:
        # Idle watts are those with a context, which CUDA makes with the first allocation.
        _context = torch.ones(1, device=torch_device)
        uuid = str(torch.cuda.get_device_properties(torch_device).uuid)
        device, lines = opened(uuid, synchroniser(torch_device))
    bench = Bench(torch_device=torch_device, device=device, periods=options.periods, runs=options.runs)
    out: Path | None = options.out
    if out is None and not options.cpu:
        out = _RESULTS / f"engines_{name.lower().replace('nvidia', '').strip().replace(' ', '-')}"
    print("\n".join(lines))
    rows = {} if out is None else _known(out.with_suffix(".csv"))
    try:
        for network in options.networks:
            for batch in options.batches:
                for row in _rows(bench, network, batch, options):
                    rows[row.key] = row
                    print(" | ".join(value for value in dataclasses.astuple(row) if value), flush=True)
                    if out is not None:
                        _write(out, name, lines, list(rows.values()))
    finally:
        if device is not None:
            device.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure parts of networks under every engine and precision.")
    parser.add_argument("--networks", nargs="+", choices=NAMES, default=["resnet50", "bert"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--engines", nargs="+", type=EngineName, default=list(EngineName))
    parser.add_argument("--precisions", nargs="+", type=Precision, default=list(Precision))
    parser.add_argument("--runs", type=int, default=30, help="timed runs of each part")
    parser.add_argument("--periods", type=int, default=20, help="periods of the meter in a busy window")
    parser.add_argument("--threads", type=int, default=1, help="threads of the CPU's share")
    parser.add_argument("--out", type=Path, help="path of the table without its suffix")
    parser.add_argument("--cpu", action="store_true", help="a dry run on the CPU")
    return parser


def _rows(bench: Bench, name: str, batch: int, options: argparse.Namespace) -> Iterator[Row]:
    module, inputs = build(name)
    inputs = tuple(_batch_of(batch, tensor) for tensor in inputs)
    network = Network(capture(module, inputs, name=name))
    cut = network.table.last // 2
    crossing = network.head(cut)(inputs)
    expected = {"head": crossing, "tail": network.tail(cut)(crossing), "whole": network.whole(inputs)}
    for engine in options.engines:
        for precision in options.precisions:
            blank = Row(network=name, batch=str(batch), engine=engine.value, precision=precision.value, part="whole")
            obstacle = engine_obstacle(engine, bench.torch_device)
            if obstacle is not None:
                yield dataclasses.replace(blank, remark=f"not available: {obstacle}")
                continue
            prepared = EngineNetwork(
                network, open_engine(engine, precision, torch_device=bench.torch_device, clock=_CLOCK)
            )
            for name_of_part, part, tensors in (
                ("whole", network.whole, inputs),
                ("head", network.head(cut), inputs),
                ("tail", network.tail(cut), crossing),
            ):
                row = dataclasses.replace(blank, part=name_of_part)
                try:
                    yield _measured(bench, row, prepared.prepared(part), tensors, expected[name_of_part])
                except (ConfigError, DeviceError) as error:
                    yield dataclasses.replace(row, remark=str(error))


def _measured(bench: Bench, row: Row, part: PreparedPart, tensors: Sequence[Tensor], expected: Sequence[Tensor]) -> Row:
    difference = max(float((a - e).abs().max() / e.abs().max()) for a, e in zip(part(tensors), expected, strict=True))
    part(tensors)
    stages = [part.timed(tensors)[1] for _ in range(bench.runs)]
    row = dataclasses.replace(
        row,
        prepare_s=f"{part.preparation_s:.2f}",
        copy_in_ms=_ms([stage.copy_in_s for stage in stages]),
        compute_ms=_ms([stage.compute_s for stage in stages]),
        copy_out_ms=_ms([stage.copy_out_s for stage in stages]),
        difference=f"{difference:.1e}",
    )

    def run() -> float:
        began_s = _CLOCK.now_s()
        part(tensors)
        return _CLOCK.now_s() - began_s

    if bench.device is None:
        return dataclasses.replace(row, run_ms=_ms([run() for _ in range(bench.runs)]))
    window = busy_window(bench.device, _CLOCK, run, periods=bench.periods, runs=bench.runs)
    state = bench.device.state()
    return dataclasses.replace(
        row,
        run_ms=_ms(window.times_s),
        busy_w=f"{window.energy.power_w:.1f}",
        busy_std_w=f"{window.energy.power_std_w:.1f}",
        run_mj=f"{1e3 * window.energy.power_w * statistics.fmean(window.times_s):.2f}",
        core_mhz=f"{state.point.core_mhz:g}",
        remark=", ".join(sorted(reason.value for reason in state.throttle)),
    )


def opened(uuid: str, synchronise: Callable[[], None]) -> tuple[Device | None, list[str]]:
    """The GPU's meter, if it has one, and what can be said of it. Nobody is given the right to set its clocks."""
    try:
        probe = NvmlProbe(f"GPU-{uuid}", clock=_CLOCK)
    except DeviceError as error:
        return None, [f"No meter, hence seconds only: {error}"]
    authority = NoAuthority("a benchmark leaves clocks as they are")
    device = HardwareDevice(probe, authority, clock=_CLOCK, synchronise=synchronise)
    info, state = device.info, device.state()
    lines = [
        f"{info.name}, {info.backend} {info.driver}, watts of: {info.power_scope}.",
        *(f"{key}: {value}." for key, value in sorted(info.notes.items())),
        f"Found at {state.point}, {state.temperature_c} C, clocks the governor's.",
    ]
    try:
        idle = idle_window(device, _CLOCK, periods=_TICKS)
        lines.append(f"Counter: a new value every {_period_s(device) * 1e3:.1f} ms (median of {_TICKS}).")
        lines.append(f"Idle with a context loaded: {idle.power_w:.1f} W, ± {idle.power_std_w:.1f} W.")
    except DeviceError as error:
        device.close()
        return None, [*lines, f"No meter, hence seconds only: {error}"]
    return device, lines


def _period_s(device: Device) -> float:
    """Median time between two values of the meter, polled without a pause."""
    changes: list[float] = []
    last_j = device.state().energy_j
    deadline_s = _CLOCK.now_s() + 10
    while len(changes) <= _TICKS and _CLOCK.now_s() < deadline_s:
        state = device.state()
        if state.energy_j != last_j:
            last_j = state.energy_j
            changes.append(state.time_s if state.energy_time_s is None else state.energy_time_s)
    if len(changes) < 3:
        raise DeviceError(f"the meter of {device.info.name} changed {len(changes)} times in 10 s; expected many more")
    return statistics.median(later - earlier for earlier, later in pairwise(changes))


def _batch_of(batch: int, like: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(batch)
    shape = (batch, *like.shape[1:])
    if like.dtype.is_floating_point:
        return torch.randn(shape, generator=generator)
    return torch.randint(0, int(like.max()) + 1, shape, generator=generator, dtype=like.dtype)


def _ms(seconds: Sequence[float]) -> str:
    return f"{1e3 * statistics.median(seconds):.3f}"


def _known(path: Path) -> dict[tuple[str, ...], Row]:
    if not path.is_file():
        return {}
    rows = [Row(**values) for values in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))]
    return {row.key: row for row in rows}


def _write(out: Path, name: str, lines: Sequence[str], rows: Sequence[Row]) -> None:
    fields = [field.name for field in dataclasses.fields(Row)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows(dataclasses.astuple(row) for row in rows)
    write_bytes(out.with_suffix(".csv"), text.getvalue().encode())
    scope = (
        f"Measured {datetime.now(timezone.utc):%Y-%m-%d}, torch {torch.__version__}, random weights and inputs, one "
        "engine after the other. `difference` is the largest from the CPU's fp32 answer, of the output's largest "
        "magnitude. `run` is a whole call, from host memory to host memory. `busy_w` is the mean draw back to back "
        "with its standard uncertainty, `run_mj` that draw times the mean run, nothing subtracted."
    )
    document = (
        f"# Engines on {name}",
        scope,
        "\n".join(f"- {line}" for line in lines),
        "\n".join(
            (
                f"| {' | '.join(fields)} |",
                f"|{'---|' * len(fields)}",
                *(f"| {' | '.join(dataclasses.astuple(row))} |" for row in rows),
            )
        ),
    )
    write_bytes(out.with_suffix(".md"), ("\n\n".join(document) + "\n").encode())


if __name__ == "__main__":
    main()
