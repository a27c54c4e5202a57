"""`joulecut run`: pictures to an edge-agent, one line or one JSON object an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from joulecut.cli import app
from joulecut_core.errors import ConfigError, LinkError
from joulecut_core.networks import TensorSpec
from tests.api.fake_edge import CLASSES, STATUS, FakeLocal, serving_edge


@pytest.fixture
def service() -> FakeLocal:
    """The endpoint's service."""
    return FakeLocal()


@pytest.fixture
def address(service: FakeLocal) -> Iterator[str]:
    """Where it is served."""
    with serving_edge(service) as (place, _):
        yield place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Grey pictures of level 1, 2 and 3: the fake network's classes."""
    for level in (1, 2, 3):
        Image.new("RGB", (20, 20), (level, level, level)).save(tmp_path / f"level{level}.png")
    return tmp_path


def run(*arguments: object) -> Result:
    """The command, on a wide terminal."""
    return CliRunner().invoke(app, ["run", *map(str, arguments)], env={"COLUMNS": "200"})


def test_json(address: str, folder: Path, service: FakeLocal) -> None:
    """One object per request, pictures in turn, nothing else on standard output."""
    result = run(address, "--pictures", folder, "--count", 5, "--json")
    assert result.exit_code == 0
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["picture"] for answer in answers] == ["level1", "level2", "level3", "level1", "level2"]
    assert [answer["answer"] for answer in answers] == [1, 2, 3, 1, 2]
    assert [answer["ledger"]["request_id"] for answer in answers] == service.requests
    assert answers[0]["ledger"]["joules"]["server"] == 0.5


def test_table(address: str, folder: Path) -> None:
    """Who answered at what cost, in milliseconds and millijoules, under the device's name."""
    result = run(address, "--pictures", folder, "--count", 2)
    assert result.exit_code == 0
    assert "tiny on Orin Nano (emulated figures)" in result.stdout
    (first,) = (line for line in result.stdout.splitlines() if "level1" in line)
    cells = first.replace("│", " ").split()
    assert cells == ["level1", "1", "split", "1", "raw", "20.0", "120.0", "10.0", "500.0"]


def test_the_sample_pictures_are_the_default(address: str) -> None:
    """Without a folder, the twenty pictures at the network's own size."""
    result = run(address, "--json")
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert len({answer["picture"] for answer in answers}) == 20
    assert all(0 <= answer["answer"] < CLASSES for answer in answers)


@pytest.mark.parametrize(
    "inputs",
    [
        (TensorSpec(name="tokens", dtype="int64", shape=(1, 16)),),
        (TensorSpec(name="picture", dtype="float32", shape=(1, 3, 8, 8)),),
    ],
)
def test_a_network_that_takes_no_picture(address: str, service: FakeLocal, inputs: tuple[TensorSpec, ...]) -> None:
    """What it takes, and the call that can send it."""
    service.statuses = [replace(STATUS, inputs=inputs)]
    result = run(address)
    assert isinstance(result.exception, ConfigError)
    assert f"tiny takes {inputs[0]}" in str(result.exception)
    assert "joulecut.connect()" in str(result.exception)
    assert service.requests == []


def test_an_agent_that_is_not_there() -> None:
    """A LinkError, which the program turns into one line."""
    assert isinstance(run("127.0.0.1:1").exception, LinkError)
