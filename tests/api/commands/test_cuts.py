"""`joulecut cuts`: a table, a picture, a document, and one line for each mistake."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from joulecut.cli import app
from joulecut.cuts.bars import Bar
from joulecut_core.errors import ConfigError

NETWORK = ("tests.networks.small_modules:skips", "--input", "1x3x8x8", "--input", "f32:1x5")


def cuts(*arguments: str) -> Result:
    """The command in this process."""
    return CliRunner().invoke(app, ["cuts", *arguments])


def test_a_network_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cuts, blocks and verdicts of a factory's network; nothing is written."""
    monkeypatch.chdir(tmp_path)
    shown = cuts(*NETWORK, "--all")
    assert shown.exit_code == 0
    for words in ("second", "f32:1x3x8x8", "affine8", "█", "% of FLOPs", "2 convolution", "5 candidates", "than cut 2"):
        assert words in shown.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_last_line_counts_what_there_is() -> None:
    """Kinds of places that there are none of are left out; a JPEG is spoken of where the input is a picture only."""
    shown = cuts("tests.networks.small_modules:skips", "--input", "1x3x8x8", "--input", "f32:1x5").stdout
    assert "places between operators: 5 candidates; " in shown
    assert " 0 " not in shown.partition("places between operators")[2]
    assert "JPEG" not in shown
    assert "JPEG" not in cuts("torch.nn:ReLU", "--input", "u8:1x64").stdout
    assert "JPEG" in cuts("torch.nn:ReLU", "--input", "u8:1x3x16x16").stdout


def test_a_network_of_a_few_bytes_has_rows_that_differ() -> None:
    """What would round to nothing is shown by two digits; nothing stays nothing."""
    shown = cuts("torch.nn:ReLU", "--input", "u8:1x64").stdout
    assert " 0.064 " in shown
    assert " 0.0 " in shown


def test_the_document() -> None:
    """The cut table as ever, and beside it bytes by codec for each cut, and every place."""
    document = json.loads(cuts(*NETWORK, "--json").stdout)
    assert len(document["codec_bytes"]) == len(document["cuts"]) == len(document["blocks"]) + 1
    assert document["codec_bytes"][0]["raw"] == 4 * (3 * 64 + 5)
    assert document["codec_bytes"][-1] == {}
    assert {place["verdict"] for place in document["places"]} >= {"candidate", "legal, no cheaper"}


def test_the_picture(tmp_path: Path) -> None:
    """An SVG file with a bar for each cut."""
    pytest.importorskip("matplotlib", reason="the extra `report` is not installed")
    picture = tmp_path / "cuts.svg"
    assert cuts(*NETWORK, "--svg", str(picture), "--quiet").exit_code == 0
    assert ET.parse(picture).getroot().tag.endswith("svg")  # noqa: S314 - our own file
    assert "where it can be cut" in picture.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nowhere",), "nowhere: no such folder; expected a bundle of joulecut pack or package.module:factory"),
        ((NETWORK[0],), "no --input; give one per tensor"),
        ((NETWORK[0], "--input", "3x"), "input '3x'; expected dtype:AxBxC"),
        ((".", "--input", "1x3"), "is a bundle, which knows its inputs; leave it out"),
        ((*NETWORK, "--svg", "/proc/nowhere/cuts.svg"), "--svg /proc/nowhere/cuts.svg: cannot be written"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], complaint: str) -> None:
    """What is wrong, and what was expected."""
    error = cuts(*arguments).exception
    assert isinstance(error, ConfigError)
    assert complaint in str(error)


@pytest.mark.parametrize(("share", "drawn"), [(0.0, ""), (1.0, "████"), (0.5, "██"), (0.03125, "▏"), (2.0, "████")])
def test_bars(share: float, drawn: str) -> None:
    """Eighths of a cell, and never more than the cells there are."""
    assert Bar(share=share, cells=4).text(plain=False) == drawn


@pytest.mark.parametrize(("share", "drawn"), [(0.0, ""), (1.0, "####"), (0.5, "##"), (2.0, "####")])
def test_bars_of_plain_signs(share: float, drawn: str) -> None:
    """Where a terminal has nothing but ASCII."""
    assert Bar(share=share, cells=4).text(plain=True) == drawn
