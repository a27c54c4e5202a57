"""The wire codecs: round trips within their stated error, and decoders that believe nothing they are sent."""

from __future__ import annotations

import dataclasses
import struct

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from joulecut_core.errors import ConfigError, ContractError
from joulecut_core.networks import DTYPES, Block, Cut, CutTable, TensorSpec
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.workloads import OperationKind
from joulecut_runtime.wires.codec_checks import MAX_TENSOR_BYTES
from joulecut_runtime.wires.codecs import Codec, codec, codec_names, codecs_for, decode_expected
from tests.runtime.smooth_pictures import picture

CODECS = [codec(name) for name in codec_names()]
SHAPES = st.lists(st.integers(0, 5), max_size=5).map(tuple)


@st.composite
def raw_tensors(draw: st.DrawFn) -> Tensor:
    """Tensors of any type that may cross, any bits in them."""
    dtype = draw(st.sampled_from(sorted(DTYPES)))
    shape = draw(SHAPES)
    size = TensorSpec(name="x", dtype=dtype, shape=shape).size_bytes
    content = draw(st.binary(min_size=size, max_size=size))
    if dtype == "bool":
        content = bytes(byte & 1 for byte in content)
    if not content:
        return torch.empty(shape, dtype=getattr(torch, dtype))
    return torch.frombuffer(bytearray(content), dtype=getattr(torch, dtype)).reshape(shape)


@st.composite
def float_tensors(draw: st.DrawFn, largest: float = 2.0**100) -> Tensor:
    """float32 tensors of finite values of all magnitudes, at least one element."""
    shape = draw(st.lists(st.integers(1, 6), max_size=4).map(tuple))
    values = st.floats(-largest, largest, width=32, allow_nan=False)
    count = int(np.prod(shape))
    return torch.tensor(draw(st.lists(values, min_size=count, max_size=count)), dtype=torch.float32).reshape(shape)


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Equal in type, shape and every bit, NaN included."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    left, right = (each.contiguous().reshape(-1).view(torch.uint8) for each in (a, b))
    return torch.equal(left, right)


@given(st.lists(raw_tensors(), max_size=3))
def test_raw_round_trip_is_exact(tensors: list[Tensor]) -> None:
    """raw gives every bit back, for every element type, NaN and empty tensors included."""
    encoded = codec("raw").encode(tensors)
    assert sum(each.size_bytes for each in encoded) == sum(each.numel() * each.element_size() for each in tensors)
    decoded = codec("raw").decode(encoded)
    assert all(same_bits(a, b) for a, b in zip(tensors, decoded, strict=True))


@pytest.mark.parametrize("using", CODECS[:4], ids=lambda using: using.name)
def test_tensors_of_inference_mode_and_of_training_can_be_sent(using: Codec) -> None:
    """Parts give inference tensors, applications may give ones that want gradients: both encode the same."""
    values = torch.linspace(-3, 3, 128).reshape(1, 4, 32)
    with torch.inference_mode():
        inferred = values * 1
    trained = values.clone().requires_grad_()
    expected = [bytes(each.payload) for each in using.encode([values])]
    for tensor in (inferred, trained):
        encoded = using.encode([tensor])
        assert [bytes(each.payload) for each in encoded] == expected
        assert not using.decode(encoded)[0].requires_grad


def test_raw_of_a_view_carries_the_view() -> None:
    """A transposed or sliced tensor crosses as what it shows, not as what lies in memory."""
    tensor = torch.arange(24.0).reshape(4, 6).t()[1:4]
    (decoded,) = codec("raw").decode(codec("raw").encode([tensor]))
    assert torch.equal(decoded, tensor)
    assert decoded.is_contiguous()


@pytest.mark.parametrize("using", CODECS[:4], ids=lambda using: using.name)
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bfloat16])
def test_one_element_out_of_many_can_be_sent(using: Codec, dtype: torch.dtype) -> None:
    """One score picked from a row, which torch calls contiguous at any stride, crosses like one that lies alone."""
    score = torch.arange(4).to(dtype).reshape(1, 4)[:, 2]
    (decoded,) = using.decode(using.encode([score]))
    assert torch.equal(decoded, score)


def test_raw_encoding_copies_nothing() -> None:
    """A contiguous tensor's payload is its own memory: the only copy is the one into the message."""
    tensor = torch.zeros(8)
    (encoded,) = codec("raw").encode([tensor])
    tensor[0] = 1.0
    assert bytes(encoded.payload[:4]) == struct.pack("<f", 1.0)


def test_decoded_tensors_own_their_memory() -> None:
    """What is decoded does not change when the receive buffer is used again."""
    buffer = bytearray(struct.pack("<2f", 1.0, 2.0))
    spec = TensorSpec(name="x", dtype="float32", shape=(2,))
    arrived = TensorFrame(codec="raw", spec=spec, codec_header=b"", payload=memoryview(buffer))
    (decoded,) = codec("raw").decode([arrived])
    buffer[:] = bytes(8)
    assert decoded.tolist() == [1.0, 2.0]


@given(float_tensors(largest=65504.0))
def test_fp16_error_is_at_most_half_a_unit_in_the_last_place(tensor: Tensor) -> None:
    """fp16 rounds to nearest: half of float16's spacing at that magnitude."""
    (decoded,) = codec("fp16").decode(codec("fp16").encode([tensor]))
    exact = tensor.double()
    exponent = torch.floor(torch.log2(exact.abs().clamp(min=2.0**-14)))
    assert bool(((decoded.double() - exact).abs() <= torch.exp2(exponent - 11)).all())
    assert decoded.dtype == torch.float32


def test_fp16_saturates_finite_values_and_keeps_infinities() -> None:
    """Only what was infinite arrives infinite; NaN stays NaN; a mask of float32's lowest stays a mask."""
    tensor = torch.tensor([1e30, -3.4e38, float("inf"), float("-inf"), float("nan"), 1.0])
    (decoded,) = codec("fp16").decode(codec("fp16").encode([tensor]))
    assert decoded[:4].tolist() == [65504.0, -65504.0, float("inf"), float("-inf")]
    assert bool(torch.isnan(decoded[4]))
    assert decoded[5] == 1.0


def test_mixed_tensors_only_floats_are_squeezed() -> None:
    """fp16 and the 8-bit codecs leave integers and bools exactly as they are."""
    tensors = [torch.linspace(-1, 1, 64).reshape(1, 32, 2), torch.tensor([2**40]), torch.tensor([True, False])]
    for name, size in (("fp16", 128), ("affine8", 64 + 8), ("affine8c", 64 + 16)):
        encoded = codec(name).encode(tensors)
        assert [each.size_bytes for each in encoded] == [size, 8, 2]
        assert {each.codec for each in encoded} == {name}
        decoded = codec(name).decode(encoded)
        assert same_bits(decoded[1], tensors[1])
        assert same_bits(decoded[2], tensors[2])


@given(float_tensors(), st.sampled_from(["affine8", "affine8c"]))
def test_affine_error_is_at_most_half_a_step(tensor: Tensor, name: str) -> None:
    """The error is bounded by half the step in the header, plus the rounding of float32 arithmetic."""
    (encoded,) = codec(name).encode([tensor])
    (decoded,) = codec(name).decode([encoded])
    step = max(value for value, _ in struct.iter_unpack("<2f", encoded.codec_header))
    rounding = float(tensor.abs().max()) * 2.0**-22 + 2.0**-148
    assert float((decoded.double() - tensor.double()).abs().max()) <= 0.5 * step * (1 + 1e-5) + rounding


@pytest.mark.parametrize("value", [0.0, -3.25, 1e-42, 3e38])
@pytest.mark.parametrize("name", ["affine8", "affine8c"])
def test_affine_constant_tensor_is_exact(name: str, value: float) -> None:
    """A constant has step 0 and comes back exactly, never as a division by zero."""
    tensor = torch.full((1, 4, 4, 4), value)
    (decoded,) = codec(name).decode(codec(name).encode([tensor]))
    assert torch.equal(decoded, tensor)


def test_affine_span_below_the_smallest_step() -> None:
    """Values that differ by less than 255 of the smallest numbers keep an error of half such a number."""
    tensor = torch.tensor([0.0, 2.0**-149, 2.0**-147])
    (decoded,) = codec("affine8").decode(codec("affine8").encode([tensor]))
    assert torch.equal(decoded, tensor)


def test_affine_per_channel_keeps_a_quiet_channel_beside_a_loud_one() -> None:
    """With one step per channel a channel of small values keeps its own resolution."""
    tensor = torch.stack((torch.linspace(0, 1000, 64), torch.linspace(0, 1, 64))).reshape(1, 2, 8, 8)
    whole, channels = (codec(name).decode(codec(name).encode([tensor]))[0] for name in ("affine8", "affine8c"))
    assert float((whole - tensor)[0, 1].abs().max()) > 0.4
    assert float((channels - tensor)[0, 1].abs().max()) < 0.0021


def test_affine_channels_of_a_sequence_are_its_last_axis() -> None:
    """[N, T, C] of a transformer has its channels last."""
    tensor = torch.stack((torch.linspace(0, 1000, 32), torch.linspace(0, 1, 32)), dim=1).reshape(1, 32, 2)
    (encoded,) = codec("affine8c").encode([tensor])
    assert len(encoded.codec_header) == 16
    (decoded,) = codec("affine8c").decode([encoded])
    assert float((decoded - tensor)[..., 1].abs().max()) < 0.0021


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["affine8", "affine8c"])
def test_affine_refuses_values_without_a_step(name: str, bad: float) -> None:
    """Infinities and NaN are refused with the remedy, not turned into some finite number."""
    tensor = torch.ones(1, 2, 4, 4)
    tensor[0, 1, 2, 3] = bad
    with pytest.raises(ContractError, match="send it as raw"):
        codec(name).encode([tensor])


def test_affine_refuses_a_span_beyond_float32() -> None:
    """A span whose step times 255 overflows would decode to infinities."""
    with pytest.raises(ContractError, match="expected finite values"):
        codec("affine8").encode([torch.tensor([-3e38, 3e38])])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", ["raw", "fp16", "affine8", "affine8c"])
def test_other_float_types_come_back_as_they_were_sent(name: str, dtype: torch.dtype) -> None:
    """The element type survives each codec."""
    tensor = torch.linspace(-2, 2, 128, dtype=dtype).reshape(1, 4, 32)
    (decoded,) = codec(name).decode(codec(name).encode([tensor]))
    assert decoded.dtype == dtype
    assert float((decoded - tensor).abs().max()) <= 0.5 * 4 / 255 + 0.02


@pytest.mark.parametrize("using", CODECS, ids=lambda using: using.name)
@pytest.mark.parametrize("change", ["longer header", "shorter payload", "longer payload", "no payload"])
def test_wrong_lengths_are_refused(using: Codec, change: str) -> None:
    """Header and payload have exactly the length that codec and shape imply."""
    sample = picture() if using.name.startswith("jpeg") else torch.linspace(0, 1, 64).reshape(1, 2, 32)
    (good,) = using.encode([sample])
    payload = bytes(good.payload)
    bad = {
        "longer header": dataclasses.replace(good, codec_header=good.codec_header + b"\0"),
        "shorter payload": dataclasses.replace(good, payload=payload[:-1]),
        "longer payload": dataclasses.replace(good, payload=payload + b"\0"),
        "no payload": dataclasses.replace(good, payload=b""),
    }[change]
    with pytest.raises(ContractError, match="bytes"):
        using.decode([bad])


@pytest.mark.parametrize("using", CODECS, ids=lambda using: using.name)
@pytest.mark.parametrize(
    ("dtype", "shape", "message"),
    [
        ("float32", (2**40, 2**20), f"at most {MAX_TENSOR_BYTES}"),
        ("float32", (-1, 4), "none negative"),
        ("float32", (1,) * 17, "at most 16 extents"),
        ("complex64", (2,), "expected one of"),
        ("uint8", (1, 3, 60_000, 60_000), f"at most {MAX_TENSOR_BYTES}"),
        ("int64", (0, 2**62, 2**62), f"at most {MAX_TENSOR_BYTES}"),
        ("float32", (2**70, 0), f"at most {MAX_TENSOR_BYTES}"),
    ],
)
def test_hostile_descriptions_are_refused(using: Codec, dtype: str, shape: tuple[int, ...], message: str) -> None:
    """A description asking for terabytes, negative extents or unknown types allocates nothing."""
    spec = TensorSpec(name="x", dtype=dtype, shape=shape)
    hostile = TensorFrame(codec=using.name, spec=spec, codec_header=b"", payload=b"\0" * 16)
    with pytest.raises(ContractError, match=message):
        using.decode([hostile])


@pytest.mark.parametrize(
    "parameters",
    [(float("nan"), 0.0), (1.0, float("inf")), (-1.0, 0.0), (3e38, 0.0)],
    ids=["nan", "infinite", "negative", "overflow"],
)
def test_hostile_affine_parameters_are_refused(parameters: tuple[float, float]) -> None:
    """No header can make the decoder produce NaN or infinities."""
    spec = TensorSpec(name="x", dtype="float32", shape=(4,))
    hostile = TensorFrame(codec="affine8", spec=spec, codec_header=struct.pack("<2f", *parameters), payload=b"\xff" * 4)
    with pytest.raises(ContractError, match="expected finite numbers"):
        codec("affine8").decode([hostile])


def test_bool_payload_holds_only_zero_and_one() -> None:
    """Any other byte in a bool tensor is undefined behaviour further down, so it is refused."""
    spec = TensorSpec(name="mask", dtype="bool", shape=(2,))
    with pytest.raises(ContractError, match="holds the byte 7"):
        codec("raw").decode([TensorFrame(codec="raw", spec=spec, codec_header=b"", payload=b"\1\7")])


def test_decode_expected_checks_the_cuts_own_description() -> None:
    """Count, codec, type and shape must be those of the cut, whatever the sender announces."""
    spec = TensorSpec(name="features", dtype="float32", shape=(2, 2))
    using, good = codec("raw"), codec("raw").encode([torch.eye(2)])
    assert torch.equal(decode_expected(using, good, [spec])[0], torch.eye(2))
    for encoded, message in (
        ((), "0 tensors arrived; expected 1"),
        (codec("fp16").encode([torch.eye(2)]), "expected 'raw'"),
        (using.encode([torch.zeros(4)]), r"float32\[4\]; expected float32\[2, 2\]"),
        (using.encode([torch.eye(2).int()]), "int32"),
    ):
        with pytest.raises(ContractError, match=message):
            decode_expected(using, encoded, [spec])


def test_codecs_for_offers_what_applies() -> None:
    """JPEG only for pictures at cut 0, per channel only where there are channels, nothing at the last cut."""
    names = [[each.name for each in codecs_for(_TABLE, cut)] for cut in range(4)]
    assert names == [
        ["raw", "jpeg98", "jpeg90"],
        ["raw", "fp16", "affine8", "affine8c"],
        ["raw", "fp16", "affine8"],
        [],
    ]


def test_unknown_codec_names_a_close_one() -> None:
    """A typo in a configuration is one clear line."""
    with pytest.raises(ConfigError, match=r"'affine-8'; did you mean 'affine8'"):
        codec("affine-8")


@pytest.mark.parametrize("using", CODECS, ids=lambda using: using.name)
def test_workloads_are_host_work_that_grows_with_the_tensors(using: Codec) -> None:
    """An emulated device can pace each codec: host operations whose bytes scale with the tensors."""
    jpeg = using.name.startswith("jpeg")
    specs = [TensorSpec(name="x", dtype="uint8" if jpeg else "float32", shape=(n, 3, 8, 8)) for n in (1, 2)]
    for side in (using.encode_workload, using.decode_workload):
        small, large = side(specs[:1]), side(specs[1:])
        assert all(operation.kind.on_host for operation in small.operations)
        assert large.size_bytes == 2 * small.size_bytes > 0
    kinds = {using.encode_workload(specs).operations[0].kind, using.decode_workload(specs).operations[0].kind}
    jpeg_kinds = {OperationKind.HOST_JPEG_ENCODE, OperationKind.HOST_JPEG_DECODE}
    assert kinds == (jpeg_kinds if jpeg else {OperationKind.HOST_CAST})


_PICTURE = TensorSpec(name="picture", dtype="uint8", shape=(1, 3, 8, 8))
_TABLE = CutTable(
    network="small",
    digest="sha256:0",
    inputs=(_PICTURE,),
    outputs=(TensorSpec(name="logits", dtype="float32", shape=(1, 10)),),
    cuts=(
        Cut(index=0, name="input", tensors=(_PICTURE,)),
        Cut(index=1, name="stem", tensors=(TensorSpec(name="a", dtype="float32", shape=(1, 4, 8, 8)),)),
        Cut(index=2, name="pool", tensors=(TensorSpec(name="b", dtype="float32", shape=(1, 4)),)),
        Cut(index=3, name="output", tensors=()),
    ),
    blocks=tuple(Block(index=k, name=f"block {k}", operations=()) for k in range(3)),
)
