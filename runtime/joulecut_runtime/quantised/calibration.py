"""From samples to scales: what range each value takes, and which of it is worth its share of 256 steps.

    pass 1   lowest and highest of each value over all samples
    pass 2   a histogram of BINS between them
    then     [low, high] is narrowed while that lessens the expected squared error: what is clipped against the
             rounding of what is not, step^2 / 12

Weights get a scale per output channel: the largest of its magnitudes over WEIGHT_LEVELS.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from joulecut_core.errors import ConfigError
from joulecut_runtime.networks.digest import graph_digest
from joulecut_runtime.networks.graph import Constant, Graph, Value, node_values
from joulecut_runtime.networks.signatures import call_arguments
from joulecut_runtime.quantised.integer_nodes import IntegerNodes, integer_nodes, weight_of
from joulecut_runtime.quantised.scales import ACTIVATION_LEVELS, WEIGHT_LEVELS, Scale, Scales

_BINS = 2048
_NARROWINGS = 100
"""How many ends of the range are tried on each side."""


def calibrate(graph: Graph, samples: Sequence[tuple[Tensor, ...]], *, calibrated_on: str) -> Scales:
    """The scales of a network by what its values are on `samples`, each an input of the whole network.

    The same samples give the same scales. `calibrated_on` says in words what they are. Raises ConfigError without
    samples, and where the network has no convolution or linear layer that could compute in integers.
    """
    chosen = integer_nodes(graph)
    if not samples:
        raise ConfigError("no samples to calibrate with; give some inputs of the network, not those it is tested on")
    if not chosen.kernels:
        raise ConfigError(
            f"{graph.name} has no convolution or linear layer with constant float32 weights before its answer; "
            "expected at least one: int8 has nothing to quicken here"
        )
    ranges = _observed_ranges(graph, samples, chosen)
    values = {name: Scale.of_range(*ranges[name]) for name in chosen.measured}
    values |= {name: values[source] for name, source in chosen.shared.items()}
    return Scales(
        network_digest=graph_digest(graph),
        calibrated_on=calibrated_on,
        values=values,
        integer=dict(chosen.integer),
        kernels=chosen.kernels,
        weights=_weight_scales(graph, chosen),
    )


def _weight_scales(graph: Graph, chosen: IntegerNodes) -> dict[str, Tensor]:
    scales = {}
    for node in graph.nodes:
        if node.name in chosen.kernels:
            weight = graph.constants[weight_of(node)]
            largest = weight.abs().flatten(1).amax(dim=1)
            scales[node.name] = torch.where(largest > 0, largest / WEIGHT_LEVELS, 1.0)
    return scales


def _observed_ranges(
    graph: Graph, samples: Sequence[tuple[Tensor, ...]], chosen: IntegerNodes
) -> dict[str, tuple[float, float]]:
    bounds: dict[str, tuple[float, float]] = {}
    for name, tensor in _values(graph, samples, chosen):
        lowest, highest = float(tensor.min()), float(tensor.max())
        # Looked at before they are compared: NaN is neither below nor above anything.
        if not math.isfinite(highest - lowest):
            raise ConfigError(f"{graph.name}: {name} is not finite on the calibration samples; expected finite values")
        low, high = bounds.get(name, (0.0, 0.0))
        bounds[name] = min(low, lowest), max(high, highest)
    counts = {name: np.zeros(_BINS) for name in bounds}
    for name, tensor in _values(graph, samples, chosen):
        # In double precision: single's cannot tell the bins of the narrowest and the widest ranges apart.
        counts[name] += np.histogram(tensor.double().numpy(), bins=_BINS, range=_with_width(bounds[name]))[0]
    return {
        name: _narrowed(Histogram(counts=counts[name], low=low, high=high), chosen.measured[name])
        for name, (low, high) in ((name, _with_width(bound)) for name, bound in bounds.items())
    }


def _with_width(bound: tuple[float, float]) -> tuple[float, float]:
    return bound if bound[1] > bound[0] else (bound[0], bound[0] + 1.0)


def _values(graph: Graph, samples: Sequence[tuple[Tensor, ...]], chosen: IntegerNodes) -> Iterator[tuple[str, Tensor]]:
    """Each value whose range is wanted, sample by sample, computed in full precision."""
    last_use = {name: index for index, node in enumerate(graph.nodes) for name in node_values(node)}
    for sample in samples:
        known: dict[Value | Constant, Tensor] = {Constant(name=name): each for name, each in graph.constants.items()}
        known |= {Value(name=spec.name): tensor for spec, tensor in zip(graph.inputs, sample, strict=True)}
        yield from ((spec.name, known[Value(name=spec.name)]) for spec in graph.inputs if spec.name in chosen.measured)
        for index, node in enumerate(graph.nodes):
            operator, arguments, keywords = call_arguments(node, known)
            with torch.inference_mode():
                known[Value(name=node.name)] = operator(*arguments, **keywords)
            if node.name in chosen.measured:
                yield node.name, known[Value(name=node.name)]
            for name in node_values(node):
                if last_use[name] == index:
                    known.pop(Value(name=name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How often a value fell in each of equal bins between `low` and `high`."""

    counts: NDArray[np.float64]
    low: float
    high: float


def _narrowed(histogram: Histogram, most: float) -> tuple[float, float]:
    """The range within the histogram's of least expected squared error, ending at `most` at most."""
    width = (histogram.high - histogram.low) / len(histogram.counts)
    middles = histogram.low + width * (np.arange(len(histogram.counts)) + 0.5)

    def error(low: float, high: float) -> float:
        clipped = np.maximum(low - middles, 0.0) + np.maximum(middles - high, 0.0)
        rounding = ((high - low) / ACTIVATION_LEVELS) ** 2 / 12
        return float(np.sum(histogram.counts * np.where(clipped > 0, clipped**2, rounding)))

    low, high = histogram.low, min(histogram.high, most)
    if not high > low:
        return low, high
    shares = np.arange(_NARROWINGS, 0, -1) / _NARROWINGS
    # One side after the other, twice: the sides hardly depend on each other.
    for _ in range(2):
        high = min((share * min(histogram.high, most) for share in shares), key=lambda end: error(low, end))
        low = min((share * histogram.low for share in shares), key=lambda end: error(end, high))
    return float(low), float(high)
