"""Calibration finds ranges worth their 256 steps, the same ones every time."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor, nn

from joulecut_core.errors import BundleError, ConfigError
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.quantised.calibration import calibrate
from joulecut_runtime.quantised.scales import Scale
from joulecut_runtime.quantised.scales_file import scales_digest
from tests.runtime.quantised.small_networks import mixed_network, mixed_scales, pictures


class Ends(nn.Module):
    """A kernel that reads the input and does not make the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        with torch.no_grad():
            self.layer.weight.copy_(torch.eye(8) * torch.arange(8.0))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.layer(x))


@cache
def graph(rows: int = 1) -> Graph:
    torch.manual_seed(0)
    return capture(Ends(), (torch.zeros(rows, 8),), name="ends")


def input_scale(samples: list[Tensor]) -> Scale:
    """The scale that the network's input gets."""
    captured = graph(len(samples[0]))
    scales = calibrate(captured, [(each,) for each in samples], calibrated_on="test")
    return scales.values[captured.inputs[0].name]


def test_even_values_use_all_steps() -> None:
    """Where nothing is rare nothing is clipped: the steps are spread over what was seen."""
    by = input_scale(list(torch.linspace(-1.0, 3.0, 4096).reshape(-1, 1, 8)))
    assert by.scale == pytest.approx(4.0 / 255, rel=0.02)
    assert by.zero_point == pytest.approx(64, abs=2)


def test_rare_values_do_not_take_the_steps_of_the_others() -> None:
    """Long tails are clipped where that costs less than coarser steps for all: rounding the samples errs less."""
    generator = torch.Generator().manual_seed(1)
    samples = torch.randn((128, 64, 8), generator=generator) ** 3

    def error(by: Scale) -> float:
        whole = (samples / by.scale + by.zero_point).round().clamp(0, 255)
        return float(((whole - by.zero_point) * by.scale - samples).square().mean())

    low, high = float(samples.min()), float(samples.max())
    shares = [share / 20 for share in range(1, 21)]
    errors = [error(Scale.of_range(low * below, high * above)) for below in shares for above in shares]
    assert error(input_scale(list(samples))) <= min(1.02 * min(errors), 0.95 * error(Scale.of_range(low, high)))


def test_zero_is_a_value_of_every_scale() -> None:
    """Padding adds zeros, so a range far from zero is widened to it."""
    above = input_scale([torch.full((1, 8), 3.0) + torch.arange(8.0) / 8])
    below = input_scale([torch.full((1, 8), -3.0) - torch.arange(8.0) / 8])
    assert (above.zero_point, below.zero_point) == (0, 255)
    assert above.scale == pytest.approx(3.875 / 255, rel=0.05)


def test_weights_keep_each_channels_largest() -> None:
    """Every output channel has a scale of its own, from its largest weight; a channel of zeros does no harm."""
    captured = graph()
    scales = calibrate(captured, [(torch.ones(1, 8),)], calibrated_on="ones")
    (weights,) = scales.weights.values()
    assert torch.allclose(weights[1:] * 127, torch.arange(1.0, 8.0))
    assert weights[0] == 1.0


def test_a_rectifier_ends_the_range() -> None:
    """A fused ReLU is a zero point of 0; a ReLU6's range ends at 6 at most, where whole numbers saturate."""
    scales, nodes = mixed_scales(), {node.name: node for node in mixed_network().graph.nodes}
    fused = {nodes[gives].operator: scales.values[gives] for name, gives in scales.integer.items() if gives != name}
    assert set(fused) == {"aten.relu.default", "aten.hardtanh.default"}
    assert all(by.zero_point == 0 for by in fused.values())
    assert 0.5 < 255 * fused["aten.hardtanh.default"].scale <= 6.0 + 1e-5


def test_the_same_samples_give_the_same_scales() -> None:
    """A calibration can be repeated to the bit: its digest stands in the bundle's."""
    again = calibrate(mixed_network().graph, pictures(16, seed=1), calibrated_on="16 random pictures")
    others = calibrate(mixed_network().graph, pictures(16, seed=2), calibrated_on="16 random pictures")
    assert scales_digest(again) == scales_digest(mixed_scales())
    assert scales_digest(others) != scales_digest(mixed_scales())


@pytest.mark.parametrize("size", [1e-44, 3e38])
def test_ranges_at_the_ends_of_single_precision(size: float) -> None:
    """Bins are told apart in double precision, however small or large the values are."""
    samples = [(torch.tensor([[size, -size, *[0.0] * 6]]),)]
    assert calibrate(graph(), samples, calibrated_on="ends").values


def test_impossible_calibrations_are_refused() -> None:
    """Without samples, or on samples that give no numbers, there is nothing to choose from."""
    with pytest.raises(ConfigError, match="no samples"):
        calibrate(graph(), [], calibrated_on="")
    one_nan = torch.ones(1, 8)
    one_nan[0, 3] = float("nan")
    for samples in ([torch.full((1, 8), float("inf"))], [one_nan], [torch.ones(1, 8), one_nan]):
        with pytest.raises(ConfigError, match="not finite"):
            calibrate(graph(), [(each,) for each in samples], calibrated_on="")


@pytest.mark.parametrize(("scale", "zero_point"), [(0.0, 0), (float("nan"), 0), (-1.0, 3), (1.0, 256), (1.0, -1)])
def test_scales_check_themselves(scale: float, zero_point: int) -> None:
    """A scale that stands for nothing is refused where it is made, whoever wrote it."""
    with pytest.raises(BundleError, match="expected a finite scale above 0"):
        Scale(scale=scale, zero_point=zero_point)
