"""What the live serving benchmark runs: a small network with its bundle, its service table and an edge's profile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from joulecut.service.tables import INT8_SPEED_UP, ServiceOrder, provide_service_table
from joulecut_core.figures import FigureKind
from joulecut_core.profiles import Profile
from joulecut_core.service_tables import ServiceTable, ServiceVariant
from joulecut_core.timing import ScaledClock
from joulecut_planner.serving.service_file import save_service_table
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.networks.bundle import write_bundle
from joulecut_runtime.networks.network import Network
from joulecut_runtime.profiling.provision import provide_profile
from joulecut_runtime.profiling.store import ProfileStore
from joulecut_runtime.quantised.calibration import calibrate

SERVER, EDGE = "emulated:v100", "emulated:orin-nano-super"
PICTURE = (1, 3, 32, 32)
REDUCED_LOSS = 0.01
"""Of the INT8 variant, and what every edge accepts."""


class Small(nn.Module):
    """Twelve convolutions on a small picture: many launches, little arithmetic, so that this host keeps up."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(nn.Conv2d(16, 16, 3, padding=1) for _ in range(10))
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Ten logits of a picture."""
        x = torch.relu(self.stem(x))
        for block in self.blocks:
            x = x + torch.relu(block(x))
        logits: Tensor = self.head(x.mean(dim=(2, 3)))
        return logits


def small() -> nn.Module:
    """The network, always with the same weights."""
    torch.manual_seed(3)
    return Small().eval()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What all runs share on disk and in memory."""

    folder: Path
    network: Network
    table: ServiceTable
    edge: Profile

    @property
    def alone_s(self) -> float:
        """A request by itself at the highest clock."""
        return sum(unit[-1] for unit in self.table.variants[0].time_s[0])


def workplace(folder: Path, *, reduced: bool = False) -> Workplace:
    """Bundle, service table and an edge's profile; `reduced`: with an INT8 variant too."""
    graph = capture(small(), (torch.zeros(PICTURE),), name="small")
    generator = torch.Generator().manual_seed(4)
    samples = [(torch.rand(PICTURE, generator=generator),) for _ in range(32)]
    scales = calibrate(graph, samples, calibrated_on="32 random pictures") if reduced else None
    write_bundle(graph, folder / "net", scales=scales)
    network = Network.load(folder / "net")
    order = ServiceOrder(
        network="benchmarks.live_workplace:small", inputs=("1x3x32x32",), device=SERVER, batches=(1, 2, 4, 8, 16)
    )
    made = provide_service_table(order, folder=folder / "tables")
    table = replace(made, variants=(made.variants[0], *([_reduced(made.variants[0])] if reduced else [])))
    save_service_table(table, folder / "table.json")
    clock = ScaledClock(1.0)
    edge = provide_profile(
        network,
        open_device(EDGE, clock=clock),
        device_name=EDGE,
        seed=0,
        side="edge",
        clock=clock,
        store=ProfileStore(folder / "profiles"),
    )
    return Workplace(folder=folder, network=network, table=table, edge=edge)


def _reduced(full: ServiceVariant) -> ServiceVariant:
    """INT8 as emulated devices are assumed to run it; its accuracy is made up, for nothing is right or wrong here."""
    faster = tuple(tuple(tuple(each / INT8_SPEED_UP for each in row) for row in batch) for batch in full.time_s)
    return replace(
        full, name="int8", accuracy=full.accuracy - REDUCED_LOSS, time_s=faster, figures=FigureKind.ESTIMATED
    )
