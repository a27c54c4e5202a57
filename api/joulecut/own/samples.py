"""What is sent to a network: pictures for one that takes pictures, a file's arrays, or made-up numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from joulecut.networks.pictures import folder_pictures, picture_size, sample_pictures
from joulecut.own.arrays import Inputs, made_up_inputs, read_inputs
from joulecut_core.errors import ConfigError
from joulecut_core.networks import TensorSpec

_MADE_UP = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Requests to send in turn, the name of each, and in words what they are."""

    inputs: tuple[Inputs, ...]
    names: tuple[str, ...]
    words: str


def choose_samples(
    specs: Sequence[TensorSpec], *, pictures: Path | None = None, file: Path | None = None, seed: int = 0
) -> Samples:
    """The folder's pictures or the file's arrays where one is given; else what can be had.

    Without either, a network of one uint8 picture gets the sample pictures where they are installed, and every
    other one gets made-up numbers. Raises ConfigError where what is given is not what the network takes.
    """
    if pictures is not None and file is not None:
        raise ConfigError(f"--pictures {pictures} and --inputs {file}: both given; expected one of them")
    if file is not None:
        read = read_inputs(file, specs)
        return Samples(inputs=read, names=_numbered(file.stem, len(read)), words=f"{len(read)} inputs of {file.name}")
    size = picture_size(specs)
    if pictures is not None and size is None:
        takes = ", ".join(map(str, specs))
        raise ConfigError(
            f"--pictures {pictures}: this network takes {takes}; expected uint8[1, 3, S, S]: give it its inputs as "
            "--inputs FILE.npy or FILE.npz"
        )
    if size is not None:
        try:
            found = sample_pictures(size) if pictures is None else folder_pictures(pictures, size)
        except ConfigError:
            if pictures is not None:
                raise
        else:
            where = "sample pictures" if pictures is None else f"pictures of {pictures.name}"
            return Samples(
                inputs=tuple((picture.pixels.numpy(),) for picture in found),
                names=tuple(picture.name for picture in found),
                words=f"{len(found)} {where}",
            )
    made = made_up_inputs(specs, _MADE_UP, seed=seed)
    return Samples(
        inputs=made,
        names=_numbered("made-up", len(made)),
        words=f"{len(made)} made-up inputs (noise of seed {seed}, zeros for integers that are no bytes)",
    )


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name} {index}" for index in range(count))
