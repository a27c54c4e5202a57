"""Parts run for several requests at once, though each was captured for one.

    requests' tensors -> stacked in a further dimension -> one run of the same operators -> taken apart again

Stacking is torch's `vmap`: convolutions and products become larger ones, and no second capture is needed. Where an
operator cannot be run so, the requests run one after the other within one execution.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from joulecut_core.errors import ConfigError
from joulecut_core.workloads import Operation, Workload
from joulecut_runtime.engines import EngineNetwork, PreparedPart
from joulecut_runtime.engines.torch_engine import TorchEngine
from joulecut_runtime.networks.operators import OPERATORS
from joulecut_runtime.networks.parts import Part

_LOG = logging.getLogger(__name__)

_LOOK_UPS = frozenset(name for name, operator in OPERATORS.items() if operator.sparse_reads)
"""Read of their table no more than they give: twice the look-ups read twice as much."""


class BatchedPart:
    """One part for any number of requests. One thread at a time.

    A request by itself runs exactly as in the part; in a batch its results differ by rounding.
    """

    def __init__(self, network: EngineNetwork, part: Part) -> None:
        """Prepares both ways of running. Raises what `Engine.prepare` does."""
        self.part = part
        self._one = network.prepared(part)
        self._many = _over_batch(network, part)
        self._weight_bytes = weight_bytes(part)
        self._workloads: dict[int, Workload] = {}

    @property
    def together(self) -> bool:
        """Whether requests run as one, and not one after the other."""
        return self._many is not None

    def workload(self, batch: int) -> Workload:
        """What running `batch` requests asks of a device."""
        found = self._workloads.get(batch)
        if found is None:
            found = self._workloads[batch] = batch_workload(
                self.part.workload, self._weight_bytes, batch, together=self.together
            )
        return found

    def __call__(self, requests: Sequence[Sequence[Tensor]]) -> list[tuple[Tensor, ...]]:
        """The outputs for each request's tensors, which must fit the part's inputs; at least one request."""
        if len(requests) == 1 or self._many is None:
            return [self._one(tensors) for tensors in requests]
        outputs = self._many([torch.stack(tensors) for tensors in zip(*requests, strict=True)])
        return list(zip(*(tensor.unbind() for tensor in outputs), strict=True))


def batch_workload(workload: Workload, weights: Sequence[float], batch: int, *, together: bool = True) -> Workload:
    """What a batch asks of a device: its arithmetic and activations for each request, its weights and launches once.

    `weights`: bytes of constants that each operation reads. With `together` false, everything once for each request.
    """
    if not together:
        return Workload(blocks=tuple(block * batch for block in workload.blocks))
    remaining = iter(weights)
    return Workload(
        blocks=tuple(
            tuple(_grown(operation, next(remaining), batch) for operation in block) for block in workload.blocks
        )
    )


def weight_bytes(part: Part) -> tuple[float, ...]:
    """For each operation of the part, how many bytes of weights it reads."""
    known = {name: buffer.numel() * buffer.element_size() for name, buffer in part.module.named_buffers()}
    sizes = []
    for node in part.module.graph.nodes:
        if node.op == "call_function":
            constants = [] if str(node.target) in _LOOK_UPS else node.all_input_nodes
            sizes.append(float(sum(known.get(str(each.target), 0) for each in constants if each.op == "get_attr")))
    return tuple(sizes)


def _grown(operation: Operation, weights: float, batch: int) -> Operation:
    fixed = min(weights, operation.size_bytes)
    return replace(operation, flops=operation.flops * batch, size_bytes=fixed + (operation.size_bytes - fixed) * batch)


def _over_batch(network: EngineNetwork, part: Part) -> PreparedPart | None:
    if not isinstance(network.engine, TorchEngine):
        return None
    try:
        return network.engine.prepare_over_batch(part)
    except ConfigError as error:
        _LOG.warning("requests of a batch run one after the other: %s", error)
        return None
