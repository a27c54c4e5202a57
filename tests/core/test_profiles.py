"""Profile and wire files: versioned, human-readable, refused with file and field where damaged."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.decoding import encode
from joulecut_core.errors import ProfileError
from joulecut_core.figures import FigureKind
from joulecut_core.profiles import (
    CodecMeasurement,
    GovernedMeasurement,
    PacedMeasurement,
    PartMeasurement,
    PointMeasurement,
    Profile,
    ProfileKey,
    load_profile,
    save_profile,
)
from joulecut_core.wires import WireMeasurement, WireTable, load_wires, save_wires

POINT = OperatingPoint(core_mhz=612, memory_mhz=2133)
MEASUREMENT = PointMeasurement(
    requested=POINT,
    achieved=OperatingPoint(core_mhz=611.9, memory_mhz=2133),
    runs=20,
    block_s=(0.001, 0.002),
    whole_s=0.0031,
    whole_std_s=0.00002,
    busy_w=9.5,
    wait_w=5.0,
    window_s=1.2,
)
PROFILE = Profile(
    key=ProfileKey(
        device="orin-nano-15w",
        driver="emulated 1",
        power_scope="module input",
        network_digest="sha256:00",
        side="edge",
        engine="eager",
        precision="fp32",
        batch=1,
    ),
    network="tiny",
    cut_names=("input", "middle", "output"),
    clock_table=(POINT,),
    created="2026-11-21T04:00:00Z",
    figures=FigureKind.EMULATED,
    points=(MEASUREMENT,),
    parts=(PartMeasurement(cut=1, achieved=POINT, runs=5, time_s=0.001, time_std_s=0.0, busy_w=9.0),),
    codecs=(CodecMeasurement(cut=1, codec="fp16", time_s=0.0002, time_std_s=0.0, extra_w=0.5),),
    governed=(GovernedMeasurement(rate_hz=10, latency_s=0.006, latency_std_s=0.0001, mean_w=5.6),),
)
WIRES = WireTable(
    network="tiny",
    network_digest="sha256:00",
    samples_from="20 pictures",
    reply_bytes=4000,
    wires=(
        WireMeasurement(cut=0, codec="raw", mean_bytes=150_528, max_bytes=150_528, accuracy_loss=0.0, samples=20),
        WireMeasurement(cut=1, codec="raw", mean_bytes=2000, max_bytes=2000, accuracy_loss=0.0, samples=20),
        WireMeasurement(cut=1, codec="fp16", mean_bytes=1000, max_bytes=1000, accuracy_loss=0.05, samples=20),
    ),
)


def damaged(path: Path, **changes: Any) -> Path:
    """The profile at `path` with top-level fields replaced."""
    save_profile(PROFILE, path)
    document = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_round_trip(tmp_path: Path) -> None:
    """A saved profile reads back equal, enums and tuples included."""
    save_profile(PROFILE, tmp_path / "p.json")
    assert load_profile(tmp_path / "p.json") == PROFILE


def test_a_key_in_words() -> None:
    """What an agent's log says where it has no profile."""
    words = "sha256:00 on orin-nano-15w (emulated 1, module input; edge side, eager, fp32, batch 1)"
    assert str(PROFILE.key) == words


def test_paths_as_text(tmp_path: Path) -> None:
    """Files of profiles and wires are named by text as well as by a path, as those of problems are."""
    save_profile(PROFILE, str(tmp_path / "p.json"))
    save_wires(WIRES, str(tmp_path / "w.json"))
    assert (load_profile(str(tmp_path / "p.json")), load_wires(str(tmp_path / "w.json"))) == (PROFILE, WIRES)


def test_file_is_for_people(tmp_path: Path) -> None:
    """One value per line and unit-bearing names: a person can read and compare two of them."""
    save_profile(PROFILE, tmp_path / "p.json")
    text = (tmp_path / "p.json").read_text(encoding="utf-8")
    assert '"schema": "joulecut.profile/1"' in text
    assert '"figures": "emulated"' in text
    assert text.count("\n") > 40


def test_last_cut() -> None:
    """One block fewer than cuts."""
    assert PROFILE.last_cut == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": "joulecut.profile/2"}, r"schema: 'joulecut.profile/2'; expected 'joulecut.profile/1'.*again"),
        ({"points": []}, r"points: empty"),
        ({"extra": 1}, r"extra: unknown key"),
        ({"cut_names": ["input", "output"]}, r"points\[0\]\.block_s: 2 values; expected 1"),
        ({"cut_names": ["output"]}, r"cut_names: 1; expected at least two"),
        ({"network": None}, r"network: None; expected a string"),
    ],
)
def test_damage_names_file_and_field(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """The message starts with the file, then the field."""
    with pytest.raises(ProfileError, match=rf"^{tmp_path}/p\.json: {message}"):
        load_profile(damaged(tmp_path / "p.json", **changes))


def test_a_file_cut_short_says_what_to_do(tmp_path: Path) -> None:
    """What a power cut may leave stops an agent at each start until somebody deletes it, so the message says so."""
    for text in ("", '{"schema"', '{"schema": 1, "schema": 2}'):
        (tmp_path / "p.json").write_text(text)
        with pytest.raises(ProfileError, match=r"; delete the file, so that the profile is measured again$"):
            load_profile(tmp_path / "p.json")


def test_nan_is_refused(tmp_path: Path) -> None:
    """A NaN that crept into a file is found at the door, not in a plan."""
    points = [encode(PROFILE.points[0]) | {"busy_w": float("nan")}]
    with pytest.raises(ProfileError, match=r"p\.json: points\[0\]\.busy_w: nan; expected a finite number"):
        load_profile(damaged(tmp_path / "p.json", points=points))


@pytest.mark.parametrize(
    "change",
    [{"block_s": (-0.001, 0.002)}, {"whole_s": 0.0}, {"busy_w": -1.0}, {"wait_w": -0.1}],
)
def test_impossible_measurements(change: dict[str, Any]) -> None:
    """Negative seconds and watts are a failed measurement."""
    point = dataclasses.replace(MEASUREMENT, **change)
    with pytest.raises(ProfileError, match=r"points\[1\]: negative or zero"):
        dataclasses.replace(PROFILE, points=(MEASUREMENT, point))


def test_single_runs_are_optional(tmp_path: Path) -> None:
    """A profile from before single runs were kept reads as one that kept none; what was kept reads back in order."""
    point = encode(MEASUREMENT)
    assert point.pop("samples_s") == []
    assert load_profile(damaged(tmp_path / "old.json", points=[point])) == PROFILE
    kept = dataclasses.replace(PROFILE, points=(dataclasses.replace(MEASUREMENT, samples_s=(0.0032, 0.0030)),))
    save_profile(kept, tmp_path / "new.json")
    assert load_profile(tmp_path / "new.json") == kept


def test_rates_at_held_clocks_are_optional(tmp_path: Path) -> None:
    """A profile from before requests were paced at held clocks reads as one without; impossible ones are refused."""
    document = encode(PROFILE)
    assert document.pop("paced") == []
    assert document["governed"][0].pop("samples_s") == []
    path = tmp_path / "old.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert load_profile(path) == PROFILE
    held = PacedMeasurement(
        requested=POINT, achieved=POINT, rate_hz=10, latency_s=0.003, latency_std_s=0, mean_w=5.6, samples_s=(0.003,)
    )
    paced = dataclasses.replace(PROFILE, paced=(held,))
    save_profile(paced, path)
    assert load_profile(path) == paced
    for change in ({"rate_hz": 0.0}, {"latency_s": 0.0}, {"mean_w": -1.0}, {"samples_s": (0.0,)}):
        with pytest.raises(ProfileError, match=r"paced\[0\]: negative or zero"):
            dataclasses.replace(PROFILE, paced=(dataclasses.replace(held, **change),))


def test_a_run_takes_time() -> None:
    """A run of no seconds is a failed measurement."""
    point = dataclasses.replace(MEASUREMENT, samples_s=(0.003, 0.0))
    with pytest.raises(ProfileError, match=r"points\[0\]\.samples_s"):
        dataclasses.replace(PROFILE, points=(point,))


def test_side_is_edge_or_server() -> None:
    """There are two sides."""
    with pytest.raises(ProfileError, match=r"key\.side: 'cloud'"):
        dataclasses.replace(PROFILE, key=dataclasses.replace(PROFILE.key, side="cloud"))


def test_wires_round_trip(tmp_path: Path) -> None:
    """A saved wire table reads back equal and is found by cut."""
    save_wires(WIRES, tmp_path / "w.json")
    loaded = load_wires(tmp_path / "w.json")
    assert loaded == WIRES
    assert [wire.codec for wire in loaded.at(1)] == ["raw", "fp16"]
    assert loaded.at(2) == ()


def test_wires_of_another_schema() -> None:
    """A table of another version is refused with the remedy."""
    with pytest.raises(ProfileError, match="measure the wires again"):
        dataclasses.replace(WIRES, schema="joulecut.wires/0")


def test_profiles_without_uncertainties_are_still_read(tmp_path: Path) -> None:
    """A profile made before draws had an uncertainty says that nobody judged it; a negative one is refused."""
    document = encode(PROFILE)
    for name in ("busy_std_w", "wait_std_w"):
        del document["points"][0][name]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert load_profile(path) == PROFILE
    assert PROFILE.points[0].busy_std_w is None
    judged = dataclasses.replace(MEASUREMENT, busy_std_w=0.05, wait_std_w=0.02)
    save_profile(dataclasses.replace(PROFILE, points=(judged,)), path)
    assert load_profile(path).points == (judged,)
    with pytest.raises(ProfileError, match=r"points\[0\]: a negative uncertainty"):
        dataclasses.replace(PROFILE, points=(dataclasses.replace(MEASUREMENT, wait_std_w=-0.1),))


@pytest.mark.parametrize(
    ("name", "value"),
    [("whole_s", 1e13), ("busy_w", 1e300), ("wait_w", 1e300), ("whole_std_s", -0.1), ("block_s", (0.001, 1e308))],
)
def test_figures_that_no_device_has_are_refused(name: str, value: Any) -> None:
    """A curve through them overflows, which says nothing of where they came from."""
    with pytest.raises(ProfileError, match=r"points\[0\]: .* as seconds or watts; expected 0 to 1e\+12: make"):
        dataclasses.replace(PROFILE, points=(dataclasses.replace(MEASUREMENT, **{name: value}),))


@pytest.mark.parametrize("value", [-1.0, 1e13, float("nan")])
@pytest.mark.parametrize(
    ("path", "change"),
    [
        (r"clock_table\[0\]", lambda _, v: {"clock_table": (OperatingPoint(core_mhz=v),)}),
        (r"clock_table\[0\]", lambda _, v: {"clock_table": (OperatingPoint(core_mhz=600.0, memory_mhz=v),)}),
        (r"points\[0\]", lambda p, v: {"points": (dataclasses.replace(p.points[0], window_s=v),)}),
        (
            r"points\[0\]",
            lambda p, v: {"points": (dataclasses.replace(p.points[0], requested=OperatingPoint(core_mhz=v)),)},
        ),
        (r"parts\[0\]", lambda p, v: {"parts": (dataclasses.replace(p.parts[0], time_s=v),)}),
        (r"parts\[0\]", lambda p, v: {"parts": (dataclasses.replace(p.parts[0], busy_w=v),)}),
        (r"codecs\[0\]", lambda p, v: {"codecs": (dataclasses.replace(p.codecs[0], time_std_s=v),)}),
        (r"codecs\[0\]", lambda p, v: {"codecs": (dataclasses.replace(p.codecs[0], extra_w=v),)}),
        (r"governed\[0\]", lambda p, v: {"governed": (dataclasses.replace(p.governed[0], mean_w=v),)}),
        (r"governed\[0\].samples_s", lambda p, v: {"governed": (dataclasses.replace(p.governed[0], samples_s=(v,)),)}),
    ],
)
def test_no_number_of_a_profile_is_negative_or_beyond_measure(
    path: str, change: Callable[[Profile, float], dict[str, Any]], value: float
) -> None:
    """A plan made with one would promise times or watts that cannot be."""
    with pytest.raises(ProfileError, match=f"^{path}: {value:g}; expected 0 to 1e".replace("+", r"\+")):
        dataclasses.replace(PROFILE, **change(PROFILE, value))
