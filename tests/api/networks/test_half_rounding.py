"""FP16 as a GPU rounds it: on numbers that FP16 has, within its rounding of full precision."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from joulecut.networks.half_rounding import rounded_to_half
from joulecut_core.timing import ManualClock
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.engines import Precision, open_engine
from joulecut_runtime.networks.network import Network
from tests.runtime.engines.small_cases import CASES, TOLERANCE, error, small_case


class Masked(nn.Module):
    """Adds float32's lowest number, as attention masks do."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(x + torch.tensor([0.0, torch.finfo(torch.float32).min]), dim=-1)


def test_answers_are_within_the_promise_of_fp16() -> None:
    """Every small network's answer is a number of FP16, off full precision, and by no more than engines promise."""
    for name in CASES:
        network, inputs = small_case(name)
        actual, expected = rounded_to_half(network.graph)(inputs), network.whole(inputs)
        assert all(torch.equal(each, each.half().float()) for each in actual)
        assert 0 < error(actual, expected) <= TOLERANCE[Precision.FP16]


def test_it_rounds_like_a_host_that_computes_in_fp16() -> None:
    """torch's own FP16 on this host is as near as two ways of summing are."""
    network, inputs = small_case("residual")
    there = open_engine(precision=Precision.FP16, clock=ManualClock()).prepare(network.whole)(inputs)
    assert error(rounded_to_half(network.graph)(inputs), there) <= 2e-3


def test_masks_stay_finite() -> None:
    """A weight beyond FP16's range is its lowest number, not an infinity that makes no number of a row."""
    network = Network(capture(Masked(), (torch.zeros(1, 2),), name="masked"))
    assert rounded_to_half(network.graph)((torch.ones(1, 2),))[0].tolist() == [[1.0, 0.0]]
