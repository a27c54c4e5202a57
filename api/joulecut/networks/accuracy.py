"""How right the variants of a network are: measured on inputs that neither training nor calibration has seen.

With labels it is accuracy. Without, it is the share of answers that equal full precision's: *fidelity*, which says
nothing about how often full precision is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor

from joulecut.networks.half_rounding import rounded_to_half
from joulecut_core.errors import ConfigError
from joulecut_core.timing import SystemClock
from joulecut_runtime.engines import Precision, open_engine
from joulecut_runtime.networks.network import Network
from joulecut_runtime.quantised.calibration import calibrate
from joulecut_runtime.quantised.int8_engine import Int8Engine
from joulecut_runtime.quantised.scales import Scales, check_count
from joulecut_runtime.wires.answers import answers

Inputs = tuple[Tensor, ...]
Answer = Callable[[Sequence[Tensor]], tuple[Tensor, ...]]


class VariantName(str, Enum):
    """The precisions that a network is served in."""

    FP32 = "fp32"
    FP16 = "fp16"
    """Judged as a GPU rounds (`joulecut.networks.half_rounding`)."""
    BF16 = "bf16"
    INT8 = "int8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a network is calibrated and judged with; no input is in both. `labels`: of `held_out`, where known.

    `calibrated_on` and `judged_on` say in words what the inputs are.
    """

    calibration: tuple[Inputs, ...]
    calibrated_on: str
    held_out: tuple[Inputs, ...]
    judged_on: str
    labels: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.held_out or (self.labels is not None and len(self.labels) != len(self.held_out)):
            labels = "no labels" if self.labels is None else f"{len(self.labels)} labels"
            raise ConfigError(f"{len(self.held_out)} inputs and {labels} to judge with; expected a label for each")


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantAccuracy:
    """The share of right answers (`accuracy_of` says which answers count as right), over `samples` inputs."""

    name: VariantName
    accuracy: float
    accuracy_of: str
    samples: int


FULL_PRECISION = VariantAccuracy(
    name=VariantName.FP32, accuracy=1.0, accuracy_of="answers equal to full precision's, by definition", samples=0
)
"""Of a network that nothing is known to judge by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Every variant's accuracy, in the order asked for, and the scales of INT8 where that was among them."""

    accuracies: tuple[VariantAccuracy, ...]
    scales: Scales | None


def judge_variants(
    network: Network, evidence: Evidence, names: Sequence[VariantName], *, scales: Scales | None = None
) -> Judgement:
    """Measure the accuracy of a network's variants on this host; what an answer is, `joulecut_runtime.wires` says.

    `scales`: those that it has already; else INT8 is calibrated on the evidence. The same evidence gives the same
    figures. Raises ConfigError where a variant cannot be computed here.
    """
    if VariantName.INT8 in names and scales is None:
        scales = calibrate(network.graph, evidence.calibration, calibrated_on=evidence.calibrated_on)
    variants = {name: variant_answer(network, name, scales) for name in names}
    count = len(evidence.held_out)
    if evidence.labels is not None:
        right = tuple(torch.tensor([label]) for label in evidence.labels)
        what = f"right answers on {count} {evidence.judged_on}"
    else:
        right = tuple(answers(network.whole(inputs)[0]) for inputs in evidence.held_out)
        what = f"answers equal to full precision's on {count} {evidence.judged_on} (fidelity, not accuracy)"
    shares = {name: _share(variant, evidence.held_out, right) for name, variant in variants.items()}
    return Judgement(
        accuracies=tuple(
            VariantAccuracy(name=name, accuracy=share, accuracy_of=what, samples=count)
            for name, share in shares.items()
        ),
        scales=scales,
    )


def variant_answer(network: Network, name: VariantName, scales: Scales | None) -> Answer:
    """The whole network in a precision, on this host. Raises ConfigError for INT8 without scales."""
    if name is VariantName.FP32:
        return network.whole
    if name is VariantName.FP16:
        return rounded_to_half(network.graph)
    if name is VariantName.BF16:
        return open_engine(precision=Precision.BF16, clock=SystemClock()).prepare(network.whole)
    if scales is None:
        raise ConfigError(f"{network.table.network} has no scales for int8; expected them: calibrate it first")
    part = Int8Engine(scales, clock=SystemClock()).prepare(network.whole)
    check_count(part.kernels, scales, network.table.network)
    return part


def _share(variant: Answer, held_out: Sequence[Inputs], right: Sequence[Tensor]) -> float:
    pairs = [(answers(variant(inputs)[0]), expected) for inputs, expected in zip(held_out, right, strict=True)]
    return sum(int((given == expected).sum()) for given, expected in pairs) / sum(each.numel() for each in right)
