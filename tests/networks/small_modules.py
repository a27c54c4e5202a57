"""Modules that are hard to cut, or must not be captured, each small enough to read."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Skips(nn.Module):
    """Two inputs, two outputs, a skip over everything, and a value that nobody needs for long."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 4, 3, stride=2, padding=1)
        self.third = nn.Conv2d(4, 16, 3, padding=1)
        self.head = nn.Linear(16, 5)

    def forward(self, picture: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
        features = torch.relu(self.norm(self.first(picture)))
        small = self.second(features)
        pooled = functional.adaptive_avg_pool2d(self.third(small), 1).flatten(1)
        return self.head(pooled) + offset, small.mean(dim=(2, 3)) + picture.mean(dim=(1, 2, 3)).reshape(1, 1)


class ViewThenChange(nn.Module):
    """Changes a tensor in place after a view of it was taken: the view must see the change."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)
        self.last = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        view = y.view(2, 3, 2)
        y.mul_(2.0)
        y.add_(1.0)
        result: Tensor = self.last(torch.relu(view.reshape(2, 6)))
        return result


class ChannelsLast(nn.Module):
    """Convolutions on permuted memory: kernels may round by layout, so a cut must keep it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 4, stride=4)
        self.norm = nn.LayerNorm(16)
        self.mix = nn.Conv2d(16, 16, 7, padding=3, groups=16)
        self.widen = nn.Conv2d(16, 48, 1)
        self.narrow = nn.Conv2d(48, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.stem(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        y = y + self.narrow(torch.relu(self.widen(self.mix(y))))
        result: Tensor = y + self.narrow(torch.relu(self.widen(y)))
        return result.mean(dim=(2, 3))


class Counting(nn.Module):
    """Changes a buffer with every call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Tensor
        self.register_buffer("calls", torch.zeros(()))
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        y: Tensor = self.layer(x) + self.calls
        return y


class Deciding(nn.Module):
    """Takes a branch that depends on the values it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        if y.sum() > 0:
            y = -y
        return y


class Nesting(nn.Module):
    """Has a module in a submodule."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.outer = nn.Sequential(nn.Linear(4, 4), inner)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.outer(x)
        return y


class Noisy(nn.Module):
    """Random even in evaluation mode."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


class Unknown(nn.Module):
    """Calls an operator that is not on the whitelist."""

    def forward(self, x: Tensor) -> Tensor:
        inverse: Tensor = torch.linalg.inv(x)
        return inverse


def skips() -> nn.Module:
    """The factory that command-line tests name."""
    torch.manual_seed(5)
    return Skips()


def broken() -> nn.Module:
    """A factory that fails."""
    raise RuntimeError("no weights\non this machine")


def not_a_module() -> object:
    """A factory of something else."""
    return 42
