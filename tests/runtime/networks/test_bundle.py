"""Bundles: what is written is read back the same anywhere, and nothing that a stranger writes gets to run."""

from __future__ import annotations

import json
import pickle
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from joulecut_core.errors import BundleError
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.bundle import (
    GRAPH_FILE,
    MANIFEST_FILE,
    WEIGHTS_FILE,
    read_bundle,
    read_manifest,
    write_bundle,
)
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.network import Network
from joulecut_runtime.networks.shapes import Limits
from tests.networks.small_modules import Skips, skips
from tests.warm.programs import WarmPrograms

INPUTS = (torch.ones(1, 3, 8, 8), torch.ones(1, 5))


@cache
def _skips() -> Graph:
    torch.manual_seed(5)
    return capture(Skips(), INPUTS, name="skips")


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    write_bundle(_skips(), tmp_path / "bundle")
    return tmp_path / "bundle"


def edit_graph(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / GRAPH_FILE
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def node(document: dict[str, Any], operator: str) -> dict[str, Any]:
    """The first node that calls an operator."""
    found: dict[str, Any] = next(item for item in document["nodes"] if item["operator"] == operator)
    return found


def refusal(folder: Path, limits: Limits | None = None) -> str:
    with pytest.raises(BundleError) as refused:
        read_bundle(folder, limits=limits)
    assert "\n" not in str(refused.value)
    assert str(folder) in str(refused.value)
    return str(refused.value)


def test_round_trip(folder: Path) -> None:
    """A loaded bundle gives the captured network's answers to the bit, under the same digest."""
    network, loaded = Network(_skips()), Network.load(folder)
    assert loaded.table == network.table
    assert loaded.table.digest == read_manifest(folder).digest
    assert all(torch.equal(a, b) for a, b in zip(loaded.whole(INPUTS), network.whole(INPUTS), strict=True))


def test_constants_own_their_memory(folder: Path) -> None:
    """Weights are copied out of the file, whose odd addresses make some kernels round differently."""
    graph = read_bundle(folder)
    assert all(tensor.data_ptr() % 64 == 0 for tensor in graph.constants.values())


def test_loading_runs_no_pickle_and_no_export(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that can run code from a file is on the way from a bundle to an answer."""

    def forbidden(*_: object, **__: object) -> NoReturn:
        raise AssertionError("code could run from a file here")

    for owner, name in ((torch, "load"), (torch.export, "load"), (torch.export, "export"), (pickle, "load")):
        monkeypatch.setattr(owner, name, forbidden)
    monkeypatch.setattr(pickle, "loads", forbidden)
    assert len(Network.load(folder).whole(INPUTS)) == 2


def test_digest_across_processes(warm: WarmPrograms, tmp_path: Path) -> None:
    """Another process, which goes through its sets in another order, names the same module the same."""
    factory, other = "tests.networks.small_modules:skips", tmp_path / "other"
    command: list[str | Path] = [
        warm.path / "joulecut",
        "pack",
        factory,
        "--input",
        "1x3x8x8",
        "--input",
        "1x5",
        "--out",
        other,
    ]
    subprocess.run(command, capture_output=True, check=True, cwd=Path(__file__).parents[3])
    folder = tmp_path / "own"
    digest = write_bundle(capture(skips(), (torch.zeros(1, 3, 8, 8), torch.zeros(1, 5)), name="skips"), folder)
    assert read_manifest(other).digest == digest
    assert (other / GRAPH_FILE).read_bytes() == (folder / GRAPH_FILE).read_bytes()


def test_extra_files_are_ignored(folder: Path) -> None:
    """Only the three files of the format are looked at."""
    (folder / "README.md").write_text("hello", encoding="utf-8")
    (folder / "code.pkl").write_bytes(b"\x80\x04.")
    assert read_bundle(folder).name == "skips"


def test_changed_weights(folder: Path) -> None:
    """One flipped weight is another network."""
    weights = load_file(folder / WEIGHTS_FILE)
    weights["head.bias"][0] += 1
    save_file(weights, folder / WEIGHTS_FILE)
    assert "digest" in refusal(folder)


def test_changed_graph(folder: Path) -> None:
    """A graph that is legal but not the one that was packed is refused by its digest."""
    edit_graph(folder, lambda document: node(document, "aten.relu.default").update(operator="aten.tanh.default"))
    assert "digest" in refusal(folder)


@pytest.mark.parametrize("shape", [[1 << 20, 1 << 20, 8], [1 << 40]], ids=["three sizes", "one size"])
def test_terabytes_declared(folder: Path, shape: list[int]) -> None:
    """An expand to terabytes that is declared is refused by the limit, without allocating anything."""

    def ask(document: dict[str, Any]) -> None:
        first = document["nodes"][0]
        first.update(operator="aten.expand.default", arguments=[{"value": "offset"}, shape], shape=shape)

    edit_graph(folder, ask)
    assert "expected at most 1073741824" in refusal(folder)


def test_terabytes_undeclared(folder: Path) -> None:
    """An expand to terabytes behind a modest declaration is found by propagating shapes."""

    def ask(document: dict[str, Any]) -> None:
        arguments = [{"value": "offset"}, [1 << 20, 1 << 20, 5]]
        document["nodes"][0].update(operator="aten.expand.default", arguments=arguments, shape=[1, 5])

    edit_graph(folder, ask)
    assert "the bundle declares float32[1, 5]" in refusal(folder)


def test_full_is_no_operator(folder: Path) -> None:
    """What fills memory out of nothing is not on the whitelist: constants are stored."""
    edit_graph(
        folder,
        lambda document: document["nodes"][0].update(operator="aten.full.default", arguments=[[1 << 40], 1.0]),
    )
    assert "'aten.full.default'" in refusal(folder)


def test_limits(folder: Path) -> None:
    """Activations, weights, nodes and the graph's text are bounded in sum."""
    assert "activations sum up" in refusal(folder, Limits(max_activation_bytes=4000))
    assert "weights of" in refusal(folder, Limits(max_weights_bytes=4000))
    assert "nodes; expected at most 3" in refusal(folder, Limits(max_nodes=3))
    assert "graph.json has" in refusal(folder, Limits(max_graph_bytes=100))


OPERATORS = [
    "aten.empty.memory_format",
    "aten.relu_.default",
    "prim.device.default",
    "os.system",
    "aten.relu",
    "",
    "aten.__class__.__init__",
]


@pytest.mark.parametrize("operator", OPERATORS)
def test_unknown_operator(folder: Path, operator: str) -> None:
    """Names are looked up in a whitelist, never walked as attributes."""
    edit_graph(folder, lambda document: node(document, "aten.relu.default").update(operator=operator))
    assert "is not one that joulecut runs" in refusal(folder)


ARGUMENTS: list[tuple[str, list[Any], str]] = [
    ("aten.relu.default", [3.0], "argument self is 3.0; expected Tensor"),
    ("aten.relu.default", [], "argument self is missing"),
    ("aten.relu.default", [{"value": "picture"}, 1], "2 positional arguments; expected at most 1"),
    ("aten.relu.default", [{"value": "nowhere"}], "reads 'nowhere', which is not defined before it"),
    ("aten.relu.default", [{"constant": "nowhere"}], "reads 'nowhere', which is not defined before it"),
    ("aten.relu.default", [{"value": ["picture"]}], "expected a number, a text, a list or one tagged name"),
    ("aten.relu.default", [{"float": "nan"}], "expected a number, a text, a list or one tagged name"),
    ("aten.relu.default", [{"dtype": "complex64"}], "element type 'complex64'"),
    ("aten.relu.default", [[[[[[1]]]]]], "expected a number, a text, a list or one tagged name"),
    ("aten.transpose.int", [{"value": "picture"}, "0", 1], "argument dim0 is '0'; expected int"),
    ("aten.transpose.int", [{"value": "picture"}, True, 1], "argument dim0 is True; expected int"),
    ("aten.transpose.int", [{"value": "picture"}, 1 << 70, 1], "expected int"),
    ("aten.transpose.int", [{"value": "picture"}, 9, 1], "does not fit its inputs"),
    ("aten.reshape.default", [{"value": "picture"}, [1.5]], "expected List[int]"),
    ("aten.gelu.default", [{"value": "picture"}], "gives float32[1, 3, 8, 8]; the bundle declares"),
]


@pytest.mark.parametrize(("operator", "arguments", "complaint"), ARGUMENTS)
def test_wrong_arguments(folder: Path, operator: str, arguments: list[Any], complaint: str) -> None:
    """Arguments are checked against the operator's schema before torch sees them."""
    edit_graph(
        folder,
        lambda document: node(document, "aten.relu.default").update(operator=operator, arguments=arguments),
    )
    assert complaint in refusal(folder)


def test_pinned_arguments(folder: Path) -> None:
    """Whitelisted operators stay functional and deterministic: no training, no dropout."""
    statistics = [{"constant": "head.bias"}] * 4

    def train(document: dict[str, Any]) -> None:
        arguments = [{"value": "picture"}, *statistics, True, 0.1, 1e-5, False]
        node(document, "aten.relu.default").update(operator="aten.batch_norm.default", arguments=arguments)

    edit_graph(folder, train)
    assert "argument training is True; expected False" in refusal(folder)


DAMAGES: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    ("unknown key", lambda d: d.update(code="import os"), "code: unknown key"),
    ("schema", lambda d: d.update(schema="joulecut.graph/9"), "expected 'joulecut.graph/1'"),
    ("element type", lambda d: d["nodes"][0].update(dtype="complex64"), "element type 'complex64'"),
    (
        "element type of a constant's namesake",
        lambda d: d["inputs"].append({"name": "head.bias", "dtype": "complex64", "shape": [1]}),
        "head.bias: element type 'complex64'",
    ),
    (
        "element type of an input's namesake",
        lambda d: d["inputs"].insert(0, {**d["inputs"][0], "dtype": "complex64"}),
        "picture: element type 'complex64'",
    ),
    ("endless name", lambda d: d["nodes"][0].update(name="n" * 1001), "has 1001 characters; expected at most 1000"),
    ("endless module", lambda d: d["nodes"][0].update(module="m" * 1001), "has 1001 characters; expected at most 1000"),
    ("name of two lines", lambda d: d["nodes"][0].update(name="a\nb"), r"'a\nb': expected a name of printable"),
    (
        "module that steers",
        lambda d: d["nodes"][0].update(module="\x1b[2J"),
        r"'\x1b[2J': expected a name of printable",
    ),
    (
        "input from the right",
        lambda d: d["inputs"][0].update(name="\u202ex"),
        r"'\u202ex': expected a name of printable",
    ),
    ("endless operator", lambda d: d["nodes"][0].update(operator="o" * 9999), "ooo... is not one that joulecut runs"),
    ("duplicate", lambda d: d["nodes"][1].update(name=d["nodes"][0]["name"]), "expected unique names"),
    ("output", lambda d: d.update(outputs=["nowhere"]), "output 'nowhere' is neither an input nor a node"),
    ("no outputs", lambda d: d.update(outputs=[]), "expected at least one of each"),
    ("endless empty input", lambda d: d["inputs"][0].update(shape=[0, 1 << 62]), "expected at most"),
    ("negative size", lambda d: d["inputs"][0].update(shape=[1, -3, 8, 8]), "none negative"),
    ("other input", lambda d: d["inputs"][0].update(name="image"), "not defined before it"),
    ("larger weight", lambda d: d["constants"][0].update(shape=[4096]), "declares"),
    ("terabyte weight", lambda d: d["constants"][0].update(shape=[1 << 50]), "expected at most"),
    ("missing weight", lambda d: d["constants"].pop(), "name different constants"),
]


@pytest.mark.parametrize(("change", "complaint"), [item[1:] for item in DAMAGES], ids=[item[0] for item in DAMAGES])
def test_damaged_graph(folder: Path, change: Callable[[dict[str, Any]], object], complaint: str) -> None:
    """What a graph declares is checked against itself and its weights."""
    edit_graph(folder, change)
    refused = refusal(folder)
    assert complaint in refused
    assert len(refused) < 1000


def test_damaged_files(folder: Path) -> None:
    """Truncated, missing and misplaced files each give one clear line."""
    weights = folder / WEIGHTS_FILE
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    assert "weights.safetensors is damaged" in refusal(folder)
    weights.write_bytes(content + bytes(1 << 20))
    assert "declares" in refusal(folder)
    weights.unlink()
    assert "weights.safetensors is missing" in refusal(folder)
    weights.symlink_to("/dev/zero")
    assert "weights.safetensors is not a regular file" in refusal(folder)
    (folder / GRAPH_FILE).write_text("{", encoding="utf-8")
    assert "graph.json: not JSON" in refusal(folder)
    (folder / GRAPH_FILE).write_bytes(b"\xff\xfe")
    assert "graph.json cannot be read" in refusal(folder)
    (folder / MANIFEST_FILE).unlink()
    assert "manifest.json is missing" in refusal(folder)


def test_manifest(folder: Path) -> None:
    """The cover sheet must fit the graph."""
    path = folder / MANIFEST_FILE
    document = json.loads(path.read_text(encoding="utf-8"))
    for change, complaint in (
        ({"schema": "joulecut.bundle/2"}, "expected 'joulecut.bundle/1'"),
        ({"name": "a\nb"}, "printable"),
        ({"inputs": document["outputs"]}, "differ in inputs or outputs"),
        ({"digest": "sha256:0"}, "digest"),
    ):
        path.write_text(json.dumps(document | change), encoding="utf-8")
        assert complaint in refusal(folder)


def test_infinite_argument(tmp_path: Path) -> None:
    """Infinities survive, though JSON has none."""

    class Clamped(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.hardtanh(x, 0.0, float("inf"))

    write_bundle(capture(Clamped(), [torch.ones(2)], name="clamped"), tmp_path)
    (answer,) = Network.load(tmp_path).whole([torch.tensor([-1.0, 1e30])])
    assert answer.tolist() == [0.0, torch.tensor(1e30).item()]
