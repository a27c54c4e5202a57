"""Networks of a user's own: a vector's, also captured and profiled once for all tests, and one of two inputs."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from joulecut.own.network import Network, capture, load
from joulecut.own.profile import profile
from joulecut_core.profiles import Profile, load_profile, save_profile
from joulecut_runtime.profiling.profiler import Side
from tests.kept import kept


def vectors() -> nn.Module:
    """float32[1, 8] to three numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))


@cache
def captured_vectors() -> Network:
    """`vectors`, captured by the first process that asks for it."""

    def captured() -> Network:
        return capture(vectors(), torch.zeros(1, 8), name="vectors")

    return kept("vectors", captured, write=lambda network, place: network.save(place), read=load)


@cache
def profiles_of_vectors() -> tuple[Profile, Profile]:
    """Of an emulated Orin Nano as the edge and a T4 as the server."""
    return _profiled("emulated:orin-nano-15w", "edge"), _profiled("emulated:t4", "server")


def _profiled(device: str, side: Side) -> Profile:
    def profiled() -> Profile:
        return profile(captured_vectors(), device=device, side=side)

    return kept(f"vectors-{side}.json", profiled, write=save_profile, read=load_profile)


class Words(nn.Module):
    """int64[1, 6] token numbers and float32[1, 4] beside them to two numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, tokens: Tensor, bias: Tensor) -> Tensor:
        mixed: Tensor = self.head(torch.relu(self.embedding(tokens).mean(dim=1) + bias))
        return mixed
