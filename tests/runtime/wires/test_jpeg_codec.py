"""JPEG at cut 0: close, in full colour resolution, and never larger or other than announced."""

from __future__ import annotations

import io
import struct
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from joulecut_core.errors import ContractError
from joulecut_core.networks import TensorSpec
from joulecut_core.tensor_frames import TensorFrame
from joulecut_runtime.wires.codecs import codec
from tests.runtime.smooth_pictures import picture


@pytest.mark.parametrize(("name", "error"), [("jpeg98", 4), ("jpeg90", 10)])
def test_jpeg_round_trip_is_close(name: str, error: int) -> None:
    """A smooth picture comes back within a few grey levels and keeps its colours apart (no subsampling)."""
    tensor = picture(height=33, width=47, count=3)
    (encoded,) = codec(name).encode([tensor])
    (decoded,) = codec(name).decode([encoded])
    assert decoded.shape == tensor.shape
    assert int((decoded.int() - tensor.int()).abs().max()) <= error
    assert len(encoded.codec_header) == 12


def test_jpeg_keeps_full_colour_resolution() -> None:
    """4:4:4: the file itself says that no colour plane is subsampled."""
    (encoded,) = codec("jpeg98").encode([picture()])
    layers = Image.open(io.BytesIO(encoded.payload)).layer  # type: ignore[attr-defined]
    assert [layer[1:3] for layer in layers] == [(1, 1)] * 3


def test_jpeg_quality_orders_size() -> None:
    """The quality in the name is the quality used."""
    noise = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    sizes = [codec(name).encode([noise])[0].size_bytes for name in ("jpeg90", "jpeg98")]
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize(
    "tensor",
    [torch.zeros(1, 1, 4, 4, dtype=torch.uint8), torch.zeros(1, 3, 4, 4), torch.zeros(3, 4, 4, dtype=torch.uint8)],
)
def test_jpeg_refuses_what_is_no_picture(tensor: Tensor) -> None:
    """Grey, float or unbatched tensors are no pictures to this codec."""
    with pytest.raises(ContractError, match="expected pictures"):
        codec("jpeg98").encode([tensor])


def test_jpeg_larger_than_announced_is_refused_before_decoding() -> None:
    """A picture that claims more pixels than the tensor is refused from its header alone."""
    stream = io.BytesIO()
    Image.new("RGB", (4000, 4000)).save(stream, format="JPEG")
    # Only the part before the scan: decoding it would fail otherwise, so the refusal came first.
    content = stream.getvalue()[:700]
    with pytest.raises(ContractError, match=r"4000x4000.*expected a baseline JPEG of 20x12"):
        codec("jpeg98").decode([_jpeg(content)])


def test_jpeg_of_far_more_bytes_than_its_picture_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill bytes and empty comments are walked through one by one, seconds for some megabytes."""
    (encoded,) = codec("jpeg90").encode([picture(height=64, width=64)])
    begin, rest = bytes(encoded.payload[:2]), bytes(encoded.payload[2:])
    opened: list[object] = []
    monkeypatch.setattr(Image, "open", lambda *arguments, **_: opened.append(arguments))
    for filler in (b"\xff" * 50_000, b"\xff\xfe\x00\x02" * 10_000):
        long = begin + filler + rest
        lie = replace(encoded, codec_header=struct.pack("<I", len(long)), payload=long)
        with pytest.raises(ContractError, match=f"announces {len(long)} bytes of jpeg90 .*; expected at most 28672"):
            codec("jpeg90").decode([lie])
    assert opened == []


@pytest.mark.parametrize("side", [1, 2, 7, 64])
def test_jpeg_of_any_picture_fits(side: int) -> None:
    """Black and white noise, each colour for itself, is the hardest there is to say."""
    noise = 255 * torch.randint(0, 2, (2, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    codes = codec("jpeg98")
    assert codes.decode(codes.encode([noise]))[0].shape == noise.shape


@pytest.mark.parametrize("spec", [("uint8", ()), ("uint8", (0, 3, 12, 20)), ("float32", (1, 3, 12, 20))])
def test_jpeg_announced_as_no_picture_is_refused(spec: tuple[str, tuple[int, ...]]) -> None:
    """A description that came over the wire is believed no more than the bytes behind it."""
    (encoded,) = codec("jpeg98").encode([picture(height=12, width=20)])
    lie = replace(encoded, spec=TensorSpec(name="0", dtype=spec[0], shape=spec[1]))
    with pytest.raises(ContractError, match="expected pictures uint8"):
        codec("jpeg98").decode([lie])


def test_jpeg_other_formats_are_refused() -> None:
    """A PNG, a grey JPEG and a progressive JPEG do not get past their headers."""
    for image, options in (
        (Image.new("RGB", (20, 12)), {"format": "PNG"}),
        (Image.new("L", (20, 12)), {"format": "JPEG"}),
        (Image.new("RGB", (20, 12)), {"format": "JPEG", "progressive": True}),
    ):
        stream = io.BytesIO()
        image.save(stream, **options)
        with pytest.raises(ContractError, match="expected a"):
            codec("jpeg98").decode([_jpeg(stream.getvalue())])


@given(st.data())
def test_jpeg_damage_is_a_contract_error_or_a_picture(data: st.DataObject) -> None:
    """Cut short or with bytes changed, a JPEG decodes to the right shape or is refused; nothing else escapes."""
    (good,) = codec("jpeg98").encode([picture()])
    content = bytearray(good.payload)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    kept = bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        (decoded,) = codec("jpeg98").decode([_jpeg(kept)])
    except ContractError:
        return
    assert decoded.shape == (1, 3, 12, 20)


def _jpeg(content: bytes) -> TensorFrame:
    spec = TensorSpec(name="picture", dtype="uint8", shape=(1, 3, 12, 20))
    return TensorFrame(codec="jpeg98", spec=spec, codec_header=struct.pack("<I", len(content)), payload=content)
