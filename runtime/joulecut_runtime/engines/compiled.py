"""`torch.compile` over a whole part: fused kernels, compiled when the part is prepared and never in a request.

torch keeps what it compiled on disk (`TORCHINDUCTOR_CACHE_DIR`), so the same part on the same machine is
compiled once, whichever process asks.
"""

from __future__ import annotations

import importlib.util
import os
import shutil

import torch
from torch import Tensor, fx

from joulecut_core.errors import ConfigError
from joulecut_runtime.engines.engine import Border
from joulecut_runtime.engines.torch_engine import Compute

_CPP = ("g++", "clang++", "c++")
_C = ("gcc", "clang", "cc")


def compiled(module: fx.GraphModule, samples: tuple[Tensor, ...], *, name: str, leaving: Border) -> Compute:
    """The module compiled for shapes as given, and run once. Raises ConfigError with torch's reason where it fails."""
    del leaving
    function = torch.compile(module, fullgraph=True, dynamic=False)

    def compute(*tensors: Tensor) -> tuple[Tensor, ...]:
        outputs: tuple[Tensor, ...] = function(*map(_of_inference, tensors))
        return outputs

    try:
        compute(*samples)
    except torch.cuda.OutOfMemoryError:
        raise
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(
            f"torch.compile cannot compile {name}: {type(error).__name__}: {reason}; "
            "use engine eager, or see why with TORCH_LOGS=+inductor"
        ) from error
    return compute


def compiler_obstacle(torch_device: torch.device) -> str | None:
    """Why torch cannot compile for this device on this machine; None where nothing is known to be missing."""
    if torch_device.type == "cpu":
        if not _found("CXX", _CPP):
            return f"there is no C++ compiler: neither $CXX nor {', '.join(_CPP)}; install g++"
        return None
    if importlib.util.find_spec("triton") is None:
        return "the package triton, which compiles for GPUs, is not installed; it comes with torch's CUDA builds"
    if not _found("CC", _C):
        return f"there is no C compiler, which triton needs: neither $CC nor {', '.join(_C)}; install gcc"
    return None


def _of_inference(tensor: Tensor) -> Tensor:
    """The tensor, sharing its memory, as if made in inference mode: torch would compile again for the other kind."""
    if tensor.is_inference():
        return tensor
    shared = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    return shared.set_(tensor.untyped_storage(), tensor.storage_offset(), tensor.shape, tensor.stride())


def _found(variable: str, names: tuple[str, ...]) -> bool:
    chosen = os.environ.get(variable)
    return any(shutil.which(name) is not None for name in ((chosen,) if chosen else names))
