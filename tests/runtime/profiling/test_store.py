"""The profile cache: found by its whole key and by nothing else; damage is an error, not a miss."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ProfileError
from joulecut_core.figures import FigureKind
from joulecut_core.profiles import PointMeasurement, Profile, ProfileKey
from joulecut_runtime.profiling.store import ProfileStore, default_profile_folder, profile_file_name

KEY = ProfileKey(
    device="Jetson Orin Nano (15 W)",
    driver="R36.4",
    power_scope="module input",
    network_digest="sha256:12ab",
    side="edge",
    engine="eager",
    precision="fp32",
    batch=1,
)
CHANGES: list[tuple[str, str | int]] = [
    ("device", "Jetson Orin NX"),
    ("driver", "R36.5"),
    ("power_scope", "wall"),
    ("network_digest", "sha256:12ac"),
    ("side", "server"),
    ("engine", "compiled"),
    ("precision", "int8"),
    ("batch", 8),
]


def stored(key: ProfileKey = KEY, wait_w: float = 5.0) -> Profile:
    """The smallest profile there is."""
    point = OperatingPoint(core_mhz=612.0, memory_mhz=2133.0)
    measurement = PointMeasurement(
        requested=point,
        achieved=point,
        runs=10,
        block_s=(0.001, 0.002),
        whole_s=0.003,
        whole_std_s=0.0,
        busy_w=9.0,
        wait_w=wait_w,
        window_s=0.2,
    )
    return Profile(
        key=key,
        network="small",
        cut_names=("input", "stem", "output"),
        clock_table=(point,),
        created="2026-01-01T00:00:00+00:00",
        figures=FigureKind.EMULATED,
        points=(measurement,),
    )


def test_what_was_put_is_got(tmp_path: Path) -> None:
    """A profile survives the file exactly; a newer one of the same key takes its place."""
    store = ProfileStore(tmp_path / "not" / "there" / "yet")
    assert store.get(KEY) is None
    path = store.put(stored())
    assert store.get(KEY) == stored()
    assert store.put(stored(wait_w=6.0)) == path == store.path(KEY)
    assert store.get(KEY) == stored(wait_w=6.0)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_file_name_is_readable_and_portable() -> None:
    """A person sees device, side and engine in the name, and any file system takes it; the same everywhere."""
    assert profile_file_name(KEY) == "jetson-orin-nano-15-w-edge-eager-fp32-b1-896ea6fc1083.json"
    hostile = dataclasses.replace(KEY, device="../../etc/passwd\0 \u00e9" + "x" * 300)
    assert "/" not in profile_file_name(hostile)
    assert len(profile_file_name(hostile)) < 128


@pytest.mark.parametrize(("field", "value"), CHANGES)
def test_any_changed_field_of_the_key_is_a_miss(tmp_path: Path, field: str, value: str | int) -> None:
    """A profile never serves another driver, network, engine, batch...: it is measured again."""
    store = ProfileStore(tmp_path)
    store.put(stored())
    assert store.get(_changed(field, value)) is None


def test_a_miss_says_what_is_there_instead(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever wonders why a profile is made again finds the older file in the log."""
    store = ProfileStore(tmp_path)
    path = store.put(stored())
    with caplog.at_level(logging.INFO):
        store.get(_changed("driver", "R36.5"))
    assert path.name in caplog.text


def test_own_folder_comes_before_the_shipped_ones(tmp_path: Path) -> None:
    """Shipped profiles serve until the user has measured; they are never written to."""
    shipped = (tmp_path / "first", tmp_path / "second", tmp_path / "missing")
    ProfileStore(shipped[0]).put(stored(wait_w=1.0))
    ProfileStore(shipped[1]).put(stored(wait_w=2.0))
    store = ProfileStore(tmp_path / "own", shipped=shipped)
    assert store.get(KEY) == stored(wait_w=1.0)
    store.put(stored(wait_w=3.0))
    assert store.get(KEY) == stored(wait_w=3.0)
    assert ProfileStore(shipped[0]).get(KEY) == stored(wait_w=1.0)


def test_nan_is_refused_with_file_and_field(tmp_path: Path) -> None:
    """Neither NaN nor null gets past the file as watts."""
    store = ProfileStore(tmp_path)
    path = store.put(stored())
    document = json.loads(path.read_text())
    document["points"][0]["wait_w"] = float("nan")
    path.write_text(json.dumps(document))
    with pytest.raises(ProfileError, match=r"896ea6fc1083\.json: points\[0\]\.wait_w: nan; expected a finite number"):
        store.get(KEY)
    document["points"][0]["wait_w"] = None
    path.write_text(json.dumps(document))
    with pytest.raises(ProfileError, match=r"896ea6fc1083\.json: points\[0\]\.wait_w: None; expected a finite number"):
        store.get(KEY)


def test_truncated_file_is_an_error_not_a_miss(tmp_path: Path) -> None:
    """Damage is shown: measuring again in silence would hide a failing disk or a careless edit."""
    store = ProfileStore(tmp_path)
    path = store.put(stored())
    path.write_text(path.read_text()[:-40])
    with pytest.raises(ProfileError, match="not JSON"):
        store.get(KEY)


def test_a_folder_that_cannot_be_entered_is_an_error(tmp_path: Path) -> None:
    """A profile may well be there: folder and remedy are named."""
    (tmp_path / "profiles").touch()
    with pytest.raises(ProfileError, match=r"profiles: no profile can be looked for here: .*; let this user enter it"):
        ProfileStore(tmp_path / "profiles").get(KEY)


def test_file_of_another_key_is_an_error(tmp_path: Path) -> None:
    """A file renamed or edited to pass for another device's is refused, naming the field."""
    store = ProfileStore(tmp_path)
    path = store.put(stored())
    other = _changed("driver", "R36.5")
    path.rename(store.path(other))
    with pytest.raises(ProfileError, match=r"key\.driver: 'R36\.4'; expected 'R36\.5'"):
        store.get(other)


def test_default_folder_is_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles are kept where the platform keeps what can be made again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = default_profile_folder()
    assert folder.parts[-2:] == ("joulecut", "profiles")


def _changed(field: str, value: str | int) -> ProfileKey:
    values = {each.name: getattr(KEY, each.name) for each in dataclasses.fields(KEY)}
    return ProfileKey(**{**values, field: value})
