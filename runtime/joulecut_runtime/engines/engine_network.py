"""A network on an engine: the parts that agents run and profiles measure, prepared when first asked for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from joulecut_core.networks import CutTable, TensorSpec
from joulecut_runtime.engines.engine import Border, Engine, PreparedPart
from joulecut_runtime.engines.torch_devices import synchroniser
from joulecut_runtime.networks.network import Network
from joulecut_runtime.networks.parts import Part


class EngineNetwork:
    """A `MeasurableNetwork` of prepared parts. Keeps every part it prepared; weights are shared by all."""

    def __init__(self, network: Network, engine: Engine) -> None:
        self.network = network
        self.engine = engine
        self._prepared: dict[tuple[Part, Border, Border], PreparedPart] = {}

    @property
    def table(self) -> CutTable:
        """The network's cuts, in its declared element types whatever the engine's precision."""
        return self.network.table

    @property
    def whole(self) -> PreparedPart:
        """The network in one part."""
        return self.prepared(self.network.whole)

    def head(self, cut: int) -> PreparedPart:
        """Everything before `cut`."""
        return self.prepared(self.network.head(cut))

    def tail(self, cut: int) -> PreparedPart:
        """Everything after `cut`."""
        return self.prepared(self.network.tail(cut))

    def steps(self) -> tuple[PreparedPart, ...]:
        """One part per block, tensors between them left on the device; the first and last border are the host's.

        A step's outputs last until it runs again. `declared_on_host` makes of them what would cross a link.
        """
        parts = self.network.steps()
        last = len(parts) - 1
        return tuple(
            self.prepared(
                part,
                entry=Border.HOST if index == 0 else Border.DEVICE,
                leaving=Border.HOST if index == last else Border.DEVICE,
            )
            for index, part in enumerate(parts)
        )

    def prepared(self, part: Part, *, entry: Border = Border.HOST, leaving: Border = Border.HOST) -> PreparedPart:
        """A part of the network, prepared. Raises what `Engine.prepare` does."""
        key = (part, entry, leaving)
        if key not in self._prepared:
            self._prepared[key] = self.engine.prepare(part, entry=entry, leaving=leaving)
        return self._prepared[key]


def declared_on_host(tensors: Sequence[Tensor], specs: Sequence[TensorSpec]) -> tuple[Tensor, ...]:
    """Tensors between steps as they would cross a link: in the host's memory, in the declared element types.

    Waits for the device where they are on one. Tensors that are so already are returned as they are.
    """
    for torch_device in {tensor.device for tensor in tensors}:
        # They were made on the engine's stream, which the copy below would not wait for.
        synchroniser(torch_device)()
    return tuple(tensor.to("cpu", getattr(torch, spec.dtype)) for tensor, spec in zip(tensors, specs, strict=True))
