"""The daemon's settings: flags over variables over defaults, each with its origin."""

from __future__ import annotations

import sys

import pytest

from joulecut_core.errors import ConfigError
from joulecut_runtime.clockd.cli import main
from joulecut_runtime.clockd.settings import choose_settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULTS = {"root": "/", "socket": "", "rules": ""}


def test_flags_count_most() -> None:
    """What is printed is TOML of what counts."""
    environment = {"JOULECUT_CLOCKD_ROOT": "/env", "JOULECUT_CLOCKD_SOCKET": "/env.sock", "JOULECUT_EDGE_ROOT": "/no"}
    settings, printed = choose_settings({"root": '/a "b"', "socket": None, "rules": None}, DEFAULTS, environment)
    assert settings == {"root": '/a "b"', "socket": "/env.sock", "rules": ""}
    assert tomllib.loads(printed) == settings
    origins = [line.rpartition("# ")[2] for line in printed.splitlines()]
    assert origins == ["flag", "JOULECUT_CLOCKD_SOCKET", "default"]


def test_a_foreign_variable_is_refused() -> None:
    """Root's daemon does not guess."""
    with pytest.raises(ConfigError, match=r"JOULECUT_CLOCKD_RULE: unknown variable; expected one of JOULECUT_CLOCKD_R"):
        choose_settings({}, DEFAULTS, {"JOULECUT_CLOCKD_RULE": "/x"})


def test_printing_starts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """No lease book is opened, no socket made."""

    def find(root: object) -> list[object]:
        raise AssertionError(root)

    assert main(["--root", "/nowhere", "--print-config"], find) == 0  # type: ignore[arg-type]
    assert 'root = "/nowhere"  # flag' in capsys.readouterr().out
