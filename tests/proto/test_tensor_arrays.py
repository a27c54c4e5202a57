"""numpy arrays and frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from joulecut_core.errors import ContractError
from joulecut_core.networks import DTYPES, TensorSpec
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto.tensor_arrays import array_of, frame_of

BASE = np.arange(24)


@pytest.mark.parametrize("dtype", sorted(DTYPES - {"bfloat16"}))
def test_every_element_type_comes_back(dtype: str) -> None:
    """Values, shape and element type."""
    array = BASE.astype(dtype).reshape(2, 3, 4)
    frame = frame_of("x", array)
    assert frame.spec == TensorSpec(name="x", dtype=dtype, shape=(2, 3, 4))
    back = array_of(TensorFrame(spec=frame.spec, payload=bytes(frame.payload)))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(
    "array",
    [
        BASE.reshape(4, 6).T,
        BASE.reshape(4, 6)[:, ::2],
        BASE.astype(">i4"),
        np.float32(2.5) * np.ones(()),
        np.zeros((0, 3), dtype=np.float32),
    ],
    ids=["transposed", "strided", "big endian", "scalar", "empty"],
)
def test_any_memory_layout(array: npt.NDArray[Any]) -> None:
    """What travels is contiguous and little endian whatever the array looks like."""
    frame = frame_of("x", array)
    assert bytes(frame.payload) == array.astype(array.dtype.newbyteorder("<")).tobytes()
    np.testing.assert_array_equal(array_of(frame), array)


def test_contiguous_memory_is_shared() -> None:
    """The one unavoidable copy is made by the chunks, not here."""
    array = np.zeros(4, dtype=np.float32)
    frame = frame_of("x", array)
    array[0] = 1.0
    assert array_of(frame)[0] == 1.0


def test_objects_never_cross() -> None:
    """Complex numbers, texts and objects have no element type in the contract."""
    with pytest.raises(ContractError, match="x: element type complex64"):
        frame_of("x", np.zeros(2, dtype=np.complex64))
    with pytest.raises(ContractError, match="element type object"):
        frame_of("x", np.array([{}], dtype=object))


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (TensorFrame(spec=TensorSpec(name="x", dtype="uint8", shape=(1,)), payload=b"a", codec="jpeg90"), "decode it"),
        (TensorFrame(spec=TensorSpec(name="x", dtype="bfloat16", shape=(1,)), payload=b"ab"), "numpy has no bfloat16"),
        (TensorFrame(spec=TensorSpec(name="x", dtype="float32", shape=(2,)), payload=b"ab"), "2 payload bytes"),
    ],
    ids=["encoded", "no numpy type", "wrong length"],
)
def test_what_is_no_array_is_refused(frame: TensorFrame, complaint: str) -> None:
    """An encoded payload read as numbers would be garbage without a sound."""
    with pytest.raises(ContractError, match=complaint):
        array_of(frame)
