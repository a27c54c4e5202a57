"""Measured blocks: a profile one floor deeper, consistent and readable from a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_core.block_features import BlockFeatures
from joulecut_core.block_measurements import blocks_of_profile, load_blocks, save_blocks
from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ProfileError
from joulecut_core.figures import FigureKind
from joulecut_core.profiles import PointMeasurement, Profile, ProfileKey

LOW, HIGH = (OperatingPoint(core_mhz=core_mhz, memory_mhz=2133.0) for core_mhz in (306.0, 612.0))
BLOCKS = tuple(
    BlockFeatures(name=name, batch=1, kinds=(), input_bytes=1, output_bytes=1, output_shape=(1,), weight_bytes=0)
    for name in ("stem", "head")
)
POINT = PointMeasurement(
    requested=HIGH,
    achieved=LOW,
    runs=10,
    block_s=(0.001, 0.003),
    whole_s=0.0041,
    whole_std_s=0.0,
    busy_w=8.0,
    wait_w=5.0,
    window_s=0.2,
)
PROFILE = Profile(
    key=ProfileKey(
        device="board",
        driver="1",
        power_scope="module input",
        network_digest="sha256:0",
        side="edge",
        engine="eager",
        precision="fp32",
        batch=1,
    ),
    network="small",
    cut_names=("input", "stem", "output"),
    clock_table=(HIGH, LOW),
    created="2025-01-01T00:00:00+00:00",
    figures=FigureKind.MEASURED,
    points=(POINT,),
)
MEASURED = blocks_of_profile(PROFILE, BLOCKS, [(7.0, None)])


def test_a_profile_becomes_blocks_at_achieved_clocks() -> None:
    """Seconds and watts are the profile's, at the clock that was held and not the one asked for."""
    (point,) = MEASURED.points
    assert (point.achieved, MEASURED.top) == (LOW, HIGH)
    assert (point.block_s, point.block_w, point.wait_w) == ((0.001, 0.003), (7.0, None), 5.0)
    assert point.whole_j == pytest.approx(0.0041 * 8.0)
    assert MEASURED.metered == 1


def test_without_watts_every_block_is_unmetered() -> None:
    """A profile alone is a question: what do its blocks draw?"""
    (point,) = blocks_of_profile(PROFILE, BLOCKS).points
    assert point.block_w == (None, None)


def test_round_trip(tmp_path: Path) -> None:
    """What is written is what is read, unmetered blocks too."""
    save_blocks(MEASURED, tmp_path / "blocks.json")
    assert load_blocks(tmp_path / "blocks.json") == MEASURED


@pytest.mark.parametrize(
    ("old", "new"), [('"wait_w": 5.0', '"wait_w": "5"'), ('"batch": 1', '"batch": 0'), ('"block_w"', '"watts"')]
)
def test_a_damaged_file_is_refused_by_name(old: str, new: str, tmp_path: Path) -> None:
    """The complaint names the file, whatever in it is wrong."""
    path = tmp_path / "blocks.json"
    save_blocks(MEASURED, path)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ProfileError, match=r"blocks\.json: "):
        load_blocks(path)


def test_what_does_not_fit_together_is_refused() -> None:
    """Blocks of another network, watts of other points and impossible figures never reach a model."""
    (point,) = MEASURED.points
    with pytest.raises(ProfileError, match="expected 1 of each"):
        blocks_of_profile(PROFILE, BLOCKS[:1])
    with pytest.raises(ProfileError, match="2 points; expected 1"):
        blocks_of_profile(PROFILE, BLOCKS, [(7.0, None)] * 2)
    with pytest.raises(ProfileError, match="at least one of each"):
        replace(MEASURED, points=())
    with pytest.raises(ProfileError, match=r"expected 'joulecut\.blocks/1'"):
        replace(MEASURED, schema="joulecut.blocks/2")
    for wrong in (
        replace(point, block_w=(-1.0, None)),
        replace(point, block_s=(-0.1, 0.1)),
        replace(point, whole_s=0.0),
        replace(point, wait_w=-1.0),
    ):
        with pytest.raises(ProfileError, match="negative or zero"):
            replace(MEASURED, points=(wrong,))
