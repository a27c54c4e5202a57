"""The claims about settings, judged: the runtime, batch size and clock, the host's launches."""

from __future__ import annotations

from collections.abc import Sequence

from joulecut.study.claims import LAUNCH_BOUND, RUNTIME, SETTINGS
from joulecut.study.engine_names import EngineName
from joulecut.study.evidence import Evidence
from joulecut.study.judgement import Judgement, judged, not_judged
from joulecut.study.numbers import NumberBook
from joulecut.study.optima import BATCH_AND_CLOCK, CLOCK
from joulecut.study.rows import ModelRow
from joulecut_planner.studies import Metric, clock_sensitivity

_EAGER = EngineName.EAGER.value
_LEAST_GAIN = 1.1
_MOST_SENSITIVITY = 0.5


def runtime(evidence: Evidence, book: NumberBook) -> Judgement:
    """Every other engine against eager at the same batch, under the governor."""
    others = [engine for engine in evidence.engines if engine != _EAGER]
    if not others or _EAGER not in evidence.engines:
        return not_judged("It takes eager and another engine on this device.")
    metered = all(row.images_per_joule is not None for row in evidence.models)
    kept, said = [], []
    for network in evidence.networks:
        ratios = [
            (_ratio(ours, eager, metered=metered), ours, eager)
            for engine in others
            for batch in evidence.batches
            if (ours := evidence.governed(network, engine, batch)) is not None
            and (eager := evidence.governed(network, _EAGER, batch)) is not None
        ]
        if not ratios:
            continue
        ends = [max(ratios, key=lambda each: each[0]), min(ratios, key=lambda each: each[0])]
        kept.append((network, ends[0][0] >= _LEAST_GAIN))
        per = "joule" if metered else "second"
        shown = [
            book.add(
                RUNTIME.name,
                network,
                f"images per {per} of {ours.engine} over eager's, batch {ours.batch}",
                ratio,
                f"{ratio:.2f}",
                [eager, ours],
                f"images_per_{'joule' if metered else 's'}",
            )
            + f" times with {ours.engine} at batch {ours.batch}"
            for ratio, ours, eager in ends
        ]
        said.append(f"{network}: from {shown[1]} to {shown[0]}")
    if not metered:
        return not_judged("These are images per second: nothing meters this device, so joules are not judged.", said)
    return judged(kept, said)


def settings(evidence: Evidence, book: NumberBook) -> Judgement:
    """Revenue of the best setting over that of the default."""
    kept, said = [], []
    for network in evidence.networks:
        rows = [
            row
            for row in evidence.optima
            if (row.network, row.engine, row.metric) == (network, _EAGER, Metric.REVENUE.value)
        ]
        both = next((row for row in rows if row.chosen == BATCH_AND_CLOCK), None)
        clock = next((row for row in rows if row.chosen == CLOCK and row.batch == evidence.batches[0]), None)
        best = both or clock
        if best is None or clock is None:
            continue
        kept.append((network, best.gain >= _LEAST_GAIN))
        made = "gain"
        what = f"revenue of the best setting (batch {best.best_batch}, {best.best_core_mhz:g} MHz) over the default's"
        shown = book.add(SETTINGS.name, network, what, best.gain, f"{best.gain:.2f}", [best], made)
        what = f"revenue of the best clock over the default's, batch {clock.batch}"
        alone = book.add(SETTINGS.name, network, what, clock.gain, f"{clock.gain:.2f}", [clock], made)
        said.append(
            f"{network}: {shown} times the revenue at batch {best.best_batch} and {best.best_core_mhz:g} MHz; the "
            f"clock alone, at batch {clock.batch}, earns {alone} times"
        )
    if not kept:
        return not_judged("Revenue needs joules, and nothing meters this device.")
    if not any(evidence.held(network, batch) for network in evidence.networks for batch in evidence.batches):
        return not_judged("No clock could be held, so only batch sizes were compared.", said)
    return judged(kept, said)


def launch_bound(evidence: Evidence, book: NumberBook) -> Judgement:
    """How little the device's clock helps the smallest batch."""
    small, large = evidence.batches[0], evidence.batches[-1]
    kept, said = [], []
    for network in evidence.networks:
        sensitivities, shown = [], []
        for batch in dict.fromkeys((small, large)):
            pair = _about_half(evidence.held(network, batch))
            if pair is None:
                continue
            low, high = pair
            value = clock_sensitivity(low.core_mhz, low.latency_s, high.core_mhz, high.latency_s)
            what = f"share of the clock's rise that comes back as speed, batch {batch}"
            made = "-ln(latency ratio) / ln(clock ratio)"
            sensitivities.append(value)
            shown.append(
                f"{book.add(LAUNCH_BOUND.name, network, what, value, f'{value:.2f}', pair, made)} at batch {batch}"
            )
        if sensitivities:
            waits = sensitivities[0] < _MOST_SENSITIVITY
            kept.append((network, waits and (small == large or sensitivities[0] < sensitivities[-1])))
            said.append(f"{network}: of the clock's rise {' and '.join(shown)} comes back as speed")
    if not kept:
        return not_judged("It takes two clocks that this study could hold, an octave apart.")
    return judged(kept, said, _host_clock(evidence))


def _host_clock(evidence: Evidence) -> str:
    known = [row.host_mhz for row in evidence.models if row.host_mhz is not None]
    if not known:
        return "No clock of the host's CPU could be recorded."
    return f"The host's CPU ran at {min(known):.0f} to {max(known):.0f} MHz meanwhile (host_mhz of models.csv)."


def _ratio(ours: ModelRow, eager: ModelRow, *, metered: bool) -> float:
    if metered and ours.images_per_joule is not None and eager.images_per_joule is not None:
        return ours.images_per_joule / eager.images_per_joule
    return ours.images_per_s / eager.images_per_s


def _about_half(held: Sequence[ModelRow]) -> tuple[ModelRow, ModelRow] | None:
    """The rows nearest to half the top clock and at the top; None where none is between a third and two thirds."""
    if not held:
        return None
    top = held[-1]
    half = min(held, key=lambda row: abs(row.core_mhz - top.core_mhz / 2))
    return (half, top) if top.core_mhz / 3 <= half.core_mhz <= top.core_mhz * 2 / 3 else None
