"""Device files: what is read, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_runtime.devices.device_file import load_device_file
from joulecut_runtime.devices.device_tables import Span
from tests.runtime.devices.test_calibration import FILES, shipped


def edited(tmp_path: Path, stem: str, old: str, new: str) -> Path:
    """A shipped file with a change, beside copies of the others."""
    for path in FILES.glob("*.toml"):
        (tmp_path / path.name).write_text(path.read_text())
    text = (tmp_path / f"{stem}.toml").read_text()
    assert old in text
    (tmp_path / f"{stem}.toml").write_text(text.replace(old, new))
    return tmp_path / f"{stem}.toml"


@pytest.mark.parametrize(
    ("stem", "memory_mhz", "count", "lowest", "highest"),
    [
        ("v100", None, 167, 135, 1380),
        ("a100", 1215, 81, 210, 1410),
        ("h200", 3201, 110, 345, 1980),
        ("t4", 5001, 87, 300, 1590),
        ("l4", 6251, 123, 210, 2040),
        ("l4", 405, 30, 210, 645),
        ("orin-nano-15w", 2133, 4, 306, 612),
        ("orin-nano-25w", 3199, 7, 306, 918),
        ("tx2", 1866, 13, 114.75, 1300.5),
        ("agx-xavier", None, 14, 114.75, 1377),
    ],
)
def test_ladders_are_the_published_ones(
    stem: str, memory_mhz: float | None, count: int, lowest: float, highest: float
) -> None:
    """Number, lowest and highest of the core clocks at a memory clock, as drivers list them."""
    clocks_mhz = shipped(stem).clock_table.core_clocks_mhz(memory_mhz)
    assert (len(clocks_mhz), clocks_mhz[0], clocks_mhz[-1]) == (count, lowest, highest)


def test_a_span_lists_whole_megahertz() -> None:
    """Drivers round 7.5 MHz steps down: 7 or 8 apart."""
    assert Span(first_mhz=135, last_mhz=157.5, step_mhz=7.5).clocks_mhz() == (135, 142, 150, 157)


def test_power_modes_share_their_board() -> None:
    """A mode overrides its ladders; what it does not name is the board's."""
    board, mode = shipped("orin-nano-super"), shipped("orin-nano-15w")
    assert mode.compute == board.compute
    assert mode.kinds == board.kinds
    assert mode.clock_table.top.memory_mhz == 2133
    assert mode.digest != board.digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("knee_w =", "knee_watts =", r"busy\.knee_watts: unknown key; did you mean 'knee_w'"),
        ('basis = "fitted"', 'basis = "guessed"', r"basis: 'guessed'; expected one of 'measured'"),
        ("knee_mhz = 1326", "knee_mhz = nan", r"busy\.knee_mhz: nan; expected a finite number"),
        ("knee_mhz = 1326", "knee_mhz = 0", r"busy\.knee_mhz: 0\.0; expected more than 0"),
        ("period_s = 0.02", "period_s = -1", r"meter\.period_s: -1\.0; expected more than 0"),
        ("[kinds.depthwise]", "[kinds.deepwise]", r"kinds: deepwise, depthwise missing or unknown"),
        ("efficiency = 0.85", "efficiency = 1.85", r"efficiencies are shares of peak; expected at most 1"),
        ("step_mhz = 15", "step_mhz = 0", r"a span of 210 to \d+ MHz by 0 is empty"),
        (
            "memory_mhz = 405\ncore_spans",
            "memory_mhz = 6251\ncore_spans",
            r"ladders: memory clocks \[6251\.0, 6251\.0\]",
        ),
        ("floor_w = 14", "floor_w = 140", r"idle: 140 W at 405\.0 MHz is more than at 6251\.0 MHz"),
        ("memory_mhz = 6251\ncore_bytes", "core_bytes", r"memory_path\.memory_mhz: None; expected a clock"),
        ("[busy]", "[busy", r"not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    """File, key, value and what was expected, in one line."""
    stem = "v100" if old.startswith("basis") else "l4"
    path = edited(tmp_path, stem, old, new)
    with pytest.raises(ConfigError, match=message) as caught:
        load_device_file(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("target", ["../l4", "orin-nano-25w", "nothing"])
def test_a_file_extends_only_a_plain_neighbour(tmp_path: Path, target: str) -> None:
    """No paths, no chains, no files that are not there."""
    path = edited(tmp_path, "orin-nano-15w", 'extends = "orin-nano-super"', f'extends = "{target}"')
    with pytest.raises(ConfigError, match=r"extends|cannot be read"):
        load_device_file(path)


def test_a_table_without_a_source_is_refused(tmp_path: Path) -> None:
    """A number without provenance has no place in a device file."""
    path = edited(tmp_path, "t4", 'source = "limit of the board"', 'source = " "')
    with pytest.raises(ConfigError, match="source: empty"):
        load_device_file(path)
