"""Pictures for demos and measurements: the labelled ones that a package ships, and folders of a user's own.

The 20 ImageNet pictures of the `foolbox` package (MIT) carry their label in the file name. Twenty
pictures cannot carry a claim about accuracy; random crops of them only show how far an answer
*agrees* with the unsplit network's ("fidelity").
"""

from __future__ import annotations

import importlib.metadata
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from joulecut_core.errors import ConfigError
from joulecut_core.networks import TensorSpec

_SUFFIXES = (".jpg", ".jpeg", ".png")
_CROP_AREA = (0.5, 1.0)
"""Share of the picture's area that a random crop keeps: tighter ones are blurred enlargements that flatter JPEG."""
_WIDE_MODES = frozenset({"F", "I", "I;16", "I;16B", "I;16L", "I;16N"})
_DAMAGED = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for files that are no pictures; SyntaxError is what its PNG reader says of broken chunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as networks take it: uint8 [1, 3, height, width]; `label` is None where it is unknown."""

    name: str
    label: int | None
    pixels: torch.Tensor


def picture_size(specs: Sequence[TensorSpec]) -> int | None:
    """S where the network takes one picture, uint8[1, 3, S, S]; None for every other."""
    if len(specs) != 1 or specs[0].dtype != "uint8":
        return None
    shape = specs[0].shape
    return shape[3] if len(shape) == 4 and shape[:2] == (1, 3) and shape[2] == shape[3] else None


def sample_pictures(size: int = 224) -> tuple[Picture, ...]:
    """The 20 labelled ImageNet pictures, scaled to size x size. Raises ConfigError where `foolbox` is missing."""
    return tuple(
        Picture(name=path.stem, label=int(path.stem.rsplit("_", 1)[1]), pixels=_pixels(_open(path), size))
        for path in _sample_paths()
    )


def folder_pictures(folder: Path, size: int = 224) -> tuple[Picture, ...]:
    """Every JPEG and PNG of a folder, by name, unlabelled. Raises ConfigError where there is none."""
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise ConfigError(f"{folder}: no pictures; expected files ending in {', '.join(_SUFFIXES)}")
    return tuple(Picture(name=path.stem, label=None, pixels=_pixels(_open(path), size)) for path in paths)


def sample_crops(count: int, *, seed: int, size: int = 224) -> Iterator[tuple[torch.Tensor, ...]]:
    """Random square crops of the sample pictures, each a network's input. Crops of one picture are correlated."""
    generator = random.Random(seed)  # noqa: S311 - sampling, not secrets
    pictures = [_open(path) for path in _sample_paths()]
    for index in range(count):
        picture = pictures[index % len(pictures)]
        side = int(min(picture.size) * generator.uniform(*_CROP_AREA) ** 0.5)
        left = generator.randrange(picture.width - side + 1)
        top = generator.randrange(picture.height - side + 1)
        yield (_pixels(picture.crop((left, top, left + side, top + side)), size),)


def _sample_paths() -> list[Path]:
    try:
        files = importlib.metadata.files("foolbox") or []
    except importlib.metadata.PackageNotFoundError as cause:
        raise ConfigError(
            "the sample pictures are missing; install them with `pip install 'joulecut[demo]'`"
        ) from cause
    paths = sorted(Path(str(file.locate())) for file in files if file.match("foolbox/data/imagenet_*.jpg"))
    if not paths:
        raise ConfigError("the installed foolbox package has no ImageNet pictures; expected version 3.3.4")
    return paths


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            if picture.mode in _WIDE_MODES:
                raise ConfigError(
                    f"{path}: more than 8 bits a value ({picture.mode}), which would be cut to 255; save it in 8 bits"
                )
            return _upright(picture).convert("RGB")
    except _DAMAGED as cause:
        raise ConfigError(f"{path}: not a picture: {cause}") from cause


def _upright(picture: Image.Image) -> Image.Image:
    """Cameras note how they were held, and leave the turning to whoever shows it; damaged notes say nothing."""
    try:
        return ImageOps.exif_transpose(picture)
    except _DAMAGED:
        return picture


def _pixels(picture: Image.Image, size: int) -> torch.Tensor:
    scaled = picture.resize((size, size), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(scaled).copy()).permute(2, 0, 1).unsqueeze(0).contiguous()
