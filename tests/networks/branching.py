"""Networks whose branches run side by side, each small enough to read."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Branch(nn.Module):
    """Shrinks to a few channels, then widens: the narrow tensor in the middle is worth sending."""

    def __init__(self, channels: int, narrow: int, wide: int) -> None:
        super().__init__()
        self.shrink = nn.Conv2d(channels, narrow, 1)
        self.widen = nn.Conv2d(narrow, wide, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.widen(torch.relu(self.shrink(x))))


class Branching(nn.Module):
    """A stem, three branches of which one is a pooled short one, a join, and a head; one early answer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 3, stride=2, padding=1)
        self.left = Branch(12, 2, 16)
        self.right = Branch(12, 3, 16)
        self.pooled = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(12, 4, 1))
        self.head = nn.Linear(36, 5)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        features = torch.relu(self.stem(picture))
        left = self.left(features)
        joined = torch.cat([left, self.right(features), self.pooled(features)], dim=1)
        return self.head(joined.mean(dim=(2, 3))), left.mean(dim=(1, 2, 3))


class Residual(nn.Module):
    """A skip that an element-wise sum joins, and a transposed view that two readers share."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.skip = nn.Conv2d(3, 8, 1)
        self.rows = nn.Linear(8, 4)
        self.columns = nn.Linear(8, 4)

    def forward(self, picture: Tensor) -> Tensor:
        summed = self.second(torch.relu(self.first(picture))) + self.skip(picture)
        flat = torch.relu(summed).flatten(2).transpose(1, 2)
        product: Tensor = self.rows(flat) * torch.sigmoid(self.columns(flat))
        return product.mean(dim=1)


class Sideways(nn.Module):
    """Answers with a slice of something else it computes: that answer must not cross."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.left = nn.Linear(8, 4)
        self.right = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.relu(self.first(x))
        result: Tensor = self.left(y) * self.right(y)
        return y[:, 1:4], result


class Listening(nn.Module):
    """Sound that branches remember, attend to and filter, each with an answer that the others do not need."""

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Conv1d(2, 8, 4, stride=4)
        self.memory = nn.LSTM(8, 6, batch_first=True, bidirectional=True)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.filters = nn.Sequential(nn.Conv1d(8, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.Mish())
        self.head = nn.Linear(24, 5)

    def forward(self, sound: Tensor) -> dict[str, Tensor]:
        features = torch.relu(self.front(sound)).transpose(1, 2)
        heard, (last, _) = self.memory(features)
        seen, _ = self.attention(features, features, features, need_weights=False)
        filtered = self.filters(features.transpose(1, 2)).transpose(1, 2)
        joined = torch.cat([heard, seen, filtered], dim=2)
        return {"scores": self.head(joined.amax(1)), "state": last, "loudest": seen.topk(2).indices}
