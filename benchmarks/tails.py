"""How often fresh samples break what tails promise, and how soon drift shows. `python -m benchmarks.tails`.

    one part     methods x distributions x quantiles: misses over promised misses
    two parts    their excesses added in quadrature, under either budget of misses
    drift        samples between false alarms, and until a change is found

Simulated: distributions with known quantiles, fixed seeds; the same figures on every machine.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from statistics import fmean, median

import numpy as np
from tests.planner.tails.latencies import LAWS

from joulecut_core.documents import write_bytes
from joulecut_core.errors import FitError
from joulecut_core.problems import Slo
from joulecut_planner.choices.pricing import margin_factor
from joulecut_planner.drift import DriftDetector, DriftSettings
from joulecut_planner.tails import MissBudget, TailEstimates, TailMethod, fit_tail

_RESULTS = Path(__file__).parent / "results" / "tails.md"
_QUANTILES = (0.99, 0.999, 0.9999)
_SAMPLES = 5000
_SERIES = 40
_FRESH = 1_000_000
_NOISES = (0.05, 0.1, 0.2)
_FACTORS = (0.8, 1.1, 1.2, 1.5, 3.0)


def main() -> None:
    """Simulate and write the tables."""
    parser = argparse.ArgumentParser(description="Check the promises of tails and of drift alarms on drawn samples.")
    parser.add_argument("--out", type=Path, default=_RESULTS)
    options = parser.parse_args()
    text = "\n".join([*_head(), *_one_part(), *_two_parts(), *_drift()]) + "\n"
    write_bytes(options.out, text.encode())
    print(f"wrote {options.out}")


def _head() -> Iterator[str]:
    date = datetime.now(timezone.utc).date().isoformat()
    yield "# Tails and drift, simulated"
    yield ""
    yield f"{date}; drawn samples, fixed seeds, no device involved. Made by `python -m benchmarks.tails`."


def _one_part() -> Iterator[str]:
    yield ""
    yield "## One part: misses of fresh samples over those promised"
    yield ""
    yield f"Mean over {_SERIES} estimates from {_SAMPLES} samples each; above 1 is too low; n/a: too few samples."
    yield ""
    yield f"| distribution | quantile | {' | '.join(method.value for method in TailMethod)} |"
    yield "|---|---|" + "---|" * len(TailMethod)
    for name, law in LAWS.items():
        rng = np.random.default_rng(1)
        series = [law.draw(rng, _SAMPLES) for _ in range(_SERIES)]
        for quantile in _QUANTILES:
            cells = []
            for method in TailMethod:
                try:
                    bounds = [fit_tail(samples, method).quantile(quantile) for samples in series]
                except FitError:
                    cells.append("n/a")
                else:
                    cells.append(f"{fmean(map(law.exceeds, bounds)) / (1 - quantile):.2f}")
            yield f"| {name} | {quantile:g} | {' | '.join(cells)} |"


def _two_parts() -> Iterator[str]:
    yield ""
    yield "## Two independent parts of 30 and 20 ms: misses of T_q over those promised"
    yield ""
    yield f"| distribution | quantile | {' | '.join(budget.value for budget in MissBudget)} |"
    yield "|---|---|" + "---|" * len(MissBudget)
    for name, law in LAWS.items():
        rng = np.random.default_rng(2)
        total_s = np.sort(0.03 * law.draw(rng, _FRESH) + 0.02 * law.draw(rng, _FRESH))
        pairs = [[fit_tail(law.draw(rng, _SAMPLES), TailMethod.PARETO) for _ in range(2)] for _ in range(_SERIES)]
        for quantile in _QUANTILES[:2]:
            slo = Slo(quantile=quantile)
            cells = []
            for budget in MissBudget:
                missed = []
                for edge, server in pairs:
                    tails = TailEstimates(edge=edge, server=server, budget=budget)
                    spreads_s = 0.03 * (tails.edge_spread(slo) or 0.0), 0.02 * (tails.server_spread(slo) or 0.0)
                    bound_s = 0.05 + margin_factor(slo) * math.hypot(*spreads_s)
                    missed.append(1.0 - float(np.searchsorted(total_s, bound_s)) / _FRESH)
                cells.append(f"{fmean(missed) / (1 - quantile):.2f}")
            yield f"| {name} | {quantile:g} | {' | '.join(cells)} |"


def _drift() -> Iterator[str]:
    settings = DriftSettings()
    yield ""
    yield "## Drift: requests until a change is found"
    yield ""
    yield (
        f"Median and 95th percentile over 100 series, {settings.tolerance:.0%} tolerance, a stated false alarm in "
        f"{settings.run_length:,.0f} requests, after 300 as predicted; then the error of the level found (rms)."
    )
    yield ""
    yield "| noise | measured / predicted | median | p95 | level's error |"
    yield "|---|---|---|---|---|"
    for noise in _NOISES:
        for factor in _FACTORS:
            delays, errors = zip(*(_found(settings, noise, factor, seed) for seed in range(100)), strict=True)
            yield (
                f"| {noise:.0%} | {factor:g} | {median(delays):.0f} | {np.quantile(delays, 0.95):.0f} | "
                f"{math.sqrt(fmean(error**2 for error in errors)):.1%} |"
            )
    yield ""
    yield "Requests between false alarms where one in 500 is stated, mean over 60 series of at most 20,000:"
    yield ""
    yield "| noise | requests |"
    yield "|---|---|"
    for noise in _NOISES:
        lengths = [_quiet(DriftSettings(run_length=500.0), noise, seed) for seed in range(60)]
        yield f"| {noise:.0%} | {'more than ' if min(lengths) >= 20_000 else ''}{fmean(lengths):,.0f} |"


def _found(settings: DriftSettings, noise: float, factor: float, seed: int) -> tuple[int, float]:
    rng, detector = np.random.default_rng(seed), DriftDetector(settings)
    for residual in rng.normal(0.0, noise, 300).tolist():
        detector.observe(1.0, math.exp(residual))
    requests = 0
    while True:
        requests += 1
        shift = detector.observe(1.0, factor * math.exp(rng.normal(0.0, noise)))
        if shift is not None:
            return requests, shift.factor / factor - 1.0


def _quiet(settings: DriftSettings, noise: float, seed: int) -> int:
    rng, detector = np.random.default_rng(1000 + seed), DriftDetector(settings)
    for request, residual in enumerate(rng.normal(0.0, noise, 20_000).tolist()):
        if detector.observe(1.0, math.exp(residual)) is not None:
            return request
    return 20_000


if __name__ == "__main__":
    main()
