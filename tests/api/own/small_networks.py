"""Networks of a user's own, small enough that each test has its own: a picture's, a vector's, one of two inputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def vectors() -> nn.Module:
    """float32[1, 8] to three numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))


class Words(nn.Module):
    """int64[1, 6] token numbers and float32[1, 4] beside them to two numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, tokens: Tensor, bias: Tensor) -> Tensor:
        mixed: Tensor = self.head(torch.relu(self.embedding(tokens).mean(dim=1) + bias))
        return mixed
