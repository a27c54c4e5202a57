"""Are the two parts of a network as fast as the network they were cut from? `python -m benchmarks.parts`.

    for each network, in one process and one thread, the two in turn:
        eager whole | head, then tail, of the middle cut | eager whole | ...
    -> medians and their ratio; above 1 the parts are slower

Seconds are this host's, shared and noisy: the ratio is the figure.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

import torch
from tests.networks.zoo import NAMES, build
from torch import Tensor, nn

from joulecut.networks import efficientnet_lite0
from joulecut_core.documents import write_bytes
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.network import Network

_RESULTS = Path(__file__).parent / "results" / "parts.md"
_WARM_UP = 3


def main() -> None:
    """Measure every network and write the table."""
    parser = argparse.ArgumentParser(description="Time the parts of networks against their eager wholes.")
    parser.add_argument("--out", type=Path, default=_RESULTS)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = [_row("efficientnet_lite0", efficientnet_lite0(), _picture(), options.runs)]
    for name in NAMES:
        module, inputs = build(name)
        rows.append(_row(name, module, inputs, options.runs))
    write_bytes(options.out, _document(rows, options.runs).encode())
    print(f"wrote {options.out}")


def _picture() -> tuple[Tensor, ...]:
    return (torch.randint(0, 256, (1, 3, 224, 224), dtype=torch.uint8),)


def _row(name: str, module: nn.Module, inputs: tuple[Tensor, ...], runs: int) -> str:
    network = Network(capture(module, inputs, name=name))
    cut = network.table.last // 2
    head, tail = network.head(cut), network.tail(cut)
    with torch.inference_mode():
        whole_s, parts_s = _in_turn((lambda: module(*inputs), lambda: tail(head(inputs))), runs)
    ratio = parts_s / whole_s
    row = f"| {name} | {cut} of {network.table.last} | {whole_s * 1e3:.1f} | {parts_s * 1e3:.1f} | {ratio:.2f} |"
    print(row)
    return row


def _in_turn(works: Sequence[Callable[[], object]], runs: int) -> list[float]:
    seconds: list[list[float]] = [[] for _ in works]
    for run in range(_WARM_UP + runs):
        for work, taken in zip(works, seconds, strict=True):
            start_s = time.perf_counter()
            work()
            if run >= _WARM_UP:
                taken.append(time.perf_counter() - start_s)
    return [statistics.median(taken) for taken in seconds]


def _document(rows: Sequence[str], runs: int) -> str:
    scope = (
        f"Measured {datetime.now(timezone.utc):%Y-%m-%d} on a shared 2-core x86-64 machine without a GPU, torch "
        f"{torch.__version__}, one thread, medians of {runs} runs in turn; batch norm folded. The ratio is the figure."
    )
    return "\n".join(
        (
            "# Parts against the whole",
            "",
            scope,
            "",
            "| network | cut | eager whole, ms | head + tail, ms | ratio |",
            "|---|---|---|---|---|",
            *rows,
            "",
        )
    )


if __name__ == "__main__":
    main()
