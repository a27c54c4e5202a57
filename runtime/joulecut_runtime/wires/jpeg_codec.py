"""Pictures at cut 0 as JPEG: what a camera team would send if there were no split, so the honest opponent.

The colours are not subsampled (4:4:4). A batch is one JPEG after another; the header holds each one's
length as a little-endian unsigned 32-bit number. Decoding refuses, before it allocates, a picture
whose own header claims another size than the tensor, and what can cost unbounded time: the progressive
form with its many scans, and far more bytes than the picture has, which are walked through one by one.
"""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from joulecut_core.errors import ContractError
from joulecut_core.networks import TensorSpec
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.workloads import Operation, OperationKind, Workload
from joulecut_runtime.wires.codec_checks import check_spec, spec_of

_LENGTH_BYTES = 4
_LARGEST_SIDE = 65_500
"""libjpeg's limit on width and height."""
_MOST_PER_BYTE, _MOST_BESIDE_BYTES, _BLOCK = 2, 4096, 8
"""Of a JPEG: bytes for each of the picture, whose sides are filled up to whole blocks, and for tables beside them.
Noise of black and white takes 1.3."""
_COMPRESSED_BYTES_PER_PIXEL = {98: 0.9, 90: 0.45}
"""Means over 120 crops of ImageNet pictures at 224 x 224: a workload is asked for before the real size is known."""


class JpegCodec:
    """uint8 pictures [N, 3, height, width], red first, as JPEG of quality 98 or 90."""

    lossless = False

    def __init__(self, quality: int) -> None:
        self.name = f"jpeg{quality}"
        self._quality = quality

    def applies_to(self, specs: tuple[TensorSpec, ...], cut: int) -> bool:
        """Whether these are the network's inputs and all of them pictures."""
        return cut == 0 and bool(specs) and all(map(_is_picture, specs))

    def encode(self, tensors: Sequence[Tensor]) -> tuple[TensorFrame, ...]:
        """The pictures as JPEG; raises ContractError for tensors that are no pictures."""
        return tuple(self._encode(tensor, index) for index, tensor in enumerate(tensors))

    def decode(self, encoded: Sequence[TensorFrame]) -> tuple[Tensor, ...]:
        """New uint8 tensors; raises ContractError where a JPEG is damaged or is not the picture announced."""
        return tuple(map(self._decode, encoded))

    def encode_workload(self, specs: Sequence[TensorSpec]) -> Workload:
        """One compression per tensor: the picture's bytes and those of an ordinary JPEG of it."""
        return self._workload(OperationKind.HOST_JPEG_ENCODE, specs)

    def decode_workload(self, specs: Sequence[TensorSpec]) -> Workload:
        """One decompression per tensor, bytes as for encoding."""
        return self._workload(OperationKind.HOST_JPEG_DECODE, specs)

    def _workload(self, kind: OperationKind, specs: Sequence[TensorSpec]) -> Workload:
        share = 1 + _COMPRESSED_BYTES_PER_PIXEL[self._quality] / 3
        operations = tuple(Operation(kind=kind, flops=0.0, size_bytes=share * spec.size_bytes) for spec in specs)
        return Workload(blocks=(operations,))

    def _encode(self, tensor: Tensor, index: int) -> TensorFrame:
        spec = spec_of(tensor, str(index))
        _check_picture(spec, self.name)
        pictures = [self._compress(picture) for picture in tensor.detach().cpu()]
        lengths = struct.pack(f"<{len(pictures)}I", *map(len, pictures))
        payload = pictures[0] if len(pictures) == 1 else b"".join(pictures)
        return TensorFrame(codec=self.name, spec=spec, codec_header=lengths, payload=payload)

    def _compress(self, picture: Tensor) -> bytes:
        stream = io.BytesIO()
        image = Image.fromarray(np.ascontiguousarray(picture.permute(1, 2, 0).numpy()))
        image.save(stream, format="JPEG", quality=self._quality, subsampling=0)
        return stream.getvalue()

    def _decode(self, encoded: TensorFrame) -> Tensor:
        spec = encoded.spec
        check_spec(spec)
        _check_picture(spec, self.name)
        count = spec.shape[0]
        if len(encoded.codec_header) != _LENGTH_BYTES * count:
            raise ContractError(
                f"tensor {spec.name!r} of {spec} has a {self.name} header of {len(encoded.codec_header)} bytes; "
                f"expected {_LENGTH_BYTES * count}"
            )
        lengths = struct.unpack(f"<{count}I", encoded.codec_header)
        if sum(lengths) != len(encoded.payload):
            raise ContractError(
                f"tensor {spec.name!r} of {spec} announces {sum(lengths)} bytes of {self.name} "
                f"and has {len(encoded.payload)}; expected them to be equal"
            )
        most = _most_bytes(spec)
        if max(lengths) > most:
            raise ContractError(
                f"tensor {spec.name!r} of {spec} announces {max(lengths)} bytes of {self.name} for one picture; "
                f"expected at most {most}"
            )
        payload = memoryview(encoded.payload)
        offsets = (0, *itertools.accumulate(lengths))
        # Opened one by one before the batch is allocated, so that a lie costs no memory.
        images = [_open(payload[begin:end], spec, self.name) for begin, end in itertools.pairwise(offsets)]
        pixels = torch.empty(spec.shape, dtype=torch.uint8)
        for target, image in zip(pixels, images, strict=True):
            target.copy_(_pixels(image, spec, self.name))
        return pixels


def _most_bytes(spec: TensorSpec) -> int:
    height, width = (-(-side // _BLOCK) * _BLOCK for side in spec.shape[2:])
    return _MOST_PER_BYTE * 3 * height * width + _MOST_BESIDE_BYTES


def _open(content: memoryview, spec: TensorSpec, codec: str) -> Image.Image:
    """A picture whose header was read and checked but whose pixels were not."""
    try:
        image = Image.open(io.BytesIO(content), formats=["JPEG"])
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as cause:
        raise ContractError(f"tensor {spec.name!r} of {spec} is not {codec}: {cause}; expected a JPEG") from cause
    expected = (spec.shape[3], spec.shape[2])
    if image.size != expected or image.mode != "RGB" or image.format != "JPEG" or "progressive" in image.info:
        form = "progressive" if "progressive" in image.info else "baseline"
        raise ContractError(
            f"tensor {spec.name!r} of {spec} holds a {form} {image.format} of {image.width}x{image.height} in "
            f"{image.mode}; expected a baseline JPEG of {expected[0]}x{expected[1]} in RGB"
        )
    return image


def _pixels(image: Image.Image, spec: TensorSpec, codec: str) -> Tensor:
    try:
        pixels = np.array(image)
    except (OSError, ValueError, SyntaxError) as cause:
        raise ContractError(f"tensor {spec.name!r} of {spec} is a damaged {codec}: {cause}; send it again") from cause
    return torch.from_numpy(pixels).permute(2, 0, 1)


def _is_picture(spec: TensorSpec) -> bool:
    if spec.dtype != "uint8" or len(spec.shape) != 4 or spec.shape[1] != 3 or spec.shape[0] < 1:
        return False
    return all(1 <= side <= _LARGEST_SIDE for side in spec.shape[2:])


def _check_picture(spec: TensorSpec, codec: str) -> None:
    if not _is_picture(spec):
        raise ContractError(f"tensor {spec.name!r} is {spec}; expected pictures uint8[N, 3, H, W] for {codec}")
