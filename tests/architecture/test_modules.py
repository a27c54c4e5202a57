"""What every module must be: of one noun, of a size, without leftovers."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, modules, modules_of_tests, name, parsed

LONGEST = 400
VAGUE = {"utils", "util", "common", "helpers", "misc", "constants", "constant", "base"}
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

TIMED = {"core", "proto", "runtime", "edge", "server"}
"""Packages that live in the devices' seconds, which on an emulated device are not the machine's."""

SCRIPTS = tuple(sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file()))


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Every call of a plain or dotted name in a module."""
    return [(ast.unparse(node.func), node) for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", [*modules(), *modules_of_tests()], ids=name)
def test_length(path: Path) -> None:
    """A longer module has a second noun in it."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("path", modules(), ids=name)
def test_module_has_a_noun_and_a_docstring(path: Path) -> None:
    """A module is named after what it holds, and its first line says it."""
    assert path.stem not in VAGUE
    assert path.name == "__main__.py" or ast.get_docstring(parsed(path))


@pytest.mark.parametrize("path", [*modules(), *modules_of_tests(), *SCRIPTS], ids=name)
def test_no_leftovers(path: Path) -> None:
    """What is to be done is an issue, not a comment."""
    if path != Path(__file__).resolve():
        assert not LEFTOVER.search(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", modules(), ids=name)
def test_libraries_do_not_print(path: Path) -> None:
    """Only the command line writes to the terminal, and through its console."""
    assert not [call.lineno for function, call in calls(path) if function == "print"]


@pytest.mark.parametrize("path", modules(), ids=name)
def test_nothing_runs_code_from_a_file(path: Path) -> None:
    """No pickle, no torch.export.load, and torch.load only with weights_only=True."""
    source = {node.names[0].name for node in ast.walk(parsed(path)) if isinstance(node, ast.Import)}
    source |= {node.module or "" for node in ast.walk(parsed(path)) if isinstance(node, ast.ImportFrom)}
    assert not source & {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
    for function, call in calls(path):
        assert function not in {"torch.export.load", "torch.jit.load", "eval", "exec"}
        if function == "torch.load":
            safe = [keyword for keyword in call.keywords if keyword.arg == "weights_only"]
            assert safe
            assert ast.unparse(safe[0].value) == "True"


@pytest.mark.parametrize("path", [p for p in modules() if name(p).split("/")[0] in TIMED], ids=name)
def test_waiting_goes_through_a_clock(path: Path) -> None:
    """Whatever waits or measures where devices run takes a Clock; only timing.py asks the machine."""
    machine = {"time.sleep", "time.perf_counter", "time.monotonic", "time.time"}
    if name(path) != "core/joulecut_core/timing.py":
        assert not [f"{function} in line {call.lineno}" for function, call in calls(path) if function in machine]


@pytest.mark.parametrize("path", modules_of_tests(), ids=name)
def test_fakes_over_mocks(path: Path) -> None:
    """A fake is written once against a Protocol; a mock agrees with anything."""
    imported = {node.module for node in ast.walk(parsed(path)) if isinstance(node, ast.ImportFrom)}
    assert "unittest.mock" not in imported
    assert "unittest" not in imported


def test_every_test_folder_is_a_package() -> None:
    """Equal base names in two folders collide for the type checkers without it."""
    folders = {path.parent for path in modules_of_tests()}
    assert not [name(folder) for folder in folders if not (folder / "__init__.py").is_file()]


@pytest.mark.parametrize("path", [p for p in modules_of_tests() if p.name.startswith("test_")], ids=name)
def test_tests_say_what_they_pin(path: Path) -> None:
    """A test without a docstring does not tell its reader what breaks when it fails."""
    functions = [node for node in ast.walk(parsed(path)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    tests = [function for function in functions if function.name.startswith("test_")]
    assert not [f"{test.name} in line {test.lineno}" for test in tests if not ast.get_docstring(test)]
