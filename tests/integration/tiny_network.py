"""The network that both agents' tests cut: pictures in, ten classes out, captured once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.bundle import read_bundle, write_bundle
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.network import Network
from tests.kept import kept

_PICTURE = (1, 3, 32, 32)


class _Tiny(nn.Module):
    """Normalises a uint8 picture, halves it three times, classifies."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.middle = nn.Conv2d(16, 24, 3, stride=2, padding=1)
        self.last = nn.Conv2d(24, 32, 3, stride=2, padding=1)
        self.head = nn.Linear(32, 10)

    def forward(self, picture: Tensor) -> Tensor:
        x = (picture.float() - 127.0) / 128.0
        x = torch.relu(self.stem(x))
        x = torch.relu(self.middle(x))
        x = torch.relu(self.last(x))
        result: Tensor = self.head(x.mean(dim=(2, 3)))
        return result


@cache
def tiny_graph() -> Graph:
    """The captured network; random weights from a fixed seed."""

    def captured() -> Graph:
        with torch.random.fork_rng():
            torch.manual_seed(11)
            module = _Tiny()
        return capture(module, (torch.zeros(_PICTURE, dtype=torch.uint8),), name="tiny")

    return kept("tiny", captured, write=write_bundle, read=read_bundle)


@cache
def tiny_network() -> Network:
    """The network in this process."""
    return Network(tiny_graph())


def pack_tiny(folder: Path) -> str:
    """Write the network's bundle into a folder; its digest."""
    return write_bundle(tiny_graph(), folder)


def pictures(count: int, *, seed: int = 5) -> list[Tensor]:
    """Random inputs of the network."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, 256, _PICTURE, generator=generator, dtype=torch.uint8) for _ in range(count)]
