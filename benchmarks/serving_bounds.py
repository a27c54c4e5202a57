"""What no serving policy can beat in the cases of `benchmarks.serving`. `python -m benchmarks.serving_bounds`.

Fewest misses, and joules at least for several prices of a miss, in full precision, every arrival known beforehand.
They say nothing about a policy and are kept beside its results; what is in the file already is not computed again.
Some 20 s a case.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving_cases import DEVICES, UTILISATIONS, serving_cases, traces
from joulecut_planner.serving.bounds import EnergyBound, fewest_misses, least_energy

RESULTS = Path(__file__).parent / "results" / "serving_bounds.csv"
REQUESTS = 8000
SEED = 1
_HEAD = ("device", "switch_ms", "trace", "utilisation", "requests", "seed", "fewest_misses")
_BOUND = ("counts_idle", "price_j", "least_j")

Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Of one case, in full precision."""

    fewest_misses: int
    with_idle: EnergyBound
    without_idle: EnergyBound

    @property
    def requests(self) -> int:
        """How many there were."""
        return self.with_idle.requests


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute what is missing, a case at a time."""
    parser = argparse.ArgumentParser(description="Bounds on misses and energy, with every arrival known beforehand.")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--most", type=int, default=1000, help="cases to compute in this run")
    parser.add_argument("--traces", nargs="+", help="only these")
    parser.add_argument("--loads", nargs="+", type=float, default=UTILISATIONS, help="only these")
    options = parser.parse_args(arguments)
    known = read_bounds(options.out) if options.out.is_file() else {}
    if not known:
        options.out.write_text(",".join((*_HEAD, *_BOUND)) + "\n")
    left = options.most
    chosen = {name: trace for name, trace in traces(REQUESTS, SEED).items() if name in (options.traces or [name])}
    for case in serving_cases(DEVICES, options.loads, chosen):
        if case.key in known or not left:
            continue
        left -= 1
        times_s = case.arrivals.arrival_s.tolist()
        fewest = fewest_misses(case.costs, times_s, case.slo_s)
        with options.out.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            for counts_idle in (True, False):
                bound = least_energy(case.costs, times_s, case.slo_s, counts_idle=counts_idle)
                for price_j, least_j in zip(bound.prices_j, bound.least_j, strict=True):
                    row = (*case.key, len(times_s), SEED, fewest, int(counts_idle), f"{price_j:.6g}", f"{least_j:.8g}")
                    writer.writerow(row)
        print(*case.key, fewest, flush=True)


def read_bounds(path: Path) -> Mapping[Key, Bounds]:
    """The bounds of each case."""
    fewest: dict[Key, int] = {}
    lines: dict[tuple[Key, str], list[tuple[int, float, float]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            key = (row["device"], row["switch_ms"], row["trace"], row["utilisation"])
            fewest[key] = int(row["fewest_misses"])
            line = int(row["requests"]), float(row["price_j"]), float(row["least_j"])
            lines.setdefault((key, row["counts_idle"]), []).append(line)
    return {
        key: Bounds(fewest_misses=fewest[key], with_idle=_bound(lines[key, "1"]), without_idle=_bound(lines[key, "0"]))
        for key in fewest
    }


def _bound(lines: list[tuple[int, float, float]]) -> EnergyBound:
    return EnergyBound(
        requests=lines[0][0], prices_j=tuple(line[1] for line in lines), least_j=tuple(line[2] for line in lines)
    )


if __name__ == "__main__":
    main()
