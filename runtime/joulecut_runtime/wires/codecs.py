"""Wire codecs: how the tensors of a cut become bytes and tensors again.

    raw        bit for bit                                any tensor
    fp16       half precision                             float32 and float64; others raw
    affine8    8 bits, one step and minimum per tensor    floats; others raw
    affine8c   8 bits, a step and minimum per channel     floats with channels; others raw
    jpeg98     JPEG of quality 98, 4:4:4                  uint8 pictures at cut 0
    jpeg90     JPEG of quality 90, 4:4:4                  uint8 pictures at cut 0

What a codec does with a tensor follows from the tensor's description alone, so one name per request
says how to read all of its tensors.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from joulecut_core.errors import ConfigError, ContractError
from joulecut_core.networks import CutTable, TensorSpec
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.workloads import Workload
from joulecut_runtime.wires.affine_codec import AffineCodec
from joulecut_runtime.wires.jpeg_codec import JpegCodec
from joulecut_runtime.wires.plain_codecs import HalfCodec, RawCodec


class Codec(Protocol):
    """Encodes the tensors of a cut on one side and decodes them on the other. Holds no state."""

    @property
    def name(self) -> str:
        """The word for it on the wire, in plans and in profiles."""
        ...

    @property
    def lossless(self) -> bool:
        """Whether what is decoded is bit for bit what was encoded."""
        ...

    def applies_to(self, specs: tuple[TensorSpec, ...], cut: int) -> bool:
        """Whether it is worth offering for the tensors of this cut."""
        ...

    def encode(self, tensors: Sequence[Tensor]) -> tuple[TensorFrame, ...]:
        """The tensors as bytes, named by position; raises ContractError where one cannot be carried."""
        ...

    def decode(self, encoded: Sequence[TensorFrame]) -> tuple[Tensor, ...]:
        """New tensors; checks every length before it allocates and raises ContractError on any lie."""
        ...

    def encode_workload(self, specs: Sequence[TensorSpec]) -> Workload:
        """What encoding tensors of these descriptions asks of the host."""
        ...

    def decode_workload(self, specs: Sequence[TensorSpec]) -> Workload:
        """What decoding tensors of these descriptions asks of the host."""
        ...


_CODECS: tuple[Codec, ...] = (
    RawCodec(),
    HalfCodec(),
    AffineCodec(per_channel=False),
    AffineCodec(per_channel=True),
    JpegCodec(98),
    JpegCodec(90),
)
_BY_NAME = {each.name: each for each in _CODECS}


def codec_names() -> tuple[str, ...]:
    """The names of all codecs, raw first."""
    return tuple(_BY_NAME)


def codec(name: str) -> Codec:
    """The codec of that name; raises ConfigError naming those there are."""
    found = _BY_NAME.get(name)
    if found is None:
        close = difflib.get_close_matches(name, _BY_NAME, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(_BY_NAME)}"
        raise ConfigError(f"unknown wire codec {name!r}; {hint}")
    return found


def codecs_for(table: CutTable, cut: int) -> tuple[Codec, ...]:
    """The codecs worth offering at a cut, raw first; none at the last cut, where nothing crosses."""
    if cut == table.last:
        return ()
    tensors = table.cuts[cut].tensors
    return tuple(each for each in _CODECS if each.applies_to(tensors, cut))


def decode_expected(using: Codec, encoded: Sequence[TensorFrame], expected: Sequence[TensorSpec]) -> tuple[Tensor, ...]:
    """Decode what must be the tensors `expected` (a cut's, or a reply's), in that order.

    Raises ContractError, before anything is allocated, where count, codec, element types or shapes differ.
    """
    if len(encoded) != len(expected):
        raise ContractError(f"{len(encoded)} tensors arrived; expected {len(expected)}")
    for index, (actual, wanted) in enumerate(zip(encoded, expected, strict=True)):
        if actual.codec != using.name:
            raise ContractError(f"tensor {index} is in codec {actual.codec!r}; expected {using.name!r}")
        if (actual.spec.dtype, actual.spec.shape) != (wanted.dtype, wanted.shape):
            raise ContractError(f"tensor {index} is {actual.spec}; expected {wanted} ({wanted.name})")
    return using.decode(encoded)
