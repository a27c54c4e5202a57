"""Networks small enough to study in a second, and a study of them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from joulecut.study.cell_meter import MeterPlan
from joulecut.study.course import StudyOrder, StudyRun
from joulecut.study.engine_names import EngineName
from joulecut.study.pricing import Pricing, find_revenue
from joulecut.study.rows import Study
from joulecut_runtime.profiling.progress import ProgressSink, Silence

DEEP = "tests.api.study.tiny_networks:deep"
WIDE = "tests.api.study.tiny_networks:wide"
INPUT = "f32:1x3x32x32"
METER = MeterPlan(window_periods=3, window_runs=3, settle_s=0.1, layer_runs=2)


class _Convolutions(nn.Module):
    """Convolutions with activations between them, and a classifier that has to see flat rows."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(depth))
        self.head = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        for layer in self.body:
            x = torch.relu(layer(x))
        logits: Tensor = self.head(x.mean(dim=(2, 3)).flatten(1))
        return logits


def convolutions(channels: int, depth: int) -> nn.Module:
    """So many of them behind a stem, with a classifier behind them."""
    return _Convolutions(channels, depth)


def deep() -> nn.Module:
    """Many small convolutions."""
    return _Convolutions(8, 11)


def wide() -> nn.Module:
    """Few large ones."""
    return _Convolutions(128, 2)


def order(
    *networks: str,
    device: str = "emulated:v100",
    batches: tuple[int, ...] = (1, 8),
    clocks: str = "4",
    engines: tuple[EngineName, ...] = tuple(EngineName),
    parts: bool = False,
    seed: int = 0,
) -> StudyOrder:
    """An order for a short study."""
    return StudyOrder(
        networks=networks or (DEEP, WIDE),
        inputs=(INPUT,),
        device=device,
        batches=batches,
        clocks=clocks,
        engines=engines,
        parts=parts,
        pricing=Pricing(model=find_revenue("slo"), slo_s=None),
        meter=METER,
        seed=seed,
    )


def study(what: StudyOrder, folder: Path, *, resume: bool = False, progress: ProgressSink | None = None) -> Study:
    """A study from start to end; its journal stays in `folder`."""
    return StudyRun(what, folder, resume=resume).measure(progress or Silence())
