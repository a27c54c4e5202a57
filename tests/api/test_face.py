"""`import joulecut`: light, complete, and honest about what needs an extra."""

from __future__ import annotations

import subprocess
import sys

import pytest

import joulecut
from joulecut import more
from joulecut.connections import connection
from joulecut_planner import Plan, Problem, load_problem, solve


def _output_of(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_all_is_sorted_and_real() -> None:
    """Every promised name exists, each once, in order."""
    assert joulecut.__all__ == sorted(joulecut.__all__)
    assert len(set(joulecut.__all__)) == len(joulecut.__all__)
    for name in joulecut.__all__:
        assert getattr(joulecut, name) is not None


def test_a_prompt_completes_the_names() -> None:
    """What `dir` shows is what is promised, although nothing is imported yet."""
    assert dir(joulecut) == joulecut.__all__


def test_the_names_are_the_parts_own() -> None:
    """The face re-exports; it wraps nothing."""
    assert (joulecut.plan, joulecut.solve, joulecut.load_problem) == (solve, solve, load_problem)
    assert (joulecut.Plan, joulecut.Problem) == (Plan, Problem)
    assert joulecut.connect is connection.connect
    assert (joulecut.Connection, joulecut.Answer) == (connection.Connection, connection.Answer)


def test_every_name_is_typed_and_found() -> None:
    """The list that type checkers read, the one that the face shows, and what is found are the same."""
    assert joulecut.__all__ == more.__all__
    for name in joulecut.__all__:
        assert more.find(name) is getattr(joulecut, name)


def test_each_use_loads_what_it_needs() -> None:
    """Planning, also from profiles, pays for planning only; who sends arrays to an agent needs gRPC but no torch."""
    code = """
import sys, joulecut
heavy = {"torch", "grpc", "google.protobuf"}
joulecut.plan
print(sorted((heavy | {"typer", "rich", "joulecut_runtime", "joulecut_proto"}) & set(sys.modules)))
joulecut.problem, joulecut.compare, joulecut.load_profile
print(sorted(heavy & set(sys.modules)))
joulecut.connect
print("grpc" in sys.modules, "torch" in sys.modules)
"""
    assert _output_of(code).splitlines() == ["[]", "[]", "True False"]


def test_without_torch() -> None:
    """`capture` says what to install, torch included; connecting goes on working."""
    code = """
import sys
sys.modules["torch"] = None
import joulecut
assert callable(joulecut.connect)
try:
    joulecut.capture
except ImportError as error:
    print(error)
"""
    message = _output_of(code)
    assert "joulecut.capture needs torch" in message
    assert "pip install 'joulecut[agents,torch]'" in message


def test_without_the_agents_extra() -> None:
    """`connect` says what to install; planning goes on working."""
    code = """
import sys
sys.modules["grpc"] = None
import joulecut
assert callable(joulecut.solve)
try:
    joulecut.connect
except ImportError as error:
    print(error)
"""
    message = _output_of(code)
    assert "joulecut.connect needs" in message
    assert "pip install 'joulecut[agents]'" in message


def test_an_unknown_name() -> None:
    """A typo is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="'joulecut' has no attribute 'conect'"):
        _ = joulecut.conect
