"""Inputs of any network as arrays: checked against what it takes, made up from a seed, or read from a file.

    .npy    one array, for a network of one input
    .npz    an array for each input, by the input's name or in the network's order

The first axis of a file's arrays counts requests: it is the network's batch, or so many requests of batch 1. An array
of exactly the input's shape is one request.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from joulecut_core.decoding import show
from joulecut_core.errors import ConfigError, ContractError
from joulecut_core.networks import TensorSpec
from joulecut_runtime.profiling.provision import example_inputs

Array = npt.NDArray[Any]
Inputs = tuple[Array, ...]

_SUFFIXES = (".npy", ".npz")
_WITHOUT_NUMPY = "bfloat16"
_HOST = "cpu"
_UNREADABLE = (OSError, ValueError, EOFError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What numpy raises for files that are not its own or damaged: RuntimeError for encrypted ones."""


def tensors_of(inputs: Sequence[npt.ArrayLike], specs: Sequence[TensorSpec]) -> tuple[Tensor, ...]:
    """One request's inputs as tensors. Raises ContractError where they are not what `specs` describe."""
    if len(inputs) != len(specs):
        expected = ", ".join(map(str, specs))
        raise ContractError(f"{len(inputs)} inputs; expected {len(specs)}: {expected}")
    return tuple(_tensor(each, spec) for each, spec in zip(inputs, specs, strict=True))


def made_up_inputs(specs: Sequence[TensorSpec], count: int, *, seed: int) -> tuple[Inputs, ...]:
    """Inputs of `count` requests that only have to run: noise for numbers, zeros for indices; the same for a seed.

    Raises ConfigError where numpy lacks an input's element type.
    """
    for spec in specs:
        if spec.dtype == _WITHOUT_NUMPY:
            raise ConfigError(f"{_title(spec)} is {spec}, which numpy cannot hold; capture it with float32 inputs")
    drawn = (example_inputs(specs, seed=seed + index) for index in range(count))
    return tuple(tuple(tensor.numpy() for tensor in tensors) for tensors in drawn)


def read_inputs(path: Path, specs: Sequence[TensorSpec]) -> tuple[Inputs, ...]:
    """The requests in a .npy or .npz file, at least one.

    Raises ConfigError where there is no such file, or its arrays are not what the network takes.
    """
    if path.suffix not in _SUFFIXES or not path.is_file():
        raise ConfigError(f"{path}: no inputs there; expected a file of numpy's ending in {' or '.join(_SUFFIXES)}")
    try:
        arrays = _arrays(path)
    except _UNREADABLE as cause:
        raise ConfigError(f"{path}: cannot be read as numpy's arrays: {cause}") from cause
    if len(arrays) != len(specs):
        expected = ", ".join(f"{spec.name} {spec}" for spec in specs)
        raise ConfigError(f"{path}: {len(arrays)} arrays; expected {len(specs)}: {expected}")
    by_name = all(spec.name in arrays for spec in specs)
    ordered = [arrays[spec.name] for spec in specs] if by_name else list(arrays.values())
    columns = [_requests(path, array, spec) for array, spec in zip(ordered, specs, strict=True)]
    counts = {len(column) for column in columns}
    if len(counts) != 1:
        raise ConfigError(f"{path}: arrays for {sorted(counts)} requests; expected as many of each input")
    return tuple(zip(*columns, strict=True))


def as_torch_takes(value: npt.ArrayLike) -> Array:
    """The array of the same numbers in the host's byte order, row by row, and its own to be written to.

    Raises ValueError for what is no array, such as rows of several lengths, or has masked values.
    """
    if np.ma.is_masked(value):
        raise ValueError("some of its values are masked; expected all: array.filled(...) them")
    array = np.asarray(value, order="C")
    return array.astype(array.dtype.newbyteorder("="), copy=not array.flags.writeable)


def expect_arrays(specs: Sequence[TensorSpec]) -> None:
    """Raise ContractError where numpy lacks the element type of one of these tensors."""
    for spec in specs:
        if spec.dtype == _WITHOUT_NUMPY:
            raise ContractError(f"{spec.name} is {spec}, which numpy cannot hold; return it as .float()")


def _arrays(path: Path) -> dict[str, Array]:
    # Opened here, since numpy leaves a file that it cannot read open.
    with path.open("rb") as stream:
        found = np.load(stream, allow_pickle=False)
        arrays = {"": found} if isinstance(found, np.ndarray) else dict(found)
        foreign = next((name for name, each in arrays.items() if not isinstance(each, np.ndarray)), None)
        if foreign is not None:
            raise ValueError(f"{foreign} in it is no array")
        return arrays


def _tensor(value: npt.ArrayLike | Tensor, spec: TensorSpec) -> Tensor:
    if isinstance(value, Tensor):
        tensor = value
    else:
        try:
            tensor = torch.from_numpy(as_torch_takes(value))
        except (TypeError, ValueError) as cause:
            raise ContractError(
                f"{_title(spec)}: {show(value)} is of type {type(value).__name__}; expected an array, {spec}"
            ) from cause
    given = TensorSpec(name=spec.name, dtype=str(tensor.dtype).removeprefix("torch."), shape=tuple(tensor.shape))
    if given != spec:
        raise ContractError(f"{_title(spec)} is {given}; expected {spec}{_hint(given, spec)}")
    if tensor.device.type != _HOST or tensor.layout is not torch.strided:
        raise ContractError(
            f"{_title(spec)} is a tensor on {tensor.device}, {tensor.layout}; expected one on {_HOST}, "
            f"{torch.strided}: convert it, as tensor.cpu() and tensor.to_dense() do"
        )
    return tensor.detach().contiguous()


def _title(spec: TensorSpec) -> str:
    """Inputs of modules that do not name them are called "input", "input_1" and so on."""
    return spec.name if spec.name.startswith("input") else f"input {spec.name}"


def _hint(given: TensorSpec, spec: TensorSpec) -> str:
    return (
        f": convert it, as array.astype({spec.dtype!r}) does"
        if given.dtype != spec.dtype and given.shape == spec.shape
        else ""
    )


def _requests(path: Path, array: Array, spec: TensorSpec) -> list[Array]:
    """One array per request."""
    if array.dtype.name != spec.dtype:
        raise ConfigError(
            f"{path}: {_title(spec)} is {array.dtype.name}; expected {spec.dtype}: save array.astype({spec.dtype!r})"
        )
    batch = spec.shape[0] if spec.shape else 0
    if array.shape == spec.shape:
        return [array]
    if array.shape[1:] == spec.shape[1:] and batch and array.shape[0] and array.shape[0] % batch == 0:
        return [array[begin : begin + batch] for begin in range(0, len(array), batch)]
    if array.ndim and array.shape[1:] == spec.shape and len(array):
        return list(array)
    shape = ", ".join(map(str, array.shape))
    raise ConfigError(f"{path}: {_title(spec)} has shape [{shape}]; expected {spec}, or several of them in a row")
