"""A part's kernels recorded once as a CUDA graph: one launch per run instead of one per kernel.

    warm up, on the engine's stream: libraries choose kernels and allocate what they need
    record   the same launches, into memory of the graph's own
    run      inputs -> static inputs | replay | static outputs -> caller

Parts of one engine run one after the other, and what leaves to the host has been copied before the next
replay. So those share one pool of memory for intermediate tensors. A part whose outputs stay on the device has
a pool of its own: another part's replay must not write over them.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, fx

from joulecut_runtime.engines.cuda_queue import CudaQueue
from joulecut_runtime.engines.engine import Border
from joulecut_runtime.engines.torch_engine import Compute

_WARM_UP = 3


class GraphRecorder:
    """Builds recorded parts on one stream."""

    def __init__(self, queue: CudaQueue) -> None:
        self._stream = queue.stream
        self._shared_pool = torch.cuda.graph_pool_handle()

    def __call__(self, module: fx.GraphModule, samples: tuple[Tensor, ...], *, name: str, leaving: Border) -> Compute:
        """The module recorded on `samples`, which become its static inputs."""
        del name
        for _ in range(_WARM_UP):
            module(*samples)
        self._stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        # Other threads of an agent may use CUDA meanwhile: only this one is held to what can be recorded.
        with torch.cuda.graph(
            graph,
            pool=self._shared_pool if leaving is Border.HOST else None,
            stream=self._stream,
            capture_error_mode="thread_local",
        ):
            outputs: tuple[Tensor, ...] = module(*samples)
        return RecordedPart(graph, module, samples, outputs)


class Replayable(Protocol):
    """A recorded graph; `torch.cuda.CUDAGraph` is one."""

    def replay(self) -> None:
        """Launch everything recorded, on the current stream."""
        ...


class RecordedPart:
    """Runs a graph on given tensors. The outputs are the same memory in every run."""

    def __init__(
        self,
        graph: Replayable,
        module: fx.GraphModule,
        inputs: tuple[Tensor, ...],
        outputs: tuple[Tensor, ...],
    ) -> None:
        self._graph = graph
        # The graph reads the weights' memory: they must live as long as it does.
        self._module = module
        self._inputs = inputs
        self._outputs = outputs

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Put the tensors where the graph reads, and replay it."""
        for static, tensor in zip(self._inputs, tensors, strict=True):
            static.copy_(tensor, non_blocking=True)
        self._graph.replay()
        return self._outputs
