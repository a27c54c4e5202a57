"""Who may set which clocks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_runtime.clockd.allow_list import Rule, load_rules

GPU = "nvml:GPU-1"
RULES = """
# agents on the GPU box
[agents]
users = 990 nobody 991
boards = nvml:* jetson:17000000.gpu
core_mhz = 306-1020
memory_mhz = 2133-3199
longest_ttl_s = 20

[visitors]
users = 4712 991
boards = nvml:GPU-1
core_mhz = 306-612.5
"""


def concerning(given: list[Rule], uid: int, board: str) -> list[Rule]:
    """The rules that give somebody a board at all."""
    return [rule for rule in given if rule.concerns(uid, board)]


def rules(folder: Path, text: str = RULES) -> list[Rule]:
    """Load a file of rules."""
    path = folder / "clockd.ini"
    path.write_text(text)
    path.chmod(0o644)
    return load_rules(path, needed=True)


def may(given: list[Rule], who: int, board: str, *asked: float | None) -> bool:
    """Whether one rule allows it as a whole."""
    core_mhz, memory_mhz, ttl_s = asked
    assert core_mhz is not None
    assert ttl_s is not None
    return any(rule.allows(core_mhz, memory_mhz, ttl_s) for rule in concerning(given, who, board))


def test_without_a_file_only_root_may(tmp_path: Path) -> None:
    """The default allows nobody but root, and root everything that a board lists."""
    default = load_rules(tmp_path / "none.ini", needed=False)
    assert may(default, 0, GPU, 99_999.0, 1.0, 3600.0)
    assert not concerning(default, 1234, GPU)


def test_a_file_at_its_usual_place_counts(tmp_path: Path) -> None:
    """It need not be there; where it is, its users may."""
    rules(tmp_path)
    assert concerning(load_rules(tmp_path / "clockd.ini", needed=False), 990, GPU)


def test_a_file_that_was_asked_for_has_to_be_there(tmp_path: Path) -> None:
    """A wrong --rules is not taken for "nobody may"."""
    with pytest.raises(ConfigError, match="No such file"):
        load_rules(tmp_path / "none.ini", needed=True)


@pytest.mark.parametrize("who", [990, 65534])
def test_users_by_number_and_name(tmp_path: Path, who: int) -> None:
    """Either opens a rule."""
    assert may(rules(tmp_path), who, GPU, 612.0, 2133.0, 20.0)


@pytest.mark.parametrize("asked", [(306.0, 2133.0, 20.0), (1020.0, 3199.0, 0.1)])
def test_limits_belong_to_what_is_allowed(tmp_path: Path, asked: tuple[float, float, float]) -> None:
    """Whoever writes a board's lowest and highest clock down allows both of them."""
    assert may(rules(tmp_path), 990, GPU, *asked)
    text = "[fixed]\nusers = 990\nboards = *\ncore_mhz = 612-612"
    assert may(rules(tmp_path, text), 990, GPU, 612.0, None, 30.0)


@pytest.mark.parametrize("board", ["nvml:GPU-2", "jetson:17000000.gpu"])
def test_boards_by_pattern(tmp_path: Path, board: str) -> None:
    """A pattern gives every board it matches."""
    assert may(rules(tmp_path), 990, board, 612.0, None, 20.0)


@pytest.mark.parametrize("board", ["cpu:all", "jetson:17000000.gpu2", "NVML:GPU-1"])
def test_other_boards_are_refused(tmp_path: Path, board: str) -> None:
    """What no pattern matches is nobody's."""
    assert not concerning(rules(tmp_path), 990, board)


@pytest.mark.parametrize(
    "asked",
    [
        (305.9, None, 1.0),
        (1020.1, None, 1.0),
        (612.0, 2132.0, 1.0),
        (612.0, 3200.0, 1.0),
        (612.0, None, 20.1),
        (612.0, None, 0.0),
        (612.0, None, -1.0),
        (float("nan"), None, 1.0),
        (612.0, float("nan"), 1.0),
        (612.0, None, float("nan")),
        (float("inf"), None, 1.0),
        (612.0, None, float("inf")),
    ],
)
def test_what_is_outside_the_limits_is_refused(tmp_path: Path, asked: tuple[float, float | None, float]) -> None:
    """Core clock, memory clock and time to live each have an end, and NaN is within none."""
    assert not may(rules(tmp_path), 990, GPU, *asked)


def test_no_lease_is_for_ever_not_even_roots(tmp_path: Path) -> None:
    """A lease without an end, or one of NaN seconds, is refused to root too."""
    for ttl_s in (float("nan"), float("inf"), 0.0):
        assert not may(load_rules(tmp_path / "none.ini", needed=False), 0, GPU, 306.0, None, ttl_s)


def test_without_memory_limits_the_memory_clock_stays(tmp_path: Path) -> None:
    """A rule that does not mention memory does not give it."""
    assert may(rules(tmp_path), 4712, GPU, 612.5, None, 30.0)
    assert not may(rules(tmp_path), 4712, GPU, 612.5, 2133.0, 30.0)


def test_limits_of_two_rules_are_not_mixed(tmp_path: Path) -> None:
    """A request has to be within one rule as a whole."""
    assert not may(rules(tmp_path), 991, GPU, 1000.0, None, 30.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[a]\nusers = 1\nboards = *\ncore_mhz = 1-2\nclocks = 3", "clocks"),
        ("[a]\nusers = 1\nboards = *", "core_mhz"),
        ("[a]\nusers = 1\ncore_mhz = 1-2", "boards"),
        ("[a]\nboards = *\ncore_mhz = 1-2", "users"),
        ("[a]\nusers =\nboards = *\ncore_mhz = 1-2", "users = , "),
        ("[a]\nusers = no-such-user\nboards = *\ncore_mhz = 1-2", "no-such-user"),
        ("[a]\nusers = 1\ngroups = video\nboards = *\ncore_mhz = 1-2", "groups"),
        ("[a]\nusers = 1\nboards = *\ncore_mhz = 2", "core_mhz"),
        ("[a]\nusers = 1\nboards = *\ncore_mhz = 9-2", "core_mhz"),
        ("[a]\nusers = 1\nboards = *\ncore_mhz = 1-nan", "core_mhz"),
        ("[a]\nusers = 1\nboards =\ncore_mhz = 1-2", "boards = , "),
        ("[a]\nusers = 1\nboards = *\ncore_mhz = 1-2\nlongest_ttl_s = long", "long"),
        ("[a]\nusers = 1\nboards = *\ncore_mhz = 1-2\nlongest_ttl_s = 0", "positive"),
        ("[a]\nusers = 1\nboards = *\ncore_mhz = 1-2\nlongest_ttl_s = -5", "positive"),
        ("[a]\nusers = 1\nboards = *\ncore_mhz = 1-2\nlongest_ttl_s = inf", "positive"),
        ("[a]\nusers = 1\nboards = *\ncore_mhz = 1-2\nlongest_ttl_s = nan", "positive"),
        ("[a]\nusers = 1\nusers = 2\nboards = *\ncore_mhz = 1-2", "users"),
        ("[a]\nusers = 1\nboards = *\ncore_mhz = 1-2\n[a]\n", "already exists"),
        ("[DEFAULT]\nusers = 1\n[a]\nboards = *\ncore_mhz = 1-2", "DEFAULT"),
        ("users = 1", "section"),
        ("\x00", "section"),
    ],
)
def test_wrong_files_are_refused_with_what_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    """A typing mistake stops the daemon instead of allowing or forbidding something else."""
    with pytest.raises(ConfigError, match=f"clockd.ini: .*{complaint}"):
        rules(tmp_path, text)


def test_a_file_that_others_can_write_is_refused(tmp_path: Path) -> None:
    """Whoever can change the rules is root in effect."""
    path = tmp_path / "clockd.ini"
    path.write_text(RULES)
    path.chmod(0o664)
    with pytest.raises(ConfigError, match="644"):
        load_rules(path, needed=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """The owner of a file can change it, whatever its mode."""
    path = tmp_path / "clockd.ini"
    path.write_text(RULES)
    path.chmod(0o644)
    os.chown(path, 12345, 0)
    with pytest.raises(ConfigError, match="644"):
        load_rules(path, needed=True)
