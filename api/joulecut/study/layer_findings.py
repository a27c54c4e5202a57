"""The claims about layers, judged: depth, small kernels, convolutions, flat power."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations

from joulecut.study.claims import CONVOLUTIONS, DEPTH, FLAT_POWER, SMALL_KERNELS
from joulecut.study.evidence import CONVOLUTION_KINDS, Evidence, joules, metered
from joulecut.study.judgement import Judgement, judged, not_judged
from joulecut.study.numbers import NumberBook
from joulecut.study.rows import LayerRow
from joulecut_planner.studies import rank_correlation, weighted_variation

_MORE_OPERATIONS = 1.5
_LEAST_CORRELATION = 0.5
_LEAST_CONVOLUTIONS = 10
_MOST_SHARE = 0.5
_MOST_VARIATION = 0.2

_NO_WATTS = "The layers' watts are not known here: no meter, or layers too short for it."


def depth(evidence: Evidence, book: NumberBook) -> Judgement:
    """Operations per GFLOP against GFLOP per joule."""
    batch = evidence.batches[0]
    found: list[tuple[str, float, float]] = []
    said = []
    for network in evidence.networks:
        layers, model = evidence.layers_at_top(network, batch), evidence.at_top(network, batch)
        gflops = math.fsum(row.gflops for row in layers)
        if model is None or model.energy_j is None or gflops <= 0:
            continue
        density, efficiency = len(layers) / gflops, gflops / model.energy_j
        found.append((network, density, efficiency))
        shown = book.add(
            DEPTH.name,
            network,
            f"operations per GFLOP, batch {batch}",
            density,
            f"{density:.0f}",
            layers,
            "rows / sum of gflops",
        )
        per_joule = book.add(
            DEPTH.name,
            network,
            f"GFLOP per joule, batch {batch}",
            efficiency,
            f"{efficiency:.2f}",
            [model],
            f"gflops of the layers ({gflops:.6g}) / energy_j",
        )
        said.append(f"{network}: {shown} operations per GFLOP, {per_joule} GFLOP per joule")
    pairs = [(one, other) for one, other in permutations(found, 2) if one[1] >= _MORE_OPERATIONS * other[1]]
    if not pairs:
        return not_judged("It takes two metered networks that differ enough in operations per GFLOP.", said)
    return judged([(f"{one[0]} beside {other[0]}", one[2] < other[2]) for one, other in pairs], said)


def small_kernels(evidence: Evidence, book: NumberBook) -> Judgement:
    """The size of a convolution against its GFLOP per joule."""
    batch = evidence.batches[0]
    kept, said = [], []
    for network in evidence.networks:
        layers = [row for row in metered(evidence.layers_at_top(network, batch)) if row.kind in CONVOLUTION_KINDS]
        if len(layers) < _LEAST_CONVOLUTIONS:
            continue
        correlation = rank_correlation(
            [row.gflops for row in layers], [row.gflops / (row.energy_j or math.inf) for row in layers]
        )
        if correlation is None:
            continue
        kept.append((network, correlation >= _LEAST_CORRELATION))
        shown = book.add(
            SMALL_KERNELS.name,
            network,
            f"rank correlation of a convolution's GFLOP and its GFLOP per joule, batch {batch}",
            correlation,
            f"{correlation:.2f}",
            layers,
            "Spearman of gflops and gflops / energy_j",
        )
        small, large = _halves(layers)
        ratio = _efficiency(large) / _efficiency(small)
        times = book.add(
            SMALL_KERNELS.name,
            network,
            f"GFLOP per joule of the larger half of the convolutions over that of the smaller, batch {batch}",
            ratio,
            f"{ratio:.1f}",
            layers,
            "sum of gflops / sum of energy_j, halves by gflops",
        )
        said.append(
            f"{network}: correlation {shown}; the larger half of its convolutions computes {times} times as many GFLOP "
            "per joule as the smaller"
        )
    return (
        judged(kept, said)
        if kept
        else not_judged(f"It takes {_LEAST_CONVOLUTIONS} convolutions with known watts in a network.")
    )


def convolutions(evidence: Evidence, book: NumberBook) -> Judgement:
    """Their share of the layers' joules."""
    kept, said = [], []
    for network in evidence.networks:
        shown = []
        for batch in _ends(evidence):
            layers = metered(evidence.layers_at_top(network, batch))
            if not layers:
                continue
            share = joules([row for row in layers if row.kind in CONVOLUTION_KINDS]) / joules(layers)
            kept.append((f"{network} at batch {batch}", share > _MOST_SHARE))
            made = "energy_j of kinds convolution and depthwise / energy_j of all"
            what = f"share of convolutions in the layers' joules, batch {batch}"
            text = book.add(CONVOLUTIONS.name, network, what, share, f"{share:.0%}", layers, made)
            shown.append(f"{text} at batch {batch}")
            shown += _closure(evidence, book, network, batch)
        if shown:
            said.append(f"{network}: {', '.join(shown)}")
    return judged(kept, said) if kept else not_judged(_NO_WATTS)


def flat_power(evidence: Evidence, book: NumberBook) -> Judgement:
    """How far the layers' watts are apart."""
    kept, said = [], []
    for network in evidence.networks:
        shown = []
        for batch in _ends(evidence):
            layers = metered(evidence.layers_at_top(network, batch))
            if not layers:
                continue
            watts = [row.power_w or 0.0 for row in layers]
            variation = weighted_variation(watts, [row.layer_s for row in layers])
            kept.append((f"{network} at batch {batch}", variation <= _MOST_VARIATION))
            what = f"standard deviation of the layers' watts over their mean, batch {batch}"
            made = "power_w weighted by layer_s"
            text = book.add(FLAT_POWER.name, network, what, variation, f"{variation:.0%}", layers, made)
            ends = [min(layers, key=_watts), max(layers, key=_watts)]
            span = " to ".join(
                book.add(
                    FLAT_POWER.name,
                    network,
                    f"watts of the {name} layer, batch {batch}",
                    _watts(row),
                    f"{_watts(row):.0f}",
                    [row],
                    "power_w",
                )
                for name, row in zip(("least", "most drawing"), ends, strict=True)
            )
            shown.append(f"{text} of the mean at batch {batch} (layers from {span} W)")
        if shown:
            said.append(f"{network}: {', '.join(shown)}")
    return judged(kept, said) if kept else not_judged(_NO_WATTS)


def _closure(evidence: Evidence, book: NumberBook, network: str, batch: int) -> list[str]:
    """The sum of the layers against the whole: whether single layers can be believed."""
    every, model = evidence.layers_at_top(network, batch), evidence.at_top(network, batch)
    layers = metered(every)
    if not layers or model is None or model.energy_j is None:
        return []
    which = "all layers" if len(layers) == len(every) else f"the {len(layers)} of {len(every)} layers with known watts"
    ratio = joules(layers) / model.energy_j
    what = f"joules of {which} over those of the whole network ({model.row} of models.csv), batch {batch}"
    made = f"sum of energy_j / {model.energy_j:.6g} J"
    shown = book.add(CONVOLUTIONS.name, network, what, ratio, f"{ratio:.0%}", layers, made)
    return [f"{which} together {shown} of the whole network"]


def _ends(evidence: Evidence) -> tuple[int, ...]:
    """The smallest and the largest batch."""
    return tuple(dict.fromkeys((evidence.batches[0], evidence.batches[-1])))


def _halves(layers: Sequence[LayerRow]) -> tuple[list[LayerRow], list[LayerRow]]:
    """The smaller and the larger half by arithmetic."""
    ordered = sorted(layers, key=lambda row: row.gflops)
    middle = len(ordered) // 2
    return ordered[:middle], ordered[middle:]


def _efficiency(layers: Sequence[LayerRow]) -> float:
    return math.fsum(row.gflops for row in layers) / joules(layers)


def _watts(row: LayerRow) -> float:
    return row.power_w or 0.0
