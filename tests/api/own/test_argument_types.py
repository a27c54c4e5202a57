"""The usual mistakes of a Python program: a file's name for what is in it, text for a number, a list for a tensor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import joulecut
from joulecut.own.network import Network
from joulecut_core.errors import ContractError, JoulecutError, ProfileError
from joulecut_core.exits import ExitCode, exit_code
from joulecut_core.profiles import Profile
from tests.api.own.small_networks import Words, vectors

FACE: Any = joulecut
"""The face as a program that no type checker reads sees it."""


@cache
def _network() -> Network:
    return joulecut.capture(vectors(), torch.zeros(1, 8), name="vectors")


@cache
def _profiles() -> tuple[Profile, Profile]:
    edge = joulecut.profile(_network(), device="emulated:orin-nano-15w", side="edge")
    return edge, joulecut.profile(_network(), device="emulated:t4", side="server")


def _problem(**changes: Any) -> object:
    edge, server = _profiles()
    terms: dict[str, Any] = {"edge": edge, "server": server, "wires": _network().wires(), "uplink_bps": 20e6}
    return joulecut.problem(**{**terms, **changes})


def _emulated(network: Any, **terms: Any) -> None:
    with joulecut.emulate(network, **{"uplink_bps": 1e6, "latency_s": 0.1, **terms}):
        pytest.fail("nothing should have started")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: FACE.plan("camera.json"),
            "^problem: 'camera.json' is of type str; expected Problem: .*load_problem",
        ),
        (lambda: FACE.compare({}), "^problem: {} is of type dict; expected Problem"),
        (lambda: FACE.capture("x", torch.zeros(1)), "^module: 'x' is of type str; expected Module"),
        (lambda: FACE.capture(vectors(), "x"), r"^inputs\[0\]: 'x' is of type str; expected a tensor"),
        (lambda: FACE.capture(vectors(), None), r"^inputs\[0\]: None is of type NoneType; expected a tensor"),
        (
            lambda: FACE.capture(Words(), [torch.zeros(1)], [torch.zeros(1)]),
            r"^inputs\[0\]: a list of tensors; expected one tensor for each argument",
        ),
        (
            lambda: FACE.profile("v", device="emulated:t4", side="edge"),
            "^network: 'v' .* expected Network: .*capture",
        ),
        (lambda: FACE.profile(_network(), device=4, side="edge"), "^device: 4 is of type int; expected str"),
        (lambda: _problem(uplink_bps="20e6"), "^uplink_bps: '20e6' is of type str; expected a number"),
        (lambda: _problem(latency_s="0.1"), r"^latency_s: '0\.1' is of type str; expected a number"),
        (lambda: _problem(edge="edge.json"), "^edge: 'edge.json' is of type str; expected Profile: .*load_profile"),
        (lambda: _problem(wires=()), r"^wires: \(\) is of type tuple; expected WireTable: .*Network\.wires"),
        (lambda: _problem(objective="edge"), "^objective: 'edge' is of type str; expected Objective"),
        (lambda: _emulated(5), "^network: 5 is of type int; expected Network or str or Path"),
        (lambda: _emulated(_network(), rtt_s="4 ms"), "^rtt_s: '4 ms' is of type str; expected a number"),
        (lambda: _emulated(_network(), server=4), "^server: 4 is of type int; expected str"),
        (lambda: FACE.connect(3), '^address: 3 is of type int; expected str: "unix:'),
        (lambda: asyncio.run(FACE.connect_async(3)), '^address: 3 is of type int; expected str: "unix:'),
        (lambda: FACE.connect("localhost:1", timeout_s="3"), "^timeout_s: '3' is of type str; expected a number"),
        (lambda: FACE.save_profile("edge", "edge.json"), "^profile: 'edge' is of type str; expected Profile"),
        (lambda: FACE.save_wires(_network(), "wires.json"), "^wires: .* is of type Network; expected WireTable"),
        (lambda: FACE.load_problem(5), "^path: 5 is of type int; expected a path: .*parse_problem"),
        (lambda: FACE.load_fleet(None), "^path: None is of type NoneType; expected a path: .*parse_fleet"),
        (lambda: FACE.load_profile([]), r"^path: \[\] is of type list; expected a path: .*save_profile"),
        (lambda: FACE.load_wires({}), "^path: {} is of type dict; expected a path: .*save_wires"),
        (lambda: FACE.load(b"bundle"), "^folder: b'bundle' is of type bytes; expected a path: .*joulecut pack"),
        (lambda: FACE.save_profile(_profiles()[0], 5), "^path: 5 is of type int; expected a path"),
        (lambda: FACE.save_wires(_network().wires(), 5), "^path: 5 is of type int; expected a path"),
        (lambda: _network().save(5), "^folder: 5 is of type int; expected a path"),  # type: ignore[arg-type]
        (lambda: _network().wires(5), "^samples: 5 is of type int; expected Sequence"),  # type: ignore[arg-type]
        (lambda: FACE.solve_fleet("fleet.json"), "^fleet: 'fleet.json' .* expected Fleet or Pool: .*load_fleet"),
    ],
)
def test_arguments_of_another_type(call: Callable[[], object], message: str) -> None:
    """Refused at the border with the argument, the value, what was expected and how to come by it."""
    with pytest.raises(TypeError, match=message):
        call()


def test_numbers_of_numpy_are_numbers() -> None:
    """What an application computed with arrays need not be converted."""
    assert _problem(uplink_bps=np.float64(20e6), latency_s=np.float32(0.5)) is not None


@pytest.mark.parametrize("inputs", [[torch.zeros(1, 8)], (torch.zeros(1, 8),), [np.zeros((1, 8), np.float32)]])
def test_examples_in_one_list(inputs: Any) -> None:
    """As torch.export takes them; not one tensor with a dimension more."""
    assert joulecut.capture(vectors(), inputs).inputs == _network().inputs


def test_several_examples_in_one_list() -> None:
    """In the order of the arguments."""
    examples = (torch.zeros(1, 6, dtype=torch.int64), torch.zeros(1, 4))
    assert joulecut.capture(Words(), examples).inputs == joulecut.capture(Words(), *examples).inputs


def test_nested_lists_are_one_example() -> None:
    """Numbers in lists are an array, here of integers, as ever."""
    network = joulecut.capture(torch.nn.ReLU(), [[1, 2, 3]])
    assert [str(spec) for spec in network.inputs] == ["int64[1, 3]"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((1, 8)), r"^input is float64\[1, 8\]; expected float32\[1, 8\]: convert it"),
        (np.zeros((1, 9)), r"^input is float64\[1, 9\]; expected float32\[1, 8\]$"),
        ("x", "^input: 'x' is of type str; expected an array"),
        (None, "^input: None is of type NoneType; expected an array"),
    ],
)
def test_what_a_network_does_not_take(given: Any, message: str) -> None:
    """No word twice, and what to do where only the element type differs."""
    with pytest.raises(ContractError, match=message):
        _network().run(given)


@pytest.mark.parametrize("name", ["load_problem", "load_fleet", "load_profile", "load_wires", "load"])
@pytest.mark.parametrize("content", [None, b"", bytes(range(256)), b"[]", b"5", b'{"schema": "joulecut.other/1"}'])
def test_files_that_hold_something_else(name: str, content: bytes | None, tmp_path: Path) -> None:
    """A folder, an empty file, bytes, other JSON: joulecut's own error, with the file's name or the place in it."""
    place = tmp_path / "given"
    if content is None:
        place.mkdir()
    else:
        place.write_bytes(content)
    with pytest.raises(JoulecutError, match=r"given|top level|schema"):
        getattr(FACE, name)(place)
    with pytest.raises(JoulecutError, match="nowhere"):
        getattr(FACE, name)(tmp_path / "nowhere")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """A folder where a file should go: the profile's error, and what to do."""
    for save, what in ((FACE.save_profile, _profiles()[0]), (FACE.save_wires, _network().wires())):
        with pytest.raises(ProfileError, match=r"cannot be kept: .*; let this user write there, or name another file"):
            save(what, tmp_path)


def test_a_full_disk_is_not_the_order_s_fault(tmp_path: Path) -> None:
    """There may be room another day: a service that keeps its profile there is started again."""
    place = tmp_path / "kept.json"
    place.symlink_to("/dev/full")
    for save, what in ((FACE.save_profile, _profiles()[0]), (FACE.save_wires, _network().wires())):
        with pytest.raises(JoulecutError, match="No space left on device; make room there") as failed:
            save(what, place)
        assert exit_code(failed.value) is ExitCode.FAILED
