"""Variants are judged by labels where there are some, else by full precision, and it is said by which."""

from __future__ import annotations

import dataclasses
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from joulecut.networks.accuracy import Evidence, VariantName, judge_variants, variant_answer
from joulecut_core.errors import ConfigError
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.network import Network
from joulecut_runtime.quantised.packed_weights import integer_obstacle
from tests.runtime.quantised.small_networks import mixed_network, mixed_scales, pictures

needs_int8 = pytest.mark.skipif(integer_obstacle() is not None, reason=f"no INT8 here: {integer_obstacle()}")


class Largest(nn.Module):
    """Answers with its input: the right class is the largest element, whatever FP16 makes of it."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 1.0


def evidence(labels: tuple[int, ...] | None) -> Evidence:
    """Inputs whose largest elements are 0, 1, 2 and 2, the last by less than FP16 can tell."""
    rows = ([3.0, 1.0, 2.0], [1.0, 3.0, 2.0], [1.0, 2.0, 3.0], [1.0, 1000.0, 1000.1])
    held_out = tuple((torch.tensor([row]),) for row in rows)
    return Evidence(calibration=(), calibrated_on="", held_out=held_out, judged_on="rows", labels=labels)


@cache
def largest() -> Network:
    """Captured once."""
    return Network(capture(Largest(), (torch.zeros(1, 3),), name="largest"))


def judged(labels: tuple[int, ...] | None) -> list[tuple[str, float, str]]:
    found = judge_variants(largest(), evidence(labels), (VariantName.FP32, VariantName.FP16))
    assert found.scales is None
    return [(each.name.value, each.accuracy, each.accuracy_of) for each in found.accuracies]


def test_labels_decide_where_there_are_some() -> None:
    """Full precision can be wrong too; FP16 loses the row that it cannot tell apart."""
    of = "right answers on 4 rows"
    assert judged((0, 1, 2, 2)) == [("fp32", 1.0, of), ("fp16", 0.75, of)]
    assert judged((0, 0, 0, 0)) == [("fp32", 0.25, of), ("fp16", 0.25, of)]


def test_without_labels_full_precision_is_right_by_definition() -> None:
    """What is told then is agreement, and called so."""
    of = "answers equal to full precision's on 4 rows (fidelity, not accuracy)"
    assert judged(None) == [("fp32", 1.0, of), ("fp16", 0.75, of)]


def test_evidence_needs_a_label_for_each_input() -> None:
    """A share of half the inputs would be taken for one of all."""
    with pytest.raises(ConfigError, match="4 inputs and 1 labels"):
        evidence((1,))
    with pytest.raises(ConfigError, match="0 inputs"):
        dataclasses.replace(evidence(None), held_out=())


@needs_int8
def test_scales_at_hand_are_not_made_again() -> None:
    """A bundle's own scales are the ones that are judged, not a fresh calibration."""
    network = mixed_network()
    seen = Evidence(
        calibration=(), calibrated_on="", held_out=pictures(5, seed=3), judged_on="random pictures", labels=None
    )
    found = judge_variants(network, seen, (VariantName.FP32, VariantName.INT8), scales=mixed_scales())
    assert found.scales is mixed_scales()
    with pytest.raises(ConfigError, match="no scales for int8"):
        variant_answer(network, VariantName.INT8, None)


@needs_int8
def test_int8_that_is_not_int8_is_refused() -> None:
    """Scales of a network with other names would leave everything in float32 and look perfect; the count tells."""
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
    network = Network(capture(module, (torch.zeros(1, 3, 4, 4),), name="other"))
    scales = mixed_scales()
    strange = dataclasses.replace(
        scales,
        integer={f"strange_{node}": gives for node, gives in scales.integer.items()},
        kernels=tuple(f"strange_{node}" for node in scales.kernels),
        weights={f"strange_{node}": weight for node, weight in scales.weights.items()},
    )
    with pytest.raises(ConfigError, match=r"0 convolutions and linear layers compute in integers; expected 8"):
        variant_answer(network, VariantName.INT8, strange)
