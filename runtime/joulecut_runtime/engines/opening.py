"""Open an engine by name, precision and torch device."""

from __future__ import annotations

import logging
import warnings

import torch

from joulecut_core.errors import ConfigError
from joulecut_core.timing import Clock
from joulecut_runtime.engines.compiled import compiled, compiler_obstacle
from joulecut_runtime.engines.cuda_graph import GraphRecorder
from joulecut_runtime.engines.cuda_queue import CudaQueue, page_locked
from joulecut_runtime.engines.device_lane import DeviceLane
from joulecut_runtime.engines.engine import Engine, EngineName, Precision
from joulecut_runtime.engines.lanes import HostLane
from joulecut_runtime.engines.torch_engine import Builder, TorchEngine, eager, warm

_LOG = logging.getLogger(__name__)
_CPU = torch.device("cpu")


def open_engine(
    name: EngineName = EngineName.EAGER,
    precision: Precision = Precision.FP32,
    *,
    torch_device: torch.device = _CPU,
    clock: Clock,
) -> Engine:
    """An engine on that device, with a stream and a store of weights of its own. `clock` times preparations.

    On CUDA this turns TF32 convolutions off for the whole process: fp32 means what it says. Raises ConfigError
    where `engine_obstacle` has something to say.
    """
    obstacle = engine_obstacle(name, torch_device)
    if obstacle is not None:
        raise ConfigError(f"engine {name.value} on {torch_device}: {obstacle}")
    if torch_device.type == "cpu":
        if precision is Precision.FP16:
            _LOG.warning("fp16 on a CPU is some fifty times slower than fp32; use bf16 or fp32 there")
        plain = eager if precision is Precision.FP32 else warm
        builder = compiled if name is EngineName.COMPILE else plain
        return TorchEngine(name, precision, HostLane(clock), builder, clock)
    _compute_in_ieee_fp32()
    queue = CudaQueue(torch.device("cuda", torch_device.index or 0))
    lane = DeviceLane(queue, page_locked)
    builders: dict[EngineName, Builder] = {
        EngineName.EAGER: eager,
        EngineName.COMPILE: compiled,
        EngineName.CUDA_GRAPH: GraphRecorder(queue),
    }
    return TorchEngine(name, precision, lane, builders[name], clock)


def engine_obstacle(name: EngineName, torch_device: torch.device) -> str | None:
    """Why this engine cannot run there, with the remedy; None where nothing stands in its way."""
    if torch_device.type not in ("cpu", "cuda"):
        return f"joulecut computes on cpu and cuda, not on {torch_device.type}; name one of those"
    if torch_device.type == "cuda":
        if not torch.cuda.is_available():
            return f"torch {torch.__version__} finds no usable CUDA device; install a CUDA build of torch, or use cpu"
        if (torch_device.index or 0) >= torch.cuda.device_count():
            return f"there are {torch.cuda.device_count()} CUDA devices; name one below that"
    if name is EngineName.CUDA_GRAPH and torch_device.type != "cuda":
        return "CUDA graphs exist on CUDA devices only; use eager or compile here"
    return compiler_obstacle(torch_device) if name is EngineName.COMPILE else None


def _compute_in_ieee_fp32() -> None:
    with warnings.catch_warnings():
        # Newer torch has another way to say it, which its own compiler does not yet get along with.
        warnings.simplefilter("ignore")
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
