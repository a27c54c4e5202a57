"""Inputs of any network: from files, and made up."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from joulecut.own.arrays import expect_arrays, made_up_inputs, read_inputs, tensors_of
from joulecut_core.errors import ConfigError, ContractError
from joulecut_core.networks import TensorSpec


def _save(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """A .npz file of these arrays, in this order."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


VECTOR = TensorSpec(name="x", dtype="float32", shape=(1, 4))
TOKENS = TensorSpec(name="tokens", dtype="int64", shape=(1, 3))


@pytest.mark.parametrize(
    ("shape", "spec_shape", "count"),
    [((1, 4), (1, 4), 1), ((5, 4), (1, 4), 5), ((5, 1, 4), (1, 4), 5), ((6, 4), (2, 4), 3), ((7, 4), (4,), 7)],
)
def test_rows_of_a_file(tmp_path: Path, shape: tuple[int, ...], spec_shape: tuple[int, ...], count: int) -> None:
    """One request or many, with and without an axis for the batch: what is sent has the network's own shape."""
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    np.save(tmp_path / "rows.npy", values)
    spec = TensorSpec(name="x", dtype="float32", shape=spec_shape)
    found = read_inputs(tmp_path / "rows.npy", (spec,))
    assert len(found) == count
    assert all(arrays[0].shape == spec_shape for arrays in found)
    np.testing.assert_array_equal(np.concatenate([arrays[0].reshape(-1) for arrays in found]), values.reshape(-1))


@pytest.mark.parametrize("names", [("tokens", "x"), ("first", "second")])
def test_several_inputs(tmp_path: Path, names: tuple[str, str]) -> None:
    """By the inputs' names, in any order; else in the network's order."""
    tokens, vectors = np.zeros((2, 3), np.int64), np.ones((2, 4), np.float32)
    by_name: dict[str, npt.NDArray[Any]] = dict(zip(names, (tokens, vectors), strict=True))
    arrays: Mapping[str, npt.NDArray[Any]] = dict(reversed(by_name.items())) if "x" in names else by_name
    _save(tmp_path / "rows.npz", arrays)
    (first, _) = read_inputs(tmp_path / "rows.npz", (TOKENS, VECTOR))
    assert [array.dtype.name for array in first] == ["int64", "float32"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((1, 4))}, "is float64; expected float32: save array.astype"),
        ({"x": np.zeros((1, 5), np.float32)}, r"has shape \[1, 5\]; expected float32\[1, 4\]"),
        ({"x": np.zeros((0, 4), np.float32)}, r"has shape \[0, 4\]"),
        ({"x": np.zeros((1, 4), np.float32), "y": np.zeros(1)}, "2 arrays; expected 1: x float32"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, arrays: dict[str, npt.NDArray[Any]], message: str) -> None:
    """What is wrong, and what the network takes."""
    _save(tmp_path / "rows.npz", arrays)
    with pytest.raises(ConfigError, match=message):
        read_inputs(tmp_path / "rows.npz", (VECTOR,))


def test_inputs_of_different_counts(tmp_path: Path) -> None:
    """A request needs all of its inputs."""
    np.savez(tmp_path / "rows.npz", tokens=np.zeros((2, 3), np.int64), x=np.zeros((3, 4), np.float32))
    with pytest.raises(ConfigError, match=r"arrays for \[2, 3\] requests"):
        read_inputs(tmp_path / "rows.npz", (TOKENS, VECTOR))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Nothing there, nothing of numpy's, and nothing that would run code when it is read."""
    for name, content in (("bad.npy", b"\x93NUMPY"), ("bad.npz", b"PK\x03\x04"), ("text.npy", b"hello")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match="cannot be read"):
            read_inputs(tmp_path / name, (VECTOR,))
    with (tmp_path / "huge.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 4)})
    np.savez_compressed(tmp_path / "damaged.npz", x=np.arange(400, dtype=np.float32).reshape(100, 4))
    damaged = bytearray((tmp_path / "damaged.npz").read_bytes())
    damaged[100:110] = b"\xff" * 10
    (tmp_path / "damaged.npz").write_bytes(damaged)
    with zipfile.ZipFile(tmp_path / "notes.npz", "w") as archive:
        archive.writestr("notes.txt", "no array")
    for name in ("huge.npy", "damaged.npz", "notes.npz"):
        with pytest.raises(ConfigError, match=rf"{name}: cannot be read"):
            read_inputs(tmp_path / name, (VECTOR,))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_inputs(tmp_path / "objects.npy", (VECTOR,))
    for name in ("none.npy", "rows.csv"):
        with pytest.raises(ConfigError, match=r"ending in \.npy or \.npz"):
            read_inputs(tmp_path / name, (VECTOR,))


def test_made_up_inputs() -> None:
    """The same for a seed, different from request to request, and of the network's own description."""
    first, second = (made_up_inputs((VECTOR, TOKENS), 3, seed=4) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        tensors_of(one, (VECTOR, TOKENS))
    assert not np.array_equal(first[0][0], first[1][0])
    with pytest.raises(ConfigError, match="bfloat16"):
        made_up_inputs((TensorSpec(name="x", dtype="bfloat16", shape=(1,)),), 1, seed=0)


def test_an_array_that_may_not_be_written_to() -> None:
    """Arrays of a file mapped into memory are taken as they are, without torch's warning."""
    array = np.ones((1, 4), np.float32)
    array.flags.writeable = False
    assert tensors_of((array,), (VECTOR,))[0].sum() == 4


@pytest.mark.parametrize("array", [np.float32(2.5), np.array(2.5, ">f4"), np.full(1, 2.5, "<f4")[0]])
def test_a_single_number_and_another_byte_order(array: npt.ArrayLike) -> None:
    """An input without dimensions stays without, and numbers keep their values whatever wrote them."""
    (tensor,) = tensors_of((array,), (TensorSpec(name="gain", dtype="float32", shape=()),))
    assert tuple(tensor.shape) == ()
    assert float(tensor) == 2.5


@pytest.mark.parametrize("tensor", [torch.zeros(1, 4, device="meta"), torch.zeros(1, 4).to_sparse()])
def test_a_tensor_that_is_elsewhere(tensor: torch.Tensor) -> None:
    """One of a GPU, or without all its numbers in a row, is refused with what makes it fit."""
    with pytest.raises(
        ContractError, match=r"input x is a tensor on .*; expected one on cpu, torch.strided: .*\.cpu\(\)"
    ):
        tensors_of((tensor,), (VECTOR,))


def test_what_is_no_array() -> None:
    """Rows of several lengths and masked values are told like any other type."""
    masked = np.ma.masked_array(np.ones((1, 4), np.float32), mask=[[True, False, False, False]])
    for value in ([[1.0, 2.0], [3.0]], masked):
        with pytest.raises(ContractError, match=r"expected an array, float32\[1, 4\]"):
            tensors_of((value,), (VECTOR,))
    with pytest.raises(ContractError, match=r"answer is bfloat16.*numpy cannot hold"):
        expect_arrays((VECTOR, TensorSpec(name="answer", dtype="bfloat16", shape=(1,))))
