"""What every module must be: of one noun, of a size, without leftovers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.architecture import tree
from tests.architecture.tree import (
    ROOT,
    imports,
    modules,
    modules_of_tests,
    name,
    nodes,
    offences,
    parsed,
    statements,
    text,
)

LONGEST = 400
VAGUE = {"utils", "util", "common", "helpers", "misc", "constants", "constant", "base"}
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

TIMED = {"core", "proto", "runtime", "edge", "server"}
"""Packages that live in the devices' seconds, which on an emulated device are not the machine's."""

SCRIPTS = tuple(sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file()))


def dotted(node: ast.expr) -> str:
    """A plain or dotted name as it is written, and nothing for whatever else is called."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id])) if isinstance(node, ast.Name) else ""


@cache
def calls(path: Path) -> tuple[tuple[str, ast.Call], ...]:
    """Every call of a plain or dotted name in a module."""
    return tuple((dotted(node.func), node) for node in nodes(path) if isinstance(node, ast.Call))


def test_length() -> None:
    """A longer module has a second noun in it."""

    def rule(path: Path) -> list[int]:
        lines = len(text(path).splitlines())
        return [lines] if lines > LONGEST else []

    assert not offences([*modules(), *modules_of_tests()], rule)


def test_module_has_a_noun_and_a_docstring() -> None:
    """A module is named after what it holds, and its first line says it."""

    def rule(path: Path) -> Iterator[str]:
        if path.stem in VAGUE:
            yield "a vague name"
        if path.name != "__main__.py" and not ast.get_docstring(parsed(path)):
            yield "no docstring"

    assert not offences(modules(), rule)


def test_no_leftovers() -> None:
    """What is to be done is an issue, not a comment."""
    own = Path(__file__).resolve()
    others = [path for path in (*modules(), *modules_of_tests(), *SCRIPTS) if path != own]
    assert not offences(others, lambda path: LEFTOVER.findall(text(path)))


def test_libraries_do_not_print() -> None:
    """Only the command line writes to the terminal, and through its console."""

    def rule(path: Path) -> list[int]:
        return [call.lineno for function, call in calls(path) if function == "print"]

    assert not offences(modules(), rule)


def test_nothing_runs_code_from_a_file() -> None:
    """No pickle, no torch.export.load, and torch.load only with weights_only=True."""

    def rule(path: Path) -> Iterator[str]:
        yield from imports(path) & {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
        for function, call in calls(path):
            safe = [ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg == "weights_only"]
            if function in {"torch.export.load", "torch.jit.load", "eval", "exec"}:
                yield f"{function} in line {call.lineno}"
            if function == "torch.load" and safe != ["True"]:
                yield f"{function} without weights_only=True in line {call.lineno}"

    assert not offences(modules(), rule)


def test_waiting_goes_through_a_clock() -> None:
    """Whatever waits or measures where devices run takes a Clock; only timing.py asks the machine."""
    machine = {"time.sleep", "time.perf_counter", "time.monotonic", "time.time"}

    def rule(path: Path) -> list[str]:
        return [f"{function} in line {call.lineno}" for function, call in calls(path) if function in machine]

    timed = [path for path in modules() if name(path).split("/")[0] in TIMED]
    assert not offences([path for path in timed if name(path) != "core/joulecut_core/timing.py"], rule)


def test_fakes_over_mocks() -> None:
    """A fake is written once against a Protocol; a mock agrees with anything."""
    assert not offences(modules_of_tests(), lambda path: imports(path) & {"unittest", "unittest.mock"})


def test_every_test_folder_is_a_package() -> None:
    """Equal base names in two folders collide for the type checkers without it."""
    folders = {path.parent for path in modules_of_tests()}
    assert not [name(folder) for folder in folders if not (folder / "__init__.py").is_file()]


def test_tests_say_what_they_pin() -> None:
    """A test without a docstring does not tell its reader what breaks when it fails."""

    def rule(path: Path) -> list[str]:
        functions = [each for each in statements(path) if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]
        tests = [function for function in functions if function.name.startswith("test_")]
        return [f"{test.name} in line {test.lineno}" for test in tests if not ast.get_docstring(test)]

    assert not offences([path for path in modules_of_tests() if path.name.startswith("test_")], rule)


def test_a_rule_tells_who_breaks_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules of this folder look at every file and name each one that breaks them, not the first alone."""
    monkeypatch.setattr(tree, "ROOT", tmp_path)
    for file, code in (("one.py", "import time\ntime.sleep(1)\n"), ("two.py", "x = 1\n"), ("three.py", "print(x)\n")):
        (tmp_path / file).write_text(code, encoding="utf-8")
    found = offences(sorted(tmp_path.iterdir()), lambda path: [function for function, _ in calls(path)])
    assert found == {"one.py": ["time.sleep"], "three.py": ["print"]}
