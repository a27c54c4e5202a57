"""What is sent: what was asked for, else what the network can take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from joulecut.own.samples import choose_samples
from joulecut_core.errors import ConfigError
from joulecut_core.networks import TensorSpec

VECTOR = TensorSpec(name="x", dtype="float32", shape=(1, 4))
PICTURE = TensorSpec(name="picture", dtype="uint8", shape=(1, 3, 8, 8))


def test_without_a_wish() -> None:
    """Sample pictures for a network of pictures, made-up numbers for another one, each said in words."""
    pictures = choose_samples((PICTURE,))
    assert (len(pictures.inputs), pictures.words) == (20, "20 sample pictures")
    assert pictures.inputs[0][0].shape == PICTURE.shape
    made = choose_samples((VECTOR,), seed=7)
    assert "made-up" in made.words
    assert "seed 7" in made.words
    assert len(made.inputs) == len(made.names) == len(set(made.names))


def test_a_folder_and_a_file(tmp_path: Path) -> None:
    """Named after where they come from."""
    Image.new("RGB", (20, 20), (9, 9, 9)).save(tmp_path / "grey.png")
    assert choose_samples((PICTURE,), pictures=tmp_path).names == ("grey",)
    np.save(tmp_path / "rows.npy", np.zeros((2, 4), np.float32))
    read = choose_samples((VECTOR,), file=tmp_path / "rows.npy")
    assert (read.names, read.words) == (("rows 0", "rows 1"), "2 inputs of rows.npy")


def test_wishes_that_cannot_be_met(tmp_path: Path) -> None:
    """Both at once, an empty folder, and pictures for a network that takes none."""
    with pytest.raises(ConfigError, match="expected one of them"):
        choose_samples((VECTOR,), pictures=tmp_path, file=tmp_path / "rows.npy")
    with pytest.raises(ConfigError, match="no pictures"):
        choose_samples((PICTURE,), pictures=tmp_path)
    with pytest.raises(ConfigError, match=r"--inputs FILE\.npy"):
        choose_samples((VECTOR,), pictures=tmp_path)
