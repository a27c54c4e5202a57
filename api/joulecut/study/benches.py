"""Where cells are measured: an emulated device in its own time, or a real one in ours."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from joulecut.study.cell_meter import LayeredWork, Stand, Work
from joulecut.study.cells import CellKey
from joulecut.study.engine_names import EngineName, EngineOffer
from joulecut.study.layers import Layer
from joulecut_core.clocks import ClockTable
from joulecut_core.devices import DeviceInfo
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.network import Network

PartSide = Literal["head", "tail"]


class Bench(Protocol):
    """One device and the engines that it can run."""

    @property
    def info(self) -> DeviceInfo:
        """Who the device is."""
        ...

    @property
    def clock_table(self) -> ClockTable:
        """Its operating points."""
        ...

    @property
    def holds_clocks(self) -> bool:
        """Whether there are clocks to choose from; why not is among the remarks."""
        ...

    @property
    def remarks(self) -> Sequence[str]:
        """What a reader of its figures has to know."""
        ...

    @property
    def doubt(self) -> str | None:
        """Why no claim may be judged by its figures; None where they are the device's own."""
        ...

    @property
    def offers(self) -> Sequence[EngineOffer]:
        """Every engine, there or not."""
        ...

    def stand(self, key: CellKey) -> AbstractContextManager[Stand]:
        """The device, for one cell."""
        ...

    def whole(self, network: Network, engine: EngineName) -> Work:
        """The network under an engine, on inputs of its own."""
        ...

    def part(self, network: Network, cut: int, side: PartSide, engine: EngineName) -> Work:
        """The head or tail of a cut under an engine."""
        ...

    def layered(self, graph: Graph, layers: Sequence[Layer]) -> LayeredWork:
        """The network layer by layer, eagerly."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...
