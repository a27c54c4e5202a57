"""A small network with every operator that computes in integers, and the ways in which they meet."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.network import Network
from joulecut_runtime.quantised.calibration import calibrate
from joulecut_runtime.quantised.scales import Scales
from tests.networks.zoo import stir


class Mixed(nn.Module):
    """Convolutions plain, strided, grouped, depthwise and padded from outside; joins; passes; an answer at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, stride=2, bias=False), nn.BatchNorm2d(16), nn.ReLU6())
        self.depthwise = nn.Sequential(nn.Conv2d(16, 16, 3, groups=16), nn.BatchNorm2d(16), nn.ReLU6())
        self.project = nn.Conv2d(16, 16, 1)
        self.inner = nn.Conv2d(16, 16, 3, padding=1, groups=4)
        self.left = nn.Conv2d(16, 8, (3, 1), padding=(1, 0), dilation=1)
        self.right = nn.Conv2d(16, 8, 1)
        self.gate = nn.Conv2d(16, 16, 1)
        self.pool = nn.MaxPool2d(2)
        self.hidden = nn.Linear(16 * 4 * 4, 32)
        self.head = nn.Linear(32, 10)

    def forward(self, picture: Tensor) -> Tensor:
        x = (picture.to(torch.float32) - 127) / 128
        x = self.stem(functional.pad(x, (0, 1, 0, 1)))
        x = self.project(self.depthwise(functional.pad(x, (1, 1, 1, 1))))
        x = torch.relu(x + self.inner(x))
        x = torch.cat((torch.relu(self.left(x)), self.right(x)), dim=1)
        x = x * self.gate(x)
        x = self.pool(x)
        logits: Tensor = self.head(torch.relu(self.hidden(x.flatten(1))))
        return logits


class Convolution(nn.Module):
    """One convolution between floating-point neighbours."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3, padding=1, stride=2)

    def forward(self, picture: Tensor) -> Tensor:
        result: Tensor = torch.sigmoid(self.convolution(picture))
        return result


def pictures(count: int, *, seed: int, batch: int = 1) -> tuple[tuple[Tensor, ...], ...]:
    """Random inputs of Mixed."""
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, 3, 16, 16)
    return tuple(
        (torch.randint(0, 256, shape, generator=generator, dtype=torch.int64).to(torch.uint8),) for _ in range(count)
    )


@cache
def _mixed_module() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        module = Mixed()
        module.apply(stir)
    return module.eval()


@cache
def mixed_network(batch: int = 1) -> Network:
    """Mixed, captured."""
    return Network(capture(_mixed_module(), pictures(1, seed=0, batch=batch)[0], name="mixed"))


@cache
def mixed_scales() -> Scales:
    """Its scales, calibrated at batch 1."""
    return calibrate(mixed_network().graph, pictures(16, seed=1), calibrated_on="16 random pictures")
