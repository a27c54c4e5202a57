"""Readers of what others write: what once broke them, thousands of new inputs, and controls that the hunt sees prey."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from joulecut_core.errors import ContractError
from joulecut_runtime.networks.operators import OPERATORS
from tests.fuzz.campaign import CORPUS, Failure, Tally, feed, kept_inputs, run, watch_hangs
from tests.fuzz.catalogue import catalogue
from tests.fuzz.mutation import Mutator
from tests.fuzz.target import Target
from tests.fuzz.targets.calls import call_targets, called
from tests.thoroughness import THOROUGH

_ROOT = Path(__file__).resolve().parents[2]
_INPUTS = 12_000 if THOROUGH else 3_000


@pytest.mark.parametrize("name", sorted(path.name for path in CORPUS.iterdir() if path.is_dir()))
def test_what_once_was_too_much_is_refused_now(name: str) -> None:
    """Every input kept in the corpus ends in an error of ours or is read; the target that it is of exists."""
    target = catalogue()[name]
    inputs = kept_inputs(target)
    assert inputs
    for _, data in inputs:
        target.feed(data)


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_what_is_valid_is_read(name: str) -> None:
    """Mutations start from inputs that are accepted, and read back equal: else none of them would get far."""
    target = catalogue()[name]
    assert target.seeds
    assert all(target.feed(seed) for seed in target.seeds)


def test_a_campaign_finds_nothing(tmp_path: Path) -> None:
    """Thousands of inputs, none of them drawn before in this order, crash, hang or bloat nothing."""
    command = [sys.executable, "-m", "tests.fuzz", "--inputs", str(_INPUTS), "--seed", "11", "--keep", str(tmp_path)]
    done = subprocess.run(command, cwd=_ROOT, env={**os.environ}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    tallies = json.loads(done.stdout)
    assert {tally["target"] for tally in tallies} == set(catalogue())
    assert sum(tally["inputs"] for tally in tallies) >= 0.99 * _INPUTS
    # Of what is changed a little, some is still valid: a target that refuses all sees only its first check.
    assert sum(tally["accepted"] for tally in tallies) > 0.05 * _INPUTS


def test_every_operator_is_called() -> None:
    """An operator that joins the whitelist is fed hostile arguments too; `tests.fuzz.targets.calls` says how."""
    assert called(call_targets()) == set(OPERATORS)


def _refuse(data: bytes) -> bytes:
    raise ContractError(f"{data[:8]!r}; expected something else")


def _crash(data: bytes) -> bytes:
    raise KeyError(data[:1])


def _hang(data: bytes) -> bytes:
    while True:
        data = bytes(reversed(data))


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (Target(name="crash", read=_crash, seeds=[b"x"]), "KeyError"),
        (Target(name="changed", read=bytes, seeds=[b"x"], write=lambda value: value + b"!"), "AssertionError"),
        (Target(name="silent", read=lambda _: _raise(ContractError("")), seeds=[b"x"]), "AssertionError"),
        (Target(name="echo", read=lambda _: _raise(ContractError("a" * 5000)), seeds=[b"x"]), "AssertionError"),
    ],
    ids=lambda value: value.name if isinstance(value, Target) else value,
)
def test_the_hunt_sees_prey(target: Target[Any], kind: str) -> None:
    """Controls: a reader that crashes, forgets, says nothing or repeats all that it was given is reported."""
    kept: list[Failure] = []
    tally = run(target, 20, 0, kept.append)
    assert tally.crashes == tally.inputs == 20
    assert kept
    assert {failure.kind for failure in kept} == {kind}


def test_the_hunt_sees_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """An input that computes without end is ended and reported."""
    monkeypatch.setattr("tests.fuzz.campaign.SLOWEST_CPU_S", 0.05)
    with watch_hangs():
        failure = feed(Target(name="hang", read=_hang, seeds=[b"x"]), b"x", Tally(target="hang"))
    assert failure is not None
    assert failure.kind == "HangError"


def test_the_hunt_sees_a_bomb() -> None:
    """An input that makes a reader take memory without bound is reported, and the process lives on."""
    script = (
        "from tests.fuzz.campaign import Tally, feed, limit_memory\nfrom tests.fuzz.target import Target\n"
        "limit_memory(64 << 20)\nbomb = Target(name='bomb', read=lambda data: bytearray(1 << 30), seeds=[b'x'])\n"
        "failure = feed(bomb, b'x', Tally(target='bomb'))\n"
        "assert failure is not None and failure.kind == 'MemoryError'\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=_ROOT, check=True)


def test_a_seed_names_its_inputs() -> None:
    """The same number draws the same inputs, and another number others: a failure can be had again."""
    seeds = [b'{"a": 1.5, "b": [1, 2]}', b"plain text 42"]

    def drawn(seed: int) -> list[bytes]:
        mutator = Mutator(seed, seeds)
        return [mutator.draw() for _ in range(200)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert len(set(drawn(1))) > 150


def test_a_refusal_is_none() -> None:
    """An error of ours that says something is what a reader is for."""
    assert not Target(name="refuse", read=_refuse, seeds=[b"x"]).feed(b"x")


def _raise(error: Exception) -> bytes:
    raise error
