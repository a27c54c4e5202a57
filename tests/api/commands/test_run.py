"""`joulecut run`: requests to an edge-agent, one line or one JSON object an answer; and what it takes for a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from joulecut.cli import app
from joulecut.commands.run import is_network
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
        (TensorSpec(name="left", dtype="float32", shape=(1, 4)), TensorSpec(name="right", dtype="uint8", shape=(2,))),
    ],
)
def test_a_network_that_takes_no_picture(address: str, service: FakeLocal, inputs: tuple[TensorSpec, ...]) -> None:
    """It gets made-up inputs of its own shapes, named as such."""
    service.statuses = [replace(STATUS, inputs=inputs)]
    result = run(address, "--count", 2, "--json")
    assert result.exit_code == 0
    assert [json.loads(line)["picture"] for line in result.stdout.splitlines()] == ["made-up 0", "made-up 1"]
    assert [[frame.spec.shape for frame in tensors] for tensors in service.tensors] == [
        [spec.shape for spec in inputs]
    ] * 2


def test_inputs_of_a_file(address: str, service: FakeLocal, tmp_path: Path) -> None:
    """Each row of the file is a request, in turn."""
    service.statuses = [replace(STATUS, inputs=(TensorSpec(name="x", dtype="float32", shape=(1, 2)),))]
    np.save(tmp_path / "rows.npy", np.array([[1, 0], [3, 0]], np.float32))
    result = run(address, "--inputs", tmp_path / "rows.npy", "--count", 3, "--json")
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(each["picture"], each["answer"]) for each in answers] == [("rows 0", 1), ("rows 1", 3), ("rows 0", 1)]


def test_pictures_for_a_network_of_vectors(address: str, service: FakeLocal, folder: Path) -> None:
    """They cannot be sent; the error says how its inputs can be given."""
    service.statuses = [replace(STATUS, inputs=(TensorSpec(name="x", dtype="float32", shape=(1, 2)),))]
    error = run(address, "--pictures", folder).exception
    assert isinstance(error, ConfigError)
    assert "--inputs FILE.npy" in str(error)
    assert service.requests == []


@pytest.mark.parametrize("option", [("--input", "1x3"), ("--slo-ms", "5"), ("--rtt-ms", "0"), ("--battery",)])
def test_what_is_for_a_network_is_not_for_an_address(address: str, option: tuple[str, ...]) -> None:
    """A running agent has its own link and deadline; an option that would do nothing is refused by name."""
    error = run(address, *option).exception
    assert isinstance(error, ConfigError)
    assert option[0] in str(error)


@pytest.mark.parametrize(
    ("target", "network"),
    [
        ("unix:/run/edge.sock", False),
        ("unix:edge.sock", False),
        ("localhost:5051", False),
        ("[::1]:5051", False),
        ("shop.networks:camera", True),
        ("networks:Camera", True),
        (".", True),
        ("nowhere", False),
    ],
)
def test_addresses_and_networks_are_told_apart(target: str, network: bool) -> None:
    """A port is a number and a factory is a name, so that one argument can be either."""
    assert is_network(target) is network


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tests.networks.small_modules:skips",), "no --input"),
        (("tests.networks.small_modules:nothing", "--input", "1x3"), "has no network 'nothing'"),
        (("tests.networks.small_modules:skips", "--edge", "jetson"), "expected an emulated one"),
        ((".", "--input", "1x3"), "a bundle has its inputs"),
    ],
)
def test_a_network_that_is_not_there(arguments: tuple[str, ...], message: str) -> None:
    """Found before any agent is started, each with its remedy."""
    error = run(*arguments, "--quiet").exception
    assert isinstance(error, ConfigError)
    assert message in str(error)


def test_an_agent_that_is_not_there() -> None:
    """A LinkError, which the program turns into one line."""
    assert isinstance(run("127.0.0.1:1").exception, LinkError)
