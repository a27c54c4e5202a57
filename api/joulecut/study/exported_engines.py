"""Engines that are not torch's: a part exported to ONNX and run by ONNX Runtime, or through it by TensorRT.

    part -> ONNX (torch.onnx, in memory) -> ONNX Runtime session with one provider:
                                            CUDA or CPU       `onnxruntime`
                                            TensorRT          `tensorrt`, NVIDIA only

Tensors enter and leave in the host's memory, as with the engines of the runtime. Everything here is optional: what is
missing is said, with the package to install. Host threads are as many as torch has.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, cast

import torch
from torch import Tensor

from joulecut.study.engine_names import EngineName
from joulecut_core.errors import ConfigError
from joulecut_runtime.networks.parts import Part

_EXPORTERS = ("onnx", "onnxscript")
_CPU, _CUDA, _TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
_FATAL_ONLY = 4


class _Options(Protocol):
    intra_op_num_threads: int
    log_severity_level: int


class _Value(Protocol):
    name: str


class _Session(Protocol):
    def get_inputs(self) -> Sequence[_Value]: ...

    def get_providers(self) -> Sequence[str]: ...

    def run(self, outputs: None, feeds: Mapping[str, object]) -> Sequence[object]: ...


class _OnnxRuntime(Protocol):
    """What is used of onnxruntime."""

    __version__: str

    def get_available_providers(self) -> Sequence[str]: ...

    def SessionOptions(self) -> _Options: ...  # noqa: N802 - onnxruntime's name

    def InferenceSession(  # noqa: N802
        self, model: bytes, options: _Options, *, providers: Sequence[tuple[str, Mapping[str, str]]]
    ) -> _Session: ...


def exported_obstacle(engine: EngineName, torch_device: torch.device) -> str | None:
    """Why an exported engine cannot run there, with the remedy; None where nothing stands in its way."""
    if engine is EngineName.TENSORRT and torch_device.type != "cuda":
        return "TensorRT runs on NVIDIA GPUs only"
    package = "onnxruntime" if torch_device.type == "cpu" else "onnxruntime-gpu"
    missing = [name for name in ("onnxruntime", *_EXPORTERS) if importlib.util.find_spec(name) is None]
    if missing:
        return f"{' and '.join(missing)} not installed; `pip install {package} {' '.join(_EXPORTERS)}`"
    wanted = _provider(engine, torch_device)
    if wanted not in _onnxruntime().get_available_providers():
        return f"this onnxruntime has no {wanted}; `pip install {package}`" + (
            " tensorrt" if wanted == _TENSORRT else ""
        )
    return None


def exported_basis(engine: EngineName, torch_device: torch.device) -> str:
    """What runs, in words. Call it where there is no obstacle."""
    tf32 = "; TF32 as TensorRT decides" if engine is EngineName.TENSORRT else ""
    return f"onnxruntime {_onnxruntime().__version__}, {_provider(engine, torch_device)}, FP32{tf32}"


def prepare_exported(
    part: Part, samples: Sequence[Tensor], engine: EngineName, torch_device: torch.device
) -> Callable[[Sequence[Tensor]], tuple[Tensor, ...]]:
    """The part as a callable from host tensors to host tensors. Raises ConfigError where it cannot be exported."""
    provider = _provider(engine, torch_device)
    runtime = _onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = _FATAL_ONLY
    session = runtime.InferenceSession(
        _exported(part, samples), options, providers=[(provider, _provider_options(provider, torch_device))]
    )
    if session.get_providers()[0] != provider:
        raise ConfigError(
            f"{part.name} runs on {session.get_providers()[0]} instead of {provider}; expected the libraries of "
            f"{engine.value} to be found: install them, or leave the engine out"
        )
    names = [value.name for value in session.get_inputs()]

    def run(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        feeds = {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)}
        return tuple(map(torch.as_tensor, session.run(None, feeds)))

    return run


def _exported(part: Part, samples: Sequence[Tensor]) -> bytes:
    try:
        with warnings.catch_warnings(), _quiet_exporter():
            # The exporter warns of its own internals from release to release; nobody can act on that here.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(part.module, tuple(samples), dynamo=True, verbose=False)
    except Exception as cause:  # the exporter raises anything, its own bugs included
        reason = str(cause).strip().partition("\n")[0]
        raise ConfigError(
            f"{part.name} cannot be exported to ONNX: {type(cause).__name__}: {reason}; leave ONNX engines out"
        ) from cause
    if program is None:
        raise ConfigError(f"{part.name} was exported to nothing; expected an ONNX program: leave ONNX engines out")
    serialised: bytes = program.model_proto.SerializeToString()
    return serialised


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """The exporter's loggers silent but for errors, and as they were afterwards."""
    before = [(logger, logger.level) for logger in map(logging.getLogger, ("torch.onnx", "onnxscript", "onnx_ir"))]
    for logger, _ in before:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in before:
            logger.setLevel(level)


def _provider(engine: EngineName, torch_device: torch.device) -> str:
    if engine is EngineName.TENSORRT:
        return _TENSORRT
    return _CUDA if torch_device.type == "cuda" else _CPU


def _provider_options(provider: str, torch_device: torch.device) -> Mapping[str, str]:
    if provider == _CPU:
        return {}
    # TF32 off on CUDA: fp32 means what it says, as with the engines of the runtime.
    tf32 = {"use_tf32": "0"} if provider == _CUDA else {}
    return {"device_id": str(torch_device.index or 0), **tf32}


def _onnxruntime() -> _OnnxRuntime:
    return cast("_OnnxRuntime", importlib.import_module("onnxruntime"))
