"""Pictures as networks take them: shipped with labels, from folders without, crops by seed."""

from __future__ import annotations

import importlib.metadata
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from joulecut.networks.pictures import folder_pictures, picture_size, sample_crops, sample_pictures
from joulecut_core.errors import ConfigError
from joulecut_core.networks import TensorSpec

VECTOR = TensorSpec(name="x", dtype="float32", shape=(1, 4))
PICTURE = TensorSpec(name="picture", dtype="uint8", shape=(1, 3, 8, 8))


def test_the_sample_pictures() -> None:
    """Twenty, each labelled, as batches of one of uint8 pixels at the size asked for."""
    found = sample_pictures(96)
    assert len(found) == len({picture.name for picture in found}) == 20
    assert all(picture.label is not None and 0 <= picture.label < 1000 for picture in found)
    for picture in found:
        assert (picture.pixels.dtype, tuple(picture.pixels.shape)) == (torch.uint8, (1, 3, 96, 96))
        assert picture.pixels.is_contiguous()
        assert picture.name.endswith(f"_{picture.label}")
    # Different pictures, and pictures at all: not one flat colour.
    assert len({picture.pixels.float().mean().item() for picture in found}) == 20
    assert min(picture.pixels.float().std().item() for picture in found) > 10


def test_a_folder(tmp_path: Path) -> None:
    """JPEG and PNG, in any case and colour mode, by name, channels first; other files are left alone."""
    red = np.zeros((40, 60, 3), np.uint8)
    red[..., 0] = 255
    Image.fromarray(red).save(tmp_path / "b.PNG")
    Image.fromarray(red).convert("RGBA").save(tmp_path / "c.png")
    Image.fromarray(np.full((30, 30), 200, np.uint8)).save(tmp_path / "a.jpeg")
    (tmp_path / "notes.txt").write_text("no picture")
    found = folder_pictures(tmp_path, 16)
    assert [picture.name for picture in found] == ["a", "b", "c"]
    assert {picture.label for picture in found} == {None}
    assert {tuple(picture.pixels.shape) for picture in found} == {(1, 3, 16, 16)}
    for picture in found[1:]:
        assert picture.pixels[0].reshape(3, -1).float().mean(1).tolist() == [255.0, 0.0, 0.0]
    assert set(found[0].pixels.flatten().tolist()) == {200}


def test_rows_stay_rows(tmp_path: Path) -> None:
    """The last two axes are height and width: a picture that is white above is bright in its first rows."""
    half = np.zeros((16, 16, 3), np.uint8)
    half[:8] = 255
    Image.fromarray(half).save(tmp_path / "half.png")
    (found,) = folder_pictures(tmp_path, 16)
    assert found.pixels[0, :, 0, :].min() == 255
    assert found.pixels[0, :, -1, :].max() == 0


def test_a_picture_stands_as_it_was_taken(tmp_path: Path) -> None:
    """A camera that was held on its side notes that, and stores the picture lying."""
    half = np.zeros((16, 16, 3), np.uint8)
    half[:, :8] = 255
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(half).save(tmp_path / "half.png", exif=turned)
    (found,) = folder_pictures(tmp_path, 16)
    assert found.pixels[0, :, 0, :].min() == 255
    assert found.pixels[0, :, -1, :].max() == 0


def test_a_picture_of_16_bits(tmp_path: Path) -> None:
    """As thermal and depth cameras write them: refused, since Pillow would make nearly all of it white."""
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "depth.png")
    with pytest.raises(ConfigError, match=r"depth\.png: more than 8 bits a value .*save it in 8 bits"):
        folder_pictures(tmp_path)


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_without_pictures(tmp_path: Path, name: str) -> None:
    """The folder and what was expected in it."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=rf"{name}: no pictures; expected files ending in \.jpg, \.jpeg, \.png"):
        folder_pictures(tmp_path / name)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_damaged_pictures(tmp_path: Path, suffix: str) -> None:
    """Whatever is wrong with a file, it is named; nothing else is ever raised."""
    whole = tmp_path / f"whole{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(whole)
    content = whole.read_bytes()
    refused = 0
    for position in range(0, len(content), 11):
        for damaged in (content[:position], content[:position] + b"\xff\x00" + content[position + 2 :]):
            whole.write_bytes(damaged)
            try:
                folder_pictures(tmp_path, 16)
            except ConfigError as error:
                refused += 1
                assert f"whole{suffix}: not a picture" in str(error)  # noqa: PT017 - not every change is refused
    assert refused > 50


def test_a_picture_too_large_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that would unpack to more than anybody's memory is refused like a damaged one."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.new("RGB", (30, 30)).save(tmp_path / "bomb.png")
    with pytest.raises(ConfigError, match=r"bomb\.png: not a picture"):
        folder_pictures(tmp_path)


def test_crops() -> None:
    """As many as asked for, the network's input each, the same for the same seed, and really crops."""
    crops = list(sample_crops(24, seed=5, size=32))
    assert len(crops) == 24
    assert {(len(crop), crop[0].dtype, tuple(crop[0].shape)) for crop in crops} == {(1, torch.uint8, (1, 3, 32, 32))}
    again = list(sample_crops(24, seed=5, size=32))
    other = list(sample_crops(24, seed=6, size=32))
    assert all(torch.equal(one[0], same[0]) for one, same in zip(crops, again, strict=True))
    assert not any(torch.equal(one[0], another[0]) for one, another in zip(crops, other, strict=True))
    # The 21st is the first picture again, cropped elsewhere.
    assert not torch.equal(crops[0][0], crops[20][0])


def test_without_the_package_of_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra to install is named, and a foolbox that ships none is recognised."""

    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(ConfigError, match=r"pip install 'joulecut\[demo\]'"):
        sample_pictures()
    monkeypatch.setattr(importlib.metadata, "files", lambda _: [])
    with pytest.raises(ConfigError, match=r"expected version 3\.3\.4"):
        sample_pictures()


def _several_chunks(noise: bytes) -> bytes:
    """A PNG whose second chunk of pixels has lost its name."""
    second = noise.index(b"IDAT", noise.index(b"IDAT") + 4)
    return noise[:second] + b"\x00\x01\x02\x03" + noise[second + 4 :]


def _swollen_text(noise: bytes) -> bytes:
    """A PNG with a note that unpacks to far more than its file."""
    packed = b"note\x00\x00" + zlib.compress(bytes(4 << 20))
    chunk = b"zTXt" + packed
    header = 8 + 25
    return (
        noise[:header] + struct.pack(">I", len(packed)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + noise[header:]
    )


@pytest.mark.parametrize("damage", [_several_chunks, _swollen_text])
def test_damage_that_pillow_reports_in_its_own_way(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """Neither of them is an OSError of Pillow's; both are a ConfigError here."""
    path = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ConfigError, match=r"noise\.png: not a picture"):
        folder_pictures(tmp_path)


@pytest.mark.parametrize(
    ("specs", "size"),
    [
        ((PICTURE,), 8),
        ((PICTURE, VECTOR), None),
        ((VECTOR,), None),
        ((TensorSpec(name="p", dtype="uint8", shape=(1, 3, 8, 6)),), None),
        ((TensorSpec(name="p", dtype="uint8", shape=(2, 3, 8, 8)),), None),
        ((TensorSpec(name="p", dtype="uint8", shape=(1, 3)),), None),
        ((TensorSpec(name="p", dtype="float32", shape=(1, 3, 8, 8)),), None),
    ],
)
def test_what_takes_a_picture(specs: tuple[TensorSpec, ...], size: int | None) -> None:
    """One square of bytes in three colours; how a float picture is normalised nobody can know."""
    assert picture_size(specs) == size
